//go:build cluster

package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// TestTroubleIsToldOnTheIngress: what its user can mend, an Ingress says itself,
// the innermost cause, once; and that it is over.
func TestTroubleIsToldOnTheIngress(t *testing.T) {
	t.Parallel()
	ns := newNamespace(t)
	acmeIssuer(t, ns+"-acme")
	for name, tt := range map[string]struct {
		ingress *networkingv1.Ingress
		told    string // how the cause ends
		mend    func(t *testing.T, ing *networkingv1.Ingress)
	}{
		"the issuer is missing": {
			ingress: ingress(ns, "orphan", "orphan.example.test", map[string]string{"cert-manager.io/issuer": "self-signed"}),
			told:    `"self-signed" does not exist`,
			mend:    func(t *testing.T, _ *networkingv1.Ingress) { selfSigned(t, ns) },
		},
		"the name leads nowhere": {
			ingress: ingress(ns, "lost", "lost.invalid", map[string]string{"cert-manager.io/cluster-issuer": ns + "-acme"}),
			told:    "lost.invalid",
			mend: func(t *testing.T, ing *networkingv1.Ingress) {
				host := ns + "-lost.example.test"
				patch := fmt.Sprintf(`[{"op":"replace","path":"/spec/tls/0/hosts/0","value":%q},{"op":"replace","path":"/spec/rules/0/host","value":%q}]`, host, host)
				if err := admin.Patch(t.Context(), ing, client.RawPatch("application/json-patch+json", []byte(patch))); err != nil {
					t.Fatal(err)
				}
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			create(t, tt.ingress)
			heard := func(what string) {
				t.Helper()
				eventually(t, "no event "+what, func(ctx context.Context) error {
					events, err := eventsOf(ctx, tt.ingress)
					if err != nil {
						return err
					}
					for _, line := range strings.Split(events, "\n") {
						if strings.HasPrefix(line, what) && (strings.HasPrefix(what, "Normal") || strings.Contains(line, tt.told)) {
							t.Log(line)
							return nil
						}
					}
					return fmt.Errorf("events:\n%s", events)
				})
			}
			heard("Warning CertificatePending")
			tt.mend(t, tt.ingress)
			ready(t, ns, tt.ingress.Name)
			heard("Normal CertificateReady")
		})
	}
}
