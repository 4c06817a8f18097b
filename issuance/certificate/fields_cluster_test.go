//go:build cluster

package certificate_test

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"maps"
	"net"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/certwright/certwright/certs"
	cmmeta "github.com/certwright/certwright/certs/meta/v1"
	certsv1 "github.com/certwright/certwright/certs/v1"
)

// When an edit takes effect.
type when int

const (
	// again: at once, with a new certificate.
	again when = iota
	// inPlace: at once, with the same certificate.
	inPlace
	// later: with the next certificate, which nobody asks for.
	later
	// pending: the next certificate is asked for; its issuer is not there.
	pending
)

// seen is what an edit may show in.
type seen struct {
	*world
	crt           *certsv1.Certificate
	req           *certsv1.CertificateRequest
	csr           *x509.CertificateRequest
	leaf          *x509.Certificate
	before, after *corev1.Secret
}

// An edit of one field, or a few that need each other.
type edit struct {
	fields []string
	// base is what is there before.
	base func(*certsv1.Certificate)
	set  func(*certsv1.Certificate)
	when when
	// shows reports whether it has taken effect.
	shows func(seen) bool
	// same says that there is nothing to show.
	same bool
}

// elsewhere are the fields that other tests look at.
var elsewhere = []string{"keystores."}

func edits() map[string]edit {
	subject := func(set func(*certsv1.X509Subject), got func(*x509.Certificate) []string) edit {
		return edit{
			set:   func(c *certsv1.Certificate) { c.Spec.Subject = &certsv1.X509Subject{}; set(c.Spec.Subject) },
			shows: func(s seen) bool { return slices.Equal(got(s.leaf), []string{"x, y"}) },
		}
	}
	two := []string{"x, y"}
	constrained := func(set func(*certsv1.NameConstraints), got func(*x509.Certificate) int) edit {
		return edit{
			base: func(c *certsv1.Certificate) { c.Spec.IsCA = true },
			set: func(c *certsv1.Certificate) {
				c.Spec.NameConstraints = &certsv1.NameConstraints{Permitted: &certsv1.NameConstraintItem{}, Excluded: &certsv1.NameConstraintItem{}}
				set(c.Spec.NameConstraints)
			},
			when: later, shows: func(s seen) bool { return got(s.leaf) == 1 },
		}
	}
	renewal := func(set func(*certsv1.CertificateSpec), shows func(at *metav1.Time, leaf *x509.Certificate) bool) edit {
		return edit{set: func(c *certsv1.Certificate) { set(&c.Spec) }, when: inPlace, shows: func(s seen) bool { return shows(s.crt.Status.RenewalTime, s.leaf) }}
	}
	hours := func(n int) *metav1.Duration { return &metav1.Duration{Duration: time.Duration(n) * time.Hour} }
	other := []certsv1.OtherName{{OID: "1.3.6.1.4.1.311.20.2.3", UTF8Value: "u@x"}}
	hasOther := func(c *x509.Certificate) bool {
		for _, e := range c.Extensions {
			if e.Id.Equal(asn1.ObjectIdentifier{2, 5, 29, 17}) {
				return bytes.Contains(e.Value, []byte("u@x")) && bytes.Contains(e.Value, []byte{0x2b, 6, 1, 4, 1, 0x82, 0x37, 0x14, 2, 3})
			}
		}
		return false
	}
	tokyo := must2(time.LoadLocation("Asia/Tokyo"))
	hour := (time.Now().In(tokyo).Hour() + 12) % 24 // another than that of the renewal without windows

	table := map[string]edit{
		"subject.organizations":       subject(func(s *certsv1.X509Subject) { s.Organizations = two }, func(c *x509.Certificate) []string { return c.Subject.Organization }),
		"subject.countries":           subject(func(s *certsv1.X509Subject) { s.Countries = two }, func(c *x509.Certificate) []string { return c.Subject.Country }),
		"subject.organizationalUnits": subject(func(s *certsv1.X509Subject) { s.OrganizationalUnits = two }, func(c *x509.Certificate) []string { return c.Subject.OrganizationalUnit }),
		"subject.localities":          subject(func(s *certsv1.X509Subject) { s.Localities = two }, func(c *x509.Certificate) []string { return c.Subject.Locality }),
		"subject.provinces":           subject(func(s *certsv1.X509Subject) { s.Provinces = two }, func(c *x509.Certificate) []string { return c.Subject.Province }),
		"subject.streetAddresses":     subject(func(s *certsv1.X509Subject) { s.StreetAddresses = two }, func(c *x509.Certificate) []string { return c.Subject.StreetAddress }),
		"subject.postalCodes":         subject(func(s *certsv1.X509Subject) { s.PostalCodes = two }, func(c *x509.Certificate) []string { return c.Subject.PostalCode }),
		"subject.serialNumber":        subject(func(s *certsv1.X509Subject) { s.SerialNumber = "x, y" }, func(c *x509.Certificate) []string { return []string{c.Subject.SerialNumber} }),
		"literalSubject": {set: func(c *certsv1.Certificate) { c.Spec.LiteralSubject = "CN=svc,O=b,OU=a" }, shows: func(s seen) bool {
			n := s.leaf.Subject.Names
			return len(n) == 3 && n[0].Value == "a" && n[2].Value == "svc"
		}},
		"commonName": {set: func(c *certsv1.Certificate) { c.Spec.CommonName = "svc" }, shows: func(s seen) bool { return s.leaf.Subject.CommonName == "svc" }},
		"dnsNames":   {set: func(c *certsv1.Certificate) { c.Spec.DNSNames = []string{"b.example", "*.a.example"} }, shows: func(s seen) bool { return slices.Equal(s.leaf.DNSNames, []string{"b.example", "*.a.example"}) }},
		"ipAddresses": {set: func(c *certsv1.Certificate) { c.Spec.IPAddresses = []string{"192.0.2.1"} }, shows: func(s seen) bool {
			return len(s.leaf.IPAddresses) == 1 && s.leaf.IPAddresses[0].Equal(net.IPv4(192, 0, 2, 1))
		}},
		"uris":           {set: func(c *certsv1.Certificate) { c.Spec.URIs = []string{"spiffe://a/b"} }, shows: func(s seen) bool { return len(s.leaf.URIs) == 1 && s.leaf.URIs[0].String() == "spiffe://a/b" }},
		"emailAddresses": {set: func(c *certsv1.Certificate) { c.Spec.EmailAddresses = []string{"a@b.example"} }, shows: func(s seen) bool { return slices.Equal(s.leaf.EmailAddresses, []string{"a@b.example"}) }},
		"otherNames": {
			fields: []string{"otherNames.oid", "otherNames.utf8Value"},
			set:    func(c *certsv1.Certificate) { c.Spec.OtherNames = other }, shows: func(s seen) bool { return hasOther(s.leaf) },
		},
		"otherNames, taken away": {
			base: func(c *certsv1.Certificate) { c.Spec.OtherNames = other },
			set:  func(c *certsv1.Certificate) { c.Spec.OtherNames = nil }, when: later, shows: func(s seen) bool { return !hasOther(s.leaf) },
		},

		"duration, from none": {fields: []string{"duration"}, set: func(c *certsv1.Certificate) { c.Spec.Duration = hours(48) }, when: later, shows: func(s seen) bool { return s.leaf.NotAfter.Sub(s.leaf.NotBefore) == 48*time.Hour }},
		"duration, to another": {
			base: func(c *certsv1.Certificate) { c.Spec.Duration = hours(24) },
			set:  func(c *certsv1.Certificate) { c.Spec.Duration = hours(48) }, shows: func(s seen) bool { return s.leaf.NotAfter.Sub(s.leaf.NotBefore) == 48*time.Hour },
		},
		"renewBefore": renewal(func(c *certsv1.CertificateSpec) { c.RenewBefore = hours(10) }, func(at *metav1.Time, leaf *x509.Certificate) bool { return leaf.NotAfter.Sub(at.Time) == 10*time.Hour }),
		"renewBeforePercentage": renewal(func(c *certsv1.CertificateSpec) { c.RenewBeforePercentage = ptr.To(int32(50)) }, func(at *metav1.Time, leaf *x509.Certificate) bool {
			return leaf.NotAfter.Sub(at.Time) == 1080*time.Hour
		}),
		"renewal.policy": renewal(func(c *certsv1.CertificateSpec) { c.Renewal = &certsv1.CertificateRenewal{Policy: "Disabled"} }, func(at *metav1.Time, _ *x509.Certificate) bool { return at == nil }),
		"renewal.windows": func() edit {
			e := renewal(func(c *certsv1.CertificateSpec) {
				c.Renewal = &certsv1.CertificateRenewal{Policy: "RenewBefore", Windows: []certsv1.CertificateRenewalWindow{{Cron: fmt.Sprintf("0 %d * * *", hour), WindowDuration: *hours(1), Timezone: "Asia/Tokyo"}}}
			}, func(at *metav1.Time, _ *x509.Certificate) bool { return at.In(tokyo).Hour() == hour })
			e.fields = []string{"renewal.windows.cron", "renewal.windows.windowDuration", "renewal.windows.timezone"}
			return e
		}(),

		"secretName": {set: func(c *certsv1.Certificate) { c.Spec.SecretName = "moved" }, shows: func(s seen) bool {
			return s.after.Name == "moved" && sameData(s.before, s.secret(s.before.Name)) && !sameData(s.before, s.after)
		}},
		"secretTemplate": {
			fields: []string{"secretTemplate.labels", "secretTemplate.annotations"}, when: inPlace,
			set: func(c *certsv1.Certificate) {
				c.Spec.SecretTemplate = &certsv1.CertificateSecretTemplate{Labels: map[string]string{"a": "b"}, Annotations: map[string]string{"c": "d"}}
			},
			shows: func(s seen) bool { return s.after.Labels["a"] == "b" && s.after.Annotations["c"] == "d" },
		},
		"additionalOutputFormats.type": {when: inPlace, set: func(c *certsv1.Certificate) {
			c.Spec.AdditionalOutputFormats = []certsv1.CertificateAdditionalOutputFormat{{Type: "DER"}, {Type: "CombinedPEM"}}
		}, shows: func(s seen) bool {
			return bytes.Equal(s.after.Data["tls-combined.pem"], slices.Concat(s.after.Data["tls.key"], []byte("\n"), s.after.Data["tls.crt"])) && len(s.after.Data["key.der"]) > 0
		}},

		"issuerRef.name":  {set: func(c *certsv1.Certificate) { c.Spec.IssuerRef.Name = "self" }, shows: func(s seen) bool { return s.leaf.CheckSignatureFrom(s.leaf) == nil }, base: isCA},
		"issuerRef.kind":  {set: func(c *certsv1.Certificate) { c.Spec.IssuerRef.Kind = "ClusterIssuer" }, when: pending, shows: func(s seen) bool { return s.req.Spec.IssuerRef.Kind == "ClusterIssuer" }},
		"issuerRef.group": {set: func(c *certsv1.Certificate) { c.Spec.IssuerRef.Group = "cloud.example" }, when: pending, shows: func(s seen) bool { return s.req.Spec.IssuerRef.Group == "cloud.example" }},
		"isCA":            {set: isCA, shows: func(s seen) bool { return s.leaf.IsCA && s.leaf.KeyUsage&x509.KeyUsageCertSign != 0 && s.req.Spec.IsCA }},
		"usages": {set: func(c *certsv1.Certificate) { c.Spec.Usages = []certsv1.KeyUsage{"client auth", "key agreement"} }, shows: func(s seen) bool {
			return slices.Equal(s.leaf.ExtKeyUsage, []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}) && s.leaf.KeyUsage == x509.KeyUsageKeyAgreement
		}},
		"encodeUsagesInRequest": {set: func(c *certsv1.Certificate) { c.Spec.EncodeUsagesInRequest = ptr.To(false) }, when: later, shows: func(s seen) bool { return len(s.csr.Extensions) == 1 && s.leaf.KeyUsage != 0 }},

		"privateKey.algorithm": {set: func(c *certsv1.Certificate) { c.Spec.PrivateKey.Algorithm = "Ed25519" }, shows: func(s seen) bool { return s.leaf.PublicKeyAlgorithm == x509.Ed25519 }},
		"privateKey.size":      {set: func(c *certsv1.Certificate) { c.Spec.PrivateKey.Size = 384 }, shows: func(s seen) bool { return s.csr.SignatureAlgorithm == x509.ECDSAWithSHA384 }},
		"privateKey.encoding":  {set: func(c *certsv1.Certificate) { c.Spec.PrivateKey.Encoding = "PKCS8" }, when: later, shows: func(s seen) bool { return bytes.Contains(s.after.Data["tls.key"], []byte("BEGIN PRIVATE KEY")) }},
		"privateKey.rotationPolicy": {set: func(c *certsv1.Certificate) { c.Spec.PrivateKey.RotationPolicy = "Never" }, when: later, shows: func(s seen) bool {
			return bytes.Equal(s.before.Data["tls.key"], s.after.Data["tls.key"]) && !sameData(s.before, s.after)
		}},
		"signatureAlgorithm": {set: func(c *certsv1.Certificate) { c.Spec.SignatureAlgorithm = "ECDSAWithSHA512" }, when: later, shows: func(s seen) bool { return s.csr.SignatureAlgorithm == x509.ECDSAWithSHA512 }},
		"revisionHistoryLimit": {set: func(c *certsv1.Certificate) { c.Spec.RevisionHistoryLimit = ptr.To(int32(2)) }, when: later, shows: func(s seen) bool {
			return len(s.requestsOf(s.crt.Name)) == 2
		}},

		"nameConstraints.permitted.dnsDomains":     constrained(func(n *certsv1.NameConstraints) { n.Permitted.DNSDomains = []string{"example"} }, func(c *x509.Certificate) int { return len(c.PermittedDNSDomains) }),
		"nameConstraints.permitted.ipRanges":       constrained(func(n *certsv1.NameConstraints) { n.Permitted.IPRanges = []string{"10.0.0.0/8"} }, func(c *x509.Certificate) int { return len(c.PermittedIPRanges) }),
		"nameConstraints.permitted.emailAddresses": constrained(func(n *certsv1.NameConstraints) { n.Permitted.EmailAddresses = []string{"a.example"} }, func(c *x509.Certificate) int { return len(c.PermittedEmailAddresses) }),
		"nameConstraints.permitted.uriDomains":     constrained(func(n *certsv1.NameConstraints) { n.Permitted.URIDomains = []string{"a.example"} }, func(c *x509.Certificate) int { return len(c.PermittedURIDomains) }),
		"nameConstraints.excluded.dnsDomains":      constrained(func(n *certsv1.NameConstraints) { n.Excluded.DNSDomains = []string{"a.example"} }, func(c *x509.Certificate) int { return len(c.ExcludedDNSDomains) }),
		"nameConstraints.excluded.ipRanges":        constrained(func(n *certsv1.NameConstraints) { n.Excluded.IPRanges = []string{"2001:db8::/32"} }, func(c *x509.Certificate) int { return len(c.ExcludedIPRanges) }),
		"nameConstraints.excluded.emailAddresses":  constrained(func(n *certsv1.NameConstraints) { n.Excluded.EmailAddresses = []string{"a.example"} }, func(c *x509.Certificate) int { return len(c.ExcludedEmailAddresses) }),
		"nameConstraints.excluded.uriDomains":      constrained(func(n *certsv1.NameConstraints) { n.Excluded.URIDomains = []string{"a.example"} }, func(c *x509.Certificate) int { return len(c.ExcludedURIDomains) }),
		"nameConstraints.critical": constrained(func(n *certsv1.NameConstraints) { n.Critical, n.Permitted.DNSDomains = true, []string{"example"} }, func(c *x509.Certificate) int {
			if c.PermittedDNSDomainsCritical {
				return 1
			}
			return 0
		}),

		// What is written out but means the same, or is written in another order.
		"defaults, written out": {same: true, when: inPlace, set: func(c *certsv1.Certificate) {
			c.Spec.IssuerRef.Kind, c.Spec.IssuerRef.Group = "Issuer", "cert-manager.io"
			c.Spec.Usages = []certsv1.KeyUsage{"key encipherment", "digital signature"}
			c.Spec.PrivateKey.Size, c.Spec.PrivateKey.RotationPolicy, c.Spec.PrivateKey.Encoding = 256, "Always", "PKCS1"
			c.Spec.RevisionHistoryLimit, c.Spec.EncodeUsagesInRequest, c.Spec.Subject = ptr.To(int32(1)), ptr.To(true), &certsv1.X509Subject{}
		}, shows: func(s seen) bool { return s.before.ResourceVersion == s.after.ResourceVersion }},
		"names, in another order": {
			base: func(c *certsv1.Certificate) {
				c.Spec.DNSNames, c.Spec.IPAddresses = []string{"a.example", "b.example"}, []string{"2001:db8::1", "192.0.2.1"}
			},
			set: func(c *certsv1.Certificate) {
				c.Spec.DNSNames, c.Spec.IPAddresses = []string{"b.example", "a.example"}, []string{"::ffff:192.0.2.1", "2001:DB8:0::1"}
			},
			same: true, when: inPlace, shows: func(s seen) bool { return s.before.ResourceVersion == s.after.ResourceVersion },
		},
		"metadata": {when: later, set: func(c *certsv1.Certificate) {
			c.Labels, c.Annotations = map[string]string{"a": "b"}, map[string]string{"c": "d", "argocd.argoproj.io/e": "f"}
		}, shows: func(s seen) bool {
			_, leaked := s.req.Annotations["argocd.argoproj.io/e"]
			return s.req.Labels["a"] == "b" && s.req.Annotations["c"] == "d" && !leaked
		}},
	}
	for name, e := range table {
		if e.fields == nil {
			e.fields = []string{name}
			table[name] = e
		}
	}
	return table
}

func isCA(c *certsv1.Certificate) { c.Spec.IsCA = true }

func must2[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// TestEveryFieldTakesEffect edits each field of a Certificate that is settled:
// whether that leads to a new certificate, and what it shows in.
func TestEveryFieldTakesEffect(t *testing.T) {
	table := edits()
	covered := map[string]bool{}
	for _, e := range table {
		for _, f := range e.fields {
			covered[f] = true
		}
	}
	for _, path := range fieldsOf(reflect.TypeFor[certsv1.CertificateSpec](), "") {
		if !covered[path] && !slices.ContainsFunc(elsewhere, func(prefix string) bool { return strings.HasPrefix(path, prefix) }) {
			t.Errorf("no test looks at spec.%s", path)
		}
	}

	w := newWorld(t)
	w.start()
	w.withCA()
	w.create(selfSigned("self"))
	w.issuerReady("self")
	names := map[string]string{}
	for i, row := range slices.Sorted(maps.Keys(table)) {
		names[row] = fmt.Sprint("web-", i)
		c := newCertificate(names[row])
		if base := table[row].base; base != nil {
			base(c)
		}
		w.create(c)
	}
	before := map[string]*corev1.Secret{}
	for row, name := range names {
		s := w.look(name, 1)
		if before[row] = s.after; table[row].shows(s) != table[row].same {
			t.Errorf("%s shows before it was edited", row)
		}
	}
	for row, name := range names {
		w.update(name, table[row].set)
	}
	w.quiet()
	for row, name := range names {
		revision := 1
		if table[row].when == again {
			revision = 2
		}
		if got := w.certificate(name).Status.Revision; *got != revision {
			t.Errorf("an edit of %s led to revision %d, want %d", row, *got, revision)
		}
		if table[row].when == later {
			w.askByHand(name)
		}
	}
	w.quiet()
	for row, name := range names {
		t.Run(row, func(t *testing.T) {
			e, w := table[row], w.at(t)
			if e.when == pending {
				if s := (seen{req: w.certificateRequest(name + "-2")}); !e.shows(s) {
					t.Errorf("it does not show in %+v", s.req.Spec)
				}
				return
			}
			w.until("it shows", func() error {
				revision := 2
				if e.when == inPlace {
					revision = 1
				}
				s := w.look(name, revision)
				if s.before = before[row]; !e.shows(s) {
					return errors.New("it does not")
				}
				return nil
			})
		})
	}
}

// look returns what a Certificate that is ready at a revision shows.
func (w *world) look(name string, revision int) seen {
	w.t.Helper()
	crt, secret, leaf := w.ready(name, revision)
	req := w.certificateRequest(fmt.Sprintf("%s-%d", name, revision))
	csr, err := certs.DecodeCSR(req.Spec.Request)
	must(w.t, err)
	return seen{world: w, crt: crt, req: req, csr: csr, leaf: leaf, before: secret, after: secret}
}

// fieldsOf returns the paths of the fields of a type that hold values.
func fieldsOf(t reflect.Type, prefix string) (paths []string) {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || t == reflect.TypeFor[metav1.Duration]() {
		return []string{strings.TrimSuffix(prefix, ".")}
	}
	for f := range t.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "" { // inline
			paths = append(paths, fieldsOf(f.Type, prefix)...)
			continue
		}
		paths = append(paths, fieldsOf(f.Type, prefix+name+".")...)
	}
	return paths
}

// TestHistory: as many requests stay as the limit says, the latest; not one of
// another owner is touched.
func TestHistory(t *testing.T) {
	w := newWorld(t)
	w.start()
	w.withCA()
	w.create(newCertificate("web", func(c *certsv1.Certificate) { c.Spec.RevisionHistoryLimit = ptr.To(int32(3)) }))
	w.ready("web", 1)
	theirs := w.certificateRequest("web-1").DeepCopy()
	theirs.ObjectMeta = metav1.ObjectMeta{Name: "web-0", Annotations: map[string]string{certsv1.CertificateRevisionKey: "1", certsv1.CertificateNameKey: "web"}}
	theirs.Status = certsv1.CertificateRequestStatus{}
	theirs.Spec.IssuerRef = cmmeta.IssuerReference{Name: "x", Kind: "CloudIssuer", Group: "cloud.example"}
	w.create(theirs)
	for revision := 2; revision <= 5; revision++ {
		w.askByHand("web")
		w.ready("web", revision)
	}
	w.quiet()
	var list certsv1.CertificateRequestList
	must(t, w.client.List(t.Context(), &list, client.InNamespace(w.namespace)))
	var left []string
	for _, r := range list.Items {
		left = append(left, r.Name)
	}
	slices.Sort(left)
	if !slices.Equal(left, []string{"web-0", "web-3", "web-4", "web-5"}) {
		t.Errorf("%v are left", left)
	}
}
