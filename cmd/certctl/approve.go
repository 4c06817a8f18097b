package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/retry"

	cmmeta "github.com/certwright/certwright/certs/meta/v1"
	certsv1 "github.com/certwright/certwright/certs/v1"
)

// verdictReason is the default reason of an approval or a denial, cert-manager's.
const verdictReason = "KubectlCertManager"

// approve lets a CertificateRequest be signed.
func approve() *cobra.Command {
	return verdict(certsv1.CertificateRequestConditionApproved, "approve", "approved")
}

// deny keeps a CertificateRequest from being signed.
func deny() *cobra.Command {
	return verdict(certsv1.CertificateRequestConditionDenied, "deny", "denied")
}

func verdict(condition certsv1.CertificateRequestConditionType, verb, done string) *cobra.Command {
	var reason, message string
	cmd := &cobra.Command{
		Use:   verb + " NAME",
		Short: fmt.Sprintf("Say that a CertificateRequest is %s", done),
		Long: fmt.Sprintf(`Say that a CertificateRequest is %s. It cannot be taken back.

Who may do so for which issuer is a matter of permissions: the verb approve on
signers.cert-manager.io.`, done),
		Example: fmt.Sprintf("  certctl %s web-1 --reason Reviewed --message 'the name is ours'", verb),
		Args:    oneName(certsv1.CertificateRequestKind),
	}
	to := connect(cmd)
	cmd.Flags().StringVar(&reason, "reason", verdictReason, "the reason, one word")
	cmd.Flags().StringVar(&message, "message", fmt.Sprintf("manually %s by %q", done, programName()), "the message, for people")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		switch {
		case reason == "":
			return errors.New("--reason must not be empty")
		case message == "":
			return errors.New("--message must not be empty")
		}
		in, err := to.open()
		if err != nil {
			return err
		}
		key := types.NamespacedName{Namespace: in.namespace, Name: args[0]}
		if err := decide(cmd.Context(), in, key, condition, reason, message); err != nil {
			return fmt.Errorf("%s CertificateRequest %s: %w", verb, key, err)
		}
		_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s CertificateRequest '%s'\n", condition, key)
		return err
	}
	return cmd
}

// decide adds the condition to a request about which nobody has decided.
func decide(ctx context.Context, in *cluster, key types.NamespacedName, condition certsv1.CertificateRequestConditionType, reason, message string) error {
	return retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		req := &certsv1.CertificateRequest{}
		if err := in.Get(ctx, key, req); err != nil {
			return err
		}
		for _, made := range []certsv1.CertificateRequestConditionType{certsv1.CertificateRequestConditionApproved, certsv1.CertificateRequestConditionDenied} {
			if c := req.Status.Condition(made); c != nil {
				return fmt.Errorf("it is %s already: %s: %s", made, c.Reason, c.Message)
			}
		}
		want := req.Status.DeepCopy()
		want.SetCondition(certsv1.CertificateRequestCondition{
			Type: condition, Status: cmmeta.ConditionTrue, Reason: reason, Message: message,
		}, metav1.NewTime(time.Now().Truncate(time.Second)))
		return patchStatus(ctx, in, req, req.Status, *want)
	})
}
