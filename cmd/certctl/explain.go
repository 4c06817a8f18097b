package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	cmmeta "github.com/certwright/certwright/certs/meta/v1"
	"github.com/certwright/certwright/cmd/internal/explain"
	"github.com/certwright/certwright/issuance/certificate"
	"github.com/certwright/certwright/shim"
	"github.com/certwright/certwright/webhook"
)

// explainCommand says why something is not ready.
func explainCommand() *cobra.Command {
	options := shim.DefaultOptions()
	backoff := certificate.Policy{MinBackoff: time.Hour, MaxBackoff: 32 * time.Hour}
	cmd := &cobra.Command{
		Use:   "explain KIND NAME",
		Short: "Say why an Ingress or Certificate is not ready, and what it waits for",
		Long: `Say why something is not ready, what it waits for and until when, and what to do.

KIND is ingress, certificate, certificaterequest, order or challenge. The live
objects are read, down to what presents an ACME challenge, and the controllers'
own decisions are taken on them; nothing is written. The innermost cause comes
first.`,
		Example: `  certctl explain certificate web
  certctl explain ingress/web -n shop`,
	}
	to := connect(cmd)
	flags := cmd.Flags()
	// The controller's own, under its names: the API server does not tell them.
	flags.StringVar(&options.DefaultIssuerName, "default-issuer-name", options.DefaultIssuerName, "as the controller has it")
	flags.StringVar(&options.DefaultIssuerKind, "default-issuer-kind", options.DefaultIssuerKind, "as the controller has it")
	flags.StringVar(&options.DefaultIssuerGroup, "default-issuer-group", options.DefaultIssuerGroup, "as the controller has it")
	flags.StringSliceVar(&options.IngressClasses, "ingress-class", nil, "as the controller has it")
	flags.DurationVar(&backoff.MinBackoff, "certificate-request-minimum-backoff-duration", backoff.MinBackoff, "as the controller has it")
	flags.DurationVar(&backoff.MaxBackoff, "certificate-request-maximum-backoff-duration", backoff.MaxBackoff, "as the controller has it")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		kind, name, err := kindAndName(args)
		if err != nil {
			return err
		}
		in, err := to.open()
		if err != nil {
			return err
		}
		options.DefaultIssuer = func(namespace string) (*cmmeta.IssuerReference, error) {
			return webhook.MarkedIssuer(cmd.Context(), namespace, in)
		}
		observer := explain.Observer{From: in, Now: time.Now(), Backoff: backoff, Shim: options}
		report, err := observer.Explain(cmd.Context(), kind, in.namespace, name)
		if err != nil {
			return fmt.Errorf("explain: %w", err)
		}
		report.Program = programName()
		return report.Write(cmd.OutOrStdout())
	}
	return cmd
}

// kindAndName reads "kind name" or "kind/name".
func kindAndName(args []string) (kind, name string, err error) {
	if len(args) == 1 {
		args = strings.SplitN(args[0], "/", 2)
	}
	if len(args) != 2 || args[0] == "" || args[1] == "" {
		return "", "", errors.New("name one object: KIND NAME, or KIND/NAME")
	}
	return args[0], args[1], nil
}
