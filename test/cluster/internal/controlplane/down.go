//go:build linux

package controlplane

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
	"time"
)

// Down returns when nothing of the cluster in path runs, whether or not anything did.
func Down(path string) error {
	d, err := absolute(path)
	if err != nil {
		return err
	}
	if _, err := os.Stat(string(d)); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	const patience = apiServerGrace + controllerManagerGrace + etcdGrace + 2*time.Second
	if err := endSupervisor(d, syscall.SIGTERM, patience); err != nil {
		if err := endSupervisor(d, syscall.SIGKILL, patience); err != nil {
			return err
		}
	}
	return clearUp(d)
}

var errStillRunning = errors.New("the supervisor still runs")

// endSupervisor signals the supervisor, if there is one, and waits for its lock.
func endSupervisor(d dir, signal syscall.Signal, patience time.Duration) error {
	holder, err := lockHolder(d.supervisorLock())
	if err != nil || holder == 0 {
		return err
	}
	if err := syscall.Kill(holder, signal); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("signal the supervisor, process %d: %w", holder, err)
	}
	ctx, cancel := context.WithTimeoutCause(context.Background(), patience, errStillRunning)
	defer cancel()
	return await(ctx, func(context.Context) error {
		now, err := lockHolder(d.supervisorLock())
		if err == nil && now == holder {
			return errStillRunning
		}
		return err
	})
}

// clearUp is for a supervisor that could not do it: it was killed, and its
// servers with it, but that may take them a moment.
func clearUp(d dir) error {
	r, err := d.readRecord()
	if err != nil || r.PIDs == nil {
		return err
	}
	for _, pid := range []int{r.PIDs.APIServer, r.PIDs.ControllerManager, r.PIDs.Etcd} {
		for worksIn(pid, d) {
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
				return fmt.Errorf("kill process %d: %w", pid, err)
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
	return forgetPIDs(d)
}
