// Certctl is the command line of Certwright. The scripts in testdata are its
// manual, and its tests.
package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"
)

func main() {
	if err := command().Execute(); err != nil {
		fmt.Fprintln(os.Stderr, "certctl:", err)
		os.Exit(1)
	}
}

func command() *cobra.Command {
	root := &cobra.Command{
		Use:           "certctl",
		Short:         "The command line of Certwright",
		SilenceUsage:  true,
		SilenceErrors: true, // main prints them
	}
	root.AddCommand(crds(), version())
	return root
}
