package http01

import (
	"crypto/sha256"
	"encoding/hex"
	"hash/adler32"
	"maps"
	"net/netip"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	acmev1 "github.com/certwright/certwright/certs/acme/v1"
	"github.com/certwright/certwright/issuance/acme/http01/answer"
)

// Labels of everything that presents a challenge, by which it is found again
// together with its owner.
const (
	DomainLabel = "acme.cert-manager.io/http-domain"
	TokenLabel  = "acme.cert-manager.io/http-token"
	SolverLabel = "acme.cert-manager.io/http01-solver"
)

const (
	// namePrefix is that of everything that presents a challenge.
	namePrefix = "cm-acme-http-solver-"
	// Port is where solvers answer.
	Port = 8089
	// PathPrefix is that of every challenge (RFC 8555 section 8.3).
	PathPrefix = answer.PathPrefix

	portName        = "http"
	managedBy       = "acmesolver.certwright.dev"
	classAnnotation = "kubernetes.io/ingress.class"
	whitelistSuffix = "/whitelist-source-range"
	nginxWhitelist  = "nginx.ingress.kubernetes.io/whitelist-source-range"
	istioMTLS       = "auth.istio.io/8089"
)

// identity are the labels that tell whose challenge something presents.
func identity(ch *acmev1.Challenge) map[string]string {
	sum := func(s string) string { return strconv.FormatUint(uint64(adler32.Checksum([]byte(s))), 10) }
	return map[string]string{DomainLabel: sum(ch.Spec.DNSName), TokenLabel: sum(ch.Spec.Token), SolverLabel: "true"}
}

// meta is that of an object of ch. The name looks like a generated one, and is
// the same for the same Challenge.
func meta(ch *acmev1.Challenge, extra map[string]string) metav1.ObjectMeta {
	labels := maps.Clone(extra)
	if labels == nil {
		labels = map[string]string{}
	}
	maps.Copy(labels, identity(ch))
	return metav1.ObjectMeta{
		Namespace: ch.Namespace, GenerateName: namePrefix, Name: namePrefix + suffix(ch.UID), Labels: labels,
		OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(ch, acmev1.GroupVersion.WithKind(acmev1.ChallengeKind))},
	}
}

func suffix(uid types.UID) string {
	sum := sha256.Sum256([]byte(uid))
	return hex.EncodeToString(sum[:5])
}

// service is the Service without selector.
func service(ch *acmev1.Challenge, kind corev1.ServiceType, extra map[string]string) *corev1.Service {
	if kind == "" {
		kind = corev1.ServiceTypeClusterIP
	}
	m := meta(ch, extra)
	m.Annotations = map[string]string{istioMTLS: "NONE"}
	return &corev1.Service{ObjectMeta: m, Spec: corev1.ServiceSpec{
		Type:  kind,
		Ports: []corev1.ServicePort{{Name: portName, Port: Port, Protocol: corev1.ProtocolTCP}},
	}}
}

// slices leads serviceName to addresses, one slice per family.
func endpointSlices(ch *acmev1.Challenge, serviceName string, addresses []netip.Addr, port int32, extra map[string]string) []*discoveryv1.EndpointSlice {
	families := map[discoveryv1.AddressType][]discoveryv1.Endpoint{}
	for _, a := range addresses {
		family := discoveryv1.AddressTypeIPv6
		if a = a.Unmap(); a.Is4() {
			family = discoveryv1.AddressTypeIPv4
		}
		families[family] = append(families[family], discoveryv1.Endpoint{
			Addresses: []string{a.String()}, Conditions: discoveryv1.EndpointConditions{Ready: ptr.To(true)},
		})
	}
	var out []*discoveryv1.EndpointSlice
	for _, family := range []discoveryv1.AddressType{discoveryv1.AddressTypeIPv4, discoveryv1.AddressTypeIPv6} {
		if len(families[family]) == 0 {
			continue
		}
		m := meta(ch, extra)
		if family == discoveryv1.AddressTypeIPv6 {
			m.Name += "-v6"
		}
		m.Labels[discoveryv1.LabelServiceName] = serviceName
		m.Labels[discoveryv1.LabelManagedBy] = managedBy
		out = append(out, &discoveryv1.EndpointSlice{
			ObjectMeta: m, AddressType: family, Endpoints: families[family],
			Ports: []discoveryv1.EndpointPort{{Name: ptr.To(portName), Port: ptr.To(port), Protocol: ptr.To(corev1.ProtocolTCP)}},
		})
	}
	return out
}

// ingress routes the challenge's path to serviceName.
func ingress(ch *acmev1.Challenge, solver *acmev1.ACMEChallengeSolverHTTP01Ingress, serviceName string, pathType networkingv1.PathType, extra map[string]string) *networkingv1.Ingress {
	m := meta(ch, extra)
	m.Annotations = map[string]string{nginxWhitelist: "0.0.0.0/0,::/0"}
	if solver.Class != nil {
		m.Annotations[classAnnotation] = *solver.Class
	}
	if t := solver.IngressTemplate; t != nil {
		for key := range t.Annotations {
			if strings.HasSuffix(key, whitelistSuffix) {
				delete(m.Annotations, nginxWhitelist)
			}
		}
		maps.Copy(m.Annotations, t.Annotations)
		maps.Copy(m.Labels, t.Labels)
		maps.Copy(m.Labels, identity(ch)) // without these we would not find it again
	}
	return &networkingv1.Ingress{ObjectMeta: m, Spec: networkingv1.IngressSpec{
		IngressClassName: solver.IngressClassName,
		Rules:            []networkingv1.IngressRule{rule(ch, serviceName, pathType)},
	}}
}

// hostOf is the host of a rule: none for an IP address, which no Host header
// rule can match.
func hostOf(ch *acmev1.Challenge) string {
	if _, err := netip.ParseAddr(ch.Spec.DNSName); err == nil {
		return ""
	}
	return ch.Spec.DNSName
}

func rule(ch *acmev1.Challenge, serviceName string, pathType networkingv1.PathType) networkingv1.IngressRule {
	return networkingv1.IngressRule{Host: hostOf(ch), IngressRuleValue: networkingv1.IngressRuleValue{
		HTTP: &networkingv1.HTTPIngressRuleValue{Paths: []networkingv1.HTTPIngressPath{path(ch, serviceName, pathType)}},
	}}
}

func path(ch *acmev1.Challenge, serviceName string, pathType networkingv1.PathType) networkingv1.HTTPIngressPath {
	return networkingv1.HTTPIngressPath{
		Path: PathPrefix + ch.Spec.Token, PathType: ptr.To(pathType),
		Backend: networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{
			Name: serviceName, Port: networkingv1.ServiceBackendPort{Number: Port},
		}},
	}
}

// withPath returns the rules with the challenge's path first in the rule of its
// host, and whether that is a change.
func withPath(rules []networkingv1.IngressRule, ch *acmev1.Challenge, serviceName string, pathType networkingv1.PathType) ([]networkingv1.IngressRule, bool) {
	want := path(ch, serviceName, pathType)
	var out []networkingv1.IngressRule
	done, changed := false, false
	for _, r := range rules {
		r = *r.DeepCopy()
		if r.Host == hostOf(ch) && !done {
			done = true
			if r.HTTP == nil {
				r.HTTP = &networkingv1.HTTPIngressRuleValue{}
			}
			at := -1
			for i := range r.HTTP.Paths {
				if r.HTTP.Paths[i].Path == want.Path {
					at = i
				}
			}
			switch {
			case at < 0:
				r.HTTP.Paths = append([]networkingv1.HTTPIngressPath{want}, r.HTTP.Paths...)
				changed = true
			case !samePath(r.HTTP.Paths[at], want):
				r.HTTP.Paths[at] = want
				changed = true
			}
		}
		out = append(out, r)
	}
	if !done {
		return append(out, rule(ch, serviceName, pathType)), true
	}
	return out, changed
}

func samePath(a, b networkingv1.HTTPIngressPath) bool {
	return a.Backend.Service != nil && *a.Backend.Service == *b.Backend.Service && ptr.Equal(a.PathType, b.PathType)
}

// withoutPath returns the rules without the challenge's path, as far as it
// leads to a Service of ours, and whether that is a change. A rule that is left
// empty goes too.
func withoutPath(rules []networkingv1.IngressRule, ch *acmev1.Challenge) ([]networkingv1.IngressRule, bool) {
	var out []networkingv1.IngressRule
	changed := false
	for _, r := range rules {
		if r.Host != hostOf(ch) || r.HTTP == nil {
			out = append(out, r)
			continue
		}
		var kept []networkingv1.HTTPIngressPath
		for _, p := range r.HTTP.Paths {
			if p.Path != PathPrefix+ch.Spec.Token || p.Backend.Service == nil || !strings.HasPrefix(p.Backend.Service.Name, namePrefix) {
				kept = append(kept, p)
			}
		}
		if len(kept) == len(r.HTTP.Paths) {
			out = append(out, r)
			continue
		}
		changed = true
		if len(kept) > 0 {
			r = *r.DeepCopy()
			r.HTTP.Paths = kept
			out = append(out, r)
		}
	}
	return out, changed
}
