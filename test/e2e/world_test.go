//go:build cluster

package e2e

import (
	"context"
	"crypto/x509"
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/certwright/certwright/certs"
	acmev1 "github.com/certwright/certwright/certs/acme/v1"
	cmmeta "github.com/certwright/certwright/certs/meta/v1"
	certsv1 "github.com/certwright/certwright/certs/v1"
)

// newNamespace makes a namespace that goes at the end of the test.
func newNamespace(t *testing.T) string {
	t.Helper()
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "e2e-"}}
	create(t, ns)
	t.Cleanup(func() { _ = admin.Delete(context.Background(), ns) })
	return ns.Name
}

func create(t *testing.T, objects ...client.Object) {
	t.Helper()
	for _, o := range objects {
		if err := admin.Create(t.Context(), o); err != nil {
			t.Fatalf("create %T %s: %v", o, o.GetName(), err)
		}
	}
}

// eventually waits until check returns nil.
func eventually(t *testing.T, what string, check func(ctx context.Context) error) {
	t.Helper()
	var last error
	err := wait.PollUntilContextTimeout(t.Context(), 50*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
		last = check(ctx)
		return last == nil, nil
	})
	if err != nil {
		t.Fatalf("%s: %v", what, last)
	}
}

func get[T client.Object](ctx context.Context, o T, namespace, name string) (T, error) {
	return o, admin.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, o)
}

// ready waits until the Certificate is Ready and satisfies also.
func ready(t *testing.T, namespace, name string, also ...func(*certsv1.Certificate) bool) *certsv1.Certificate {
	t.Helper()
	var crt *certsv1.Certificate
	eventually(t, "Certificate "+name+" is not ready", func(ctx context.Context) (err error) {
		if crt, err = get(ctx, &certsv1.Certificate{}, namespace, name); err != nil {
			return err
		}
		c := crt.Status.Condition(certsv1.CertificateConditionReady)
		if c == nil || c.Status != cmmeta.ConditionTrue || c.ObservedGeneration != crt.Generation {
			return fmt.Errorf("generation %d, status %+v", crt.Generation, crt.Status)
		}
		if i := crt.Status.Condition(certsv1.CertificateConditionIssuing); i != nil && i.Status == cmmeta.ConditionTrue {
			return fmt.Errorf("still issuing: %s", i.Message)
		}
		for _, f := range also {
			if !f(crt) {
				return fmt.Errorf("status %+v", crt.Status)
			}
		}
		return nil
	})
	return crt
}

func revision(n int) func(*certsv1.Certificate) bool {
	return func(crt *certsv1.Certificate) bool { return crt.Status.Revision != nil && *crt.Status.Revision == n }
}

// leaf reads the certificate in a Secret and checks that its key fits.
func leaf(t *testing.T, namespace, name string) (*x509.Certificate, *corev1.Secret) {
	t.Helper()
	secret, err := get(t.Context(), &corev1.Secret{}, namespace, name)
	if err != nil {
		t.Fatal(err)
	}
	chain, err := certs.DecodeChain(secret.Data["tls.crt"])
	if err != nil {
		t.Fatal(err)
	}
	key, err := certs.DecodeKey(secret.Data["tls.key"])
	if err != nil {
		t.Fatal(err)
	}
	if !certs.SamePublicKey(key.Public(), chain[0].PublicKey) {
		t.Error("key and certificate do not belong together")
	}
	return chain[0], secret
}

// requests returns the CertificateRequests of a Certificate.
func requests(t *testing.T, namespace, certificate string) []certsv1.CertificateRequest {
	t.Helper()
	var list certsv1.CertificateRequestList
	if err := admin.List(t.Context(), &list, client.InNamespace(namespace)); err != nil {
		t.Fatal(err)
	}
	var own []certsv1.CertificateRequest
	for _, r := range list.Items {
		if r.Annotations[certsv1.CertificateNameKey] == certificate {
			own = append(own, r)
		}
	}
	return own
}

// selfSigned makes an Issuer "self-signed".
func selfSigned(t *testing.T, namespace string) {
	t.Helper()
	create(t, &certsv1.Issuer{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "self-signed"},
		Spec:       certsv1.IssuerSpec{SelfSigned: &certsv1.SelfSignedIssuer{}},
	})
}

// authority makes a CA and an Issuer "ca" that uses it, in namespace.
func authority(t *testing.T, namespace string) *x509.CertPool {
	t.Helper()
	selfSigned(t, namespace)
	create(t,
		certificate(namespace, "root", func(crt *certsv1.Certificate) {
			crt.Spec.IsCA, crt.Spec.CommonName, crt.Spec.DNSNames = true, "e2e root", nil
			crt.Spec.IssuerRef.Name = "self-signed"
		}),
		&certsv1.Issuer{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "ca"},
			Spec:       certsv1.IssuerSpec{CA: &certsv1.CAIssuer{SecretName: "root"}},
		})
	ready(t, namespace, "root")
	root, _ := leaf(t, namespace, "root")
	pool := x509.NewCertPool()
	pool.AddCert(root)
	return pool
}

// certificate returns an ECDSA Certificate of the Issuer "ca", changed.
func certificate(namespace, name string, change ...func(*certsv1.Certificate)) *certsv1.Certificate {
	crt := &certsv1.Certificate{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec: certsv1.CertificateSpec{
			SecretName: name, DNSNames: []string{name + ".example.test"}, IssuerRef: cmmeta.IssuerReference{Name: "ca"},
			PrivateKey: &certsv1.CertificatePrivateKey{Algorithm: certsv1.ECDSAKeyAlgorithm},
		},
	}
	for _, f := range change {
		f(crt)
	}
	return crt
}

// ingress returns an Ingress for host whose Secret is called name.
func ingress(namespace, name, host string, annotations map[string]string) *networkingv1.Ingress {
	prefix := networkingv1.PathTypePrefix
	return &networkingv1.Ingress{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Annotations: annotations, Labels: map[string]string{"app": name}},
		Spec: networkingv1.IngressSpec{
			TLS: []networkingv1.IngressTLS{{Hosts: []string{host}, SecretName: name}},
			Rules: []networkingv1.IngressRule{{Host: host, IngressRuleValue: networkingv1.IngressRuleValue{HTTP: &networkingv1.HTTPIngressRuleValue{
				Paths: []networkingv1.HTTPIngressPath{{Path: "/", PathType: &prefix, Backend: networkingv1.IngressBackend{
					Service: &networkingv1.IngressServiceBackend{Name: "site", Port: networkingv1.ServiceBackendPort{Number: 80}},
				}}},
			}}}},
		},
	}
}

// acmeIssuer makes a ClusterIssuer for the stage's ACME server.
func acmeIssuer(t *testing.T, name string) {
	t.Helper()
	issuer := &certsv1.ClusterIssuer{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: certsv1.IssuerSpec{ACME: &acmev1.ACMEIssuer{
			Server: world.ACME.DirectoryURL(), CABundle: world.ACME.CABundle(),
			PrivateKeySecretRef: cmmeta.SecretKeySelector{LocalObjectReference: cmmeta.LocalObjectReference{Name: name + "-account"}},
			Solvers:             []acmev1.ACMEChallengeSolver{{HTTP01: &acmev1.ACMEChallengeSolverHTTP01{Ingress: &acmev1.ACMEChallengeSolverHTTP01Ingress{}}}},
		}},
	}
	create(t, issuer)
	t.Cleanup(func() { _ = admin.Delete(context.Background(), issuer) })
	eventually(t, "ClusterIssuer "+name+" is not ready", func(ctx context.Context) error {
		i, err := get(ctx, &certsv1.ClusterIssuer{}, "", name)
		if err != nil {
			return err
		}
		if c := i.Status.Condition(certsv1.IssuerConditionReady); c == nil || c.Status != cmmeta.ConditionTrue {
			return fmt.Errorf("%+v", i.Status)
		}
		return nil
	})
}

// eventsOf returns the events about an object, "Type Reason Message" each.
func eventsOf(ctx context.Context, o client.Object) (string, error) {
	var list corev1.EventList
	if err := admin.List(ctx, &list, client.InNamespace(o.GetNamespace())); err != nil {
		return "", err
	}
	var lines []string
	for _, e := range list.Items {
		if e.InvolvedObject.UID == o.GetUID() {
			lines = append(lines, e.Type+" "+e.Reason+" "+e.Message)
		}
	}
	return strings.Join(lines, "\n"), nil
}
