// Certctl is the command line of Certwright. The scripts in testdata are its
// manual, and its tests.
package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/certwright/certwright/cmd/internal/run"
)

func main() {
	ctx, stop := run.Context()
	err := command().ExecuteContext(ctx)
	stop()
	if err == nil {
		return
	}
	if text := remedy(err).Error(); text != "" {
		fmt.Fprintf(os.Stderr, "%s: %s\n", programName(), text)
	}
	code := 1
	if e := (exitError{}); errors.As(err, &e) {
		code = e.code
	}
	os.Exit(code)
}

func command() *cobra.Command {
	root := &cobra.Command{
		Use:           "certctl",
		Short:         "The command line of Certwright",
		SilenceUsage:  true,
		SilenceErrors: true, // main prints them
		Annotations:   map[string]string{cobra.CommandDisplayNameAnnotation: programName()},
	}
	root.AddCommand(crds(), lintManifests(), version())
	root.AddCommand(explainCommand(), statusCommand(), inspectCommand(), renew(), approve(), deny(), check())
	for _, cmd := range root.Commands() {
		cmd.Example = strings.ReplaceAll(cmd.Example, "certctl ", programName()+" ")
	}
	return root
}

// programName is what the user typed: kubectl runs a program kubectl-some_thing
// in its path as the plugin "kubectl some-thing".
func programName() string {
	name := strings.TrimSuffix(filepath.Base(os.Args[0]), ".exe")
	if plugin, ok := strings.CutPrefix(name, "kubectl-"); ok {
		return "kubectl " + strings.ReplaceAll(plugin, "_", "-")
	}
	return "certctl"
}

// oneName asks for the name of one object.
func oneName(kind string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) != 1 {
			return fmt.Errorf("name one %s", kind)
		}
		return nil
	}
}
