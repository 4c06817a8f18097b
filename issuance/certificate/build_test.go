package certificate

import (
	"crypto"
	"crypto/x509"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"github.com/certwright/certwright/certs"
	cmmeta "github.com/certwright/certwright/certs/meta/v1"
	certsv1 "github.com/certwright/certwright/certs/v1"
)

var noon = time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC)

// A material is a key together with a signing request and a certificate for it,
// as an issuer would make them.
type material struct {
	key        crypto.Signer
	keyPEM     []byte
	csr, chain []byte
	leaf       *x509.Certificate
}

// authority is the CA of the tests, made once.
var authority = sync.OnceValues(func() (*x509.Certificate, crypto.Signer) {
	key, err := certs.GenerateKey(&certsv1.CertificatePrivateKey{Algorithm: certsv1.ECDSAKeyAlgorithm})
	check(err)
	m := sign(&certsv1.CertificateSpec{CommonName: "test CA", IsCA: true}, key, noon.Add(-time.Hour), 10*8760*time.Hour, nil, nil)
	return m.leaf, key
})

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func sign(spec *certsv1.CertificateSpec, key crypto.Signer, from time.Time, lifetime time.Duration, parent *x509.Certificate, signer crypto.Signer) material {
	csrPEM, err := certs.CreateCSR(spec, key)
	check(err)
	csr, err := certs.DecodeCSR(csrPEM)
	check(err)
	template, err := certs.Template(&certsv1.CertificateRequestSpec{IsCA: spec.IsCA, Usages: spec.Usages, Duration: &metav1.Duration{Duration: lifetime}}, csr, from)
	check(err)
	if parent == nil {
		parent, signer = template, key
	}
	leaf, err := certs.Sign(template, parent, key.Public(), signer)
	check(err)
	keyPEM, err := certs.EncodeKey(key, "")
	check(err)
	return material{key: key, keyPEM: keyPEM, csr: csrPEM, chain: certs.EncodeChain(leaf), leaf: leaf}
}

// makes returns key and certificate for spec, issued at noon for 90 days.
func makes(spec *certsv1.CertificateSpec) material {
	key, err := certs.GenerateKey(spec.PrivateKey)
	check(err)
	root, signer := authority()
	return sign(spec, key, noon, certs.DefaultDuration, root, signer)
}

// crt is a Certificate "web" of the Issuer "ca".
func crt(change ...func(*certsv1.Certificate)) *certsv1.Certificate {
	c := &certsv1.Certificate{
		ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: "web", UID: "crt-uid", Generation: 1, CreationTimestamp: metav1.NewTime(noon.Add(-time.Hour))},
		Spec: certsv1.CertificateSpec{
			SecretName: "web-tls", DNSNames: []string{"a.example"},
			IssuerRef:  cmmeta.IssuerReference{Name: "ca"},
			PrivateKey: &certsv1.CertificatePrivateKey{Algorithm: certsv1.ECDSAKeyAlgorithm},
		},
	}
	for _, f := range change {
		f(c)
	}
	return c
}

func atRevision(n int) func(*certsv1.Certificate) {
	return func(c *certsv1.Certificate) { c.Status.Revision = &n }
}

func issuingSince(t time.Time, reason string) func(*certsv1.Certificate) {
	return func(c *certsv1.Certificate) {
		c.Status.SetCondition(certsv1.CertificateCondition{
			Type: certsv1.CertificateConditionIssuing, Status: cmmeta.ConditionTrue, Reason: reason, Message: "because",
		}, metav1.NewTime(t))
	}
}

func failedAt(t time.Time, attempts int) func(*certsv1.Certificate) {
	return func(c *certsv1.Certificate) {
		c.Status.LastFailureTime = ptr.To(metav1.NewTime(t))
		c.Status.FailedIssuanceAttempts = &attempts
		c.Status.SetCondition(certsv1.CertificateCondition{
			Type: certsv1.CertificateConditionIssuing, Status: cmmeta.ConditionFalse, Reason: "Failed", Message: "no",
		}, metav1.NewTime(t))
	}
}

func neverRotate(c *certsv1.Certificate) {
	c.Spec.PrivateKey.RotationPolicy = certsv1.RotationPolicyNever
}

// holding is the target Secret of c with m in it, as we write it.
func holding(c *certsv1.Certificate, m material, change ...func(*corev1.Secret)) *certs.SecretSummary {
	annotations, err := certs.SecretAnnotations(c.Name, &c.Spec.IssuerRef, m.leaf)
	check(err)
	s := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: c.Namespace, Name: c.Spec.SecretName, UID: "secret-uid", ResourceVersion: "10",
			Labels: map[string]string{certsv1.SecretManagedKey: "true"}, Annotations: annotations,
		},
		Type: corev1.SecretTypeTLS,
		Data: map[string][]byte{"tls.crt": m.chain, "tls.key": m.keyPEM},
	}
	for _, f := range change {
		f(s)
	}
	sum := certs.Summarize(s)
	sum.OwnedData = []string{"tls.crt", "tls.key"}
	sum.OwnedLabels = []string{certsv1.SecretManagedKey}
	sum.OwnedAnnotations = []string{certsv1.CertificateNameKey, certsv1.IssuerGroupKey, certsv1.IssuerKindKey, certsv1.IssuerNameKey}
	return sum
}

// temporary is the target Secret of c with the key of m and a temporary
// certificate for it.
func temporary(c *certsv1.Certificate, m material) *certs.SecretSummary {
	m = sign(&c.Spec, m.key, noon, certs.DefaultDuration, nil, nil)
	sum := holding(c, m, func(s *corev1.Secret) {
		for _, key := range []string{certsv1.IssuerNameKey, certsv1.IssuerKindKey, certsv1.IssuerGroupKey} {
			delete(s.Annotations, key)
		}
		s.Annotations[TemporaryKey] = "true"
	})
	sum.OwnedAnnotations = []string{certsv1.CertificateNameKey, TemporaryKey}
	return sum
}

// asked is the CertificateRequest of c for a revision, made with m.
func asked(c *certsv1.Certificate, revision int, m material, change ...func(*certsv1.CertificateRequest)) KnownRequest {
	r := newRequest(c, revision, "web-key", m.csr, nil)
	r.UID = types.UID("request-" + strconv.Itoa(revision))
	r.ResourceVersion = "20"
	r.CreationTimestamp = metav1.NewTime(noon.Add(-time.Minute))
	for _, f := range change {
		f(r)
	}
	return NewRequest(r)
}

func answeredWith(m material) func(*certsv1.CertificateRequest) {
	return func(r *certsv1.CertificateRequest) {
		r.Status.Certificate = m.chain
		r.Status.SetCondition(certsv1.CertificateRequestCondition{Type: "Ready", Status: "True", Reason: "Issued"}, metav1.NewTime(noon))
	}
}

func failedWith(reason, message string, at time.Time) func(*certsv1.CertificateRequest) {
	return func(r *certsv1.CertificateRequest) {
		r.Status.SetCondition(certsv1.CertificateRequestCondition{Type: "Ready", Status: "False", Reason: reason, Message: message}, metav1.NewTime(at))
		r.Status.FailureTime = ptr.To(metav1.NewTime(at))
	}
}

func deniedBy(reason, message string, at time.Time) func(*certsv1.CertificateRequest) {
	return func(r *certsv1.CertificateRequest) {
		r.Status.SetCondition(certsv1.CertificateRequestCondition{Type: "Denied", Status: "True", Reason: reason, Message: message}, metav1.NewTime(at))
		r.Status.FailureTime = ptr.To(metav1.NewTime(at))
	}
}

// stored is m's key in a Secret for the next key.
func stored(m material) KnownKey {
	algorithm, size := certs.DescribeKey(m.key.Public())
	return KnownKey{
		Name: "web-key", Namespace: "team", UID: "key-uid", ResourceVersion: "30", Created: noon.Add(-time.Minute),
		Algorithm: algorithm, Size: size, PublicKey: certs.PublicKeyDigest(m.key.Public()),
	}
}

var testPolicy = Policy{MinBackoff: time.Hour, MaxBackoff: 32 * time.Hour}

// brief is what a test compares: the step, the reason and the time to wake, the
// two conditions, and the events.
type brief struct {
	Step           string
	Reason         string
	Wake           time.Time
	Ready, Issuing string
	Events         string
}

func short(d Decision) brief {
	b := brief{Step: d.Step.String(), Reason: d.Reason, Wake: d.Wake}
	for _, c := range d.Status.Conditions {
		text := string(c.Status) + " " + c.Reason
		switch c.Type {
		case certsv1.CertificateConditionReady:
			b.Ready = text
		case certsv1.CertificateConditionIssuing:
			b.Issuing = text
		}
	}
	var events []string
	for _, e := range append(append([]Event(nil), d.Taken...), d.Reported...) {
		events = append(events, e.Type+" "+e.Reason)
	}
	b.Events = strings.Join(events, ", ")
	return b
}

func contains(t *testing.T, text, part string) {
	t.Helper()
	if !strings.Contains(text, part) {
		t.Errorf("%q does not mention %q", text, part)
	}
}
