//go:build linux

package controlplane

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// SuperviseCommand is the command by which Up calls this binary; it is not for
// users. Main must then call Supervise.
const SuperviseCommand = "supervise"

// reportFD is the supervisor's end of the connection to the up that started it.
const reportFD = 3

// A report is what the supervisor answers, once, when the cluster is ready or
// cannot be started.
type report struct {
	Error string `json:"error,omitempty"`
}

// How long each server has between SIGTERM and SIGKILL. There is nothing to
// lose: etcd has handed every write to the kernel before it answered. The API
// server drains its requests in milliseconds and then waits for the clients that
// watch, of which some never go.
const (
	apiServerGrace         = 2 * time.Second
	controllerManagerGrace = time.Second
	etcdGrace              = time.Second
)

// A controlPlane is the three servers, those that were started.
type controlPlane struct {
	endpoints
	etcd, apiServer, controllerManager *child
}

// stop goes from the top to the bottom: an API server without its etcd would
// hang for minutes. The controller manager is told early, for it is one of those
// that watch.
func (c *controlPlane) stop() {
	c.apiServer.tell(syscall.SIGTERM)
	c.controllerManager.tell(syscall.SIGTERM)
	c.apiServer.stop(apiServerGrace)
	c.controllerManager.stop(controllerManagerGrace)
	c.etcd.stop(etcdGrace)
}

// watch ends the context when one of the servers ends.
func (c *controlPlane) watch(cancel context.CancelCauseFunc) {
	for _, server := range []*child{c.etcd, c.apiServer, c.controllerManager} {
		server.watch(cancel)
	}
}

// Supervise starts the servers, tells the up that waits for them, and stays
// until there is a reason to stop them.
func Supervise(o Options) error {
	d, err := absolute(o.Dir)
	if err != nil {
		return err
	}
	runtime.LockOSThread() // for good: the servers live as long as this thread
	log.SetFlags(log.LstdFlags | log.Lmicroseconds | log.Lmsgprefix)
	log.SetPrefix(fmt.Sprintf("supervisor %d: ", os.Getpid()))

	closeOnExec()
	if err := syscall.SetNonblock(reportFD, true); err != nil { // a read must not outlast Close
		return fmt.Errorf("connection to up: %w", err)
	}
	up := os.NewFile(reportFD, "up")
	held, err := takeLock(d.supervisorLock())
	if err != nil {
		return errors.Join(err, json.NewEncoder(up).Encode(report{Error: err.Error()}))
	}
	defer held.release()

	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	cancelOnSignal(cancel)
	if o.Owner != nil {
		go watchOwner(*o.Owner, cancel)
	}

	plane, err := launch(ctx, d, o, up)
	if err != nil {
		return errors.Join(err, json.NewEncoder(up).Encode(report{Error: err.Error()}))
	}
	if err := json.NewEncoder(up).Encode(report{}); err != nil {
		cancel(fmt.Errorf("report to up: %w", err))
	}
	up.Close()
	plane.watch(cancel)

	<-ctx.Done()
	log.Printf("stopping: %v", context.Cause(ctx))
	err = forgetPIDs(d)
	plane.stop()
	log.Print("stopped")
	return err
}

func cancelOnSignal(cancel context.CancelCauseFunc) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	signal.Ignore(syscall.SIGHUP)
	go func() { cancel(fmt.Errorf("got the signal %v", <-signals)) }()
}

// watchOwner polls, because a pidfd is not to be had on every kernel that we run
// on; the start time keeps it from following somebody else.
func watchOwner(owner Process, cancel context.CancelCauseFunc) {
	for owner.alive() {
		time.Sleep(500 * time.Millisecond)
	}
	cancel(fmt.Errorf("its owner, process %d, ended", owner.PID))
}

// launch starts the servers on ports of which another process may take one
// before they do, so it may need another try.
func launch(ctx context.Context, d dir, o Options, up io.Reader) (*controlPlane, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, o.Timeout, fmt.Errorf("not ready after %s", o.Timeout))
	defer cancel()
	ctx, abandon := context.WithCancelCause(ctx)
	defer abandon(nil)
	go func() { // up says nothing; the connection ends when up does
		_, _ = io.Copy(io.Discard, up)
		abandon(errors.New("up ended before the cluster was ready"))
	}()

	if err := ensurePKI(d); err != nil {
		return nil, err
	}
	previous, err := d.readRecord()
	if err != nil {
		return nil, err
	}
	for tries := 1; ; tries++ {
		ports, err := choosePorts(o.Port, previous)
		if err != nil {
			return nil, err
		}
		plane, err := launchOn(ctx, d, o, ports)
		if err == nil {
			return plane, nil
		}
		var ended *endedError
		if !errors.As(err, &ended) {
			return nil, err
		}
		last := lastLines(d, ended.name, 5)
		if tries == 5 || !strings.Contains(last, "address already in use") {
			return nil, fmt.Errorf("%w; the end of %s:\n%s", err, d.log(ended.name), last)
		}
		log.Printf("port lost to another process, trying others: %v", err)
		previous = record{}
	}
}

// launchOn returns when the control plane is ready and its kubeconfig and record
// are written, or an error after stopping what it started.
func launchOn(ctx context.Context, d dir, o Options, ports endpoints) (_ *controlPlane, err error) {
	begin := time.Now()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	plane := &controlPlane{endpoints: ports}
	defer func() {
		if err != nil {
			plane.stop()
		}
	}()
	start := func(into **child, name string, args []string) error {
		c, err := startChild(d, name, args)
		if err != nil {
			return err
		}
		*into = c
		c.watch(cancel)
		return nil
	}

	if err := start(&plane.etcd, Etcd, etcdArgs(d, ports)); err != nil {
		return nil, err
	}
	if err := await(ctx, etcdServing(ports)); err != nil {
		return nil, err
	}
	log.Printf("etcd serves after %s", time.Since(begin).Round(time.Millisecond))

	if err := start(&plane.apiServer, APIServer, apiServerArgs(d, ports, o.APIServerArgs)); err != nil {
		return nil, err
	}
	api, err := newProber(d, ports.serverURL())
	if err != nil {
		return nil, err
	}
	defer api.client.CloseIdleConnections()
	if err := await(ctx, api.serving); err != nil {
		return nil, err
	}
	log.Printf("API server serves after %s", time.Since(begin).Round(time.Millisecond))

	if err := writeKubeconfig(d.pki(controllerManagerKubeconfig), d, ports.serverURL(), "controller-manager"); err != nil {
		return nil, err
	}
	if err := await(ctx, api.removeTraces); err != nil {
		return nil, err
	}
	if err := start(&plane.controllerManager, ControllerManager, controllerManagerArgs(d)); err != nil {
		return nil, err
	}
	if err := await(ctx, api.complete); err != nil {
		return nil, err
	}
	log.Printf("ready after %s at %s", time.Since(begin).Round(time.Millisecond), ports.serverURL())

	if err := writeKubeconfig(d.kubeconfig(), d, ports.serverURL(), "admin"); err != nil {
		return nil, err
	}
	return plane, d.writeRecord(plane.record(o))
}

func (c *controlPlane) record(o Options) record {
	return record{
		Server:        c.serverURL(),
		Etcd:          c.etcdURL(),
		APIServerArgs: o.APIServerArgs,
		Owner:         o.Owner,
		PIDs: &pids{
			Supervisor:        os.Getpid(),
			APIServer:         c.apiServer.pid(),
			ControllerManager: c.controllerManager.pid(),
			Etcd:              c.etcd.pid(),
		},
	}
}

// forgetPIDs leaves in the record only what the next up goes on with: the ports.
func forgetPIDs(d dir) error {
	r, err := d.readRecord()
	if err != nil || r.PIDs == nil {
		return err
	}
	return d.writeRecord(record{Server: r.Server, Etcd: r.Etcd})
}
