//go:build linux

package controlplane

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Up returns when the cluster of o.Dir is ready, whoever started it.
func Up(o Options) error {
	begin := time.Now()
	if o.Dir == "" {
		return errors.New("--dir is missing")
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return fmt.Errorf("make the directory: %w", err)
	}
	d, err := absolute(o.Dir)
	if err != nil {
		return err
	}
	alone, err := awaitLock(d.upLock())
	if err != nil {
		return err
	}
	defer alone.release()

	running, err := awaitSupervisor(d, o.Timeout)
	if err != nil {
		return err
	}
	if running != nil {
		if err := suits(*running, o); err != nil {
			return err
		}
		fmt.Printf("devcluster: %s is up; kubeconfig: %s\n", running.Server, d.kubeconfig())
		return nil
	}
	if err := startSupervisor(d, o); err != nil {
		return err
	}
	r, err := d.readRecord()
	if err != nil {
		return err
	}
	fmt.Printf("devcluster: %s is up after %.1f s; kubeconfig: %s\n", r.Server, time.Since(begin).Seconds(), d.kubeconfig())
	return nil
}

// awaitSupervisor returns the record of the running cluster, or nil if none
// runs. A supervisor that is not ready is one that is about to end: it does not
// start without an up, and we hold the lock that an up holds.
func awaitSupervisor(d dir, patience time.Duration) (*record, error) {
	ctx, cancel := context.WithTimeoutCause(context.Background(), patience,
		fmt.Errorf("a cluster runs in %s and is not ready after %s; see its logs, and devcluster down", d, patience))
	defer cancel()
	var running *record
	err := await(ctx, func(ctx context.Context) error {
		r, err := probe(ctx, d)
		if errors.Is(err, errNotRunning) {
			return nil
		}
		if err == nil {
			running = &r
		}
		return err
	})
	return running, err
}

var errNotRunning = errors.New("not running")

// probe returns the record of a cluster that runs and is ready.
func probe(ctx context.Context, d dir) (record, error) {
	holder, err := lockHolder(d.supervisorLock())
	if err != nil {
		return record{}, err
	}
	if holder == 0 {
		return record{}, errNotRunning
	}
	r, err := d.readRecord()
	if err != nil {
		return record{}, err
	}
	if r.PIDs == nil || r.PIDs.Supervisor != holder {
		return record{}, errors.New("starting or stopping")
	}
	api, err := newProber(d, r.Server)
	if err != nil {
		return record{}, err
	}
	return r, api.serving(ctx)
}

// suits refuses to pass off a cluster for another than was asked for.
func suits(running record, o Options) error {
	if o.Port != 0 && o.Port != portOf(running.Server) {
		return fmt.Errorf("it runs at %s, not on port %d; devcluster down first", running.Server, o.Port)
	}
	if o.APIServerArgs != nil && !slices.Equal(o.APIServerArgs, running.APIServerArgs) {
		return fmt.Errorf("it runs with other --apiserver-arg: %q; devcluster down first", running.APIServerArgs)
	}
	if o.Owner != nil && (running.Owner == nil || *running.Owner != *o.Owner) {
		fmt.Fprintln(os.Stderr, "devcluster: it runs already, so it keeps the owner it has")
	}
	return nil
}

// startSupervisor returns when the new supervisor has reported. Should we die
// before that, the supervisor sees the end of the connection and stops.
func startSupervisor(d dir, o Options) error {
	ends, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("start the supervisor: %w", err)
	}
	ours, theirs := os.NewFile(uintptr(ends[0]), "supervisor"), os.NewFile(uintptr(ends[1]), "up")
	defer ours.Close()
	defer theirs.Close()

	const supervisor = "supervisor"
	log, err := os.OpenFile(d.log(supervisor), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("start the supervisor: %w", err)
	}
	defer log.Close()
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("start the supervisor: %w", err)
	}
	closeOnExec()     // or a caller that waits for the end of a pipe would wait for the cluster
	o.Dir = string(d) // absolute
	cmd := exec.Command(self, append([]string{SuperviseCommand}, o.args()...)...)
	cmd.Dir = string(d)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.ExtraFiles = []*os.File{theirs} // reportFD
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start the supervisor: %w", err)
	}
	theirs.Close()

	var r report
	if err := json.NewDecoder(ours).Decode(&r); err != nil {
		return fmt.Errorf("the supervisor ended before the cluster was ready; the end of %s:\n%s",
			d.log(supervisor), lastLines(d, supervisor, 5))
	}
	if r.Error != "" {
		_ = cmd.Wait() // it has stopped the servers; do not leave before it
		return errors.New(r.Error)
	}
	return nil
}

// closeOnExec keeps every file but the standard ones from the processes that we
// start, also those that we were given ourselves.
func closeOnExec() {
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return
	}
	for _, f := range open {
		if fd, err := strconv.Atoi(f.Name()); err == nil && fd > 2 {
			unix.CloseOnExec(fd)
		}
	}
}
