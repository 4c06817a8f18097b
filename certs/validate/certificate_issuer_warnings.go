package validate

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/certwright/certwright/certs"
	acmev1 "github.com/certwright/certwright/certs/acme/v1"
	"github.com/certwright/certwright/certs/solver"
	certsv1 "github.com/certwright/certwright/certs/v1"
)

// CertificateIssuerWarnings returns what the spec of the issuer that crt names
// shows it cannot do for crt. Whether the issuer is ready is not asked here.
func CertificateIssuerWarnings(crt *certsv1.Certificate, issuer certsv1.GenericIssuer) []string {
	acme := issuer.GetSpec().ACME
	if acme == nil {
		return nil
	}
	name := fmt.Sprintf("the %s %q", issuer.IssuerKind(), issuer.GetName())
	var warnings []string
	for _, warn := range []func(*certsv1.Certificate, *acmev1.ACMEIssuer, string) []string{
		unprovenNames, unorderedNames, tooManyNames, ungivenDuration,
	} {
		warnings = append(warnings, warn(crt, acme, name)...)
	}
	return warnings
}

// A proof is what may prove control over a name.
type proof struct {
	what string
	can  func(*acmev1.ACMEChallengeSolver) bool
}

var (
	anySolver = proof{"a solver", func(*acmev1.ACMEChallengeSolver) bool { return true }}
	// A file on a host says nothing about the other hosts of a zone.
	dns01Solver = proof{"a DNS-01 solver", func(s *acmev1.ACMEChallengeSolver) bool { return s.DNS01 != nil }}
	// RFC 8738 section 7.
	http01Solver = proof{"an HTTP-01 solver", func(s *acmev1.ACMEChallengeSolver) bool { return s.HTTP01 != nil }}
)

// unprovenNames warns of the first name that no solver can prove.
func unprovenNames(crt *certsv1.Certificate, acme *acmev1.ACMEIssuer, issuer string) []string {
	if len(acme.Solvers) == 0 {
		return nil // the CA may have authorised the account beforehand
	}
	var unproven []string
	check := func(list string, i int, value, kind string, subject solver.Subject, p proof) {
		if solver.Choose(subject, acme.Solvers, p.can) >= 0 {
			return
		}
		why := "has none"
		if hasSolver(acme.Solvers, p.can) {
			why = "has none with a selector that matches"
		}
		unproven = append(unproven, fmt.Sprintf("spec.%s[%d]: the %s %s needs %s, and %s %s", list, i, kind, shorten(value, maxQuoted), p.what, issuer, why))
	}
	for i, name := range crt.Spec.DNSNames {
		if base, wildcard := strings.CutPrefix(name, "*."); wildcard {
			check("dnsNames", i, name, "wildcard", solver.Subject{Name: base, Wildcard: true, Labels: crt.Labels}, dns01Solver)
		} else {
			check("dnsNames", i, name, "name", solver.Subject{Name: name, Labels: crt.Labels}, anySolver)
		}
	}
	for i, address := range crt.Spec.IPAddresses {
		check("ipAddresses", i, address, "address", solver.Subject{Name: address, Labels: crt.Labels}, http01Solver)
	}
	if more := len(unproven) - 1; more > 0 {
		return []string{fmt.Sprintf("%s (%d more like it)", unproven[0], more)}
	}
	return unproven
}

func hasSolver(solvers []acmev1.ACMEChallengeSolver, can func(*acmev1.ACMEChallengeSolver) bool) bool {
	for i := range solvers {
		if can(&solvers[i]) {
			return true
		}
	}
	return false
}

// unorderedNames warns of what no ACME order can ask for.
func unorderedNames(crt *certsv1.Certificate, _ *acmev1.ACMEIssuer, issuer string) []string {
	var warnings []string
	for _, field := range []struct {
		name string
		set  bool
	}{
		{"uris", len(crt.Spec.URIs) > 0},
		{"emailAddresses", len(crt.Spec.EmailAddresses) > 0},
		{"otherNames", len(crt.Spec.OtherNames) > 0},
		{"isCA", crt.Spec.IsCA},
	} {
		if field.set {
			warnings = append(warnings, fmt.Sprintf("spec.%s: %s is an ACME issuer, which gives certificates for DNS names and IP addresses only; leave %s out or use another issuer", field.name, issuer, field.name))
		}
	}
	return warnings
}

// maxNames is how many names certificates of public CAs have at most.
const maxNames = 100

// A profile is a certificate profile of which the limits are known.
type profile struct {
	names    int
	lifetime time.Duration
}

// profiles are those of Let's Encrypt, on 2026-09-08
// (https://letsencrypt.org/docs/profiles/), by the name that others use, too.
var profiles = map[string]profile{
	"classic":    {names: maxNames},
	"tlsserver":  {names: 25, lifetime: 45 * 24 * time.Hour},
	"shortlived": {names: 25, lifetime: 160 * time.Hour},
}

func tooManyNames(crt *certsv1.Certificate, acme *acmev1.ACMEIssuer, issuer string) []string {
	limit := maxNames
	what := "most ACME servers take at most %d"
	if p, known := profiles[acme.Profile]; known {
		limit, what = p.names, "its profile "+acme.Profile+" takes at most %d"
	}
	if n := len(certificateNames(&crt.Spec)); n > limit {
		return []string{fmt.Sprintf("spec.dnsNames: %d names are too many for %s: "+what+"; use several Certificates, or a wildcard", n, issuer, limit)}
	}
	return nil
}

// certificateNames are the different names that an ACME order asks for.
func certificateNames(spec *certsv1.CertificateSpec) map[string]bool {
	names := make(map[string]bool, len(spec.DNSNames)+len(spec.IPAddresses)+1)
	for _, name := range spec.DNSNames {
		names[strings.ToLower(name)] = true
	}
	for _, address := range spec.IPAddresses {
		if ip, err := netip.ParseAddr(address); err == nil {
			address = ip.Unmap().String()
		}
		names[address] = true
	}
	if cn := spec.CommonName; strings.Contains(cn, ".") {
		names[strings.ToLower(cn)] = true
	}
	return names
}

// ungivenDuration warns of a written duration that the server is known not to
// give. The usual 90 days are what most give by themselves.
func ungivenDuration(crt *certsv1.Certificate, acme *acmev1.ACMEIssuer, issuer string) []string {
	if crt.Spec.Duration == nil {
		return nil
	}
	wanted := crt.Spec.Duration.Duration
	given := profiles[acme.Profile].lifetime
	switch {
	case given > 0 && wanted > given:
		return []string{fmt.Sprintf("spec.duration: certificates of %s end after %s, as its profile %s has it; renewal goes by the certificate that is issued", issuer, given, acme.Profile)}
	case given > 0 || acme.EnableDurationFeature || wanted == certs.DefaultDuration:
		return nil
	default:
		return []string{fmt.Sprintf("spec.duration: %s leaves the lifetime to the ACME server; renewal goes by the certificate that is issued", issuer)}
	}
}
