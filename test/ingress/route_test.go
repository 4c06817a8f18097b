package ingress

import (
	"testing"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// site builds an Ingress; age is in hours, so that a larger one is older.
func site(name string, age int, edit ...func(*networkingv1.Ingress)) *networkingv1.Ingress {
	ing := &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{
		Namespace: "ns", Name: name, CreationTimestamp: metav1.NewTime(noon.Add(-time.Duration(age) * time.Hour))}}
	for _, f := range edit {
		f(ing)
	}
	return ing
}

func toService(name string) networkingv1.IngressBackend {
	return networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{
		Name: name, Port: networkingv1.ServiceBackendPort{Number: 80}}}
}

func path(host string, kind networkingv1.PathType, path, service string) func(*networkingv1.Ingress) {
	return func(ing *networkingv1.Ingress) {
		ing.Spec.Rules = append(ing.Spec.Rules, networkingv1.IngressRule{Host: host,
			IngressRuleValue: networkingv1.IngressRuleValue{HTTP: &networkingv1.HTTPIngressRuleValue{
				Paths: []networkingv1.HTTPIngressPath{{Path: path, PathType: &kind, Backend: toService(service)}}}}})
	}
}

func exact(host, p, service string) func(*networkingv1.Ingress) {
	return path(host, networkingv1.PathTypeExact, p, service)
}

func prefix(host, p, service string) func(*networkingv1.Ingress) {
	return path(host, networkingv1.PathTypePrefix, p, service)
}

func byDefault(service string) func(*networkingv1.Ingress) {
	return func(ing *networkingv1.Ingress) {
		b := toService(service)
		ing.Spec.DefaultBackend = &b
	}
}

func secured(secret string, hosts ...string) func(*networkingv1.Ingress) {
	return func(ing *networkingv1.Ingress) {
		ing.Spec.TLS = append(ing.Spec.TLS, networkingv1.IngressTLS{Hosts: hosts, SecretName: secret})
	}
}

func class(name string) func(*networkingv1.Ingress) {
	return func(ing *networkingv1.Ingress) { ing.Spec.IngressClassName = &name }
}

func oldClass(name string) func(*networkingv1.Ingress) {
	return func(ing *networkingv1.Ingress) { ing.Annotations = map[string]string{classAnnotation: name} }
}

func TestMatch(t *testing.T) {
	t.Parallel()
	const web, token = "web.example.test", "/.well-known/acme-challenge/tok"
	tests := map[string]struct {
		ingresses  []*networkingv1.Ingress
		host, path string
		want       string // Service; empty for none
	}{
		"nothing is served without Ingresses": {nil, web, "/", ""},
		"another host is not served": {
			[]*networkingv1.Ingress{site("a", 1, prefix(web, "/", "app"))}, "api.example.test", "/", ""},
		"the port of the request does not matter": {
			[]*networkingv1.Ingress{site("a", 1, prefix(web, "/", "app"))}, "web.example.test:8080", "/", "app"},
		"nor do capitals and a final dot": {
			[]*networkingv1.Ingress{site("a", 1, prefix(web, "/", "app"))}, "WEB.example.test.", "/", "app"},
		"an exact path matches itself": {
			[]*networkingv1.Ingress{site("a", 1, exact(web, "/foo", "app"))}, web, "/foo", "app"},
		"an exact path does not match with a slash more": {
			[]*networkingv1.Ingress{site("a", 1, exact(web, "/foo", "app"))}, web, "/foo/", ""},
		"a prefix matches below": {
			[]*networkingv1.Ingress{site("a", 1, prefix(web, "/foo", "app"))}, web, "/foo/bar", "app"},
		"a prefix with a final slash matches without": {
			[]*networkingv1.Ingress{site("a", 1, prefix(web, "/foo/", "app"))}, web, "/foo", "app"},
		"a prefix matches whole elements only": {
			[]*networkingv1.Ingress{site("a", 1, prefix(web, "/foo", "app"))}, web, "/foobar", ""},
		"implementation specific is a prefix": {
			[]*networkingv1.Ingress{site("a", 1, path(web, networkingv1.PathTypeImplementationSpecific, "", "app"))}, web, "/x", "app"},
		"the longest prefix wins": {
			[]*networkingv1.Ingress{site("a", 1, prefix(web, "/", "app"), prefix(web, "/foo/bar", "long"), prefix(web, "/foo", "short"))},
			web, "/foo/bar/baz", "long"},
		"an exact path wins over a prefix of the same length": {
			[]*networkingv1.Ingress{site("a", 9, prefix(web, "/foo", "prefix")), site("b", 1, exact(web, "/foo", "exact"))},
			web, "/foo", "exact"},
		"an exact path wins over a prefix written longer": {
			[]*networkingv1.Ingress{site("a", 1, prefix(web, "/foo/", "prefix"), exact(web, "/foo", "exact"))}, web, "/foo", "exact"},
		"a second Ingress takes over the challenge path of a served host": {
			[]*networkingv1.Ingress{site("site", 9, prefix(web, "/", "app")), site("solver", 1, exact(web, token, "solver"))},
			web, token, "solver"},
		"and leaves the rest to the site": {
			[]*networkingv1.Ingress{site("site", 9, prefix(web, "/", "app")), site("solver", 1, exact(web, token, "solver"))},
			web, token + "x", "app"},
		"of two equal paths the older Ingress wins": {
			[]*networkingv1.Ingress{site("a", 1, prefix(web, "/", "young")), site("b", 2, prefix(web, "/", "old"))}, web, "/", "old"},
		"of the same age the name decides": {
			[]*networkingv1.Ingress{site("b", 1, prefix(web, "/", "second")), site("a", 1, prefix(web, "/", "first"))}, web, "/", "first"},
		"a wildcard covers one label": {
			[]*networkingv1.Ingress{site("a", 1, prefix("*.example.test", "/", "wild"))}, web, "/", "wild"},
		"a wildcard does not cover two labels": {
			[]*networkingv1.Ingress{site("a", 1, prefix("*.example.test", "/", "wild"))}, "a.web.example.test", "/", ""},
		"a wildcard does not cover its own domain": {
			[]*networkingv1.Ingress{site("a", 1, prefix("*.example.test", "/", "wild"))}, "example.test", "/", ""},
		"the exact host wins over a wildcard with a longer path": {
			[]*networkingv1.Ingress{site("a", 9, prefix("*.example.test", "/foo", "wild")), site("b", 1, prefix(web, "/", "app"))},
			web, "/foo", "app"},
		"without a match the wildcard is asked": {
			[]*networkingv1.Ingress{site("a", 9, prefix("*.example.test", "/", "wild")), site("b", 1, prefix(web, "/foo", "app"))},
			web, "/bar", "wild"},
		"a rule without a host serves an address": {
			[]*networkingv1.Ingress{site("a", 1, exact("", token, "solver"))}, "192.0.2.1:80", token, "solver"},
		"a rule without a host serves an IPv6 address": {
			[]*networkingv1.Ingress{site("a", 1, exact("", token, "solver"))}, "[2001:db8::1]:80", token, "solver"},
		"the default back end serves what the rules of its host do not": {
			[]*networkingv1.Ingress{site("a", 1, exact(web, "/foo", "app"), byDefault("rest"))}, web, "/bar", "rest"},
		"the default back end of a host yields to any path": {
			[]*networkingv1.Ingress{site("a", 9, exact(web, "/foo", "app"), byDefault("rest")), site("b", 1, prefix(web, "/", "root"))},
			web, "/bar", "root"},
		"an Ingress of nothing but a default back end serves every host": {
			[]*networkingv1.Ingress{site("a", 1, byDefault("rest"))}, web, "/bar", "rest"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, ok := Match(tt.ingresses, tt.host, tt.path)
			if got.Service != tt.want || ok != (tt.want != "") {
				t.Errorf("Match(%s%s) = %+v, %t, want %q", tt.host, tt.path, got, ok, tt.want)
			}
			if ok && (got.Namespace != "ns" || got.Port.Number != 80) {
				t.Errorf("the back end is %+v, want port 80 in ns", got)
			}
		})
	}
}

func TestServed(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		ingress *networkingv1.Ingress
		class   string
		want    bool
	}{
		"our class":                             {site("a", 1, class("ours")), "ours", true},
		"another class":                         {site("a", 1, class("theirs")), "ours", false},
		"our class by the old annotation":       {site("a", 1, oldClass("ours")), "ours", true},
		"another class by the old annotation":   {site("a", 1, oldClass("theirs")), "ours", false},
		"no class":                              {site("a", 1), "ours", true},
		"any class when we have none ourselves": {site("a", 1, class("theirs")), "", true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := Served(tt.ingress, tt.class); got != tt.want {
				t.Errorf("Served() = %t", got)
			}
		})
	}
}
