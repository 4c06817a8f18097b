package run

import (
	"context"
	"runtime"
	"testing"
	"time"
)

func TestMemoryIsReturned(t *testing.T) {
	garbage := make([][]byte, 64)
	for i := range garbage {
		garbage[i] = make([]byte, 1<<20)
		garbage[i][0] = 1
	}
	runtime.KeepAlive(garbage) // for the last time: from here on it is garbage
	runtime.GC()
	if freeHeap() <= maxFree {
		t.Fatal("the runtime has returned it by itself: there is nothing to see")
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go ReturnMemory(ctx)
	for deadline := time.Now().Add(30 * time.Second); freeHeap() > maxFree; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("the heap still holds %d bytes", freeHeap())
		}
	}
}
