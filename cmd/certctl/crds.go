package main

import (
	"github.com/spf13/cobra"

	"github.com/certwright/certwright/deploy"
)

// crds prints the CRDs that belong to this version.
func crds() *cobra.Command {
	return &cobra.Command{
		Use:     "crds",
		Short:   "Print the CRDs as YAML",
		Long:    "Print the CRDs of this version as YAML, so that they can be applied by hand.",
		Example: "  certctl crds | kubectl apply --server-side -f -",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return deploy.WriteCRDs(cmd.OutOrStdout())
		},
	}
}
