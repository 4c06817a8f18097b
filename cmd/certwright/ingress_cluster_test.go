//go:build cluster

package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
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
