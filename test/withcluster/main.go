// Withcluster runs a command beside a fresh local cluster, whose kubeconfig it
// gives the command in KUBECONFIG, and takes the cluster down when the command
// ends, however it ends.
//
//	withcluster [-devcluster bin/devcluster] go test -tags cluster ./...
//
// It exits as the command did. A signal goes to the command and to everything
// that it started.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// patience is how long a command may take to end after a signal.
const patience = 20 * time.Second

func main() {
	devcluster := flag.String("devcluster", "bin/devcluster", "the program that runs the cluster")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	err := run(ctx, *devcluster, flag.Args())
	stop()
	var ended exitError
	switch {
	case err == nil:
	case errors.As(err, &ended):
		if err != error(ended) { //nolint:errorlint // is there more to say than its own output did?
			fmt.Fprintln(os.Stderr, "withcluster:", err)
		}
		os.Exit(int(ended))
	default:
		fmt.Fprintln(os.Stderr, "withcluster:", err)
		os.Exit(1)
	}
}

// An exitError says that the command ran and failed.
type exitError int

func (e exitError) Error() string { return fmt.Sprintf("the command ended with %d", int(e)) }

// run returns the error of the command, else that of the cluster.
func run(ctx context.Context, devcluster string, command []string) (err error) {
	if len(command) == 0 {
		return errors.New("no command")
	}
	dir, err := os.MkdirTemp("", "withcluster-")
	if err != nil {
		return fmt.Errorf("make directory: %w", err)
	}
	defer func() {
		if removeErr := os.RemoveAll(dir); removeErr != nil {
			err = errors.Join(err, removeErr)
		}
	}()
	defer func() {
		// Whatever ctx says: a signal may be why we are here.
		down := exec.CommandContext(context.WithoutCancel(ctx), devcluster, "down", "--dir", dir)
		if out, downErr := down.CombinedOutput(); downErr != nil {
			err = errors.Join(err, fmt.Errorf("take the cluster down: %w: %s", downErr, out))
		}
	}()
	// With --owner the cluster ends with this process even if that is killed.
	up := exec.CommandContext(ctx, devcluster, "up", "--dir", dir, "--owner", strconv.Itoa(os.Getpid()))
	up.Stdout, up.Stderr = os.Stderr, os.Stderr
	if err := up.Run(); err != nil {
		return fmt.Errorf("bring the cluster up: %w", err)
	}
	return runCommand(ctx, command, filepath.Join(dir, "kubeconfig"))
}

func runCommand(ctx context.Context, command []string, kubeconfig string) error {
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), "KUBECONFIG="+kubeconfig)
	// A group of its own, so that what it started is reached as well: go test
	// leaves its test binaries behind when it alone is told to stop.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = patience
	err := cmd.Run()
	if ctx.Err() != nil && cmd.Process != nil {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // what is left of the group, if anything
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.Exited() {
		return exitError(exit.ExitCode())
	}
	return err
}
