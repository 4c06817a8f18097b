package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"

	certsv1 "github.com/certwright/certwright/certs/v1"
)

// The most memory, in MiB, that all roles keep with 2,000 and with 10,000
// certificates.
const maxMemory, maxMemoryOfMany = 80, 160

// idleTime is how long is looked at a system in which nothing happens.
const idleTime = 30 * time.Second

// settled sees to it that there are n certificates, looks at what we cost while
// nothing happens, and restarts us.
func (b *bencher) settled(ctx context.Context, n int, maxMiB float64) error {
	there, err := b.fill(ctx, n)
	if err != nil {
		return err
	}
	if err := errors.Join(b.idle(ctx, there), b.scrape(ctx, there)); err != nil {
		return err
	}
	return b.restart(ctx, there, maxMiB)
}

// fill issues certificates until there are n, and returns how many there are.
func (b *bencher) fill(ctx context.Context, n int) (int, error) {
	var list certsv1.CertificateList
	if err := b.gen.client.List(ctx, &list); err != nil {
		return 0, fmt.Errorf("count: %w", err)
	}
	there := len(list.Items)
	if there >= n {
		return there, nil
	}
	namespaces, err := b.gen.namespaces(ctx, fmt.Sprintf("fill-%d", n), 20)
	if err != nil {
		return 0, err
	}
	if _, err := b.gen.certificates(ctx, namespaces, n-there, ecdsaKey); err != nil {
		return 0, err
	}
	return n, b.quiet(ctx)
}

// idle measures what we cost with n certificates for which nothing is to be
// done.
func (b *bencher) idle(ctx context.Context, n int) error {
	before, err := b.meter.snapshot(ctx)
	if err != nil {
		return err
	}
	select {
	case <-time.After(idleTime):
	case <-ctx.Done():
		return ctx.Err()
	}
	u, err := b.meter.since(ctx, before)
	if err != nil {
		return err
	}
	rss, err := memory(b.stage.Certwright.PID(), "VmRSS")
	if err != nil {
		return err
	}
	name := fmt.Sprintf("idle with %d certificates: ", n)
	b.add(name+"CPU, ms a second", float64(u.cpu["certwright"].Milliseconds())/u.wall.Seconds(), "", none)
	b.writes(name, u)
	b.add(name+"memory, MiB", rss, "", none)
	return nil
}

// scrapes is how often the metrics are asked for, once to warm up not included.
const scrapes = 5

// scrape measures what asking for the metrics of n certificates costs.
func (b *bencher) scrape(ctx context.Context, n int) error {
	pid, size := b.stage.Certwright.PID(), 0
	var latencies []time.Duration
	var cpu time.Duration
	for i := range scrapes + 1 {
		before, err := runtimeOf(pid)
		if err != nil {
			return err
		}
		begin := time.Now()
		if size, err = b.askMetrics(ctx); err != nil {
			return err
		}
		took := time.Since(begin)
		after, err := runtimeOf(pid)
		if err != nil {
			return err
		}
		if i > 0 {
			latencies, cpu = append(latencies, took), cpu+after-before
		}
	}
	slices.Sort(latencies)
	name := fmt.Sprintf("scrape with %d certificates: ", n)
	median := percentile(latencies, 0.5)
	b.add(name+"median, ms", milliseconds(median), "≤ 1000", median <= time.Second)
	b.add(name+"CPU, ms", milliseconds(cpu/scrapes), "", none)
	b.add(name+"size, MiB", float64(size)/(1<<20), "", none)
	return nil
}

// askMetrics returns the size of the answer, as Prometheus asks for it but not
// compressed.
func (b *bencher) askMetrics(ctx context.Context) (int, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+b.stage.Metrics+"/metrics", nil)
	if err != nil {
		return 0, err
	}
	request.Header.Set("Accept-Encoding", "identity")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, fmt.Errorf("ask for metrics: %w", err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("ask for metrics: %s", response.Status)
	}
	size, err := io.Copy(io.Discard, response.Body)
	return int(size), err
}

// writes adds what we wrote although there was nothing to do.
func (b *bencher) writes(name string, u *usage) {
	writes := u.count("POST,PUT,PATCH,APPLY,DELETE", append([]string{"ingresses", "issuers/status", "clusterissuers/status", "events"}, ours...)...)
	b.add(name+"writes", writes, "0", writes == 0)
}

// restart stops certwright and starts it with n certificates there: first as in
// a cluster, where nothing is installed and another replica answers the webhook,
// then with all roles, for its memory.
func (b *bencher) restart(ctx context.Context, n int, maxMiB float64) error {
	if _, err := b.stage.Certwright.Stop(); err != nil {
		return fmt.Errorf("stop certwright: %w", err)
	}
	delete(b.meter.pids, "certwright")
	before, err := b.meter.snapshot(ctx)
	if err != nil {
		return err
	}
	replica, err := b.stage.StartReplica(ctx, "restarted", "shim,issuance")
	if err != nil {
		return err
	}
	pid := replica.PID()
	b.meter.pids["certwright"] = pid
	caughtUp, err := settle(ctx, pid, before.at)
	if err != nil {
		return err
	}
	cpu, err := processCPU(pid)
	if err != nil {
		return err
	}
	u, err := b.meter.since(ctx, before)
	if err != nil {
		return err
	}
	// The targets of time and CPU are for 2,000.
	size := max(1, float64(n)/2000)
	name := fmt.Sprintf("restart with %d certificates: ", n)
	b.add(name+"caught up, s", caughtUp.Seconds(), fmt.Sprintf("≤ %.1f", 3*size), caughtUp.Seconds() <= 3*size)
	b.add(name+"CPU, s", cpu.Seconds(), fmt.Sprintf("≤ %.1f", size), cpu.Seconds() <= size)
	b.writes(name, u)
	fmt.Printf("%srequests: %s\n", name, u.list(1))
	if _, err := replica.Stop(); err != nil {
		return fmt.Errorf("stop the restarted one: %w", err)
	}
	if err := b.stage.StartCertwright(ctx); err != nil {
		return err
	}
	pid = b.stage.Certwright.PID()
	b.meter.pids["certwright"] = pid
	if err := b.quiet(ctx); err != nil {
		return err
	}
	peak, errPeak := memory(pid, "VmHWM")
	rss, errRSS := memory(pid, "VmRSS")
	b.add(name+"memory at its peak, all roles, MiB", peak, "", none)
	b.add(name+"memory settled, all roles, MiB", rss, fmt.Sprintf("≤ %g", maxMiB), rss <= maxMiB)
	return errors.Join(errPeak, errRSS)
}

// quiet waits until certwright has come to rest.
func (b *bencher) quiet(ctx context.Context) error {
	_, err := settle(ctx, b.stage.Certwright.PID(), time.Now())
	return err
}

// settle waits until the process uses next to no CPU for two seconds, and
// returns how long after begin it came to rest.
func settle(ctx context.Context, pid int, begin time.Time) (time.Duration, error) {
	const step, calm, limit = 250 * time.Millisecond, 8, 20 * time.Millisecond
	last, still := time.Duration(0), 0
	var rest time.Duration
	err := wait.PollUntilContextTimeout(ctx, step, 5*time.Minute, true, func(context.Context) (bool, error) {
		cpu, err := processCPU(pid)
		if err != nil {
			return false, err
		}
		if cpu-last > limit {
			still, rest = 0, time.Since(begin)
		} else {
			still++
		}
		last = cpu
		return still >= calm, nil
	})
	return rest, err
}
