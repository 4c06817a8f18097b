package validate_test

import (
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	mathrand "math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/certwright/certwright/certs"
	cmmeta "github.com/certwright/certwright/certs/meta/v1"
	certsv1 "github.com/certwright/certwright/certs/v1"
	"github.com/certwright/certwright/certs/validate"
	"github.com/certwright/certwright/test/examples"
)

// pieces are what names are made of here, good and bad.
var pieces = []string{
	"a", "example", "xn--bcher-kva", "ü", ".", "..", "*", "_", "-", " ", "@", ":", "/", "//", "%", "%41", "%zz", "[", "]", "::1", "#", "?", "\x00", "\x7f", "\t",
	"spiffe:", "https://", "10.0.0.1", "1.2", "0", "3", "999999999999", ",", "+", "=", "\"", "\\", "<", ">", ";", "CN=", "O=", "2.5.4.42=", "(", ")", "\u2028", "\U0001F600",
}

func anyText(r *mathrand.Rand) string {
	var b strings.Builder
	for range r.IntN(6) {
		b.WriteString(pieces[r.IntN(len(pieces))])
	}
	return b.String()
}

func anyList(r *mathrand.Rand) []string {
	var list []string
	for range r.IntN(2) {
		list = append(list, anyText(r))
	}
	return list
}

func anyAddresses(r *mathrand.Rand) []string {
	all := []string{"10.0.0.1", "::ffff:10.0.0.1", "2001:DB8::0:1", "::1", "10.0.0.1", "10.0.0.01", "fe80::1%eth0", ""}
	if r.IntN(3) > 0 {
		return nil
	}
	return []string{all[r.IntN(len(all))], all[r.IntN(len(all))]}
}

func anyOID(r *mathrand.Rand) string {
	arcs := []string{"0", "1", "2", "3", "02", "39", "40", "999", "2147483648", "x", ""}
	oid := arcs[r.IntN(len(arcs))]
	for range r.IntN(3) {
		oid += "." + arcs[r.IntN(len(arcs))]
	}
	return oid
}

func anySpec(r *mathrand.Rand) certsv1.CertificateSpec {
	spec := certsv1.CertificateSpec{
		SecretName: "s", IssuerRef: cmmeta.IssuerReference{Name: "i"},
		DNSNames: anyList(r), URIs: anyList(r), EmailAddresses: anyList(r), IPAddresses: anyAddresses(r),
	}
	switch r.IntN(4) {
	case 0:
		spec.CommonName = anyText(r)
	case 1:
		spec.LiteralSubject = anyText(r)
	case 2:
		spec.Subject = &certsv1.X509Subject{Organizations: anyList(r), PostalCodes: anyList(r), SerialNumber: anyText(r)}
	}
	if r.IntN(3) == 0 {
		spec.OtherNames = []certsv1.OtherName{{OID: anyOID(r), UTF8Value: anyText(r)}}
	}
	if r.IntN(3) == 0 {
		spec.IsCA = true
		spec.NameConstraints = &certsv1.NameConstraints{Excluded: &certsv1.NameConstraintItem{
			DNSDomains: anyList(r), EmailAddresses: anyList(r), URIDomains: anyList(r), IPRanges: anyList(r),
		}}
	}
	return spec
}

// What we accept on create has to be issuable: there is a signing request for
// it that the issuer can read, and a certificate that everybody can read.
func TestWhatIsAcceptedCanBeEncoded(t *testing.T) {
	key := examples.Key()
	r := mathrand.New(mathrand.NewPCG(1, 2))
	accepted := 0
	for range 20000 {
		crt := &certsv1.Certificate{Spec: anySpec(r)}
		if len(validate.CertificateNew(crt)) > 0 {
			continue
		}
		accepted++
		if err := issue(&crt.Spec, key); err != nil {
			t.Fatalf("%+v was accepted, but: %v", crt.Spec, err)
		}
	}
	if accepted < 100 {
		t.Errorf("only %d were accepted: this proves nothing", accepted)
	}
}

// And what we refuse beyond cert-manager cannot be issued.
func TestWhatCanBeEncodedIsAccepted(t *testing.T) {
	key := examples.Key()
	r := mathrand.New(mathrand.NewPCG(3, 4))
	refused := 0
	for range 20000 {
		crt := &certsv1.Certificate{Spec: anySpec(r)}
		// What is no DNS name or e-mail address is refused, even if it can be written.
		crt.Spec.DNSNames = []string{"a.example"}
		if c := crt.Spec.NameConstraints; c != nil {
			c.Excluded.EmailAddresses = nil
		}
		if len(validate.Certificate(crt)) > 0 || len(validate.CertificateNew(crt)) == 0 {
			continue
		}
		refused++
		if emptyURI(crt.Spec.URIs) {
			continue // nor is this a URI
		}
		if err := issue(&crt.Spec, key); err == nil {
			t.Errorf("%+v was refused, but can be issued: %v", crt.Spec, validate.CertificateNew(crt))
		}
	}
	if refused < 100 {
		t.Errorf("only %d were refused: this proves nothing", refused)
	}
}

func emptyURI(uris []string) bool { return len(uris) > 0 && uris[0] == "" }

// issue makes a signing request and a certificate, and reads both again.
func issue(spec *certsv1.CertificateSpec, key crypto.Signer) error {
	request, err := certs.CreateCSR(spec, key)
	if err != nil {
		return err
	}
	csr, err := certs.DecodeCSR(request)
	if err != nil {
		return err
	}
	var extensions []pkix.Extension
	for _, e := range csr.Extensions {
		if id := e.Id.String(); id == "2.5.29.17" || id == "2.5.29.30" {
			extensions = append(extensions, e)
		}
	}
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), RawSubject: csr.RawSubject, NotBefore: now, NotAfter: now.Add(time.Hour),
		IsCA: spec.IsCA, BasicConstraintsValid: true, ExtraExtensions: extensions,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return err
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return err
	}
	if paths := certs.RequestMismatch(spec, &certsv1.CertificateRequestSpec{IssuerRef: spec.IssuerRef, IsCA: spec.IsCA}, csr); len(paths) > 0 {
		return fmt.Errorf("it would be issued again and again for %v", paths)
	}
	if paths := certs.NamesMismatch(spec, certs.NamesOf(leaf)); len(paths) > 0 {
		return fmt.Errorf("its certificate is not recognised by %v", paths)
	}
	return nil
}
