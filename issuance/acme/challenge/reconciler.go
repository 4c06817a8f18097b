package challenge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	acmev1 "github.com/certwright/certwright/certs/acme/v1"
	"github.com/certwright/certwright/issuance/acme"
	"github.com/certwright/certwright/issuance/acme/exchange"
	"github.com/certwright/certwright/issuance/acme/http01"
	"github.com/certwright/certwright/issuance/acme/memory"
	"github.com/certwright/certwright/issuance/status"
)

// maxSteps bounds one reconciliation; a healthy Challenge needs five.
const maxSteps = 12

// EventCleanUpSkipped tells what is left behind and where.
const EventCleanUpSkipped = "CleanUpSkipped"

// reconciler is the shell around Decide.
type reconciler struct {
	Config
	memory memory.Memory[notes]
	queue  *queue
	seed   sync.Once
	wakes  chan event.GenericEvent

	mu      sync.Mutex
	results map[types.NamespacedName]result
}

// result of a self-check of the Challenge with that UID.
type result struct {
	uid types.UID
	err error
}

// notes are what this process knows about one Challenge.
type notes struct {
	known Known
	// status is the one to be reported, nil before the first look.
	status *acmev1.ChallengeStatus
	// latest is the Challenge after our last write, for as long as the cache
	// holds one of the versions stale.
	latest *acmev1.Challenge
	stale  []string
	// since is when the report was first held back.
	since time.Time
	// slow says that it took long enough to be worth telling.
	slow bool
}

// afterConflict is when to look again at what somebody else has just written.
const afterConflict = 200 * time.Millisecond

// Reconcile brings one Challenge as far as it can be brought now.
func (r *reconciler) Reconcile(ctx context.Context, req reconcile.Request) (reconcile.Result, error) {
	result, err := r.advance(ctx, req)
	if apierrors.IsConflict(err) {
		return reconcile.Result{RequeueAfter: afterConflict}, nil
	}
	return result, err
}

func (r *reconciler) advance(ctx context.Context, req reconcile.Request) (reconcile.Result, error) {
	if err := r.seedQueue(ctx); err != nil {
		return reconcile.Result{}, err
	}
	var cached acmev1.Challenge
	if err := r.Client.Get(ctx, req.NamespacedName, &cached); err != nil {
		if apierrors.IsNotFound(err) {
			r.forget(req.NamespacedName)
		}
		return reconcile.Result{}, client.IgnoreNotFound(err)
	}
	if r.Scope != nil && !r.Scope.Mine(&cached) {
		return reconcile.Result{}, nil
	}
	n := r.memory.Of(req.NamespacedName, cached.UID)
	ch := n.newest(&cached)
	if n.status == nil {
		n.status = ch.Status.DeepCopy()
	}
	r.collect(req.NamespacedName, n, ch.UID)
	for range maxSteps {
		state, server, err := r.observe(ctx, ch, n)
		if err != nil {
			return reconcile.Result{}, fmt.Errorf("observe: %w", err)
		}
		d := Decide(state)
		log.FromContext(ctx).V(1).Info("decided", "step", d.Step.String(), "state", d.Status.State, "reason", d.Status.Reason, "wake", d.Wake)
		n.known, n.status = d.Known, d.Status.DeepCopy()
		if d.Park {
			r.queue.park(req.NamespacedName)
		}
		if _, ok := d.Step.(Wait); ok {
			return r.report(ctx, req.NamespacedName, ch, n, d)
		}
		if err := r.take(ctx, d.Step, ch, n, server, state.Solver); err != nil {
			return reconcile.Result{}, fmt.Errorf("%s: %w", d.Step, err)
		}
		if _, ok := d.Step.(Release); ok {
			if !ch.DeletionTimestamp.IsZero() {
				r.forget(req.NamespacedName)
				return reconcile.Result{}, nil
			}
		}
	}
	return reconcile.Result{}, errors.New("no end in sight; going on later")
}

func (r *reconciler) forget(key types.NamespacedName) {
	r.memory.Forget(key)
	r.queue.leave(key)
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.results, key)
}

// seedQueue gives places to the Challenges that had one before we came.
func (r *reconciler) seedQueue(ctx context.Context) error {
	var err error
	r.seed.Do(func() {
		var list acmev1.ChallengeList
		if err = r.Client.List(ctx, &list); err != nil {
			return
		}
		for i := range list.Items {
			ch := &list.Items[i]
			if ch.Status.Processing && !ch.Status.State.Final() && ch.DeletionTimestamp.IsZero() {
				r.queue.hold(entryOf(ch))
			}
		}
	})
	return err
}

func entryOf(ch *acmev1.Challenge) entry {
	return entry{
		key:     client.ObjectKeyFromObject(ch),
		what:    ch.Spec.DNSName + "|" + string(ch.Spec.Type),
		created: ch.CreationTimestamp.Time,
	}
}

// newest is cached, or what we wrote where the cache has not seen it yet.
func (n *notes) newest(cached *acmev1.Challenge) *acmev1.Challenge {
	if n.latest != nil && slices.Contains(n.stale, cached.ResourceVersion) {
		return n.latest.DeepCopy()
	}
	n.latest, n.stale = nil, nil
	return cached.DeepCopy()
}

// wrote remembers the Challenge as it is after a write.
func (n *notes) wrote(before string, after *acmev1.Challenge) {
	n.stale = append(n.stale, before)
	n.latest = after.DeepCopy()
}

// observe reads everything that counts.
func (r *reconciler) observe(ctx context.Context, ch *acmev1.Challenge, n *notes) (State, Server, error) {
	s := State{Now: r.Clock.Now(), Challenge: ch, Status: *n.status, Known: n.known, Retry: r.Retry}
	order, orphan, err := orderOf(ctx, r.Client, ch)
	if err != nil {
		return s, nil, err
	}
	s.Orphan = orphan
	if orphan != "" || !ch.DeletionTimestamp.IsZero() || s.Status.State.Final() {
		r.queue.leave(client.ObjectKeyFromObject(ch))
		return s, nil, nil
	}
	if s.Admitted = r.queue.admit(entryOf(ch)); !s.Admitted {
		return s, nil, nil
	}
	issuer, err := acme.FindIssuer(ctx, r.Client, ch.Spec.IssuerRef, ch.Namespace)
	if apierrors.IsNotFound(err) {
		s.Blocked = acme.NotFound(ch.Spec.IssuerRef)
		return s, nil, nil
	}
	if err != nil {
		return s, nil, err
	}
	server, err := r.Accounts.Client(ctx, issuer, acme.ResourceNamespace(issuer, r.ClusterResourceNamespace))
	switch {
	case errors.Is(err, acme.ErrNotRegistered), apierrors.IsNotFound(err):
		s.Blocked = acme.Unusable(issuer, err)
		return s, nil, nil
	case err != nil:
		return s, nil, err
	}
	if a := s.Known.Authorization; a != nil {
		s.Solver, s.NoSolver = derive(ch, order, a, issuer.GetSpec().ACME.Solvers)
	}
	return s, server, nil
}

// derive finds the issuer's solver for ch.
func derive(ch *acmev1.Challenge, order *acmev1.Order, a *exchange.Authorization, solvers []acmev1.ACMEChallengeSolver) (*acmev1.ACMEChallengeSolver, string) {
	wish := acme.Wish{Name: ch.Spec.DNSName, Wildcard: ch.Spec.Wildcard,
		Namespace: order.Namespace, Labels: order.Labels, Annotations: order.Annotations}
	for _, c := range a.Challenges {
		wish.Offered = append(wish.Offered, acmev1.ACMEChallenge{URL: c.URL, Token: c.Token, Type: c.Type})
	}
	choice, err := acme.Solve(wish, solvers)
	if err != nil {
		return nil, err.Error()
	}
	if choice.Type != ch.Spec.Type {
		return nil, fmt.Sprintf("the issuer's solvers now prove %q by %s; waiting for the Order to replace the Challenge", ch.Spec.DNSName, choice.Type)
	}
	return &choice.Solver, ""
}

// orderOf returns the Order that controls ch, or why there is none.
func orderOf(ctx context.Context, from client.Reader, ch *acmev1.Challenge) (*acmev1.Order, string, error) {
	owner := metav1.GetControllerOf(ch)
	if owner == nil || owner.Kind != acmev1.OrderKind || owner.APIVersion != acmev1.GroupVersion.String() {
		return nil, "The Challenge is not controlled by an Order and is ignored", nil
	}
	var order acmev1.Order
	err := from.Get(ctx, types.NamespacedName{Namespace: ch.Namespace, Name: owner.Name}, &order)
	if apierrors.IsNotFound(err) || err == nil && order.UID != owner.UID {
		return nil, fmt.Sprintf("The Order %q that controls the Challenge does not exist", owner.Name), nil
	}
	return &order, "", err
}

// take takes step. What comes of it is put into n.
func (r *reconciler) take(ctx context.Context, step Step, ch *acmev1.Challenge, n *notes, server Server, solver *acmev1.ACMEChallengeSolver) error {
	switch s := step.(type) {
	case Ask:
		got, err := server.Authorization(ctx, s.URL)
		if err == nil {
			n.known.Authorization = &got
		}
		return n.heard(step, err)
	case Guard:
		return r.finalizers(ctx, ch, n, true)
	case Present:
		err := r.Presenter.Present(ctx, ch, solver.HTTP01, s.Again)
		if err != nil {
			n.known.Failure = &Failure{During: step, Err: err, Final: errors.Is(err, http01.ErrUnsupported)}
			return nil
		}
		n.known.Presented, n.known.Failures = true, 0
		return nil
	case SelfCheck:
		n.known.Check.Running = true
		r.check(ctx, ch.DeepCopy())
		return nil
	case Accept:
		got, err := server.Accept(ctx, s.URL)
		if err == nil {
			n.known.Accepted, n.known.AcceptRefused = true, nil
			n.known.Polls = 0
			if n.known.Authorization != nil {
				n.known.Authorization.RetryAfter = got.RetryAfter
			}
		}
		return n.heard(step, err)
	case CleanUp:
		if err := r.cleanUp(ctx, ch, n); err != nil {
			n.known.Failure = &Failure{During: step, Err: err}
			return nil //nolint:nilerr // Decide judges it
		}
		n.known.Cleaned, n.known.Failures = true, 0
		return nil
	case Release:
		return r.finalizers(ctx, ch, n, false)
	default:
		panic(fmt.Sprintf("challenge: no way to take step %T", step))
	}
}

// heard keeps the failure of an exchange for Decide to judge.
func (n *notes) heard(step Step, err error) error {
	if err == nil {
		if n.known.Failing == step.String() {
			n.known.Failing, n.known.Failures, n.known.Held = "", 0, 0
		}
		return nil
	}
	var e *exchange.Error
	if !errors.As(err, &e) {
		return err
	}
	n.known.Failure = &Failure{During: step, Err: e}
	return nil
}

func (r *reconciler) cleanUp(ctx context.Context, ch *acmev1.Challenge, n *notes) error {
	if ch.Spec.Type == acmev1.ACMEChallengeTypeHTTP01 {
		return r.Presenter.CleanUp(ctx, ch)
	}
	if n.status.Presented && r.Events != nil {
		// Another program wrote the record; this build cannot reach it.
		r.Events.Event(ch, corev1.EventTypeWarning, EventCleanUpSkipped, fmt.Sprintf(
			"The TXT record _acme-challenge.%s with the value %q may be left behind", ch.Spec.DNSName, ch.Spec.Key))
	}
	return nil
}

// finalizers puts ours on, or takes all of ours off.
func (r *reconciler) finalizers(ctx context.Context, ch *acmev1.Challenge, n *notes, on bool) error {
	list := slices.DeleteFunc(slices.Clone(ch.Finalizers), func(f string) bool {
		return f == acmev1.ChallengeFinalizer || f == acmev1.LegacyChallengeFinalizer
	})
	if on {
		list = append(list, acmev1.ChallengeFinalizer)
	}
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"finalizers": list, "resourceVersion": ch.ResourceVersion}})
	if err != nil {
		return err
	}
	before := ch.ResourceVersion
	written := ch.DeepCopy()
	if err := r.Client.Patch(ctx, written, client.RawPatch(types.MergePatchType, patch)); err != nil {
		return client.IgnoreNotFound(err)
	}
	written.DeepCopyInto(ch)
	n.wrote(before, written)
	return nil
}

// report writes the status where it is time to, and says when to look again.
func (r *reconciler) report(ctx context.Context, key types.NamespacedName, ch *acmev1.Challenge, n *notes, d Decision) (reconcile.Result, error) {
	wake, now := d.Wake, r.Clock.Now()
	before := ch.Status
	if equality.Semantic.DeepEqual(ch.Status, *n.status) {
		n.since = time.Time{}
	} else {
		if n.since.IsZero() {
			n.since = now
		}
		due := n.since.Add(r.Quiet)
		if d.Urgent || !now.Before(due) {
			n.slow = n.slow || !d.Urgent
			if err := r.write(ctx, ch, n); err != nil {
				return reconcile.Result{}, fmt.Errorf("report: %w", err)
			}
		} else if wake.IsZero() || due.Before(wake) {
			wake = due
		}
	}
	r.tell(ch, n, before, d.Events)
	if n.status.State.Final() {
		r.queue.leave(key)
	}
	if wake.IsZero() {
		return reconcile.Result{}, nil
	}
	return reconcile.Result{RequeueAfter: max(wake.Sub(now), time.Millisecond)}, nil
}

// tell sends events. A Challenge that is done in no time tells nothing but
// trouble: its state says it all.
func (r *reconciler) tell(ch *acmev1.Challenge, n *notes, before acmev1.ChallengeStatus, events []Event) {
	if r.Events == nil {
		return
	}
	if n.slow && ch.Status.Processing && !before.Processing {
		r.Events.Event(ch, corev1.EventTypeNormal, EventStarted, "Challenge scheduled for processing")
	}
	if n.slow && ch.Status.Presented && !before.Presented {
		r.Events.Event(ch, corev1.EventTypeNormal, EventPresented, fmt.Sprintf("Presented challenge using %s challenge mechanism", ch.Spec.Type))
	}
	for _, e := range events {
		switch {
		case e.Warning:
			r.Events.Event(ch, corev1.EventTypeWarning, e.Reason, e.Message)
		case n.slow:
			r.Events.Event(ch, corev1.EventTypeNormal, e.Reason, e.Message)
		}
	}
}

func (r *reconciler) write(ctx context.Context, ch *acmev1.Challenge, n *notes) error {
	patch, err := status.Patch(ch.Status, *n.status, ch.ResourceVersion)
	if err != nil || patch == nil {
		return err
	}
	before := ch.ResourceVersion
	written := ch.DeepCopy()
	if err := r.Client.Status().Patch(ctx, written, client.RawPatch(types.MergePatchType, patch)); err != nil {
		return err
	}
	written.DeepCopyInto(ch)
	n.wrote(before, written)
	n.since = time.Time{}
	if n.status.State.Final() {
		log.FromContext(ctx).Info("challenge is over", "domain", ch.Spec.DNSName, "state", n.status.State, "reason", n.status.Reason)
	}
	return nil
}
