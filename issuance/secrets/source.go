package secrets

import (
	"context"

	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/source"
)

// Managed returns the changes of Secrets that we manage, for a controller. The
// objects are of type *certs.SecretSummary.
func (s *Store) Managed(h handler.EventHandler, p ...predicate.Predicate) source.SyncingSource {
	return &changes{&source.Informer{Informer: s.managed, Handler: h, Predicates: p}, s.managed, s}
}

// Others returns the changes of all other Secrets. The objects are of type
// *metav1.PartialObjectMetadata, with a name, a UID and a version.
func (s *Store) Others(h handler.EventHandler, p ...predicate.Predicate) source.SyncingSource {
	return &changes{&source.Informer{Informer: s.others, Handler: h, Predicates: p}, s.others, s}
}

// changes is a source that waits until its watch has delivered what was there.
type changes struct {
	*source.Informer
	informer toolscache.SharedIndexInformer
	store    *Store
}

// WaitForSync waits until the watches have delivered what was there at first.
func (c *changes) WaitForSync(ctx context.Context) error { return c.store.WaitForSync(ctx) }
