package order

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/certwright/certwright/certs"
	acmev1 "github.com/certwright/certwright/certs/acme/v1"
	certsv1 "github.com/certwright/certwright/certs/v1"
	"github.com/certwright/certwright/issuance/acme"
	"github.com/certwright/certwright/issuance/acme/exchange"
	"github.com/certwright/certwright/issuance/acme/memory"
	"github.com/certwright/certwright/issuance/status"
)

// maxSteps bounds one reconciliation; a healthy Order needs six.
const maxSteps = 16

// reconciler is the shell around Decide.
type reconciler struct {
	Config
	memory memory.Memory[notes]
}

// notes are what this process knows about one Order.
type notes struct {
	known Known
	// status is the one to be reported, nil before the first look.
	status *acmev1.OrderStatus
	// latest is the Order after our last write, for as long as the cache holds
	// one of the versions stale.
	latest *acmev1.Order
	stale  []string
	// since is when the report was first held back.
	since time.Time
	// made are Challenges that the cache may not have yet, gone those that it
	// may have still.
	made map[types.UID]made
	gone map[types.UID]bool
	// certificate says that a live read found one; csr is the request, as DER.
	certificate bool
	csr         []byte
	// told are the events sent.
	told map[Event]bool
}

// made is a Challenge and when we made it.
type made struct {
	challenge *acmev1.Challenge
	at        time.Time
}

// cacheLag is how long the cache may take to show what we did.
const cacheLag = 10 * time.Second

// afterConflict is when to look again at what somebody else has just written.
const afterConflict = 200 * time.Millisecond

// Reconcile brings one Order as far as it can be brought now.
func (r *reconciler) Reconcile(ctx context.Context, req reconcile.Request) (reconcile.Result, error) {
	result, err := r.advance(ctx, req)
	if apierrors.IsConflict(err) {
		return reconcile.Result{RequeueAfter: afterConflict}, nil
	}
	return result, err
}

func (r *reconciler) advance(ctx context.Context, req reconcile.Request) (reconcile.Result, error) {
	var cached acmev1.Order
	if err := r.Client.Get(ctx, req.NamespacedName, &cached); err != nil {
		if apierrors.IsNotFound(err) {
			r.memory.Forget(req.NamespacedName)
		}
		return reconcile.Result{}, client.IgnoreNotFound(err)
	}
	if r.Scope != nil && !r.Scope.Mine(&cached) {
		return reconcile.Result{}, nil
	}
	n := r.memory.Of(req.NamespacedName, cached.UID)
	order := n.newest(&cached)
	if n.status == nil {
		n.status = order.Status.DeepCopy()
	}
	n.known.Server = nil // read anew in every pass
	for range maxSteps {
		state, server, err := r.observe(ctx, order, n)
		if err != nil {
			return reconcile.Result{}, fmt.Errorf("observe: %w", err)
		}
		d := Decide(state)
		log.FromContext(ctx).V(1).Info("decided", "step", d.Step.String(), "state", d.Status.State, "reason", d.Status.Reason, "wake", d.Wake)
		n.known, n.status = d.Known, d.Status.DeepCopy()
		if _, ok := d.Step.(Wait); ok {
			return r.report(ctx, req.NamespacedName, order, n, d)
		}
		if err := r.take(ctx, d.Step, order, n, server); err != nil {
			return reconcile.Result{}, fmt.Errorf("%s: %w", d.Step, err)
		}
	}
	return reconcile.Result{}, errors.New("no end in sight; going on later")
}

// newest is cached, or what we wrote where the cache has not seen it yet.
func (n *notes) newest(cached *acmev1.Order) *acmev1.Order {
	if n.latest != nil && slices.Contains(n.stale, cached.ResourceVersion) {
		return n.latest.DeepCopy()
	}
	n.latest, n.stale = nil, nil
	return cached.DeepCopy()
}

// observe reads everything that counts.
func (r *reconciler) observe(ctx context.Context, order *acmev1.Order, n *notes) (State, Server, error) {
	s := State{Now: r.Clock.Now(), Order: order, Status: *n.status, Known: n.known}
	if s.Status.State.Failed() || !order.DeletionTimestamp.IsZero() {
		return s, nil, nil
	}
	request, orphan, err := requestOf(ctx, r.Client, order)
	if err != nil {
		return s, nil, err
	}
	s.Orphan = orphan
	if s.Challenges, err = r.challenges(ctx, order, n); err != nil {
		return s, nil, err
	}
	if s.Status.State == acmev1.Valid {
		if s.HasCertificate, err = r.hasCertificate(ctx, order, request, n); err != nil || s.HasCertificate {
			return s, nil, err
		}
	}
	issuer, err := acme.FindIssuer(ctx, r.Client, order.Spec.IssuerRef, order.Namespace)
	if apierrors.IsNotFound(err) {
		s.Blocked = acme.NotFound(order.Spec.IssuerRef)
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
	s.Account, s.Thumbprint, s.Solvers = server.Account(), server.Thumbprint(), issuer.GetSpec().ACME.Solvers
	return s, server, nil
}

// requestOf returns the CertificateRequest that controls order, or why there is
// none.
func requestOf(ctx context.Context, from client.Reader, order *acmev1.Order) (*certsv1.CertificateRequest, string, error) {
	owner := metav1.GetControllerOf(order)
	if owner == nil || owner.Kind != certsv1.CertificateRequestKind || owner.APIVersion != certsv1.GroupVersion.String() {
		return nil, "The Order is not controlled by a CertificateRequest and is ignored", nil
	}
	var req certsv1.CertificateRequest
	err := from.Get(ctx, types.NamespacedName{Namespace: order.Namespace, Name: owner.Name}, &req)
	if apierrors.IsNotFound(err) || err == nil && req.UID != owner.UID {
		return nil, fmt.Sprintf("The CertificateRequest %q that controls the Order does not exist", owner.Name), nil
	}
	return &req, "", err
}

// challenges lists those of order: what the cache has, corrected by what we did
// a moment ago.
func (r *reconciler) challenges(ctx context.Context, order *acmev1.Order, n *notes) ([]*acmev1.Challenge, error) {
	var list acmev1.ChallengeList
	err := r.Client.List(ctx, &list, client.InNamespace(order.Namespace), client.MatchingFields{acme.OrdersByOwner: string(order.UID)})
	if err != nil {
		return nil, fmt.Errorf("challenges: %w", err)
	}
	var out []*acmev1.Challenge
	for i := range list.Items {
		ch := &list.Items[i]
		delete(n.made, ch.UID)
		if !n.gone[ch.UID] {
			out = append(out, ch)
		}
	}
	for uid, m := range n.made {
		if r.Clock.Now().Sub(m.at) > cacheLag {
			delete(n.made, uid)
			continue
		}
		out = append(out, m.challenge)
	}
	slices.SortFunc(out, func(a, b *acmev1.Challenge) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}

// hasCertificate reports whether a valid Order holds its certificate. The cache
// may leave it out; whoever has a signed request had it.
func (r *reconciler) hasCertificate(ctx context.Context, order *acmev1.Order, req *certsv1.CertificateRequest, n *notes) (bool, error) {
	if n.certificate || len(order.Status.Certificate) > 0 {
		return true, nil
	}
	if req != nil && req.Status.True(certsv1.CertificateRequestConditionReady) {
		return true, nil
	}
	var full acmev1.Order
	if err := r.Live.Get(ctx, client.ObjectKeyFromObject(order), &full); err != nil {
		return false, client.IgnoreNotFound(err)
	}
	n.certificate = len(full.Status.Certificate) > 0
	return n.certificate, nil
}

// take takes step. What an exchange answers is put into n.
func (r *reconciler) take(ctx context.Context, step Step, order *acmev1.Order, n *notes, server Server) error {
	switch s := step.(type) {
	case Place:
		return r.place(ctx, s, order, n, server)
	case Read:
		got, err := server.Order(ctx, s.URL)
		if err := n.heard(step, err); err != nil || n.known.Failure != nil {
			return err
		}
		n.known.Server = &got
		n.fill(got)
		return nil
	case Fetch:
		return r.fetch(ctx, step, n, server)
	case Sync:
		return r.sync(ctx, s, order, n)
	case Finalize:
		return r.finalize(ctx, s, order, n, server)
	case Download:
		return r.download(ctx, s, order, n, server)
	case Discard:
		log.FromContext(ctx).Info("order discarded", "why", s.Why)
		pre := client.Preconditions{UID: &order.UID}
		order.DeletionTimestamp = &metav1.Time{Time: r.Clock.Now()} // nothing more to do with it
		return client.IgnoreNotFound(r.Client.Delete(ctx, order.DeepCopy(), pre))
	case Reregister:
		return r.reregister(ctx, order)
	default:
		panic(fmt.Sprintf("order: no way to take step %T", step))
	}
}

// heard keeps the failure of an exchange for Decide to judge. What is no answer
// of a server is returned.
func (n *notes) heard(step Step, err error) error {
	if err == nil {
		if n.known.Failing == verb(step) {
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

// fill takes over what an order says about itself and that is set once.
func (n *notes) fill(o exchange.Order) {
	if n.status.FinalizeURL == "" {
		n.status.FinalizeURL = o.Finalize
	}
	if len(n.status.Authorizations) == 0 {
		for _, url := range o.Authorizations {
			n.status.Authorizations = append(n.status.Authorizations, acmev1.ACMEAuthorization{URL: url})
		}
	}
}

// place orders. A stale cache must not lead to a second order, so the Order is
// read live first; a lost write must not either, so it is tried hard.
func (r *reconciler) place(ctx context.Context, step Place, order *acmev1.Order, n *notes, server Server) error {
	var live acmev1.Order
	if err := r.Live.Get(ctx, client.ObjectKeyFromObject(order), &live); err != nil {
		return err
	}
	if live.UID != order.UID || !live.DeletionTimestamp.IsZero() || live.Status.URL != "" || live.Status.State != acmev1.Unknown && live.Status.State != acmev1.Pending {
		*n = notes{} // all that we thought is out of date
		return fmt.Errorf("the order has changed meanwhile")
	}
	wish := exchange.OrderRequest{Names: step.Names, Profile: live.Spec.Profile, Replaces: live.Spec.Replaces}
	if live.Spec.Duration != nil {
		wish.NotAfter = r.Clock.Now().Add(live.Spec.Duration.Duration).Truncate(time.Second)
	}
	got, err := server.NewOrder(ctx, wish)
	if err := n.heard(step, err); err != nil || n.known.Failure != nil {
		return err
	}
	n.status.URL, n.status.State, n.status.Reason = got.URL, got.State, ""
	n.csr = live.Spec.Request
	n.fill(got)
	log.FromContext(ctx).Info("ordered", "url", got.URL, "names", step.Names)
	return r.record(context.WithoutCancel(ctx), order, n)
}

// record writes where the order is, whatever else has changed.
func (r *reconciler) record(ctx context.Context, order *acmev1.Order, n *notes) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	var err error
	for try := range 5 {
		if try > 0 {
			select {
			case <-time.After(time.Duration(try) * 300 * time.Millisecond):
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		if err = r.write(ctx, order, n, false); err == nil || apierrors.IsNotFound(err) || apierrors.IsInvalid(err) {
			break
		}
	}
	return err // the memory still holds the URL; the next pass writes it
}

func (r *reconciler) fetch(ctx context.Context, step Step, n *notes, server Server) error {
	for i := range n.status.Authorizations {
		a := &n.status.Authorizations[i]
		if a.Identifier != "" {
			continue
		}
		got, err := server.Authorization(ctx, a.URL)
		if err := n.heard(step, err); err != nil || n.known.Failure != nil {
			return err
		}
		a.Identifier, a.InitialState, a.Wildcard = got.Identifier, got.State, &got.Wildcard
		for _, ch := range got.Challenges {
			a.Challenges = append(a.Challenges, acmev1.ACMEChallenge{URL: ch.URL, Token: ch.Token, Type: ch.Type})
		}
	}
	return nil
}

// sync creates and deletes Challenges. What exists under the name of one to be
// created is judged by its owner.
func (r *reconciler) sync(ctx context.Context, step Sync, order *acmev1.Order, n *notes) error {
	if n.made == nil {
		n.made, n.gone = map[types.UID]made{}, map[types.UID]bool{}
	}
	for _, ch := range step.Delete {
		pre := client.Preconditions{UID: &ch.UID}
		if err := client.IgnoreNotFound(r.Client.Delete(ctx, ch, pre)); err != nil {
			return err
		}
		delete(n.made, ch.UID)
		n.gone[ch.UID] = true
	}
	for _, want := range step.Create {
		err := r.Client.Create(ctx, want)
		if apierrors.IsAlreadyExists(err) {
			var there acmev1.Challenge
			if err := r.Live.Get(ctx, client.ObjectKeyFromObject(want), &there); err != nil {
				return err
			}
			if !metav1.IsControlledBy(&there, order) {
				return fmt.Errorf("challenge %s exists and belongs to somebody else", want.Name)
			}
			if !there.DeletionTimestamp.IsZero() {
				return fmt.Errorf("challenge %s is still being deleted", want.Name)
			}
			*want = there
		} else if err != nil {
			return err
		}
		n.made[want.UID] = made{want, r.Clock.Now()}
		log.FromContext(ctx).V(1).Info("challenge created", "challenge", want.Name, "domain", want.Spec.DNSName)
	}
	return nil
}

func (r *reconciler) finalize(ctx context.Context, step Finalize, order *acmev1.Order, n *notes, server Server) error {
	csr, err := r.request(ctx, order, n)
	if err != nil {
		return err
	}
	got, err := server.Finalize(ctx, step.URL, csr.Raw)
	if err := n.heard(step, err); err != nil || n.known.Failure != nil {
		return err
	}
	n.known.Server, n.known.Polls = &got, 0
	return nil
}

// request reads the certificate signing request, which the cache may leave out.
func (r *reconciler) request(ctx context.Context, order *acmev1.Order, n *notes) (*x509.CertificateRequest, error) {
	if n.csr == nil {
		var full acmev1.Order
		if err := r.Live.Get(ctx, client.ObjectKeyFromObject(order), &full); err != nil {
			return nil, err
		}
		n.csr = full.Spec.Request
	}
	csr, err := certs.DecodeCSR(n.csr)
	if err != nil {
		return nil, fmt.Errorf("spec.request: %w", err)
	}
	return csr, nil
}

func (r *reconciler) download(ctx context.Context, step Download, order *acmev1.Order, n *notes, server Server) error {
	csr, err := r.request(ctx, order, n)
	if err != nil {
		return err
	}
	issuer, err := acme.FindIssuer(ctx, r.Client, order.Spec.IssuerRef, order.Namespace)
	if err != nil {
		return err
	}
	chain, err := server.Certificate(ctx, step.URL, issuer.GetSpec().ACME.PreferredChain)
	if err := n.heard(step, err); err != nil || n.known.Failure != nil {
		return err
	}
	if chain, err = verify(chain, csr, r.Clock.Now()); err != nil {
		n.known.Failure = &Failure{During: step, Err: &exchange.Error{Class: exchange.Terminal, Host: server.Host(), Err: err}}
		return nil //nolint:nilerr // Decide judges it
	}
	n.known.Chain = chain
	return nil
}

// reregister takes the account's URI and the verdict on the issuer away, which
// makes the issuer be checked anew, and its Checker look for the account.
func (r *reconciler) reregister(ctx context.Context, order *acmev1.Order) error {
	issuer, err := acme.FindIssuer(ctx, r.Client, order.Spec.IssuerRef, order.Namespace)
	if err != nil {
		return err
	}
	log.FromContext(ctx).Info("the server does not know the account; looking for it again", "issuer", issuer.GetName())
	patch, err := json.Marshal(map[string]any{
		"metadata": map[string]any{"resourceVersion": issuer.GetResourceVersion()},
		"status":   map[string]any{"acme": map[string]any{"uri": nil}, "conditions": nil},
	})
	if err != nil {
		return err
	}
	r.Accounts.Clients.Forget(issuer.GetUID())
	object, ok := issuer.(client.Object) // a copy: the cache hands out nothing else
	if !ok {
		return fmt.Errorf("issuer of type %T", issuer)
	}
	return r.Client.Status().Patch(ctx, object, client.RawPatch(types.MergePatchType, patch))
}

// report writes the status where it is time to, and says when to look again.
func (r *reconciler) report(ctx context.Context, key types.NamespacedName, order *acmev1.Order, n *notes, d Decision) (reconcile.Result, error) {
	wake, now := d.Wake, r.Clock.Now()
	if equality.Semantic.DeepEqual(order.Status, *n.status) {
		n.since = time.Time{}
	} else {
		if n.since.IsZero() {
			n.since = now
		}
		due := n.since.Add(r.Quiet)
		if d.Urgent || !now.Before(due) {
			if err := r.write(ctx, order, n, true); err != nil {
				return reconcile.Result{}, fmt.Errorf("report: %w", err)
			}
		} else if wake.IsZero() || due.Before(wake) {
			wake = due
		}
	}
	r.tell(order, n, d.Events)
	if n.status.State.Final() {
		return r.end(ctx, key, order, n)
	}
	if wake.IsZero() && len(n.made) > 0 {
		wake = now.Add(cacheLag)
	}
	if wake.IsZero() {
		return reconcile.Result{}, nil
	}
	return reconcile.Result{RequeueAfter: max(wake.Sub(now), time.Millisecond)}, nil
}

// end: the Order is final and written down. Its Challenges go; those that failed
// stay for whoever looks for the cause.
func (r *reconciler) end(ctx context.Context, key types.NamespacedName, order *acmev1.Order, n *notes) (reconcile.Result, error) {
	if !order.DeletionTimestamp.IsZero() {
		return reconcile.Result{}, nil
	}
	have, err := r.challenges(ctx, order, n)
	if err != nil {
		return reconcile.Result{}, err
	}
	_, surplus := difference(nil, have)
	if n.status.State != acmev1.Valid {
		surplus = slices.DeleteFunc(surplus, func(ch *acmev1.Challenge) bool { return ch.Status.State.Final() })
	}
	if err := r.sync(ctx, Sync{Delete: surplus}, order, n); err != nil {
		return reconcile.Result{}, err
	}
	if n.latest == nil && len(n.made) == 0 && len(surplus) == 0 {
		r.memory.Forget(key) // the cache has all of it
	}
	return reconcile.Result{}, nil
}

// tell sends events, each once. An Order that is done in no time tells nothing
// but trouble: its state says it all.
func (r *reconciler) tell(order *acmev1.Order, n *notes, events []Event) {
	for _, e := range events {
		if n.told[e] {
			continue
		}
		if n.told == nil {
			n.told = map[Event]bool{}
		}
		n.told[e] = true
		kind := corev1.EventTypeNormal
		if e.Warning {
			kind = corev1.EventTypeWarning
		}
		slow := r.Clock.Now().Sub(order.CreationTimestamp.Time) > r.Quiet+3*time.Second
		if r.Events != nil && (e.Warning || slow) {
			r.Events.Event(order, kind, e.Reason, e.Message)
		}
	}
}

// write patches the status, bound to the version that was looked at where
// bound says so.
func (r *reconciler) write(ctx context.Context, order *acmev1.Order, n *notes, bound bool) error {
	patch, err := status.Patch(order.Status, *n.status, order.ResourceVersion)
	if err != nil || patch == nil {
		return err
	}
	if !bound {
		var parts map[string]json.RawMessage
		if err := json.Unmarshal(patch, &parts); err != nil {
			return err
		}
		delete(parts, "metadata")
		if patch, err = json.Marshal(parts); err != nil {
			return err
		}
	}
	stale := append(slices.Clone(n.stale), order.ResourceVersion) // the cache may be some writes behind
	written := order.DeepCopy()
	if err := r.Client.Status().Patch(ctx, written, client.RawPatch(types.MergePatchType, patch)); err != nil {
		return err
	}
	written.DeepCopyInto(order)
	n.latest, n.stale, n.since = written, stale, time.Time{}
	if n.status.State.Final() {
		log.FromContext(ctx).Info("order is over", "state", n.status.State, "reason", n.status.Reason)
	}
	return nil
}
