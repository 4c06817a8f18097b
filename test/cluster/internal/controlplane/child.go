//go:build linux

package controlplane

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"
)

// A child is one running server.
type child struct {
	name string
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
	err  error         // how it ended; to be read after done
}

// startChild runs this binary as the program name, with its output in the log of
// that name. The kernel kills the child when the calling thread ends, so the
// caller must be locked to a thread that lives as long as the supervisor.
func startChild(d dir, name string, args []string) (*child, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	log, err := os.Create(d.log(name))
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	defer log.Close()
	cmd := &exec.Cmd{
		Path:        self,
		Args:        append([]string{name}, args...),
		Env:         childEnvironment(),
		Dir:         string(d),
		Stdout:      log,
		Stderr:      log,
		SysProcAttr: &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL},
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	c := &child{name: name, cmd: cmd, done: make(chan struct{})}
	go func() {
		c.err = cmd.Wait()
		close(c.done)
	}()
	return c, nil
}

// childEnvironment leaves out what would change the servers behind our back:
// every flag of etcd can also be given as ETCD_…, and a proxy would get the API
// server's calls to webhooks.
func childEnvironment() []string {
	return slices.DeleteFunc(os.Environ(), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		switch name {
		case "HOME", "PATH", "TMPDIR", "TZ", "GODEBUG", "GOGC", "GOMAXPROCS", "GOMEMLIMIT":
			return false
		}
		return true
	})
}

func (c *child) pid() int { return c.cmd.Process.Pid }

// tell sends a signal, unless there is nobody to get it.
func (c *child) tell(signal os.Signal) {
	if c != nil {
		_ = c.cmd.Process.Signal(signal) // it may have ended by itself
	}
}

// stop returns when the child has ended, by SIGTERM or, after the grace, by SIGKILL.
func (c *child) stop(grace time.Duration) {
	if c == nil {
		return
	}
	c.tell(syscall.SIGTERM)
	select {
	case <-c.done:
		return
	case <-time.After(grace):
	}
	c.tell(syscall.SIGKILL)
	<-c.done
}

// watch ends the context, with the reason, when the child ends.
func (c *child) watch(cancel context.CancelCauseFunc) {
	go func() {
		<-c.done
		cancel(&endedError{c.name, c.err})
	}()
}

// endedError says that a server ended that was not told to.
type endedError struct {
	name string
	err  error
}

func (e *endedError) Error() string {
	if e.err == nil {
		return e.name + " ended by itself"
	}
	return fmt.Sprintf("%s ended: %v", e.name, e.err)
}

// lastLines are the last n lines of the log of a program, for an error message.
func lastLines(d dir, program string, n int) string {
	f, err := os.Open(d.log(program))
	if err != nil {
		return ""
	}
	defer f.Close()
	const enough = 16 << 10
	if info, err := f.Stat(); err == nil && info.Size() > enough {
		_, _ = f.Seek(-enough, io.SeekEnd)
	}
	data, _ := io.ReadAll(f)
	lines := bytes.Split(bytes.TrimSpace(data), []byte("\n"))
	return string(bytes.Join(lines[max(0, len(lines)-n):], []byte("\n")))
}
