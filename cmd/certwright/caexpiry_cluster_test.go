//go:build cluster

package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/certwright/certwright/certs"
	certsv1 "github.com/certwright/certwright/certs/v1"
)

// TestACAThatExpires: nothing but the clock tells that a CA has expired. Its
// issuer is not ready then, a request waits, and the CA that follows signs it.
func TestACAThatExpires(t *testing.T) {
	for name, untilItsEnd := range map[string]time.Duration{
		"the clock jumps past its end":        -time.Minute,
		"its end comes while the clock ticks": 3 * time.Second,
	} {
		t.Run(name, func(t *testing.T) {
			ns := newNamespace(t)
			old, secret := newCA(t, ns, time.Hour)
			create(t, secret, &certsv1.Issuer{
				ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "by-hand"},
				Spec:       certsv1.IssuerSpec{CA: &certsv1.CAIssuer{SecretName: "by-hand"}},
			})
			says(t, ns, "by-hand", "Ready=True KeyPairVerified: Signing CA verified")
			endOfCA(t, ns, "by-hand", old.NotAfter)

			wall.move(old.NotAfter.Sub(wall.Now()) - untilItsEnd)
			expired := "certificate has expired on " + old.NotAfter.Format(time.RFC3339)
			says(t, ns, "by-hand", "Ready=False ErrInvalidKeyPair: Error getting keypair for CA issuer: "+expired)
			told(t, ns, "by-hand", corev1.EventTypeWarning, "ErrInvalidKeyPair", expired)
			endOfCA(t, ns, "by-hand", old.NotAfter)
			create(t, newCertificate(ns, "waits", func(c *certsv1.CertificateSpec) { c.IssuerRef.Name = "by-hand" }))
			eventually(t, "the request does not wait", func(ctx context.Context) error {
				req := &certsv1.CertificateRequest{}
				if err := admin.Get(ctx, client.ObjectKey{Namespace: ns, Name: "waits-1"}, req); err != nil {
					return err
				}
				c := req.Status.Condition(certsv1.CertificateRequestConditionReady)
				if c == nil || c.Reason != certsv1.CertificateRequestReasonPending || !strings.Contains(c.Message, expired) {
					return fmt.Errorf("%+v", c)
				}
				return nil
			})

			next, replacement := newCA(t, ns, time.Hour)
			secret.Data = replacement.Data
			if err := admin.Update(t.Context(), secret); err != nil {
				t.Fatal(err)
			}
			says(t, ns, "by-hand", "Ready=True KeyPairVerified: Signing CA verified")
			ready(t, ns, "waits", 1) // by its first request
			endOfCA(t, ns, "by-hand", next.NotAfter)
			if err := admin.Get(t.Context(), client.ObjectKey{Namespace: ns, Name: "waits"}, secret); err != nil {
				t.Fatal(err)
			}
			chain, err := certs.DecodeChain(secret.Data["tls.crt"])
			if err != nil {
				t.Fatal(err)
			}
			roots := x509.NewCertPool()
			roots.AddCert(next)
			if _, err := chain[0].Verify(x509.VerifyOptions{Roots: roots, CurrentTime: wall.Now()}); err != nil {
				t.Error(err)
			}
		})
	}
}

// newCA is a CA, and the Secret by-hand with its key pair.
func newCA(t *testing.T, namespace string, lasts time.Duration) (*x509.Certificate, *corev1.Secret) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	key, err := certs.GenerateKey(&certsv1.CertificatePrivateKey{Algorithm: certsv1.ECDSAKeyAlgorithm})
	must(err)
	request, err := certs.CreateCSR(&certsv1.CertificateSpec{CommonName: "by hand", IsCA: true}, key)
	must(err)
	csr, err := certs.DecodeCSR(request)
	must(err)
	template, err := certs.Template(&certsv1.CertificateRequestSpec{IsCA: true, Duration: &metav1.Duration{Duration: lasts}}, csr, wall.Now())
	must(err)
	root, err := certs.Sign(template, template, key.Public(), key)
	must(err)
	data, err := certs.EncodeKey(key, certsv1.PKCS8)
	must(err)
	return root, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "by-hand"}, Type: corev1.SecretTypeTLS,
		Data: map[string][]byte{"tls.crt": certs.EncodeChain(root), "tls.key": data},
	}
}

// says waits until that is the only condition of the Issuer.
func says(t *testing.T, namespace, name, want string) {
	t.Helper()
	eventually(t, name+" does not say "+want, func(ctx context.Context) error {
		issuer := &certsv1.Issuer{}
		if err := admin.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, issuer); err != nil {
			return err
		}
		var all []string
		for _, c := range issuer.Status.Conditions {
			all = append(all, fmt.Sprintf("%s=%s %s: %s", c.Type, c.Status, c.Reason, c.Message))
		}
		if got := strings.Join(all, ", "); got != want {
			return errors.New("it says " + got)
		}
		return nil
	})
}

// endOfCA waits until the metrics tell when the CA of the Issuer expires.
func endOfCA(t *testing.T, namespace, issuer string, want time.Time) {
	t.Helper()
	eventually(t, "the end of the CA is not told", func(context.Context) error {
		families, err := program.registry.Gather()
		if err != nil {
			return err
		}
		for _, f := range families {
			for _, m := range f.GetMetric() {
				labels := map[string]string{}
				for _, l := range m.GetLabel() {
					labels[l.GetName()] = l.GetValue()
				}
				if f.GetName() != "certwright_issuer_ca_not_after_timestamp_seconds" || labels["namespace"] != namespace || labels["name"] != issuer {
					continue
				}
				if got := int64(m.GetGauge().GetValue()); got != want.Unix() || labels["kind"] != certsv1.IssuerKind {
					return fmt.Errorf("%v: %d, want %d", labels, got, want.Unix())
				}
				return nil
			}
		}
		return errors.New("no series")
	})
}
