package stage

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// A Process is a running program of ours.
type Process struct {
	// Log is the file with what the program writes to standard error.
	Log string

	cmd  *exec.Cmd
	done chan struct{}
	err  error
}

// Start runs a program, with its standard error in a file of that name in dir,
// and waits until it prints the line ready to standard output, if ready is not
// empty. The program dies with this process.
func Start(ctx context.Context, dir, name, ready string, argv ...string) (*Process, error) {
	p := &Process{Log: filepath.Join(dir, name+".log"), done: make(chan struct{})}
	log, err := os.OpenFile(p.Log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("log of %s: %w", name, err)
	}
	// ctx bounds the wait; the program outlives it.
	p.cmd = exec.CommandContext(context.WithoutCancel(ctx), argv[0], argv[1:]...)
	p.cmd.Stderr = log
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, errors.Join(err, log.Close())
	}
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	lines := make(chan string, 16)
	if err := spawn(p.cmd); err != nil {
		return nil, errors.Join(fmt.Errorf("start %s: %w", name, err), log.Close())
	}
	go func() {
		scanner := bufio.NewScanner(stdout)
		for scanner.Scan() {
			select {
			case lines <- scanner.Text():
			default:
			}
		}
		_, _ = io.Copy(io.Discard, stdout)
		p.err = p.cmd.Wait()
		_ = log.Close()
		close(p.done)
	}()
	if ready == "" {
		return p, nil
	}
	for {
		select {
		case line := <-lines:
			if line == ready {
				return p, nil
			}
		case <-p.done:
			return nil, fmt.Errorf("%s ended before it was ready: %w\n%s", name, p.err, p.Tail(10))
		case <-ctx.Done():
			p.Kill()
			return nil, fmt.Errorf("%s did not get ready: %w\n%s", name, ctx.Err(), p.Tail(10))
		}
	}
}

var spawner struct {
	once sync.Once
	jobs chan func()
}

// spawn starts cmd on a thread that lives as long as this process: Linux sends
// the parent death signal when the starting thread ends, not the process.
func spawn(cmd *exec.Cmd) error {
	spawner.once.Do(func() {
		spawner.jobs = make(chan func())
		go func() {
			lockThread()
			for job := range spawner.jobs {
				job()
			}
		}()
	})
	result := make(chan error)
	spawner.jobs <- func() { result <- cmd.Start() }
	return <-result
}

// PID is the process ID.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Running reports whether the program still runs.
func (p *Process) Running() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// Kill ends the program without a warning (SIGKILL).
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill()
	<-p.done
}

// Stop asks the program to end (SIGTERM) and returns how it did, and how long
// it took.
func (p *Process) Stop() (time.Duration, error) {
	begin := time.Now()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return 0, fmt.Errorf("signal: %w", err)
	}
	select {
	case <-p.done:
		return time.Since(begin), p.err
	case <-time.After(20 * time.Second):
		p.Kill()
		return time.Since(begin), errors.New("did not stop within 20 s and was killed")
	}
}

// Tail returns the last n lines of the log.
func (p *Process) Tail(n int) string {
	data, err := os.ReadFile(p.Log)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
