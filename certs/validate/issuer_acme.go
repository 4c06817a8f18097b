package validate

import (
	"unicode/utf8"

	"k8s.io/apimachinery/pkg/util/validation/field"

	acmev1 "github.com/certwright/certwright/certs/acme/v1"
)

func acmeIssuer(a *acmev1.ACMEIssuer, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if a.Server == "" {
		errs = append(errs, field.Required(path.Child("server"), "set the URL of the directory, for example https://acme-v02.api.letsencrypt.org/directory"))
	}
	errs = append(errs, caBundle(a.CABundle, path.Child("caBundle"))...)
	if len(a.CABundle) > 0 && a.SkipTLSVerify {
		errs = append(errs, exclusive(path, "caBundle", "skipTLSVerify")...)
	}
	if a.PrivateKeySecretRef.Name == "" {
		errs = append(errs, field.Required(path.Child("privateKeySecretRef", "name"), "name the Secret for the account's private key; it is made if it is missing"))
	}
	if eab := a.ExternalAccountBinding; eab != nil {
		path := path.Child("externalAccountBinding")
		if eab.KeyID == "" {
			errs = append(errs, field.Required(path.Child("keyID"), "set the key ID that the CA gave you"))
		}
		errs = append(errs, secretKey(eab.KeySecretRef, path.Child("keySecretRef"))...)
		errs = append(errs, oneOf(path.Child("keyAlgorithm"), eab.KeyAlgorithm, "HS256", "HS384", "HS512")...)
	}
	if utf8.RuneCountInString(a.PreferredChain) > maxCommonName { // as the schema counts
		errs = append(errs, tooLong(path.Child("preferredChain"), a.PreferredChain, "may not be more than 64 characters; write the common name of the chain's last issuer"))
	}
	errs = append(errs, oneOf(path.Child("renewalInformationSource"), a.RenewalInformationSource, acmev1.RenewalInformationARI, acmev1.RenewalInformationNone)...)
	for i := range a.Solvers {
		errs = append(errs, acmeSolver(&a.Solvers[i], path.Child("solvers").Index(i))...)
	}
	return errs
}

func acmeSolver(s *acmev1.ACMEChallengeSolver, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	switch {
	case s.HTTP01 == nil && s.DNS01 == nil:
		errs = append(errs, field.Required(path, "no solver type configured; set http01 or dns01"))
	case s.HTTP01 != nil && s.DNS01 != nil:
		errs = append(errs, field.Forbidden(path, "may not specify more than one solver type in a single solver; make two solvers of it"))
	}
	if s.HTTP01 != nil {
		errs = append(errs, http01(s.HTTP01, path.Child("http01"))...)
	}
	if s.DNS01 != nil {
		errs = append(errs, dns01(s.DNS01, path.Child("dns01"))...)
	}
	if wait := s.WaitInsteadOfSelfCheck; wait != nil && wait.Duration < 0 {
		errs = append(errs, field.Invalid(path.Child("waitInsteadOfSelfCheck"), wait.Duration.String(), "may not be negative; use 0s for no wait at all, or leave it out for the self-check"))
	}
	return errs
}
