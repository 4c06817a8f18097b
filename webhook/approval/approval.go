package approval

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/clock"

	cmmeta "github.com/certwright/certwright/certs/meta/v1"
	certsv1 "github.com/certwright/certwright/certs/v1"
)

const (
	// yesLasts is how long a granted permission is not asked for again. A
	// controller that approves a thousand requests in a row asks once a second;
	// a permission that is taken away is gone after as long. A no is never
	// remembered.
	yesLasts = time.Second
	// maxRemembered bounds the answers that are remembered.
	maxRemembered = 1024
	// reviewTimeout bounds one question to the API server.
	reviewTimeout = 10 * time.Second
)

// A Reviewer creates SubjectAccessReviews and fills in their status.
type Reviewer interface {
	Review(ctx context.Context, sar *authorizationv1.SubjectAccessReview) error
}

// ReviewerFunc is a function that is a Reviewer.
type ReviewerFunc func(ctx context.Context, sar *authorizationv1.SubjectAccessReview) error

// Review calls f.
func (f ReviewerFunc) Review(ctx context.Context, sar *authorizationv1.SubjectAccessReview) error {
	return f(ctx, sar)
}

// Permissions says who may approve. It is safe for concurrent use.
type Permissions struct {
	reviewer Reviewer
	kinds    kinds
	clock    clock.PassiveClock
	flight   singleflight.Group

	mu  sync.Mutex
	yes map[string]time.Time
}

// New returns Permissions that ask reviewer about rights and mapper about
// kinds.
func New(reviewer Reviewer, mapper Mapper, c clock.PassiveClock) *Permissions {
	return &Permissions{
		reviewer: reviewer,
		clock:    c,
		kinds:    kinds{mapper: mapper, clock: c, served: map[schema.GroupKind]signer{}, misses: map[schema.GroupKind]time.Time{}},
		yes:      map[string]time.Time{},
	}
}

// Check returns nil if user may approve and deny requests of namespace for the
// issuer ref, and otherwise why not. An error means that the API server could
// not be asked what ref is.
func (p *Permissions) Check(ctx context.Context, user authenticationv1.UserInfo, namespace string, ref cmmeta.IssuerReference) (*field.Error, error) {
	ref = ref.WithDefaults()
	kind, served, err := p.kinds.lookup(schema.GroupKind{Group: ref.Group, Kind: ref.Kind})
	if err != nil {
		return nil, err
	}
	if !served {
		return field.Forbidden(field.NewPath("spec", "issuerRef"),
			fmt.Sprintf("the referenced signer resource does not exist: the cluster serves no kind %q in the group %q", ref.Kind, ref.Group)), nil
	}
	every, one := kind.names(namespace, ref.Name)
	if p.allowed(ctx, user, every) || p.allowed(ctx, user, one) {
		return nil, nil
	}
	return field.Forbidden(field.NewPath("status", "conditions"),
		fmt.Sprintf("user %q does not have permissions to set approved/denied conditions for issuer %q: it needs the verb approve on signers.%s named %q or %q, granted by a ClusterRole",
			user.Username, ref.Name, certsv1.GroupName, one, every)), nil
}

// names returns the signer that stands for every issuer of the kind, and the
// one that stands for just this issuer.
func (s signer) names(namespace, issuer string) (every, one string) {
	every = s.resource + "/*"
	if s.namespaced {
		return every, s.resource + "/" + namespace + "." + issuer
	}
	return every, s.resource + "/" + issuer
}

// allowed asks whether user may approve for the signer.
func (p *Permissions) allowed(ctx context.Context, user authenticationv1.UserInfo, signer string) bool {
	review := accessReview(user, signer)
	key, err := json.Marshal(review.Spec) // maps are sorted: equal questions have equal keys
	if err != nil {
		return false
	}
	if p.remembered(string(key)) {
		return true
	}
	answer, err, _ := p.flight.Do(string(key), func() (any, error) {
		// The answer serves all who wait for it: one of them going away must
		// not spoil it for the others.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), reviewTimeout)
		defer cancel()
		if err := p.reviewer.Review(ctx, review); err != nil {
			return false, err
		}
		granted := review.Status.Allowed && !review.Status.Denied
		if granted {
			p.remember(string(key))
		}
		return granted, nil
	})
	granted, _ := answer.(bool)
	return err == nil && granted
}

func (p *Permissions) remembered(key string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	at, ok := p.yes[key]
	return ok && p.clock.Since(at) < yesLasts
}

func (p *Permissions) remember(key string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.yes) >= maxRemembered {
		clear(p.yes)
	}
	p.yes[key] = p.clock.Now()
}

// accessReview asks whether user may approve for the signer.
func accessReview(user authenticationv1.UserInfo, signer string) *authorizationv1.SubjectAccessReview {
	review := &authorizationv1.SubjectAccessReview{
		Spec: authorizationv1.SubjectAccessReviewSpec{
			User:   user.Username,
			UID:    user.UID,
			Groups: slices.Clone(user.Groups),
			ResourceAttributes: &authorizationv1.ResourceAttributes{
				Group:    certsv1.GroupName,
				Version:  "*",
				Resource: "signers",
				Verb:     "approve",
				Name:     signer,
			},
		},
	}
	if len(user.Extra) > 0 {
		review.Spec.Extra = make(map[string]authorizationv1.ExtraValue, len(user.Extra))
		for key, values := range user.Extra {
			review.Spec.Extra[key] = authorizationv1.ExtraValue(values)
		}
	}
	return review
}
