package signingrequest

import (
	"testing"

	certsv1 "github.com/certwright/certwright/certs/v1"
)

func TestParseSigner(t *testing.T) {
	tests := map[string]struct {
		name string
		want Signer
		ours bool
	}{
		"an Issuer":                             {"issuers.cert-manager.io/team.ca", Signer{certsv1.IssuerKind, "team", "ca"}, true},
		"the first dot ends the namespace":      {"issuers.cert-manager.io/team.ca.v2.example", Signer{certsv1.IssuerKind, "team", "ca.v2.example"}, true},
		"an Issuer without a namespace":         {"issuers.cert-manager.io/ca", Signer{certsv1.IssuerKind, "", "ca"}, true},
		"a ClusterIssuer":                       {"clusterissuers.cert-manager.io/ca", Signer{certsv1.ClusterIssuerKind, "", "ca"}, true},
		"a dot in the name of a ClusterIssuer":  {"clusterissuers.cert-manager.io/ca.v2.example", Signer{certsv1.ClusterIssuerKind, "", "ca.v2.example"}, true},
		"a signer of Kubernetes is not ours":    {"kubernetes.io/kubelet-serving", Signer{}, false},
		"another group's issuers are not ours":  {"issuers.cert-manager.io.example.com/team.ca", Signer{}, false},
		"a longer domain is not ours":           {"x.issuers.cert-manager.io/team.ca", Signer{}, false},
		"another kind of our group is not ours": {"certificates.cert-manager.io/team.ca", Signer{}, false},
		"a domain without a path is not ours":   {"issuers.cert-manager.io", Signer{}, false},
		"a signer name in capitals is not ours": {"Issuers.cert-manager.io/team.ca", Signer{}, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, ours := ParseSigner(tt.name)
			if got != tt.want || ours != tt.ours {
				t.Errorf("ParseSigner(%q) = %+v, %t, want %+v, %t", tt.name, got, ours, tt.want, tt.ours)
			}
		})
	}
}

// A change of an issuer must find the requests that name it.
func FuzzSignerNamesRoundTrip(f *testing.F) {
	for _, name := range []string{"issuers.cert-manager.io/team.ca", "issuers.cert-manager.io/a.b.c", "clusterissuers.cert-manager.io/a.b", "issuers.cert-manager.io/ca", ""} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		signer, ours := ParseSigner(name)
		if !ours || signer.Kind == certsv1.IssuerKind && signer.Namespace == "" {
			return
		}
		if signer.String() != name {
			t.Errorf("%q is read as %+v, which is written as %q", name, signer, signer)
		}
	})
}
