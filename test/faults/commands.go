package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// layOutCommands makes a folder with kubectl and certctl, for the commands that
// alerts name.
func (w *world) layOutCommands() error {
	dir := w.commandDir()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("folder of commands: %w", err)
	}
	for name, program := range map[string]string{"kubectl": "devcluster", "certctl": "certctl"} {
		if err := os.Symlink(filepath.Join(w.bin, program), filepath.Join(dir, name)); err != nil {
			return fmt.Errorf("command %s: %w", name, err)
		}
	}
	return nil
}

func (w *world) commandDir() string { return filepath.Join(w.stage.Dir, "commands") }

// lines is how much of each log "kubectl logs" shows: what the commands of the
// alerts ask for.
const lines = 100

// follow runs a command of an alert's text, as somebody at night would, and
// returns what it prints. There are no Pods here whose logs could be read: the
// processes write them into files.
func (w *world) follow(ctx context.Context, command string) (string, error) {
	if strings.Contains(command, " logs ") {
		var out strings.Builder
		for _, log := range w.logs() {
			text, err := os.ReadFile(log)
			if err != nil {
				return "", err
			}
			all := strings.Split(strings.TrimSpace(string(text)), "\n")
			fmt.Fprintln(&out, strings.Join(all[max(0, len(all)-lines):], "\n"))
		}
		return out.String(), nil
	}
	limit := 15 * time.Second
	if strings.Contains(command, " -w ") { // who watches sees enough by then
		limit = 5 * time.Second
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", "-c", command)
	cmd.Env = append(os.Environ(), "KUBECONFIG="+w.stage.Cluster.Kubeconfig, "PATH="+w.commandDir()+":"+os.Getenv("PATH"))
	cmd.WaitDelay = time.Second
	out, err := cmd.CombinedOutput()
	if err != nil {
		return string(out), fmt.Errorf("%s: %w\n%s", command, err, out)
	}
	return string(out), nil
}
