package challenge

import (
	"context"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	acmev1 "github.com/certwright/certwright/certs/acme/v1"
	"github.com/certwright/certwright/issuance/acme"
	"github.com/certwright/certwright/issuance/acme/exchange"
	"github.com/certwright/certwright/issuance/acme/pace"
)

// Observe builds the State of ch from the API server alone, for somebody who
// wants to know what Decide says without being the controller. It writes
// nothing and asks no ACME server: what the server said last is what the Order
// has written down. A Challenge that has begun has a place.
func Observe(ctx context.Context, from client.Reader, ch *acmev1.Challenge, now time.Time) (State, error) {
	s := State{Now: now, Challenge: ch, Status: ch.Status, Admitted: ch.Status.Processing, Retry: defaultRetry}
	s.Known.Presented, s.Known.Accepted = ch.Status.Presented, ch.Status.Reason == validating
	s.Known.Until = pace.Until(ch.Status.Reason)
	order, orphan, err := orderOf(ctx, from, ch)
	if err != nil {
		return State{}, err
	}
	s.Orphan = orphan
	if orphan != "" || s.Status.State.Final() {
		return s, nil
	}
	issuer, err := acme.FindIssuer(ctx, from, ch.Spec.IssuerRef, ch.Namespace)
	if apierrors.IsNotFound(err) {
		s.Blocked = acme.NotFound(ch.Spec.IssuerRef)
		return s, nil
	}
	if err != nil {
		return State{}, err
	}
	if _, err := acme.Registered(issuer); err != nil {
		s.Blocked = acme.Unusable(issuer, err)
		return s, nil
	}
	if s.Known.Authorization = recorded(order, ch); s.Known.Authorization != nil {
		s.Solver, s.NoSolver = derive(ch, order, s.Known.Authorization, issuer.GetSpec().ACME.Solvers)
	}
	return s, nil
}

// recorded is the authorization of ch as its Order has written it down, or nil.
func recorded(order *acmev1.Order, ch *acmev1.Challenge) *exchange.Authorization {
	for _, a := range order.Status.Authorizations {
		if a.URL != ch.Spec.AuthorizationURL || a.Identifier == "" {
			continue
		}
		out := &exchange.Authorization{State: acmev1.Pending, Identifier: a.Identifier, Wildcard: ptr.Deref(a.Wildcard, false)}
		for _, c := range a.Challenges {
			out.Challenges = append(out.Challenges, exchange.Challenge{URL: c.URL, Token: c.Token, Type: c.Type, State: acmev1.Pending})
		}
		return out
	}
	return nil
}
