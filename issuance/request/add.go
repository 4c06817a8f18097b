package request

import (
	"context"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/types"
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
	"github.com/certwright/certwright/issuance/metrics"
	"github.com/certwright/certwright/issuance/secrets"
)

// Config is what the controller of CertificateRequests needs.
type Config struct {
	// Kinds are the ways to sign.
	Kinds []issuance.Kind
	// Resources is the namespace with the Secrets of ClusterIssuers.
	Resources string
	// NamespacedOnly says that ClusterIssuers are not served.
	NamespacedOnly bool
	// Approver knows what we may approve; nil approves nothing.
	Approver *Approver
	// InFlight is shared with package certificate.
	InFlight *InFlight
	// Secrets, if set, wakes requests that wait for the Secret that they name.
	Secrets *secrets.Store
	// Owned are the kinds of objects whose changes concern the request that
	// controls them, such as an ACME Order.
	Owned    []client.Object
	Events   Events
	Clock    clock.PassiveClock
	Scope    Scope
	Counters *metrics.Counters
	// Workers is how many requests are looked at at a time; 0 means 16.
	Workers int
}

// Names of the indexes on CertificateRequests. Both hold only requests that are
// not done.
const (
	indexIssuer = "certwright.issuer"
	indexKey    = "certwright.privateKeySecret"
)

// Add adds the controller to mgr.
func Add(mgr manager.Manager, cfg Config) error {
	cached := mgr.GetCache()
	r := &Reconciler{
		Client: mgr.GetClient(), Live: mgr.GetAPIReader(), Kinds: cfg.Kinds,
		Issuers:  Issuers{Reader: mgr.GetClient(), Resources: cfg.Resources, NamespacedOnly: cfg.NamespacedOnly},
		Approver: cfg.Approver, InFlight: cfg.InFlight, Events: cfg.Events, Clock: cfg.Clock, Scope: cfg.Scope, Counters: cfg.Counters,
	}
	ctx := context.Background()
	for name, key := range map[string]client.IndexerFunc{indexIssuer: issuerKeys, indexKey: secretKeys} {
		if err := mgr.GetFieldIndexer().IndexField(ctx, &certsv1.CertificateRequest{}, name, key); err != nil {
			return fmt.Errorf("index CertificateRequests: %w", err)
		}
	}
	workers := cfg.Workers
	if workers == 0 {
		workers = 16
	}
	c, err := controller.New("certificaterequests", mgr, controller.Options{
		Reconciler:              r,
		MaxConcurrentReconciles: workers,
		RateLimiter:             workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](time.Second, 5*time.Minute),
	})
	if err != nil {
		return err
	}
	sources := []source.Source{
		source.Kind[client.Object](cached, &certsv1.CertificateRequest{}, &handler.EnqueueRequestForObject{}, unanswered(cfg.InFlight)),
		source.Kind[client.Object](cached, &certsv1.Issuer{}, handler.EnqueueRequestsFromMapFunc(r.ofIssuer)),
	}
	if !cfg.NamespacedOnly {
		sources = append(sources, source.Kind[client.Object](cached, &certsv1.ClusterIssuer{}, handler.EnqueueRequestsFromMapFunc(r.ofIssuer)))
	}
	if cfg.InFlight != nil {
		sources = append(sources, source.Channel(cfg.InFlight.wake, &handler.EnqueueRequestForObject{}))
	}
	if cfg.Secrets != nil {
		sources = append(sources,
			cfg.Secrets.Managed(handler.EnqueueRequestsFromMapFunc(r.ofSecret)),
			cfg.Secrets.Others(handler.EnqueueRequestsFromMapFunc(r.ofSecret)))
	}
	for _, kind := range cfg.Owned {
		sources = append(sources, source.Kind(cached, kind, handler.EnqueueRequestForOwner(
			mgr.GetScheme(), mgr.GetRESTMapper(), &certsv1.CertificateRequest{}, handler.OnlyControllerOwner())))
	}
	for _, s := range sources {
		if err := c.Watch(s); err != nil {
			return err
		}
	}
	return nil
}

// unanswered lets through the requests that there is something to do about.
func unanswered(inFlight *InFlight) predicate.Predicate {
	look := func(obj client.Object) bool {
		req, ok := obj.(*certsv1.CertificateRequest)
		return ok && !Done(req) && !inFlight.Has(client.ObjectKeyFromObject(req))
	}
	return predicate.Funcs{
		CreateFunc:  func(e event.CreateEvent) bool { return look(e.Object) },
		UpdateFunc:  func(e event.UpdateEvent) bool { return look(e.ObjectNew) },
		DeleteFunc:  func(event.DeleteEvent) bool { return false },
		GenericFunc: func(event.GenericEvent) bool { return true },
	}
}

// issuerKeys indexes an unanswered request by its issuer.
func issuerKeys(obj client.Object) []string {
	req, ok := obj.(*certsv1.CertificateRequest)
	if !ok || Done(req) || !Ours(req.Spec.IssuerRef) {
		return nil
	}
	ref := req.Spec.IssuerRef.WithDefaults()
	if ref.Kind == certsv1.ClusterIssuerKind {
		return []string{issuerKey(ref.Kind, "", ref.Name)}
	}
	return []string{issuerKey(ref.Kind, req.Namespace, ref.Name)}
}

func issuerKey(kind, namespace, name string) string { return kind + "/" + namespace + "/" + name }

// secretKeys indexes an unanswered request by the Secret with its private key.
func secretKeys(obj client.Object) []string {
	req, ok := obj.(*certsv1.CertificateRequest)
	if !ok || Done(req) || req.Annotations[certsv1.PrivateKeySecretKey] == "" {
		return nil
	}
	return []string{req.Annotations[certsv1.PrivateKeySecretKey]}
}

// ofIssuer returns the requests that wait for an issuer.
func (r *Reconciler) ofIssuer(ctx context.Context, obj client.Object) []reconcile.Request {
	issuer, ok := obj.(certsv1.GenericIssuer)
	if !ok {
		return nil
	}
	return r.list(ctx, client.MatchingFields{indexIssuer: issuerKey(issuer.IssuerKind(), issuer.GetNamespace(), issuer.GetName())})
}

// ofSecret returns the requests that wait for the Secret with their private key.
func (r *Reconciler) ofSecret(ctx context.Context, obj client.Object) []reconcile.Request {
	return r.list(ctx, client.InNamespace(obj.GetNamespace()), client.MatchingFields{indexKey: obj.GetName()})
}

func (r *Reconciler) list(ctx context.Context, opts ...client.ListOption) []reconcile.Request {
	var found certsv1.CertificateRequestList
	if err := r.Client.List(ctx, &found, append(opts, client.UnsafeDisableDeepCopyOption(true))...); err != nil {
		return nil // only while the cache is starting, which delivers everything anyway
	}
	out := make([]reconcile.Request, 0, len(found.Items))
	for i := range found.Items {
		out = append(out, reconcile.Request{NamespacedName: types.NamespacedName{Namespace: found.Items[i].Namespace, Name: found.Items[i].Name}})
	}
	return out
}
