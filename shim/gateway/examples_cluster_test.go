//go:build cluster

package gateway

import (
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/certwright/certwright/shim"
	"github.com/certwright/certwright/shim/follow"
	"github.com/certwright/certwright/test/annotated"
	"github.com/certwright/certwright/test/shimstage"
)

// TestExamplesOnTheServer puts the worked examples to a real API server, on the
// cache of a session.
func TestExamplesOnTheServer(t *testing.T) {
	t.Parallel()
	var k *keeper
	s := stageFor(t, func(mgr manager.Manager, cfg follow.Config) error {
		k = &keeper{cfg: Config{Config: cfg}, manager: mgr}
		return nil
	})
	v, err := k.newView(t.Context(), scope{gateways: true, listenerSets: true})
	s.Must(err)
	s.Must(k.manager.Add(v.cache))
	if !k.manager.GetCache().WaitForCacheSync(t.Context()) || !v.cache.WaitForCacheSync(t.Context()) {
		t.Fatal("the caches do not fill")
	}
	with := func(opts shim.Options) *view {
		own := *v
		own.options = opts
		return &own
	}
	certificates := k.manager.GetClient()
	ofGateway := shimstage.Shell{
		Certificates: certificates, Sources: v.cache, Manager: shim.GatewayManager,
		Read: func(opts shim.Options) follow.Read { return gateways(with(opts)).read },
	}
	ofListenerSet := shimstage.Shell{
		Certificates: certificates, Sources: v.cache, Manager: shim.ListenerSetManager,
		Read: func(opts shim.Options) follow.Read { return listenerSets(with(opts)).read },
	}
	for name, example := range annotated.GatewayExamples() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			shell := ofGateway
			if example.ListenerSet != nil {
				shell = ofListenerSet
			}
			s.Rehearse(t, shell, example)
		})
	}
}
