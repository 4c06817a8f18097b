// Operator prints the CRDs of the Prometheus operator as YAML, as the operator's
// own Go module carries them:
//
//	go -C test/operator run . | kubectl apply --server-side -f -
//
// It is a module of its own, so that the product does not depend on what the
// operator depends on. To run it takes one module (4.5 MB) and a second.
package main

import (
	"fmt"
	"os"

	crds "github.com/prometheus-operator/prometheus-operator/example"
)

func main() {
	if err := crds.PrintAll(os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "operator:", err)
		os.Exit(1)
	}
}
