//go:build faultyclock

package main

import (
	"os"
	"strings"
	"time"

	"k8s.io/utils/clock"
)

// newClock returns a clock that is off by what a file says, for test/faults: a
// process without rights of its own cannot have the clock of its machine set.
// What is shipped has no such thing.
func newClock() clock.WithTicker { return faultyClock{} }

type faultyClock struct{ clock.RealClock }

func (faultyClock) offset() time.Duration {
	text, err := os.ReadFile(os.Getenv("CERTWRIGHT_CLOCK_OFFSET_FILE"))
	if err != nil {
		return 0
	}
	by, err := time.ParseDuration(strings.TrimSpace(string(text)))
	if err != nil {
		return 0
	}
	return by
}

// Now is the wall time, and off. It has no monotonic reading.
func (f faultyClock) Now() time.Time { return time.Now().Round(0).Add(f.offset()) }

// Since is what has passed since t by this clock.
func (f faultyClock) Since(t time.Time) time.Duration { return f.Now().Sub(t) }
