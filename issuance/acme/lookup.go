package acme

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cmmeta "github.com/certwright/certwright/certs/meta/v1"
	certsv1 "github.com/certwright/certwright/certs/v1"
)

// FindIssuer reads the issuer that ref, on an object in namespace, means.
func FindIssuer(ctx context.Context, from client.Reader, ref cmmeta.IssuerReference, namespace string) (certsv1.GenericIssuer, error) {
	ref = ref.WithDefaults()
	switch ref.Kind {
	case certsv1.IssuerKind:
		var i certsv1.Issuer
		if err := from.Get(ctx, types.NamespacedName{Namespace: namespace, Name: ref.Name}, &i); err != nil {
			return nil, err
		}
		return &i, nil
	case certsv1.ClusterIssuerKind:
		var i certsv1.ClusterIssuer
		if err := from.Get(ctx, types.NamespacedName{Name: ref.Name}, &i); err != nil {
			return nil, err
		}
		return &i, nil
	default:
		return nil, fmt.Errorf("issuers of kind %q are not ours", ref.Kind)
	}
}

// NotFound says that there is no issuer that ref means.
func NotFound(ref cmmeta.IssuerReference) string {
	return fmt.Sprintf("Referenced issuer %q not found", ref.Name)
}

// Unusable says why issuer's account cannot be used.
func Unusable(issuer certsv1.GenericIssuer, why error) string {
	return fmt.Sprintf("Issuer %q cannot be used: %s", issuer.GetName(), why)
}

// ReferenceKey is the value of an index by issuer, for an object in namespace.
func ReferenceKey(ref cmmeta.IssuerReference, namespace string) string {
	ref = ref.WithDefaults()
	if ref.Kind == certsv1.ClusterIssuerKind {
		namespace = ""
	}
	return ref.Group + "/" + ref.Kind + "/" + namespace + "/" + ref.Name
}

// IssuerKey is the ReferenceKey of every reference that means issuer.
func IssuerKey(issuer certsv1.GenericIssuer) string {
	return ReferenceKey(cmmeta.IssuerReference{Kind: issuer.IssuerKind(), Name: issuer.GetName()}, issuer.GetNamespace())
}
