package order

import (
	"context"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	acmev1 "github.com/certwright/certwright/certs/acme/v1"
	certsv1 "github.com/certwright/certwright/certs/v1"
	"github.com/certwright/certwright/issuance/acme"
	"github.com/certwright/certwright/issuance/acme/exchange"
	"github.com/certwright/certwright/issuance/bell"
)

// A Server is what an Order needs of an ACME server. *exchange.Client is one.
type Server interface {
	NewOrder(ctx context.Context, r exchange.OrderRequest) (exchange.Order, error)
	Order(ctx context.Context, url string) (exchange.Order, error)
	Authorization(ctx context.Context, url string) (exchange.Authorization, error)
	Finalize(ctx context.Context, url string, csrDER []byte) (exchange.Order, error)
	Certificate(ctx context.Context, url, preferredChain string) ([]byte, error)
	Host() string
}

// Scope says which objects are this process's business.
type Scope interface{ Mine(obj metav1.Object) bool }

// Config of the controller.
type Config struct {
	// Client reads from the cache; the manager's if nil.
	Client client.Client
	// Live reads past the cache; the manager's API reader if nil.
	Live client.Reader
	// Accounts is shared with acme.Kind.
	Accounts *acme.Accounts
	// ClusterResourceNamespace is where ClusterIssuers have their Secrets.
	ClusterResourceNamespace string
	// Namespaced leaves ClusterIssuers alone.
	Namespaced bool
	// Events may be nil.
	Events acme.Events
	// Scope may be nil: everything.
	Scope Scope
	// Clock defaults to the real one.
	Clock clock.PassiveClock
	// Workers default to 10.
	Workers int
	// Quiet is how long a report that is not urgent is held back; 2 s if zero.
	Quiet time.Duration
	// Jumped rings when the wall clock jumped; nil never does.
	Jumped *bell.Bell
}

// byIssuer is the index of Orders by the issuer that they mean.
const byIssuer = "certwright.dev/issuer"

// Add adds the controller and the indexes that it and acme.Kind use.
func Add(mgr manager.Manager, cfg Config) error {
	if cfg.Client == nil {
		cfg.Client = mgr.GetClient()
	}
	if cfg.Live == nil {
		cfg.Live = mgr.GetAPIReader()
	}
	if cfg.Clock == nil {
		cfg.Clock = clock.RealClock{}
	}
	if cfg.Workers <= 0 {
		cfg.Workers = 10
	}
	if cfg.Quiet <= 0 {
		cfg.Quiet = 2 * time.Second
	}
	ctx := context.Background()
	fields := mgr.GetFieldIndexer()
	owner := func(o client.Object) []string { return acme.ControllerUID(o) }
	if err := fields.IndexField(ctx, &acmev1.Order{}, acme.OrdersByOwner, owner); err != nil {
		return fmt.Errorf("index orders by owner: %w", err)
	}
	if err := fields.IndexField(ctx, &acmev1.Challenge{}, acme.OrdersByOwner, owner); err != nil {
		return fmt.Errorf("index challenges by owner: %w", err)
	}
	if err := fields.IndexField(ctx, &acmev1.Order{}, byIssuer, func(o client.Object) []string {
		order, ok := o.(*acmev1.Order)
		if !ok || order.Status.State.Final() {
			return nil // an issuer's change does not matter to it
		}
		return []string{acme.ReferenceKey(order.Spec.IssuerRef, order.Namespace)}
	}); err != nil {
		return fmt.Errorf("index orders by issuer: %w", err)
	}
	r := &reconciler{Config: cfg}
	b := builder.ControllerManagedBy(mgr).Named("orders").
		For(&acmev1.Order{}).
		Owns(&acmev1.Challenge{}).
		WatchesRawSource(cfg.Jumped.Source(mgr.GetCache(), &acmev1.OrderList{})).
		Watches(&certsv1.Issuer{}, handler.EnqueueRequestsFromMapFunc(r.ofIssuer)).
		WithOptions(controller.Options{
			MaxConcurrentReconciles: cfg.Workers,
			RateLimiter:             workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](5*time.Second, 30*time.Minute),
		})
	if !cfg.Namespaced {
		b = b.Watches(&certsv1.ClusterIssuer{}, handler.EnqueueRequestsFromMapFunc(r.ofIssuer))
	}
	return b.Complete(r)
}

// ofIssuer lists the open Orders of an issuer.
func (r *reconciler) ofIssuer(ctx context.Context, o client.Object) []reconcile.Request {
	issuer, ok := o.(certsv1.GenericIssuer)
	if !ok {
		return nil
	}
	var list acmev1.OrderList
	if err := r.Client.List(ctx, &list, client.MatchingFields{byIssuer: acme.IssuerKey(issuer)}); err != nil {
		return nil
	}
	var out []reconcile.Request
	for i := range list.Items {
		out = append(out, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&list.Items[i])})
	}
	return out
}

// Trim drops what the cache need not hold of an Order. The controller reads it
// live when it needs it.
func Trim(obj any) (any, error) {
	if o, ok := obj.(*acmev1.Order); ok {
		o.ManagedFields, o.Spec.Request, o.Status.Certificate = nil, nil, nil
	}
	return obj, nil
}
