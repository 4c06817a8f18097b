package main

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// pressure is what became of many calls, askers of them at once.
type pressure struct {
	latencies []time.Duration // sorted
	wall      time.Duration
	usage     *usage
	probe     time.Duration // see there
	// least is our CPU time for each call in the part of the calls that took
	// the least: where the machine was at its quietest.
	least time.Duration
}

// parts is into how many parts the calls are divided for that.
const parts = 20

// press makes n calls of do, after some that are not measured.
func (b *bencher) press(ctx context.Context, n int, do func(i int) error) (*pressure, error) {
	if _, err := atOnce(warmUp, do); err != nil {
		return nil, err
	}
	if err := b.quiet(ctx); err != nil {
		return nil, err
	}
	p := &pressure{}
	before, err := b.meter.snapshot(ctx)
	if err != nil {
		return nil, err
	}
	var marks [parts]time.Duration
	pid, part := b.stage.Certwright.PID(), max(n/parts, 1)
	begin := time.Now()
	p.latencies, err = atOnce(n, func(i int) error {
		if i%part == 0 && i/part < parts {
			marks[i/part], _ = runtimeOf(pid) // snapshot fails if it is gone
		}
		return do(i)
	})
	if err != nil {
		return nil, err
	}
	p.wall = time.Since(begin)
	p.least = leastStep(marks[:]) / time.Duration(part)
	if p.usage, err = b.meter.since(ctx, before); err != nil {
		return nil, err
	}
	p.probe, err = probe()
	return p, err
}

// leastStep is the least difference between two marks that follow each other.
func leastStep(marks []time.Duration) time.Duration {
	least := marks[1] - marks[0]
	for i := 2; i < len(marks); i++ {
		least = min(least, marks[i]-marks[i-1])
	}
	return least
}

// atOnce makes n calls of do, askers of them at once, and returns how long they
// took, sorted. The first failure ends it.
func atOnce(n int, do func(i int) error) ([]time.Duration, error) {
	latencies := make([]time.Duration, n)
	var next atomic.Int64
	var failed error
	var once sync.Once
	var group sync.WaitGroup
	for range askers {
		group.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				begin := time.Now()
				if err := do(i); err != nil {
					once.Do(func() { failed = err })
					next.Store(int64(n))
				}
				latencies[i] = time.Since(begin)
			}
		})
	}
	group.Wait()
	slices.Sort(latencies)
	return latencies, failed
}

// rate is how many calls were answered in a second.
func (p *pressure) rate() float64 { return float64(len(p.latencies)) / p.wall.Seconds() }

// each is the CPU time of a process for each call, in µs.
func (p *pressure) each(process string) float64 {
	return float64(p.usage.cpu[process].Microseconds()) / float64(len(p.latencies))
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
