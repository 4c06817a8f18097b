package certs_test

import (
	"crypto/x509"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/certwright/certwright/certs"
	certsv1 "github.com/certwright/certwright/certs/v1"
)

// A temporary certificate has the names, the usages and the lifetime of the
// real one, wherever the names stand.
func TestTemporary(t *testing.T) {
	t.Parallel()
	hour := &metav1.Duration{Duration: time.Hour}
	tests := map[string]struct {
		spec     certsv1.CertificateSpec
		lifetime time.Duration
	}{
		"DNS names and a common name":        {certsv1.CertificateSpec{CommonName: "a.example", DNSNames: []string{"a.example", "b.example"}}, certs.DefaultDuration},
		"a duration and usages":              {certsv1.CertificateSpec{DNSNames: []string{"a.example"}, Duration: hour, Usages: []certsv1.KeyUsage{certsv1.UsageClientAuth}}, time.Hour},
		"no name but in the literal subject": {certsv1.CertificateSpec{LiteralSubject: "CN=svc,OU=shop,O=example"}, certs.DefaultDuration},
		"no name but another name":           {certsv1.CertificateSpec{OtherNames: []certsv1.OtherName{{OID: "1.3.6.1.4.1.311.20.2.3", UTF8Value: "a@b.example"}}}, certs.DefaultDuration},
		"a CA":                               {certsv1.CertificateSpec{CommonName: "sub", IsCA: true}, certs.DefaultDuration},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			key := newKey(t)
			data, err := certs.CreateCSR(&tt.spec, key)
			if err != nil {
				t.Fatal(err)
			}
			csr, err := certs.DecodeCSR(data)
			if err != nil {
				t.Fatal(err)
			}
			request := &certsv1.CertificateRequestSpec{Duration: tt.spec.Duration, Usages: tt.spec.Usages, IsCA: tt.spec.IsCA}
			got, err := certs.Temporary(request, csr, noon)
			if err != nil {
				t.Fatal(err)
			}
			// The real one is what a CA makes of the same request.
			genuine := newAuthority(t, "root", nil).issue(t, &tt.spec, key)
			if diff := cmp.Diff(certs.NamesOf(genuine), certs.NamesOf(got)); diff != "" {
				t.Errorf("names (-real +temporary):\n%s", diff)
			}
			if diff := cmp.Diff(extensions(genuine), extensions(got)); diff != "" {
				t.Errorf("extensions (-real +temporary):\n%s", diff)
			}
			if string(got.RawSubject) != string(genuine.RawSubject) || !certs.SamePublicKey(got.PublicKey, key.Public()) {
				t.Error("another subject or key")
			}
			if got.Issuer.String() != "CN=cert-manager.local" || got.SignatureAlgorithm.String() != "ECDSA-SHA512" {
				t.Errorf("signed by %s with %s", got.Issuer, got.SignatureAlgorithm)
			}
			if lifetime := got.NotAfter.Sub(got.NotBefore); lifetime != tt.lifetime {
				t.Errorf("lifetime = %s, want %s", lifetime, tt.lifetime)
			}
		})
	}
}

// extensions are those of a certificate but for the one that tells the CA's key.
func extensions(c *x509.Certificate) map[string][]byte {
	out := map[string][]byte{}
	for _, e := range c.Extensions {
		if id := e.Id.String(); id != "2.5.29.35" {
			out[id] = e.Value
		}
	}
	return out
}
