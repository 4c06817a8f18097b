package follow

import (
	"context"
	"errors"
	"fmt"

	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	certsv1 "github.com/certwright/certwright/certs/v1"
	"github.com/certwright/certwright/shim"
)

// Indexes of the cache, of each Kind by itself.
const (
	// bySecret finds sources by the Secrets that they name.
	bySecret = "certwright.dev/shim-secret"
	// byNoIssuer finds those that ask for certificates of the default issuer.
	byNoIssuer = "certwright.dev/shim-no-issuer"
)

// A Kind is a kind of object that is a source all by itself: nothing but the
// object has to be read for it.
type Kind[T client.Object] struct {
	// Controller is its name, as metrics and --controllers have it.
	Controller string
	// Name of the kind, as owner references have it.
	Name string
	// Manager is the field manager of its Certificates.
	Manager string
	// New and NewList return an empty object, and an empty list of them.
	New     func() T
	NewList func() client.ObjectList
	// Secrets are those that an object names.
	Secrets func(T) []string
	// Source reads an object.
	Source func(T) *shim.Source
}

// Add starts the controller with mgr, whose cache has been indexed by Index.
func (k *Kind[T]) Add(mgr manager.Manager, cfg Config) error {
	if err := k.index(mgr.GetFieldIndexer(), cfg); err != nil {
		return fmt.Errorf("index for %s: %w", k.Controller, err)
	}
	from := mgr.GetCache() // past a client that reads some kinds live
	naming := func(ctx context.Context, crt *certsv1.Certificate) ([]reconcile.Request, error) {
		return Requests(ctx, from, k.NewList(), client.InNamespace(crt.Namespace), client.MatchingFields{bySecret: crt.Name})
	}
	asking := func(ctx context.Context, namespace string) ([]reconcile.Request, error) {
		return Requests(ctx, from, k.NewList(), client.InNamespace(namespace), client.MatchingFields{byNoIssuer: "true"})
	}
	controlled := builder.ControllerManagedBy(mgr).
		Named(k.Controller).
		For(k.New(), builder.WithPredicates(Changed[client.Object]())).
		WatchesRawSource(source.Kind(from, &certsv1.Certificate{}, Certificates(k.Name, naming))).
		WithOptions(cfg.Controller())
	for _, issuers := range cfg.DefaultIssuers(from, asking) {
		controlled.WatchesRawSource(issuers)
	}
	return controlled.Complete(NewReconciler(mgr.GetClient(), cfg, k.Manager, k.Reader(from)))
}

func (k *Kind[T]) index(indexer client.FieldIndexer, cfg Config) error {
	return errors.Join(
		indexer.IndexField(context.Background(), k.New(), bySecret, func(obj client.Object) []string {
			if obj, ok := obj.(T); ok {
				return k.Secrets(obj)
			}
			return nil
		}),
		indexer.IndexField(context.Background(), k.New(), byNoIssuer, func(obj client.Object) []string {
			if obj, ok := obj.(T); ok && cfg.AsksDefault(k.Source(obj)) {
				return []string{"true"}
			}
			return nil
		}),
	)
}

// Reader reads objects, which should be from the cache.
func (k *Kind[T]) Reader(from client.Reader) Read {
	return func(ctx context.Context, key client.ObjectKey) (client.Object, *shim.Source, error) {
		obj := k.New()
		if err := from.Get(ctx, key, obj); err != nil {
			return nil, nil, err
		}
		return obj, k.Source(obj), nil
	}
}
