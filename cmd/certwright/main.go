// Command certwright gives every workload in a cluster a valid certificate and
// keeps it valid. One process has three roles, which --roles splits for those
// who must: webhook (answers kubectl apply), shim (annotated Ingresses to
// Certificates) and issuance (Certificates to Secrets). Every replica answers
// the webhook and its probes; the roles that write run on the elected leader.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	_ "time/tzdata" // renewal windows name time zones, and the image has no files

	"github.com/spf13/pflag"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/certwright/certwright/cmd/internal/run"
)

func main() {
	c, err := parse(os.Args[1:])
	if errors.Is(err, pflag.ErrHelp) {
		return
	}
	if err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "certwright:", err)
		os.Exit(2)
	}
	log := run.Logger(c.Verbosity)
	ctrl.SetLogger(log)
	klog.SetLogger(log)
	ctx, stop := run.Context()
	err = newProcess(c).run(ctx)
	stop()
	if err != nil && !errors.Is(err, context.Canceled) {
		log.Error(err, "certwright stops")
		os.Exit(1)
	}
}
