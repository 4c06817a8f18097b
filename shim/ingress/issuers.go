package ingress

import (
	"context"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/certwright/certwright/certs/defaults"
	"github.com/certwright/certwright/shim"
)

// byNoIssuer finds Ingresses that ask for certificates of the default issuer.
const byNoIssuer = "certwright.dev/ingress-no-issuer"

func noIssuer(opts shim.Options) client.IndexerFunc {
	return func(obj client.Object) []string {
		ing, ok := obj.(*networkingv1.Ingress)
		if !ok {
			return nil
		}
		if src := shim.FromIngress(ing); !shim.NamesNoIssuer(src) || !shim.Triggered(src, opts) {
			return nil
		}
		return []string{"true"}
	}
}

// defaultIssuers wakes the Ingresses that name no issuer when another issuer
// becomes the default one: all of the namespace, or of the cluster.
func defaultIssuers[T client.Object](reader client.Reader) handler.TypedEventHandler[T, reconcile.Request] {
	type queue = workqueue.TypedRateLimitingInterface[reconcile.Request]
	wake := func(ctx context.Context, q queue, issuer T) {
		var waiting networkingv1.IngressList
		err := reader.List(ctx, &waiting, client.InNamespace(issuer.GetNamespace()),
			client.MatchingFields{byNoIssuer: "true"}, client.UnsafeDisableDeepCopy)
		if err != nil {
			log.FromContext(ctx).Error(err, "cannot list Ingresses that name no issuer")
			return
		}
		for i := range waiting.Items {
			q.Add(reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&waiting.Items[i])})
		}
	}
	return handler.TypedFuncs[T, reconcile.Request]{
		CreateFunc: func(ctx context.Context, e event.TypedCreateEvent[T], q queue) {
			if defaults.IsMarked(e.Object) {
				wake(ctx, q, e.Object)
			}
		},
		UpdateFunc: func(ctx context.Context, e event.TypedUpdateEvent[T], q queue) {
			if defaults.IsMarked(e.ObjectOld) != defaults.IsMarked(e.ObjectNew) {
				wake(ctx, q, e.ObjectNew)
			}
		},
		DeleteFunc: func(ctx context.Context, e event.TypedDeleteEvent[T], q queue) {
			if defaults.IsMarked(e.Object) {
				wake(ctx, q, e.Object)
			}
		},
	}
}
