// Package run holds what every program here does around its own work: log,
// serve HTTP with limits, say whether it is healthy, notice a jump of the wall
// clock, and stop.
package run

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/go-logr/logr"
)

// Version is the version of the program, set when it is linked.
var Version = "dev"

// Logger returns a logger that writes JSON lines to standard error. Verbosity 0
// logs what one wants to read in a quiet week; higher ones log each decision.
func Logger(verbosity int) logr.Logger {
	handler := slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{Level: slog.Level(-verbosity)})
	return logr.FromSlogHandler(handler)
}

// Context returns a context that ends at SIGINT or SIGTERM. A second signal
// ends the process.
func Context() (context.Context, context.CancelFunc) {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, cancel) // from now on a signal has its default effect
	return ctx, cancel
}
