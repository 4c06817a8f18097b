package order

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	acmev1 "github.com/certwright/certwright/certs/acme/v1"
	"github.com/certwright/certwright/issuance/acme"
	"github.com/certwright/certwright/issuance/acme/pace"
)

// Observe builds the State of order from the API server alone, for somebody who
// wants to know what Decide says without being the controller. It writes
// nothing, asks no ACME server and reads no account key; that the answers in
// Challenges are those of the account is taken on trust.
func Observe(ctx context.Context, from client.Reader, order *acmev1.Order, now time.Time) (State, error) {
	s := State{Now: now, Order: order, Status: order.Status, HasCertificate: len(order.Status.Certificate) > 0}
	s.Known.Until = pace.Until(order.Status.Reason)
	_, orphan, err := requestOf(ctx, from, order)
	if err != nil {
		return State{}, err
	}
	s.Orphan = orphan
	var list acmev1.ChallengeList
	if err := from.List(ctx, &list, client.InNamespace(order.Namespace)); err != nil {
		return State{}, fmt.Errorf("challenges: %w", err)
	}
	for i := range list.Items {
		ch := &list.Items[i]
		if !metav1.IsControlledBy(ch, order) {
			continue
		}
		ch.Spec.Key = proof(acme.Choice{Challenge: acmev1.ACMEChallenge{Token: ch.Spec.Token}, Type: ch.Spec.Type}, s.Thumbprint)
		s.Challenges = append(s.Challenges, ch)
	}
	slices.SortFunc(s.Challenges, func(a, b *acmev1.Challenge) int { return strings.Compare(a.Name, b.Name) })
	issuer, err := acme.FindIssuer(ctx, from, order.Spec.IssuerRef, order.Namespace)
	if apierrors.IsNotFound(err) {
		s.Blocked = acme.NotFound(order.Spec.IssuerRef)
		return s, nil
	}
	if err != nil {
		return State{}, err
	}
	if s.Account, err = acme.Registered(issuer); err != nil {
		s.Blocked = acme.Unusable(issuer, err)
		return s, nil
	}
	s.Solvers = issuer.GetSpec().ACME.Solvers
	return s, nil
}
