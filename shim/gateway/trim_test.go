package gateway

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/certwright/certwright/shim"
)

// What the cache leaves out must make no difference.
func TestTrim(t *testing.T) {
	t.Parallel()
	trimmed := func(obj any) any {
		small, err := trim(obj)
		if err != nil {
			t.Fatal(err)
		}
		return small
	}
	meta := metav1.ObjectMeta{
		Name: "app", Namespace: "ns", UID: "uid", Labels: map[string]string{"a": "b"},
		Annotations:   map[string]string{shim.IssuerKey: "le", shim.RouteHostnamesKey: "true"},
		ManagedFields: []metav1.ManagedFieldsEntry{{Manager: "kubectl"}}, CreationTimestamp: metav1.NewTime(time.Unix(1, 0)),
	}
	terminate := gatewayv1.TLSModeTerminate
	gw := &gatewayv1.Gateway{ObjectMeta: meta, Spec: gatewayv1.GatewaySpec{
		Addresses: []gatewayv1.GatewaySpecAddress{{Value: "192.0.2.1"}},
		Listeners: []gatewayv1.Listener{{Name: "https", Port: 443, Protocol: "HTTPS", TLS: &gatewayv1.ListenerTLSConfig{
			Mode: &terminate, CertificateRefs: []gatewayv1.SecretObjectReference{{Name: "t"}},
		}}},
	}, Status: gatewayv1.GatewayStatus{Conditions: []metav1.Condition{{Type: "Ready"}}}}
	set := &gatewayv1.ListenerSet{ObjectMeta: meta, Spec: gatewayv1.ListenerSetSpec{
		ParentRef: gatewayv1.ParentGatewayReference{Name: "app"}, Listeners: []gatewayv1.ListenerEntry{gatewayv1.ListenerEntry(gw.Spec.Listeners[0])},
	}, Status: gatewayv1.ListenerSetStatus{Conditions: []metav1.Condition{{Type: "Ready"}}}}
	kind := gatewayv1.Kind("ListenerSet")
	route := &gatewayv1.HTTPRoute{ObjectMeta: meta, Spec: gatewayv1.HTTPRouteSpec{
		CommonRouteSpec: gatewayv1.CommonRouteSpec{ParentRefs: []gatewayv1.ParentReference{{Name: "app"}, {Name: "app", Kind: &kind}}},
		Hostnames:       []gatewayv1.Hostname{"a.ex"}, Rules: []gatewayv1.HTTPRouteRule{{}},
	}}
	certificates := func(gw *gatewayv1.Gateway, set *gatewayv1.ListenerSet, route *gatewayv1.HTTPRoute) [2]shim.Wanted {
		opts := shim.DefaultOptions()
		routes := &shim.Routes{HTTPRoutes: []*gatewayv1.HTTPRoute{route}, NamespaceLabels: map[string]labels.Set{}}
		return [2]shim.Wanted{
			shim.Desired(shim.FromGateway(gw, routes, opts), opts), shim.Desired(shim.FromListenerSet(set, gw, routes, opts), opts),
		}
	}
	full := certificates(gw.DeepCopy(), set.DeepCopy(), route.DeepCopy())
	if len(full[0].Certificates) != 1 || len(full[1].Certificates) != 1 {
		t.Fatalf("not two Certificates: %+v", full)
	}
	smallGateway, _ := trimmed(gw).(*gatewayv1.Gateway)
	smallSet, _ := trimmed(set).(*gatewayv1.ListenerSet)
	smallRoute, _ := trimmed(route).(*gatewayv1.HTTPRoute)
	if diff := cmp.Diff(full, certificates(smallGateway, smallSet, smallRoute), cmp.AllowUnexported(shim.Wanted{})); diff != "" {
		t.Errorf("trimmed objects lead elsewhere (-full +trimmed):\n%s", diff)
	}
	if len(smallGateway.ManagedFields)+len(smallGateway.Status.Conditions)+len(smallSet.Status.Conditions)+len(smallRoute.Spec.Rules)+len(smallRoute.ManagedFields) > 0 {
		t.Error("what nobody reads is kept")
	}

	ns := namespace("ns")
	ns.Labels, ns.Annotations = map[string]string{"a": "b"}, map[string]string{"big": "x"}
	want := namespace("ns")
	want.Labels = ns.Labels
	if diff := cmp.Diff(want, trimmed(ns)); diff != "" {
		t.Errorf("namespace (-want +got):\n%s", diff)
	}
}
