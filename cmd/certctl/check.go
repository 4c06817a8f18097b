package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/certwright/certwright/certs"
	cmmeta "github.com/certwright/certwright/certs/meta/v1"
	certsv1 "github.com/certwright/certwright/certs/v1"
)

// check looks whether something works.
func check() *cobra.Command {
	cmd := &cobra.Command{Use: "check", Short: "Look whether the API works"}
	cmd.AddCommand(checkAPI())
	return cmd
}

func checkAPI() *cobra.Command {
	var patient, interval time.Duration
	cmd := &cobra.Command{
		Use:   "api",
		Short: "Look whether the API is installed and admission answers",
		Long: `Look whether the API is installed and admission answers.

Two CertificateRequests are created as a dry run, which leaves nothing behind: a
good one, which the webhook has to sign with the name of its creator, and a bad
one, which it has to refuse.`,
		Example: "  certctl check api --wait 1m",
		Args:    cobra.NoArgs,
	}
	to := connect(cmd)
	cmd.Flags().DurationVar(&patient, "wait", 0, "how long to wait until the API is ready; 0 looks once")
	cmd.Flags().DurationVar(&interval, "interval", 5*time.Second, "pause between two looks")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if interval <= 0 {
			return errors.New("--interval must be positive")
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), max(patient, patience))
		defer cancel()
		end := time.Now().Add(patient)
		var last error
		err := wait.PollUntilContextCancel(ctx, interval, true, func(ctx context.Context) (bool, error) {
			in, err := to.open()
			if err == nil {
				err = in.answers(ctx)
			}
			if last = err; err == nil {
				return true, nil
			}
			if !time.Now().Add(interval).Before(end) {
				return false, err
			}
			_, printed := fmt.Fprintln(cmd.ErrOrStderr(), "Not ready:", err)
			return false, printed
		})
		if err != nil {
			return errors.Join(last, context.Cause(ctx))
		}
		_, err = fmt.Fprintln(cmd.OutOrStdout(), "The cert-manager API is ready")
		return err
	}
	return cmd
}

// refusal is what the webhook's refusals begin with.
const refusal = `admission webhook "webhook.cert-manager.io" denied the request`

// answers returns what is wrong with the API, if something is.
func (in *cluster) answers(ctx context.Context) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	csr, err := certs.CreateCSR(&certsv1.CertificateSpec{DNSNames: []string{"example.com"}}, key)
	if err != nil {
		return err
	}
	good, err := in.dryRun(ctx, csr)
	switch {
	case err != nil:
		return unready(err)
	case good.Spec.Username == "" && good.Spec.UID == "":
		return errors.New("the mutating webhook is not called: it is missing, or does not select this namespace")
	}
	switch _, err := in.dryRun(ctx, []byte("not a signing request")); {
	case err == nil:
		return errors.New("the validating webhook is not called: it is missing, or does not select this namespace")
	case !strings.Contains(err.Error(), refusal):
		return unready(err)
	}
	return nil
}

func (in *cluster) dryRun(ctx context.Context, csr []byte) (*certsv1.CertificateRequest, error) {
	req := &certsv1.CertificateRequest{
		ObjectMeta: metav1.ObjectMeta{Namespace: in.namespace, GenerateName: "cmapichecker-"},
		Spec:       certsv1.CertificateRequestSpec{Request: csr, IssuerRef: cmmeta.IssuerReference{Name: "cmapichecker"}},
	}
	return req, in.Create(ctx, req, client.DryRunAll, client.FieldOwner(fieldOwner))
}

// unready says in plain words what a failure to create an object means.
func unready(err error) error {
	text := err.Error()
	var what string
	switch {
	case meta.IsNoMatchError(err), apierrors.IsNotFound(err) && strings.Contains(text, "could not find the requested resource"):
		what = "the CRDs are not installed"
	case strings.Contains(text, "x509: "):
		what = "the webhook's CA is not in its configurations yet"
	case strings.Contains(text, "failed calling webhook") && strings.Contains(text, "not found"):
		what = "the webhook's Service does not exist yet"
	case strings.Contains(text, "failed calling webhook"):
		what = "the webhook does not answer yet"
	default:
		return err
	}
	return fmt.Errorf("%s: %w", what, err)
}
