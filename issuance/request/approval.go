package request

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	authorizationclient "k8s.io/client-go/kubernetes/typed/authorization/v1"
	"k8s.io/utils/clock"

	cmmeta "github.com/certwright/certwright/certs/meta/v1"
	certsv1 "github.com/certwright/certwright/certs/v1"
)

const (
	// allowedFor and refusedFor are how long an answer of the API server about
	// our permissions is believed.
	allowedFor = time.Minute
	refusedFor = 15 * time.Second
	// maxAnswers bounds the answers that are kept.
	maxAnswers = 4096
)

// An Approver knows for which issuers we may approve. It asks the API server
// and remembers the answers for a short time, so that nothing is signed first
// and refused after.
type Approver struct {
	// Reviews asks the API server what we may do.
	Reviews authorizationclient.SelfSubjectAccessReviewInterface
	// Mapper knows the kinds of external issuers.
	Mapper meta.RESTMapper
	Clock  clock.PassiveClock
	// Disabled leaves all approvals to others.
	Disabled bool

	mu      sync.Mutex
	answers map[string]answer
}

type answer struct {
	allowed bool
	until   time.Time
}

// May says whether we are to approve a request in namespace for the issuer ref.
func (a *Approver) May(ctx context.Context, namespace string, ref cmmeta.IssuerReference) (Approval, error) {
	if a == nil || a.Disabled {
		return Off, nil
	}
	ref = ref.WithDefaults()
	resource, namespaced, err := a.resource(ref)
	if meta.IsNoMatchError(err) {
		return Unserved, nil
	}
	if err != nil {
		return Off, err
	}
	name := ref.Name
	if namespaced {
		name = namespace + "." + ref.Name
	}
	signer := resource + "." + ref.Group + "/"
	for _, n := range []string{signer + "*", signer + name} {
		allowed, err := a.allowed(ctx, n)
		if err != nil {
			return Off, err
		}
		if allowed {
			return Allowed, nil
		}
	}
	return Forbidden, nil
}

// Refuse notes that the API server has refused an approval for ref after all.
func (a *Approver) Refuse(namespace string, ref cmmeta.IssuerReference) {
	if a == nil {
		return
	}
	ref = ref.WithDefaults()
	resource, namespaced, err := a.resource(ref)
	if err != nil {
		return
	}
	name := ref.Name
	if namespaced {
		name = namespace + "." + ref.Name
	}
	a.remember(resource+"."+ref.Group+"/*", false)
	a.remember(resource+"."+ref.Group+"/"+name, false)
}

// resource returns the plural of the issuer's kind, and whether it is
// namespaced.
func (a *Approver) resource(ref cmmeta.IssuerReference) (string, bool, error) {
	if ref.Group == certsv1.GroupName {
		switch ref.Kind {
		case certsv1.IssuerKind:
			return "issuers", true, nil
		case certsv1.ClusterIssuerKind:
			return "clusterissuers", false, nil
		}
	}
	m, err := a.Mapper.RESTMapping(schema.GroupKind{Group: ref.Group, Kind: ref.Kind})
	if err != nil {
		return "", false, err
	}
	return strings.ToLower(m.Resource.Resource), m.Scope.Name() == meta.RESTScopeNameNamespace, nil
}

func (a *Approver) allowed(ctx context.Context, name string) (bool, error) {
	a.mu.Lock()
	got, ok := a.answers[name]
	a.mu.Unlock()
	if ok && a.Clock.Now().Before(got.until) {
		return got.allowed, nil
	}
	review, err := a.Reviews.Create(ctx, &authorizationv1.SelfSubjectAccessReview{
		Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &authorizationv1.ResourceAttributes{
			Group: certsv1.GroupName, Resource: "signers", Verb: "approve", Name: name, Version: "*",
		}},
	}, metav1.CreateOptions{})
	if err != nil {
		return false, fmt.Errorf("ask whether we may approve for %s: %w", name, err)
	}
	a.remember(name, review.Status.Allowed)
	return review.Status.Allowed, nil
}

func (a *Approver) remember(name string, allowed bool) {
	now := a.Clock.Now()
	until := now.Add(refusedFor)
	if allowed {
		until = now.Add(allowedFor)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.answers == nil || len(a.answers) >= maxAnswers {
		a.answers = map[string]answer{}
	}
	a.answers[name] = answer{allowed, until}
}
