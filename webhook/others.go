package webhook

import (
	"k8s.io/apimachinery/pkg/util/validation/field"

	certsv1 "github.com/certwright/certwright/certs/v1"
	"github.com/certwright/certwright/certs/validate"
	"github.com/certwright/certwright/webhook/review"
)

func validateIssuer(now document, before *document) review.Answer {
	spec, err := now.issuerSpec()
	if err != nil {
		return *malformed("%v", err)
	}
	a := answer(issuerErrors(spec, before))
	a.Warnings = validate.IssuerWarnings(spec)
	return a
}

// issuerErrors is what is wrong with spec, or with the change to it.
func issuerErrors(spec *certsv1.IssuerSpec, before *document) field.ErrorList {
	if before != nil {
		if old, err := before.issuerSpec(); err == nil {
			return validate.IssuerUpdate(old, spec)
		}
	}
	return validate.Issuer(spec)
}

func validateOrder(now document, before *document) review.Answer {
	order, err := now.order()
	if err != nil {
		return *malformed("%v", err)
	}
	if before == nil {
		return review.Allow()
	}
	old, err := before.order()
	if err != nil {
		return *malformed("oldObject: %v", err)
	}
	return answer(validate.OrderUpdate(old, order))
}

func validateChallenge(now document, before *document) review.Answer {
	challenge, err := now.challenge()
	if err != nil {
		return *malformed("%v", err)
	}
	if before == nil {
		return review.Allow()
	}
	old, err := before.challenge()
	if err != nil {
		return *malformed("oldObject: %v", err)
	}
	return answer(validate.ChallengeUpdate(old, challenge))
}
