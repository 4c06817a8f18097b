package shim_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/certwright/certwright/shim"
)

// TestErrors: what is told has its place in the Source.
func TestErrors(t *testing.T) {
	for name, tt := range map[string]struct {
		annotations notes
		blocks      []string // each: secret, hosts…
		want        []string // fields
	}{
		"a good Ingress has none": {annotations: notes{clusterIssuer: "le"}, blocks: []string{"t a.ex"}},
		"two issuers": {
			annotations: notes{clusterIssuer: "le", issuer: "le"}, blocks: []string{"t a.ex"},
			want: []string{"metadata.annotations[cert-manager.io/issuer]"},
		},
		"no issuer": {
			annotations: notes{tlsACME: "true"}, blocks: []string{"t a.ex"},
			want: []string{"metadata.annotations"},
		},
		"one Secret in two blocks": {
			annotations: notes{clusterIssuer: "le"}, blocks: []string{"t a.ex", "t b.ex"},
			want: []string{"spec.tls[0].secretName"},
		},
		"two skipped blocks": {
			annotations: notes{clusterIssuer: "le"}, blocks: []string{"t", "u b_.ex:", "v c.ex"},
			want: []string{"spec.tls[0].hosts", "spec.tls[1].hosts[0]"},
		},
		"two bad annotations": {
			annotations: notes{clusterIssuer: "le", "cert-manager.io/duration": "90d", "cert-manager.io/usages": "tls"}, blocks: []string{"t a.ex"},
			want: []string{"metadata.annotations[cert-manager.io/duration]", "metadata.annotations[cert-manager.io/usages]"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got []string
			for _, err := range shim.Desired(shim.FromIngress(ingress(tt.annotations, tt.blocks)), shim.DefaultOptions()).Errors {
				got = append(got, err.Field)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("fields (-want +got):\n%s", diff)
			}
		})
	}
}
