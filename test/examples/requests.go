package examples

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/certwright/certwright/certs"
	cmmeta "github.com/certwright/certwright/certs/meta/v1"
	certsv1 "github.com/certwright/certwright/certs/v1"
)

// A Request is an example of a CertificateRequest that is created, by somebody
// who leaves it to us to say who that is.
type Request struct {
	// Row is 87 to 93, or 0 for a case that is in no row.
	Row    int
	Name   string
	Spec   certsv1.CertificateRequestSpec
	Errors []string
	// Schema says that the schema of the CRD refuses it, too, and is asked first.
	Schema bool
}

// serverAuth are the usages that most servers ask for.
var serverAuth = []certsv1.KeyUsage{certsv1.UsageDigitalSignature, certsv1.UsageKeyEncipherment, certsv1.UsageServerAuth}

// Requests are the rows 87 to 93 of the specification, and a case for what they
// leave open.
func Requests() []Request {
	plain := SigningRequest(nil)
	der, _ := pem.Decode(plain)
	broken := slices.Clone(der.Bytes)
	broken[len(broken)-1] ^= 1
	both := append(slices.Clone(serverAuth), certsv1.UsageClientAuth)
	turned := []certsv1.KeyUsage{serverAuth[0], serverAuth[1], certsv1.UsageClientAuth, certsv1.UsageServerAuth}
	smartCard := asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 311, 20, 2, 2}

	spec := func(request []byte, change ...func(*certsv1.CertificateRequestSpec)) certsv1.CertificateRequestSpec {
		s := certsv1.CertificateRequestSpec{IssuerRef: cmmeta.IssuerReference{Name: "i"}, Request: request}
		for _, f := range change {
			f(&s)
		}
		return s
	}
	usages := func(u ...certsv1.KeyUsage) func(*certsv1.CertificateRequestSpec) {
		return func(s *certsv1.CertificateRequestSpec) { s.Usages = u }
	}
	isCA := func(s *certsv1.CertificateRequestSpec) { s.IsCA = true }
	invalid := []string{"Invalid spec.request"}

	return []Request{
		{Row: 87, Name: "a request is needed", Spec: spec([]byte{}), Errors: []string{"Required spec.request"}, Schema: true},
		{Row: 88, Name: "noise is no request", Spec: spec([]byte("\x00random")), Errors: invalid},
		{Row: 88, Name: "the signature has to be right", Spec: spec(asPEM(broken)), Errors: invalid},
		{Name: "DER is refused, as external issuers expect PEM", Spec: spec(der.Bytes), Errors: invalid},
		{Name: "an endless request is refused unread", Spec: spec(make([]byte, certs.MaxCertificateSize+1)), Errors: invalid},
		{Name: "a certificate is no signing request", Spec: spec(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: authority()})), Errors: invalid},
		{Row: 89, Name: "neither extensions nor usages", Spec: spec(plain)},
		{Name: "the label of the PEM block does not matter", Spec: spec(pem.EncodeToMemory(&pem.Block{Type: "NEW CERTIFICATE REQUEST", Bytes: der.Bytes}))},
		{Name: "nor does what follows it", Spec: spec(append(slices.Clone(plain), "\nand so on"...))},
		{Row: 90, Name: "usages in the request that the fields do not show", Spec: spec(SigningRequest(serverAuth)), Errors: invalid},
		{Row: 91, Name: "the same usages in both", Spec: spec(SigningRequest(serverAuth), usages(serverAuth...))},
		{Row: 92, Name: "extended usages in another order", Spec: spec(SigningRequest(turned), usages(both...)), Errors: invalid},
		{Name: "key usages in another order", Spec: spec(SigningRequest(serverAuth), usages(serverAuth[1], serverAuth[0], serverAuth[2]))},
		{Name: "another name for the same usage", Spec: spec(SigningRequest(serverAuth), usages(certsv1.UsageSigning, serverAuth[1], serverAuth[2]))},
		{Name: "fewer usages in the request than in the fields", Spec: spec(SigningRequest(serverAuth), usages(both...)), Errors: invalid},
		{Name: "extended usages only leave no key usage", Spec: spec(SigningRequest(serverAuth[2:]), usages(serverAuth[2]))},
		{Name: "which the default is not", Spec: spec(SigningRequest(serverAuth[2:])), Errors: invalid},
		{Name: "an extended usage that nobody knows is not compared", Spec: spec(SigningRequest(serverAuth[:2], extendedUsages(smartCard)))},
		{Name: "but the key usages beside it are", Spec: spec(SigningRequest(nil, extendedUsages(smartCard))), Errors: invalid},
		{Name: "extended usages that cannot be read", Spec: spec(SigningRequest(nil, pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 37}, Value: []byte("x")})), Errors: invalid},
		{Row: 93, Name: "a CA in the request that the fields do not show", Spec: spec(SigningRequest(nil, BasicConstraints(true))), Errors: invalid},
		{Name: "a CA in both", Spec: spec(SigningRequest(nil, BasicConstraints(true)), isCA)},
		{Name: "a CA in the fields only", Spec: spec(plain, isCA)},
		{Name: "a CA in the fields only, with an extension that says otherwise", Spec: spec(SigningRequest(nil, BasicConstraints(false)), isCA), Errors: invalid},
		{Name: "a CA signs certificates, which the usages in the request have to say", Spec: spec(SigningRequest(serverAuth), usages(serverAuth...), isCA), Errors: invalid},
		{Name: "a subjectAltName without a name", Spec: spec(SigningRequest(nil, pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 17}, Value: []byte{0x30, 0}}))},
		{Name: "a challenge password, which is an attribute that is no extension", Spec: spec(withPassword())},
		{Name: "an unknown usage is refused as such", Spec: spec(plain, usages("serverAuth")), Errors: []string{"Invalid spec.usages"}, Schema: true},
		{
			Name:   "an issuer is needed, and everything is reported together",
			Spec:   certsv1.CertificateRequestSpec{IssuerRef: cmmeta.IssuerReference{Kind: "StepIssuer"}, Request: []byte("noise")},
			Errors: []string{"Required spec.issuerRef.name", "Invalid spec.issuerRef.kind", "Invalid spec.request"},
		},
		{Name: "an external issuer is not ours to judge", Spec: spec(plain, func(s *certsv1.CertificateRequestSpec) {
			s.IssuerRef = cmmeta.IssuerReference{Name: "i", Kind: "StepIssuer", Group: "certmanager.step.sm"}
		})},
		{Name: "any lifetime may be asked for", Spec: spec(plain, func(s *certsv1.CertificateRequestSpec) {
			s.Duration = &metav1.Duration{Duration: time.Second}
		})},
	}
}

// SigningRequest is a signing request as PEM, for a.example with usages, or for
// nothing without, and with extensions.
func SigningRequest(usages []certsv1.KeyUsage, extensions ...pkix.Extension) []byte {
	template := &x509.CertificateRequest{}
	if usages != nil {
		var err error
		template, err = certs.RequestTemplate(&certsv1.CertificateSpec{Usages: usages, DNSNames: []string{"a.example"}})
		check(err)
	}
	template.ExtraExtensions = append(template.ExtraExtensions, extensions...)
	return signed(template)
}

func signed(template *x509.CertificateRequest) []byte {
	der, err := x509.CreateCertificateRequest(rand.Reader, template, Key())
	check(err)
	return asPEM(der)
}

func asPEM(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der})
}

// withPassword is a signing request with the attribute challengePassword (RFC
// 2985 section 5.4.1).
func withPassword() []byte {
	return signed(&x509.CertificateRequest{Attributes: []pkix.AttributeTypeAndValueSET{{ //nolint:staticcheck // deprecated for extensions, which this is not
		Type:  asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 7},
		Value: [][]pkix.AttributeTypeAndValue{{{Type: asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 7}, Value: "secret"}}},
	}}})
}

// BasicConstraints is that extension.
func BasicConstraints(isCA bool) pkix.Extension {
	value, err := asn1.Marshal(struct {
		IsCA bool `asn1:"optional"`
	}{isCA})
	check(err)
	return pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 19}, Critical: true, Value: value}
}

func extendedUsages(usages ...asn1.ObjectIdentifier) pkix.Extension {
	value, err := asn1.Marshal(usages)
	check(err)
	return pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 37}, Value: value}
}

// Key makes a private key.
func Key() crypto.Signer {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	check(err)
	return key
}

// authority is the DER of a CA.
func authority() []byte {
	key := Key()
	csr, err := certs.CreateCSR(&certsv1.CertificateSpec{CommonName: "ca", IsCA: true}, key)
	check(err)
	parsed, err := certs.DecodeCSR(csr)
	check(err)
	template, err := certs.Template(&certsv1.CertificateRequestSpec{IsCA: true}, parsed, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	check(err)
	ca, err := certs.Sign(template, template, key.Public(), key)
	check(err)
	return ca.Raw
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
