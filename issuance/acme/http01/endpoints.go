package http01

import (
	"context"
	"fmt"
	"net/netip"
	"slices"

	discoveryv1 "k8s.io/api/discovery/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Endpoints knows where the acmesolver replicas answer.
type Endpoints interface {
	Addresses(ctx context.Context) ([]netip.Addr, error)
}

// Static addresses never change.
type Static []netip.Addr

// ParseStatic reads addresses without ports.
func ParseStatic(addresses []string) (Static, error) {
	var out Static
	for _, s := range addresses {
		a, err := netip.ParseAddr(s)
		if err != nil {
			return nil, fmt.Errorf("solver address: %w", err)
		}
		out = append(out, a)
	}
	return out, nil
}

// Addresses returns the addresses.
func (s Static) Addresses(context.Context) ([]netip.Addr, error) { return s, nil }

// Service follows the ready endpoints of a Service.
type Service struct {
	// Reader reads EndpointSlices.
	Reader client.Reader
	// Namespace and Name of the Service.
	Namespace, Name string
}

// Addresses returns those of the ready endpoints.
func (s Service) Addresses(ctx context.Context) ([]netip.Addr, error) {
	var list discoveryv1.EndpointSliceList
	err := s.Reader.List(ctx, &list, client.InNamespace(s.Namespace), client.MatchingLabels{discoveryv1.LabelServiceName: s.Name})
	if err != nil {
		return nil, fmt.Errorf("endpoints of service %s/%s: %w", s.Namespace, s.Name, err)
	}
	return readyAddresses(list.Items), nil
}

func readyAddresses(list []discoveryv1.EndpointSlice) []netip.Addr {
	var out []netip.Addr
	for i := range list {
		for _, e := range list[i].Endpoints {
			if e.Conditions.Ready != nil && !*e.Conditions.Ready {
				continue
			}
			for _, text := range e.Addresses {
				if a, err := netip.ParseAddr(text); err == nil {
					out = append(out, a)
				}
			}
		}
	}
	slices.SortFunc(out, netip.Addr.Compare)
	return slices.Compact(out)
}
