package request

import (
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	cmmeta "github.com/certwright/certwright/certs/meta/v1"
	certsv1 "github.com/certwright/certwright/certs/v1"
	"github.com/certwright/certwright/issuance"
)

// Reasons of events on CertificateRequests.
const (
	EventWaiting      = "WaitingForApproval"
	EventNotPermitted = "ApprovalNotPermitted"
	EventNotFound     = "IssuerNotFound"
	EventTypeMissing  = "IssuerTypeMissing"
	EventNotReady     = "IssuerNotReady"
	EventDecodeError  = "DecodeError"
	EventIssued       = "CertificateIssued"
	EventIssuerError  = "IssuerError"
)

// IssuedMessage goes with EventIssued.
const IssuedMessage = "Certificate fetched from issuer successfully"

const (
	// ApprovedReason of the Approved condition that we set.
	ApprovedReason = "cert-manager.io"

	approvedMessage = "Certificate request has been approved by cert-manager.io"
	deniedMessage   = "The CertificateRequest was denied by an approval controller"
)

// An Approval says whether we are to approve a request.
type Approval int

const (
	// Off says that others approve; we were told not to.
	Off Approval = iota
	// Unserved says that the API server does not know the kind of the issuer.
	Unserved
	// Forbidden says that we lack the permission to approve for this issuer.
	Forbidden
	// Allowed says that we may, so we do.
	Allowed
)

// A State is all that is known about a request.
type State struct {
	Now    time.Time
	Object *certsv1.CertificateRequest
	// Approval is only looked at while nobody has approved or denied.
	Approval Approval
	// Issuer is nil if there is none of that name.
	Issuer certsv1.GenericIssuer
	// Kind is the way in which Issuer signs, if HasKind.
	Kind    issuance.Kind
	HasKind bool
}

// A Decision is what to do about a request.
type Decision struct {
	// Sign asks to sign. Status is reported before if the issuer does not
	// answer at once, else together with the answer.
	Sign bool
	// Status is what the object's status shall be.
	Status certsv1.CertificateRequestStatus
	// Events come with a change of the status.
	Events []Event
	// Once is an event that is told once, though the status does not change.
	Once *Event
	// Wake is how long to wait for something that comes without an event.
	Wake time.Duration
}

// An Event tells the user what happened.
type Event struct {
	Type, Reason, Message string
}

// Ours reports whether ref names an issuer that is served here.
func Ours(ref cmmeta.IssuerReference) bool {
	return ref.WithDefaults().Group == certsv1.GroupName
}

// Done reports whether nothing is left to do about r.
func Done(r *certsv1.CertificateRequest) bool {
	ready := r.Status.Condition(certsv1.CertificateRequestConditionReady)
	reason := ""
	if ready != nil {
		reason = ready.Reason
	}
	denied := r.Status.True(certsv1.CertificateRequestConditionDenied)
	if !Ours(r.Spec.IssuerRef) {
		return denied || r.Status.True(certsv1.CertificateRequestConditionApproved) ||
			reason == certsv1.CertificateRequestReasonIssued || reason == certsv1.CertificateRequestReasonFailed
	}
	switch {
	case denied:
		return reason == certsv1.CertificateRequestReasonDenied && r.Status.FailureTime != nil
	case r.Status.True(certsv1.CertificateRequestConditionInvalidRequest):
		return true
	default:
		return reason == certsv1.CertificateRequestReasonIssued || reason == certsv1.CertificateRequestReasonFailed
	}
}

// Decide passes a request through the gates, in order; the first that applies
// decides.
func Decide(s State) Decision {
	d := Decision{Status: *s.Object.Status.DeepCopy()}
	if Done(s.Object) {
		return d
	}
	now := metav1.NewTime(s.Now.Truncate(time.Second))
	if s.Object.Status.True(certsv1.CertificateRequestConditionDenied) {
		d.Status.SetCondition(ready(cmmeta.ConditionFalse, certsv1.CertificateRequestReasonDenied, deniedMessage), now)
		if d.Status.FailureTime == nil {
			d.Status.FailureTime = &now
		}
		return d
	}
	if !s.Object.Status.True(certsv1.CertificateRequestConditionApproved) {
		if s.Approval != Allowed {
			d.Once, d.Wake = unapproved(s)
			return d
		}
		Approve(&d.Status, s.Now)
		d.Events = append(d.Events, Event{corev1.EventTypeNormal, ApprovedReason, approvedMessage})
	}
	ref := s.Object.Spec.IssuerRef.WithDefaults()
	switch {
	case !Ours(ref):
		return d
	case s.Issuer == nil:
		d.pend(s.Now, EventNotFound, fmt.Sprintf("Referenced %q not found: %s %q does not exist", ref.Kind, ref.Kind, ref.Name))
	case !s.HasKind:
		d.pend(s.Now, EventTypeMissing, "Missing issuer type: the referenced issuer has none that this program knows")
	case !IssuerReady(s.Issuer):
		d.pend(s.Now, EventNotReady, NotReadyMessage(s.Issuer))
	case len(s.Object.Status.Certificate) > 0:
		// Somebody else has answered, and has the last word.
	default:
		d.Sign = true
	}
	return d
}

// unapproved says what to tell about a request that is not ours to approve, and
// when to ask again whether it has become so.
func unapproved(s State) (*Event, time.Duration) {
	const again = time.Minute // a grant comes without an event
	ref := s.Object.Spec.IssuerRef.WithDefaults()
	switch {
	case s.Approval == Unserved:
		return &Event{corev1.EventTypeWarning, EventNotFound,
			fmt.Sprintf("The API server does not know the kind %s of group %s; is its issuer installed?", ref.Kind, ref.Group)}, again
	case s.Approval == Forbidden:
		return &Event{corev1.EventTypeWarning, EventNotPermitted,
			fmt.Sprintf("Not approved: this program lacks the permission to approve for %s %q of group %s (verb approve, resource signers). Grant it, or approve in another way", ref.Kind, ref.Name, ref.Group)}, again
	case Ours(ref):
		return &Event{corev1.EventTypeNormal, EventWaiting, "Not signing CertificateRequest until it is Approved"}, 0
	default:
		return nil, 0
	}
}

// IssuerReady reports whether i can sign.
func IssuerReady(i certsv1.GenericIssuer) bool {
	c := i.GetStatus().Condition(certsv1.IssuerConditionReady)
	return c != nil && c.Status == cmmeta.ConditionTrue
}

// NotReadyMessage says that i is not ready, and why. It carries the cause up: it is what the user has to fix.
func NotReadyMessage(i certsv1.GenericIssuer) string {
	const text = "Referenced issuer does not have a Ready status condition"
	if c := i.GetStatus().Condition(certsv1.IssuerConditionReady); c != nil && c.Message != "" {
		return text + ": " + c.Message
	}
	return text
}

func (d *Decision) pend(now time.Time, reason, message string) {
	if e := Answer(&d.Status, issuance.Pending{Reason: reason, Message: message}, now); e != nil {
		d.Events = append(d.Events, *e)
	}
}
