package run

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/utils/clock"
)

// A ClockWatcher compares the wall clock with the monotonic one. Timers follow
// the monotonic clock, which stands still while a machine is suspended; dates
// on certificates follow the wall clock.
type ClockWatcher struct {
	// Clock is the wall clock.
	Clock clock.WithTicker
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
	// Round(0) strips the monotonic reading.
	start, begin := time.Now(), w.Clock.Now().Round(0)
	noted := time.Duration(0)
	ticker := w.Clock.NewTicker(clockInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C():
		}
		drift := w.Clock.Now().Round(0).Sub(begin) - time.Since(start)
		w.drift.Store(int64(drift))
		if d := (drift - noted).Abs(); d > clockStep {
			log.Info("the wall clock jumped: looking at everything again", "by", d.String())
			noted = drift
			w.Jumped()
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
