package validate

import (
	"k8s.io/apimachinery/pkg/util/validation/field"

	cmmeta "github.com/certwright/certwright/certs/meta/v1"
	certsv1 "github.com/certwright/certwright/certs/v1"
)

// issuerRef judges a reference to an issuer. The kinds of external issuers are
// not ours to judge.
func issuerRef(ref cmmeta.IssuerReference, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if ref.Name == "" {
		errs = append(errs, field.Required(path.Child("name"), "name the Issuer or ClusterIssuer that signs"))
	}
	if ref.Group != "" && ref.Group != certsv1.GroupName {
		return errs
	}
	switch ref.Kind {
	case "", certsv1.IssuerKind, certsv1.ClusterIssuerKind:
		return errs
	}
	detail := "must be Issuer or ClusterIssuer, in this spelling"
	if ref.Group == "" {
		detail += "; for an issuer of another kind set issuerRef.group too, it may have been forgotten"
	}
	return append(errs, field.Invalid(path.Child("kind"), ref.Kind, detail))
}
