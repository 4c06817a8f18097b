package ingress

import (
	"context"
	"fmt"

	networkingv1 "k8s.io/api/networking/v1"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	certsv1 "github.com/certwright/certwright/certs/v1"
	"github.com/certwright/certwright/shim"
	"github.com/certwright/certwright/shim/follow"
)

// Name of the controller, as metrics have it.
const Name = "ingress-shim"

// Indexes of the cache.
const (
	// bySecret finds Ingresses by the Secrets that they name.
	bySecret = "certwright.dev/ingress-tls-secret"
	// byNoIssuer finds those that ask for certificates of the default issuer.
	byNoIssuer = "certwright.dev/ingress-no-issuer"
)

// Add starts the controller with mgr, whose cache has been indexed by
// follow.Index.
func Add(mgr manager.Manager, cfg follow.Config) error {
	fields := mgr.GetFieldIndexer()
	if err := fields.IndexField(context.Background(), &networkingv1.Ingress{}, bySecret, tlsSecrets); err != nil {
		return fmt.Errorf("index Ingresses by Secret: %w", err)
	}
	if err := fields.IndexField(context.Background(), &networkingv1.Ingress{}, byNoIssuer, noIssuer(cfg)); err != nil {
		return fmt.Errorf("index Ingresses that name no issuer: %w", err)
	}
	naming := func(ctx context.Context, crt *certsv1.Certificate) ([]reconcile.Request, error) {
		return follow.Requests(ctx, mgr.GetCache(), &networkingv1.IngressList{},
			client.InNamespace(crt.Namespace), client.MatchingFields{bySecret: crt.Name})
	}
	asking := func(ctx context.Context, namespace string) ([]reconcile.Request, error) {
		return follow.Requests(ctx, mgr.GetCache(), &networkingv1.IngressList{},
			client.InNamespace(namespace), client.MatchingFields{byNoIssuer: "true"})
	}
	controlled := builder.ControllerManagedBy(mgr).
		Named(Name).
		For(&networkingv1.Ingress{}, builder.WithPredicates(follow.Changed[client.Object]())).
		WatchesRawSource(source.Kind(mgr.GetCache(), &certsv1.Certificate{}, follow.Certificates(shim.IngressKind, naming))).
		WithOptions(cfg.Controller())
	for _, issuers := range cfg.DefaultIssuers(mgr.GetCache(), asking) {
		controlled.WatchesRawSource(issuers)
	}
	return controlled.Complete(follow.NewReconciler(mgr.GetClient(), cfg, shim.IngressManager, reader(mgr.GetClient())))
}

func reader(from client.Reader) follow.Read {
	return func(ctx context.Context, key client.ObjectKey) (client.Object, *shim.Source, error) {
		ing := &networkingv1.Ingress{}
		if err := from.Get(ctx, key, ing); err != nil {
			return nil, nil, err
		}
		return ing, shim.FromIngress(ing), nil
	}
}

func tlsSecrets(obj client.Object) []string {
	ing, ok := obj.(*networkingv1.Ingress)
	if !ok {
		return nil
	}
	var names []string
	for _, tls := range ing.Spec.TLS {
		names = append(names, tls.SecretName)
	}
	return names
}

func noIssuer(cfg follow.Config) client.IndexerFunc {
	return func(obj client.Object) []string {
		ing, ok := obj.(*networkingv1.Ingress)
		if !ok || !cfg.AsksDefault(shim.FromIngress(ing)) {
			return nil
		}
		return []string{"true"}
	}
}
