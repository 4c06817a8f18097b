package validate

import (
	"k8s.io/apimachinery/pkg/util/validation/field"

	certsv1 "github.com/certwright/certwright/certs/v1"
)

func venafiIssuer(v *certsv1.VenafiIssuer, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if v.Zone == "" {
		errs = append(errs, field.Required(path.Child("zone"), `set the policy folder, or "application\issuing template"`))
	}
	var products int
	if v.TPP != nil {
		products++
		errs = append(errs, venafiTPP(v.TPP, path.Child("tpp"))...)
	}
	if v.Cloud != nil {
		products++
	}
	if v.NGTS != nil {
		products++
		if v.NGTS.TSGID == "" {
			errs = append(errs, field.Required(path.Child("ngts", "tsgID"), "set the ID of the tenant service group"))
		}
		if v.NGTS.CredentialsRef.Name == "" {
			errs = append(errs, field.Required(path.Child("ngts", "credentialsRef", "name"), "name the Secret with client-id and client-secret"))
		}
	}
	switch {
	case products == 0:
		errs = append(errs, field.Required(path, "please supply one of: tpp, cloud, ngts"))
	case products > 1:
		errs = append(errs, field.Forbidden(path, "please supply one of: tpp, cloud, ngts; take the others out"))
	}
	return errs
}

func venafiTPP(tpp *certsv1.VenafiTPP, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if tpp.URL == "" {
		errs = append(errs, field.Required(path.Child("url"), "set the URL of the API, for example https://tpp.example.com/vedsdk"))
	}
	errs = append(errs, caBundle(tpp.CABundle, path.Child("caBundle"))...)
	if len(tpp.CABundle) > 0 && isSet(tpp.CABundleSecretRef) {
		errs = append(errs, field.Forbidden(path, "may not have two CA bundles; keep one of caBundle and caBundleSecretRef"))
	}
	return errs
}
