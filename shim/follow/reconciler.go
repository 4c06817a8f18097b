package follow

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	certsv1 "github.com/certwright/certwright/certs/v1"
	"github.com/certwright/certwright/shim"
	"github.com/certwright/certwright/shim/apply"
)

// Read reads a source. Its error is "not found" if there is none.
type Read func(ctx context.Context, key client.ObjectKey) (client.Object, *shim.Source, error)

// Reconciler is the shell around shim.Desired and shim.Plan, for one kind of
// source.
type Reconciler struct {
	client.Client
	read    Read
	options shim.Options
	scope   Scope
	writer  *apply.Writer
	told    *apply.Reporter
	// refused knows how long the sources wait whose Certificates the API server
	// refused.
	refused workqueue.TypedRateLimiter[client.ObjectKey]
}

// NewReconciler returns the reconciler of the sources that read reads.
// Certificates are read and written by cl; its cache must be indexed, see Index,
// and hold their managed fields: they are our record of what we have set. All
// is written, and told, in the name of manager.
func NewReconciler(cl client.Client, cfg Config, manager string, read Read) *Reconciler {
	recorder := cfg.Recorder(manager)
	return &Reconciler{
		Client:  cl,
		read:    read,
		options: cfg.Options,
		scope:   cfg.Scope,
		writer:  &apply.Writer{Client: cl, Recorder: recorder, Manager: manager, Metrics: cfg.Metrics},
		told:    &apply.Reporter{Recorder: recorder},
		refused: workqueue.NewTypedItemExponentialFailureRateLimiter[client.ObjectKey](minBackoff, maxBackoff),
	}
}

// Reconcile brings the Certificates of one source in step with it.
func (r *Reconciler) Reconcile(ctx context.Context, req reconcile.Request) (reconcile.Result, error) {
	obj, src, err := r.read(ctx, req.NamespacedName)
	switch {
	case apierrors.IsNotFound(err):
		r.told.Forget(req.NamespacedName)
		r.refused.Forget(req.NamespacedName)
		return reconcile.Result{}, nil
	case err != nil:
		return reconcile.Result{}, fmt.Errorf("read source: %w", err)
	}
	if r.scope != nil && !r.scope.Mine(obj) {
		r.told.Forget(req.NamespacedName)
		return reconcile.Result{}, nil
	}

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
		outcome, failure = r.writer.Take(ctx, obj, changes)
		problems = append(problems, outcome.Refused...)
		problems = append(problems, shim.Failures(src, current)...)
	}
	r.told.Report(obj, problems)

	switch {
	case failure != nil:
		return reconcile.Result{}, failure
	case outcome.Stale:
		return reconcile.Result{RequeueAfter: staleAfter}, nil
	case wanted.Unresolved:
		return reconcile.Result{RequeueAfter: unresolvedAfter}, nil
	case len(outcome.Refused) > 0:
		// Mostly for good. But just after its CRD is there, the API server lets
		// nobody be an owner that blocks deletion.
		return reconcile.Result{RequeueAfter: r.refused.When(req.NamespacedName)}, nil
	default:
		r.refused.Forget(req.NamespacedName)
		return reconcile.Result{}, nil
	}
}

// observe reads the Certificates that src controls, and those that stand where
// a wanted one belongs. They are the cache's own: nobody writes to them.
func (r *Reconciler) observe(ctx context.Context, src *shim.Source, wanted shim.Wanted) ([]*certsv1.Certificate, error) {
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
