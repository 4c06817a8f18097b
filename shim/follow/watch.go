package follow

import (
	"context"
	"fmt"
	"maps"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	certsv1 "github.com/certwright/certwright/certs/v1"
	"github.com/certwright/certwright/shim"
)

// byOwner finds Certificates by the UID of what controls them.
const byOwner = "certwright.dev/controller-uid"

// Index adds to the cache what every Reconciler looks Certificates up by. It is
// called once for a cache.
func Index(ctx context.Context, indexer client.FieldIndexer) error {
	err := indexer.IndexField(ctx, &certsv1.Certificate{}, byOwner, func(obj client.Object) []string {
		if controller := metav1.GetControllerOfNoCopy(obj); controller != nil {
			return []string{string(controller.UID)}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("index Certificates by owner: %w", err)
	}
	return nil
}

// Changed drops updates of the status, which others write. A resync passes: it
// is how we get over anything that was missed.
func Changed[object client.Object]() predicate.TypedPredicate[object] {
	return predicate.TypedFuncs[object]{UpdateFunc: func(e event.TypedUpdateEvent[object]) bool {
		return e.ObjectOld.GetResourceVersion() == e.ObjectNew.GetResourceVersion() ||
			e.ObjectOld.GetUID() != e.ObjectNew.GetUID() ||
			e.ObjectOld.GetGeneration() != e.ObjectNew.GetGeneration() ||
			!maps.Equal(e.ObjectOld.GetAnnotations(), e.ObjectNew.GetAnnotations()) ||
			!maps.Equal(e.ObjectOld.GetLabels(), e.ObjectNew.GetLabels())
	}}
}

// certificateChanged drops updates that neither the plan nor the user's view
// of the source depends on: nearly all of the status.
func certificateChanged(before, after *certsv1.Certificate) bool {
	failedBefore, _ := shim.Failure(before)
	failedAfter, _ := shim.Failure(after)
	return before.UID != after.UID ||
		before.Generation != after.Generation ||
		failedBefore != failedAfter ||
		!maps.Equal(before.Labels, after.Labels) ||
		!maps.Equal(before.Annotations, after.Annotations) ||
		!equality.Semantic.DeepEqual(before.OwnerReferences, after.OwnerReferences)
}

// Certificates wakes the source, of that kind, that controls a Certificate. When
// one goes that others had to leave alone, they may make their own: waiting
// lists those that mention its Secret.
func Certificates(kind string, waiting func(ctx context.Context, crt *certsv1.Certificate) ([]reconcile.Request, error)) handler.TypedEventHandler[*certsv1.Certificate, reconcile.Request] {
	type queue = workqueue.TypedRateLimitingInterface[reconcile.Request]
	wake := func(q queue, crt *certsv1.Certificate) {
		if controller := metav1.GetControllerOfNoCopy(crt); controller != nil && controller.Kind == kind {
			q.Add(reconcile.Request{NamespacedName: client.ObjectKey{Namespace: crt.Namespace, Name: controller.Name}})
		}
	}
	return handler.TypedFuncs[*certsv1.Certificate, reconcile.Request]{
		CreateFunc: func(_ context.Context, e event.TypedCreateEvent[*certsv1.Certificate], q queue) {
			wake(q, e.Object)
		},
		UpdateFunc: func(_ context.Context, e event.TypedUpdateEvent[*certsv1.Certificate], q queue) {
			if certificateChanged(e.ObjectOld, e.ObjectNew) {
				wake(q, e.ObjectOld)
				wake(q, e.ObjectNew)
			}
		},
		DeleteFunc: func(ctx context.Context, e event.TypedDeleteEvent[*certsv1.Certificate], q queue) {
			wake(q, e.Object)
			requests, err := waiting(ctx, e.Object)
			if err != nil {
				log.FromContext(ctx).Error(err, "cannot list what mentions a Secret", "kind", kind, "secret", e.Object.Name)
				return
			}
			for _, request := range requests {
				q.Add(request)
			}
		},
	}
}

// Requests lists objects from a cache, as what to look at. list is empty, and
// of the type of the objects.
func Requests(ctx context.Context, reader client.Reader, list client.ObjectList, opts ...client.ListOption) ([]reconcile.Request, error) {
	if err := reader.List(ctx, list, append(opts, client.UnsafeDisableDeepCopy)...); err != nil {
		return nil, err
	}
	var requests []reconcile.Request
	err := meta.EachListItem(list, func(item runtime.Object) error {
		obj, err := meta.Accessor(item)
		if err == nil {
			requests = append(requests, reconcile.Request{NamespacedName: client.ObjectKey{Namespace: obj.GetNamespace(), Name: obj.GetName()}})
		}
		return err
	})
	return requests, err
}
