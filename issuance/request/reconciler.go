package request

import (
	"context"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/certwright/certwright/certs"
	certsv1 "github.com/certwright/certwright/certs/v1"
	"github.com/certwright/certwright/issuance"
	"github.com/certwright/certwright/issuance/metrics"
	"github.com/certwright/certwright/issuance/status"
)

// FieldOwner is the field manager of an approval. Answers are written as the
// field manager that FieldOwnerOf returns.
const FieldOwner = "cert-manager-certificaterequests-approver"

// FieldOwnerOf returns the field manager of the answers of an issuer.
func FieldOwnerOf(k issuance.Kind) string {
	return "cert-manager-certificaterequests-issuer-" + strings.ToLower(k.Name)
}

// Events tells users about their objects.
type Events interface {
	Event(object runtime.Object, eventType, reason, message string)
}

// A Scope says which objects are ours to look after.
type Scope interface {
	Mine(obj metav1.Object) bool
}

// A Reconciler is the shell around Decide.
type Reconciler struct {
	// Client reads from the cache and writes.
	Client client.Client
	// Live reads past the cache.
	Live     client.Reader
	Kinds    []issuance.Kind
	Issuers  Issuers
	Approver *Approver
	InFlight *InFlight
	Events   Events
	Clock    clock.PassiveClock
	Scope    Scope
	Counters *metrics.Counters

	told Told
}

// Reconcile takes the step that brings one request closer to its answer.
func (r *Reconciler) Reconcile(ctx context.Context, key reconcile.Request) (result reconcile.Result, err error) {
	if r.InFlight.Has(key.NamespacedName) {
		return reconcile.Result{}, nil
	}
	defer func() { r.Counters.Sync(metrics.Requests, err) }()
	req := &certsv1.CertificateRequest{}
	if err := r.Client.Get(ctx, key.NamespacedName, req); err != nil {
		return reconcile.Result{}, client.IgnoreNotFound(err)
	}
	if !r.mine(req) {
		return reconcile.Result{}, nil
	}
	result, err = r.advance(ctx, req)
	if apierrors.IsConflict(err) {
		// Somebody was faster: look again at what is there now.
		return reconcile.Result{RequeueAfter: time.Second}, nil
	}
	return result, err
}

func (r *Reconciler) mine(req *certsv1.CertificateRequest) bool {
	return req.DeletionTimestamp.IsZero() && !Done(req) && (r.Scope == nil || r.Scope.Mine(req))
}

func (r *Reconciler) advance(ctx context.Context, req *certsv1.CertificateRequest) (reconcile.Result, error) {
	state, namespace, err := r.observe(ctx, req)
	if err != nil {
		return reconcile.Result{}, fmt.Errorf("observe: %w", err)
	}
	d := Decide(state)
	if d.Sign {
		// The cache may lag behind an answer that we gave already, and it lacks
		// bytes: whoever asks an issuer looks first.
		live := &certsv1.CertificateRequest{}
		if err := r.Live.Get(ctx, client.ObjectKeyFromObject(req), live); err != nil {
			return reconcile.Result{}, client.IgnoreNotFound(err)
		}
		if live.UID != req.UID || !r.mine(live) {
			return reconcile.Result{}, nil
		}
		state.Object, req = live, live
		d = Decide(state)
	}
	log.FromContext(ctx).V(1).Info("decided", "sign", d.Sign, "wake", d.Wake)
	if d.Once != nil {
		r.tell(req, *d.Once)
	}
	if !d.Sign {
		if err := r.report(ctx, req, d.Status, FieldOwner, d.Events); err != nil {
			return r.refused(ctx, req, err)
		}
		return reconcile.Result{RequeueAfter: d.Wake}, nil
	}
	return r.sign(ctx, state, d, namespace)
}

// observe reads everything that Decide looks at.
func (r *Reconciler) observe(ctx context.Context, req *certsv1.CertificateRequest) (State, string, error) {
	state := State{Now: r.Clock.Now(), Object: req}
	ref := req.Spec.IssuerRef
	issuer, namespace, err := r.Issuers.Find(ctx, req.Namespace, ref)
	if err != nil {
		return State{}, "", err
	}
	if issuer != nil {
		state.Issuer = issuer
		state.Kind, state.HasKind = issuance.KindOf(r.Kinds, issuer.GetSpec())
	}
	if !req.Status.True(certsv1.CertificateRequestConditionApproved) && !req.Status.True(certsv1.CertificateRequestConditionDenied) {
		if state.Approval, err = r.Approver.May(ctx, req.Namespace, ref); err != nil {
			return State{}, "", err
		}
	}
	return state, namespace, nil
}

// sign asks the issuer and reports its answer.
func (r *Reconciler) sign(ctx context.Context, s State, d Decision, namespace string) (reconcile.Result, error) {
	req := s.Object
	if !s.Kind.AtOnce {
		// An answer that takes time begins with an order that costs something:
		// the approval must be accepted before.
		if err := r.report(ctx, req, d.Status, FieldOwner, d.Events); err != nil {
			return r.refused(ctx, req, err)
		}
		d.Events = nil
	}
	owner := FieldOwnerOf(s.Kind)
	outcome, wake, err := r.ask(ctx, s, namespace)
	if err != nil {
		// Unknown: say so once, and ask again after a back-off.
		answer := issuance.Pending{Reason: EventIssuerError, Message: "The issuer did not answer; asking again: " + err.Error()}
		if c := d.Status.Condition(certsv1.CertificateRequestConditionReady); c == nil || c.Reason != certsv1.CertificateRequestReasonPending {
			if e := Answer(&d.Status, answer, s.Now); e != nil {
				d.Events = append(d.Events, *e)
			}
		}
		if err := r.report(ctx, req, d.Status, owner, d.Events); err != nil {
			return r.refused(ctx, req, err)
		}
		return reconcile.Result{}, err
	}
	if e := Answer(&d.Status, outcome, s.Now); e != nil {
		d.Events = append(d.Events, *e)
	}
	if err := r.report(ctx, req, d.Status, owner, d.Events); err != nil {
		return r.refused(ctx, req, err)
	}
	if _, pending := outcome.(issuance.Pending); !pending {
		_, issued := outcome.(issuance.Issued)
		Count(r.Counters, s.Kind, s.Issuer, outcome, r.Clock.Since(req.CreationTimestamp.Time))
		log.FromContext(ctx).Info("answered", "request", client.ObjectKeyFromObject(req), "issued", issued)
	}
	return reconcile.Result{RequeueAfter: wake}, nil
}

// ask gets an outcome from the issuer, and when to ask again if it is pending.
func (r *Reconciler) ask(ctx context.Context, s State, namespace string) (issuance.Outcome, time.Duration, error) {
	csr, err := certs.DecodeCSR(s.Object.Spec.Request)
	if err != nil {
		return issuance.Refused{Reason: EventDecodeError, Message: "Failed to decode the signing request: " + err.Error()}, 0, nil
	}
	outcome, err := Fulfil(ctx, r.Kinds, issuance.Request{Object: s.Object, CSR: csr, Issuer: s.Issuer, Namespace: namespace})
	if err != nil {
		return nil, 0, err
	}
	if p, ok := outcome.(issuance.Pending); ok && p.After > 0 {
		return outcome, max(p.After, time.Second), nil
	}
	return outcome, 0, nil
}

// report writes the status if it differs, and then the events.
func (r *Reconciler) report(ctx context.Context, req *certsv1.CertificateRequest, want certsv1.CertificateRequestStatus, owner string, events []Event) error {
	data, err := status.Patch(req.Status, want, req.ResourceVersion)
	if err != nil || data == nil {
		return err
	}
	written, err := status.Write(ctx, r.Client, certsv1.GroupVersion.WithKind(certsv1.CertificateRequestKind), req, data, client.FieldOwner(owner))
	if err != nil {
		return fmt.Errorf("report: %w", err)
	}
	req.ResourceVersion, req.Status = written, want
	for _, e := range events {
		r.Events.Event(req, e.Type, e.Reason, e.Message)
	}
	return nil
}

// refused handles a report that the API server does not accept, which a missing
// permission to approve leads to.
func (r *Reconciler) refused(_ context.Context, req *certsv1.CertificateRequest, err error) (reconcile.Result, error) {
	if !apierrors.IsForbidden(err) {
		return reconcile.Result{}, client.IgnoreNotFound(err)
	}
	r.Approver.Refuse(req.Namespace, req.Spec.IssuerRef)
	r.tell(req, Event{corev1.EventTypeWarning, EventNotPermitted, "The approval was not accepted: " + err.Error()})
	return reconcile.Result{RequeueAfter: time.Minute}, nil
}

// tell emits an event once for each request.
func (r *Reconciler) tell(req *certsv1.CertificateRequest, e Event) {
	if r.told.First(string(req.UID) + "/" + e.Reason) {
		r.Events.Event(req, e.Type, e.Reason, e.Message)
	}
}
