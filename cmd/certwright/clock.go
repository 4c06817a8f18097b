//go:build !faultyclock

package main

import "k8s.io/utils/clock"

// newClock returns the wall clock.
func newClock() clock.WithTicker { return clock.RealClock{} }
