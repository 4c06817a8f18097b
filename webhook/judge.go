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
	// Reader reads Issuers, ClusterIssuers and Certificates from a cache that
	// has synced, the latter with the index SecretNameIndex. Without it nothing
	// is warned about that the object alone does not show.
	Reader client.Reader
	// Live reads Issuers and ClusterIssuers from the API server.
	Live client.Reader
	// Secrets reads Secrets from the API server. Without it, or without the
	// right to, a Secret whose name is filled in is not looked at.
	Secrets client.Reader
	// Resources is the namespace with the Secrets of ClusterIssuers.
	Resources string
	// Permissions says who may approve.
	Permissions Permissions
	// DefaultIssuer is used where no issuer is named and none is marked. No
	// name means none.
	DefaultIssuer cmmeta.IssuerReference
	// Ingress advises on Ingresses. Nil has nothing to say.
	Ingress Adviser
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
