package approval

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
	clocktesting "k8s.io/utils/clock/testing"

	cmmeta "github.com/certwright/certwright/certs/meta/v1"
)

// world answers for the API server.
type world struct {
	mu       sync.Mutex
	grants   []string // signers that may be approved for
	denied   bool     // an explicit denial beats a grant
	reviewer error
	mapper   error
	served   map[schema.GroupKind]*meta.RESTMapping
	asked    []string
	lookups  int
	last     *authorizationv1.SubjectAccessReview
}

func (w *world) Review(_ context.Context, sar *authorizationv1.SubjectAccessReview) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked = append(w.asked, sar.Spec.ResourceAttributes.Name)
	w.last = sar.DeepCopy()
	if w.reviewer != nil {
		return w.reviewer
	}
	sar.Status.Allowed = slices.Contains(w.grants, sar.Spec.ResourceAttributes.Name)
	sar.Status.Denied = w.denied
	return nil
}

func (w *world) RESTMapping(kind schema.GroupKind, _ ...string) (*meta.RESTMapping, error) {
	w.lookups++
	if w.mapper != nil {
		return nil, w.mapper
	}
	if m := w.served[kind]; m != nil {
		return m, nil
	}
	return nil, &meta.NoKindMatchError{GroupKind: kind}
}

func serves() map[schema.GroupKind]*meta.RESTMapping {
	mapping := func(resource string, scope meta.RESTScope) *meta.RESTMapping {
		return &meta.RESTMapping{Resource: schema.GroupVersionResource{Resource: resource}, Scope: scope}
	}
	return map[schema.GroupKind]*meta.RESTMapping{
		{Group: "cert-manager.io", Kind: "Issuer"}:         mapping("issuers", meta.RESTScopeNamespace),
		{Group: "cert-manager.io", Kind: "ClusterIssuer"}:  mapping("clusterissuers", meta.RESTScopeRoot),
		{Group: "certmanager.step.sm", Kind: "StepIssuer"}: mapping("stepissuers", meta.RESTScopeNamespace),
	}
}

var noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

func TestCheck(t *testing.T) {
	tests := map[string]struct {
		world *world
		ref   cmmeta.IssuerReference
		field string // of the refusal; empty for permitted
		fails bool
		asked []string
	}{
		"for every issuer of the kind": {
			world: &world{grants: []string{"issuers.cert-manager.io/*"}}, ref: cmmeta.IssuerReference{Name: "i"},
			asked: []string{"issuers.cert-manager.io/*"},
		},
		"for this issuer": {
			world: &world{grants: []string{"issuers.cert-manager.io/team.i"}}, ref: cmmeta.IssuerReference{Name: "i"},
			asked: []string{"issuers.cert-manager.io/*", "issuers.cert-manager.io/team.i"},
		},
		"for another issuer": {
			world: &world{grants: []string{"issuers.cert-manager.io/other.i"}}, ref: cmmeta.IssuerReference{Name: "i"},
			field: "status.conditions", asked: []string{"issuers.cert-manager.io/*", "issuers.cert-manager.io/team.i"},
		},
		"for a ClusterIssuer, which has no namespace": {
			world: &world{grants: []string{"clusterissuers.cert-manager.io/le"}}, ref: cmmeta.IssuerReference{Name: "le", Kind: "ClusterIssuer"},
			asked: []string{"clusterissuers.cert-manager.io/*", "clusterissuers.cert-manager.io/le"},
		},
		"a namespaced grant does not reach a ClusterIssuer": {
			world: &world{grants: []string{"clusterissuers.cert-manager.io/team.le"}}, ref: cmmeta.IssuerReference{Name: "le", Kind: "ClusterIssuer"},
			field: "status.conditions", asked: []string{"clusterissuers.cert-manager.io/*", "clusterissuers.cert-manager.io/le"},
		},
		"for an external issuer": {
			world: &world{grants: []string{"stepissuers.certmanager.step.sm/team.s"}}, ref: cmmeta.IssuerReference{Name: "s", Kind: "StepIssuer", Group: "certmanager.step.sm"},
			asked: []string{"stepissuers.certmanager.step.sm/*", "stepissuers.certmanager.step.sm/team.s"},
		},
		"for a kind that is not served": {
			world: &world{}, ref: cmmeta.IssuerReference{Name: "x", Kind: "Nothing", Group: "example.org"}, field: "spec.issuerRef",
		},
		"an error while asking is no permission": {
			world: &world{grants: []string{"issuers.cert-manager.io/*"}, reviewer: errors.New("away")}, ref: cmmeta.IssuerReference{Name: "i"},
			field: "status.conditions", asked: []string{"issuers.cert-manager.io/*", "issuers.cert-manager.io/team.i"},
		},
		"an explicit denial is no permission": {
			world: &world{grants: []string{"issuers.cert-manager.io/*"}, denied: true}, ref: cmmeta.IssuerReference{Name: "i"},
			field: "status.conditions", asked: []string{"issuers.cert-manager.io/*", "issuers.cert-manager.io/team.i"},
		},
		"an error while looking up the kind is an error": {
			world: &world{mapper: errors.New("away")}, ref: cmmeta.IssuerReference{Name: "i"}, fails: true,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := tt.world
			w.served = serves()
			p := New(w, w, clocktesting.NewFakePassiveClock(noon))
			refused, err := p.Check(t.Context(), authenticationv1.UserInfo{Username: "bob"}, "team", tt.ref)
			if (err != nil) != tt.fails {
				t.Fatalf("err = %v", err)
			}
			got := ""
			if refused != nil {
				got = refused.Field
			}
			if got != tt.field {
				t.Errorf("refused = %v, want field %q", refused, tt.field)
			}
			if diff := cmp.Diff(tt.asked, w.asked); diff != "" {
				t.Errorf("asked (-want +got):\n%s", diff)
			}
		})
	}
}

func TestTheWholeUserIsAskedAbout(t *testing.T) {
	w := &world{served: serves()}
	user := authenticationv1.UserInfo{Username: "bob", UID: "7", Groups: []string{"dev"}, Extra: map[string]authenticationv1.ExtraValue{"k": {"v"}}}
	refused, err := New(w, w, clocktesting.NewFakePassiveClock(noon)).Check(t.Context(), user, "team", cmmeta.IssuerReference{Name: "i"})
	if err != nil || refused == nil || !strings.Contains(refused.Detail, `"bob"`) || !strings.Contains(refused.Detail, "issuers.cert-manager.io/team.i") {
		t.Errorf("Check() = %v, %v", refused, err)
	}
	want := authorizationv1.SubjectAccessReviewSpec{
		User: "bob", UID: "7", Groups: []string{"dev"}, Extra: map[string]authorizationv1.ExtraValue{"k": {"v"}},
		ResourceAttributes: &authorizationv1.ResourceAttributes{Group: "cert-manager.io", Version: "*", Resource: "signers", Verb: "approve", Name: "issuers.cert-manager.io/team.i"},
	}
	if diff := cmp.Diff(want, w.last.Spec); diff != "" {
		t.Errorf("spec (-want +got):\n%s", diff)
	}
}

func TestWhatIsRemembered(t *testing.T) {
	w := &world{served: serves(), grants: []string{"issuers.cert-manager.io/*"}}
	c := clocktesting.NewFakePassiveClock(noon)
	p := New(w, w, c)
	check := func(user, kind string) bool {
		t.Helper()
		refused, err := p.Check(t.Context(), authenticationv1.UserInfo{Username: user}, "team", cmmeta.IssuerReference{Name: "i", Kind: kind, Group: "cert-manager.io"})
		if err != nil {
			t.Fatal(err)
		}
		return refused == nil
	}
	expect := func(what string, reviews, lookups int) {
		t.Helper()
		if len(w.asked) != reviews || w.lookups != lookups {
			t.Errorf("%s: %d reviews and %d lookups, want %d and %d", what, len(w.asked), w.lookups, reviews, lookups)
		}
	}
	check("bob", "Issuer")
	check("bob", "Issuer")
	expect("a permission is asked once, a kind looked up once", 1, 1)
	check("eve", "Issuer")
	expect("for each user", 2, 1)
	c.SetTime(noon.Add(time.Second))
	w.grants = nil
	if check("bob", "Issuer") {
		t.Error("a permission that was taken away lasts for more than a second")
	}
	expect("and again after a second", 4, 1)
	w.grants = []string{"issuers.cert-manager.io/*"}
	if !check("bob", "Issuer") {
		t.Error("a refusal was remembered")
	}
	check("bob", "New")
	check("bob", "New")
	expect("an unknown kind is looked up once", 5, 2)
	w.served[schema.GroupKind{Group: "cert-manager.io", Kind: "New"}] = w.served[schema.GroupKind{Group: "cert-manager.io", Kind: "Issuer"}]
	c.SetTime(noon.Add(40 * time.Second))
	if !check("bob", "New") {
		t.Error("a kind that was installed is not found")
	}
	expect("and found once it is installed", 6, 3)
}

func TestMemoryIsBounded(t *testing.T) {
	w := &world{served: serves(), grants: []string{"issuers.cert-manager.io/*"}}
	p := New(w, w, clocktesting.NewFakePassiveClock(noon))
	for i := range 3 * maxRemembered {
		name := strings.Repeat("x", i%100) + string(rune('a'+i%26)) + time.Duration(i).String()
		_, _ = p.Check(t.Context(), authenticationv1.UserInfo{Username: name}, "team", cmmeta.IssuerReference{Name: "i"})
		_, _ = p.Check(t.Context(), authenticationv1.UserInfo{}, "team", cmmeta.IssuerReference{Name: "i", Kind: name})
	}
	if len(p.yes) > maxRemembered || len(p.kinds.misses) > maxMisses {
		t.Errorf("%d permissions and %d kinds are remembered", len(p.yes), len(p.kinds.misses))
	}
}
