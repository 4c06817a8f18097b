package shim_test

import (
	"testing"

	"github.com/certwright/certwright/shim"
)

// BenchmarkPass is the usual case: nothing differs.
func BenchmarkPass(b *testing.B) {
	ing := app(notes{clusterIssuer: "le", "cert-manager.io/private-key-algorithm": "ECDSA"}, tls("t", "a.ex", "b.ex"))
	opts := shim.DefaultOptions()
	existing := shim.Desired(shim.FromIngress(ing), opts).Certificates
	b.ReportAllocs()
	for b.Loop() {
		src := shim.FromIngress(ing)
		if changes := shim.Plan(src, opts, shim.Desired(src, opts), existing); !changes.Empty() {
			b.Fatal(changes)
		}
	}
}
