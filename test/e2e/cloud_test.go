//go:build cluster

package e2e

import (
	"context"
	"testing"

	cmmeta "github.com/certwright/certwright/certs/meta/v1"
	"github.com/certwright/certwright/test/external"
)

// cloud is the issuer of somebody else's program: of a kind of its own, slow,
// and with its own mind about approvals.
var cloud = cmmeta.IssuerReference{Group: "cloud.example", Kind: "CloudIssuer", Name: "cloud"}

// installCloud makes the kind of the issuer known.
func installCloud(t *testing.T) {
	t.Helper()
	crd := external.Definition(cloud.Group, cloud.Kind, "cloudissuers")
	create(t, crd)
	t.Cleanup(func() { _ = admin.Delete(context.Background(), crd) })
	if err := external.Served(t.Context(), admin, cloud.Group, cloud.Kind); err != nil {
		t.Fatal("the kind is not served:", err)
	}
}

// runCloud answers requests until the test ends.
func runCloud(t *testing.T, namespace string) {
	t.Helper()
	issuer := &external.Issuer{Client: admin, Namespace: namespace, Group: cloud.Group, Kind: cloud.Kind}
	go func() {
		if err := issuer.Run(t.Context()); err != nil {
			t.Error(err)
		}
	}()
}
