package challenge

import (
	"context"
	"errors"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	acmev1 "github.com/certwright/certwright/certs/acme/v1"
	certsv1 "github.com/certwright/certwright/certs/v1"
	"github.com/certwright/certwright/issuance/acme"
	"github.com/certwright/certwright/issuance/acme/exchange"
	"github.com/certwright/certwright/issuance/bell"
)

// A Server is what a Challenge needs of an ACME server. *exchange.Client is one.
type Server interface {
	Authorization(ctx context.Context, url string) (exchange.Authorization, error)
	Accept(ctx context.Context, url string) (exchange.Challenge, error)
}

// A Presenter makes answers visible over HTTP. *http01.Presenter is one.
type Presenter interface {
	Present(ctx context.Context, ch *acmev1.Challenge, solver *acmev1.ACMEChallengeSolverHTTP01, again bool) error
	CleanUp(ctx context.Context, ch *acmev1.Challenge) error
}

// A SelfChecker looks whether an answer is visible. *http01.SelfCheck is one.
type SelfChecker interface {
	Check(ctx context.Context, ch *acmev1.Challenge) error
}

// Scope says which objects are this process's business.
type Scope interface{ Mine(obj metav1.Object) bool }

// Config of the controller.
type Config struct {
	// Client reads from the cache; the manager's if nil.
	Client client.Client
	// Accounts is shared with acme.Kind.
	Accounts *acme.Accounts
	// Presenter and SelfCheck are for HTTP-01.
	Presenter Presenter
	SelfCheck SelfChecker
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
	// Max Challenges are worked on at once; 60 if zero.
	Max int
	// Retry is the wait between self-checks; 10 s if zero.
	Retry time.Duration
	// Workers default to 10.
	Workers int
	// Quiet is how long a report that is not urgent is held back; 2 s if zero.
	Quiet time.Duration
	// Jumped rings when the wall clock jumped; nil never does.
	Jumped *bell.Bell
	// life ends the self-checks.
	life context.Context //nolint:containedctx // the controller's own
}

// defaultRetry is the wait between self-checks.
const defaultRetry = 10 * time.Second

// byIssuer is the index of open Challenges by the issuer that they mean.
const byIssuer = "certwright.dev/issuer"

// Add adds the controller. It needs the indexes that order.Add makes.
func Add(mgr manager.Manager, cfg Config) error {
	if cfg.Presenter == nil || cfg.SelfCheck == nil || cfg.Accounts == nil {
		return errors.New("challenge: Config needs Accounts, Presenter and SelfCheck")
	}
	if cfg.Client == nil {
		cfg.Client = mgr.GetClient()
	}
	if cfg.Clock == nil {
		cfg.Clock = clock.RealClock{}
	}
	if cfg.Max <= 0 {
		cfg.Max = 60
	}
	if cfg.Retry <= 0 {
		cfg.Retry = defaultRetry
	}
	if cfg.Workers <= 0 {
		cfg.Workers = 10
	}
	if cfg.Quiet <= 0 {
		cfg.Quiet = 2 * time.Second
	}
	life, end := context.WithCancel(context.Background())
	cfg.life = life
	// The manager ends what it runs, and with it the self-checks.
	if err := mgr.Add(manager.RunnableFunc(func(ctx context.Context) error { <-ctx.Done(); end(); return nil })); err != nil {
		end()
		return fmt.Errorf("add: %w", err)
	}
	if err := mgr.GetFieldIndexer().IndexField(context.Background(), &acmev1.Challenge{}, byIssuer, func(o client.Object) []string {
		ch, ok := o.(*acmev1.Challenge)
		if !ok || ch.Status.State.Final() {
			return nil
		}
		return []string{acme.ReferenceKey(ch.Spec.IssuerRef, ch.Namespace)}
	}); err != nil {
		return fmt.Errorf("index challenges by issuer: %w", err)
	}
	r := &reconciler{Config: cfg, wakes: make(chan event.GenericEvent, 256), results: map[types.NamespacedName]result{}}
	r.queue = newQueue(cfg.Max, cfg.Clock.Now, r.wake)
	b := builder.ControllerManagedBy(mgr).Named("challenges").
		For(&acmev1.Challenge{}).
		WatchesRawSource(source.Channel(r.wakes, &handler.EnqueueRequestForObject{})).
		WatchesRawSource(cfg.Jumped.Source(mgr.GetCache(), &acmev1.ChallengeList{})).
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

// ofIssuer lists the open Challenges of an issuer.
func (r *reconciler) ofIssuer(ctx context.Context, o client.Object) []reconcile.Request {
	issuer, ok := o.(certsv1.GenericIssuer)
	if !ok {
		return nil
	}
	var list acmev1.ChallengeList
	if err := r.Client.List(ctx, &list, client.MatchingFields{byIssuer: acme.IssuerKey(issuer)}); err != nil {
		return nil
	}
	var out []reconcile.Request
	for i := range list.Items {
		out = append(out, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&list.Items[i])})
	}
	return out
}
