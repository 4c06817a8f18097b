//go:build cluster

package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	certsv1 "github.com/certwright/certwright/certs/v1"
	"github.com/certwright/certwright/shim"
)

// newIngress is an Ingress with one TLS block.
func newIngress(namespace, name string, annotations map[string]string, secret string, hosts ...string) *networkingv1.Ingress {
	return &networkingv1.Ingress{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Annotations: annotations},
		Spec: networkingv1.IngressSpec{
			DefaultBackend: &networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{
				Name: "s", Port: networkingv1.ServiceBackendPort{Number: 80},
			}},
			TLS: []networkingv1.IngressTLS{{SecretName: secret, Hosts: hosts}},
		},
	}
}

// told waits for an event on the object of that name whose message has all
// parts.
func told(t *testing.T, namespace, name, kind, reason string, parts ...string) {
	t.Helper()
	eventually(t, fmt.Sprintf("%s is not told %s", name, reason), func(ctx context.Context) error {
		var events corev1.EventList
		if err := admin.List(ctx, &events, client.InNamespace(namespace)); err != nil {
			return err
		}
		var heard []string
	next:
		for i := range events.Items {
			e := &events.Items[i]
			if e.InvolvedObject.Name != name {
				continue
			}
			heard = append(heard, e.Type+" "+e.Reason+": "+e.Message)
			if e.Type != kind || e.Reason != reason {
				continue
			}
			for _, part := range parts {
				if !strings.Contains(e.Message, part) {
					continue next
				}
			}
			return nil
		}
		return errors.New("heard " + strings.Join(heard, "\n"))
	})
}

// TestDefaultIssuer: who names no issuer gets the marked one, as soon as there
// is one, and keeps it.
func TestDefaultIssuer(t *testing.T) {
	ns := newNamespace(t)
	create(t,
		newIngress(ns, "acme", map[string]string{shim.TLSACMEKey: "true"}, "acme-tls", "a.example"),
		newIngress(ns, "own", map[string]string{shim.TLSKey: "true"}, "own-tls", "b.example"))
	for _, name := range []string{"acme", "own"} {
		told(t, ns, name, corev1.EventTypeWarning, shim.ReasonBadConfig, "there is no default issuer")
	}
	mark := func(issuer, value string) {
		t.Helper()
		patch := client.RawPatch("application/merge-patch+json", fmt.Appendf(nil, `{"metadata":{"annotations":{%q:%s}}}`, certsv1.DefaultIssuerKey, value))
		if err := admin.Patch(t.Context(), &certsv1.Issuer{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: issuer}}, patch); err != nil {
			t.Fatal(err)
		}
	}
	mark("ca", `"true"`)
	for _, name := range []string{"acme-tls", "own-tls"} {
		if crt := ready(t, ns, name, 1); crt.Spec.IssuerRef.Name != "ca" || crt.Spec.IssuerRef.Kind != certsv1.IssuerKind {
			t.Errorf("%s is issued by %+v", name, crt.Spec.IssuerRef)
		}
	}
	// Two marks are one too many, for new ones.
	mark("self-signed", `"true"`)
	create(t, newIngress(ns, "new", map[string]string{shim.TLSKey: "true"}, "new-tls", "c.example"))
	told(t, ns, "new", corev1.EventTypeWarning, shim.ReasonBadConfig, "ca, self-signed")
	// Another default is for new ones.
	mark("ca", "null")
	if crt := ready(t, ns, "new-tls", 1); crt.Spec.IssuerRef.Name != "self-signed" {
		t.Errorf("new-tls is issued by %+v", crt.Spec.IssuerRef)
	}
	if crt := ready(t, ns, "own-tls", 1); crt.Spec.IssuerRef.Name != "ca" {
		t.Errorf("own-tls went to %+v", crt.Spec.IssuerRef)
	}
}

// TestSharedWildcard: Ingresses that bring the same names share one Certificate,
// which outlives each of them, and nothing is issued again.
func TestSharedWildcard(t *testing.T) {
	ns := newNamespace(t)
	share := map[string]string{shim.IssuerKey: "ca", shim.DNSNamesKey: "*.example.org"}
	names := []string{"a", "b", "c", "d"}
	for _, name := range names {
		create(t, newIngress(ns, name, share, "wildcard", name+".example.org"))
	}
	first := owned(t, ns, "wildcard", names...)
	ready(t, ns, "wildcard", 1)
	secret := &corev1.Secret{}
	if err := admin.Get(t.Context(), client.ObjectKeyFromObject(first), secret); err != nil {
		t.Fatal(err)
	}
	leaf := string(secret.Data[corev1.TLSCertKey])

	// The controller is deleted, the next one forgets the Secret, the one after
	// that is deleted too.
	for i := range 3 {
		controller := metav1.GetControllerOf(owned(t, ns, "wildcard", names...)).Name
		ing := &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: controller}}
		var err error
		if i == 1 {
			err = admin.Patch(t.Context(), ing, client.RawPatch("application/merge-patch+json", []byte(`{"spec":{"tls":null}}`)))
		} else {
			err = admin.Delete(t.Context(), ing)
		}
		if err != nil {
			t.Fatal(err)
		}
		names = slices.DeleteFunc(names, func(name string) bool { return name == controller })
	}
	last := owned(t, ns, "wildcard", names...)
	if err := admin.Get(t.Context(), client.ObjectKeyFromObject(first), secret); err != nil {
		t.Fatal(err)
	}
	if last.UID != first.UID || string(secret.Data[corev1.TLSCertKey]) != leaf {
		t.Error("the Certificate was made or issued again")
	}
	ready(t, ns, "wildcard", 1)

	// It still follows, and goes with the last one.
	one := names[0]
	patch := client.RawPatch("application/merge-patch+json", fmt.Appendf(nil, `{"metadata":{"annotations":{%q:"*.example.net"}}}`, shim.DNSNamesKey))
	if err := admin.Patch(t.Context(), &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: one}}, patch); err != nil {
		t.Fatal(err)
	}
	if crt := ready(t, ns, "wildcard", 2); !slices.Equal(crt.Spec.DNSNames, []string{"*.example.net"}) {
		t.Errorf("names are %q", crt.Spec.DNSNames)
	}
	if err := admin.Delete(t.Context(), &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: one}}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "wildcard stays", func(ctx context.Context) error {
		err := admin.Get(ctx, client.ObjectKeyFromObject(first), &certsv1.Certificate{})
		if apierrors.IsNotFound(err) {
			return nil
		}
		return fmt.Errorf("still there: %w", err)
	})
}

// owned waits until exactly these Ingresses own the Certificate, one of them as
// its controller.
func owned(t *testing.T, namespace, name string, owners ...string) *certsv1.Certificate {
	t.Helper()
	crt := &certsv1.Certificate{}
	eventually(t, name+" has not the right owners", func(ctx context.Context) error {
		if err := admin.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, crt); err != nil {
			return err
		}
		var got []string
		for _, ref := range crt.OwnerReferences {
			got = append(got, ref.Name)
		}
		slices.Sort(got)
		if !slices.Equal(got, owners) || metav1.GetControllerOf(crt) == nil {
			return fmt.Errorf("owners are %v, want %v", crt.OwnerReferences, owners)
		}
		return nil
	})
	return crt
}

// TestService: a Service of type LoadBalancer gets its certificate.
func TestService(t *testing.T) {
	ns := newNamespace(t)
	svc := func(name string, kind corev1.ServiceType) *corev1.Service {
		return &corev1.Service{
			ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: name, Annotations: map[string]string{
				shim.IssuerKey: "ca", shim.SecretNameKey: name + "-tls", shim.DNSNamesKey: name + ".example",
			}},
			Spec: corev1.ServiceSpec{Type: kind, Ports: []corev1.ServicePort{{Port: 443}}},
		}
	}
	create(t, svc("inside", corev1.ServiceTypeClusterIP), svc("outside", corev1.ServiceTypeLoadBalancer))
	crt := ready(t, ns, "outside-tls", 1)
	if owner := metav1.GetControllerOf(crt); owner == nil || owner.Kind != shim.ServiceKind || owner.Name != "outside" {
		t.Errorf("owner is %v", owner)
	}
	told(t, ns, "outside", corev1.EventTypeNormal, shim.ReasonCreate, `"outside-tls"`)
	// It follows.
	patch := client.RawPatch("application/merge-patch+json", fmt.Appendf(nil, `{"metadata":{"annotations":{%q:"other-tls"}}}`, shim.SecretNameKey))
	if err := admin.Patch(t.Context(), svc("outside", ""), patch); err != nil {
		t.Fatal(err)
	}
	ready(t, ns, "other-tls", 1)
	eventually(t, "the other Certificates are not gone", func(ctx context.Context) error {
		var all certsv1.CertificateList
		if err := admin.List(ctx, &all, client.InNamespace(ns)); err != nil {
			return err
		}
		var names []string
		for i := range all.Items {
			names = append(names, all.Items[i].Name)
		}
		if !slices.Equal(names, []string{"other-tls", "root"}) {
			return fmt.Errorf("there are %v", names)
		}
		return nil
	})
}
