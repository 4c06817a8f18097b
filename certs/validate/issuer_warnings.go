package validate

import (
	"fmt"
	"strings"

	acmev1 "github.com/certwright/certwright/certs/acme/v1"
	certsv1 "github.com/certwright/certwright/certs/v1"
)

// IssuerWarnings returns what is allowed in the spec of an Issuer or a
// ClusterIssuer, but of no use.
func IssuerWarnings(spec *certsv1.IssuerSpec) []string {
	var warnings []string
	if a := spec.ACME; a != nil {
		if eab := a.ExternalAccountBinding; eab != nil && eab.KeyAlgorithm != "" {
			// Word for word as cert-manager says it.
			warnings = append(warnings, "ACME issuer spec field 'externalAccount.keyAlgorithm' is deprecated. The value of this field will be ignored.")
		}
		warnings = append(warnings, outdatedACME(a)...)
		if len(a.Solvers) == 0 {
			warnings = append(warnings, "spec.acme.solvers is empty: nothing is issued unless the CA has authorised the account beforehand; add a solver")
		}
		for i, s := range a.Solvers {
			if s.DNS01 == nil || s.DNS01.Route53 == nil {
				continue
			}
			path := fmt.Sprintf("spec.acme.solvers[%d].dns01.route53", i)
			r := s.DNS01.Route53
			if id := r.AccessKeyID != "" || isSet(r.SecretAccessKeyID); id != (r.SecretAccessKey.Name != "") {
				warnings = append(warnings, path+" has half of an access key: set both its ID and secretAccessKeySecretRef, or neither")
			}
			if r.Auth != nil && r.Role == "" {
				warnings = append(warnings, path+".auth needs role: set the IAM role that the ServiceAccount assumes")
			}
		}
	}
	if v := spec.Vault; v != nil {
		var ways []string
		for _, way := range []struct {
			name string
			set  bool
		}{
			{"tokenSecretRef", v.Auth.TokenSecretRef != nil},
			{"appRole", v.Auth.AppRole != nil},
			{"clientCertificate", v.Auth.ClientCertificate != nil},
			{"kubernetes", v.Auth.Kubernetes != nil},
			{"aws", v.Auth.AWS != nil},
		} {
			if way.set {
				ways = append(ways, way.name)
			}
		}
		if len(ways) > 1 {
			warnings = append(warnings, fmt.Sprintf("spec.vault.auth has %d ways to log in, with which the issuer does not become ready; keep one of %v", len(ways), ways))
		}
	}
	if v := spec.Venafi; v != nil {
		if v.TPP != nil && v.TPP.CredentialsRef.Name == "" {
			warnings = append(warnings, "spec.venafi.tpp.credentialsRef names no Secret: set its name")
		}
		if v.Cloud != nil && v.Cloud.APITokenSecretRef.Name == "" {
			warnings = append(warnings, "spec.venafi.cloud.apiTokenSecretRef names no Secret: set its name")
		}
	}
	return warnings
}

// retiredServers are directories that do not answer any more, and what to use.
var retiredServers = map[string]string{
	"https://acme-v01.api.letsencrypt.org/directory":     "https://acme-v02.api.letsencrypt.org/directory",
	"https://acme-staging.api.letsencrypt.org/directory": "https://acme-staging-v02.api.letsencrypt.org/directory",
	"https://api.buypass.com/acme/directory":             "another CA",
	"https://api.test4.buypass.no/acme/directory":        "another CA",
}

// outdatedACME warns of what has been given up by others.
func outdatedACME(a *acmev1.ACMEIssuer) []string {
	var warnings []string
	if instead, retired := retiredServers[strings.TrimSuffix(a.Server, "/")]; retired {
		warnings = append(warnings, fmt.Sprintf("spec.acme.server: %s does not issue any more; use %s", a.Server, instead))
	}
	if a.Profile == "tlsclient" {
		warnings = append(warnings, "spec.acme.profile: tlsclient is deprecated, public CAs do not issue certificates for clients any more; use another issuer for these")
	}
	for i, s := range a.Solvers {
		path := fmt.Sprintf("spec.acme.solvers[%d]", i)
		if s.HTTP01 != nil && s.HTTP01.Ingress != nil && s.HTTP01.Ingress.Class != nil {
			warnings = append(warnings, path+".http01.ingress.class sets an annotation that is deprecated in Kubernetes; use ingressClassName if your ingress controller knows it")
		}
		if s.DNS01 != nil && s.DNS01.AzureDNS != nil && s.DNS01.AzureDNS.Environment == "AzureGermanCloud" {
			warnings = append(warnings, path+".dns01.azureDNS.environment: AzureGermanCloud has been closed; use AzurePublicCloud")
		}
	}
	return warnings
}
