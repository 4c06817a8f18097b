//go:build linux

package controlplane

import (
	"errors"
	"flag"
	"fmt"
	"path/filepath"
	"strconv"
	"time"
)

// Options are what Up is asked for; it hands them on to the supervisor.
type Options struct {
	Dir           string
	Port          int      // of the API server; 0 is any that is free
	Owner         *Process // the cluster ends when it does; may be nil
	APIServerArgs []string // after our own, so they win
	Timeout       time.Duration
}

// Bind makes fs set o; both the user's command and the supervisor's are read so.
func (o *Options) Bind(fs *flag.FlagSet) {
	fs.StringVar(&o.Dir, "dir", "", "directory of the cluster")
	fs.DurationVar(&o.Timeout, "timeout", 90*time.Second, "how long to wait until the cluster is ready")
	fs.Func("port", "port of the API server", func(s string) error {
		port, err := strconv.ParseUint(s, 10, 16)
		o.Port = int(port)
		return err
	})
	fs.Func("owner", "PID of a process with which the cluster ends", func(s string) (err error) {
		o.Owner, err = parseProcess(s)
		return err
	})
	fs.Func("apiserver-arg", "an argument for kube-apiserver; repeatable", func(s string) error {
		o.APIServerArgs = append(o.APIServerArgs, s)
		return nil
	})
}

// args are the flags from which Bind makes o.
func (o Options) args() []string {
	args := []string{"--dir", o.Dir, "--port", strconv.Itoa(o.Port), "--timeout", o.Timeout.String()}
	if o.Owner != nil {
		args = append(args, "--owner", o.Owner.String())
	}
	for _, a := range o.APIServerArgs {
		args = append(args, "--apiserver-arg", a)
	}
	return args
}

// absolute resolves symbolic links as well, so that a directory has one name
// however it was reached.
func absolute(path string) (dir, error) {
	if path == "" {
		return "", errors.New("--dir is missing")
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("find %s: %w", path, err)
	}
	if resolved, err := filepath.EvalSymlinks(abs); err == nil {
		abs = resolved // else it does not exist yet
	}
	return dir(abs), nil
}
