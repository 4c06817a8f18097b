package ingress

import (
	"context"
	"maps"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
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
	// byOwner finds Certificates by the UID of the Ingress that controls them.
	byOwner = "certwright.dev/ingress-uid"
	// bySecret finds Ingresses by the Secrets that they mention.
	bySecret = "certwright.dev/ingress-tls-secret"
)

func ownerUID(obj client.Object) []string {
	if controller := metav1.GetControllerOfNoCopy(obj); controller != nil && controller.Kind == shim.IngressKind {
		return []string{string(controller.UID)}
	}
	return nil
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
// of the Ingress depends on: nearly all of the status.
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

// certificates wakes the Ingress that controls a Certificate. When one goes
// that an Ingress had to leave alone, that Ingress may make its own.
func certificates(reader client.Reader) handler.TypedEventHandler[*certsv1.Certificate, reconcile.Request] {
	type queue = workqueue.TypedRateLimitingInterface[reconcile.Request]
	wake := func(q queue, crt *certsv1.Certificate) {
		if controller := metav1.GetControllerOfNoCopy(crt); controller != nil && controller.Kind == shim.IngressKind {
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
			var waiting networkingv1.IngressList
			err := reader.List(ctx, &waiting, client.InNamespace(e.Object.Namespace),
				client.MatchingFields{bySecret: e.Object.Name}, client.UnsafeDisableDeepCopy)
			if err != nil {
				log.FromContext(ctx).Error(err, "cannot list Ingresses that mention a Secret", "secret", e.Object.Name)
				return
			}
			for i := range waiting.Items {
				q.Add(reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&waiting.Items[i])})
			}
		},
	}
}
