package defaults

import (
	"encoding/json"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/certwright/certwright/certs/rawjson"
	certsv1 "github.com/certwright/certwright/certs/v1"
)

// Fill takes into spec what the patch of Certificate fills in. Only what
// validation asks for has to be there: all else is absent with the same
// meaning.
func Fill(spec *certsv1.CertificateSpec, patch []PatchOp) error {
	for _, op := range patch {
		var into any
		switch op.Path {
		case "/spec":
			into = spec
		case "/spec/secretName":
			into = &spec.SecretName
		case "/spec/issuerRef":
			into = &spec.IssuerRef
		default:
			continue
		}
		value, err := json.Marshal(op.Value)
		if err != nil {
			return fmt.Errorf("default for %s: %w", op.Path, err)
		}
		if err := rawjson.Value(value).Decode(into); err != nil {
			return fmt.Errorf("default for %s: %w", op.Path, err)
		}
	}
	return nil
}

// Adoption refuses to fill in the name of a Secret that exists, unless it is
// that Certificate's already or made for a certificate.
func Adoption(certificate string, secret *corev1.Secret) *field.Error {
	if secret.Type == corev1.SecretTypeTLS || secret.Annotations[certsv1.CertificateNameKey] == certificate {
		return nil
	}
	return field.Required(specPath.Child("secretName"), fmt.Sprintf(
		"name the Secret: one called %q exists, is of type %s, and would be overwritten; set secretName to another name, or to this one if that is what you want",
		secret.Name, secret.Type))
}
