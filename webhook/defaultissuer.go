package webhook

import (
	"context"
	"errors"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/certwright/certwright/certs/defaults"
	cmmeta "github.com/certwright/certwright/certs/meta/v1"
	certsv1 "github.com/certwright/certwright/certs/v1"
)

// lookTimeout bounds what one review reads.
const lookTimeout = 5 * time.Second

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
		if ref, refused = found.Choose(j.cfg.DefaultIssuer); ref != nil {
			return ref, nil, nil
		}
	}
	if j.cfg.Reader == nil && j.cfg.Live == nil {
		ref, refused = defaults.Marked{}.Choose(j.cfg.DefaultIssuer)
	}
	return ref, refused, nil
}

// MarkedIssuer returns the issuer of a namespace that is marked as the default,
// nil if there is none. It is an error if several are. What one reader does not
// know, the next is asked for.
func MarkedIssuer(ctx context.Context, namespace string, readers ...client.Reader) (*cmmeta.IssuerReference, error) {
	for _, reader := range readers {
		marked, err := findMarked(ctx, reader, namespace)
		if err != nil {
			return nil, fmt.Errorf("look for it: %w", err)
		}
		switch ref, refused := marked.Choose(cmmeta.IssuerReference{}); {
		case refused != nil:
			return nil, errors.New(refused.Detail)
		case ref != nil:
			return ref, nil
		}
	}
	return nil, nil
}

func findMarked(ctx context.Context, reader client.Reader, namespace string) (defaults.Marked, error) {
	var found defaults.Marked
	var issuers certsv1.IssuerList
	if err := reader.List(ctx, &issuers, client.InNamespace(namespace), client.UnsafeDisableDeepCopy); err != nil {
		return defaults.Marked{}, err
	}
	for i := range issuers.Items {
		if defaults.IsMarked(&issuers.Items[i]) {
			found.Issuers = append(found.Issuers, issuers.Items[i].Name)
		}
	}
	var clusterIssuers certsv1.ClusterIssuerList
	err := reader.List(ctx, &clusterIssuers, client.UnsafeDisableDeepCopy)
	// An installation for one namespace only may not read ClusterIssuers, and
	// does not cache them.
	if uncached := (*cache.ErrResourceNotCached)(nil); err != nil && !apierrors.IsForbidden(err) && !errors.As(err, &uncached) {
		return defaults.Marked{}, err
	}
	for i := range clusterIssuers.Items {
		if defaults.IsMarked(&clusterIssuers.Items[i]) {
			found.ClusterIssuers = append(found.ClusterIssuers, clusterIssuers.Items[i].Name)
		}
	}
	return found, nil
}
