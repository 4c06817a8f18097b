package takeover

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/csv"
	"encoding/pem"
	"math/big"
	"net/netip"
	"strings"
	"testing"
	"time"

	certsv1 "github.com/certwright/certwright/certs/v1"
)

// An Authority signs what is left behind.
type Authority struct {
	Certificate *x509.Certificate
	Key         crypto.Signer
}

// NewAuthority returns a root that is valid for ten years.
func NewAuthority(t testing.TB) Authority {
	t.Helper()
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))(t)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "the old root"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(87600 * time.Hour),
	}
	der := must(x509.CreateCertificate(rand.Reader, template, template, key.Public(), key))(t)
	return Authority{must(x509.ParseCertificate(der))(t), key}
}

func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// PEM encodes certificates.
func PEM(chain ...*x509.Certificate) []byte {
	var out []byte
	for _, c := range chain {
		out = append(out, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})...)
	}
	return out
}

// newKey makes the kind of key that a spec asks for.
func newKey(t testing.TB, p *certsv1.CertificatePrivateKey) crypto.Signer {
	t.Helper()
	switch {
	case p == nil, p.Algorithm == "", p.Algorithm == certsv1.RSAKeyAlgorithm:
		size := 2048
		if p != nil && p.Size > 0 {
			size = p.Size
		}
		return must(rsa.GenerateKey(rand.Reader, size))(t)
	case p.Algorithm == certsv1.Ed25519KeyAlgorithm:
		_, key, err := ed25519.GenerateKey(rand.Reader)
		return must(key, err)(t)
	default:
		curve := map[int]elliptic.Curve{0: elliptic.P256(), 256: elliptic.P256(), 384: elliptic.P384(), 521: elliptic.P521()}[max(p.Size, 0)]
		return must(ecdsa.GenerateKey(curve, rand.Reader))(t)
	}
}

// keyPEM encodes a key as a spec asks for.
func keyPEM(t testing.TB, key crypto.Signer, encoding certsv1.PrivateKeyEncoding) []byte {
	t.Helper()
	block := &pem.Block{Type: "PRIVATE KEY"}
	switch k := key.(type) {
	case *rsa.PrivateKey:
		if encoding != certsv1.PKCS8 {
			block = &pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(k)}
		}
	case *ecdsa.PrivateKey:
		if encoding != certsv1.PKCS8 {
			block = &pem.Block{Type: "EC PRIVATE KEY", Bytes: must(x509.MarshalECPrivateKey(k))(t)}
		}
	}
	if block.Bytes == nil {
		block.Bytes = must(x509.MarshalPKCS8PrivateKey(key))(t)
	}
	return pem.EncodeToMemory(block)
}

// Object identifiers of extensions.
var (
	oidKeyUsage        = asn1.ObjectIdentifier{2, 5, 29, 15}
	oidExtKeyUsage     = asn1.ObjectIdentifier{2, 5, 29, 37}
	oidSubjectAltName  = asn1.ObjectIdentifier{2, 5, 29, 17}
	oidNameConstraints = asn1.ObjectIdentifier{2, 5, 29, 30}
)

// The usages that the variants have.
var (
	keyUsages = map[certsv1.KeyUsage]int{ // the number of the bit
		certsv1.UsageDigitalSignature: 0, certsv1.UsageKeyEncipherment: 2, certsv1.UsageCertSign: 5,
	}
	extKeyUsages = map[certsv1.KeyUsage]asn1.ObjectIdentifier{
		certsv1.UsageServerAuth: {1, 3, 6, 1, 5, 5, 7, 3, 1}, certsv1.UsageClientAuth: {1, 3, 6, 1, 5, 5, 7, 3, 2},
	}
)

// usageExtensions are the key usages of a spec as extensions.
func usageExtensions(t testing.TB, spec *certsv1.CertificateSpec) []pkix.Extension {
	t.Helper()
	usages := spec.Usages
	if len(usages) == 0 {
		usages = []certsv1.KeyUsage{certsv1.UsageDigitalSignature, certsv1.UsageKeyEncipherment}
	}
	if spec.IsCA {
		usages = append(usages[:len(usages):len(usages)], certsv1.UsageCertSign)
	}
	var bits asn1.BitString
	var extended []asn1.ObjectIdentifier
	for _, u := range usages {
		if oid, ok := extKeyUsages[u]; ok {
			extended = append(extended, oid)
			continue
		}
		bit, ok := keyUsages[u]
		if !ok {
			t.Fatalf("no variant has had the usage %q so far", u)
		}
		bits.BitLength = max(bits.BitLength, bit+1)
		bits.Bytes = []byte{0}
	}
	for _, u := range usages {
		if bit, ok := keyUsages[u]; ok {
			bits.Bytes[0] |= 0x80 >> bit
		}
	}
	var out []pkix.Extension
	if bits.BitLength > 0 {
		out = append(out, pkix.Extension{Id: oidKeyUsage, Critical: true, Value: must(asn1.Marshal(bits))(t)})
	}
	if len(extended) > 0 {
		out = append(out, pkix.Extension{Id: oidExtKeyUsage, Value: must(asn1.Marshal(extended))(t)})
	}
	return out
}

// names are the parts of a spec that both a signing request and a certificate
// have.
type names struct {
	subject    []byte // DER
	extensions []pkix.Extension
}

func (v *Variant) names(t testing.TB, spec *certsv1.CertificateSpec) names {
	t.Helper()
	rdns := v.Subject
	if rdns == nil {
		name := pkix.Name{CommonName: spec.CommonName}
		if s := spec.Subject; s != nil {
			name = pkix.Name{
				CommonName: spec.CommonName, SerialNumber: s.SerialNumber, Organization: s.Organizations, Country: s.Countries,
				OrganizationalUnit: s.OrganizationalUnits, Locality: s.Localities, Province: s.Provinces,
				StreetAddress: s.StreetAddresses, PostalCode: s.PostalCodes,
			}
		}
		rdns = name.ToRDNSequence()
	}
	n := names{subject: must(asn1.Marshal(rdns))(t)}
	if v.NameConstraints != nil {
		n.extensions = append(n.extensions, pkix.Extension{Id: oidNameConstraints, Critical: true, Value: v.NameConstraints})
	}
	// RFC 5280 section 4.2.1.6; the order is cert-manager's.
	var general []asn1.RawValue
	add := func(tag int, value []byte) {
		general = append(general, asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: tag, Bytes: value})
	}
	for _, name := range spec.DNSNames {
		add(2, []byte(name))
	}
	for _, address := range spec.EmailAddresses {
		add(1, []byte(address))
	}
	for _, text := range spec.IPAddresses {
		ip := must(netip.ParseAddr(text))(t).Unmap()
		add(7, ip.AsSlice())
	}
	for _, uri := range spec.URIs {
		add(6, []byte(uri))
	}
	if v.OtherName != nil {
		general = append(general, asn1.RawValue{FullBytes: v.OtherName})
	}
	if len(general) > 0 {
		n.extensions = append(n.extensions, pkix.Extension{
			Id: oidSubjectAltName, Critical: len(rdns) == 0, Value: must(asn1.Marshal(general))(t),
		})
	}
	return n
}

// signingRequest is the PEM of a request for spec.
func (v *Variant) signingRequest(t testing.TB, spec *certsv1.CertificateSpec, key crypto.Signer) []byte {
	t.Helper()
	n := v.names(t, spec)
	template := &x509.CertificateRequest{RawSubject: n.subject, ExtraExtensions: n.extensions}
	if spec.EncodeUsagesInRequest == nil || *spec.EncodeUsagesInRequest {
		template.ExtraExtensions = append(template.ExtraExtensions, usageExtensions(t, spec)...)
	}
	// x509 has the same defaults for all other keys.
	strong, isRSA := key.(*rsa.PrivateKey)
	switch {
	case spec.SignatureAlgorithm == certsv1.SHA512WithRSA, isRSA && strong.N.BitLen() >= 4096:
		template.SignatureAlgorithm = x509.SHA512WithRSA
	case isRSA && strong.N.BitLen() >= 3072:
		template.SignatureAlgorithm = x509.SHA384WithRSA
	case spec.SignatureAlgorithm != "":
		t.Fatalf("no variant has had the algorithm %q so far", spec.SignatureAlgorithm)
	}
	der := must(x509.CreateCertificateRequest(rand.Reader, template, key))(t)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der})
}

// issue makes a certificate for spec that is valid from now on.
func (v *Variant) issue(t testing.TB, spec *certsv1.CertificateSpec, pub crypto.PublicKey, by Authority, now time.Time) *x509.Certificate {
	t.Helper()
	lifetime := 90 * 24 * time.Hour
	if spec.Duration != nil {
		lifetime = spec.Duration.Duration
	}
	n := v.names(t, spec)
	template := &x509.Certificate{
		SerialNumber: must(rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 158)))(t), RawSubject: n.subject,
		ExtraExtensions: append(n.extensions, usageExtensions(t, spec)...),
		NotBefore:       now, NotAfter: now.Add(lifetime), BasicConstraintsValid: true, IsCA: spec.IsCA,
	}
	der := must(x509.CreateCertificate(rand.Reader, template, by.Certificate, pub, by.Key))(t)
	return must(x509.ParseCertificate(der))(t)
}

// record is values as they stand in one annotation.
func record(t testing.TB, values []string) string {
	t.Helper()
	if len(values) == 0 {
		return ""
	}
	var out bytes.Buffer
	w := csv.NewWriter(&out)
	if err := w.Write(values); err != nil {
		t.Fatal(err)
	}
	w.Flush()
	return strings.TrimRight(out.String(), "\n")
}
