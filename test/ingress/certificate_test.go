package ingress

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// tlsSecret holds a self-signed certificate for names, told apart by serial.
func tlsSecret(t *testing.T, name string, serial int64, names ...string) *corev1.Secret {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: name}, DNSNames: names,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: name, ResourceVersion: big.NewInt(serial).String()},
		Type:       corev1.SecretTypeTLS,
		Data: map[string][]byte{
			corev1.TLSCertKey:       pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
			corev1.TLSPrivateKeyKey: pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: keyDER}),
		},
	}
}

func TestSecrets(t *testing.T) {
	t.Parallel()
	const web = "web.example.test"
	tests := map[string]struct {
		ingresses []*networkingv1.Ingress
		name      string
		want      []string
	}{
		"a host without TLS has none": {
			[]*networkingv1.Ingress{site("a", 1, prefix(web, "/", "app"))}, web, nil},
		"a host in tls": {
			[]*networkingv1.Ingress{site("a", 1, secured("one", "api.example.test"), secured("two", web, "www.example.test"))}, web, []string{"ns/two"}},
		"capitals do not matter": {
			[]*networkingv1.Ingress{site("a", 1, secured("one", "Web.Example.Test"))}, "WEB.example.test", []string{"ns/one"}},
		"the exact host comes before the wildcard, and the wildcard before no host": {
			[]*networkingv1.Ingress{site("a", 9, secured("any")), site("b", 5, secured("wild", "*.example.test")), site("c", 1, secured("own", web))},
			web, []string{"ns/own", "ns/wild", "ns/any"}},
		"the oldest Ingress comes first": {
			[]*networkingv1.Ingress{site("a", 1, secured("young", web)), site("b", 2, secured("old", web))}, web, []string{"ns/old", "ns/young"}},
		"an entry without hosts speaks for the rules' hosts": {
			[]*networkingv1.Ingress{site("a", 1, secured("one"), prefix(web, "/", "app"))}, web, []string{"ns/one"}},
		"and for no other": {
			[]*networkingv1.Ingress{site("a", 1, secured("one"), prefix(web, "/", "app"))}, "api.example.test", nil},
		"an entry without a Secret gives nothing": {
			[]*networkingv1.Ingress{site("a", 1, secured("", web))}, web, nil},
		"a client that names nobody gets the entry without hosts": {
			[]*networkingv1.Ingress{site("a", 1, secured("any"))}, "", []string{"ns/any"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got []string
			for _, n := range Secrets(tt.ingresses, tt.name) {
				got = append(got, n.String())
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("Secrets(%q) (-want +got):\n%s", tt.name, diff)
			}
		})
	}
}
