package ingress

import (
	"context"
	"maps"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/equality"
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

// Indexes of the cache.
const (
	// byOwner finds Certificates by the UIDs of the Ingresses that own them.
	byOwner = "certwright.dev/ingress-uid"
	// bySecret finds Ingresses by the Secrets that they mention.
	bySecret = "certwright.dev/ingress-tls-secret"
)

func ownerUIDs(obj client.Object) []string {
	var uids []string
	for _, owner := range obj.GetOwnerReferences() {
		if owner.Kind == shim.IngressKind {
			uids = append(uids, string(owner.UID))
		}
	}
	return uids
}

func tlsSecrets(obj client.Object) []string {
	ing, ok := obj.(*networkingv1.Ingress)
	if !ok {
		return nil
	}
	var names []string
	for _, tls := range ing.Spec.TLS {
		names = append(names, tls.SecretName)
	}
	return names
}

// ingressChanged drops updates of the status, which load balancers write.
// A resync passes: it is how we get over anything that was missed.
func ingressChanged() predicate.Predicate {
	return predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		return e.ObjectOld.GetResourceVersion() == e.ObjectNew.GetResourceVersion() ||
			e.ObjectOld.GetUID() != e.ObjectNew.GetUID() ||
			e.ObjectOld.GetGeneration() != e.ObjectNew.GetGeneration() ||
			!maps.Equal(e.ObjectOld.GetAnnotations(), e.ObjectNew.GetAnnotations()) ||
			!maps.Equal(e.ObjectOld.GetLabels(), e.ObjectNew.GetLabels())
	}}
}

// certificateChanged drops updates that neither the plan nor the user's view
// of the Ingress depends on: nearly all of the status. Owners are not its
// subject.
func certificateChanged(before, after *certsv1.Certificate) bool {
	failedBefore, _ := shim.Failure(before)
	failedAfter, _ := shim.Failure(after)
	return before.UID != after.UID ||
		before.Generation != after.Generation ||
		failedBefore != failedAfter ||
		!maps.Equal(before.Labels, after.Labels) ||
		!maps.Equal(before.Annotations, after.Annotations)
}

// certificates wakes the Ingresses that own a Certificate, and, when one comes,
// goes or changes hands, all that name its Secret: one may share it, or make its
// own now.
func certificates(reader client.Reader) handler.TypedEventHandler[*certsv1.Certificate, reconcile.Request] {
	type queue = workqueue.TypedRateLimitingInterface[reconcile.Request]
	owners := func(q queue, crt *certsv1.Certificate) {
		for _, owner := range crt.OwnerReferences {
			if owner.Kind == shim.IngressKind {
				q.Add(reconcile.Request{NamespacedName: client.ObjectKey{Namespace: crt.Namespace, Name: owner.Name}})
			}
		}
	}
	all := func(ctx context.Context, q queue, crt *certsv1.Certificate) {
		owners(q, crt)
		var naming networkingv1.IngressList
		err := reader.List(ctx, &naming, client.InNamespace(crt.Namespace),
			client.MatchingFields{bySecret: crt.Name}, client.UnsafeDisableDeepCopy)
		if err != nil {
			log.FromContext(ctx).Error(err, "cannot list Ingresses that name a Secret", "secret", crt.Name)
			return
		}
		for i := range naming.Items {
			q.Add(reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&naming.Items[i])})
		}
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
