package validate

import (
	"net"
	"net/mail"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"unicode/utf8"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/certwright/certwright/certs"
	certsv1 "github.com/certwright/certwright/certs/v1"
)

// maxCommonName is the upper bound of a common name (RFC 5280 appendix A.1),
// in bytes as cert-manager counts it.
const maxCommonName = 64

func commonName(spec *certsv1.CertificateSpec) field.ErrorList {
	path := specPath.Child("commonName")
	var errs field.ErrorList
	if len(spec.CommonName) > maxCommonName {
		errs = append(errs, tooLong(path, spec.CommonName, "may not be more than 64 bytes; put long names into dnsNames and leave commonName out"))
	}
	if spec.LiteralSubject == "" {
		return errs
	}
	if spec.CommonName != "" {
		errs = append(errs, field.Invalid(path, spec.CommonName, "may not be set together with literalSubject; write it as CN= in literalSubject"))
	}
	if cn, err := certs.LiteralCommonName(spec.LiteralSubject); err == nil && len(cn) > maxCommonName {
		errs = append(errs, tooLong(path, cn, "the CN in literalSubject may not be more than 64 bytes; put long names into dnsNames"))
	}
	return errs
}

func subject(spec *certsv1.CertificateSpec) field.ErrorList {
	s := spec.Subject
	if spec.LiteralSubject == "" || s == nil {
		return nil
	}
	for _, list := range [][]string{
		s.Organizations, s.Countries, s.OrganizationalUnits, s.Localities, s.Provinces, s.StreetAddresses, s.PostalCodes,
	} {
		if len(list) > 0 {
			return field.ErrorList{subjectTwice()}
		}
	}
	if s.SerialNumber != "" {
		return field.ErrorList{subjectTwice()}
	}
	return nil
}

func subjectTwice() *field.Error {
	return field.Invalid(specPath.Child("subject"), field.OmitValueType{}, "may not be set together with literalSubject; write its parts in literalSubject")
}

func literalSubject(spec *certsv1.CertificateSpec) field.ErrorList {
	if spec.LiteralSubject == "" {
		return nil
	}
	if _, err := certs.LiteralCommonName(spec.LiteralSubject); err != nil {
		return field.ErrorList{field.Invalid(specPath.Child("literalSubject"), spec.LiteralSubject, err.Error())}
	}
	return nil
}

func ipAddresses(spec *certsv1.CertificateSpec) field.ErrorList {
	var errs field.ErrorList
	for i, address := range spec.IPAddresses {
		if ip, err := netip.ParseAddr(address); err != nil || ip.Zone() != "" {
			errs = append(errs, field.Invalid(specPath.Child("ipAddresses").Index(i), address, "is not an IP address; write one IPv4 or IPv6 address, without zone and prefix length"))
		}
	}
	return errs
}

func emailAddresses(spec *certsv1.CertificateSpec) field.ErrorList {
	var errs field.ErrorList
	for i, address := range spec.EmailAddresses {
		if parsed, err := mail.ParseAddress(address); err != nil || parsed.Address != address {
			errs = append(errs, field.Invalid(specPath.Child("emailAddresses").Index(i), address, "is not a bare e-mail address; write it like ops@example.com, without name, brackets and mailto:"))
		}
	}
	return errs
}

var dottedIntegers = regexp.MustCompile(`^[0-9]+(\.[0-9]+)*$`)

func otherNames(spec *certsv1.CertificateSpec) field.ErrorList {
	var errs field.ErrorList
	for i, name := range spec.OtherNames {
		path := specPath.Child("otherNames").Index(i)
		if name.OID == "" {
			errs = append(errs, field.Required(path.Child("oid"), "set the type of the name, for example 1.3.6.1.4.1.311.20.2.3"))
		}
		if !dottedIntegers.MatchString(name.OID) {
			errs = append(errs, field.Invalid(path.Child("oid"), name.OID, "is not an object identifier; write integers with dots between them, for example 1.3.6.1.4.1.311.20.2.3"))
		}
		if name.UTF8Value == "" || !utf8.ValidString(name.UTF8Value) {
			errs = append(errs, field.Required(path.Child("utf8Value"), "set the name as text in UTF-8"))
		}
	}
	return errs
}

// anyName refuses a certificate for nobody.
func anyName(spec *certsv1.CertificateSpec) field.ErrorList {
	cn := spec.CommonName
	if cn == "" && spec.LiteralSubject != "" {
		literal, err := certs.LiteralCommonName(spec.LiteralSubject)
		if err != nil {
			return nil // reported by literalSubject; there may be a name in it
		}
		cn = literal
	}
	if cn != "" || len(spec.DNSNames)+len(spec.URIs)+len(spec.EmailAddresses)+len(spec.IPAddresses)+len(spec.OtherNames) > 0 {
		return nil
	}
	return field.ErrorList{field.Invalid(specPath, "", "has no name; set at least one of dnsNames, ipAddresses, uris, emailAddresses, otherNames, commonName, or a CN in literalSubject")}
}

var dnsCharacters = regexp.MustCompile(`^[A-Za-z0-9_*.-]+$`)

// encodableDNSNames refuses what no certificate can carry as a DNS name, or no
// signing request that we could read again. Underscores, a dot at the end and
// wildcards in any place are for the issuer to judge.
func encodableDNSNames(spec *certsv1.CertificateSpec) field.ErrorList {
	var errs field.ErrorList
	for i, name := range spec.DNSNames {
		if problem := dnsNameProblem(name); problem != "" {
			errs = append(errs, field.Invalid(specPath.Child("dnsNames").Index(i), name, problem))
		}
	}
	return errs
}

func dnsNameProblem(name string) string {
	switch {
	case name == "":
		return "is empty; write a DNS name such as www.example.com, or take the entry out"
	case !ascii(name):
		return "has characters outside ASCII; write the name in its ASCII form (punycode), which has labels that start with xn--"
	case strings.Contains(name, "://"):
		return "is a URL; write only its host, for example www.example.com"
	case !dnsCharacters.MatchString(name):
		return "is not a DNS name; use letters, digits, '-', '_', '.' and '*' only, without port and path"
	case strings.HasPrefix(name, "."), strings.Contains(name, ".."):
		return "has an empty label; write labels with single dots between them, and a wildcard as *.example.com"
	default:
		return ""
	}
}

func encodableURIs(spec *certsv1.CertificateSpec) field.ErrorList {
	var errs field.ErrorList
	for i, text := range spec.URIs {
		if problem := uriProblem(text); problem != "" {
			errs = append(errs, field.Invalid(specPath.Child("uris").Index(i), text, problem))
		}
	}
	return errs
}

func uriProblem(text string) string {
	u, err := url.Parse(text)
	switch {
	case text == "":
		return "is empty; write a URI such as spiffe://cluster.local/ns/a/sa/b, or take the entry out"
	case err != nil:
		return "is not a URI; write it like spiffe://cluster.local/ns/a/sa/b"
	case !ascii(text):
		return "has characters outside ASCII; write them percent-encoded, in the host as punycode (xn--…)"
	case strings.HasPrefix(u.Host, "."), !readableDomain(u.Host):
		return "has a host that is not a name; write a host without spaces, empty labels and a dot at its end"
	default:
		return ""
	}
}

func encodableEmailAddresses(spec *certsv1.CertificateSpec) field.ErrorList {
	var errs field.ErrorList
	for i, address := range spec.EmailAddresses {
		if !ascii(address) {
			errs = append(errs, field.Invalid(specPath.Child("emailAddresses").Index(i), address, "has characters outside ASCII; use an address in ASCII, its domain as punycode (xn--…)"))
		}
	}
	return errs
}

func encodableOtherNames(spec *certsv1.CertificateSpec) field.ErrorList {
	var errs field.ErrorList
	for i, name := range spec.OtherNames {
		if !dottedIntegers.MatchString(name.OID) {
			continue // reported by otherNames
		}
		if _, err := certs.ParseOID(name.OID); err != nil {
			errs = append(errs, field.Invalid(specPath.Child("otherNames").Index(i).Child("oid"), name.OID,
				"cannot be encoded; its first number is 0, 1 or 2, its second, after 0 and 1, less than 40, there are at least two, and none is over 2147483647"))
		}
	}
	return errs
}

func ascii(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r > 127 }) < 0
}

// readableDomain reports whether a certificate with s as host of a URI, or as
// domain of a name constraint, can be read again: crypto/x509 refuses others.
// A name constraint may begin with a dot, and is for every name if it is empty.
func readableDomain(s string) bool {
	if s == "" {
		return true
	}
	for label := range strings.SplitSeq(strings.TrimPrefix(s, "."), ".") {
		if label == "" {
			return false
		}
	}
	return strings.IndexFunc(s, func(r rune) bool { return r < 33 || r > 126 }) < 0
}

func nameConstraints(spec *certsv1.CertificateSpec) field.ErrorList {
	c, path := spec.NameConstraints, specPath.Child("nameConstraints")
	if c == nil {
		return nil
	}
	var errs field.ErrorList
	if !spec.IsCA {
		errs = append(errs, field.Invalid(path, field.OmitValueType{}, "are for CA certificates only; set isCA: true, or take nameConstraints out"))
	}
	if c.Permitted == nil && c.Excluded == nil {
		errs = append(errs, field.Invalid(path, field.OmitValueType{}, "constrain nothing; set permitted or excluded, or take nameConstraints out"))
	}
	eachConstraint(c, path, func(kind string, path *field.Path, value string) {
		if kind != "ipRanges" {
			return
		}
		if _, _, err := net.ParseCIDR(value); err != nil {
			errs = append(errs, field.Invalid(path, value, "is not an IP range; write it in CIDR form, for example 10.0.0.0/8"))
		}
	})
	return errs
}

// encodableNameConstraints refuses domains with which no certificate could be
// read again.
func encodableNameConstraints(spec *certsv1.CertificateSpec) field.ErrorList {
	var errs field.ErrorList
	eachConstraint(spec.NameConstraints, specPath.Child("nameConstraints"), func(kind string, path *field.Path, value string) {
		if problem := constraintProblem(kind, value); problem != "" {
			errs = append(errs, field.Invalid(path, value, problem))
		}
	})
	return errs
}

func constraintProblem(kind, value string) string {
	switch {
	case kind == "ipRanges": // see nameConstraints
		return ""
	case !ascii(value):
		return "has characters outside ASCII; write domains in their ASCII form (punycode), which has labels that start with xn--"
	case kind == "uriDomains" && net.ParseIP(value) != nil:
		return "is an IP address; write a domain such as example.com, or use ipRanges"
	case kind == "emailAddresses" && strings.Contains(value, "@"):
		if parsed, err := mail.ParseAddress(value); err != nil || parsed.Address != value {
			return "is not an e-mail address; write it like ops@example.com, or a domain such as example.com"
		}
		return ""
	case !readableDomain(value):
		return "is not a domain; write it like example.com or .example.com, without spaces, empty labels and a dot at its end"
	default:
		return ""
	}
}

// eachConstraint calls do for every value in c.
func eachConstraint(c *certsv1.NameConstraints, path *field.Path, do func(kind string, path *field.Path, value string)) {
	if c == nil {
		return
	}
	for _, side := range []struct {
		name string
		item *certsv1.NameConstraintItem
	}{{"permitted", c.Permitted}, {"excluded", c.Excluded}} {
		if side.item == nil {
			continue
		}
		for _, list := range []struct {
			kind   string
			values []string
		}{
			{"dnsDomains", side.item.DNSDomains},
			{"ipRanges", side.item.IPRanges},
			{"emailAddresses", side.item.EmailAddresses},
			{"uriDomains", side.item.URIDomains},
		} {
			for i, value := range list.values {
				do(list.kind, path.Child(side.name, list.kind).Index(i), value)
			}
		}
	}
}
