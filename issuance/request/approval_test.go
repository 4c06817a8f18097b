package request

import (
	"context"
	"testing"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	authorizationclient "k8s.io/client-go/kubernetes/typed/authorization/v1"
	clocktesting "k8s.io/utils/clock/testing"

	cmmeta "github.com/certwright/certwright/certs/meta/v1"
)

// grants answers access reviews from a set of names.
type grants struct {
	authorizationclient.SelfSubjectAccessReviewInterface
	names map[string]bool
	asked []string
}

func (g *grants) Create(_ context.Context, r *authorizationv1.SelfSubjectAccessReview, _ metav1.CreateOptions) (*authorizationv1.SelfSubjectAccessReview, error) {
	a := r.Spec.ResourceAttributes
	g.asked = append(g.asked, a.Verb+" "+a.Resource+"."+a.Group+" "+a.Name)
	out := r.DeepCopy()
	out.Status.Allowed = g.names[a.Name]
	return out, nil
}

func TestMay(t *testing.T) {
	cloud := schema.GroupVersionKind{Group: "cloud.example", Version: "v1", Kind: "CloudIssuer"}
	mapper := meta.NewDefaultRESTMapper([]schema.GroupVersion{cloud.GroupVersion()})
	mapper.AddSpecific(cloud, cloud.GroupVersion().WithResource("cloudissuers"), cloud.GroupVersion().WithResource("cloudissuer"), meta.RESTScopeNamespace)
	tests := map[string]struct {
		grant string
		ref   cmmeta.IssuerReference
		want  Approval
	}{
		"all Issuers":                    {"issuers.cert-manager.io/*", cmmeta.IssuerReference{Name: "ca"}, Allowed},
		"this Issuer":                    {"issuers.cert-manager.io/team.ca", cmmeta.IssuerReference{Name: "ca"}, Allowed},
		"an Issuer of another namespace": {"issuers.cert-manager.io/other.ca", cmmeta.IssuerReference{Name: "ca"}, Forbidden},
		"this ClusterIssuer":             {"clusterissuers.cert-manager.io/ca", cmmeta.IssuerReference{Name: "ca", Kind: "ClusterIssuer"}, Allowed},
		"an external issuer":             {"cloudissuers.cloud.example/team.x", cmmeta.IssuerReference{Name: "x", Kind: "CloudIssuer", Group: "cloud.example"}, Allowed},
		"an external issuer of a kind that is not served": {"", cmmeta.IssuerReference{Name: "x", Kind: "Other", Group: "cloud.example"}, Unserved},
		"nothing": {"", cmmeta.IssuerReference{Name: "ca"}, Forbidden},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			now := clocktesting.NewFakePassiveClock(noon)
			g := &grants{names: map[string]bool{tt.grant: true}}
			a := &Approver{Reviews: g, Mapper: mapper, Clock: now}
			for range 3 {
				got, err := a.May(t.Context(), "team", tt.ref)
				if err != nil || got != tt.want {
					t.Fatalf("May() = %d, %v, want %d", got, err, tt.want)
				}
			}
			if len(g.asked) > 2 {
				t.Errorf("asked %v", g.asked)
			}
			// What was granted or taken away since is noticed.
			g.names = map[string]bool{}
			now.SetTime(noon.Add(2 * time.Minute))
			if got, _ := a.May(t.Context(), "team", tt.ref); got == Allowed {
				t.Error("still allowed")
			}
		})
	}
	if got, err := (&Approver{Disabled: true}).May(t.Context(), "team", cmmeta.IssuerReference{Name: "ca"}); got != Off || err != nil {
		t.Errorf("switched off: %d, %v", got, err)
	}
}
