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

// bySecret finds Ingresses by the Secrets that they mention.
const bySecret = "certwright.dev/ingress-tls-secret"

// Add starts the controller with mgr, whose cache has been indexed by
// follow.Index.
func Add(mgr manager.Manager, cfg follow.Config) error {
	if err := mgr.GetFieldIndexer().IndexField(context.Background(), &networkingv1.Ingress{}, bySecret, tlsSecrets); err != nil {
		return fmt.Errorf("index Ingresses by Secret: %w", err)
	}
	waiting := func(ctx context.Context, crt *certsv1.Certificate) ([]reconcile.Request, error) {
		return follow.Requests(ctx, mgr.GetCache(), &networkingv1.IngressList{},
			client.InNamespace(crt.Namespace), client.MatchingFields{bySecret: crt.Name})
	}
	r := follow.NewReconciler(mgr.GetClient(), cfg, shim.IngressManager, reader(mgr.GetClient()))
	return builder.ControllerManagedBy(mgr).
		Named(Name).
		For(&networkingv1.Ingress{}, builder.WithPredicates(follow.Changed[client.Object]())).
		WatchesRawSource(source.Kind(mgr.GetCache(), &certsv1.Certificate{}, follow.Certificates(shim.IngressKind, waiting))).
		WithOptions(cfg.Controller()).
		Complete(r)
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
