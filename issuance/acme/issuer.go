package acme

import (
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/certwright/certwright/certs"
	acmev1 "github.com/certwright/certwright/certs/acme/v1"
	certsv1 "github.com/certwright/certwright/certs/v1"
	"github.com/certwright/certwright/issuance"
)

// OrdersByOwner is the index of Orders by the UID of their controller.
const OrdersByOwner = "certwright.dev/controller-uid"

// Reasons of events on CertificateRequests.
const (
	ReasonInvalidOrder       = "InvalidOrder"
	ReasonOrderBuildingError = "OrderBuildingError"
	ReasonOrderCreated       = "OrderCreated"
	ReasonOrderPending       = "OrderPending"
	ReasonOrderFailed        = "OrderFailed"
)

// issuer signs by way of Orders.
type issuer struct{ Config }

// Sign creates the Order of req once and answers with what has become of it.
func (i *issuer) Sign(ctx context.Context, req issuance.Request) (issuance.Outcome, error) {
	if err := checkCommonName(req.CSR); err != nil {
		return issuance.Refused{Reason: ReasonInvalidOrder, Message: err.Error()}, nil //nolint:nilerr // the answer
	}
	order, err := i.find(ctx, req.Object)
	if err != nil {
		return nil, err
	}
	if order == nil {
		want, err := desiredOrder(req.Object, req.CSR, req.Issuer)
		if err != nil {
			return issuance.Refused{Reason: ReasonOrderBuildingError, Message: "Failed to build order: " + err.Error()}, nil //nolint:nilerr // the answer
		}
		order, err = i.create(ctx, want, req.Object)
		if err != nil {
			return nil, err
		}
	}
	return i.answer(ctx, order, req.CSR)
}

// find returns the Order of req, or nil. An Order that another program made
// under another name is found too.
func (i *issuer) find(ctx context.Context, req *certsv1.CertificateRequest) (*acmev1.Order, error) {
	var orders acmev1.OrderList
	if err := i.Client.List(ctx, &orders, client.InNamespace(req.Namespace), client.MatchingFields{OrdersByOwner: string(req.UID)}); err != nil {
		return nil, fmt.Errorf("find order: %w", err)
	}
	var found *acmev1.Order
	for n := range orders.Items {
		// Two can only come from somebody's hand; the older one is further.
		if o := &orders.Items[n]; found == nil || o.CreationTimestamp.Before(&found.CreationTimestamp) {
			found = o
		}
	}
	return found, nil
}

// create creates want; what exists under its name is judged by its owner.
func (i *issuer) create(ctx context.Context, want *acmev1.Order, req *certsv1.CertificateRequest) (*acmev1.Order, error) {
	err := i.Client.Create(ctx, want)
	if err == nil {
		log.FromContext(ctx).Info("order created", "order", client.ObjectKeyFromObject(want))
		return want, nil
	}
	if !apierrors.IsAlreadyExists(err) {
		return nil, fmt.Errorf("create order: %w", err)
	}
	var there acmev1.Order
	if err := i.Live.Get(ctx, client.ObjectKeyFromObject(want), &there); err != nil {
		return nil, fmt.Errorf("create order: read the one that exists: %w", err)
	}
	if !metav1.IsControlledBy(&there, req) {
		return nil, fmt.Errorf("create order: %s exists and belongs to somebody else", there.Name)
	}
	return &there, nil
}

// answer says what order means for its request.
func (i *issuer) answer(ctx context.Context, order *acmev1.Order, csr *x509.CertificateRequest) (issuance.Outcome, error) {
	switch {
	case !order.DeletionTimestamp.IsZero():
		return waiting(order), nil
	case order.Status.State.Failed():
		return issuance.Refused{Reason: ReasonOrderFailed, Message: fmt.Sprintf(
			"Failed to wait for order resource %q to become ready: order is in %q state: %s",
			order.Name, order.Status.State, order.Status.Reason)}, nil
	case order.Status.State != acmev1.Valid:
		return waiting(order), nil
	}
	// The cache may hold Orders without their certificates.
	var full acmev1.Order
	if err := i.Live.Get(ctx, client.ObjectKeyFromObject(order), &full); err != nil {
		if apierrors.IsNotFound(err) {
			return waiting(order), nil
		}
		return nil, fmt.Errorf("read order: %w", err)
	}
	if full.UID != order.UID || full.Status.State != acmev1.Valid || len(full.Status.Certificate) == 0 {
		return waiting(&full), nil
	}
	chain, err := chainFor(full.Status.Certificate, csr.PublicKey)
	if err != nil {
		// Something else than we ordered: the next call makes a fresh Order.
		log.FromContext(ctx).Info("deleting an order whose certificate is not what was asked for", "order", client.ObjectKeyFromObject(order), "cause", err.Error())
		pre := client.Preconditions{UID: &full.UID, ResourceVersion: &full.ResourceVersion}
		if err := i.Client.Delete(ctx, &full, pre); err != nil && !apierrors.IsNotFound(err) {
			return nil, fmt.Errorf("delete order: %w", err)
		}
		return waiting(&full), nil
	}
	return issuance.Issued{Chain: chain}, nil
}

// waiting is the same for as long as nothing worth telling happens, so that
// nothing is written.
func waiting(order *acmev1.Order) issuance.Pending {
	state, reason := order.Status.State, ReasonOrderPending
	if state == acmev1.Unknown || state == acmev1.Valid {
		state = acmev1.Pending
	}
	if state == acmev1.Pending && order.Status.Reason == "" {
		reason = ReasonOrderCreated
	}
	text := fmt.Sprintf("Waiting on certificate issuance from order %s/%s: %q", order.Namespace, order.Name, state)
	if order.Status.Reason != "" {
		text += ": " + order.Status.Reason
	}
	return issuance.Pending{Reason: reason, Message: text}
}

// chainFor decodes a chain whose leaf is for pub; a root at its end is left out.
func chainFor(pem []byte, pub crypto.PublicKey) ([]*x509.Certificate, error) {
	chain, err := certs.DecodeChain(pem)
	if err != nil {
		return nil, err
	}
	if len(chain) == 0 {
		return nil, errors.New("no certificate")
	}
	if !certs.SamePublicKey(chain[0].PublicKey, pub) {
		return nil, errors.New("the certificate is for another key")
	}
	if last := chain[len(chain)-1]; len(chain) > 1 && string(last.RawIssuer) == string(last.RawSubject) && last.CheckSignatureFrom(last) == nil {
		chain = chain[:len(chain)-1]
	}
	return chain, nil
}

// ControllerUID is the index value of an object for OrdersByOwner.
func ControllerUID(o metav1.Object) []string {
	if ref := metav1.GetControllerOf(o); ref != nil && ref.UID != types.UID("") {
		return []string{string(ref.UID)}
	}
	return nil
}
