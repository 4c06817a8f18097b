package readiness

import (
	"context"
	"fmt"
	"maps"
	"time"

	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	certsv1 "github.com/certwright/certwright/certs/v1"
	"github.com/certwright/certwright/issuance"
	"github.com/certwright/certwright/issuance/bell"
	"github.com/certwright/certwright/issuance/metrics"
	"github.com/certwright/certwright/issuance/secrets"
)

// Config is what the controllers of Issuers and ClusterIssuers need.
type Config struct {
	// Kinds are the ways to sign.
	Kinds []issuance.Kind
	// Secrets is watched for those that issuers refer to.
	Secrets *secrets.Store
	// Resources is the namespace with the Secrets of ClusterIssuers.
	Resources string
	// NamespacedOnly says that ClusterIssuers are not served.
	NamespacedOnly bool
	Events         Events
	Clock          clock.PassiveClock
	Scope          Scope
	Counters       *metrics.Counters
	// CAs, if set, remembers how long the CAs of issuers are valid.
	CAs *CAs
	// Jumped rings when the wall clock jumped; nil never does.
	Jumped *bell.Bell
	// Workers is how many issuers of a kind are checked at a time; 0 means 8.
	Workers int
}

// indexSecret finds the issuers that refer to a Secret.
const indexSecret = "certwright.secret"

// Add adds the controllers to mgr.
func Add(mgr manager.Manager, cfg Config) error {
	if err := add(mgr, cfg, metrics.Issuers, func() issuerObject { return &certsv1.Issuer{} }, func() client.ObjectList { return &certsv1.IssuerList{} }); err != nil {
		return err
	}
	if cfg.NamespacedOnly {
		return nil
	}
	return add(mgr, cfg, metrics.ClusterIssuers, func() issuerObject { return &certsv1.ClusterIssuer{} }, func() client.ObjectList { return &certsv1.ClusterIssuerList{} })
}

func add(mgr manager.Manager, cfg Config, name string, newObject func() issuerObject, newList func() client.ObjectList) error {
	if cfg.Workers == 0 {
		cfg.Workers = 8
	}
	r := &Reconciler{
		Client: mgr.GetClient(), New: newObject, Kinds: cfg.Kinds, Resources: cfg.Resources, Events: cfg.Events,
		Clock: cfg.Clock, Scope: cfg.Scope, Counters: cfg.Counters, CAs: cfg.CAs, Controller: name,
	}
	if err := mgr.GetFieldIndexer().IndexField(context.Background(), newObject(), indexSecret, func(obj client.Object) []string {
		issuer, ok := obj.(certsv1.GenericIssuer)
		if !ok {
			return nil
		}
		kind, ok := issuance.KindOf(cfg.Kinds, issuer.GetSpec())
		if !ok {
			return nil
		}
		return kind.Secrets(issuer.GetSpec())
	}); err != nil {
		return fmt.Errorf("index %s: %w", name, err)
	}
	c, err := controller.New(name, mgr, controller.Options{
		Reconciler:              r,
		MaxConcurrentReconciles: cfg.Workers,
		RateLimiter:             workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](time.Second, lastRetry),
	})
	if err != nil {
		return err
	}
	namespaced := name == metrics.Issuers
	bySecret := handler.EnqueueRequestsFromMapFunc(func(ctx context.Context, obj client.Object) []reconcile.Request {
		opts := []client.ListOption{client.MatchingFields{indexSecret: obj.GetName()}, client.UnsafeDisableDeepCopyOption(true)}
		switch {
		case namespaced:
			opts = append(opts, client.InNamespace(obj.GetNamespace()))
		case obj.GetNamespace() != cfg.Resources:
			return nil
		}
		found := newList()
		if err := mgr.GetClient().List(ctx, found, opts...); err != nil {
			return nil // only while the cache is starting, which delivers everything anyway
		}
		return keysOf(found)
	})
	sources := []source.Source{
		source.Kind[client.Object](mgr.GetCache(), newObject(), &handler.EnqueueRequestForObject{}, changed()),
		cfg.Jumped.Source(mgr.GetCache(), newList()),
	}
	if cfg.Secrets != nil {
		sources = append(sources, cfg.Secrets.Managed(bySecret, rewritten()), cfg.Secrets.Others(bySecret, rewritten()))
	}
	for _, s := range sources {
		if err := c.Watch(s); err != nil {
			return err
		}
	}
	return nil
}

func keysOf(list client.ObjectList) []reconcile.Request {
	var out []reconcile.Request
	switch l := list.(type) {
	case *certsv1.IssuerList:
		for i := range l.Items {
			out = append(out, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&l.Items[i])})
		}
	case *certsv1.ClusterIssuerList:
		for i := range l.Items {
			out = append(out, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&l.Items[i])})
		}
	}
	return out
}

// changed lets through what could change the outcome of a check: not our own
// reports.
func changed() predicate.Predicate {
	return predicate.Funcs{
		UpdateFunc: func(e event.UpdateEvent) bool {
			issuer, ok := e.ObjectNew.(certsv1.GenericIssuer)
			return e.ObjectOld.GetGeneration() != e.ObjectNew.GetGeneration() ||
				!maps.Equal(e.ObjectOld.GetAnnotations(), e.ObjectNew.GetAnnotations()) ||
				(ok && issuer.GetStatus().Condition(certsv1.IssuerConditionReady) == nil)
		},
	}
}

// rewritten lets through Secrets that changed, not the repetition of those that
// did not.
func rewritten() predicate.Predicate {
	return predicate.Funcs{
		CreateFunc: func(e event.CreateEvent) bool { return !e.IsInInitialList },
		UpdateFunc: func(e event.UpdateEvent) bool {
			return e.ObjectOld.GetResourceVersion() != e.ObjectNew.GetResourceVersion()
		},
	}
}
