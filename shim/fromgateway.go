package shim

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// GatewayManager is the field manager of Certificates made for Gateways, and
// the component of the events.
const GatewayManager = "cert-manager-gateway-shim"

// GatewayKind is the Kind of a Source that is a Gateway.
const GatewayKind = "Gateway"

// FromGateway reads a Gateway: one block for each listener. routes say what
// WantsRoutes needs; nil: they have not been read.
func FromGateway(gw *gatewayv1.Gateway, routes *Routes, opts Options) *Source {
	src := &Source{
		TypeMeta:   metav1.TypeMeta{APIVersion: gatewayv1.GroupVersion.String(), Kind: GatewayKind},
		ObjectMeta: gw.ObjectMeta,
		Manager:    GatewayManager,
		ImpliedAnnotations: map[string]string{
			parentRefKindKey: GatewayKind,
			parentRefNameKey: gw.Name,
		},
	}
	src.Blocks = listenerBlocks(src, gw.Spec.Listeners, routes, &opts)
	return src
}
