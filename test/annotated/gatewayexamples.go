package annotated

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/certwright/certwright/shim"
)

// protocols are the options with further protocols that are like TLS.
func protocols(more ...string) *shim.Options {
	opts := shim.DefaultOptions()
	opts.ListenerProtocols = more
	return &opts
}

// GatewayExamples are the worked examples of a Gateway or ListenerSet, by their
// number in the specification of the shim (spec/shim.md section 9).
func GatewayExamples() map[string]Example {
	le1 := Notes{shim.ClusterIssuerKey: "le"}
	with := func(more Notes) Notes {
		all := Notes{shim.ClusterIssuerKey: "le"}
		for k, v := range more {
			all[k] = v
		}
		return all
	}
	a := []string{"a.ex"}
	nothing := Outcome{}

	return map[string]Example{
		"44 a listener with HTTPS leads to a Certificate, one with HTTP to nothing": {
			Gateway: Gateway(Notes{shim.IssuerKey: "i"}, Plain(), HTTPS("https", "a.ex", "t")),
			Want:    Outcome{Creates: Certificates(Certificate("t", a, ByGateway, IssuedBy("i", "Issuer", "cert-manager.io")))},
		},
		"44a absent group and kind of a reference mean a Secret": {
			Gateway: Gateway(le1, Changed(HTTPS("https", "a.ex", "t"), func(l *gatewayv1.Listener) {
				l.TLS.CertificateRefs = []gatewayv1.SecretObjectReference{{Name: "t"}}
			})),
			Want: Outcome{Creates: Certificates(Certificate("t", a, ByGateway))},
		},
		"44b so do the group core and a namespace that is the Gateway's": {
			Gateway: Gateway(le1, Changed(HTTPS("https", "a.ex", "t"), func(l *gatewayv1.Listener) {
				l.TLS.CertificateRefs[0].Group, l.TLS.CertificateRefs[0].Namespace = new(gatewayv1.Group("core")), new(gatewayv1.Namespace("ns"))
			})),
			Want: Outcome{Creates: Certificates(Certificate("t", a, ByGateway))},
		},
		"45 listeners that share a Secret share a Certificate": {
			Gateway: Gateway(le1, HTTPS("one", "a.ex", "t"), HTTPS("two", "*.ex", "t"), Speaking("TLS", HTTPS("three", "*.ex", "t"))),
			Want:    Outcome{Creates: Certificates(Certificate("t", []string{"a.ex", "*.ex"}, ByGateway))},
		},
		"46 a listener with two Secrets gets two Certificates": {
			Gateway: Gateway(le1, HTTPS("https", "a.ex", "t", "u")),
			Want:    Outcome{Creates: Certificates(Certificate("t", a, ByGateway), Certificate("u", a, ByGateway))},
		},
		"47 a listener without a hostname is skipped": {
			Gateway:  Gateway(le1, HTTPS("https", "", "t"), HTTPS("other", "b.ex", "u")),
			Existing: Certificates(Certificate("t", []string{"old.ex"}, ByGateway)),
			Want: Outcome{
				Creates: Certificates(Certificate("u", []string{"b.ex"}, ByGateway)),
				Told:    []string{"BadConfig: Skipped a listener block: spec.listeners[0].hostname: Required value: the hostname cannot be empty"},
			},
		},
		"47a an empty hostname is none, and everything that is missing is told in one event": {
			Gateway: Gateway(le1, Changed(HTTPS("https", "a.ex"), func(l *gatewayv1.Listener) {
				l.Hostname, l.TLS.Mode = new(gatewayv1.Hostname("")), nil
			})),
			// Without references it is refused, too; a mode that is absent becomes Terminate.
			Refused: `spec.listeners[0].hostname: Invalid value: ""`,
			Want: Outcome{Told: []string{"BadConfig: Skipped a listener block: [spec.listeners[0].hostname: Required value: the hostname cannot be empty, " +
				"spec.listeners[0].tls.certificateRef: Required value: listener has no certificateRefs, spec.listeners[0].tls.mode: Required value]"}},
		},
		"47b a listener that says nothing about its certificate is skipped": {
			Gateway: Gateway(le1, Changed(HTTPS("https", "a.ex"), func(l *gatewayv1.Listener) { l.TLS = nil })),
			Want: Outcome{Told: []string{
				"BadConfig: Skipped a listener block: spec.listeners[0].tls: Required value: the listener says nothing about its certificate",
			}},
		},
		"47c a mode that we do not know is refused": {
			Gateway: Gateway(le1, Changed(HTTPS("https", "a.ex", "t"), func(l *gatewayv1.Listener) { l.TLS.Mode = new(gatewayv1.TLSModeType("New")) })),
			Refused: `spec.listeners[0].tls.mode: Unsupported value: "New"`,
			Want: Outcome{Told: []string{
				`BadConfig: Skipped a listener block: spec.listeners[0].tls.mode: Unsupported value: "New": supported values: "Terminate"`,
			}},
		},
		"48 a listener that passes TLS through is skipped without a word, and mentions its Secret": {
			Gateway:  Gateway(le1, Passthrough()),
			Existing: Certificates(Certificate("p", []string{"old.ex"}, ByGateway), Certificate("q", a, ByGateway)),
			Want:     Outcome{Deletes: []string{"q"}},
		},
		"49 a Secret of another namespace is refused": {
			Gateway: Gateway(le1, Changed(HTTPS("https", "a.ex", "t"), func(l *gatewayv1.Listener) {
				l.TLS.CertificateRefs[0].Namespace = new(gatewayv1.Namespace("other-ns"))
			})),
			Want: Outcome{Told: []string{`BadConfig: Skipped a listener block: spec.listeners[0].tls.certificateRef[0].namespace: Invalid value: "other-ns": ` +
				`a certificate is made in the namespace of the listener only`}},
		},
		"49a what is no Secret is refused": {
			Gateway: Gateway(le1, Changed(HTTPS("https", "a.ex", "s", "t"), func(l *gatewayv1.Listener) {
				l.TLS.CertificateRefs[1].Group, l.TLS.CertificateRefs[1].Kind = new(gatewayv1.Group("vault.ex")), new(gatewayv1.Kind("Pair"))
			})),
			Want: Outcome{Told: []string{`BadConfig: Skipped a listener block: [spec.listeners[0].tls.certificateRef[1].group: Unsupported value: "vault.ex": supported values: "", "core", ` +
				`spec.listeners[0].tls.certificateRef[1].kind: Unsupported value: "Pair": supported values: "", "Secret"]`}},
		},
		"50 tls-acme means nothing on a Gateway": {
			Gateway: Gateway(Notes{shim.TLSACMEKey: "true"}, HTTPS("https", "a.ex", "t")), Options: defaulted(), Want: nothing,
		},
		"51 a listener that is to be ignored is, and its Certificate is kept": {
			Gateway:  Gateway(with(Notes{shim.IgnoreListenersKey: "nobody, https2"}), HTTPS("https", "a.ex", "t"), HTTPS("https2", "b.ex", "u")),
			Existing: Certificates(Certificate("u", []string{"old.ex"}, ByGateway)),
			Want:     Outcome{Creates: Certificates(Certificate("t", a, ByGateway))},
		},
		"52 a further protocol is like TLS where the operator says so": {
			Gateway: Gateway(le1, Speaking("DTLS", HTTPS("https", "a.ex", "t"))),
			Options: protocols("DTLS"),
			Want:    Outcome{Creates: Certificates(Certificate("t", a, ByGateway))},
		},
		"52a and nothing where nobody does": {
			Gateway: Gateway(le1, Speaking("DTLS", HTTPS("https", "a.ex", "t")), Speaking("https", HTTPS("lower", "a.ex", "t"))), Want: nothing,
		},
		"53 a ListenerSet that names no issuer takes its Gateway's": {
			ListenerSet: ListenerSet(nil, HTTPS("https", "a.ex", "t")),
			Gateway:     Parent(le1),
			Want:        Outcome{Creates: Certificates(Certificate("t", a, ByListenerSet))},
		},
		"53a it takes kind and group along": {
			ListenerSet: ListenerSet(Notes{shim.IssuerKindKey: "Mine"}, HTTPS("https", "a.ex", "t")),
			Gateway:     Parent(Notes{shim.IssuerKey: "pca", shim.IssuerKindKey: "AWSPCAClusterIssuer", shim.IssuerGroupKey: "awspca.cert-manager.io"}),
			Want:        Outcome{Creates: Certificates(Certificate("t", a, ByListenerSet, IssuedBy("pca", "AWSPCAClusterIssuer", "awspca.cert-manager.io")))},
		},
		"53b one that names an issuer takes nothing": {
			ListenerSet: ListenerSet(le1, HTTPS("https", "a.ex", "t")),
			Gateway:     Parent(Notes{shim.IssuerKey: "pca", shim.IssuerKindKey: "Pca", shim.IssuerGroupKey: "pca.ex"}),
			Want:        Outcome{Creates: Certificates(Certificate("t", a, ByListenerSet))},
		},
		"53c nothing else is taken": {
			ListenerSet: ListenerSet(nil, HTTPS("https", "a.ex", "t")),
			Gateway:     Parent(with(Notes{"cert-manager.io/common-name": "eg.ex", shim.IgnoreListenersKey: "https"})),
			Want:        Outcome{Creates: Certificates(Certificate("t", a, ByListenerSet))},
		},
		"53d without any issuer there is nothing to do": {
			ListenerSet: ListenerSet(Notes{shim.TLSACMEKey: "true"}, HTTPS("https", "a.ex", "t")),
			Gateway:     Parent(Notes{shim.IssuerKindKey: "Pca", shim.TLSACMEKey: "true"}), Want: nothing,
		},
		"53e from a Gateway that names no issuer nothing is taken either": {
			ListenerSet: ListenerSet(Notes{shim.TLSKey: "true", shim.IssuerKindKey: "Issuer"}, HTTPS("https", "a.ex", "t")),
			Gateway:     Parent(Notes{shim.IssuerGroupKey: "pca.ex"}),
			Options:     defaulted(),
			Want:        Outcome{Creates: Certificates(Certificate("t", a, ByListenerSet, IssuedBy("le", "Issuer", "cert-manager.io")))},
		},
		"54 challenges of a ListenerSet go through its Gateway where the user says so": {
			ListenerSet: ListenerSet(Notes{shim.ParentFallbackKey: "true"}, HTTPS("https", "a.ex", "t")),
			Gateway:     Parent(le1),
			Want: Outcome{Creates: Certificates(Certificate("t", a, ByListenerSet, Further(Notes{
				"acme.cert-manager.io/http01-parentrefkind":      "Gateway",
				"acme.cert-manager.io/http01-parentrefname":      "eg",
				"acme.cert-manager.io/http01-parentrefnamespace": "egs",
			})))},
		},
		"55 a ListenerSet without its Gateway is left alone": {
			ListenerSet: ListenerSet(le1, HTTPS("https", "a.ex", "t")),
			Existing:    Certificates(Certificate("u", a, ByListenerSet)), Want: nothing,
		},
		"55a so is one whose Gateway is being deleted": {
			ListenerSet: ListenerSet(le1, HTTPS("https", "a.ex", "t")),
			Gateway: func() *gatewayv1.Gateway {
				gw := Parent(le1)
				gw.DeletionTimestamp = &metav1.Time{Time: time.Unix(1, 0)}
				return gw
			}(), Want: nothing,
		},
	}
}
