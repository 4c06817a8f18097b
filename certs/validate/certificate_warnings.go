package validate

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	certsv1 "github.com/certwright/certwright/certs/v1"
)

// CertificateWarnings returns what is allowed but seldom wanted, as far as the
// object alone shows it.
func CertificateWarnings(crt *certsv1.Certificate) []string {
	spec := &crt.Spec
	var warnings []string
	if k := spec.Keystores; k != nil {
		const clear = "spec.keystores.%s.password is readable by everybody who may read this Certificate; use passwordSecretRef instead"
		if k.JKS != nil && k.JKS.Password != nil {
			warnings = append(warnings, fmt.Sprintf(clear, "jks"))
		}
		if k.PKCS12 != nil && k.PKCS12.Password != nil {
			warnings = append(warnings, fmt.Sprintf(clear, "pkcs12"))
		}
	}
	warnings = append(warnings, outdated(spec)...)
	for i, name := range spec.DNSNames {
		if _, err := netip.ParseAddr(name); err == nil {
			warnings = append(warnings, fmt.Sprintf("spec.dnsNames[%d] is an IP address, which clients do not look for there; move %s to spec.ipAddresses", i, name))
		}
	}
	// RFC 8555 section 7.4 wants a common name to be one of the names ordered;
	// TLS clients look only at those (RFC 9525 section 6.3).
	if cn := spec.CommonName; !spec.IsCA && strings.Contains(cn, ".") && dnsNameProblem(cn) == "" &&
		!slices.Contains(spec.DNSNames, cn) && !slices.Contains(spec.IPAddresses, cn) {
		warnings = append(warnings, fmt.Sprintf("spec.commonName is not among spec.dnsNames: TLS clients ignore it there and ACME issuers refuse it; add %s to spec.dnsNames", shorten(cn, maxQuoted)))
	}
	return warnings
}

// outdated warns of values that are kept for those who cannot do without.
func outdated(spec *certsv1.CertificateSpec) []string {
	var warnings []string
	if k := spec.Keystores; k != nil && k.PKCS12 != nil {
		if p := k.PKCS12.Profile; p == certsv1.LegacyRC2PKCS12Profile || p == certsv1.LegacyDESPKCS12Profile {
			warnings = append(warnings, fmt.Sprintf("spec.keystores.pkcs12.profile: %s is deprecated, its encryption is weak and many programs refuse it; use %s", p, certsv1.Modern2023PKCS12Profile))
		}
	}
	for i, u := range spec.Usages {
		if u == certsv1.UsageMicrosoftSGC || u == certsv1.UsageNetscapeSGC {
			warnings = append(warnings, fmt.Sprintf("spec.usages[%d]: %q is deprecated, no program looks for it any more; leave it out", i, string(u)))
		}
	}
	return warnings
}

// CertificateSecretWarnings warns that others write the Secret of a
// Certificate. sharers are the names of the other Certificates, sorted.
func CertificateSecretWarnings(crt *certsv1.Certificate, sharers []string) []string {
	if len(sharers) == 0 {
		return nil
	}
	return []string{fmt.Sprintf("spec.secretName: the Secret %q is also that of the Certificate %q; only one of them gets it", crt.Spec.SecretName, sharers[0])}
}
