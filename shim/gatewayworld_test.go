package shim_test

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	certsv1 "github.com/certwright/certwright/certs/v1"
	"github.com/certwright/certwright/shim"
)

const (
	ignoreListeners = "cert-manager.io/ignore-tls-listeners"
	parentFallback  = "acme.cert-manager.io/http01-parentreffallback"
	issuerKind      = "cert-manager.io/issuer-kind"
	issuerGroup     = "cert-manager.io/issuer-group"
)

// gateway is the Gateway "app" in the namespace "ns".
func gateway(annotations notes, listeners ...gatewayv1.Listener) *gatewayv1.Gateway {
	return &gatewayv1.Gateway{
		ObjectMeta: metav1.ObjectMeta{Name: "app", Namespace: "ns", UID: "uid-app", Annotations: annotations},
		Spec:       gatewayv1.GatewaySpec{GatewayClassName: "class", Listeners: listeners},
	}
}

// listenerSet is the ListenerSet "ls" in the namespace "ns" of the Gateway "eg"
// in the namespace "egs".
func listenerSet(annotations notes, listeners ...gatewayv1.Listener) *gatewayv1.ListenerSet {
	set := &gatewayv1.ListenerSet{
		ObjectMeta: metav1.ObjectMeta{Name: "ls", Namespace: "ns", UID: "uid-ls", Annotations: annotations},
		Spec:       gatewayv1.ListenerSetSpec{ParentRef: gatewayv1.ParentGatewayReference{Name: "eg", Namespace: ptr(gatewayv1.Namespace("egs"))}},
	}
	for _, l := range listeners {
		set.Spec.Listeners = append(set.Spec.Listeners, gatewayv1.ListenerEntry(l))
	}
	return set
}

// parent is the Gateway "eg" in the namespace "egs".
func parent(annotations notes) *gatewayv1.Gateway {
	gw := gateway(annotations)
	gw.Name, gw.Namespace, gw.UID = "eg", "egs", "uid-eg"
	return gw
}

// https is a listener as the API server stores it.
func https(name, host string, secrets ...string) gatewayv1.Listener {
	l := gatewayv1.Listener{
		Name: gatewayv1.SectionName(name), Port: 443, Protocol: gatewayv1.HTTPSProtocolType,
		TLS: &gatewayv1.ListenerTLSConfig{Mode: ptr(gatewayv1.TLSModeTerminate)},
	}
	if host != "" {
		l.Hostname = ptr(gatewayv1.Hostname(host))
	}
	for _, secret := range secrets {
		l.TLS.CertificateRefs = append(l.TLS.CertificateRefs, gatewayv1.SecretObjectReference{
			Group: ptr(gatewayv1.Group("")), Kind: ptr(gatewayv1.Kind("Secret")), Name: gatewayv1.ObjectName(secret),
		})
	}
	return l
}

func changed(l gatewayv1.Listener, change func(*gatewayv1.Listener)) gatewayv1.Listener {
	change(&l)
	return l
}

func speaking(protocol gatewayv1.ProtocolType, l gatewayv1.Listener) gatewayv1.Listener {
	return changed(l, func(l *gatewayv1.Listener) { l.Protocol = protocol })
}

var (
	plain       = gatewayv1.Listener{Name: "http", Port: 80, Protocol: gatewayv1.HTTPProtocolType}
	passthrough = gatewayv1.Listener{
		Name: "pass", Port: 8443, Protocol: gatewayv1.TLSProtocolType, Hostname: ptr(gatewayv1.Hostname("p.ex")),
		TLS: &gatewayv1.ListenerTLSConfig{Mode: ptr(gatewayv1.TLSModePassthrough), CertificateRefs: []gatewayv1.SecretObjectReference{{Name: "p"}}},
	}
)

// reading is how a shell reads a source.
type reading func(shim.Options) *shim.Source

// ofGateway reads a Gateway without routes.
func ofGateway(gw *gatewayv1.Gateway) reading {
	return func(opts shim.Options) *shim.Source { return shim.FromGateway(gw, nil, opts) }
}

// ofListenerSet reads a ListenerSet without routes.
func ofListenerSet(set *gatewayv1.ListenerSet, parent *gatewayv1.Gateway) reading {
	return func(opts shim.Options) *shim.Source { return shim.FromListenerSet(set, parent, nil, opts) }
}

// byGateway makes the Certificate one of the Gateway app.
func byGateway(crt *certsv1.Certificate) {
	crt.OwnerReferences[0].APIVersion, crt.OwnerReferences[0].Kind = "gateway.networking.k8s.io/v1", "Gateway"
	annotate(crt, notes{
		"acme.cert-manager.io/http01-parentrefkind": "Gateway",
		"acme.cert-manager.io/http01-parentrefname": "app",
	})
}

// byListenerSet makes the Certificate one of the ListenerSet ls.
func byListenerSet(crt *certsv1.Certificate) {
	owner := &crt.OwnerReferences[0]
	owner.APIVersion, owner.Kind, owner.Name, owner.UID = "gateway.networking.k8s.io/v1", "ListenerSet", "ls", "uid-ls"
	annotate(crt, notes{
		"acme.cert-manager.io/http01-parentrefkind": "ListenerSet",
		"acme.cert-manager.io/http01-parentrefname": "ls",
	})
}

func annotate(crt *certsv1.Certificate, more notes) {
	if crt.Annotations == nil {
		crt.Annotations = notes{}
	}
	for key, value := range more {
		crt.Annotations[key] = value
	}
}

// further adds annotations.
func further(annotations notes) func(*certsv1.Certificate) {
	return func(crt *certsv1.Certificate) { annotate(crt, annotations) }
}
