package defaults_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/certwright/certwright/certs/defaults"
	cmmeta "github.com/certwright/certwright/certs/meta/v1"
	certsv1 "github.com/certwright/certwright/certs/v1"
)

func TestChooseDefaultIssuer(t *testing.T) {
	house := cmmeta.IssuerReference{Name: "house", Kind: "ClusterIssuer"}
	tests := map[string]struct {
		marked     defaults.Marked
		configured cmmeta.IssuerReference
		want       *cmmeta.IssuerReference
		refused    []string // what the refusal names
	}{
		"nothing marked, nothing configured": {},
		"the configured one, if none is marked": {
			configured: house, want: &cmmeta.IssuerReference{Name: "house", Kind: "ClusterIssuer", Group: "cert-manager.io"},
		},
		"a configured name alone is that of an Issuer": {
			configured: cmmeta.IssuerReference{Name: "house"}, want: &cmmeta.IssuerReference{Name: "house", Kind: "Issuer", Group: "cert-manager.io"},
		},
		"a marked ClusterIssuer goes before the configured one": {
			marked: defaults.Marked{ClusterIssuers: []string{"c"}}, configured: house, want: &cmmeta.IssuerReference{Name: "c", Kind: "ClusterIssuer", Group: "cert-manager.io"},
		},
		"a marked Issuer of the namespace goes before all": {
			marked: defaults.Marked{Issuers: []string{"i"}, ClusterIssuers: []string{"c", "d"}}, configured: house,
			want: &cmmeta.IssuerReference{Name: "i", Kind: "Issuer", Group: "cert-manager.io"},
		},
		"two marked Issuers are refused, naming both": {
			marked: defaults.Marked{Issuers: []string{"i", "j"}, ClusterIssuers: []string{"c"}}, configured: house, refused: []string{"Issuer", "i, j"},
		},
		"two marked ClusterIssuers are refused, naming both": {
			marked: defaults.Marked{ClusterIssuers: []string{"c", "d"}}, configured: house, refused: []string{"ClusterIssuer", "c, d"},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, refused := tt.marked.Choose(tt.configured)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("Choose() (-want +got):\n%s", diff)
			}
			if (refused != nil) != (tt.refused != nil) {
				t.Fatalf("refused = %v", refused)
			}
			for _, part := range tt.refused {
				if refused.Field != "spec.issuerRef" || !strings.Contains(refused.Detail, part) {
					t.Errorf("refused = %v, want %q", refused, part)
				}
			}
		})
	}
}

func TestIsMarked(t *testing.T) {
	mark := map[string]string{certsv1.DefaultIssuerKey: "true"}
	for name, tt := range map[string]struct {
		labels, annotations map[string]string
		want                bool
	}{
		"neither":             {},
		"by annotation":       {annotations: mark, want: true},
		"by label":            {labels: mark, want: true},
		"with another value":  {labels: map[string]string{certsv1.DefaultIssuerKey: "yes"}},
		"with something else": {labels: map[string]string{"a": "true"}},
	} {
		if got := defaults.IsMarked(&certsv1.Issuer{ObjectMeta: metav1.ObjectMeta{Labels: tt.labels, Annotations: tt.annotations}}); got != tt.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
