package explain

import (
	"context"
	"fmt"
	"slices"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	certsv1 "github.com/certwright/certwright/certs/v1"
	"github.com/certwright/certwright/shim"
)

// An Ingress is an Ingress and the Certificates that it asks for.
type Ingress struct {
	Object *networkingv1.Ingress
	Shim   shim.Options
	// Present are the Certificates that it owns, and those that stand where
	// one of them belongs.
	Present []Certificate
}

// ObserveIngress reads what there is to know about object.
func (o Observer) ObserveIngress(ctx context.Context, object *networkingv1.Ingress) (Ingress, error) {
	out := Ingress{Object: object, Shim: o.Shim}
	src := shim.FromIngress(object)
	wanted := shim.Desired(src, o.Shim)
	var all certsv1.CertificateList
	if err := o.From.List(ctx, &all, client.InNamespace(object.Namespace)); err != nil {
		return Ingress{}, err
	}
	for i := range all.Items {
		crt := &all.Items[i]
		wants := slices.ContainsFunc(wanted.Certificates, func(w *certsv1.Certificate) bool { return w.Name == crt.Name })
		if !wants && !shim.Owns(src, crt) {
			continue
		}
		found, err := o.ObserveCertificate(ctx, crt)
		if err != nil {
			return Ingress{}, err
		}
		out.Present = append(out.Present, found)
	}
	return out, nil
}

func (i Ingress) node() Node {
	src := shim.FromIngress(i.Object)
	n := Node{Kind: "Ingress", Name: i.Object.Name, Created: i.Object.CreationTimestamp.Time}
	for _, c := range i.Present {
		n.Children = append(n.Children, c.node())
	}
	if !i.Shim.Reads(src) {
		n.State = "is not read"
		n.Cause = fmt.Sprintf("Ingress %q is of class %q, and --ingress-class names others", i.Object.Name, src.Class)
		n.Hint = "give it one of those classes, or change the flag"
		return n
	}
	if !shim.Triggered(src, i.Shim) {
		n.State = "asks for no certificate"
		n.Cause = fmt.Sprintf("Ingress %q has none of the annotations that ask for a certificate", i.Object.Name)
		n.Hint = fmt.Sprintf("annotate it with %s or %s", shim.ClusterIssuerKey, shim.IssuerKey)
		return n
	}
	wanted := shim.Desired(src, i.Shim)
	var current []*certsv1.Certificate
	for _, c := range i.Present {
		current = append(current, c.State.Certificate)
	}
	changes := shim.Plan(src, i.Shim, wanted, current)
	n.State = fmt.Sprintf("asks for %d certificates", len(wanted.Certificates))
	if len(wanted.Certificates) == 1 {
		n.State = "asks for a certificate"
	}
	i.sayChanges(&n, &changes)
	var problems []string
	for _, p := range append(wanted.Problems, changes.Problems...) {
		n.say(p.Reason, p.Message)
		problems = append(problems, p.Message)
	}
	if len(problems) > 0 {
		n.Cause, n.Hint = strings.Join(problems, "; "), "correct the Ingress"
	} else if len(wanted.Certificates) == 0 {
		n.Cause, n.Hint = fmt.Sprintf("Ingress %q has no entry under spec.tls", i.Object.Name), "add one, with hosts and a secretName"
	}
	return n
}

// sayChanges tells what the shim does next.
func (i Ingress) sayChanges(n *Node, changes *shim.Changes) {
	var steps []string
	for _, crt := range changes.Create {
		steps = append(steps, fmt.Sprintf("create Certificate %q", crt.Name))
	}
	for _, u := range changes.Update {
		steps = append(steps, fmt.Sprintf("update Certificate %q (%s)", u.Current.Name, strings.Join(u.Fields, ", ")))
	}
	for _, own := range changes.Own {
		steps = append(steps, fmt.Sprintf("change the owners of Certificate %q", own.Current.Name))
	}
	for _, crt := range changes.Delete {
		steps = append(steps, fmt.Sprintf("delete Certificate %q", crt.Name))
	}
	if len(steps) > 0 {
		n.say(next, strings.Join(steps, ", "))
		n.Cause, n.Hint = undone(strings.Join(steps, ", ")), soon
	}
	for _, crt := range changes.Left {
		n.say("leaves alone", fmt.Sprintf("Certificate %q, which it does not control", crt.Name))
	}
}

// Ingress explains i.
func (o Observer) Ingress(i Ingress) Report {
	r := Report{Bad: "Not ready", Root: i.node(), Now: o.Now}
	ready := 0
	for _, c := range i.Present {
		if c.ready() {
			ready++
		}
	}
	if ready > 0 && ready == len(i.Present) {
		r.Good = fmt.Sprintf("Ready: %d of %d certificates are there", ready, len(i.Present))
		r.Bad = "Ready, but not all is well"
	}
	return r
}
