// Package service keeps the Certificate of each annotated Service of type
// LoadBalancer in step with it: it says to package follow how Services are read
// and watched.
//
// Of a Service, only what is read is cached, and only of those of that type.
package service

import (
	"context"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/fields"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	certsv1 "github.com/certwright/certwright/certs/v1"
	"github.com/certwright/certwright/shim"
	"github.com/certwright/certwright/shim/follow"
)

// Name of the controller, as metrics and --controllers have it.
const Name = "service-shim"

// Indexes of the cache.
const (
	// bySecret finds Services by the Secrets that they name.
	bySecret = "certwright.dev/service-secret"
	// byNoIssuer finds those that ask for certificates of the default issuer.
	byNoIssuer = "certwright.dev/service-no-issuer"
)

// Cached says what the cache of the manager that Add is given may leave out.
func Cached() cache.ByObject {
	return cache.ByObject{
		Field: fields.OneTermEqualSelector("spec.type", string(corev1.ServiceTypeLoadBalancer)),
		Transform: func(obj any) (any, error) {
			if svc, ok := obj.(*corev1.Service); ok {
				svc.ManagedFields = nil
				svc.Spec, svc.Status = corev1.ServiceSpec{Type: svc.Spec.Type}, corev1.ServiceStatus{}
			}
			return obj, nil
		},
	}
}

// Add starts the controller with mgr, whose cache has been indexed by
// follow.Index.
func Add(mgr manager.Manager, cfg follow.Config) error {
	ctx, services, none := context.Background(), &corev1.Service{}, corev1.ServiceList{}
	err := errors.Join(
		mgr.GetFieldIndexer().IndexField(ctx, services, bySecret, func(obj client.Object) []string {
			if secret := obj.GetAnnotations()[shim.SecretNameKey]; secret != "" {
				return []string{secret}
			}
			return nil
		}),
		mgr.GetFieldIndexer().IndexField(ctx, services, byNoIssuer, func(obj client.Object) []string {
			if svc, ok := obj.(*corev1.Service); ok && cfg.AsksDefault(shim.FromService(svc)) {
				return []string{"true"}
			}
			return nil
		}),
	)
	if err != nil {
		return fmt.Errorf("index Services: %w", err)
	}
	naming := func(ctx context.Context, crt *certsv1.Certificate) ([]reconcile.Request, error) {
		return follow.Requests(ctx, mgr.GetCache(), none.DeepCopy(), client.InNamespace(crt.Namespace), client.MatchingFields{bySecret: crt.Name})
	}
	asking := func(ctx context.Context, namespace string) ([]reconcile.Request, error) {
		return follow.Requests(ctx, mgr.GetCache(), none.DeepCopy(), client.InNamespace(namespace), client.MatchingFields{byNoIssuer: "true"})
	}
	controlled := builder.ControllerManagedBy(mgr).
		Named(Name).
		For(services, builder.WithPredicates(follow.Changed[client.Object]())).
		WatchesRawSource(source.Kind(mgr.GetCache(), &certsv1.Certificate{}, follow.Certificates(shim.ServiceKind, naming))).
		WithOptions(cfg.Controller())
	for _, issuers := range cfg.DefaultIssuers(mgr.GetCache(), asking) {
		controlled.WatchesRawSource(issuers)
	}
	return controlled.Complete(follow.NewReconciler(mgr.GetClient(), cfg, shim.ServiceManager, reader(mgr.GetCache())))
}

// reader reads from a cache, past a client that reads Services live.
func reader(from client.Reader) follow.Read {
	return func(ctx context.Context, key client.ObjectKey) (client.Object, *shim.Source, error) {
		svc := &corev1.Service{}
		if err := from.Get(ctx, key, svc); err != nil {
			return nil, nil, err
		}
		return svc, shim.FromService(svc), nil
	}
}
