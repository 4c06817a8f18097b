package explain

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	acmev1 "github.com/certwright/certwright/certs/acme/v1"
	certsv1 "github.com/certwright/certwright/certs/v1"
	"github.com/certwright/certwright/issuance/request"
)

// A Request is a CertificateRequest and what it waits for.
type Request struct {
	State  request.State
	Issuer Issuer
	// Order is nil if there is none.
	Order *Order
}

// ObserveRequest reads what there is to know about req.
func (o Observer) ObserveRequest(ctx context.Context, req *certsv1.CertificateRequest) (Request, error) {
	issuer, err := observeIssuer(ctx, o.From, req.Namespace, req.Spec.IssuerRef)
	if err != nil {
		return Request{}, err
	}
	out := Request{Issuer: issuer, State: request.State{
		Now: o.Now, Object: req, Approval: o.approval(ctx, req), Issuer: issuer.Object, Kind: issuer.Kind, HasKind: issuer.HasKind,
	}}
	var orders acmev1.OrderList
	if err := o.From.List(ctx, &orders, client.InNamespace(req.Namespace)); err != nil {
		return Request{}, err
	}
	for i := range orders.Items {
		if order := &orders.Items[i]; metav1.IsControlledBy(order, req) {
			found, err := o.ObserveOrder(ctx, order)
			if err != nil {
				return Request{}, err
			}
			out.Order = &found
			break
		}
	}
	return out, nil
}

// approval is what the controller has said, in events, about approving req. Its
// permissions are its own, so they cannot be asked for.
func (o Observer) approval(ctx context.Context, req *certsv1.CertificateRequest) request.Approval {
	var events corev1.EventList
	if err := o.From.List(ctx, &events, client.InNamespace(req.Namespace), client.MatchingFields{"involvedObject.uid": string(req.UID)}); err != nil {
		return request.Off // nothing is known, and nothing depends on it but the words
	}
	for i := range events.Items {
		switch e := &events.Items[i]; e.Reason {
		case request.EventNotPermitted:
			return request.Forbidden
		case request.EventNotFound:
			if e.Type == corev1.EventTypeWarning {
				return request.Unserved
			}
		}
	}
	return request.Off
}

func (r Request) node() Node {
	req := r.State.Object
	d := request.Decide(r.State)
	n := Node{Kind: certsv1.CertificateRequestKind, Name: req.Name, Created: req.CreationTimestamp.Time}
	c := d.Status.Condition(certsv1.CertificateRequestConditionReady)
	reason, message := "new", ""
	if c != nil {
		reason, message = c.Reason, c.Message
	}
	n.State = reason
	n.Children = append(n.Children, r.Issuer.node())
	if r.Order != nil {
		n.Children = append(n.Children, r.Order.node())
	}
	denied := d.Status.Condition(certsv1.CertificateRequestConditionDenied)
	invalid := d.Status.Condition(certsv1.CertificateRequestConditionInvalidRequest)
	approved := d.Status.Condition(certsv1.CertificateRequestConditionApproved)
	switch {
	case reason == certsv1.CertificateRequestReasonIssued:
		n.Children = nil // whatever has become of them
	case denied != nil:
		n.State = "Denied"
		n.say(says, fmt.Sprintf("%s: %s", denied.Reason, denied.Message))
		n.Cause = fmt.Sprintf("CertificateRequest %q was denied (%s): %s", req.Name, denied.Reason, denied.Message)
		n.Hint = "ask whoever denied it; a changed Certificate is requested anew, an unchanged one by certctl renew"
		n.Children = nil
	case invalid != nil:
		n.State = "Invalid"
		n.Cause = fmt.Sprintf("the issuer says that CertificateRequest %q is invalid (%s): %s", req.Name, invalid.Reason, invalid.Message)
	case reason == certsv1.CertificateRequestReasonFailed:
		n.say(says, message)
		n.Cause = fmt.Sprintf("CertificateRequest %q failed: %s", req.Name, message)
	case approved == nil:
		n.State = "not approved"
		r.unapproved(&n, d)
	case !request.Ours(req.Spec.IssuerRef):
		n.State = "approved"
		n.say(says, message)
		n.say(waits, "for the program that serves issuers of group "+r.Issuer.Ref.Group)
		n.Cause = fmt.Sprintf("the %s %q of group %s has not answered CertificateRequest %q", r.Issuer.Ref.Kind, r.Issuer.Ref.Name, r.Issuer.Ref.Group, req.Name)
		if message != "" {
			n.Cause += ": " + message
		}
		n.Hint = "look at the log of the program that serves that group"
	case d.Sign && r.Order != nil:
		n.say(says, message)
		n.say(waits, "for Order "+r.Order.State.Order.Name)
	case d.Sign:
		n.say(says, message)
		n.say(next, "ask the issuer to sign")
		n.Cause, n.Hint = undone(fmt.Sprintf("ask %s %q to sign CertificateRequest %q", r.Issuer.Ref.Kind, r.Issuer.Ref.Name, req.Name)), soon
		if message != "" && c.Reason == certsv1.CertificateRequestReasonPending {
			n.Cause = fmt.Sprintf("CertificateRequest %q is pending: %s", req.Name, message)
		}
	default:
		n.say(says, message)
		n.say(waits, "for the issuer")
	}
	if t := d.Status.FailureTime; t != nil && n.Cause != "" {
		n.say("failed", moment(r.State.Now, t.Time))
	}
	return n
}

// unapproved says what the approval of r waits for.
func (r Request) unapproved(n *Node, d request.Decision) {
	req := r.State.Object
	n.Cause = fmt.Sprintf("nobody has approved CertificateRequest %q", req.Name)
	n.Hint = fmt.Sprintf("certctl approve -n %s %s, or look whether the approver of this cluster runs", req.Namespace, req.Name)
	if d.Once != nil {
		n.say(says, d.Once.Message)
		if r.State.Approval != request.Off {
			n.Cause += ": " + d.Once.Message
		}
	}
	text := "to be approved"
	if d.Wake > 0 {
		text += fmt.Sprintf("; whether the controller may is looked at every %s", d.Wake.Round(time.Second))
	}
	n.say(waits, text)
}
