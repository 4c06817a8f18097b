package follow

import (
	"context"

	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/certwright/certwright/certs/defaults"
	certsv1 "github.com/certwright/certwright/certs/v1"
	"github.com/certwright/certwright/shim"
)

// AsksDefault says whether src asks for certificates of the default issuer, for
// an index of such sources.
func (c *Config) AsksDefault(src *shim.Source) bool {
	return shim.NamesNoIssuer(src) && shim.Triggered(src, c.Options)
}

// DefaultIssuers are the sources of events that wake whoever names no issuer
// when another issuer becomes the default one. asking lists those in a
// namespace, or everywhere if it is empty.
func (c *Config) DefaultIssuers(from cache.Cache, asking func(ctx context.Context, namespace string) ([]reconcile.Request, error)) []source.Source {
	if c.Options.DefaultIssuer == nil {
		return nil
	}
	sources := []source.Source{source.Kind(from, &certsv1.Issuer{}, marks[*certsv1.Issuer](asking))}
	if !c.NamespacedOnly {
		sources = append(sources, source.Kind(from, &certsv1.ClusterIssuer{}, marks[*certsv1.ClusterIssuer](asking)))
	}
	return sources
}

// marks wakes those that ask when an issuer gets or loses the mark of the
// default.
func marks[issuer client.Object](asking func(ctx context.Context, namespace string) ([]reconcile.Request, error)) handler.TypedEventHandler[issuer, reconcile.Request] {
	type queue = workqueue.TypedRateLimitingInterface[reconcile.Request]
	wake := func(ctx context.Context, q queue, obj issuer) {
		requests, err := asking(ctx, obj.GetNamespace())
		if err != nil {
			log.FromContext(ctx).Error(err, "cannot list what names no issuer")
		}
		add(q, requests)
	}
	return handler.TypedFuncs[issuer, reconcile.Request]{
		CreateFunc: func(ctx context.Context, e event.TypedCreateEvent[issuer], q queue) {
			if defaults.IsMarked(e.Object) {
				wake(ctx, q, e.Object)
			}
		},
		UpdateFunc: func(ctx context.Context, e event.TypedUpdateEvent[issuer], q queue) {
			if defaults.IsMarked(e.ObjectOld) != defaults.IsMarked(e.ObjectNew) {
				wake(ctx, q, e.ObjectNew)
			}
		},
		DeleteFunc: func(ctx context.Context, e event.TypedDeleteEvent[issuer], q queue) {
			if defaults.IsMarked(e.Object) {
				wake(ctx, q, e.Object)
			}
		},
	}
}
