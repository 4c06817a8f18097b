package follow

import (
	"context"
	"fmt"
	"maps"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
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

// byOwner finds Certificates by the UIDs of what owns them.
const byOwner = "certwright.dev/owner-uid"

// Index adds to the cache what every Reconciler looks Certificates up by. It is
// called once for a cache.
func Index(ctx context.Context, indexer client.FieldIndexer) error {
	err := indexer.IndexField(ctx, &certsv1.Certificate{}, byOwner, func(obj client.Object) []string {
		var uids []string
		for _, owner := range obj.GetOwnerReferences() {
			uids = append(uids, string(owner.UID))
		}
		return uids
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
// of the source depends on: nearly all of the status. Owners are not its
// subject.
func certificateChanged(before, after *certsv1.Certificate) bool {
	troubleBefore, _ := shim.Trouble(before)
	troubleAfter, _ := shim.Trouble(after)
	return before.UID != after.UID ||
		before.Generation != after.Generation ||
		troubleBefore != troubleAfter ||
		!maps.Equal(before.Labels, after.Labels) ||
		!maps.Equal(before.Annotations, after.Annotations)
}

// Certificates wakes the sources, of that kind, that own a Certificate, and, when
// one comes, goes or changes hands, all that name its Secret: one may share it,
// or make its own now. naming lists those.
func Certificates(kind string, naming func(ctx context.Context, crt *certsv1.Certificate) ([]reconcile.Request, error)) handler.TypedEventHandler[*certsv1.Certificate, reconcile.Request] {
	type queue = workqueue.TypedRateLimitingInterface[reconcile.Request]
	owners := func(q queue, crt *certsv1.Certificate) {
		for _, owner := range crt.OwnerReferences {
			if owner.Kind == kind {
				q.Add(reconcile.Request{NamespacedName: client.ObjectKey{Namespace: crt.Namespace, Name: owner.Name}})
			}
		}
	}
	all := func(ctx context.Context, q queue, crt *certsv1.Certificate) {
		owners(q, crt)
		requests, err := naming(ctx, crt)
		if err != nil {
			log.FromContext(ctx).Error(err, "cannot list what names a Secret", "kind", kind, "secret", crt.Name)
		}
		add(q, requests)
	}
	return handler.TypedFuncs[*certsv1.Certificate, reconcile.Request]{
		CreateFunc: func(ctx context.Context, e event.TypedCreateEvent[*certsv1.Certificate], q queue) {
			all(ctx, q, e.Object)
		},
		UpdateFunc: func(ctx context.Context, e event.TypedUpdateEvent[*certsv1.Certificate], q queue) {
			switch {
			case !equality.Semantic.DeepEqual(e.ObjectOld.OwnerReferences, e.ObjectNew.OwnerReferences):
				owners(q, e.ObjectOld)
				all(ctx, q, e.ObjectNew)
			case certificateChanged(e.ObjectOld, e.ObjectNew):
				owners(q, e.ObjectNew)
			}
		},
		DeleteFunc: func(ctx context.Context, e event.TypedDeleteEvent[*certsv1.Certificate], q queue) {
			all(ctx, q, e.Object)
		},
	}
}

func add(q workqueue.TypedRateLimitingInterface[reconcile.Request], requests []reconcile.Request) {
	for _, request := range requests {
		q.Add(request)
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
