package webhook

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cmmeta "github.com/certwright/certwright/certs/meta/v1"
	certsv1 "github.com/certwright/certwright/certs/v1"
)

// lookTimeout bounds what one review reads.
const lookTimeout = 5 * time.Second

// marked are the names of the issuers that carry the mark of the default.
type marked struct{ issuers, clusterIssuers []string }

// choose returns the default issuer: an Issuer of the namespace, else a
// ClusterIssuer, else configured, else nil. Two of a kind are refused.
func (m marked) choose(configured cmmeta.IssuerReference) (*cmmeta.IssuerReference, *field.Error) {
	for _, level := range []struct {
		kind  string
		names []string
	}{
		{certsv1.IssuerKind, m.issuers},
		{certsv1.ClusterIssuerKind, m.clusterIssuers},
	} {
		switch len(level.names) {
		case 0:
		case 1:
			return &cmmeta.IssuerReference{Name: level.names[0], Kind: level.kind, Group: certsv1.GroupName}, nil
		default:
			return nil, field.Required(field.NewPath("spec", "issuerRef"), fmt.Sprintf(
				"name the issuer: %d of kind %s are marked %s (%s), so none is the default; or leave the mark on one of them",
				len(level.names), level.kind, certsv1.DefaultIssuerKey, strings.Join(level.names, ", ")))
		}
	}
	if configured.Name == "" {
		return nil, nil
	}
	configured = configured.WithDefaults()
	return &configured, nil
}

// defaultIssuer looks for the default issuer of a namespace, nil if there is
// none. What the cache does not know, or what it would have refused, is looked
// at live: the issuer may have been applied in the same breath.
func (j *judge) defaultIssuer(ctx context.Context, namespace string) (*cmmeta.IssuerReference, *field.Error, error) {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	var (
		ref     *cmmeta.IssuerReference
		refused *field.Error
	)
	for _, reader := range []client.Reader{j.cfg.Reader, j.cfg.Live} {
		if reader == nil {
			continue
		}
		found, err := findMarked(ctx, reader, namespace)
		if err != nil {
			return nil, nil, fmt.Errorf("look for the default issuer: %w", err)
		}
		if ref, refused = found.choose(j.cfg.DefaultIssuer); ref != nil {
			return ref, nil, nil
		}
	}
	if j.cfg.Reader == nil && j.cfg.Live == nil {
		ref, refused = marked{}.choose(j.cfg.DefaultIssuer)
	}
	return ref, refused, nil
}

func findMarked(ctx context.Context, reader client.Reader, namespace string) (marked, error) {
	var found marked
	var issuers certsv1.IssuerList
	if err := reader.List(ctx, &issuers, client.InNamespace(namespace), client.UnsafeDisableDeepCopy); err != nil {
		return marked{}, err
	}
	for i := range issuers.Items {
		if isMarked(&issuers.Items[i]) {
			found.issuers = append(found.issuers, issuers.Items[i].Name)
		}
	}
	var clusterIssuers certsv1.ClusterIssuerList
	// An installation for some namespaces only may not read ClusterIssuers.
	if err := reader.List(ctx, &clusterIssuers, client.UnsafeDisableDeepCopy); err != nil && !apierrors.IsForbidden(err) {
		return marked{}, err
	}
	for i := range clusterIssuers.Items {
		if isMarked(&clusterIssuers.Items[i]) {
			found.clusterIssuers = append(found.clusterIssuers, clusterIssuers.Items[i].Name)
		}
	}
	slices.Sort(found.issuers)
	slices.Sort(found.clusterIssuers)
	return found, nil
}

// isMarked reports whether the issuer is marked as the default, by an
// annotation, as default StorageClasses are, or by a label.
func isMarked(issuer metav1.Object) bool {
	return issuer.GetAnnotations()[certsv1.DefaultIssuerKey] == "true" || issuer.GetLabels()[certsv1.DefaultIssuerKey] == "true"
}
