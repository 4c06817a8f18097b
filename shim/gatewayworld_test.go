package shim_test

import (
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/certwright/certwright/shim"
	"github.com/certwright/certwright/test/annotated"
)

const (
	ignoreListeners = shim.IgnoreListenersKey
	parentFallback  = shim.ParentFallbackKey
)

var (
	gateway       = annotated.Gateway
	listenerSet   = annotated.ListenerSet
	parent        = annotated.Parent
	https         = annotated.HTTPS
	changed       = annotated.Changed
	speaking      = annotated.Speaking
	byGateway     = annotated.ByGateway
	byListenerSet = annotated.ByListenerSet
	further       = annotated.Further
)

// reading is how a shell reads a source.
type reading func(shim.Options) *shim.Source

// ofGateway reads a Gateway without routes.
func ofGateway(gw *gatewayv1.Gateway) reading {
	return func(opts shim.Options) *shim.Source { return shim.FromGateway(gw, nil, opts) }
}

// ofListenerSet reads a ListenerSet without routes.
func ofListenerSet(set *gatewayv1.ListenerSet, parent *gatewayv1.Gateway) reading {
	return func(opts shim.Options) *shim.Source { return shim.FromListenerSet(set, parent, nil, opts) }
}
