package ingress

import (
	"net"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
)

// classAnnotation is older than spec.ingressClassName and still in use.
const classAnnotation = "kubernetes.io/ingress.class"

// A Backend is a port of a Service.
type Backend struct {
	Namespace, Service string
	Port               networkingv1.ServiceBackendPort
}

// Served tells whether a data plane of class serves ing. An Ingress without any
// class is served by all, and a data plane without a class serves all.
func Served(ing *networkingv1.Ingress, class string) bool {
	asked := ing.Annotations[classAnnotation]
	if ing.Spec.IngressClassName != nil {
		asked = *ing.Spec.IngressClassName
	}
	return class == "" || asked == "" || asked == class
}

// Match finds the back end for a request among ingresses, which are all served
// by us, in any order.
func Match(ingresses []*networkingv1.Ingress, host, path string) (Backend, bool) {
	for _, pattern := range patterns(host) {
		var best *candidate
		for _, ing := range ingresses {
			for _, c := range candidates(ing, pattern, path) {
				if best == nil || c.before(best) {
					best = &c
				}
			}
		}
		if best != nil {
			return best.backend, true
		}
	}
	return Backend{}, false
}

// patterns are the rule hosts that may speak for host, most specific first.
func patterns(host string) []string {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.ToLower(strings.TrimSuffix(strings.Trim(host, "[]"), "."))
	out := make([]string, 0, 3)
	if host != "" {
		out = append(out, host)
	}
	if _, parent, ok := strings.Cut(host, "."); ok && net.ParseIP(host) == nil {
		out = append(out, "*."+parent)
	}
	return append(out, "")
}

// A candidate is a path of an Ingress that matches.
type candidate struct {
	ingress *networkingv1.Ingress
	backend Backend
	exact   bool
	length  int
}

// before orders candidates: exact, then longest, then oldest.
func (c candidate) before(o *candidate) bool {
	if c.exact != o.exact {
		return c.exact
	}
	if c.length != o.length {
		return c.length > o.length
	}
	return older(c.ingress, o.ingress)
}

// older orders Ingresses by age, and by name where the age is the same second.
func older(a, b *networkingv1.Ingress) bool {
	if !a.CreationTimestamp.Equal(&b.CreationTimestamp) {
		return a.CreationTimestamp.Before(&b.CreationTimestamp)
	}
	if a.Namespace != b.Namespace {
		return a.Namespace < b.Namespace
	}
	return a.Name < b.Name
}

// candidates are the paths of ing that match under the rule host pattern.
func candidates(ing *networkingv1.Ingress, pattern, path string) []candidate {
	var out []candidate
	ruled := len(ing.Spec.Rules) == 0 && pattern == ""
	for _, rule := range ing.Spec.Rules {
		if strings.ToLower(rule.Host) != pattern {
			continue
		}
		ruled = true
		if rule.HTTP == nil {
			continue
		}
		for _, p := range rule.HTTP.Paths {
			exact := p.PathType != nil && *p.PathType == networkingv1.PathTypeExact
			if exact && p.Path == path || !exact && hasPrefix(path, p.Path) {
				out = append(out, candidate{ing, backend(ing, p.Backend), exact, len(strings.TrimRight(p.Path, "/"))})
			}
		}
	}
	if ruled && ing.Spec.DefaultBackend != nil {
		out = append(out, candidate{ing, backend(ing, *ing.Spec.DefaultBackend), false, -1})
	}
	return out
}

// hasPrefix compares element by element: /foo matches /foo and /foo/bar, but
// not /foobar.
func hasPrefix(path, prefix string) bool {
	rest, ok := strings.CutPrefix(path, strings.TrimRight(prefix, "/"))
	return ok && (rest == "" || rest[0] == '/')
}

// backend is empty for a resource back end, which nothing here can serve.
func backend(ing *networkingv1.Ingress, b networkingv1.IngressBackend) Backend {
	if b.Service == nil {
		return Backend{}
	}
	return Backend{ing.Namespace, b.Service.Name, b.Service.Port}
}
