package gateway

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/discovery"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/certwright/certwright/shim"
	"github.com/certwright/certwright/shim/follow"
)

// Names of the controllers, as metrics have them.
const (
	Name            = "gateway-shim"
	ListenerSetName = "listenerset-shim"
)

// lookEvery is how often the API server is asked which kinds it serves. The
// answer is a few kilobytes, and every account may ask: watching CRDs would
// need a permission, and still not tell when a version is served.
const lookEvery = 10 * time.Second

// Config is what the controllers need.
type Config struct {
	follow.Config
	// Gateways and ListenerSets say which kinds are followed.
	Gateways, ListenerSets bool
	// Namespace is the only one that is looked at; empty is all.
	Namespace string
	// LookEvery is how often we look which kinds are served; 0 means 10 s.
	LookEvery time.Duration
}

// Add has mgr follow the kinds that cfg names, whenever they are served. The
// cache of mgr has been indexed by follow.Index, and its scheme knows the
// Gateway API.
func Add(mgr manager.Manager, cfg Config) error {
	asking, err := discovery.NewDiscoveryClientForConfigAndClient(mgr.GetConfig(), mgr.GetHTTPClient())
	if err != nil {
		return fmt.Errorf("client for the kinds that are served: %w", err)
	}
	if cfg.LookEvery == 0 {
		cfg.LookEvery = lookEvery
	}
	return mgr.Add(&keeper{
		cfg: cfg, asking: asking, manager: mgr, routesWanted: make(chan struct{}, 1),
	})
}

// A keeper keeps the session that fits what is served.
type keeper struct {
	cfg     Config
	asking  discovery.DiscoveryInterfaceWithContext
	manager manager.Manager
	// routesWanted gets something when a source asks for the hostnames of
	// routes and the session has none.
	routesWanted chan struct{}
}

// wantRoutes has the next session watch routes.
func (k *keeper) wantRoutes() {
	select {
	case k.routesWanted <- struct{}{}:
	default: // it is known
	}
}

// Start implements manager.Runnable. It returns when ctx ends.
func (k *keeper) Start(ctx context.Context) error {
	ctx = log.IntoContext(ctx, k.manager.GetLogger().WithName("gateway-api"))
	tick := time.NewTicker(k.cfg.LookEvery)
	defer tick.Stop()
	var current *session
	defer func() { current.end() }()
	wanted, readable := false, false
	for {
		served, err := k.served(ctx)
		if err != nil && ctx.Err() == nil { // no answer is no reason to stop
			log.FromContext(ctx).Error(err, "cannot find out whether the Gateway API is served")
		}
		if wanted && !readable && served[shim.HTTPRouteKind] {
			readable = k.routesReadable(ctx)
		}
		routes := wanted && (readable || !served[shim.HTTPRouteKind])
		if want := k.cfg.scope(served, routes); err == nil && !current.has(want) {
			current.end()
			current = k.begin(ctx, want)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-k.routesWanted:
			wanted = true
		case <-tick.C:
		}
	}
}

// served are the kinds of the Gateway API that the API server serves.
func (k *keeper) served(ctx context.Context) (map[string]bool, error) {
	kinds := make(map[string]bool)
	resources, err := k.asking.ServerResourcesForGroupVersionWithContext(ctx, gatewayv1.GroupVersion.String())
	if apierrors.IsNotFound(err) {
		return kinds, nil
	}
	if err != nil {
		return nil, fmt.Errorf("ask for the kinds of %s: %w", gatewayv1.GroupVersion, err)
	}
	for i := range resources.APIResources {
		kinds[resources.APIResources[i].Kind] = true
	}
	return kinds, nil
}

// routesReadable reports whether routes, and the namespaces that they are in,
// can be read. A session that watched them in vain would never begin to follow
// anything, because of one object that asks for them.
func (k *keeper) routesReadable(ctx context.Context) bool {
	lists := []client.ObjectList{&gatewayv1.HTTPRouteList{}}
	if k.cfg.Namespace == "" {
		lists = append(lists, &corev1.NamespaceList{})
	}
	for _, list := range lists {
		err := k.manager.GetAPIReader().List(ctx, list, client.InNamespace(k.cfg.Namespace), client.Limit(1))
		if err != nil {
			log.FromContext(ctx).Error(err, "cannot read the routes that hostnames are asked from; who asks is left alone")
			return false
		}
	}
	return true
}
