package webhook

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/certwright/certwright/certs/defaults"
	certsv1 "github.com/certwright/certwright/certs/v1"
	"github.com/certwright/certwright/certs/validate"
	"github.com/certwright/certwright/webhook/review"
)

// stamp writes into a CertificateRequest who creates it.
func stamp(req *review.Request) review.Answer {
	if _, _, refusal := documents(req); refusal != nil {
		return *refusal
	}
	user, err := req.UserInfo()
	if err != nil {
		return *malformed("%v", err)
	}
	patch, err := defaults.Requester(req.Object, user)
	if err != nil {
		return *malformed("%v", err)
	}
	return withPatch(patch)
}

// validateRequest judges what a CertificateRequest asks for, who asks, and who
// decides.
func (j *judge) validateRequest(ctx context.Context, req *review.Request, now document, before *document) review.Answer {
	cr, err := now.certificateRequest()
	if err != nil {
		return *malformed("%v", err)
	}
	var (
		old  *certsv1.CertificateRequest
		errs field.ErrorList
	)
	user, err := req.UserInfo()
	if err != nil {
		return *malformed("%v", err)
	}
	if before == nil {
		errs = append(validate.CertificateRequest(cr), validate.Requester(cr, user)...)
	} else {
		if old, err = before.certificateRequest(); err != nil {
			return *malformed("oldObject: %v", err)
		}
		errs = validate.CertificateRequestUpdate(old, cr)
	}
	if validate.ApprovalAdded(old, cr) {
		if j.cfg.Permissions == nil {
			return broken(fmt.Errorf("nobody to ask who may approve"))
		}
		denied, err := j.cfg.Permissions.Check(ctx, user, req.Namespace, cr.Spec.IssuerRef)
		if err != nil {
			return broken(err)
		}
		if denied != nil {
			errs = append(errs, denied)
		}
	}
	return answer(errs)
}
