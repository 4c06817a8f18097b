package signingrequest

import (
	"context"
	"fmt"
	"strings"
	"time"

	certificatesv1 "k8s.io/api/certificates/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/certwright/certwright/certs"
	cmmeta "github.com/certwright/certwright/certs/meta/v1"
	certsv1 "github.com/certwright/certwright/certs/v1"
	"github.com/certwright/certwright/issuance"
	"github.com/certwright/certwright/issuance/metrics"
	"github.com/certwright/certwright/issuance/request"
	"github.com/certwright/certwright/issuance/status"
)

// ControllerOf returns cert-manager's name of the controller that answers for
// the issuers of a kind: in --controllers, in metrics, and in field managers.
func ControllerOf(k issuance.Kind) string {
	return metrics.SigningRequests + strings.ToLower(k.Name)
}

// A Reconciler is the shell around Decide.
type Reconciler struct {
	// Client reads from the cache and writes.
	Client client.Client
	// Live reads past the cache.
	Live    client.Reader
	Kinds   []issuance.Kind
	Serves  func(issuance.Kind) bool
	Issuers request.Issuers
	// Namespace, if not empty, is the only one whose Issuers are served.
	Namespace string
	Reviews   Reviews
	Events    request.Events
	Clock     clock.PassiveClock
	Scope     request.Scope
	Counters  *metrics.Counters

	told request.Told
}

// Reconcile takes the step that brings one request closer to its answer.
func (r *Reconciler) Reconcile(ctx context.Context, key reconcile.Request) (result reconcile.Result, err error) {
	controller := metrics.SigningRequestsUnknown
	defer func() { r.Counters.Sync(controller, err) }()
	var csr *certificatesv1.CertificateSigningRequest
	for _, reader := range []client.Reader{r.Client, r.Live} { // most looks end with the first, which costs nothing
		csr = &certificatesv1.CertificateSigningRequest{}
		if err := reader.Get(ctx, key.NamespacedName, csr); err != nil {
			return reconcile.Result{}, client.IgnoreNotFound(err)
		}
		if !r.mine(csr) {
			return reconcile.Result{}, nil
		}
	}
	state, namespace, err := r.observe(ctx, csr)
	if err != nil {
		return reconcile.Result{}, fmt.Errorf("observe: %w", err)
	}
	if state.HasKind {
		controller = ControllerOf(state.Kind)
	}
	d := Decide(state)
	log.FromContext(ctx).V(1).Info("decided", "decision", d.String())
	result, err = r.take(ctx, state, d, namespace)
	if apierrors.IsConflict(err) {
		// Somebody was faster: look again at what is there now.
		return reconcile.Result{RequeueAfter: time.Second}, nil
	}
	return result, client.IgnoreNotFound(err)
}

// mine reports whether csr is ours to answer.
func (r *Reconciler) mine(csr *certificatesv1.CertificateSigningRequest) bool {
	signer, _ := ParseSigner(csr.Spec.SignerName)
	return Open(csr) && (r.Namespace == "" || signer.Namespace == r.Namespace) && (r.Scope == nil || r.Scope.Mine(csr))
}

// observe reads everything that Decide looks at, and the namespace with the
// issuer's Secrets.
func (r *Reconciler) observe(ctx context.Context, csr *certificatesv1.CertificateSigningRequest) (State, string, error) {
	signer, _ := ParseSigner(csr.Spec.SignerName)
	state := State{Object: csr, Signer: signer}
	if signer.Kind == certsv1.IssuerKind && signer.Namespace == "" {
		return state, "", nil
	}
	ref := cmmeta.IssuerReference{Name: signer.Name, Kind: signer.Kind, Group: certsv1.GroupName}
	issuer, namespace, err := r.Issuers.Find(ctx, signer.Namespace, ref)
	if err != nil || issuer == nil {
		return state, "", err
	}
	state.Issuer = issuer
	state.Kind, state.HasKind = issuance.KindOf(r.Kinds, issuer.GetSpec())
	state.Off = state.HasKind && r.Serves != nil && !r.Serves(state.Kind)
	if signer.Kind == certsv1.IssuerKind && state.Kind.SigningRequests && !state.Off && has(csr, certificatesv1.CertificateApproved) {
		if state.MayReference, err = mayReference(ctx, r.Reviews, csr, signer); err != nil {
			return State{}, "", err
		}
	}
	return state, namespace, nil
}

// take does what was decided.
func (r *Reconciler) take(ctx context.Context, s State, d Decision, namespace string) (reconcile.Result, error) {
	switch d := d.(type) {
	case Leave:
		return reconcile.Result{}, nil
	case Wait:
		r.tell(s.Object, d.Event)
		return reconcile.Result{}, nil
	case Fail:
		return r.answer(ctx, s, issuance.Refused(d))
	case Sign:
		return r.sign(ctx, s, d, namespace)
	default:
		panic(fmt.Sprintf("signingrequest: no way to take %T", d))
	}
}

// sign asks the issuer and reports its answer.
func (r *Reconciler) sign(ctx context.Context, s State, d Sign, namespace string) (reconcile.Result, error) {
	csr, err := certs.DecodeCSR(d.Spec.Request)
	if err != nil {
		return r.answer(ctx, s, issuance.Refused{Reason: request.EventDecodeError, Message: "Failed to decode the signing request: " + err.Error()})
	}
	outcome, err := request.Fulfil(ctx, r.Kinds, issuance.Request{
		Object: &certsv1.CertificateRequest{Spec: d.Spec}, Origin: s.Object, CSR: csr, Issuer: s.Issuer, Namespace: namespace,
	})
	if err != nil {
		r.tell(s.Object, warn(request.EventIssuerError, "The issuer did not answer; asking again: "+err.Error()).Event)
		return reconcile.Result{}, err
	}
	return r.answer(ctx, s, outcome)
}

// answer reports outcome.
func (r *Reconciler) answer(ctx context.Context, s State, outcome issuance.Outcome) (reconcile.Result, error) {
	want := *s.Object.Status.DeepCopy()
	event := Answer(&want, outcome, r.Clock.Now())
	if pending, ok := outcome.(issuance.Pending); ok {
		r.tell(s.Object, event)
		if pending.After == 0 {
			return reconcile.Result{}, nil
		}
		return reconcile.Result{RequeueAfter: max(pending.After, time.Second)}, nil
	}
	data, err := status.Patch(s.Object.Status, want, s.Object.ResourceVersion)
	if err != nil {
		return reconcile.Result{}, err
	}
	written := &certificatesv1.CertificateSigningRequest{ObjectMeta: metav1.ObjectMeta{Name: s.Object.Name}}
	if err := r.Client.Status().Patch(ctx, written, client.RawPatch(types.MergePatchType, data), client.FieldOwner("cert-manager-"+ControllerOf(s.Kind))); err != nil {
		if apierrors.IsForbidden(err) {
			r.tell(s.Object, warn(ReasonNotPermitted, "The answer was not accepted: "+err.Error()).Event)
		}
		return reconcile.Result{}, fmt.Errorf("report: %w", err)
	}
	r.Events.Event(s.Object, event.Type, event.Reason, event.Message)
	log.FromContext(ctx).Info("answered", "certificateSigningRequest", s.Object.Name, "signer", s.Object.Spec.SignerName, "reason", event.Reason)
	return reconcile.Result{}, nil
}

// tell emits an event, unless it is the same as one before.
func (r *Reconciler) tell(csr *certificatesv1.CertificateSigningRequest, e request.Event) {
	if r.told.First(string(csr.UID) + "/" + e.Reason + "/" + e.Message) {
		r.Events.Event(csr, e.Type, e.Reason, e.Message)
	}
}
