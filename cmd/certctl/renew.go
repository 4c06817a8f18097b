package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cmmeta "github.com/certwright/certwright/certs/meta/v1"
	certsv1 "github.com/certwright/certwright/certs/v1"
	"github.com/certwright/certwright/issuance/status"
)

// What a renewal by hand says, word by word cert-manager's.
const (
	renewReason  = "ManuallyTriggered"
	renewMessage = "Certificate re-issuance manually triggered"
)

// A selection says which Certificates are meant.
type selection struct {
	names         []string
	selector      string
	all           bool
	allNamespaces bool
}

// renew asks for new certificates now.
func renew() *cobra.Command {
	var which selection
	cmd := &cobra.Command{
		Use:   "renew [NAME...]",
		Short: "Issue Certificates anew, now",
		Long: `Issue Certificates anew, now, whether they are due or not.

The condition Issuing of each is set to True; the controller does the rest. The
old certificate is served until the new one is there.`,
		Example: `  certctl renew web
  certctl renew -l app=shop
  certctl renew --all --all-namespaces`,
	}
	to := connect(cmd)
	flags := cmd.Flags()
	flags.StringVarP(&which.selector, "selector", "l", "", "the Certificates with these labels")
	flags.BoolVar(&which.all, "all", false, "all Certificates of the namespace")
	flags.BoolVarP(&which.allNamespaces, "all-namespaces", "A", false, "in all namespaces; with --all or --selector")
	cmd.RunE = func(cmd *cobra.Command, names []string) error {
		which.names = names
		if err := which.check(); err != nil {
			return err
		}
		in, err := to.open()
		if err != nil {
			return err
		}
		found, err := which.find(cmd.Context(), in)
		if err != nil {
			return err
		}
		if len(found) == 0 {
			_, err := fmt.Fprintln(cmd.ErrOrStderr(), "No Certificates found")
			return err
		}
		var errs []error
		for _, key := range found {
			if err := trigger(cmd.Context(), in, key); err != nil {
				errs = append(errs, err)
				continue
			}
			fmt.Fprintf(cmd.OutOrStdout(), "Manually triggered issuance of Certificate %s\n", key)
		}
		return errors.Join(errs...)
	}
	return cmd
}

func (s *selection) check() error {
	switch {
	case len(s.names) > 0 && (s.all || s.selector != ""):
		return errors.New("name Certificates, or select them by --all or --selector, not both")
	case s.all && s.selector != "":
		return errors.New("--all and --selector exclude each other")
	case len(s.names) == 0 && !s.all && s.selector == "":
		return errors.New("name the Certificates to renew, or select them by --all or --selector")
	case len(s.names) > 0 && s.allNamespaces:
		return errors.New("names are looked for in one namespace; --all-namespaces goes with --all or --selector")
	}
	return nil
}

func (s *selection) find(ctx context.Context, in *cluster) ([]types.NamespacedName, error) {
	var out []types.NamespacedName
	for _, name := range s.names {
		out = append(out, types.NamespacedName{Namespace: in.namespace, Name: name})
	}
	if len(s.names) > 0 {
		return out, nil
	}
	selector, err := labels.Parse(s.selector)
	if err != nil {
		return nil, fmt.Errorf("--selector: %w", err)
	}
	options := &client.ListOptions{LabelSelector: selector, Namespace: in.namespace, Limit: 500}
	if s.allNamespaces {
		options.Namespace = ""
	}
	for {
		var page certsv1.CertificateList
		if err := in.List(ctx, &page, options); err != nil {
			return nil, fmt.Errorf("list Certificates: %w", err)
		}
		for i := range page.Items {
			out = append(out, client.ObjectKeyFromObject(&page.Items[i]))
		}
		if page.Continue == "" {
			return out, nil
		}
		options.Continue = page.Continue
	}
}

// trigger sets the condition Issuing. The patch is bound to the version that
// was read: it replaces the whole list of conditions, others' among them.
func trigger(ctx context.Context, in *cluster, key types.NamespacedName) error {
	err := retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		crt := &certsv1.Certificate{}
		if err := in.Get(ctx, key, crt); err != nil {
			return err
		}
		if !crt.DeletionTimestamp.IsZero() {
			return errors.New("it is being deleted")
		}
		want := crt.Status.DeepCopy()
		want.SetCondition(certsv1.CertificateCondition{
			Type: certsv1.CertificateConditionIssuing, Status: cmmeta.ConditionTrue, Reason: renewReason, Message: renewMessage,
			ObservedGeneration: crt.Generation,
		}, metav1.NewTime(time.Now().Truncate(time.Second)))
		return patchStatus(ctx, in, crt, crt.Status, *want)
	})
	if err != nil {
		return fmt.Errorf("renew Certificate %s: %w", key, err)
	}
	return nil
}

// patchStatus changes the status of object from old to want, if object is still
// as it was read.
func patchStatus(ctx context.Context, in *cluster, object client.Object, old, want any) error {
	data, err := status.Patch(old, want, object.GetResourceVersion())
	if err != nil || data == nil {
		return err
	}
	return in.Status().Patch(ctx, object, client.RawPatch(types.MergePatchType, data), client.FieldOwner(fieldOwner))
}
