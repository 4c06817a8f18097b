// Certctl is the command line of Certwright. The scripts in testdata are its
// manual, and its tests.
package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"
)

func main() {
	if err := command().Execute(); err != nil {
		if text := err.Error(); text != "" {
			fmt.Fprintln(os.Stderr, "certctl:", text)
		}
		code := 1
		if e := (exitError{}); errors.As(err, &e) {
			code = e.code
		}
		os.Exit(code)
	}
}

func command() *cobra.Command {
	root := &cobra.Command{
		Use:           "certctl",
		Short:         "The command line of Certwright",
		SilenceUsage:  true,
		SilenceErrors: true, // main prints them
	}
	root.AddCommand(crds(), lintManifests(), version())
	return root
}
