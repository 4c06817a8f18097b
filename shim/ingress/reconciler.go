package ingress

import (
	"context"
	"fmt"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/record"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	certsv1 "github.com/certwright/certwright/certs/v1"
	"github.com/certwright/certwright/shim"
	"github.com/certwright/certwright/shim/apply"
)

// Name of the controller, as metrics have it.
const Name = "ingress-shim"

const (
	defaultWorkers = 5
	// Errors are retried after minBackoff, doubling up to maxBackoff.
	minBackoff, maxBackoff = 5 * time.Second, 5 * time.Minute
	// staleAfter is how long the cache gets to catch up.
	staleAfter = time.Second
	// unresolvedAfter is when a default issuer is looked for again.
	unresolvedAfter = time.Minute
)

// Scope says which Ingresses are ours.
type Scope interface{ Mine(obj metav1.Object) bool }

// Config is what the controller needs.
type Config struct {
	// Recorder emits the events on Ingresses. Its component is
	// shim.IngressManager.
	Recorder record.EventRecorder
	// Options say how annotations are read.
	Options shim.Options
	// Workers is how many Ingresses are looked at at a time; 0 means 5.
	Workers int
	// Scope says which Ingresses are ours; nil means all.
	Scope Scope
	// Metrics counts the writes; nil counts nothing.
	Metrics *apply.Metrics
	// NamespacedOnly says that there are no ClusterIssuers.
	NamespacedOnly bool
}

// Add starts the controller with mgr. The cache of mgr must hold the managed
// fields of Certificates: they are our record of what we have set.
func Add(mgr manager.Manager, cfg Config) error {
	if err := index(mgr.GetFieldIndexer(), cfg.Options); err != nil {
		return err
	}
	workers := cfg.Workers
	if workers == 0 {
		workers = defaultWorkers
	}
	controlled := builder.ControllerManagedBy(mgr).
		Named(Name).
		For(&networkingv1.Ingress{}, builder.WithPredicates(ingressChanged())).
		WatchesRawSource(source.Kind(mgr.GetCache(), &certsv1.Certificate{}, certificates(mgr.GetCache()))).
		WithOptions(controller.Options{
			MaxConcurrentReconciles: workers,
			RateLimiter:             workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](minBackoff, maxBackoff),
		})
	if cfg.Options.DefaultIssuer != nil {
		controlled.WatchesRawSource(source.Kind(mgr.GetCache(), &certsv1.Issuer{}, defaultIssuers[*certsv1.Issuer](mgr.GetCache())))
		if !cfg.NamespacedOnly {
			controlled.WatchesRawSource(source.Kind(mgr.GetCache(), &certsv1.ClusterIssuer{}, defaultIssuers[*certsv1.ClusterIssuer](mgr.GetCache())))
		}
	}
	return controlled.Complete(newReconciler(mgr.GetClient(), cfg))
}

// index makes findable what reconciliation looks for.
func index(fields client.FieldIndexer, opts shim.Options) error {
	ctx := context.Background()
	if err := fields.IndexField(ctx, &certsv1.Certificate{}, byOwner, ownerUIDs); err != nil {
		return fmt.Errorf("index Certificates by owner: %w", err)
	}
	if err := fields.IndexField(ctx, &networkingv1.Ingress{}, bySecret, tlsSecrets); err != nil {
		return fmt.Errorf("index Ingresses by Secret: %w", err)
	}
	if err := fields.IndexField(ctx, &networkingv1.Ingress{}, byNoIssuer, noIssuer(opts)); err != nil {
		return fmt.Errorf("index Ingresses that name no issuer: %w", err)
	}
	return nil
}

// reconciler is the shell around shim.Desired and shim.Plan.
type reconciler struct {
	client.Client
	options shim.Options
	scope   Scope
	writer  *apply.Writer
	told    *apply.Reporter
}

func newReconciler(c client.Client, cfg Config) *reconciler {
	return &reconciler{
		Client:  c,
		options: cfg.Options,
		scope:   cfg.Scope,
		writer:  &apply.Writer{Client: c, Recorder: cfg.Recorder, Manager: shim.IngressManager, Metrics: cfg.Metrics},
		told:    &apply.Reporter{Recorder: cfg.Recorder},
	}
}

// Reconcile brings the Certificates of one Ingress in step with it.
func (r *reconciler) Reconcile(ctx context.Context, req reconcile.Request) (reconcile.Result, error) {
	ing := &networkingv1.Ingress{}
	switch err := r.Get(ctx, req.NamespacedName, ing); {
	case apierrors.IsNotFound(err):
		r.told.Forget(req.NamespacedName)
		return reconcile.Result{}, nil
	case err != nil:
		return reconcile.Result{}, fmt.Errorf("get Ingress: %w", err)
	}
	if r.scope != nil && !r.scope.Mine(ing) {
		r.told.Forget(req.NamespacedName)
		return reconcile.Result{}, nil
	}

	src := shim.FromIngress(ing)
	wanted := shim.Desired(src, r.options)
	problems := wanted.Problems
	var outcome apply.Outcome
	var failure error
	if wanted.Act {
		current, err := r.observe(ctx, src, wanted)
		if err != nil {
			return reconcile.Result{}, fmt.Errorf("observe: %w", err)
		}
		changes := shim.Plan(src, r.options, wanted, current)
		for _, crt := range changes.Left {
			log.FromContext(ctx).V(1).Info("left alone a certificate that is not ours", "certificate", crt.Name)
		}
		outcome, failure = r.writer.Take(ctx, ing, changes)
		problems = append(problems, changes.Problems...)
		problems = append(problems, outcome.Refused...)
		problems = append(problems, shim.Failures(src, current)...)
	}
	r.told.Report(ing, problems)

	switch {
	case failure != nil:
		return reconcile.Result{}, failure
	case outcome.Stale:
		return reconcile.Result{RequeueAfter: staleAfter}, nil
	case wanted.Unresolved:
		return reconcile.Result{RequeueAfter: unresolvedAfter}, nil
	case len(outcome.Refused) > 0:
		return reconcile.Result{RequeueAfter: maxBackoff}, nil
	default:
		return reconcile.Result{}, nil
	}
}

// observe reads the Certificates that src owns, and those that stand where
// a wanted one belongs. They are the cache's own: nobody writes to them.
func (r *reconciler) observe(ctx context.Context, src *shim.Source, wanted shim.Wanted) ([]*certsv1.Certificate, error) {
	var owned certsv1.CertificateList
	err := r.List(ctx, &owned, client.InNamespace(src.Namespace),
		client.MatchingFields{byOwner: string(src.UID)}, client.UnsafeDisableDeepCopy)
	if err != nil {
		return nil, fmt.Errorf("list Certificates: %w", err)
	}
	var current []*certsv1.Certificate
	known := make(map[string]bool)
	for i := range owned.Items {
		current = append(current, &owned.Items[i])
		known[owned.Items[i].Name] = true
	}
	for _, want := range wanted.Certificates {
		if known[want.Name] {
			continue
		}
		crt := &certsv1.Certificate{}
		switch err := r.Get(ctx, client.ObjectKeyFromObject(want), crt); {
		case apierrors.IsNotFound(err):
		case err != nil:
			return nil, fmt.Errorf("get Certificate %s: %w", want.Name, err)
		default:
			current = append(current, crt)
		}
	}
	return current, nil
}
