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

// CertificateSecretWarnings warns that others write the Secret of a
// Certificate. sharers are the names of the other Certificates, sorted.
func CertificateSecretWarnings(crt *certsv1.Certificate, sharers []string) []string {
	if len(sharers) == 0 {
		return nil
	}
	return []string{fmt.Sprintf("spec.secretName: the Secret %q is also that of the Certificate %q; only one of them gets it", crt.Spec.SecretName, sharers[0])}
}
