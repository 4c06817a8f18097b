package readiness

import (
	"context"
	"fmt"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	cmmeta "github.com/certwright/certwright/certs/meta/v1"
	certsv1 "github.com/certwright/certwright/certs/v1"
	"github.com/certwright/certwright/issuance"
	"github.com/certwright/certwright/issuance/metrics"
	"github.com/certwright/certwright/issuance/status"
)

// maxCheck bounds one check.
const maxCheck = 2 * time.Minute

// Events tells users about their objects.
type Events interface {
	Event(object runtime.Object, eventType, reason, message string)
}

// A Scope says which objects are ours to look after.
type Scope interface {
	Mine(obj metav1.Object) bool
}

// issuerObject is an Issuer or a ClusterIssuer.
type issuerObject interface {
	client.Object
	certsv1.GenericIssuer
}

// A Reconciler looks after the issuers of one kind.
type Reconciler struct {
	Client client.Client
	// New returns an empty Issuer or ClusterIssuer.
	New   func() issuerObject
	Kinds []issuance.Kind
	// Resources is the namespace with the Secrets of ClusterIssuers.
	Resources string
	Events    Events
	Clock     clock.PassiveClock
	Scope     Scope
	Counters  *metrics.Counters
	CAs       *CAs
	// Controller is the label of the counters, and the field manager.
	Controller string

	mu       sync.Mutex
	failures map[types.NamespacedName]int
}

// Reconcile checks one issuer and reports what was found.
func (r *Reconciler) Reconcile(ctx context.Context, key reconcile.Request) (result reconcile.Result, err error) {
	defer func() { r.Counters.Sync(r.Controller, err) }()
	issuer := r.New()
	if err := r.Client.Get(ctx, key.NamespacedName, issuer); err != nil {
		r.settle(key.NamespacedName)
		if apierrors.IsNotFound(err) {
			r.Counters.Forget(issuer.IssuerKind(), key.Namespace, key.Name)
			r.CAs.forget(issuer.IssuerKind(), key.NamespacedName)
		}
		return reconcile.Result{}, client.IgnoreNotFound(err)
	}
	if !issuer.GetDeletionTimestamp().IsZero() || (r.Scope != nil && !r.Scope.Mine(issuer)) {
		return reconcile.Result{}, nil
	}
	kind, ok := issuance.KindOf(r.Kinds, issuer.GetSpec())
	if !ok {
		log.FromContext(ctx).Info("issuer is of no kind that this program knows", "issuer", key.NamespacedName)
		r.CAs.forget(issuer.IssuerKind(), key.NamespacedName)
		return reconcile.Result{RequeueAfter: r.later(key.NamespacedName, 0)}, nil
	}
	namespace := issuer.GetNamespace()
	if namespace == "" {
		namespace = r.Resources
	}
	ctx, cancel := context.WithTimeout(ctx, maxCheck)
	defer cancel()
	found, err := kind.Checker.Check(ctx, issuer, namespace)
	if err != nil {
		// The answer is unknown, so what was reported stays.
		delay := r.later(key.NamespacedName, 0)
		if r.count(key.NamespacedName) == 1 {
			r.Events.Event(issuer, corev1.EventTypeWarning, EventInit, initPrefix+err.Error())
		}
		log.FromContext(ctx).Error(err, "check issuer", "kind", kind.Name, "again", delay)
		r.Counters.Sync(r.Controller, fmt.Errorf("check: %w", err))
		return reconcile.Result{RequeueAfter: delay}, nil
	}
	r.CAs.learn(issuer.IssuerKind(), key.NamespacedName, found)
	if err := r.report(ctx, issuer, found); err != nil {
		if apierrors.IsConflict(err) {
			return reconcile.Result{RequeueAfter: time.Second}, nil
		}
		return reconcile.Result{}, client.IgnoreNotFound(err)
	}
	if !found.Retry {
		r.settle(key.NamespacedName)
		return reconcile.Result{RequeueAfter: found.After}, nil
	}
	return reconcile.Result{RequeueAfter: r.later(key.NamespacedName, found.After)}, nil
}

// report writes the status if it has changed, and then the events about it.
func (r *Reconciler) report(ctx context.Context, issuer issuerObject, found issuance.Readiness) error {
	old := *issuer.GetStatus()
	data, err := status.Patch(old, Report(old, issuer.GetGeneration(), found, r.Clock.Now()), issuer.GetResourceVersion())
	if err != nil || data == nil {
		return err
	}
	kind := certsv1.GroupVersion.WithKind(issuer.IssuerKind())
	if _, err := status.Write(ctx, r.Client, kind, issuer, data, client.FieldOwner("cert-manager-"+r.Controller)); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	log.FromContext(ctx).Info("checked", "issuer", client.ObjectKeyFromObject(issuer), "ready", found.Status == cmmeta.ConditionTrue, "reason", found.Reason)
	for _, e := range EventsOf(old, found) {
		r.Events.Event(issuer, e.Type, e.Reason, e.Message)
	}
	return nil
}

// later counts a failure and returns how long to wait, at least least.
func (r *Reconciler) later(name types.NamespacedName, least time.Duration) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.failures == nil {
		r.failures = map[types.NamespacedName]int{}
	}
	r.failures[name]++
	return max(jitter(Backoff(r.failures[name])), least)
}

func (r *Reconciler) count(name types.NamespacedName) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.failures[name]
}

// settle forgets the failures of an issuer.
func (r *Reconciler) settle(name types.NamespacedName) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.failures, name)
}
