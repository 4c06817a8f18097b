package lint

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSources(t *testing.T) {
	ingress := func(annotations string, spec ...string) string {
		return "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata:\n  name: web\n  annotations:\n    " + annotations + "\nspec:\n" + lines(spec...)
	}
	const acme = "cert-manager.io/cluster-issuer: acme"
	block := []string{"tls:", "- secretName: t", "  hosts:", "  - a.example", "  - 192.0.2.1"}
	const note = "9: note: Ingress/web: makes the Certificate t: secret t, names a.example 192.0.2.1, issuer ClusterIssuer acme"
	for name, tt := range map[string]struct {
		manifest string
		want     []string
	}{
		"without an annotation there is nothing to say": {ingress("a: b", block...), nil},
		"a good one": {ingress(acme, block...), []string{note}},
		"two good ones": {
			ingress(acme, append(block, "- {secretName: u, hosts: [b.example]}")...),
			[]string{note, "13: note: Ingress/web: makes the Certificate u: secret u, names b.example, issuer ClusterIssuer acme"},
		},
		"an issuer of another group": {
			ingress("{cert-manager.io/issuer: pca, cert-manager.io/issuer-kind: AWSPCAIssuer, cert-manager.io/issuer-group: awspca.cert-manager.io}", block...),
			[]string{"9: note: Ingress/web: makes the Certificate t: secret t, names a.example 192.0.2.1, issuer AWSPCAIssuer.awspca.cert-manager.io pca"},
		},
		"a slip in the annotation that asks": {
			ingress("cert-manager.io/cluster-isuer: acme", block...),
			[]string{"6: warning: Ingress/web: metadata.annotations[cert-manager.io/cluster-isuer]: means nothing on objects of kind Ingress; did you mean cert-manager.io/cluster-issuer?"},
		},
		"a bad annotation": {
			ingress(acme+"\n    cert-manager.io/duration: 90d", block...),
			[]string{`7: error: Ingress/web: metadata.annotations[cert-manager.io/duration]: Invalid value: "90d": must be a duration in units up to hours, for example 2160h`},
		},
		"an annotation that makes a Certificate which is refused": {
			ingress(acme+"\n    cert-manager.io/renew-before: 9000h", block...),
			[]string{`7: error: Ingress/web: metadata.annotations[cert-manager.io/renew-before]: Invalid value: "9000h0m0s"`},
		},
		"a bad host": {
			ingress(acme, append(block, "- secretName: u", "  hosts: [b.example,", "    'b b']")...),
			[]string{`15: error: Ingress/web: spec.tls[1].hosts[1]: Invalid value: "b b"`, note},
		},
		"a Secret twice": {
			ingress(acme, append(block, "- {secretName: t, hosts: [b.example]}")...),
			[]string{`9: error: Ingress/web: spec.tls[0].secretName: Invalid value: "t": this secret name must only appear in a single TLS entry but is also used in spec.tls[1].secretName`},
		},
		"no Secret": {
			ingress(acme, "tls:", "- hosts: [a.example]"),
			[]string{"9: error: Ingress/web: spec.tls[0].secretName: Required value"},
		},
		"no blocks": {
			ingress(acme, "rules: []"),
			[]string{"7: warning: Ingress/web: spec: the annotations ask for certificates, but nothing names a Secret for one (spec.tls of an Ingress)"},
		},
		"a trigger without quotes": {
			ingress(acme+"\n    kubernetes.io/tls-acme: true", block...),
			[]string{
				"7: error: Ingress/web: metadata.annotations[kubernetes.io/tls-acme]: must be a string, not a boolean; put it in quotes",
				strings.Replace(note, "9", "10", 1),
			},
		},
		"fields that we do not know are the API server's to judge": {ingress(acme, append(block, "fields: x")...), []string{note}},
		"a block that is none": {
			ingress(acme, "tls: [t]"),
			[]string{"8: error: Ingress/web: spec.tls[0]: must be an object (hosts, secretName), not a string"},
		},
		"a doubtful Certificate": {
			ingress(acme+"\n    cert-manager.io/common-name: b.example", block...),
			[]string{
				"10: warning: Ingress/web: spec.tls[0].secretName: of the Certificate t: spec.commonName is not among spec.dnsNames",
				strings.Replace(note, "9", "10", 1),
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, begins(told(t, Options{}, tt.manifest), tt.want), cmpNil); diff != "" {
				t.Errorf("told (-want +got):\n%s", diff)
			}
		})
	}
}
