package run

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
)

// A ClockWatcher compares the wall clock with the monotonic one. Timers follow
// the monotonic clock, which stands still while a machine is suspended; dates
// on certificates follow the wall clock.
type ClockWatcher struct {
	// Jumped is called when the wall clock moved by more than a few seconds
	// against the monotonic one.
	Jumped func()
	drift  atomic.Int64
}

const (
	clockInterval = 10 * time.Second
	clockStep     = 5 * time.Second
	clockLimit    = 5 * time.Minute
)

// Run watches until ctx ends.
func (w *ClockWatcher) Run(ctx context.Context, log logr.Logger) {
	start := time.Now()
	noted := time.Duration(0)
	ticker := time.NewTicker(clockInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		now := time.Now()
		// Round(0) strips the monotonic reading.
		drift := now.Round(0).Sub(start.Round(0)) - now.Sub(start)
		w.drift.Store(int64(drift))
		if d := (drift - noted).Abs(); d > clockStep {
			log.Info("the wall clock jumped: looking at everything again", "by", d.String())
			noted = drift
			if w.Jumped != nil {
				w.Jumped()
			}
		}
	}
}

// Check fails once the clocks have come so far apart that timers cannot be
// trusted.
func (w *ClockWatcher) Check() error {
	if d := time.Duration(w.drift.Load()).Abs(); d > clockLimit {
		return fmt.Errorf("wall clock and monotonic clock differ by %s since the start", d.Round(time.Second))
	}
	return nil
}
