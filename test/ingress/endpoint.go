package ingress

import (
	"net"
	"net/netip"
	"slices"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
)

// nodeNetwork stands for the nodes where there are none.
var nodeNetwork = netip.MustParsePrefix("192.0.2.0/24")

// Loopback turns an address of the node network, with or without a port, into
// the loopback address it stands for: 192.0.2.7:80 becomes 127.0.0.7:80. All
// other addresses stay as they are.
func Loopback(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		host, port = addr, ""
	}
	ip, err := netip.ParseAddr(host)
	if err != nil || !nodeNetwork.Contains(ip) {
		return addr
	}
	mapped := netip.AddrFrom4([4]byte{127, 0, 0, ip.As4()[3]}).String()
	if port == "" {
		return mapped
	}
	return net.JoinHostPort(mapped, port)
}

// Endpoints are the host:port addresses behind a port of svc, sorted: the ready
// addresses of its slices, with the slice port of the same name, which is where
// the API has already resolved the target port.
func Endpoints(svc *corev1.Service, port networkingv1.ServiceBackendPort, endpointSlices []*discoveryv1.EndpointSlice) []string {
	i := slices.IndexFunc(svc.Spec.Ports, func(p corev1.ServicePort) bool {
		if port.Name != "" {
			return p.Name == port.Name
		}
		return p.Port == port.Number
	})
	if i < 0 {
		return nil
	}
	var out []string
	for _, slice := range endpointSlices {
		n, ok := slicePort(slice, svc.Spec.Ports[i])
		if !ok {
			continue
		}
		for _, e := range slice.Endpoints {
			if len(e.Addresses) == 0 || e.Conditions.Ready != nil && !*e.Conditions.Ready {
				continue
			}
			// All addresses of an endpoint lead to the same back end.
			out = append(out, net.JoinHostPort(e.Addresses[0], strconv.Itoa(int(n))))
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func slicePort(slice *discoveryv1.EndpointSlice, port corev1.ServicePort) (int32, bool) {
	for _, p := range slice.Ports {
		name := ""
		if p.Name != nil {
			name = *p.Name
		}
		if name == port.Name && p.Port != nil {
			return *p.Port, true
		}
	}
	return 0, false
}
