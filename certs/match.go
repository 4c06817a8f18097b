package certs

import (
	"bytes"
	"crypto/x509"
	"net"
	"net/url"
	"slices"

	certsv1 "github.com/certwright/certwright/certs/v1"
)

// RequestMismatch returns the paths of the fields in which spec asks for
// something else than the CertificateRequest req, whose parsed signing request
// is csr. The order of list elements does not matter; absent and explicitly
// default are the same.
func RequestMismatch(spec *certsv1.CertificateSpec, req *certsv1.CertificateRequestSpec, csr *x509.CertificateRequest) []string {
	var paths []string
	check := func(path string, same bool) {
		if !same {
			paths = append(paths, path)
		}
	}
	check("spec.ipAddresses", sameElements(canonicalIPs(spec.IPAddresses), ipStrings(csr.IPAddresses)))
	check("spec.uris", sameElements(canonicalURIs(spec.URIs), uriStrings(csr.URIs)))
	check("spec.emailAddresses", sameElements(spec.EmailAddresses, csr.EmailAddresses))
	check("spec.dnsNames", sameElements(spec.DNSNames, csr.DNSNames))
	if len(spec.OtherNames) > 0 {
		got, err := otherNames(csr.Extensions)
		check("spec.otherNames", err == nil && sameElements(otherNameStrings(spec.OtherNames), otherNameStrings(got)))
	}
	if spec.LiteralSubject != "" {
		want, err := rawSubject(spec)
		check("spec.literalSubject", err == nil && bytes.Equal(want, csr.RawSubject))
	} else {
		var s certsv1.X509Subject
		if spec.Subject != nil {
			s = *spec.Subject
		}
		check("spec.commonName", spec.CommonName == csr.Subject.CommonName)
		check("spec.subject.serialNumber", s.SerialNumber == csr.Subject.SerialNumber)
		check("spec.subject.organizations", sameElements(s.Organizations, csr.Subject.Organization))
		check("spec.subject.countries", sameElements(s.Countries, csr.Subject.Country))
		check("spec.subject.organizationalUnits", sameElements(s.OrganizationalUnits, csr.Subject.OrganizationalUnit))
		check("spec.subject.localities", sameElements(s.Localities, csr.Subject.Locality))
		check("spec.subject.provinces", sameElements(s.Provinces, csr.Subject.Province))
		check("spec.subject.streetAddresses", sameElements(s.StreetAddresses, csr.Subject.StreetAddress))
		check("spec.subject.postalCodes", sameElements(s.PostalCodes, csr.Subject.PostalCode))
	}
	check("spec.isCA", spec.IsCA == req.IsCA)
	check("spec.usages", sameElements(orDefaultUsages(spec.Usages), orDefaultUsages(req.Usages)))
	check("spec.duration", spec.Duration == nil || req.Duration == nil || spec.Duration.Duration == req.Duration.Duration)
	check("spec.issuerRef", spec.IssuerRef.Equal(req.IssuerRef))
	return paths
}

// NamesMismatch returns the paths of the names in which spec differs from a
// certificate of which only the names are known. DNS names may stand in the
// common name instead and the other way round; nothing else is compared.
func NamesMismatch(spec *certsv1.CertificateSpec, names Names) []string {
	var paths []string
	cn := spec.CommonName
	if spec.LiteralSubject != "" {
		cn = names.CommonName // not compared
	}
	if !slices.Equal(nameSet(cn, spec.DNSNames), nameSet(names.CommonName, names.DNSNames)) {
		paths = append(paths, "spec.commonName", "spec.dnsNames")
	}
	if !sameElements(canonicalIPs(spec.IPAddresses), names.IPAddresses) {
		paths = append(paths, "spec.ipAddresses")
	}
	if !sameElements(canonicalURIs(spec.URIs), names.URIs) {
		paths = append(paths, "spec.uris")
	}
	if !sameElements(spec.EmailAddresses, names.EmailAddresses) {
		paths = append(paths, "spec.emailAddresses")
	}
	return paths
}

// Names are the names in a certificate.
type Names struct {
	CommonName                                  string
	DNSNames, IPAddresses, URIs, EmailAddresses []string
}

// NamesOf returns the names in a certificate.
func NamesOf(leaf *x509.Certificate) Names {
	return Names{
		CommonName: leaf.Subject.CommonName, DNSNames: leaf.DNSNames, IPAddresses: ipStrings(leaf.IPAddresses),
		URIs: uriStrings(leaf.URIs), EmailAddresses: leaf.EmailAddresses,
	}
}

func nameSet(cn string, dnsNames []string) []string {
	set := slices.Clone(dnsNames)
	if cn != "" {
		set = append(set, cn)
	}
	slices.Sort(set)
	return slices.Compact(set)
}

// sameElements reports whether a and b hold the same elements equally often.
func sameElements[T ~string](a, b []T) bool {
	if len(a) != len(b) {
		return false
	}
	a, b = slices.Clone(a), slices.Clone(b)
	slices.Sort(a)
	slices.Sort(b)
	return slices.Equal(a, b)
}

func orDefaultUsages(usages []certsv1.KeyUsage) []certsv1.KeyUsage {
	if len(usages) == 0 {
		return DefaultUsages()
	}
	return usages
}

func canonicalIPs(addresses []string) []string {
	var out []string
	for _, address := range addresses {
		if ip := net.ParseIP(address); ip != nil {
			address = ip.String()
		}
		out = append(out, address)
	}
	return out
}

func ipStrings(ips []net.IP) []string {
	var out []string
	for _, ip := range ips {
		out = append(out, ip.String())
	}
	return out
}

func canonicalURIs(uris []string) []string {
	var out []string
	for _, text := range uris {
		if u, err := url.Parse(text); err == nil {
			text = u.String()
		}
		out = append(out, text)
	}
	return out
}

func uriStrings(uris []*url.URL) []string {
	var out []string
	for _, u := range uris {
		out = append(out, u.String())
	}
	return out
}

// otherNameStrings writes each name in one way, as 1.2.03 and 1.2.3 are the
// same type.
func otherNameStrings(names []certsv1.OtherName) []string {
	var out []string
	for _, n := range names {
		if oid, err := ParseOID(n.OID); err == nil {
			n.OID = oid.String()
		}
		out = append(out, n.OID+"="+n.UTF8Value)
	}
	return out
}
