package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/certwright/certwright/test/stage"
)

// restartAfter is the pause before a process that ended is started again.
const restartAfter = time.Second

// A pod is a process that is kept running.
type pod struct {
	name, dir, metrics string

	mu      sync.Mutex
	argv    []string
	process *stage.Process
	off     bool
}

// keep runs the pod until ctx ends.
func (p *pod) keep(ctx context.Context) {
	for ctx.Err() == nil {
		p.mu.Lock()
		if !p.off && (p.process == nil || !p.process.Running()) {
			// If it cannot be started, Prometheus tells.
			p.process, _ = stage.Start(ctx, p.dir, p.name, "", p.argv...)
		}
		p.mu.Unlock()
		select {
		case <-ctx.Done():
		case <-time.After(restartAfter):
		}
	}
}

// kill kills the process, which is started again.
func (p *pod) kill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.process != nil {
		p.process.Kill()
	}
}

// stop kills the process for good.
func (p *pod) stop() {
	p.mu.Lock()
	p.off = true
	p.mu.Unlock()
	p.kill()
}

// start starts it again.
func (p *pod) start() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.off = false
}

// replace runs another program with the same arguments from now on.
func (p *pod) replace(program string) {
	p.mu.Lock()
	p.argv[0] = program
	p.mu.Unlock()
	p.kill()
}

// leader returns the pod that leads, by the suffix of the lease's holder.
func (w *world) leader(ctx context.Context) (*pod, error) {
	lease, err := w.lease(ctx)
	if err != nil {
		return nil, err
	}
	for _, p := range w.writers {
		p.mu.Lock()
		pid := 0
		if p.process != nil {
			pid = p.process.PID()
		}
		p.mu.Unlock()
		if holder := lease.Spec.HolderIdentity; holder != nil && hasPID(*holder, pid) {
			return p, nil
		}
	}
	return nil, fmt.Errorf("nobody of ours holds the lease: %v", lease.Spec)
}
