package ingress

import (
	networkingv1 "k8s.io/api/networking/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/certwright/certwright/shim"
	"github.com/certwright/certwright/shim/follow"
)

// Name of the controller, as metrics have it.
const Name = "ingress-shim"

var ingresses = &follow.Kind[*networkingv1.Ingress]{
	Controller: Name,
	Name:       shim.IngressKind,
	Manager:    shim.IngressManager,
	New:        func() *networkingv1.Ingress { return &networkingv1.Ingress{} },
	NewList:    func() client.ObjectList { return &networkingv1.IngressList{} },
	Secrets:    tlsSecrets,
	Source:     shim.FromIngress,
}

// Add starts the controller with mgr, whose cache has been indexed by
// follow.Index.
func Add(mgr manager.Manager, cfg follow.Config) error { return ingresses.Add(mgr, cfg) }

func tlsSecrets(ing *networkingv1.Ingress) []string {
	var names []string
	for _, tls := range ing.Spec.TLS {
		names = append(names, tls.SecretName)
	}
	return names
}
