package shim_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/certwright/certwright/shim"
)

// route is the HTTPRoute "r" of the namespace "ns" that wants the Gateway app.
func route(host string, changes ...func(*gatewayv1.HTTPRoute)) *gatewayv1.HTTPRoute {
	r := &gatewayv1.HTTPRoute{ObjectMeta: metav1.ObjectMeta{Name: "r", Namespace: "ns", CreationTimestamp: metav1.Unix(100, 0)}}
	r.Spec.ParentRefs = []gatewayv1.ParentReference{{Name: "app"}}
	for _, h := range strings.Fields(host) {
		r.Spec.Hostnames = append(r.Spec.Hostnames, gatewayv1.Hostname(h))
	}
	for _, change := range changes {
		change(r)
	}
	return r
}

// in puts a route into another namespace; it still wants the Gateway of "ns".
func in(namespace string) func(*gatewayv1.HTTPRoute) {
	return func(r *gatewayv1.HTTPRoute) {
		r.Namespace, r.Spec.ParentRefs[0].Namespace = namespace, ptr(gatewayv1.Namespace("ns"))
	}
}

func wanting(change func(*gatewayv1.ParentReference)) func(*gatewayv1.HTTPRoute) {
	return func(r *gatewayv1.HTTPRoute) { change(&r.Spec.ParentRefs[0]) }
}

func old(r *gatewayv1.HTTPRoute) { r.CreationTimestamp = metav1.Unix(1, 0) }

// admitting is a listener without a hostname that lets routes of other
// namespaces attach.
func admitting(from gatewayv1.FromNamespaces, selector *metav1.LabelSelector) gatewayv1.Listener {
	return changed(https("https", "", "t"), func(l *gatewayv1.Listener) {
		l.AllowedRoutes = &gatewayv1.AllowedRoutes{Namespaces: &gatewayv1.RouteNamespaces{From: &from, Selector: selector}}
	})
}

func TestRouteHostnames(t *testing.T) {
	asked := notes{clusterIssuer: "le", shim.RouteHostnamesKey: "true"}
	same := https("https", "", "t")
	sets := gatewayv1.Kind("ListenerSet")
	taking := func(kinds ...gatewayv1.RouteGroupKind) func(*gatewayv1.Listener) {
		return func(l *gatewayv1.Listener) { l.AllowedRoutes = &gatewayv1.AllowedRoutes{Kinds: kinds} }
	}
	shared := &metav1.LabelSelector{MatchLabels: map[string]string{"shared": "yes"}}
	many := func(n int) []string {
		var hosts []string
		for i := range n {
			hosts = append(hosts, fmt.Sprintf("h%03d.ex", i))
		}
		return hosts
	}
	const none = "BadConfig: Skipped a listener block: spec.listeners[0].hostname: Required value: " +
		"the hostname cannot be empty: no HTTPRoute that is attached to this listener has one"

	tests := map[string]struct {
		annotations notes // nil: asked
		listener    gatewayv1.Listener
		routes      []*gatewayv1.HTTPRoute
		want        []string // DNS names of the Certificate t
		told        string   // if there is none
	}{
		"the names of an attached route are those of the listener": {
			listener: same, routes: []*gatewayv1.HTTPRoute{route("a.ex *.b.ex")}, want: []string{"a.ex", "*.b.ex"},
		},
		"nobody asked": {
			annotations: notes{clusterIssuer: "le", shim.RouteHostnamesKey: "false"},
			listener:    same, routes: []*gatewayv1.HTTPRoute{route("a.ex")},
			told: "BadConfig: Skipped a listener block: spec.listeners[0].hostname: Required value: the hostname cannot be empty",
		},
		"a listener's own hostname is all there is": {
			listener: https("https", "*.ex", "t"), routes: []*gatewayv1.HTTPRoute{route("a.ex b.other")}, want: []string{"*.ex"},
		},
		"without routes the listener is skipped":  {listener: same, told: none},
		"a route without hostnames names nothing": {listener: same, routes: []*gatewayv1.HTTPRoute{route("")}, told: none},
		"a route that is being deleted names nothing": {
			listener: same, told: none, routes: []*gatewayv1.HTTPRoute{route("a.ex", func(r *gatewayv1.HTTPRoute) { r.DeletionTimestamp = &metav1.Time{Time: time.Unix(1, 0)} })},
		},
		"a route of another Gateway names nothing": {
			listener: same, told: none, routes: []*gatewayv1.HTTPRoute{route("a.ex", wanting(func(p *gatewayv1.ParentReference) { p.Name = "other" }))},
		},
		"nor does one of a Gateway of that name elsewhere": {
			listener: admitting("All", nil), told: none, routes: []*gatewayv1.HTTPRoute{route("a.ex", func(r *gatewayv1.HTTPRoute) { r.Namespace = "other" })},
		},
		"nor one of something else of that name": {
			listener: same, told: none, routes: []*gatewayv1.HTTPRoute{
				route("a.ex", wanting(func(p *gatewayv1.ParentReference) { p.Kind = &sets })),
				route("a.ex", wanting(func(p *gatewayv1.ParentReference) { p.Group = ptr(gatewayv1.Group("mesh.ex")) })),
			},
		},
		"any of a route's parents counts": {
			listener: same, want: []string{"a.ex"}, routes: []*gatewayv1.HTTPRoute{route("a.ex", func(r *gatewayv1.HTTPRoute) {
				r.Spec.ParentRefs = append([]gatewayv1.ParentReference{{Name: "other"}}, r.Spec.ParentRefs...)
			})},
		},
		"a route may want one listener": {
			listener: same, want: []string{"b.ex"}, routes: []*gatewayv1.HTTPRoute{
				route("a.ex", wanting(func(p *gatewayv1.ParentReference) { p.SectionName = ptr(gatewayv1.SectionName("http")) })),
				route("b.ex", wanting(func(p *gatewayv1.ParentReference) { p.SectionName = ptr(gatewayv1.SectionName("https")) })),
			},
		},
		"or one port": {
			listener: same, want: []string{"b.ex"}, routes: []*gatewayv1.HTTPRoute{
				route("a.ex", wanting(func(p *gatewayv1.ParentReference) { p.Port = ptr(gatewayv1.PortNumber(80)) })),
				route("b.ex", wanting(func(p *gatewayv1.ParentReference) { p.Port = ptr(gatewayv1.PortNumber(443)) })),
			},
		},
		"routes of other namespaces are not let in by default": {
			listener: same, told: none, routes: []*gatewayv1.HTTPRoute{route("a.ex", in("other"))},
		},
		"nor where it says Same": {
			listener: admitting("Same", shared), want: []string{"b.ex"}, routes: []*gatewayv1.HTTPRoute{route("a.ex", in("chosen")), route("b.ex")},
		},
		"all are where it says All": {
			listener: admitting("All", nil), want: []string{"a.ex"}, routes: []*gatewayv1.HTTPRoute{route("a.ex", in("unknown"))},
		},
		"a selector chooses namespaces": {
			listener: admitting("Selector", shared), want: []string{"a.ex"},
			routes: []*gatewayv1.HTTPRoute{route("a.ex", in("chosen")), route("b.ex", in("other")), route("c.ex", in("unknown"))},
		},
		"an empty selector chooses every namespace that we know": {
			listener: admitting("Selector", &metav1.LabelSelector{}), want: []string{"a.ex"},
			routes: []*gatewayv1.HTTPRoute{route("a.ex", in("other")), route("b.ex", in("unknown"))},
		},
		"a missing selector chooses none": {
			listener: admitting("Selector", nil), told: none, routes: []*gatewayv1.HTTPRoute{route("a.ex", in("chosen"))},
		},
		"a selector that cannot be read chooses none": {
			listener: admitting("Selector", &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "shared", Operator: "Like"}}}),
			told:     none, routes: []*gatewayv1.HTTPRoute{route("a.ex", in("chosen"))},
		},
		"none are where it says None or what we do not know": {
			listener: admitting("None", nil), told: none, routes: []*gatewayv1.HTTPRoute{route("a.ex")},
		},
		"a listener for other routes lets none of HTTP in": {
			listener: changed(same, taking(gatewayv1.RouteGroupKind{Kind: "GRPCRoute"}, gatewayv1.RouteGroupKind{Kind: "HTTPRoute", Group: ptr(gatewayv1.Group("mesh.ex"))})),
			told:     none, routes: []*gatewayv1.HTTPRoute{route("a.ex")},
		},
		"one with the protocol TLS lets none in": {
			listener: speaking("TLS", same), told: none, routes: []*gatewayv1.HTTPRoute{route("a.ex")},
		},
		"unless it says so": {
			listener: changed(speaking("TLS", same), taking(gatewayv1.RouteGroupKind{Kind: "HTTPRoute"})), routes: []*gatewayv1.HTTPRoute{route("a.ex")}, want: []string{"a.ex"},
		},
		"the oldest come first": {
			listener: same, routes: []*gatewayv1.HTTPRoute{route("a.ex b.ex"), route("c.ex b.ex", old)}, want: []string{"c.ex", "b.ex", "a.ex"},
		},
		"a wildcard stands for the names that it covers": {
			listener: same, routes: []*gatewayv1.HTTPRoute{route("a.ex x.y.ex *.ex ex *.y.ex z.x.ex")}, want: []string{"*.ex", "ex", "*.y.ex", "z.x.ex"},
		},
		"a name that no certificate can carry keeps nobody out": {
			listener: same, routes: []*gatewayv1.HTTPRoute{route("10.0.0.1 *.*.ex a_b.ex "+strings.Repeat("x", 64)+".ex a.ex", old)}, want: []string{"a.ex"},
		},
		"those of the newest routes are left out, if there are too many": {
			listener: same, routes: []*gatewayv1.HTTPRoute{route("late.ex"), route(strings.Join(many(120), " "), old)},
			want: many(100),
			told: "BadConfig: spec.listeners[0].hostname: Forbidden: HTTPRoutes name more than 100 hosts for this listener; those of the newest routes are left out",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if tt.annotations == nil {
				tt.annotations = asked
			}
			routes := &shim.Routes{HTTPRoutes: tt.routes, NamespaceLabels: map[string]labels.Set{"chosen": {"shared": "yes"}, "other": {"shared": "no"}}}
			for range 2 { // in whatever order they are read
				got := passOver(t, shim.FromGateway(gateway(tt.annotations, tt.listener), routes, shim.DefaultOptions()), shim.DefaultOptions(), nil)
				var names []string
				for _, crt := range got.Creates {
					names = append(names, crt.Spec.DNSNames...)
				}
				if diff := cmp.Diff(tt.want, names); diff != "" {
					t.Errorf("names (-want +got):\n%s", diff)
				}
				if told := strings.Join(got.Told, "\n"); told != tt.told {
					t.Errorf("told %q, want %q", told, tt.told)
				}
				slices.Reverse(routes.HTTPRoutes)
			}
		})
	}
}

// Routes that have not been read must not be taken for none: names would go
// from a Certificate that several listeners share.
func TestRoutesThatHaveNotBeenRead(t *testing.T) {
	t.Parallel()
	asked := notes{clusterIssuer: "le", shim.RouteHostnamesKey: "true"}
	existing := crts(certificate("t", []string{"a.ex", "b.ex"}, byGateway), certificate("u", []string{"a.ex"}, byGateway))
	src := shim.FromGateway(gateway(asked, https("one", "a.ex", "t"), https("two", "", "t")), nil, shim.DefaultOptions())
	if diff := cmp.Diff(outcome{}, passOver(t, src, shim.DefaultOptions(), existing), cmp.AllowUnexported(outcome{})); diff != "" {
		t.Errorf("one pass (-want +got):\n%s", diff)
	}
	src = shim.FromGateway(gateway(asked, https("one", "b.ex", "v")), nil, shim.DefaultOptions())
	if got := passOver(t, src, shim.DefaultOptions(), existing); len(got.Creates) != 1 || len(got.Deletes) != 2 {
		t.Errorf("a Gateway that needs no routes waits for them: %+v", got)
	}
}

func TestRouteHostnamesOfAListenerSet(t *testing.T) {
	t.Parallel()
	set := listenerSet(notes{clusterIssuer: "le", shim.RouteHostnamesKey: "true"}, https("https", "", "t"))
	wants := func(kind, name, namespace string) func(*gatewayv1.HTTPRoute) {
		return wanting(func(p *gatewayv1.ParentReference) {
			p.Kind, p.Name, p.Namespace = ptr(gatewayv1.Kind(kind)), gatewayv1.ObjectName(name), ptr(gatewayv1.Namespace(namespace))
		})
	}
	routes := &shim.Routes{HTTPRoutes: []*gatewayv1.HTTPRoute{
		route("a.ex", wants("ListenerSet", "ls", "ns")), route("b.ex", wants("Gateway", "eg", "egs")), route("c.ex", wants("Gateway", "ls", "ns")),
	}}
	got := passOver(t, shim.FromListenerSet(set, parent(nil), routes, shim.DefaultOptions()), shim.DefaultOptions(), nil)
	if diff := cmp.Diff(outcome{Creates: crts(certificate("t", []string{"a.ex"}, byListenerSet))}, got, cmp.AllowUnexported(outcome{}), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("one pass (-want +got):\n%s", diff)
	}
}
