//go:build cluster

package ingress

import (
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/certwright/certwright/shim"
	"github.com/certwright/certwright/shim/follow"
	"github.com/certwright/certwright/test/annotated"
	"github.com/certwright/certwright/test/shimstage"
)

// TestExamplesOnTheServer puts the worked examples to a real API server.
func TestExamplesOnTheServer(t *testing.T) {
	t.Parallel()
	var mgr manager.Manager
	s := shimstage.New(t, func(m manager.Manager, _ follow.Config) error {
		mgr = m
		return nil
	}, shimstage.Shipped)
	shell := shimstage.Shell{
		Certificates: mgr.GetClient(), Sources: mgr.GetClient(), Manager: shim.IngressManager,
		Read: func(shim.Options) follow.Read { return ingresses.Reader(mgr.GetClient()) },
	}
	_, err := mgr.GetCache().GetInformer(t.Context(), &networkingv1.Ingress{}, cache.BlockUntilSynced(false))
	s.Must(err)
	if !mgr.GetCache().WaitForCacheSync(t.Context()) {
		t.Fatal("the cache does not fill")
	}
	for name, example := range annotated.Examples() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s.Rehearse(t, shell, example)
		})
	}
}
