package validate

import (
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/util/validation/field"

	acmev1 "github.com/certwright/certwright/certs/acme/v1"
)

// ChallengeUpdate returns what is wrong with the change from old to new.
func ChallengeUpdate(old, new *acmev1.Challenge) field.ErrorList {
	if apiequality.Semantic.DeepEqual(old.Spec, new.Spec) {
		return nil
	}
	return field.ErrorList{field.Forbidden(specPath, "challenge spec is immutable after creation; delete the Challenge, a new one is made")}
}
