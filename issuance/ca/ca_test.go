package ca

import (
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/certwright/certwright/certs"
	cmmeta "github.com/certwright/certwright/certs/meta/v1"
	certsv1 "github.com/certwright/certwright/certs/v1"
	"github.com/certwright/certwright/issuance"
)

var noon = time.Date(2030, 1, 1, 12, 0, 0, 500, time.UTC)

// vault holds one Secret, or the error that reading it ends with.
type vault struct {
	secret *corev1.Secret
	err    error
	gets   int
}

func (v *vault) Version(string, string) (types.UID, string, bool) {
	if v.secret == nil {
		return "", "", false
	}
	return v.secret.UID, v.secret.ResourceVersion, true
}

func (v *vault) Get(_ context.Context, _, name string) (*corev1.Secret, error) {
	v.gets++
	switch {
	case v.err != nil:
		return nil, v.err
	case v.secret == nil:
		return nil, apierrors.NewNotFound(corev1.Resource("secrets"), name)
	default:
		return v.secret, nil
	}
}

type pair struct {
	certificate *x509.Certificate
	key         crypto.Signer
}

// signed makes a CA or a leaf under parent, self-signed if that is nil.
func signed(t *testing.T, name string, isCA bool, parent *pair) *pair {
	t.Helper()
	return signedAt(t, noon, name, isCA, parent)
}

func signedAt(t *testing.T, at time.Time, name string, isCA bool, parent *pair) *pair {
	t.Helper()
	key, err := certs.GenerateKey(&certsv1.CertificatePrivateKey{Algorithm: certsv1.ECDSAKeyAlgorithm})
	must(t, err)
	csr := request(t, &certsv1.CertificateSpec{CommonName: name, IsCA: isCA}, key)
	template, err := certs.Template(&certsv1.CertificateRequestSpec{IsCA: isCA}, csr, at)
	must(t, err)
	signer, above := key, template
	if parent != nil {
		signer, above = parent.key, parent.certificate
	}
	c, err := certs.Sign(template, above, key.Public(), signer)
	must(t, err)
	return &pair{c, key}
}

func request(t *testing.T, spec *certsv1.CertificateSpec, key crypto.Signer) *x509.CertificateRequest {
	t.Helper()
	data, err := certs.CreateCSR(spec, key)
	must(t, err)
	csr, err := certs.DecodeCSR(data)
	must(t, err)
	return csr
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func secretOf(t *testing.T, p *pair, above ...*x509.Certificate) *corev1.Secret {
	t.Helper()
	key, err := certs.EncodeKey(p.key, certsv1.PKCS8)
	must(t, err)
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: "ca-key", UID: "1", ResourceVersion: "1"},
		Data:       map[string][]byte{"tls.crt": certs.EncodeChain(append([]*x509.Certificate{p.certificate}, above...)...), "tls.key": key},
	}
}

func issuerOf(spec certsv1.CAIssuer) *certsv1.Issuer {
	spec.SecretName = "ca-key"
	return &certsv1.Issuer{ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: "ca"}, Spec: certsv1.IssuerSpec{CA: &spec}}
}

func newIssuer(v *vault) *Issuer {
	return &Issuer{Secrets: v, Clock: clocktesting.NewFakePassiveClock(noon)}
}

func TestCheck(t *testing.T) {
	root := signed(t, "root", true, nil)
	leaf := signed(t, "leaf", false, root)
	broken := func(key, value string) *corev1.Secret {
		s := secretOf(t, root)
		s.Data[key] = []byte(value)
		return s
	}
	tests := map[string]struct {
		vault   vault
		want    string
		message string
		retry   bool
		err     bool
	}{
		"a CA is ready":                                    {vault{secret: secretOf(t, root)}, "True KeyPairVerified", "Signing CA verified", false, false},
		"an intermediate CA is ready":                      {vault{secret: secretOf(t, signed(t, "middle", true, root), root.certificate)}, "True KeyPairVerified", "Signing CA verified", false, false},
		"a missing Secret is waited for":                   {vault{}, "False ErrGetKeyPair", "Error getting keypair for CA issuer: ", true, false},
		"a Secret without certificate":                     {vault{secret: broken("tls.crt", "")}, "False ErrGetKeyPair", "no tls.crt", true, false},
		"a Secret with a broken certificate":               {vault{secret: broken("tls.crt", "x")}, "False ErrGetKeyPair", "tls.crt", true, false},
		"a Secret without key":                             {vault{secret: broken("tls.key", "")}, "False ErrGetKeyPair", "no tls.key", true, false},
		"a Secret with a broken key":                       {vault{secret: broken("tls.key", "hunter2")}, "False ErrGetKeyPair", "tls.key", true, false},
		"a Secret whose key is not the certificate's":      {vault{secret: secretOf(t, &pair{root.certificate, leaf.key})}, "False ErrGetKeyPair", "the private key is not that of the certificate", true, false},
		"a leaf is no CA, and will not be one":             {vault{secret: secretOf(t, leaf)}, "False ErrInvalidKeyPair", "certificate is not a CA", false, false},
		"an API server that does not answer is no verdict": {vault{err: errors.New("down")}, "", "", false, true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := newIssuer(&tt.vault).Check(t.Context(), issuerOf(certsv1.CAIssuer{}), "team")
			if (err != nil) != tt.err {
				t.Fatalf("Check() error %v", err)
			}
			if tt.err {
				return
			}
			if s := string(got.Status) + " " + got.Reason; s != tt.want || !strings.Contains(got.Message, tt.message) || got.Retry != tt.retry {
				t.Errorf("Check() = %+v", got)
			}
			if strings.Contains(got.Message, "hunter2") {
				t.Error("the message shows what is in the Secret")
			}
		})
	}
}

func TestSign(t *testing.T) {
	root := signed(t, "root", true, nil)
	middle := signed(t, "middle", true, root)
	spec := &certsv1.CertificateSpec{DNSNames: []string{"a.example"}, Usages: []certsv1.KeyUsage{certsv1.UsageServerAuth}}
	key, err := certs.GenerateKey(&certsv1.CertificatePrivateKey{Algorithm: certsv1.Ed25519KeyAlgorithm})
	must(t, err)
	csr := request(t, spec, key)
	withRoot := secretOf(t, middle)
	withRoot.Data["ca.crt"] = certs.EncodeChain(root.certificate)
	fine := certsv1.CertificateRequestSpec{Usages: spec.Usages, Duration: &metav1.Duration{Duration: time.Hour}}
	tests := map[string]struct {
		vault vault
		spec  certsv1.CertificateRequestSpec
		chain []string
		ca    string
		other string // reason of an outcome that is no certificate
		final bool
	}{
		"a root signs, and stays out of the chain":                     {vault{secret: secretOf(t, root)}, fine, []string{"", ""}[:1], "root", "", false},
		"an intermediate alone is in the chain and is the CA":          {vault{secret: secretOf(t, middle)}, fine, []string{"", "middle"}, "middle", "", false},
		"an intermediate with its root in tls.crt":                     {vault{secret: secretOf(t, middle, root.certificate)}, fine, []string{"", "middle"}, "root", "", false},
		"an intermediate with its root in ca.crt":                      {vault{secret: withRoot}, fine, []string{"", "middle"}, "root", "", false},
		"a missing Secret is waited for":                               {vault{}, fine, nil, "", "SecretMissing", false},
		"a broken Secret is waited for":                                {vault{secret: &corev1.Secret{}}, fine, nil, "", "SecretInvalidData", false},
		"a certificate that is no CA does not sign":                    {vault{secret: secretOf(t, signed(t, "leaf", false, root))}, fine, nil, "", "SecretInvalidData", false},
		"an API server that does not answer is asked again":            {vault{err: errors.New("down")}, fine, nil, "", "SecretGetError", false},
		"a request that disagrees with its signing request is refused": {vault{secret: secretOf(t, root)}, certsv1.CertificateRequestSpec{}, nil, "", "SigningError", true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			outcome, err := newIssuer(&tt.vault).Sign(t.Context(), issuance.Request{
				Object: &certsv1.CertificateRequest{Spec: tt.spec}, CSR: csr, Namespace: "team",
				Issuer: issuerOf(certsv1.CAIssuer{
					CRLDistributionPoints: []string{"http://crl.example"}, OCSPServers: []string{"http://ocsp.example"}, IssuingCertificateURLs: []string{"http://ca.example"},
				}),
			})
			must(t, err)
			issued, ok := outcome.(issuance.Issued)
			if !ok {
				reason, final := "", false
				switch o := outcome.(type) {
				case issuance.Pending:
					reason = o.Reason
					if o.After == 0 {
						// The issuer may be ready all the time: there is no event then.
						t.Error("nobody asks again")
					}
				case issuance.Refused:
					reason, final = o.Reason, true
				}
				if reason != tt.other || final != tt.final {
					t.Errorf("Sign() = %#v", outcome)
				}
				return
			}
			var names []string
			for _, c := range issued.Chain {
				names = append(names, c.Subject.CommonName)
			}
			if diff := cmp.Diff(tt.chain, names); diff != "" {
				t.Errorf("chain (-want +got):\n%s", diff)
			}
			if got := issued.CA.Subject.CommonName; got != tt.ca {
				t.Errorf("CA is %q, want %q", got, tt.ca)
			}
			leaf := issued.Chain[0]
			want := noon.Truncate(time.Second)
			if !leaf.NotBefore.Equal(want) || !leaf.NotAfter.Equal(want.Add(time.Hour)) {
				t.Errorf("valid from %s to %s", leaf.NotBefore, leaf.NotAfter)
			}
			if diff := cmp.Diff([][]string{{"http://crl.example"}, {"http://ocsp.example"}, {"http://ca.example"}},
				[][]string{leaf.CRLDistributionPoints, leaf.OCSPServer, leaf.IssuingCertificateURL}); diff != "" {
				t.Errorf("addresses (-want +got):\n%s", diff)
			}
			if !leaf.BasicConstraintsValid || leaf.IsCA || len(leaf.ExtKeyUsage) != 1 || leaf.SerialNumber.BitLen() < 64 {
				t.Errorf("leaf is not as asked for: %+v", leaf)
			}
		})
	}
}

// A CA signs until it expires and not after that. What was asked of it in the
// meantime is signed by the one that follows.
func TestExpiry(t *testing.T) {
	first := signed(t, "first", true, nil)
	end := first.certificate.NotAfter
	v := &vault{secret: secretOf(t, first)}
	now := clocktesting.NewFakePassiveClock(noon)
	i := &Issuer{Secrets: v, Clock: now}
	verified := issuance.Readiness{Status: "True", Reason: "KeyPairVerified", Message: "Signing CA verified", Event: "KeyPairVerified", CA: first.certificate}
	expired := issuance.Readiness{
		Status: "False", Reason: "ErrInvalidKeyPair", Event: "ErrInvalidKeyPair", CA: first.certificate,
		Message: "Error getting keypair for CA issuer: certificate has expired on 2030-04-01T12:00:00Z",
	}
	good := func(until time.Duration) issuance.Readiness {
		verified.After = until
		return verified
	}
	const waits = "SecretInvalidData: Failed to parse signing CA keypair: certificate has expired on 2030-04-01T12:00:00Z"
	for _, step := range []struct {
		what  string
		at    time.Time
		found issuance.Readiness
		sign  string
	}{
		{"a fresh one", noon, good(end.Sub(noon)), "first"},
		{"its last second is looked at closely", end.Add(-time.Millisecond), good(time.Second), "first"},
		{"at its end it is still good", end, good(time.Second), "first"},
		{"right after its end", end.Add(1), expired, waits},
		{"long after its end", end.AddDate(1, 0, 0), expired, waits},
		{"the clock was wrong", noon, good(end.Sub(noon)), "first"},
	} {
		now.SetTime(step.at)
		found, err := i.Check(t.Context(), issuerOf(certsv1.CAIssuer{}), "team")
		must(t, err)
		if diff := cmp.Diff(step.found, found); diff != "" {
			t.Errorf("%s: Check() (-want +got):\n%s", step.what, diff)
		}
		if got := signedBy(t, i); got != step.sign {
			t.Errorf("%s: signed by %q, want %q", step.what, got, step.sign)
		}
	}
	now.SetTime(end.Add(time.Hour))
	v.secret = secretOf(t, signedAt(t, end, "second", true, nil))
	v.secret.ResourceVersion = "2"
	if got := signedBy(t, i); got != "second" {
		t.Errorf("after a new CA signed by %q", got)
	}
}

// A rotated CA is used from the next signature on, and as long as nothing
// changes its Secret is read once.
func TestRotation(t *testing.T) {
	first, second := signed(t, "first", true, nil), signed(t, "second", true, nil)
	v := &vault{secret: secretOf(t, first)}
	i := newIssuer(v)
	for range 3 {
		if got := signedBy(t, i); got != "first" {
			t.Fatalf("signed by %s", got)
		}
	}
	if v.gets != 1 {
		t.Errorf("the Secret was read %d times", v.gets)
	}
	v.secret = secretOf(t, second)
	v.secret.ResourceVersion = "2"
	if got := signedBy(t, i); got != "second" {
		t.Errorf("after the rotation signed by %s", got)
	}
	v.secret = nil
	readiness, err := i.Check(t.Context(), issuerOf(certsv1.CAIssuer{}), "team")
	must(t, err)
	if readiness.Status != cmmeta.ConditionFalse {
		t.Error("without its Secret a CA is still ready")
	}
}

// signedBy has i sign, and returns the name of its CA, or why it waits.
func signedBy(t *testing.T, i *Issuer) string {
	t.Helper()
	key, err := certs.GenerateKey(&certsv1.CertificatePrivateKey{Algorithm: certsv1.ECDSAKeyAlgorithm})
	must(t, err)
	outcome, err := i.Sign(t.Context(), issuance.Request{
		Object: &certsv1.CertificateRequest{}, CSR: request(t, &certsv1.CertificateSpec{CommonName: "x"}, key),
		Namespace: "team", Issuer: issuerOf(certsv1.CAIssuer{}),
	})
	must(t, err)
	if p, ok := outcome.(issuance.Pending); ok {
		if p.After == 0 {
			t.Error("nobody asks again")
		}
		return p.Reason + ": " + p.Message
	}
	return outcome.(issuance.Issued).Chain[0].Issuer.CommonName
}

func TestCacheIsBounded(t *testing.T) {
	var c cache
	for n := range 3 * maxSigners {
		c.put(types.NamespacedName{Name: strings.Repeat("x", n)}, entry{})
	}
	if len(c.entries) != maxSigners {
		t.Errorf("the cache holds %d key pairs", len(c.entries))
	}
}
