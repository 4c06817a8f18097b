package explain

import (
	"context"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	acmev1 "github.com/certwright/certwright/certs/acme/v1"
	"github.com/certwright/certwright/issuance/acme/challenge"
	"github.com/certwright/certwright/issuance/acme/http01"
	"github.com/certwright/certwright/issuance/acme/order"
)

// An Order is an Order and its Challenges.
type Order struct {
	State      order.State
	Challenges []Challenge
}

// ObserveOrder reads what there is to know about object.
func (o Observer) ObserveOrder(ctx context.Context, object *acmev1.Order) (Order, error) {
	state, err := order.Observe(ctx, o.From, object, o.Now)
	if err != nil {
		return Order{}, err
	}
	out := Order{State: state}
	for _, ch := range state.Challenges {
		found, err := o.ObserveChallenge(ctx, ch)
		if err != nil {
			return Order{}, err
		}
		out.Challenges = append(out.Challenges, found)
	}
	return out, nil
}

func (o Order) node() Node {
	object := o.State.Order
	d := order.Decide(o.State)
	n := Node{Kind: acmev1.OrderKind, Name: object.Name, Created: object.CreationTimestamp.Time, State: stateOf(object.Status.State)}
	for _, ch := range o.Challenges {
		n.Children = append(n.Children, ch.node())
	}
	n.say(says, d.Status.Reason)
	switch {
	case d.Status.State == acmev1.Valid:
		n.Children = nil
		return n
	case d.Status.State.Failed():
		n.Cause = fmt.Sprintf("Order %q is %s: %s", object.Name, d.Status.State, d.Status.Reason)
		if t := d.Status.FailureTime; t != nil {
			n.say("failed", moment(o.State.Now, t.Time))
		}
		return n
	}
	if _, wait := d.Step.(order.Wait); !wait {
		n.say(next, d.Step.String())
		n.Cause, n.Hint = undone(d.Step.String()), soon
		if d.Status.Reason != "" {
			n.Cause = fmt.Sprintf("Order %q: %s", object.Name, d.Status.Reason)
		}
		return n
	}
	if !d.Wake.IsZero() {
		n.say(waits, "until "+moment(o.State.Now, d.Wake))
	} else if len(o.Challenges) > 0 {
		n.say(waits, "for its Challenges")
	}
	if d.Status.Reason != "" {
		n.Cause = fmt.Sprintf("Order %q: %s", object.Name, d.Status.Reason)
	}
	if d.Wake.After(o.State.Now) {
		n.Hint = "nothing: it goes on by itself at " + moment(o.State.Now, d.Wake)
	}
	return n
}

func stateOf(s acmev1.State) string {
	if s == acmev1.Unknown {
		return "new"
	}
	return string(s)
}

// A Challenge is a Challenge and what presents it.
type Challenge struct {
	State challenge.State
	// Objects present the answer, "Kind name" each.
	Objects []string
}

// ObserveChallenge reads what there is to know about object.
func (o Observer) ObserveChallenge(ctx context.Context, object *acmev1.Challenge) (Challenge, error) {
	state, err := challenge.Observe(ctx, o.From, object, o.Now)
	if err != nil {
		return Challenge{}, err
	}
	out := Challenge{State: state}
	if object.Spec.Type != acmev1.ACMEChallengeTypeHTTP01 {
		return out, nil
	}
	in, labelled := client.InNamespace(object.Namespace), client.MatchingLabels{http01.SolverLabel: "true"}
	var ingresses networkingv1.IngressList
	if err := o.From.List(ctx, &ingresses, in, labelled); err != nil {
		return Challenge{}, err
	}
	for i := range ingresses.Items {
		if metav1.IsControlledBy(&ingresses.Items[i], object) {
			out.Objects = append(out.Objects, "Ingress "+ingresses.Items[i].Name)
		}
	}
	var services corev1.ServiceList
	if err := o.From.List(ctx, &services, in, labelled); err != nil {
		return Challenge{}, err
	}
	for i := range services.Items {
		if metav1.IsControlledBy(&services.Items[i], object) {
			out.Objects = append(out.Objects, "Service "+services.Items[i].Name)
		}
	}
	return out, nil
}

func (c Challenge) node() Node {
	object := c.State.Challenge
	d := challenge.Decide(c.State)
	name := fmt.Sprintf("%q", object.Spec.DNSName)
	if object.Spec.Wildcard {
		name = fmt.Sprintf("%q", "*."+object.Spec.DNSName)
	}
	n := Node{
		Kind: acmev1.ChallengeKind, Name: object.Name, Created: object.CreationTimestamp.Time,
		State: fmt.Sprintf("%s, %s for %s", stateOf(object.Status.State), object.Spec.Type, name),
	}
	n.say(says, d.Status.Reason)
	switch {
	case d.Status.State == acmev1.Valid:
		return n
	case d.Status.State.Failed():
		n.Cause = fmt.Sprintf("the %s challenge for %s is %s: %s", object.Spec.Type, name, d.Status.State, d.Status.Reason)
		return n
	}
	_, wait := d.Step.(challenge.Wait)
	switch _, checks := d.Step.(challenge.SelfCheck); {
	case checks:
		n.say(next, fmt.Sprintf("%s, every %s", d.Step, c.State.Retry))
	case !wait:
		n.say(next, d.Step.String())
	case !d.Wake.IsZero():
		n.say(waits, "until "+moment(c.State.Now, d.Wake))
	case !c.State.Admitted && c.State.Orphan == "":
		n.say(waits, "for its turn among the other Challenges")
	}
	switch {
	case d.Status.Reason != "":
		n.Cause = fmt.Sprintf("the %s challenge for %s is not met yet: %s", object.Spec.Type, name, d.Status.Reason)
	case !wait:
		n.Cause, n.Hint = undone(fmt.Sprintf("%s for %s", d.Step, name)), soon
	default:
		n.Cause = fmt.Sprintf("the %s challenge for %s waits for its turn", object.Spec.Type, name)
	}
	if object.Spec.Type == acmev1.ACMEChallengeTypeHTTP01 && c.State.Solver != nil {
		n.Children = append(n.Children, c.solver())
		if n.Hint == "" {
			n.Hint = fmt.Sprintf("open %s from outside: it must reach this cluster's ingress controller on port 80, and answer 200", http01.URL(object))
		}
	}
	return n
}

// solver is what presents the answer.
func (c Challenge) solver() Node {
	n := Node{Kind: "Solver", Name: "http01", State: "presented"}
	if !c.State.Challenge.Status.Presented {
		n.State = "not presented yet"
	}
	by := c.Objects
	if in := c.State.Solver.HTTP01.Ingress; in != nil && in.Name != "" {
		by = append([]string{"a path of Ingress " + in.Name}, by...)
	}
	if len(by) > 0 {
		n.say("by", strings.Join(by, ", "))
	} else if n.State == "presented" {
		n.say("by", "nothing: what presented it is gone, and is made again with the next self-check")
	}
	n.say("at", http01.URL(c.State.Challenge))
	return n
}
