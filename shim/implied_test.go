package shim_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	certsv1 "github.com/certwright/certwright/certs/v1"
	"github.com/certwright/certwright/shim"
)

// TestImpliedAnnotations: whom challenges are answered through is kept in step
// where it was us who said so, or where the user asks.
func TestImpliedAnnotations(t *testing.T) {
	const kind, name, namespace = "acme.cert-manager.io/http01-parentrefkind", "acme.cert-manager.io/http01-parentrefname", "acme.cert-manager.io/http01-parentrefnamespace"
	listener := https("https", "a.ex", "t")
	a, old := []string{"a.ex"}, []string{"old.ex"}
	bare := func(crt *certsv1.Certificate) { crt.Annotations = nil }
	set := notes{kind: "ListenerSet", name: "ls"}
	viaGateway := notes{kind: "Gateway", name: "eg", namespace: "egs"}

	tests := map[string]struct {
		source  reading
		manager string
		before  *certsv1.Certificate
		edit    func(*certsv1.Certificate) // by a user
		updated bool
		want    notes
	}{
		"what was made without them stays without": {
			source: ofGateway(gateway(notes{clusterIssuer: "le"}, listener)), manager: shim.GatewayManager,
			before: certificate("t", a, byGateway, bare),
		},
		"also when something else changes": {
			source: ofGateway(gateway(notes{clusterIssuer: "le"}, listener)), manager: shim.GatewayManager,
			before: certificate("t", old, byGateway, bare), updated: true,
		},
		"those that were made with it stay when something else changes": {
			source: ofGateway(gateway(notes{clusterIssuer: "le"}, listener)), manager: shim.GatewayManager,
			before: certificate("t", old, byGateway), updated: true, want: notes{kind: "Gateway", name: "app"},
		},
		"a user's own stay": {
			source: ofGateway(gateway(notes{clusterIssuer: "le"}, listener)), manager: shim.GatewayManager,
			before: certificate("t", old, byGateway), edit: func(crt *certsv1.Certificate) { crt.Annotations[name] = "mine" },
			updated: true, want: notes{kind: "Gateway", name: "mine"},
		},
		"the fallback to the Gateway is followed": {
			source: ofListenerSet(listenerSet(notes{clusterIssuer: "le", parentFallback: "true"}, listener), parent(nil)), manager: shim.ListenerSetManager,
			before: certificate("t", a, byListenerSet), updated: true, want: viaGateway,
		},
		"even where there was nothing": {
			source: ofListenerSet(listenerSet(notes{clusterIssuer: "le", parentFallback: "true"}, listener), parent(nil)), manager: shim.ListenerSetManager,
			before: certificate("t", a, byListenerSet, bare), updated: true, want: viaGateway,
		},
		"and so is its end": {
			source: ofListenerSet(listenerSet(notes{clusterIssuer: "le"}, listener), parent(nil)), manager: shim.ListenerSetManager,
			before: certificate("t", a, byListenerSet, further(viaGateway)), updated: true, want: set,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMemory(t)
			m.manager = tt.manager
			m.write(tt.before, tt.manager)
			if tt.edit != nil {
				m.edit("t", "kubectl", tt.edit)
			}
			src := tt.source(shim.DefaultOptions())
			_, changes := m.plan(src, shim.DefaultOptions())
			if updated := len(changes.Update) > 0; updated != tt.updated {
				t.Errorf("updated: %v, want %v", updated, tt.updated)
			}
			m.take(changes)
			if diff := cmp.Diff(map[string]string(tt.want), m.get("t").Annotations, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("annotations (-want +got):\n%s", diff)
			}
			if _, again := m.plan(src, shim.DefaultOptions()); !again.Empty() {
				t.Errorf("the next pass writes again: %+v", again.Update)
			}
		})
	}
}
