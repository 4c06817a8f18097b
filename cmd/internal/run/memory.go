package run

import (
	"context"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

const (
	// maxFree is how much memory the heap may hold back for its next growth, in
	// bytes.
	maxFree = 8 << 20
	// memoryPeriod is how often is looked.
	memoryPeriod = 2 * time.Second
)

// ReturnMemory gives back to the system what the heap no longer needs, until
// ctx ends. Go does so too, but over minutes: the lists of a start would be
// charged to the container for that long.
func ReturnMemory(ctx context.Context) {
	tick := time.NewTicker(memoryPeriod)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if freeHeap() > maxFree {
				debug.FreeOSMemory()
			}
		}
	}
}

// freeHeap is the memory that the heap holds and does not use, in bytes.
func freeHeap() uint64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/free:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}
