//go:build cluster

package e2e

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/certwright/certwright/certs"
	certsv1 "github.com/certwright/certwright/certs/v1"
)

// TestACertificateSigningRequestOfKubernetesIsSigned runs under the shipped
// account: it may sign for our issuers, and ask who may use them.
func TestACertificateSigningRequestOfKubernetesIsSigned(t *testing.T) {
	t.Parallel()
	ns := newNamespace(t)
	roots := authority(t, ns)
	key, err := certs.GenerateKey(&certsv1.CertificatePrivateKey{Algorithm: certsv1.ECDSAKeyAlgorithm})
	if err != nil {
		t.Fatal(err)
	}
	pem, err := certs.CreateCSR(&certsv1.CertificateSpec{DNSNames: []string{"web.example.test"}}, key)
	if err != nil {
		t.Fatal(err)
	}
	data, err := certs.EncodeKey(key, certsv1.PKCS8)
	if err != nil {
		t.Fatal(err)
	}
	create(t, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "web-key"}, Data: map[string][]byte{"tls.key": data}})
	for _, issuer := range []string{"ca", "self-signed"} {
		csr := &certificatesv1.CertificateSigningRequest{
			ObjectMeta: metav1.ObjectMeta{
				Name:        ns + "-" + issuer,
				Annotations: map[string]string{certsv1.SigningRequestPrivateKeySecretKey: "web-key"},
			},
			Spec: certificatesv1.CertificateSigningRequestSpec{
				Request: pem, SignerName: "issuers.cert-manager.io/" + ns + "." + issuer,
				Usages: []certificatesv1.KeyUsage{certificatesv1.UsageDigitalSignature, certificatesv1.UsageKeyEncipherment},
			},
		}
		create(t, csr)
		t.Cleanup(func() { _ = admin.Delete(context.Background(), csr) })
		csr.Status.Conditions = []certificatesv1.CertificateSigningRequestCondition{{Type: certificatesv1.CertificateApproved, Status: corev1.ConditionTrue, Reason: "Test"}}
		if err := admin.SubResource("approval").Update(t.Context(), csr); err != nil {
			t.Fatal(err)
		}
		eventually(t, csr.Name+" is not signed", func(ctx context.Context) error {
			if err := admin.Get(ctx, client.ObjectKeyFromObject(csr), csr); err != nil {
				return err
			}
			if len(csr.Status.Certificate) == 0 {
				return fmt.Errorf("status %+v", csr.Status)
			}
			return nil
		})
		chain, err := certs.DecodeChain(csr.Status.Certificate)
		if err != nil {
			t.Fatal(err)
		}
		trusted := roots
		if issuer == "self-signed" {
			trusted = x509.NewCertPool()
			trusted.AddCert(chain[0])
		}
		if _, err := chain[0].Verify(x509.VerifyOptions{DNSName: "web.example.test", Roots: trusted, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}); err != nil {
			t.Errorf("%s: %v", issuer, err)
		}
		eventually(t, "no event", func(ctx context.Context) error {
			// Events about what has no namespace are in "default".
			about := csr.DeepCopy()
			about.Namespace = metav1.NamespaceDefault
			events, err := eventsOf(ctx, about)
			if err == nil && !strings.Contains(events, "Normal CertificateIssued") {
				err = errors.New(events)
			}
			return err
		})
	}
	for _, label := range []string{"certificatesigningrequests-issuer-ca", "certificatesigningrequests-issuer-selfsigned"} {
		if text := scrape(t); !strings.Contains(text, `certmanager_controller_sync_call_count{controller="`+label+`"}`) {
			t.Errorf("no looks are counted for %s", label)
		}
	}
}

// scrape reads the metrics as Prometheus does.
func scrape(t *testing.T) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+world.Metrics+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 16<<20))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
