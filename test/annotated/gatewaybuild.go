package annotated

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	certsv1 "github.com/certwright/certwright/certs/v1"
)

// UIDs of the Gateways and ListenerSets in the examples; the Gateway "app" has
// AppUID.
const (
	ListenerSetUID types.UID = "uid-ls"
	ParentUID      types.UID = "uid-eg"
)

// Gateway is the Gateway "app" in the namespace "ns".
func Gateway(annotations Notes, listeners ...gatewayv1.Listener) *gatewayv1.Gateway {
	return &gatewayv1.Gateway{
		ObjectMeta: metav1.ObjectMeta{Name: "app", Namespace: "ns", UID: AppUID, Annotations: annotations},
		Spec:       gatewayv1.GatewaySpec{GatewayClassName: "class", Listeners: listeners},
	}
}

// ListenerSet is the ListenerSet "ls" in the namespace "ns" of the Gateway "eg"
// in the namespace "egs".
func ListenerSet(annotations Notes, listeners ...gatewayv1.Listener) *gatewayv1.ListenerSet {
	set := &gatewayv1.ListenerSet{
		ObjectMeta: metav1.ObjectMeta{Name: "ls", Namespace: "ns", UID: ListenerSetUID, Annotations: annotations},
		Spec:       gatewayv1.ListenerSetSpec{ParentRef: gatewayv1.ParentGatewayReference{Name: "eg", Namespace: new(gatewayv1.Namespace("egs"))}},
	}
	for _, l := range listeners {
		set.Spec.Listeners = append(set.Spec.Listeners, gatewayv1.ListenerEntry(l))
	}
	return set
}

// Parent is the Gateway "eg" in the namespace "egs".
func Parent(annotations Notes) *gatewayv1.Gateway {
	gw := Gateway(annotations, Plain())
	gw.Name, gw.Namespace, gw.UID = "eg", "egs", ParentUID
	return gw
}

// HTTPS is a listener as the API server stores it.
func HTTPS(name, host string, secrets ...string) gatewayv1.Listener {
	l := gatewayv1.Listener{
		Name: gatewayv1.SectionName(name), Port: 443, Protocol: gatewayv1.HTTPSProtocolType,
		TLS: &gatewayv1.ListenerTLSConfig{Mode: new(gatewayv1.TLSModeTerminate)},
	}
	if host != "" {
		l.Hostname = new(gatewayv1.Hostname(host))
	}
	for _, secret := range secrets {
		l.TLS.CertificateRefs = append(l.TLS.CertificateRefs, gatewayv1.SecretObjectReference{
			Group: new(gatewayv1.Group("")), Kind: new(gatewayv1.Kind("Secret")), Name: gatewayv1.ObjectName(secret),
		})
	}
	return l
}

// Changed is the listener l after a change.
func Changed(l gatewayv1.Listener, change func(*gatewayv1.Listener)) gatewayv1.Listener {
	change(&l)
	return l
}

// Speaking is the listener l with another protocol.
func Speaking(protocol gatewayv1.ProtocolType, l gatewayv1.Listener) gatewayv1.Listener {
	return Changed(l, func(l *gatewayv1.Listener) { l.Protocol = protocol })
}

// Plain is a listener without TLS.
func Plain() gatewayv1.Listener {
	return gatewayv1.Listener{Name: "http", Port: 80, Protocol: gatewayv1.HTTPProtocolType}
}

// Passthrough is a listener that leaves TLS to what is behind it.
func Passthrough() gatewayv1.Listener {
	return gatewayv1.Listener{
		Name: "pass", Port: 8443, Protocol: gatewayv1.TLSProtocolType, Hostname: new(gatewayv1.Hostname("p.ex")),
		TLS: &gatewayv1.ListenerTLSConfig{Mode: new(gatewayv1.TLSModePassthrough), CertificateRefs: []gatewayv1.SecretObjectReference{{Name: "p"}}},
	}
}

// ByGateway makes the Certificate one of the Gateway app.
func ByGateway(crt *certsv1.Certificate) {
	crt.OwnerReferences[0].APIVersion, crt.OwnerReferences[0].Kind = "gateway.networking.k8s.io/v1", "Gateway"
	annotate(crt, Notes{
		"acme.cert-manager.io/http01-parentrefkind": "Gateway",
		"acme.cert-manager.io/http01-parentrefname": "app",
	})
}

// ByListenerSet makes the Certificate one of the ListenerSet ls.
func ByListenerSet(crt *certsv1.Certificate) {
	owner := &crt.OwnerReferences[0]
	owner.APIVersion, owner.Kind, owner.Name, owner.UID = "gateway.networking.k8s.io/v1", "ListenerSet", "ls", ListenerSetUID
	annotate(crt, Notes{
		"acme.cert-manager.io/http01-parentrefkind": "ListenerSet",
		"acme.cert-manager.io/http01-parentrefname": "ls",
	})
}

func annotate(crt *certsv1.Certificate, more Notes) {
	if crt.Annotations == nil {
		crt.Annotations = Notes{}
	}
	for key, value := range more {
		crt.Annotations[key] = value
	}
}

// Further adds annotations.
func Further(annotations Notes) func(*certsv1.Certificate) {
	return func(crt *certsv1.Certificate) { annotate(crt, annotations) }
}
