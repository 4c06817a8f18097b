package explain

import (
	"context"
	"fmt"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	acmev1 "github.com/certwright/certwright/certs/acme/v1"
	certsv1 "github.com/certwright/certwright/certs/v1"
)

// Explain answers for the object of that kind and name. Kinds are named as for
// kubectl.
func (o Observer) Explain(ctx context.Context, kind, namespace, name string) (Report, error) {
	key := client.ObjectKey{Namespace: namespace, Name: name}
	switch strings.ToLower(kind) {
	case "ingress", "ingresses", "ing":
		object := &networkingv1.Ingress{}
		if err := o.From.Get(ctx, key, object); err != nil {
			return Report{}, err
		}
		found, err := o.ObserveIngress(ctx, object)
		if err != nil {
			return Report{}, err
		}
		return o.Ingress(found), nil
	case "certificate", "certificates", "cert", "certs":
		object := &certsv1.Certificate{}
		if err := o.From.Get(ctx, key, object); err != nil {
			return Report{}, err
		}
		found, err := o.ObserveCertificate(ctx, object)
		if err != nil {
			return Report{}, err
		}
		return o.Certificate(found), nil
	case "certificaterequest", "certificaterequests", "cr", "crs":
		object := &certsv1.CertificateRequest{}
		if err := o.From.Get(ctx, key, object); err != nil {
			return Report{}, err
		}
		found, err := o.ObserveRequest(ctx, object)
		if err != nil {
			return Report{}, err
		}
		return o.part(found.node(), object, "Not issued", "Issued"), nil
	case "order", "orders":
		object := &acmev1.Order{}
		if err := o.From.Get(ctx, key, object); err != nil {
			return Report{}, err
		}
		found, err := o.ObserveOrder(ctx, object)
		if err != nil {
			return Report{}, err
		}
		return o.part(found.node(), object, "Not valid", "Valid: the certificate is issued"), nil
	case "challenge", "challenges":
		object := &acmev1.Challenge{}
		if err := o.From.Get(ctx, key, object); err != nil {
			return Report{}, err
		}
		found, err := o.ObserveChallenge(ctx, object)
		if err != nil {
			return Report{}, err
		}
		return o.part(found.node(), object, "Not valid", "Valid: the server is satisfied"), nil
	default:
		return Report{}, fmt.Errorf("%q cannot be explained; name an ingress, certificate, certificaterequest, order or challenge", kind)
	}
}

// part is the report of an object in the middle of a chain.
func (o Observer) part(n Node, object metav1.Object, bad, good string) Report {
	n.sayOwner(object)
	return Report{Bad: bad, Good: good, Root: n, Now: o.Now}
}
