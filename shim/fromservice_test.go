package shim_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	certsv1 "github.com/certwright/certwright/certs/v1"
	"github.com/certwright/certwright/shim"
)

func TestService(t *testing.T) {
	const hostname = "external-dns.alpha.kubernetes.io/hostname"
	of := func(more notes) notes {
		all := notes{clusterIssuer: "le", shim.SecretNameKey: "t"}
		for key, value := range more {
			all[key] = value
		}
		return all
	}
	owner := func(crt *certsv1.Certificate) {
		crt.OwnerReferences[0].APIVersion, crt.OwnerReferences[0].Kind = "v1", "Service"
	}
	skipped := "BadConfig: Skipped a certificate: "
	tests := map[string]struct {
		annotations notes
		kind        corev1.ServiceType
		existing    []*certsv1.Certificate
		want        outcome
	}{
		"a Secret and names lead to a Certificate": {
			annotations: of(notes{shim.DNSNamesKey: "a.ex, b.ex"}),
			want:        outcome{Creates: crts(certificate("t", []string{"a.ex", "b.ex"}, owner))},
		},
		"those of external-dns are names": {
			annotations: of(notes{hostname: "a.ex,b.ex"}),
			want:        outcome{Creates: crts(certificate("t", []string{"a.ex", "b.ex"}, owner))},
		},
		"its own names come before": {
			annotations: of(notes{hostname: "a.ex", shim.DNSNamesKey: "*.ex"}),
			want:        outcome{Creates: crts(certificate("t", []string{"*.ex"}, owner))},
		},
		"without names it is told": {
			annotations: of(nil),
			want: outcome{Told: []string{skipped + "metadata.annotations[certwright.dev/dns-names]: Required value: " +
				"names of the certificate, unless external-dns.alpha.kubernetes.io/hostname has them"}},
		},
		"a Secret without a name is told": {
			annotations: of(notes{shim.SecretNameKey: "", hostname: "a.ex"}),
			want:        outcome{Told: []string{skipped + "metadata.annotations[certwright.dev/secret-name]: Required value"}},
		},
		"a bad name is told where it stands": {
			annotations: of(notes{hostname: "a ex"}),
			want: outcome{Told: []string{skipped + `metadata.annotations[external-dns.alpha.kubernetes.io/hostname]: Invalid value: "a ex": ` +
				"is not a DNS name; use letters, digits, '-', '_', '.' and '*' only, without port and path"}},
		},
		"an issuer alone asks for nothing": {
			annotations: notes{clusterIssuer: "le", hostname: "a.ex"}, want: outcome{},
		},
		"nor does tls-acme": {
			annotations: notes{tlsACME: "true", hostname: "a.ex"}, want: outcome{},
		},
		"without an issuer and a default one it is told": {
			annotations: notes{shim.SecretNameKey: "t", hostname: "a.ex"},
			want: outcome{Told: []string{"BadConfig: Could not determine issuer for ingress due to bad annotations: " +
				"no issuer is named by cert-manager.io/issuer or cert-manager.io/cluster-issuer, and there is no default issuer"}},
		},
		"a Service of another type asks for nothing, and keeps what it had": {
			annotations: of(notes{hostname: "a.ex"}), kind: corev1.ServiceTypeClusterIP,
			existing: crts(certificate("old", []string{"a.ex"}, owner)), want: outcome{},
		},
		"another Secret is another Certificate": {
			annotations: of(notes{hostname: "a.ex"}), existing: crts(certificate("old", []string{"a.ex"}, owner)),
			want: outcome{Creates: crts(certificate("t", []string{"a.ex"}, owner)), Deletes: []string{"old"}},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if tt.kind == "" {
				tt.kind = corev1.ServiceTypeLoadBalancer
			}
			svc := &corev1.Service{
				ObjectMeta: metav1.ObjectMeta{Name: "app", Namespace: "ns", UID: "uid-app", Annotations: tt.annotations},
				Spec:       corev1.ServiceSpec{Type: tt.kind},
			}
			got := passOver(t, shim.FromService(svc), shim.DefaultOptions(), tt.existing)
			if diff := cmp.Diff(tt.want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("one pass (-want +got):\n%s", diff)
			}
		})
	}
}
