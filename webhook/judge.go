package webhook

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/certwright/certwright/certs/defaults"
	cmmeta "github.com/certwright/certwright/certs/meta/v1"
	certsv1 "github.com/certwright/certwright/certs/v1"
	"github.com/certwright/certwright/certs/validate"
	"github.com/certwright/certwright/webhook/review"
)

// Permissions says whether user may approve and deny requests of namespace for
// the issuer ref: nil if so, else why not. An error means that it cannot be
// said. approval.Permissions is one.
type Permissions interface {
	Check(ctx context.Context, user authenticationv1.UserInfo, namespace string, ref cmmeta.IssuerReference) (*field.Error, error)
}

// Config is what judging needs beside the object.
type Config struct {
	// Reader reads Issuers, ClusterIssuers and Certificates from a cache, the
	// latter with the index SecretNameIndex. Without it nothing is warned about
	// that the object alone does not show.
	Reader client.Reader
	// Live reads Issuers and ClusterIssuers from the API server.
	Live client.Reader
	// Permissions says who may approve.
	Permissions Permissions
	// DefaultIssuer is used where no issuer is named and none is marked. No
	// name means none.
	DefaultIssuer cmmeta.IssuerReference
	// Metrics count what is answered. Nil counts nothing.
	Metrics *Metrics
}

// judge answers reviews.
type judge struct {
	cfg      Config
	warnings warnings
}

// verdict answers one review that is about one of our kinds.
type verdict func(ctx context.Context, req *review.Request, kind string) review.Answer

// concerns reports whether the request is about a kind of ours and a change
// that we judge, and refuses it if it contradicts itself.
func concerns(req *review.Request) (kind string, refusal *review.Answer) {
	kind = kindOf(req.Resource)
	if kind == "" || (req.Operation != review.Create && req.Operation != review.Update) {
		return "", nil
	}
	if req.Kind.Kind != kind || req.Kind.Group != req.Resource.Group || req.Kind.Version != req.Resource.Version {
		return "", malformed("the request names the resource %s of %s/%s and the kind %s of %s/%s, which do not belong together",
			req.Resource.Resource, req.Resource.Group, req.Resource.Version, req.Kind.Kind, req.Kind.Group, req.Kind.Version)
	}
	if req.Resource.Version != certsv1.GroupVersion.Version {
		return "", malformed("the version %s of %s is not known", req.Resource.Version, req.Resource.Group)
	}
	return kind, nil
}

// malformed refuses what cannot be understood.
func malformed(format string, args ...any) *review.Answer {
	a := review.Refuse(http.StatusBadRequest, metav1.StatusReasonBadRequest, format, args...)
	return &a
}

// broken refuses because we could not find out.
func broken(err error) review.Answer {
	return review.Refuse(http.StatusInternalServerError, metav1.StatusReasonInternalError, "could not be judged: %v", err)
}

// answer allows if there are no errors.
func answer(errs field.ErrorList) review.Answer {
	if len(errs) > 0 {
		return review.Forbid(errs)
	}
	return review.Allow()
}

// documents reads the new object and, on update, the old one.
func documents(req *review.Request) (now document, before *document, refusal *review.Answer) {
	now, err := readDocument(req.Object)
	if err == nil {
		err = now.is(req.Kind)
	}
	if err != nil {
		return now, nil, malformed("object: %v", err)
	}
	if req.Operation != review.Update {
		return now, nil, nil
	}
	old, err := readDocument(req.OldObject)
	if err != nil {
		return now, nil, malformed("oldObject: %v", err)
	}
	return now, &old, nil
}

// mutate fills in and validates Certificates, and stamps CertificateRequests.
func (j *judge) mutate(ctx context.Context, req *review.Request, kind string) review.Answer {
	if req.SubResource != "" {
		return review.Allow()
	}
	switch kind {
	case certsv1.CertificateKind:
		return j.fillIn(ctx, req)
	case certsv1.CertificateRequestKind:
		if req.Operation == review.Create {
			return stamp(req)
		}
	}
	return review.Allow()
}

// fillIn fills in what a Certificate leaves out, and validates what comes of it.
func (j *judge) fillIn(ctx context.Context, req *review.Request) review.Answer {
	now, before, refusal := documents(req)
	if refusal != nil {
		return *refusal
	}
	crt, err := now.certificate()
	if err != nil {
		return *malformed("%v", err)
	}
	var (
		options defaults.Options
		old     []byte
	)
	if before != nil {
		old = before.outline()
	} else if crt.Spec.IssuerRef == (cmmeta.IssuerReference{}) {
		ref, refused, err := j.defaultIssuer(ctx, req.Namespace)
		switch {
		case err != nil:
			return broken(err)
		case refused != nil:
			return review.Forbid(field.ErrorList{refused})
		}
		options.DefaultIssuer = ref
	}
	patch, errs := defaults.Certificate(now.outline(), old, options)
	if err := apply(patch, &crt.Spec); err != nil {
		return broken(err)
	}
	if errs = validate.Merge(errs, certificateErrors(crt, before)); len(errs) > 0 {
		return review.Forbid(errs)
	}
	return withPatch(patch)
}

// outline returns the part of a Certificate that defaulting looks at.
func (d *document) outline() []byte {
	b := make([]byte, 0, len(d.spec)+128)
	b = append(b, `{"metadata":{`...)
	separator := ""
	_ = d.metadata.Members(func(name string, value review.Raw) error {
		if name == "name" || name == "generateName" {
			b = fmt.Appendf(b, `%s%q:%s`, separator, name, value)
			separator = ","
		}
		return nil
	}) // readMeta has seen the same members
	b = append(b, '}')
	if !d.spec.Null() {
		b = append(append(b, `,"spec":`...), d.spec...)
	}
	return append(b, '}')
}

// apply takes into spec what a patch fills in. Only what validation asks for
// has to be there: all else is absent with the same meaning.
func apply(patch []defaults.PatchOp, spec *certsv1.CertificateSpec) error {
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
		if err := review.Raw(value).Decode(into); err != nil {
			return fmt.Errorf("default for %s: %w", op.Path, err)
		}
	}
	return nil
}

// certificateErrors is what is wrong with crt, or with the change to it.
func certificateErrors(crt *certsv1.Certificate, before *document) field.ErrorList {
	if before != nil {
		// An old object that cannot be read is no reason to keep it.
		if old, err := before.certificate(); err == nil {
			return validate.CertificateUpdate(old, crt)
		}
	}
	return validate.CertificateNew(crt)
}

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

// withPatch allows the request with the patch.
func withPatch(patch []defaults.PatchOp) review.Answer {
	if len(patch) == 0 {
		return review.Allow()
	}
	encoded, err := json.Marshal(patch)
	if err != nil {
		return broken(fmt.Errorf("encode patch: %w", err))
	}
	return review.Answer{Patch: encoded}
}

// validate judges the final object.
func (j *judge) validate(ctx context.Context, req *review.Request, kind string) review.Answer {
	status := req.SubResource == "status"
	switch {
	case req.SubResource != "" && !status:
		return review.Allow()
	case status && kind != certsv1.CertificateRequestKind && kind != "Order":
		return review.Allow()
	}
	now, before, refusal := documents(req)
	if refusal != nil {
		return *refusal
	}
	switch kind {
	case certsv1.CertificateKind:
		return j.validateCertificate(ctx, req, now, before)
	case certsv1.CertificateRequestKind:
		return j.validateRequest(ctx, req, now, before)
	case certsv1.IssuerKind, certsv1.ClusterIssuerKind:
		return validateIssuer(now, before)
	case "Order":
		return validateOrder(now, before)
	case "Challenge":
		return validateChallenge(now, before)
	}
	return review.Allow()
}

func (j *judge) validateCertificate(ctx context.Context, req *review.Request, now document, before *document) review.Answer {
	crt, err := now.certificate()
	if err != nil {
		return *malformed("%v", err)
	}
	if errs := certificateErrors(crt, before); len(errs) > 0 {
		return review.Forbid(errs)
	}
	crt.Namespace = req.Namespace
	return review.Allow(j.warnings.certificate(ctx, crt)...)
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
