package gateway

import (
	"context"
	"fmt"
	"maps"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/certwright/certwright/shim"
	"github.com/certwright/certwright/shim/follow"
)

// routes are those that want to belong to obj, of that kind, if it takes
// hostnames from them. Nil: they are not known, but will be.
func (v *view) routes(ctx context.Context, kind string, obj client.Object) (*shim.Routes, error) {
	switch {
	case !shim.WantsRoutes(obj):
		return nil, nil
	case v.scope.routes == routesUnasked:
		v.wantRoutes()
		return nil, nil
	case v.scope.routes == routesAbsent:
		return &shim.Routes{}, nil
	}
	var list gatewayv1.HTTPRouteList
	key := parentKey(kind, client.ObjectKeyFromObject(obj))
	if err := v.cache.List(ctx, &list, client.MatchingFields{byParent: key}, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("list HTTPRoutes: %w", err)
	}
	routes := &shim.Routes{NamespaceLabels: make(map[string]labels.Set)}
	for i := range list.Items {
		route := &list.Items[i]
		routes.HTTPRoutes = append(routes.HTTPRoutes, route)
		if err := v.addLabels(ctx, route.Namespace, routes.NamespaceLabels); err != nil {
			return nil, err
		}
	}
	return routes, nil
}

// addLabels adds the labels of a namespace, if they are known.
func (v *view) addLabels(ctx context.Context, name string, to map[string]labels.Set) error {
	if _, done := to[name]; done || !v.namespaces {
		return nil
	}
	ns := namespace(name)
	switch err := v.cache.Get(ctx, client.ObjectKeyFromObject(ns), ns); {
	case apierrors.IsNotFound(err):
	case err != nil:
		return fmt.Errorf("get namespace: %w", err)
	default:
		to[name] = ns.Labels
	}
	return nil
}

// namespace is what we read of one: its metadata.
func namespace(name string) *metav1.PartialObjectMetadata {
	ns := &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Name: name}}
	ns.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Namespace"))
	return ns
}

// routeSources wake sources of a kind when what routes say to them changes.
func (v *view) routeSources(kind string, list func() client.ObjectList) []source.Source {
	parents := func(_ context.Context, route *gatewayv1.HTTPRoute) []reconcile.Request {
		var requests []reconcile.Request
		for _, ref := range route.Spec.ParentRefs {
			if of, parent := shim.RouteParent(route, ref); of == kind {
				requests = append(requests, reconcile.Request{NamespacedName: parent})
			}
		}
		return requests
	}
	sources := []source.Source{source.Kind(v.cache, &gatewayv1.HTTPRoute{},
		handler.TypedEnqueueRequestsFromMapFunc(parents), follow.Changed[*gatewayv1.HTTPRoute]())}
	if v.namespaces {
		askers := func(ctx context.Context, _ *metav1.PartialObjectMetadata) []reconcile.Request {
			return v.requests(ctx, list(), client.MatchingFields{byRoutes: "true"})
		}
		sources = append(sources, source.Kind(v.cache, namespace(""), handler.TypedEnqueueRequestsFromMapFunc(askers), relabelled()))
	}
	return sources
}

// relabelled lets through what may change which namespaces a listener chooses.
func relabelled() predicate.TypedPredicate[*metav1.PartialObjectMetadata] {
	return predicate.TypedFuncs[*metav1.PartialObjectMetadata]{
		UpdateFunc: func(e event.TypedUpdateEvent[*metav1.PartialObjectMetadata]) bool {
			return !maps.Equal(e.ObjectOld.Labels, e.ObjectNew.Labels)
		},
		DeleteFunc: func(event.TypedDeleteEvent[*metav1.PartialObjectMetadata]) bool { return false }, // its routes go first
	}
}

// requests lists sources to wake.
func (v *view) requests(ctx context.Context, list client.ObjectList, opts ...client.ListOption) []reconcile.Request {
	requests, err := follow.Requests(ctx, v.cache, list, opts...)
	if err != nil {
		log.FromContext(ctx).Error(err, "cannot list what has to be looked at")
	}
	return requests
}
