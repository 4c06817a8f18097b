package main

import (
	"fmt"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/certwright/certwright/cmd/internal/run"
)

// version prints what this binary is.
func version() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "certctl %s (%s, %s/%s)\n", run.Version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return err
		},
	}
}
