package annotated

import (
	"strings"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	certsv1 "github.com/certwright/certwright/certs/v1"
	"github.com/certwright/certwright/shim"
)

// An Example is an Ingress, Gateway or ListenerSet, the Certificates that exist,
// and what one pass over it does and says.
type Example struct {
	Ingress *networkingv1.Ingress
	// Gateway is the parent of ListenerSet, if there is one of those.
	Gateway     *gatewayv1.Gateway
	ListenerSet *gatewayv1.ListenerSet
	// Refused is part of what the API server says when it does not store such a
	// source; empty if it does. What we make of it counts where the schema of the
	// CRD is another one.
	Refused string
	// Options are the usual ones, if nil.
	Options  *shim.Options
	Existing []*certsv1.Certificate
	Want     Outcome
}

// UsedOptions are the options that the example is for.
func (e *Example) UsedOptions() shim.Options {
	if e.Options == nil {
		return shim.DefaultOptions()
	}
	return *e.Options
}

// An Outcome is what one pass over a source does and says.
type Outcome struct {
	Creates, Updates []*certsv1.Certificate
	Deletes          []string
	Told             []string // "reason: message"
}

// defaulted are the options with the ClusterIssuer "le" as the default issuer.
func defaulted() *shim.Options {
	opts := shim.DefaultOptions()
	opts.DefaultIssuerName, opts.DefaultIssuerKind = "le", certsv1.ClusterIssuerKind
	return &opts
}

// copying are the options with an annotation that is copied.
func copying(key string) *shim.Options {
	opts := shim.DefaultOptions()
	opts.ExtraAnnotations = []string{key}
	return &opts
}

// Examples are the worked examples of an Ingress, by their number in the
// specification of the shim (spec/shim.md section 9).
func Examples() map[string]Example {
	le1 := Notes{shim.ClusterIssuerKey: "le"}
	with := func(more Notes) Notes {
		all := Notes{shim.ClusterIssuerKey: "le"}
		for k, v := range more {
			all[k] = v
		}
		return all
	}
	one := TLS("t", "a.ex")
	a := []string{"a.ex"}
	nothing := Outcome{}

	return map[string]Example{
		"1 a cluster issuer and one TLS block lead to one Certificate": {
			Ingress: App(le1, one),
			Want:    Outcome{Creates: Certificates(Certificate("t", a))},
		},
		"2 an issuer is one of the namespace": {
			Ingress: App(Notes{shim.IssuerKey: "le"}, one),
			Want:    Outcome{Creates: Certificates(Certificate("t", a, IssuedBy("le", "Issuer", "cert-manager.io")))},
		},
		"3 tls-acme takes the default issuer": {
			Ingress: App(Notes{shim.TLSACMEKey: "true"}, one), Options: defaulted(),
			Want: Outcome{Creates: Certificates(Certificate("t", a))},
		},
		"4 tls-acme without a default issuer is refused": {
			Ingress: App(Notes{shim.TLSACMEKey: "true"}, one),
			Want: Outcome{Told: []string{"BadConfig: Could not determine issuer for ingress due to bad annotations: " +
				"no issuer is named by cert-manager.io/issuer or cert-manager.io/cluster-issuer, and there is no default issuer"}},
		},
		"5 tls-acme yes is not true": {
			Ingress: App(Notes{shim.TLSACMEKey: "yes"}, one), Options: defaulted(), Want: nothing,
		},
		"6 an issuer counts although tls-acme is false": {
			Ingress: App(Notes{shim.TLSACMEKey: "false", shim.IssuerKey: "le"}, one),
			Want:    Outcome{Creates: Certificates(Certificate("t", a, IssuedBy("le", "Issuer", "cert-manager.io")))},
		},
		"7 an annotation beats the default issuer": {
			Ingress: App(Notes{shim.TLSACMEKey: "true", shim.ClusterIssuerKey: "other"}, one), Options: defaulted(),
			Want: Outcome{Creates: Certificates(Certificate("t", a, IssuedBy("other", "ClusterIssuer", "cert-manager.io")))},
		},
		"8 two issuers are refused": {
			Ingress: App(with(Notes{shim.IssuerKey: "le2"}), one),
			Want: Outcome{Told: []string{"BadConfig: Could not determine issuer for ingress due to bad annotations: " +
				"cert-manager.io/cluster-issuer and cert-manager.io/issuer may not be set together"}},
		},
		"9 a cluster issuer has no other kind": {
			Ingress: App(with(Notes{"cert-manager.io/issuer-kind": "Foo"}), one),
			Want: Outcome{Told: []string{"BadConfig: Could not determine issuer for ingress due to bad annotations: " +
				"cert-manager.io/cluster-issuer and cert-manager.io/issuer-kind may not be set together"}},
		},
		"10 an external issuer is named by name, kind and group": {
			Ingress: App(Notes{shim.IssuerKey: "pca", "cert-manager.io/issuer-kind": "AWSPCAClusterIssuer", "cert-manager.io/issuer-group": "awspca.cert-manager.io"}, one),
			Want:    Outcome{Creates: Certificates(Certificate("t", a, IssuedBy("pca", "AWSPCAClusterIssuer", "awspca.cert-manager.io")))},
		},
		"11 an empty issuer does not mean the default": {
			Ingress: App(Notes{shim.IssuerKey: ""}, one), Options: defaulted(),
			Want: Outcome{Told: []string{"BadConfig: Could not determine issuer for ingress due to bad annotations: " +
				"no issuer is named by cert-manager.io/issuer or cert-manager.io/cluster-issuer, and there is no default issuer"}},
		},
		"12 without TLS blocks there is nothing to do": {
			Ingress: App(le1), Want: nothing,
		},
		"13 a block without hosts is skipped, the others are not": {
			Ingress: App(le1, TLS("t"), TLS("u", "b.ex")),
			Want: Outcome{
				Creates: Certificates(Certificate("u", []string{"b.ex"})),
				Told:    []string{"BadConfig: Skipped a TLS block: spec.tls[0].hosts: Required value"},
			},
		},
		"14 a block without a Secret is skipped": {
			Ingress: App(le1, TLS("", "a.ex")),
			Want:    Outcome{Told: []string{"BadConfig: Skipped a TLS block: spec.tls[0].secretName: Required value"}},
		},
		"14a a block with neither is told so once": {
			Ingress: App(le1, TLS("")),
			Want:    Outcome{Told: []string{"BadConfig: Skipped a TLS block: [spec.tls[0].hosts: Required value, spec.tls[0].secretName: Required value]"}},
		},
		"15 one Secret in two blocks stops everything": {
			Ingress:  App(le1, one, TLS("t", "b.ex")),
			Existing: Certificates(Certificate("t", []string{"old.ex"}), Certificate("stale", a)),
			Want: Outcome{Told: []string{`BadConfig: spec.tls[0].secretName: Invalid value: "t": this secret name must only appear in a single TLS entry ` +
				`but is also used in spec.tls[1].secretName`}},
		},
		"16 two blocks lead to two Certificates": {
			Ingress: App(le1, one, TLS("u", "b.ex")),
			Want:    Outcome{Creates: Certificates(Certificate("t", a), Certificate("u", []string{"b.ex"}))},
		},
		"17 repeated hosts are one": {
			Ingress: App(le1, TLS("t", "a.ex", "a.ex", "b.ex")),
			Want:    Outcome{Creates: Certificates(Certificate("t", []string{"a.ex", "b.ex"}))},
		},
		"18 IP addresses come from hosts and ip-sans": {
			Ingress: App(with(Notes{"cert-manager.io/ip-sans": "10.0.0.2, ::1"}), TLS("t", "a.ex", "10.0.0.1")),
			Want: Outcome{Creates: Certificates(Certificate("t", a, Spec(func(s *certsv1.CertificateSpec) {
				s.IPAddresses = []string{"10.0.0.1", "10.0.0.2", "::1"}
			})))},
		},
		"19 alt-names are added, without the spaces around them": {
			Ingress: App(with(Notes{"cert-manager.io/alt-names": "x.ex, y.ex,,a.ex"}), one),
			Want:    Outcome{Creates: Certificates(Certificate("t", []string{"a.ex", "x.ex", "y.ex"}))},
		},
		"20 a common name of 65 characters is refused": {
			Ingress: App(with(Notes{"cert-manager.io/common-name": strings.Repeat("x", 65)}), one),
			Want: Outcome{Told: []string{`BadConfig: Could not make Certificates due to bad annotations: metadata.annotations[cert-manager.io/common-name]: ` +
				`Invalid value: "` + strings.Repeat("x", 65) + `": must be no more than 64 bytes`}},
		},
		"21 days are no unit": {
			Ingress: App(with(Notes{"cert-manager.io/duration": "90d"}), one),
			Want: Outcome{Told: []string{`BadConfig: Could not make Certificates due to bad annotations: metadata.annotations[cert-manager.io/duration]: ` +
				`Invalid value: "90d": must be a duration in units up to hours, for example 2160h`}},
		},
		"22 half an hour is too short": {
			Ingress: App(with(Notes{"cert-manager.io/duration": "30m"}), one),
			Want: Outcome{Told: []string{`BadConfig: Could not make Certificates due to bad annotations: metadata.annotations[cert-manager.io/duration]: ` +
				`Invalid value: "30m": must be at least 1h0m0s`}},
		},
		"23 of a bad duration and its renewal the duration is told": {
			Ingress: App(with(Notes{"cert-manager.io/duration": "30m", "cert-manager.io/renew-before": "1h"}), one),
			Want: Outcome{Told: []string{`BadConfig: Could not make Certificates due to bad annotations: metadata.annotations[cert-manager.io/duration]: ` +
				`Invalid value: "30m": must be at least 1h0m0s`}},
		},
		"24 quoted values of the subject may hold commas": {
			Ingress: App(with(Notes{"cert-manager.io/subject-streetaddresses": `"1 A St, Suite 2","3 B St"`}), one),
			Want: Outcome{Creates: Certificates(Certificate("t", a, Spec(func(s *certsv1.CertificateSpec) {
				s.Subject = &certsv1.X509Subject{StreetAddresses: []string{"1 A St, Suite 2", "3 B St"}}
			})))},
		},
		"25 usages replace the default": {
			Ingress: App(with(Notes{"cert-manager.io/usages": "server auth, client auth"}), one),
			Want: Outcome{Creates: Certificates(Certificate("t", a, Spec(func(s *certsv1.CertificateSpec) {
				s.Usages = []certsv1.KeyUsage{"server auth", "client auth"}
			})))},
		},
		"26 an unknown usage is refused": {
			Ingress: App(with(Notes{"cert-manager.io/usages": "serverAuth"}), one),
			Want: Outcome{Told: []string{`BadConfig: Could not make Certificates due to bad annotations: metadata.annotations[cert-manager.io/usages]: ` +
				`Invalid value: "serverAuth": "serverAuth" is not a key usage; a valid one is for example "server auth"`}},
		},
		"27 the private key is described": {
			Ingress: App(with(Notes{"cert-manager.io/private-key-algorithm": "ECDSA", "cert-manager.io/private-key-size": "384", "cert-manager.io/private-key-rotation-policy": "Always"}), one),
			Want: Outcome{Creates: Certificates(Certificate("t", a, Spec(func(s *certsv1.CertificateSpec) {
				s.PrivateKey = &certsv1.CertificatePrivateKey{Algorithm: "ECDSA", Size: 384, RotationPolicy: "Always"}
			})))},
		},
		"28 a size alone is one of RSA": {
			Ingress: App(with(Notes{"cert-manager.io/private-key-size": "384"}), one),
			Want: Outcome{Told: []string{`BadConfig: Could not make Certificates due to bad annotations: metadata.annotations[cert-manager.io/private-key-size]: ` +
				`Invalid value: "384": must be between 2048 and 8192 with RSA`}},
		},
		"29 labels for the Secret": {
			Ingress: App(with(Notes{"cert-manager.io/secret-template": `{"labels":{"a":"b"}}`}), one),
			Want: Outcome{Creates: Certificates(Certificate("t", a, Spec(func(s *certsv1.CertificateSpec) {
				s.SecretTemplate = &certsv1.CertificateSecretTemplate{Labels: map[string]string{"a": "b"}}
			})))},
		},
		"30 our own annotations are not for the Secret": {
			Ingress: App(with(Notes{"cert-manager.io/secret-template": `{"annotations":{"cert-manager.io/x":"b"}}`}), one),
			Want: Outcome{Told: []string{`BadConfig: Could not make Certificates due to bad annotations: metadata.annotations[cert-manager.io/secret-template]: ` +
				`Invalid value: "{\"annotations\":{\"cert-manager.io/x\":\"b\"}}": annotation "cert-manager.io/x": keys under cert-manager.io/ are reserved`}},
		},
		"31 edit in place names the Ingress": {
			Ingress: App(with(Notes{"acme.cert-manager.io/http01-edit-in-place": "true"}), one),
			Want: Outcome{Creates: Certificates(Certificate("t", a, Annotated(Notes{
				"acme.cert-manager.io/http01-override-ingress-name": "app",
				"cert-manager.io/issue-temporary-certificate":       "true",
			})))},
		},
		"32 the class of the solver's Ingress": {
			Ingress: App(with(Notes{"acme.cert-manager.io/http01-ingress-class": "nginx-int"}), one),
			Want:    Outcome{Creates: Certificates(Certificate("t", a, Annotated(Notes{"acme.cert-manager.io/http01-override-ingress-class": "nginx-int"})))},
		},
		"32a the class name of the solver's Ingress": {
			Ingress: App(with(Notes{"acme.cert-manager.io/http01-ingress-ingressclassname": "nginx-int"}), one),
			Want:    Outcome{Creates: Certificates(Certificate("t", a, Annotated(Notes{"acme.cert-manager.io/http01-override-ingress-ingressclassname": "nginx-int"})))},
		},
		"33 labels are copied, but for the ApplySet's": {
			Ingress: Labelled(App(le1, one), map[string]string{"app": "x", "applyset.kubernetes.io/part-of": "y"}),
			Want:    Outcome{Creates: Certificates(Certificate("t", a, WithLabels(map[string]string{"app": "x"})))},
		},
		"34 a Certificate that nobody owns is the user's": {
			Ingress: App(le1, one), Existing: Certificates(Certificate("t", []string{"old.ex"}, Unowned)), Want: nothing,
		},
		"35 a Certificate of another Ingress is its": {
			Ingress: App(le1, one), Existing: Certificates(Certificate("t", []string{"old.ex"}, OwnedBy("other", OtherUID))), Want: nothing,
		},
		"36 what is as it shall be is left so": {
			Ingress: App(le1, one), Existing: Certificates(Certificate("t", a)), Want: nothing,
		},
		"37 a label that the user added to the Certificate goes": {
			Ingress: App(le1, one), Existing: Certificates(Certificate("t", a, WithLabels(map[string]string{"mine": "x"}))),
			Want: Outcome{Updates: Certificates(Certificate("t", a))},
		},
		"38 another Secret name is another Certificate": {
			Ingress: App(le1, TLS("u", "a.ex")), Existing: Certificates(Certificate("t", a)),
			Want: Outcome{Creates: Certificates(Certificate("u", a)), Deletes: []string{"t"}},
		},
		"39 without its annotation an Ingress is left alone, and its Certificates too": {
			Ingress: App(nil, TLS("u", "a.ex")), Existing: Certificates(Certificate("t", a)), Want: nothing,
		},
		"40 an Ingress that is being deleted is left alone": {
			Ingress: func() *networkingv1.Ingress {
				ing := App(le1, one)
				ing.DeletionTimestamp = &metav1.Time{Time: time.Unix(1, 0)}
				return ing
			}(), Want: nothing,
		},
		"41 so is one that waits for its dependents": {
			Ingress: func() *networkingv1.Ingress {
				ing := App(le1, one)
				ing.Finalizers = []string{"foregroundDeletion"}
				return ing
			}(), Want: nothing,
		},
		"42 other usages alone are a change": {
			Ingress: App(with(Notes{"cert-manager.io/usages": "server auth"}), one), Existing: Certificates(Certificate("t", a)),
			Want: Outcome{Updates: Certificates(Certificate("t", a, Spec(func(s *certsv1.CertificateSpec) {
				s.Usages = []certsv1.KeyUsage{"server auth"}
			})))},
		},
		"43 extra annotations are copied": {
			Ingress: App(with(Notes{"a.io/b": "v", "a.io/c": "w"}), one),
			Options: copying("a.io/b"),
			Want:    Outcome{Creates: Certificates(Certificate("t", a, Annotated(Notes{"a.io/b": "v"})))},
		},
		"56 two blocks without a Secret are two skipped blocks": {
			Ingress: App(le1, TLS("", "a.ex"), TLS("", "b.ex")),
			Want: Outcome{Told: []string{
				"BadConfig: Skipped a TLS block: spec.tls[0].secretName: Required value",
				"BadConfig: Skipped a TLS block: spec.tls[1].secretName: Required value",
			}},
		},
	}
}
