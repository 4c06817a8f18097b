package shim_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	networkingv1 "k8s.io/api/networking/v1"

	certsv1 "github.com/certwright/certwright/certs/v1"
	"github.com/certwright/certwright/shim"
)

func TestReview(t *testing.T) {
	le1 := notes{clusterIssuer: "le"}
	wildcard := notes{clusterIssuer: "le", shim.DNSNamesKey: "*.ex, Ex"}
	tests := map[string]struct {
		ingress  *networkingv1.Ingress
		existing []*certsv1.Certificate
		want     []string
		fatal    bool
	}{
		"a good one": {ingress: app(le1, tls("t", "a.ex"))},
		"a key that nobody reads is a doubt": {
			ingress: app(notes{clusterIssuer: "le", "cert-manager.io/cluster-isuser": "le"}, tls("t", "a.ex")),
			want:    []string{"metadata.annotations[cert-manager.io/cluster-isuser]: means nothing on objects of kind Ingress; did you mean cert-manager.io/cluster-issuer?"},
		},
		"so it is on one that asks for nothing": {
			ingress: app(notes{"cert-manager.io/cluster-isuser": "le"}, tls("t", "a.ex")),
			want:    []string{"metadata.annotations[cert-manager.io/cluster-isuser]: means nothing on objects of kind Ingress; did you mean cert-manager.io/cluster-issuer?"},
		},
		"a bad value is fatal": {
			ingress: app(notes{clusterIssuer: "le", shim.KeySizeKey: "many"}, tls("t", "a.ex")),
			want:    []string{`metadata.annotations[cert-manager.io/private-key-size]: Invalid value: "many": must be a whole number of bits`}, fatal: true,
		},
		"no Secret is a doubt": {
			ingress: app(le1),
			want:    []string{"spec: the annotations ask for certificates, but nothing names a Secret for one (spec.tls of an Ingress)"},
		},
		"hosts that the names in their place cover": {
			ingress: app(wildcard, tls("t", "a.ex", "A.EX", "ex", "*.ex", "10.0.0.1"), tls("u")),
		},
		"and those that they do not": {
			ingress: app(wildcard, tls("t", "a.ex"), tls("u", "a.b.ex", "other")),
			want: []string{
				"spec.tls[1].hosts[0]: a.b.ex is not covered by certwright.dev/dns-names, which stands in place of the hosts",
				"spec.tls[1].hosts[1]: other is not covered by certwright.dev/dns-names, which stands in place of the hosts",
			},
		},
		"a Certificate that its user has taken over": {
			ingress: app(le1, tls("u", "b.ex"), tls("t", "a.ex")), existing: crts(certificate("t", nil, unowned)),
			want: []string{"spec.tls[1].secretName: the Certificate t exists and is nobody's but its user's, so it stays as it is; use another secret name"},
		},
		"one of another Ingress": {
			ingress: app(le1, tls("t", "a.ex")), existing: crts(certificate("t", nil, ownedBy("other", "uid-other"))),
			want: []string{"spec.tls[0].secretName: the Certificate t exists and is that of Ingress other, so it stays as it is; use another secret name"},
		},
		"one of its own, whatever is in it": {
			ingress: app(le1, tls("t", "a.ex")), existing: crts(certificate("t", nil)),
		},
		"one that cannot be shared": {
			ingress: app(wildcard, tls("t", "a.ex")), existing: crts(certificate("t", []string{"b.ex"}, ownedBy("other", "uid-other"))),
			want: []string{`metadata.annotations[certwright.dev/dns-names]: Certificate "t" cannot be shared: it is kept for Ingress "other", ` +
				"which asks for another spec.dnsNames; ask for the same, or use another secret name"},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			src, opts := shim.FromIngress(tt.ingress), shim.DefaultOptions()
			findings, wanted := shim.Review(src, opts)
			findings = append(findings, shim.Conflicts(src, shim.Plan(src, opts, wanted, tt.existing))...)
			var got []string
			for _, f := range findings {
				got = append(got, f.String())
				if f.Fatal != tt.fatal {
					t.Errorf("%s: fatal is %v", f, f.Fatal)
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}
