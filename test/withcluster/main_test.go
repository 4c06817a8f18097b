package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestRun(t *testing.T) {
	tests := map[string]struct {
		up, command string
		exit        int  // of the command
		fails       bool // but not by the command's exit code
	}{
		"the command finds the kubeconfig":                        {up: "exit 0", command: `test "$(cat "$KUBECONFIG")" = credentials`},
		"the exit code of the command is ours":                    {up: "exit 0", command: "exit 7", exit: 7},
		"without a cluster the command does not run":              {up: "exit 3", command: "exit 0", fails: true},
		"the cluster ends with us, even if nobody takes it down":  {up: `test "$4" = --owner && test "$5" = "$PPID"`, command: "true"},
		"a command that cannot be started is an error of its own": {up: "exit 0", command: "", fails: true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			devcluster, taken := fake(t, tt.up)
			command := []string{"sh", "-c", tt.command}
			if tt.command == "" {
				command = []string{filepath.Join(t.TempDir(), "missing")}
			}
			err := run(t.Context(), devcluster, command)
			var code exitError
			switch {
			case tt.fails && (err == nil || errors.As(err, &code)):
				t.Errorf("run() = %v", err)
			case tt.exit > 0 && (!errors.As(err, &code) || int(code) != tt.exit):
				t.Errorf("run() = %v, want exit code %d", err, tt.exit)
			case !tt.fails && tt.exit == 0 && err != nil:
				t.Errorf("run() = %v", err)
			}
			dir := taken()
			if dir == "" {
				t.Fatal("the cluster was not taken down")
			}
			if _, err := os.Stat(dir); !os.IsNotExist(err) {
				t.Errorf("%s is left behind", dir)
			}
		})
	}
}

func TestASignalReachesEverythingTheCommandStarted(t *testing.T) {
	t.Parallel()
	devcluster, taken := fake(t, "exit 0")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	started := filepath.Join(t.TempDir(), "started")
	ended := make(chan error, 1)
	go func() {
		ended <- run(ctx, devcluster, []string{"sh", "-c", "sleep 60 & echo $! >" + started + "; wait"})
	}()
	var child int
	for deadline := time.Now().Add(10 * time.Second); ; {
		if file, err := os.ReadFile(started); err == nil && strings.HasSuffix(string(file), "\n") {
			if child, err = strconv.Atoi(strings.TrimSpace(string(file))); err != nil {
				t.Fatal(err)
			}
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the command did not start")
		}
		time.Sleep(5 * time.Millisecond)
	}
	cancel()
	select {
	case <-ended:
	case <-time.After(patience / 2):
		t.Fatal("the command outlives the signal")
	}
	if taken() == "" {
		t.Error("the cluster was not taken down")
	}
	alive := func() bool {
		cmdline, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", child))
		return err == nil && strings.HasPrefix(string(cmdline), "sleep")
	}
	for deadline := time.Now().Add(5 * time.Second); alive(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("the command's child %d lives on", child)
		}
	}
}

// fake returns a devcluster whose up does as told, and a function that returns
// the directory it was taken down with.
func fake(t *testing.T, up string) (path string, taken func() string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "devcluster")
	script := `#!/bin/sh
case $1 in
up) echo credentials >"$3/kubeconfig"; ` + up + ` ;;
down) echo "$3" >"$0.down" ;;
esac
`
	if err := os.WriteFile(path, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	return path, func() string {
		dir, err := os.ReadFile(path + ".down")
		if err != nil {
			return ""
		}
		return strings.TrimSpace(string(dir))
	}
}
