package explain

import (
	"context"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cmmeta "github.com/certwright/certwright/certs/meta/v1"
	certsv1 "github.com/certwright/certwright/certs/v1"
	"github.com/certwright/certwright/issuance/certificate"
	"github.com/certwright/certwright/shim"
)

// An Observer reads the live objects.
type Observer struct {
	From client.Reader
	// Now is the time of the answer.
	Now time.Time
	// Backoff and Shim are what the controller is configured with, which the API
	// server does not tell.
	Backoff certificate.Policy
	Shim    shim.Options
}

// A Certificate is a Certificate and what it waits for.
type Certificate struct {
	State certificate.State
	// Blind says why the Secrets could not be read. Then only what is written
	// in the status is known, and nothing is decided.
	Blind error
	// Request is the one of the next revision, nil if there is none.
	Request *Request
	Issuer  Issuer
}

// ObserveCertificate reads what there is to know about crt.
func (o Observer) ObserveCertificate(ctx context.Context, crt *certsv1.Certificate) (Certificate, error) {
	issuer, err := observeIssuer(ctx, o.From, crt.Namespace, crt.Spec.IssuerRef)
	if err != nil {
		return Certificate{}, err
	}
	out := Certificate{Issuer: issuer}
	out.State, err = certificate.Observe(ctx, o.From, crt, o.Now)
	if apierrors.IsForbidden(err) {
		out.Blind = err
	} else if err != nil {
		return Certificate{}, err
	}
	out.State.Policy.MinBackoff, out.State.Policy.MaxBackoff = o.Backoff.MinBackoff, o.Backoff.MaxBackoff
	if issuer.answersAtOnce() {
		out.State.Signer = certificate.AtOnce
	}
	if req := out.State.Next(out.outlook().Status); req != nil {
		found, err := o.ObserveRequest(ctx, req)
		if err != nil {
			return Certificate{}, err
		}
		out.Request = &found
	}
	return out, nil
}

func (c Certificate) node() Node {
	crt := c.State.Certificate
	n := Node{Kind: certsv1.CertificateKind, Name: crt.Name, Created: crt.CreationTimestamp.Time}
	if !crt.DeletionTimestamp.IsZero() {
		n.State, n.Cause = "being deleted", fmt.Sprintf("Certificate %q is being deleted", crt.Name)
		return n
	}
	d := c.outlook()
	status := &d.Status
	ready := status.Condition(certsv1.CertificateConditionReady)
	issuing := status.Condition(certsv1.CertificateConditionIssuing)
	switch {
	case ready == nil:
		n.State = "new"
	case ready.Status == cmmeta.ConditionTrue:
		n.State = "Ready"
	default:
		n.State = fmt.Sprintf("not ready (%s)", ready.Reason)
		n.say(says, ready.Message)
		n.Cause = ready.Message
	}
	if issuing != nil {
		c.sayIssuing(&n, status, issuing)
	}
	if c.Request != nil {
		n.Children = append(n.Children, c.Request.node())
	} else {
		n.Children = append(n.Children, c.Issuer.node())
	}
	if c.Blind != nil {
		n.say(next, fmt.Sprintf("unknown, because you may not read the Secrets of the namespace: %v", c.Blind))
		return n
	}
	c.sayNext(&n, d)
	return n
}

// outlook is what Decide says, or how things stand where it cannot be asked.
func (c Certificate) outlook() certificate.Decision {
	if c.Blind != nil {
		return certificate.Decision{Step: certificate.Wait{}, Status: c.State.Certificate.Status}
	}
	return certificate.Outlook(c.State)
}

// ready reports whether the Certificate is Ready.
func (c Certificate) ready() bool {
	d := c.outlook()
	cond := d.Status.Condition(certsv1.CertificateConditionReady)
	return cond != nil && cond.Status == cmmeta.ConditionTrue
}

// sayIssuing tells of an issuance that is under way or has failed.
func (c Certificate) sayIssuing(n *Node, status *certsv1.CertificateStatus, issuing *certsv1.CertificateCondition) {
	if issuing.Status == cmmeta.ConditionTrue {
		n.State += fmt.Sprintf(", issuing (%s)", issuing.Reason)
		if issuing.LastTransitionTime != nil {
			n.say("issuing", fmt.Sprintf("since %s: %s", moment(c.State.Now, issuing.LastTransitionTime.Time), issuing.Message))
		}
		return
	}
	text := issuing.Message
	if t := status.LastFailureTime; t != nil {
		text = fmt.Sprintf("%s: %s", moment(c.State.Now, t.Time), text)
	}
	if f := status.FailedIssuanceAttempts; f != nil {
		text = fmt.Sprintf("number %d in a row, %s", *f, text)
	}
	n.say(last, text)
	n.Cause = issuing.Message
}

// sayNext tells what the controller does next, or waits for.
func (c Certificate) sayNext(n *Node, d certificate.Decision) {
	if _, wait := d.Step.(certificate.Wait); !wait {
		n.say(next, fmt.Sprintf("%s (%s)", d.Step, d.Reason))
		if n.Cause == "" && d.Reason != "Settled" && d.Reason != "HistoryLimit" {
			n.Cause = undone(d.Step.String())
		}
		n.Hint = soon
		if why, ok := certificate.RefusalOf(d.Status.Condition(certsv1.CertificateConditionIssuing)); ok {
			n.Cause, n.Hint = "the CertificateRequest cannot be created: "+why, "mend that; it is tried again by itself, ever more seldom"
		}
		return
	}
	at := ""
	if !d.Wake.IsZero() {
		at = moment(c.State.Now, d.Wake)
	}
	switch d.Reason {
	case "Settled":
		if r := d.Status.RenewalTime; r != nil {
			n.say(waits, "for its renewal at "+moment(c.State.Now, r.Time))
		}
	case "Pending":
		n.say(waits, "for CertificateRequest "+c.Request.State.Object.Name)
	case "BackingOff":
		n.say(waits, "after a failure, and tries again at "+at)
		n.Hint = fmt.Sprintf("mend that; it is tried again at %s, or at once by certctl renew -n %s %s", at, c.State.Certificate.Namespace, n.Name)
	case "SecretOwnedByAnother":
		n.say(waits, "for the other Certificate to leave the Secret; looks again at "+at)
		n.Hint = "give one of the two another secretName"
	case "SecretForeign":
		n.say(waits, "for the Secret to change")
	default:
		if issuing := d.Status.Condition(certsv1.CertificateConditionIssuing); issuing != nil && issuing.Status == cmmeta.ConditionTrue {
			n.Cause = issuing.Message
		}
		text := "for somebody to mend that"
		if at != "" {
			text = "until " + at
		}
		n.say(waits, fmt.Sprintf("%s (%s)", text, d.Reason))
	}
}

// Certificate explains c.
func (o Observer) Certificate(c Certificate) Report {
	r := Report{Bad: "Not ready", Root: c.node(), Now: o.Now}
	r.Root.sayOwner(c.State.Certificate)
	if !c.ready() {
		return r
	}
	r.Good = "Ready"
	if t := c.outlook().Status.NotAfter; t != nil {
		r.Good = "Ready, and valid until " + moment(o.Now, t.Time)
	}
	r.Bad = r.Good + ", but not renewed"
	return r
}
