package run

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/utils/clock"
)

// A movedClock is a wall clock that somebody moves while timers run on.
type movedClock struct {
	clock.RealClock
	by atomic.Int64
}

func (c *movedClock) Now() time.Time        { return time.Now().Add(time.Duration(c.by.Load())) }
func (c *movedClock) move(by time.Duration) { c.by.Add(int64(by)) }
func (*movedClock) pass(minutes int)        { time.Sleep(time.Duration(minutes) * time.Minute) } // in a bubble, where that takes no time

func TestClockWatcher(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		moves   []time.Duration // one a minute
		jumps   int
		healthy bool
	}{
		"an hour of suspension is noticed within a minute, and timers are not trusted any more": {[]time.Duration{time.Hour}, 1, false},
		"a clock that is set back has jumped as well":                                           {[]time.Duration{-time.Minute}, 1, true},
		"each jump counts once":         {[]time.Duration{time.Minute, 0, 0, time.Minute}, 2, true},
		"a small correction is no jump": {[]time.Duration{2 * time.Second}, 0, true},
		"small corrections add up":      {[]time.Duration{2 * time.Second, 2 * time.Second, 2 * time.Second}, 1, true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				wall, jumps := &movedClock{}, 0
				w := &ClockWatcher{Clock: wall, Jumped: func() { jumps++ }}
				ctx, stop := context.WithCancel(t.Context())
				defer stop()
				go w.Run(ctx, logr.Discard())
				wall.pass(1)
				for _, by := range tt.moves {
					wall.move(by)
					wall.pass(1)
				}
				synctest.Wait()
				if jumps != tt.jumps {
					t.Errorf("%d jumps, want %d", jumps, tt.jumps)
				}
				if err := w.Check(); (err == nil) != tt.healthy {
					t.Errorf("Check() = %v, want healthy %t", err, tt.healthy)
				}
			})
		})
	}
}
