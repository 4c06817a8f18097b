package ingress

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

func service(name string, ports ...corev1.ServicePort) *corev1.Service {
	return &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: name}, Spec: corev1.ServiceSpec{Ports: ports}}
}

func endpointSlice(name, service, portName string, port int32, endpoints ...discoveryv1.Endpoint) *discoveryv1.EndpointSlice {
	return &discoveryv1.EndpointSlice{
		ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: name, Labels: map[string]string{discoveryv1.LabelServiceName: service}},
		Ports:      []discoveryv1.EndpointPort{{Name: &portName, Port: &port}},
		Endpoints:  endpoints,
	}
}

func at(addresses ...string) discoveryv1.Endpoint { return discoveryv1.Endpoint{Addresses: addresses} }

func unready(address string) discoveryv1.Endpoint {
	return discoveryv1.Endpoint{Addresses: []string{address}, Conditions: discoveryv1.EndpointConditions{Ready: ptr.To(false)}}
}

func TestEndpoints(t *testing.T) {
	t.Parallel()
	svc := service("app", corev1.ServicePort{Name: "http", Port: 80}, corev1.ServicePort{Name: "admin", Port: 81})
	web := endpointSlice("a", "app", "http", 8080, at("192.0.2.7"), unready("192.0.2.8"), at("192.0.2.6"))
	admin := endpointSlice("b", "app", "admin", 9090, at("192.0.2.7"))
	tests := map[string]struct {
		port   networkingv1.ServiceBackendPort
		slices []*discoveryv1.EndpointSlice
		want   []string
	}{
		"a port by number finds the slice port of its name, ready addresses only": {
			networkingv1.ServiceBackendPort{Number: 80}, []*discoveryv1.EndpointSlice{web, admin}, []string{"192.0.2.6:8080", "192.0.2.7:8080"}},
		"a port by name": {
			networkingv1.ServiceBackendPort{Name: "admin"}, []*discoveryv1.EndpointSlice{web, admin}, []string{"192.0.2.7:9090"}},
		"a port that the Service does not have": {
			networkingv1.ServiceBackendPort{Number: 8080}, []*discoveryv1.EndpointSlice{web}, nil},
		"a name that the slices do not have": {
			networkingv1.ServiceBackendPort{Name: "admin"}, []*discoveryv1.EndpointSlice{web}, nil},
		"the same endpoint in two slices counts once": {
			networkingv1.ServiceBackendPort{Name: "admin"}, []*discoveryv1.EndpointSlice{admin, admin}, []string{"192.0.2.7:9090"}},
		"an IPv6 address gets its brackets": {
			networkingv1.ServiceBackendPort{Number: 80},
			[]*discoveryv1.EndpointSlice{endpointSlice("c", "app", "http", 8080, at("2001:db8::1"))}, []string{"[2001:db8::1]:8080"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, Endpoints(svc, tt.port, tt.slices)); diff != "" {
				t.Errorf("Endpoints() (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAPortWithoutANameFindsSlicesWithoutOne(t *testing.T) {
	t.Parallel()
	svc := service("app", corev1.ServicePort{Port: 80})
	unnamed := endpointSlice("a", "app", "", 8080, at("192.0.2.7"))
	nilName := endpointSlice("b", "app", "", 8081, at("192.0.2.7"))
	nilName.Ports[0].Name = nil
	got := Endpoints(svc, networkingv1.ServiceBackendPort{Number: 80}, []*discoveryv1.EndpointSlice{unnamed, nilName})
	if diff := cmp.Diff([]string{"192.0.2.7:8080", "192.0.2.7:8081"}, got); diff != "" {
		t.Errorf("Endpoints() (-want +got):\n%s", diff)
	}
}

func TestLoopback(t *testing.T) {
	t.Parallel()
	for addr, want := range map[string]string{
		"192.0.2.7":       "127.0.0.7",
		"192.0.2.7:8089":  "127.0.0.7:8089",
		"192.0.3.7:8089":  "192.0.3.7:8089",
		"127.0.0.1:80":    "127.0.0.1:80",
		"example.test:80": "example.test:80",
		"[2001:db8::1]:1": "[2001:db8::1]:1",
		"":                "",
	} {
		if got := Loopback(addr); got != want {
			t.Errorf("Loopback(%q) = %q, want %q", addr, got, want)
		}
	}
}
