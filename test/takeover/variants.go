package takeover

import (
	"crypto/x509/pkix"
	"encoding/asn1"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	cmmeta "github.com/certwright/certwright/certs/meta/v1"
	certsv1 "github.com/certwright/certwright/certs/v1"
)

// A Variant is one kind of Certificate.
type Variant struct {
	// Name of the Certificate.
	Name string
	// Change makes it out of Plain.
	Change func(*certsv1.CertificateSpec)
	// Subject, as it stands in the certificate, for a literal one.
	Subject pkix.RDNSequence
	// OtherName and NameConstraints are the DER of what the spec asks for under
	// these names.
	OtherName, NameConstraints []byte
	// RenewedAfter is when it is renewed, after its issuance; negative is
	// never. Zero is two thirds of the lifetime.
	RenewedAfter time.Duration
	// Further entries of the Secret's data.
	Further map[string][]byte
}

// Plain is what all variants start from: an ECDSA key, from the Issuer "ca".
func Plain(name string) certsv1.CertificateSpec {
	return certsv1.CertificateSpec{
		SecretName: name + "-tls", DNSNames: []string{name + ".example"}, IssuerRef: cmmeta.IssuerReference{Name: "ca"},
		PrivateKey: &certsv1.CertificatePrivateKey{Algorithm: certsv1.ECDSAKeyAlgorithm},
	}
}

// spec is that of v's Certificate.
func (v *Variant) spec() certsv1.CertificateSpec {
	s := Plain(v.Name)
	if v.Change != nil {
		v.Change(&s)
	}
	return s
}

func key(algorithm certsv1.PrivateKeyAlgorithm, size int, encoding certsv1.PrivateKeyEncoding) func(*certsv1.CertificateSpec) {
	return func(c *certsv1.CertificateSpec) {
		c.PrivateKey = &certsv1.CertificatePrivateKey{Algorithm: algorithm, Size: size, Encoding: encoding}
	}
}

func hours(n int) *metav1.Duration { return &metav1.Duration{Duration: time.Duration(n) * time.Hour} }

func point[T any](v T) *T { return &v }

func attribute(oid string, value string) pkix.RelativeDistinguishedNameSET {
	types := map[string]asn1.ObjectIdentifier{"CN": {2, 5, 4, 3}, "O": {2, 5, 4, 10}, "OU": {2, 5, 4, 11}, "DC": {0, 9, 2342, 19200300, 100, 1, 25}}
	return pkix.RelativeDistinguishedNameSET{{Type: types[oid], Value: value}}
}

// principalName is the otherName 1.3.6.1.4.1.311.20.2.3 with the value u@x (RFC
// 5280 section 4.2.1.6).
var principalName = []byte{
	0xa0, 0x13, // [0] otherName
	0x06, 0x0a, 0x2b, 0x06, 0x01, 0x04, 0x01, 0x82, 0x37, 0x14, 0x02, 0x03, // type-id
	0xa0, 0x05, 0x0c, 0x03, 'u', '@', 'x', // [0] EXPLICIT UTF8String
}

// onlyExample permits the DNS domain "example" only (RFC 5280 section
// 4.2.1.10).
var onlyExample = append([]byte{0x30, 0x0d, 0xa0, 0x0b, 0x30, 0x09, 0x82, 0x07}, "example"...)

// Variants are Certificates as users have them: one for each field, and for
// what may be left out or written out.
func Variants() []Variant {
	return []Variant{
		{Name: "plain"},
		{Name: "rsa-by-default", Change: func(c *certsv1.CertificateSpec) { c.PrivateKey = nil }},
		{Name: "rsa-4096", Change: key(certsv1.RSAKeyAlgorithm, 4096, "")},
		{Name: "rsa-3000-pkcs8", Change: key(certsv1.RSAKeyAlgorithm, 3000, certsv1.PKCS8)},
		{Name: "ecdsa-384", Change: key(certsv1.ECDSAKeyAlgorithm, 384, certsv1.PKCS1)},
		{Name: "ecdsa-521-pkcs8", Change: key(certsv1.ECDSAKeyAlgorithm, 521, certsv1.PKCS8)},
		{Name: "ed25519", Change: key(certsv1.Ed25519KeyAlgorithm, 0, "")},
		{Name: "ed25519-with-a-size", Change: key(certsv1.Ed25519KeyAlgorithm, 2048, certsv1.PKCS1)},
		{Name: "negative-size", Change: key(certsv1.ECDSAKeyAlgorithm, -1, "")},
		{Name: "kept-key", Change: func(c *certsv1.CertificateSpec) { c.PrivateKey.RotationPolicy = certsv1.RotationPolicyNever }},
		{Name: "new-key-each-time", Change: func(c *certsv1.CertificateSpec) { c.PrivateKey.RotationPolicy = certsv1.RotationPolicyAlways }},
		{Name: "signature-algorithm", Change: func(c *certsv1.CertificateSpec) {
			c.PrivateKey, c.SignatureAlgorithm = nil, certsv1.SHA512WithRSA
		}},

		{Name: "common-name", Change: func(c *certsv1.CertificateSpec) { c.CommonName = "common-name.example" }},
		{Name: "only-a-common-name", Change: func(c *certsv1.CertificateSpec) { c.CommonName, c.DNSNames = "svc", nil }},
		{Name: "full-subject", Change: func(c *certsv1.CertificateSpec) {
			c.CommonName = "svc"
			c.Subject = &certsv1.X509Subject{
				Organizations: []string{"B", "A"}, Countries: []string{"DE"}, OrganizationalUnits: []string{"x, y", `the "z"`},
				Localities: []string{"Köln"}, Provinces: []string{"NW"}, StreetAddresses: []string{"1 A St", " 2"}, PostalCodes: []string{"50667"},
				SerialNumber: "17",
			}
		}},
		{Name: "empty-subject", Change: func(c *certsv1.CertificateSpec) { c.Subject = &certsv1.X509Subject{} }},
		{Name: "literal-subject", Change: func(c *certsv1.CertificateSpec) { c.LiteralSubject = "CN=svc,OU=b,O=a,DC=example" },
			Subject: pkix.RDNSequence{attribute("DC", "example"), attribute("O", "a"), attribute("OU", "b"), attribute("CN", "svc")}},
		{Name: "all-names", Change: func(c *certsv1.CertificateSpec) {
			c.DNSNames = []string{"z.example", "*.a.example", "A.example.", "under_score.example"}
			c.IPAddresses = []string{"192.0.2.7", "2001:DB8::0:1", "::ffff:192.0.2.1"}
			c.URIs = []string{"spiffe://cluster.local/ns/a/sa/b", "https://example.com/?q=a%20b"}
			c.EmailAddresses = []string{"ops@example.com"}
		}},
		{Name: "a-name-twice", Change: func(c *certsv1.CertificateSpec) { c.DNSNames = []string{"a.example", "a.example"} }},
		{Name: "other-name", Change: func(c *certsv1.CertificateSpec) {
			c.OtherNames = []certsv1.OtherName{{OID: "1.3.6.1.4.1.311.20.2.3", UTF8Value: "u@x"}}
		}, OtherName: principalName},

		{Name: "ca", Change: func(c *certsv1.CertificateSpec) { c.IsCA, c.CommonName = true, "a CA" }},
		{Name: "name-constraints", Change: func(c *certsv1.CertificateSpec) {
			c.IsCA, c.NameConstraints = true, &certsv1.NameConstraints{Critical: true, Permitted: &certsv1.NameConstraintItem{DNSDomains: []string{"example"}}}
		}, NameConstraints: onlyExample},
		{Name: "usages", Change: func(c *certsv1.CertificateSpec) {
			c.Usages = []certsv1.KeyUsage{certsv1.UsageServerAuth, certsv1.UsageClientAuth, certsv1.UsageDigitalSignature}
		}},
		{Name: "usages-written-out", Change: func(c *certsv1.CertificateSpec) {
			c.Usages = []certsv1.KeyUsage{certsv1.UsageKeyEncipherment, certsv1.UsageDigitalSignature}
		}},
		{Name: "only-extended-usages", Change: func(c *certsv1.CertificateSpec) { c.Usages = []certsv1.KeyUsage{certsv1.UsageServerAuth} }},
		{Name: "usages-not-in-the-request", Change: func(c *certsv1.CertificateSpec) {
			c.Usages, c.EncodeUsagesInRequest = []certsv1.KeyUsage{certsv1.UsageServerAuth}, point(false)
		}},

		{Name: "duration", Change: func(c *certsv1.CertificateSpec) { c.Duration = hours(48) }},
		{Name: "default-duration-written-out", Change: func(c *certsv1.CertificateSpec) { c.Duration = hours(2160) }},
		{Name: "renew-before", Change: func(c *certsv1.CertificateSpec) { c.RenewBefore = hours(240) }, RenewedAfter: 1920 * time.Hour},
		{Name: "renew-before-too-long", Change: func(c *certsv1.CertificateSpec) { c.RenewBefore = hours(9000) }, RenewedAfter: 1440 * time.Hour},
		{Name: "renew-before-percentage", Change: func(c *certsv1.CertificateSpec) { c.RenewBeforePercentage = point(int32(25)) }, RenewedAfter: 1620 * time.Hour},
		{Name: "never-renewed", Change: func(c *certsv1.CertificateSpec) {
			c.Renewal = &certsv1.CertificateRenewal{Policy: certsv1.RenewalPolicyDisabled}
		}, RenewedAfter: -1},
		{Name: "renewed-in-windows", Change: func(c *certsv1.CertificateSpec) {
			c.Renewal = &certsv1.CertificateRenewal{Policy: certsv1.RenewalPolicyRenewBefore, Windows: []certsv1.CertificateRenewalWindow{
				{Cron: "@hourly", WindowDuration: *hours(2), Timezone: "Europe/Paris"}, // one is always open
			}}
		}},

		{Name: "secret-template", Change: func(c *certsv1.CertificateSpec) {
			c.SecretTemplate = &certsv1.CertificateSecretTemplate{
				Labels:      map[string]string{"team": "a"},
				Annotations: map[string]string{"example.com/note": "b", certsv1.AllowDirectInjectionKey: "true"},
			}
		}},
		{Name: "output-formats", Change: func(c *certsv1.CertificateSpec) {
			c.AdditionalOutputFormats = []certsv1.CertificateAdditionalOutputFormat{{Type: "CombinedPEM"}, {Type: "DER"}}
		}},
		{Name: "keystores", Change: func(c *certsv1.CertificateSpec) {
			password := &cmmeta.SecretKeySelector{LocalObjectReference: cmmeta.LocalObjectReference{Name: PasswordSecret}, Key: "password"}
			c.Keystores = &certsv1.CertificateKeystores{
				JKS:    &certsv1.JKSKeystore{Create: true, PasswordSecretRef: password},
				PKCS12: &certsv1.PKCS12Keystore{Create: true, Profile: certsv1.Modern2023PKCS12Profile, PasswordSecretRef: password},
			}
		}, Further: map[string][]byte{ // with salts and dates of their own, so any bytes will do
			"keystore.jks": []byte("jks"), "truststore.jks": []byte("jks"), "keystore.p12": []byte("p12"), "truststore.p12": []byte("p12"),
		}},
		{Name: "keystores-switched-off", Change: func(c *certsv1.CertificateSpec) {
			c.Keystores = &certsv1.CertificateKeystores{PKCS12: &certsv1.PKCS12Keystore{PasswordSecretRef: &cmmeta.SecretKeySelector{
				LocalObjectReference: cmmeta.LocalObjectReference{Name: "absent"}, Key: "password"}}}
		}},

		{Name: "issuer-written-out", Change: func(c *certsv1.CertificateSpec) {
			c.IssuerRef.Kind, c.IssuerRef.Group = certsv1.IssuerKind, certsv1.GroupName
		}},
		{Name: "cluster-issuer", Change: func(c *certsv1.CertificateSpec) { c.IssuerRef.Kind = certsv1.ClusterIssuerKind }},
		{Name: "external-issuer", Change: func(c *certsv1.CertificateSpec) {
			c.IssuerRef = cmmeta.IssuerReference{Name: "x", Kind: "CloudIssuer", Group: "cloud.example"}
		}},
		{Name: "more-history", Change: func(c *certsv1.CertificateSpec) { c.RevisionHistoryLimit = point(int32(3)) }},
	}
}
