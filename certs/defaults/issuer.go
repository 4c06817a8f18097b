package defaults

import (
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	cmmeta "github.com/certwright/certwright/certs/meta/v1"
	certsv1 "github.com/certwright/certwright/certs/v1"
)

// Marked are the names of the issuers that carry the mark of the default: the
// Issuers of one namespace, and the ClusterIssuers.
type Marked struct{ Issuers, ClusterIssuers []string }

// IsMarked reports whether the issuer is marked as the default, by an
// annotation, as default StorageClasses are, or by a label.
func IsMarked(issuer metav1.Object) bool {
	return issuer.GetAnnotations()[certsv1.DefaultIssuerKey] == "true" || issuer.GetLabels()[certsv1.DefaultIssuerKey] == "true"
}

// Choose returns the default issuer: an Issuer of the namespace, else a
// ClusterIssuer, else configured, else nil. Two of a kind are refused.
func (m Marked) Choose(configured cmmeta.IssuerReference) (*cmmeta.IssuerReference, *field.Error) {
	for _, level := range []struct {
		kind  string
		names []string
	}{
		{certsv1.IssuerKind, m.Issuers},
		{certsv1.ClusterIssuerKind, m.ClusterIssuers},
	} {
		switch len(level.names) {
		case 0:
		case 1:
			return &cmmeta.IssuerReference{Name: level.names[0], Kind: level.kind, Group: certsv1.GroupName}, nil
		default:
			return nil, field.Required(specPath.Child("issuerRef"), fmt.Sprintf(
				"name the issuer: %d of kind %s are marked %s (%s), so none is the default; or leave the mark on one of them",
				len(level.names), level.kind, certsv1.DefaultIssuerKey, strings.Join(slices.Sorted(slices.Values(level.names)), ", ")))
		}
	}
	if configured.Name == "" {
		return nil, nil
	}
	configured = configured.WithDefaults()
	return &configured, nil
}
