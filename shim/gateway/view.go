package gateway

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/certwright/certwright/shim"
	"github.com/certwright/certwright/shim/follow"
)

// Indexes of the cache of a session.
const (
	// bySecret finds Gateways and ListenerSets by the Secrets that they mention.
	bySecret = "certwright.dev/listener-secret"
	// byRoutes finds those that take hostnames from routes: "true".
	byRoutes = "certwright.dev/takes-route-hostnames"
	// byParent finds ListenerSets and HTTPRoutes by what they want to belong to.
	byParent = "certwright.dev/parent"
)

// A view is what a session reads sources from.
type view struct {
	cache   cache.Cache
	scope   scope
	options shim.Options
	// namespaces says whether their labels are known.
	namespaces bool
	// wantRoutes is called for a source that takes hostnames from routes which
	// are not in the cache.
	wantRoutes func()
}

// newView makes the cache of a session. It is not started yet.
func (k *keeper) newView(ctx context.Context, scope scope) (*view, error) {
	options := cache.Options{
		HTTPClient: k.manager.GetHTTPClient(), Scheme: k.manager.GetScheme(), Mapper: k.manager.GetRESTMapper(),
		ReaderFailOnMissingInformer: true,
		DefaultTransform:            trim,
	}
	if k.cfg.Namespace != "" {
		options.DefaultNamespaces = map[string]cache.Config{k.cfg.Namespace: {}}
	}
	made, err := cache.New(k.manager.GetConfig(), options)
	if err != nil {
		return nil, fmt.Errorf("cache: %w", err)
	}
	v := &view{cache: made, scope: scope, options: k.cfg.Options, wantRoutes: k.wantRoutes}
	v.namespaces = scope.routes == routesWatched && k.cfg.Namespace == ""

	type index struct {
		wanted bool
		of     client.Object
		name   string
		keys   client.IndexerFunc
	}
	for _, i := range []index{
		{true, &gatewayv1.Gateway{}, bySecret, secretNames},
		{scope.listenerSets, &gatewayv1.ListenerSet{}, bySecret, secretNames},
		{scope.listenerSets, &gatewayv1.ListenerSet{}, byParent, parents},
		{v.namespaces, &gatewayv1.Gateway{}, byRoutes, takesHostnames},
		{v.namespaces && scope.listenerSets, &gatewayv1.ListenerSet{}, byRoutes, takesHostnames},
		{scope.routes == routesWatched, &gatewayv1.HTTPRoute{}, byParent, parents},
	} {
		if !i.wanted {
			continue
		}
		if err := made.IndexField(ctx, i.of, i.name, i.keys); err != nil {
			return nil, fmt.Errorf("index %T by %s: %w", i.of, i.name, err)
		}
	}
	if v.namespaces {
		if _, err := made.GetInformer(ctx, namespace(""), cache.BlockUntilSynced(false)); err != nil {
			return nil, fmt.Errorf("watch namespaces: %w", err)
		}
	}
	return v, nil
}

// secretNames are the Secrets that a Gateway or ListenerSet mentions.
func secretNames(obj client.Object) []string {
	var names []string
	add := func(tls *gatewayv1.ListenerTLSConfig) {
		if tls != nil {
			for _, ref := range tls.CertificateRefs {
				names = append(names, string(ref.Name))
			}
		}
	}
	switch o := obj.(type) {
	case *gatewayv1.Gateway:
		for i := range o.Spec.Listeners {
			add(o.Spec.Listeners[i].TLS)
		}
	case *gatewayv1.ListenerSet:
		for i := range o.Spec.Listeners {
			add(o.Spec.Listeners[i].TLS)
		}
	}
	return names
}

func takesHostnames(obj client.Object) []string {
	if !shim.WantsRoutes(obj) {
		return nil
	}
	return []string{"true"}
}

// parents are what a ListenerSet or HTTPRoute wants to belong to.
func parents(obj client.Object) []string {
	switch o := obj.(type) {
	case *gatewayv1.ListenerSet:
		return []string{parentKey(shim.GatewayKind, shim.ParentOf(o))}
	case *gatewayv1.HTTPRoute:
		var keys []string
		for _, ref := range o.Spec.ParentRefs {
			kind, parent := shim.RouteParent(o, ref)
			keys = append(keys, parentKey(kind, parent))
		}
		return keys
	}
	return nil
}

func parentKey(kind string, parent client.ObjectKey) string { return kind + "/" + parent.String() }

// gateways is how Gateways are followed.
func gateways(v *view) kind[*gatewayv1.Gateway] {
	return kind[*gatewayv1.Gateway]{
		controller: Name, kind: shim.GatewayKind, manager: shim.GatewayManager,
		empty: &gatewayv1.Gateway{}, list: func() client.ObjectList { return &gatewayv1.GatewayList{} },
		read: func(ctx context.Context, key client.ObjectKey) (client.Object, *shim.Source, error) {
			gw := &gatewayv1.Gateway{}
			if err := v.cache.Get(ctx, key, gw); err != nil {
				return nil, nil, err
			}
			routes, err := v.routes(ctx, shim.GatewayKind, gw)
			if err != nil {
				return nil, nil, err
			}
			return gw, shim.FromGateway(gw, routes, v.options), nil
		},
	}
}

// listenerSets is how ListenerSets are followed.
func listenerSets(v *view) kind[*gatewayv1.ListenerSet] {
	list := func() client.ObjectList { return &gatewayv1.ListenerSetList{} }
	children := func(ctx context.Context, gw *gatewayv1.Gateway) []reconcile.Request {
		key := parentKey(shim.GatewayKind, client.ObjectKeyFromObject(gw))
		return v.requests(ctx, list(), client.MatchingFields{byParent: key})
	}
	return kind[*gatewayv1.ListenerSet]{
		controller: ListenerSetName, kind: shim.ListenerSetKind, manager: shim.ListenerSetManager,
		empty: &gatewayv1.ListenerSet{}, list: list,
		more: []source.Source{source.Kind(v.cache, &gatewayv1.Gateway{},
			handler.TypedEnqueueRequestsFromMapFunc(children), follow.Changed[*gatewayv1.Gateway]())},
		read: func(ctx context.Context, key client.ObjectKey) (client.Object, *shim.Source, error) {
			set, gw := &gatewayv1.ListenerSet{}, &gatewayv1.Gateway{}
			if err := v.cache.Get(ctx, key, set); err != nil {
				return nil, nil, err
			}
			switch err := v.cache.Get(ctx, shim.ParentOf(set), gw); {
			case apierrors.IsNotFound(err):
				gw = nil
			case err != nil:
				return nil, nil, fmt.Errorf("its Gateway: %w", err)
			}
			routes, err := v.routes(ctx, shim.ListenerSetKind, set)
			if err != nil {
				return nil, nil, err
			}
			return set, shim.FromListenerSet(set, gw, routes, v.options), nil
		},
	}
}
