package shim_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	certsv1 "github.com/certwright/certwright/certs/v1"
	"github.com/certwright/certwright/shim"
)

// TestGatewayExamples are the worked examples of a Gateway or ListenerSet, by
// their number in the specification of the shim.
func TestGatewayExamples(t *testing.T) {
	le1 := notes{clusterIssuer: "le"}
	with := func(more notes) notes {
		all := notes{clusterIssuer: "le"}
		for k, v := range more {
			all[k] = v
		}
		return all
	}
	a := []string{"a.ex"}
	nothing := outcome{}

	tests := map[string]struct {
		source   reading
		opts     shim.Options
		existing []*certsv1.Certificate
		want     outcome
	}{
		"44 a listener with HTTPS leads to a Certificate, one with HTTP to nothing": {
			source: ofGateway(gateway(notes{issuer: "i"}, plain, https("https", "a.ex", "t"))),
			want:   outcome{Creates: crts(certificate("t", a, byGateway, issuedBy("i", "Issuer", "cert-manager.io")))},
		},
		"44a absent group and kind of a reference mean a Secret": {
			source: ofGateway(gateway(le1, changed(https("https", "a.ex", "t"), func(l *gatewayv1.Listener) {
				l.TLS.CertificateRefs = []gatewayv1.SecretObjectReference{{Name: "t"}}
			}))),
			want: outcome{Creates: crts(certificate("t", a, byGateway))},
		},
		"44b so do the group core and a namespace that is the Gateway's": {
			source: ofGateway(gateway(le1, changed(https("https", "a.ex", "t"), func(l *gatewayv1.Listener) {
				l.TLS.CertificateRefs[0].Group, l.TLS.CertificateRefs[0].Namespace = ptr(gatewayv1.Group("core")), ptr(gatewayv1.Namespace("ns"))
			}))),
			want: outcome{Creates: crts(certificate("t", a, byGateway))},
		},
		"45 listeners that share a Secret share a Certificate": {
			source: ofGateway(gateway(le1, https("one", "a.ex", "t"), https("two", "*.ex", "t"), speaking("TLS", https("three", "*.ex", "t")))),
			want:   outcome{Creates: crts(certificate("t", []string{"a.ex", "*.ex"}, byGateway))},
		},
		"46 a listener with two Secrets gets two Certificates": {
			source: ofGateway(gateway(le1, https("https", "a.ex", "t", "u"))),
			want:   outcome{Creates: crts(certificate("t", a, byGateway), certificate("u", a, byGateway))},
		},
		"47 a listener without a hostname is skipped": {
			source:   ofGateway(gateway(le1, https("https", "", "t"), https("other", "b.ex", "u"))),
			existing: crts(certificate("t", []string{"old.ex"}, byGateway)),
			want: outcome{
				Creates: crts(certificate("u", []string{"b.ex"}, byGateway)),
				Told:    []string{"BadConfig: Skipped a listener block: spec.listeners[0].hostname: Required value: the hostname cannot be empty"},
			},
		},
		"47a an empty hostname is none, and everything that is missing is told in one event": {
			source: ofGateway(gateway(le1, changed(https("https", "a.ex"), func(l *gatewayv1.Listener) {
				l.Hostname, l.TLS.Mode = ptr(gatewayv1.Hostname("")), nil
			}))),
			want: outcome{Told: []string{"BadConfig: Skipped a listener block: [spec.listeners[0].hostname: Required value: the hostname cannot be empty, " +
				"spec.listeners[0].tls.certificateRef: Required value: listener has no certificateRefs, spec.listeners[0].tls.mode: Required value]"}},
		},
		"47b a listener that says nothing about its certificate is skipped": {
			source: ofGateway(gateway(le1, changed(https("https", "a.ex"), func(l *gatewayv1.Listener) { l.TLS = nil }))),
			want: outcome{Told: []string{
				"BadConfig: Skipped a listener block: spec.listeners[0].tls: Required value: the listener says nothing about its certificate",
			}},
		},
		"47c a mode that we do not know is refused": {
			source: ofGateway(gateway(le1, changed(https("https", "a.ex", "t"), func(l *gatewayv1.Listener) { l.TLS.Mode = ptr(gatewayv1.TLSModeType("New")) }))),
			want: outcome{Told: []string{
				`BadConfig: Skipped a listener block: spec.listeners[0].tls.mode: Unsupported value: "New": supported values: "Terminate"`,
			}},
		},
		"48 a listener that passes TLS through is skipped without a word, and mentions its Secret": {
			source:   ofGateway(gateway(le1, passthrough)),
			existing: crts(certificate("p", []string{"old.ex"}, byGateway), certificate("q", a, byGateway)),
			want:     outcome{Deletes: []string{"q"}},
		},
		"49 a Secret of another namespace is refused": {
			source: ofGateway(gateway(le1, changed(https("https", "a.ex", "t"), func(l *gatewayv1.Listener) {
				l.TLS.CertificateRefs[0].Namespace = ptr(gatewayv1.Namespace("other-ns"))
			}))),
			want: outcome{Told: []string{`BadConfig: Skipped a listener block: spec.listeners[0].tls.certificateRef[0].namespace: Invalid value: "other-ns": ` +
				`a certificate is made in the namespace of the listener only`}},
		},
		"49a what is no Secret is refused": {
			source: ofGateway(gateway(le1, changed(https("https", "a.ex", "s", "t"), func(l *gatewayv1.Listener) {
				l.TLS.CertificateRefs[1].Group, l.TLS.CertificateRefs[1].Kind = ptr(gatewayv1.Group("vault.ex")), ptr(gatewayv1.Kind("Pair"))
			}))),
			want: outcome{Told: []string{`BadConfig: Skipped a listener block: [spec.listeners[0].tls.certificateRef[1].group: Unsupported value: "vault.ex": supported values: "", "core", ` +
				`spec.listeners[0].tls.certificateRef[1].kind: Unsupported value: "Pair": supported values: "", "Secret"]`}},
		},
		"50 tls-acme means nothing on a Gateway": {
			source: ofGateway(gateway(notes{tlsACME: "true"}, https("https", "a.ex", "t"))), opts: le(), want: nothing,
		},
		"51 a listener that is to be ignored is, and its Certificate is kept": {
			source:   ofGateway(gateway(with(notes{ignoreListeners: "nobody, https2"}), https("https", "a.ex", "t"), https("https2", "b.ex", "u"))),
			existing: crts(certificate("u", []string{"old.ex"}, byGateway)),
			want:     outcome{Creates: crts(certificate("t", a, byGateway))},
		},
		"52 a further protocol is like TLS where the operator says so": {
			source: ofGateway(gateway(le1, speaking("DTLS", https("https", "a.ex", "t")))),
			opts:   shim.Options{ListenerProtocols: []string{"DTLS"}},
			want:   outcome{Creates: crts(certificate("t", a, byGateway))},
		},
		"52a and nothing where nobody does": {
			source: ofGateway(gateway(le1, speaking("DTLS", https("https", "a.ex", "t")), speaking("https", https("lower", "a.ex", "t")))), want: nothing,
		},
		"53 a ListenerSet that names no issuer takes its Gateway's": {
			source: ofListenerSet(listenerSet(nil, https("https", "a.ex", "t")), parent(le1)),
			want:   outcome{Creates: crts(certificate("t", a, byListenerSet))},
		},
		"53a it takes kind and group along": {
			source: ofListenerSet(listenerSet(notes{issuerKind: "Mine"}, https("https", "a.ex", "t")),
				parent(notes{issuer: "pca", issuerKind: "AWSPCAClusterIssuer", issuerGroup: "awspca.cert-manager.io"})),
			want: outcome{Creates: crts(certificate("t", a, byListenerSet, issuedBy("pca", "AWSPCAClusterIssuer", "awspca.cert-manager.io")))},
		},
		"53b one that names an issuer takes nothing": {
			source: ofListenerSet(listenerSet(le1, https("https", "a.ex", "t")), parent(notes{issuer: "pca", issuerKind: "Pca", issuerGroup: "pca.ex"})),
			want:   outcome{Creates: crts(certificate("t", a, byListenerSet))},
		},
		"53c nothing else is taken": {
			source: ofListenerSet(listenerSet(nil, https("https", "a.ex", "t")), parent(with(notes{"cert-manager.io/common-name": "eg.ex", ignoreListeners: "https"}))),
			want:   outcome{Creates: crts(certificate("t", a, byListenerSet))},
		},
		"53d without any issuer there is nothing to do": {
			source: ofListenerSet(listenerSet(notes{tlsACME: "true"}, https("https", "a.ex", "t")), parent(notes{issuerKind: "Pca", tlsACME: "true"})), want: nothing,
		},
		"53e from a Gateway that names no issuer nothing is taken either": {
			source: ofListenerSet(listenerSet(notes{shim.TLSKey: "true", issuerKind: "Issuer"}, https("https", "a.ex", "t")), parent(notes{issuerGroup: "pca.ex"})),
			opts:   le(),
			want:   outcome{Creates: crts(certificate("t", a, byListenerSet, issuedBy("le", "Issuer", "cert-manager.io")))},
		},
		"54 challenges of a ListenerSet go through its Gateway where the user says so": {
			source: ofListenerSet(listenerSet(notes{parentFallback: "true"}, https("https", "a.ex", "t")), parent(le1)),
			want: outcome{Creates: crts(certificate("t", a, byListenerSet, further(notes{
				"acme.cert-manager.io/http01-parentrefkind":      "Gateway",
				"acme.cert-manager.io/http01-parentrefname":      "eg",
				"acme.cert-manager.io/http01-parentrefnamespace": "egs",
			})))},
		},
		"55 a ListenerSet without its Gateway is left alone": {
			source:   ofListenerSet(listenerSet(le1, https("https", "a.ex", "t")), nil),
			existing: crts(certificate("u", a, byListenerSet)), want: nothing,
		},
		"55a so is one whose Gateway is being deleted": {
			source: ofListenerSet(listenerSet(le1, https("https", "a.ex", "t")), func() *gatewayv1.Gateway {
				gw := parent(le1)
				gw.DeletionTimestamp = &metav1.Time{Time: time.Unix(1, 0)}
				return gw
			}()), want: nothing,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := passOver(t, tt.source(tt.opts), tt.opts, tt.existing)
			if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(outcome{}), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("one pass (-want +got):\n%s", diff)
			}
		})
	}
}
