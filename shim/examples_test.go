package shim_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	certsv1 "github.com/certwright/certwright/certs/v1"
	"github.com/certwright/certwright/shim"
)

func le() shim.Options {
	opts := shim.DefaultOptions()
	opts.DefaultIssuerName, opts.DefaultIssuerKind = "le", "ClusterIssuer"
	return opts
}

// TestExamples are the worked examples of an Ingress, by their number in the
// specification of the shim.
func TestExamples(t *testing.T) {
	le1 := notes{clusterIssuer: "le"}
	with := func(more notes) notes {
		all := notes{clusterIssuer: "le"}
		for k, v := range more {
			all[k] = v
		}
		return all
	}
	one := tls("t", "a.ex")
	a := []string{"a.ex"}
	nothing := outcome{}

	tests := map[string]struct {
		ingress  *networkingv1.Ingress
		opts     shim.Options
		existing []*certsv1.Certificate
		want     outcome
	}{
		"1 a cluster issuer and one TLS block lead to one Certificate": {
			ingress: app(le1, one),
			want:    outcome{creates: crts(certificate("t", a))},
		},
		"2 an issuer is one of the namespace": {
			ingress: app(notes{issuer: "le"}, one),
			want:    outcome{creates: crts(certificate("t", a, issuedBy("le", "Issuer", "cert-manager.io")))},
		},
		"3 tls-acme takes the default issuer": {
			ingress: app(notes{tlsACME: "true"}, one), opts: le(),
			want: outcome{creates: crts(certificate("t", a))},
		},
		"4 tls-acme without a default issuer is refused": {
			ingress: app(notes{tlsACME: "true"}, one),
			want: outcome{told: []string{"BadConfig: Could not determine issuer for ingress due to bad annotations: " +
				"no issuer is named by cert-manager.io/issuer or cert-manager.io/cluster-issuer, and there is no default issuer"}},
		},
		"5 tls-acme yes is not true": {
			ingress: app(notes{tlsACME: "yes"}, one), opts: le(), want: nothing,
		},
		"6 an issuer counts although tls-acme is false": {
			ingress: app(notes{tlsACME: "false", issuer: "le"}, one),
			want:    outcome{creates: crts(certificate("t", a, issuedBy("le", "Issuer", "cert-manager.io")))},
		},
		"7 an annotation beats the default issuer": {
			ingress: app(notes{tlsACME: "true", clusterIssuer: "other"}, one), opts: le(),
			want: outcome{creates: crts(certificate("t", a, issuedBy("other", "ClusterIssuer", "cert-manager.io")))},
		},
		"8 two issuers are refused": {
			ingress: app(with(notes{issuer: "le2"}), one),
			want: outcome{told: []string{"BadConfig: Could not determine issuer for ingress due to bad annotations: " +
				"cert-manager.io/cluster-issuer and cert-manager.io/issuer may not be set together"}},
		},
		"9 a cluster issuer has no other kind": {
			ingress: app(with(notes{"cert-manager.io/issuer-kind": "Foo"}), one),
			want: outcome{told: []string{"BadConfig: Could not determine issuer for ingress due to bad annotations: " +
				"cert-manager.io/cluster-issuer and cert-manager.io/issuer-kind may not be set together"}},
		},
		"10 an external issuer is named by name, kind and group": {
			ingress: app(notes{issuer: "pca", "cert-manager.io/issuer-kind": "AWSPCAClusterIssuer", "cert-manager.io/issuer-group": "awspca.cert-manager.io"}, one),
			want:    outcome{creates: crts(certificate("t", a, issuedBy("pca", "AWSPCAClusterIssuer", "awspca.cert-manager.io")))},
		},
		"11 an empty issuer does not mean the default": {
			ingress: app(notes{issuer: ""}, one), opts: le(),
			want: outcome{told: []string{"BadConfig: Could not determine issuer for ingress due to bad annotations: " +
				"no issuer is named by cert-manager.io/issuer or cert-manager.io/cluster-issuer, and there is no default issuer"}},
		},
		"12 without TLS blocks there is nothing to do": {
			ingress: app(le1), want: nothing,
		},
		"13 a block without hosts is skipped, the others are not": {
			ingress: app(le1, tls("t"), tls("u", "b.ex")),
			want: outcome{
				creates: crts(certificate("u", []string{"b.ex"})),
				told:    []string{"BadConfig: Skipped a TLS block: spec.tls[0].hosts: Required value"},
			},
		},
		"14 a block without a Secret is skipped": {
			ingress: app(le1, tls("", "a.ex")),
			want:    outcome{told: []string{"BadConfig: Skipped a TLS block: spec.tls[0].secretName: Required value"}},
		},
		"14a a block with neither is told so once": {
			ingress: app(le1, tls("")),
			want:    outcome{told: []string{"BadConfig: Skipped a TLS block: [spec.tls[0].hosts: Required value, spec.tls[0].secretName: Required value]"}},
		},
		"15 one Secret in two blocks stops everything": {
			ingress:  app(le1, one, tls("t", "b.ex")),
			existing: crts(certificate("t", []string{"old.ex"}), certificate("stale", a)),
			want: outcome{told: []string{`BadConfig: spec.tls[0].secretName: Invalid value: "t": this secret name must only appear in a single TLS entry ` +
				`but is also used in spec.tls[1].secretName`}},
		},
		"16 two blocks lead to two Certificates": {
			ingress: app(le1, one, tls("u", "b.ex")),
			want:    outcome{creates: crts(certificate("t", a), certificate("u", []string{"b.ex"}))},
		},
		"17 repeated hosts are one": {
			ingress: app(le1, tls("t", "a.ex", "a.ex", "b.ex")),
			want:    outcome{creates: crts(certificate("t", []string{"a.ex", "b.ex"}))},
		},
		"18 IP addresses come from hosts and ip-sans": {
			ingress: app(with(notes{"cert-manager.io/ip-sans": "10.0.0.2, ::1"}), tls("t", "a.ex", "10.0.0.1")),
			want: outcome{creates: crts(certificate("t", a, spec(func(s *certsv1.CertificateSpec) {
				s.IPAddresses = []string{"10.0.0.1", "10.0.0.2", "::1"}
			})))},
		},
		"19 alt-names are added, without the spaces around them": {
			ingress: app(with(notes{"cert-manager.io/alt-names": "x.ex, y.ex,,a.ex"}), one),
			want:    outcome{creates: crts(certificate("t", []string{"a.ex", "x.ex", "y.ex"}))},
		},
		"20 a common name of 65 characters is refused": {
			ingress: app(with(notes{"cert-manager.io/common-name": strings.Repeat("x", 65)}), one),
			want: outcome{told: []string{`BadConfig: Could not make Certificates due to bad annotations: metadata.annotations[cert-manager.io/common-name]: ` +
				`Invalid value: "` + strings.Repeat("x", 65) + `": must be no more than 64 bytes`}},
		},
		"21 days are no unit": {
			ingress: app(with(notes{"cert-manager.io/duration": "90d"}), one),
			want: outcome{told: []string{`BadConfig: Could not make Certificates due to bad annotations: metadata.annotations[cert-manager.io/duration]: ` +
				`Invalid value: "90d": must be a duration in units up to hours, for example 2160h`}},
		},
		"22 half an hour is too short": {
			ingress: app(with(notes{"cert-manager.io/duration": "30m"}), one),
			want: outcome{told: []string{`BadConfig: Could not make Certificates due to bad annotations: metadata.annotations[cert-manager.io/duration]: ` +
				`Invalid value: "30m": must be at least 1h0m0s`}},
		},
		"23 of a bad duration and its renewal the duration is told": {
			ingress: app(with(notes{"cert-manager.io/duration": "30m", "cert-manager.io/renew-before": "1h"}), one),
			want: outcome{told: []string{`BadConfig: Could not make Certificates due to bad annotations: metadata.annotations[cert-manager.io/duration]: ` +
				`Invalid value: "30m": must be at least 1h0m0s`}},
		},
		"24 quoted values of the subject may hold commas": {
			ingress: app(with(notes{"cert-manager.io/subject-streetaddresses": `"1 A St, Suite 2","3 B St"`}), one),
			want: outcome{creates: crts(certificate("t", a, spec(func(s *certsv1.CertificateSpec) {
				s.Subject = &certsv1.X509Subject{StreetAddresses: []string{"1 A St, Suite 2", "3 B St"}}
			})))},
		},
		"25 usages replace the default": {
			ingress: app(with(notes{"cert-manager.io/usages": "server auth, client auth"}), one),
			want: outcome{creates: crts(certificate("t", a, spec(func(s *certsv1.CertificateSpec) {
				s.Usages = []certsv1.KeyUsage{"server auth", "client auth"}
			})))},
		},
		"26 an unknown usage is refused": {
			ingress: app(with(notes{"cert-manager.io/usages": "serverAuth"}), one),
			want: outcome{told: []string{`BadConfig: Could not make Certificates due to bad annotations: metadata.annotations[cert-manager.io/usages]: ` +
				`Invalid value: "serverAuth": "serverAuth" is not a key usage; a valid one is for example "server auth"`}},
		},
		"27 the private key is described": {
			ingress: app(with(notes{"cert-manager.io/private-key-algorithm": "ECDSA", "cert-manager.io/private-key-size": "384", "cert-manager.io/private-key-rotation-policy": "Always"}), one),
			want: outcome{creates: crts(certificate("t", a, spec(func(s *certsv1.CertificateSpec) {
				s.PrivateKey = &certsv1.CertificatePrivateKey{Algorithm: "ECDSA", Size: 384, RotationPolicy: "Always"}
			})))},
		},
		"28 a size alone is one of RSA": {
			ingress: app(with(notes{"cert-manager.io/private-key-size": "384"}), one),
			want: outcome{told: []string{`BadConfig: Could not make Certificates due to bad annotations: metadata.annotations[cert-manager.io/private-key-size]: ` +
				`Invalid value: "384": must be between 2048 and 8192 with RSA`}},
		},
		"29 labels for the Secret": {
			ingress: app(with(notes{"cert-manager.io/secret-template": `{"labels":{"a":"b"}}`}), one),
			want: outcome{creates: crts(certificate("t", a, spec(func(s *certsv1.CertificateSpec) {
				s.SecretTemplate = &certsv1.CertificateSecretTemplate{Labels: map[string]string{"a": "b"}}
			})))},
		},
		"30 our own annotations are not for the Secret": {
			ingress: app(with(notes{"cert-manager.io/secret-template": `{"annotations":{"cert-manager.io/x":"b"}}`}), one),
			want: outcome{told: []string{`BadConfig: Could not make Certificates due to bad annotations: metadata.annotations[cert-manager.io/secret-template]: ` +
				`Invalid value: "{\"annotations\":{\"cert-manager.io/x\":\"b\"}}": annotation "cert-manager.io/x": keys under cert-manager.io/ are reserved`}},
		},
		"31 edit in place names the Ingress": {
			ingress: app(with(notes{"acme.cert-manager.io/http01-edit-in-place": "true"}), one),
			want: outcome{creates: crts(certificate("t", a, annotated(notes{
				"acme.cert-manager.io/http01-override-ingress-name": "app",
				"cert-manager.io/issue-temporary-certificate":       "true",
			})))},
		},
		"32 the class of the solver's Ingress": {
			ingress: app(with(notes{"acme.cert-manager.io/http01-ingress-class": "nginx-int"}), one),
			want:    outcome{creates: crts(certificate("t", a, annotated(notes{"acme.cert-manager.io/http01-override-ingress-class": "nginx-int"})))},
		},
		"32a the class name of the solver's Ingress": {
			ingress: app(with(notes{"acme.cert-manager.io/http01-ingress-ingressclassname": "nginx-int"}), one),
			want:    outcome{creates: crts(certificate("t", a, annotated(notes{"acme.cert-manager.io/http01-override-ingress-ingressclassname": "nginx-int"})))},
		},
		"33 labels are copied, but for the ApplySet's": {
			ingress: labelled(app(le1, one), map[string]string{"app": "x", "applyset.kubernetes.io/part-of": "y"}),
			want:    outcome{creates: crts(certificate("t", a, withLabels(map[string]string{"app": "x"})))},
		},
		"34 a Certificate that nobody owns is the user's": {
			ingress: app(le1, one), existing: crts(certificate("t", []string{"old.ex"}, unowned)), want: nothing,
		},
		"35 a Certificate of another Ingress is its": {
			ingress: app(le1, one), existing: crts(certificate("t", []string{"old.ex"}, ownedBy("other", "uid-other"))), want: nothing,
		},
		"36 what is as it shall be is left so": {
			ingress: app(le1, one), existing: crts(certificate("t", a)), want: nothing,
		},
		"37 a label that the user added to the Certificate goes": {
			ingress: app(le1, one), existing: crts(certificate("t", a, withLabels(map[string]string{"mine": "x"}))),
			want: outcome{updates: crts(certificate("t", a))},
		},
		"38 another Secret name is another Certificate": {
			ingress: app(le1, tls("u", "a.ex")), existing: crts(certificate("t", a)),
			want: outcome{creates: crts(certificate("u", a)), deletes: []string{"t"}},
		},
		"39 without its annotation an Ingress is left alone, and its Certificates too": {
			ingress: app(nil, tls("u", "a.ex")), existing: crts(certificate("t", a)), want: nothing,
		},
		"40 an Ingress that is being deleted is left alone": {
			ingress: func() *networkingv1.Ingress {
				ing := app(le1, one)
				ing.DeletionTimestamp = &metav1.Time{Time: time.Unix(1, 0)}
				return ing
			}(), want: nothing,
		},
		"41 so is one that waits for its dependents": {
			ingress: func() *networkingv1.Ingress {
				ing := app(le1, one)
				ing.Finalizers = []string{"foregroundDeletion"}
				return ing
			}(), want: nothing,
		},
		"42 other usages alone are a change": {
			ingress: app(with(notes{"cert-manager.io/usages": "server auth"}), one), existing: crts(certificate("t", a)),
			want: outcome{updates: crts(certificate("t", a, spec(func(s *certsv1.CertificateSpec) {
				s.Usages = []certsv1.KeyUsage{"server auth"}
			})))},
		},
		"43 extra annotations are copied": {
			ingress: app(with(notes{"a.io/b": "v", "a.io/c": "w"}), one),
			opts:    shim.Options{ExtraAnnotations: []string{"a.io/b"}},
			want:    outcome{creates: crts(certificate("t", a, annotated(notes{"a.io/b": "v"})))},
		},
		"56 two blocks without a Secret are two skipped blocks": {
			ingress: app(le1, tls("", "a.ex"), tls("", "b.ex")),
			want: outcome{told: []string{
				"BadConfig: Skipped a TLS block: spec.tls[0].secretName: Required value",
				"BadConfig: Skipped a TLS block: spec.tls[1].secretName: Required value",
			}},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			opts := tt.opts
			if opts.AutoAnnotations == nil {
				opts.AutoAnnotations = shim.DefaultOptions().AutoAnnotations
			}
			got := pass(t, tt.ingress, opts, tt.existing)
			if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(outcome{}), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("one pass (-want +got):\n%s", diff)
			}
		})
	}
}
