package gateway

import "github.com/certwright/certwright/shim"

// A scope is what a session looks at.
type scope struct {
	gateways, listenerSets bool
	routes                 routesScope
}

// routesScope says what is known of HTTPRoutes.
type routesScope int

const (
	// routesUnasked: nobody takes hostnames from routes, so they are not read.
	routesUnasked routesScope = iota
	// routesAbsent: somebody does, but there can be none.
	routesAbsent
	routesWatched
)

// scope is what a session shall look at when the API server serves these kinds.
// routesWanted says that a source takes hostnames from routes.
func (c *Config) scope(served map[string]bool, routesWanted bool) scope {
	var s scope
	s.gateways = c.Gateways && served[shim.GatewayKind]
	s.listenerSets = c.ListenerSets && served[shim.GatewayKind] && served[shim.ListenerSetKind]
	switch {
	case !routesWanted || s == (scope{}):
	case served[shim.HTTPRouteKind]:
		s.routes = routesWatched
	default:
		s.routes = routesAbsent
	}
	return s
}
