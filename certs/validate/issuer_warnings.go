package validate

import (
	"fmt"

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
