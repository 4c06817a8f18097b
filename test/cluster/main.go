//go:build linux

package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	etcdversion "go.etcd.io/etcd/api/v3/version"

	"github.com/certwright/certwright/test/cluster/internal/controlplane"
	"github.com/certwright/certwright/test/cluster/internal/kubeversion"
)

const usage = `devcluster runs a Kubernetes control plane for tests.

  devcluster up --dir D [--port P] [--owner PID] [--apiserver-arg=A]... [--timeout 90s]
  devcluster down --dir D
  devcluster status --dir D
  devcluster version
  devcluster kubectl ARGUMENTS...
`

func main() {
	if run, ok := programs[filepath.Base(os.Args[0])]; ok {
		os.Exit(run())
	}
	err := run(os.Args[1:])
	switch {
	case err == nil:
	case errors.Is(err, flag.ErrHelp):
		fmt.Print(usage)
	default:
		fmt.Fprintln(os.Stderr, "devcluster:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) == 0 {
		return fmt.Errorf("no command\n\n%s", usage)
	}
	command, rest := args[0], args[1:]
	flags := flag.NewFlagSet(command, flag.ContinueOnError)
	flags.SetOutput(io.Discard) // main prints the usage
	switch command {
	case "up", controlplane.SuperviseCommand:
		var o controlplane.Options
		o.Bind(flags)
		if err := parse(flags, rest); err != nil {
			return err
		}
		if command == "up" {
			return controlplane.Up(o)
		}
		return controlplane.Supervise(o)
	case "down", "status":
		path := flags.String("dir", "", "directory of the cluster")
		if err := parse(flags, rest); err != nil {
			return err
		}
		if command == "down" {
			return controlplane.Down(*path)
		}
		return controlplane.Status(*path)
	case kubectl:
		os.Args = append([]string{kubectl}, rest...)
		os.Exit(programs[kubectl]())
		return nil
	case "version", "--version":
		fmt.Printf("Kubernetes %s, etcd %s\n", kubeversion.Kubernetes, etcdversion.Version)
		return nil
	case "help", "-h", "--help":
		return flag.ErrHelp
	default:
		return fmt.Errorf("no command %q\n\n%s", command, usage)
	}
}

func parse(flags *flag.FlagSet, args []string) error {
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected arguments: %s", strings.Join(flags.Args(), " "))
	}
	return nil
}
