package request

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cmmeta "github.com/certwright/certwright/certs/meta/v1"
	certsv1 "github.com/certwright/certwright/certs/v1"
)

// Issuers finds the issuers that requests refer to.
type Issuers struct {
	client.Reader
	// Resources is the namespace with the Secrets of ClusterIssuers.
	Resources string
	// NamespacedOnly says that ClusterIssuers are not served.
	NamespacedOnly bool
}

// Find returns the issuer that ref means in namespace, and the namespace with
// its Secrets. The issuer is nil if there is none.
func (i Issuers) Find(ctx context.Context, namespace string, ref cmmeta.IssuerReference) (certsv1.GenericIssuer, string, error) {
	ref = ref.WithDefaults()
	var issuer certsv1.GenericIssuer
	var err error
	switch {
	case ref.Group != certsv1.GroupName:
		return nil, "", nil
	case ref.Kind == certsv1.IssuerKind:
		found := &certsv1.Issuer{}
		issuer, err = found, i.Get(ctx, types.NamespacedName{Namespace: namespace, Name: ref.Name}, found)
	case ref.Kind == certsv1.ClusterIssuerKind && !i.NamespacedOnly:
		found := &certsv1.ClusterIssuer{}
		issuer, err = found, i.Get(ctx, types.NamespacedName{Name: ref.Name}, found)
		namespace = i.Resources
	default:
		return nil, "", nil
	}
	if apierrors.IsNotFound(err) {
		return nil, "", nil
	}
	if err != nil {
		return nil, "", fmt.Errorf("get %s %s: %w", ref.Kind, ref.Name, err)
	}
	return issuer, namespace, nil
}
