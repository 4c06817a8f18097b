package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	cmmeta "github.com/certwright/certwright/certs/meta/v1"
	"github.com/certwright/certwright/cmd/internal/lint"
)

// lintConfig is what the flags of certctl lint decide.
type lintConfig struct {
	Files         []string
	Output        string
	Strict        bool
	DefaultIssuer cmmeta.IssuerReference
}

// lintManifests judges manifests as admission would.
func lintManifests() *cobra.Command {
	var c lintConfig
	cmd := &cobra.Command{
		Use:   "lint -f FILE|DIR|-",
		Short: "Judge manifests as admission would, without a cluster",
		Long: `Judge manifests by the rules of admission, without a cluster.

Certificates, CertificateRequests, Issuers, ClusterIssuers, Orders and
Challenges are judged as at their creation; for Ingresses it is shown which
Certificates their annotations ask for. Other kinds are skipped.

It exits with 1 if there are errors, with --strict also if there are warnings,
and with 2 if it could not do its work.`,
		Example: `  certctl lint -f deploy/
  helm template . | certctl lint -f - --strict
  certctl lint -f a.yaml -f b.yaml -o json`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return unable(fmt.Errorf("unexpected argument %q: name files with -f", args[0]))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return runLint(cmd, c) },
	}
	cmd.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return unable(err) })
	f := cmd.Flags()
	f.SortFlags = false
	f.StringArrayVarP(&c.Files, "filename", "f", nil, "file, directory (its *.yaml, *.yml and *.json files, subdirectories included), or - for standard input; may be repeated")
	f.StringVarP(&c.Output, "output", "o", "text", "text or json")
	f.BoolVar(&c.Strict, "strict", false, "let warnings fail as errors do")
	f.StringVar(&c.DefaultIssuer.Name, "default-issuer-name", "", "issuer of Ingresses and Certificates that name none, as certwright has it")
	f.StringVar(&c.DefaultIssuer.Kind, "default-issuer-kind", "Issuer", "kind of that issuer")
	f.StringVar(&c.DefaultIssuer.Group, "default-issuer-group", "cert-manager.io", "API group of that issuer")
	return cmd
}

func runLint(cmd *cobra.Command, c lintConfig) error {
	if len(c.Files) == 0 {
		return unable(errors.New("name what to lint: -f FILE, -f DIR, or -f - for standard input"))
	}
	if c.Output != "text" && c.Output != "json" {
		return unable(fmt.Errorf("--output: %q is neither text nor json", c.Output))
	}
	files, err := lint.Read(c.Files, cmd.InOrStdin())
	if err != nil {
		return unable(err)
	}
	report := lint.Files(files, lint.Options{DefaultIssuer: c.DefaultIssuer})
	write := report.WriteText
	if c.Output == "json" {
		write = report.WriteJSON
	}
	if err := write(cmd.OutOrStdout()); err != nil {
		return unable(err)
	}
	if report.Count(lint.Error) > 0 || (c.Strict && report.Count(lint.Warning) > 0) {
		return exitError{code: 1}
	}
	return nil
}

// unable is the error of a command that could not do its work, as opposed to
// one whose answer is no.
func unable(err error) error { return exitError{code: 2, err: err} }
