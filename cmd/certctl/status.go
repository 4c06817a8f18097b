package main

import (
	"cmp"
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/duration"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/certwright/certwright/certs"
	acmev1 "github.com/certwright/certwright/certs/acme/v1"
	cmmeta "github.com/certwright/certwright/certs/meta/v1"
	certsv1 "github.com/certwright/certwright/certs/v1"
	"github.com/certwright/certwright/issuance/request"
)

// statusCommand shows what there is.
func statusCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "status", Short: "Show a Certificate and everything behind it"}
	cmd.AddCommand(statusCertificate())
	return cmd
}

func statusCertificate() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "certificate NAME",
		Short: "Show a Certificate and everything behind it",
		Long: `Show a Certificate and everything behind it: its issuer, its Secret, the
CertificateRequest in progress, the ACME Order and its Challenges, and the events
about each. Nothing of a private key is shown.

To hear why something is not ready, and what to do, use explain.`,
		Example: "  certctl status certificate web -n shop",
		Aliases: []string{"cert"},
		Args:    oneName(certsv1.CertificateKind),
	}
	to := connect(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		in, err := to.open()
		if err != nil {
			return err
		}
		key := types.NamespacedName{Namespace: in.namespace, Name: args[0]}
		crt := &certsv1.Certificate{}
		if err := in.Get(cmd.Context(), key, crt); err != nil {
			return fmt.Errorf("status of Certificate %s: %w", key, err)
		}
		t := &text{in: in, ctx: cmd.Context(), now: time.Now()}
		t.certificate(crt)
		_, err = io.WriteString(cmd.OutOrStdout(), t.out.String())
		return err
	}
	return cmd
}

// A text is written while the cluster is read. What cannot be read is said in
// its place, so that one missing permission does not hide the rest.
type text struct {
	in     *cluster
	ctx    context.Context //nolint:containedctx // that of the one command that it is made for
	now    time.Time
	out    strings.Builder
	indent string
}

func (t *text) line(format string, args ...any) {
	t.out.WriteString(t.indent)
	t.out.WriteString(strings.TrimRight(printable(fmt.Sprintf(format, args...)), " "))
	t.out.WriteByte('\n')
}

// printable replaces control characters: others wrote the names and messages,
// and they must not move the cursor or look like lines of ours.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, s)
}

// block writes a heading and, further in, what write writes.
func (t *text) block(heading string, write func()) {
	t.line("%s:", heading)
	outer := t.indent
	t.indent += "  "
	write()
	t.indent = outer
}

func (t *text) certificate(crt *certsv1.Certificate) {
	t.line("Name: %s", crt.Name)
	t.line("Namespace: %s", crt.Namespace)
	t.line("Created at: %s", stamp(&crt.CreationTimestamp))
	t.block("Conditions", func() {
		for _, c := range crt.Status.Conditions {
			t.condition(string(c.Type), c.Status, c.Reason, c.Message)
		}
		t.none(len(crt.Status.Conditions))
	})
	t.line("DNS Names:")
	for _, name := range crt.Spec.DNSNames {
		t.line("- %s", name)
	}
	t.events(crt, crt.Namespace)
	t.block("Issuer", func() { t.issuer(crt) })
	t.block("Secret", func() { t.secret(crt) })
	t.line("Not Before: %s", stamp(crt.Status.NotBefore))
	t.line("Not After: %s", stamp(crt.Status.NotAfter))
	t.line("Renewal Time: %s", stamp(crt.Status.RenewalTime))
	t.request(crt)
}

func (t *text) condition(kind string, status cmmeta.ConditionStatus, reason, message string) {
	t.line("%s: %s, Reason: %s, Message: %s", kind, status, reason, message)
}

func (t *text) none(n int) {
	if n == 0 {
		t.line("No Conditions set")
	}
}

func (t *text) issuer(crt *certsv1.Certificate) {
	ref := crt.Spec.IssuerRef.WithDefaults()
	t.line("Name: %s", ref.Name)
	t.line("Kind: %s", ref.Kind)
	if !request.Ours(ref) {
		t.line("Group: %s", ref.Group)
		return
	}
	issuer, _, err := request.Issuers{Reader: t.in}.Find(t.ctx, crt.Namespace, ref)
	switch {
	case err != nil:
		t.line("error when getting the %s: %v", ref.Kind, err)
		return
	case issuer == nil:
		t.line("error when getting the %s: it does not exist", ref.Kind)
		return
	}
	conditions := issuer.GetStatus().Conditions
	t.block("Conditions", func() {
		for _, c := range conditions {
			t.condition(string(c.Type), c.Status, c.Reason, c.Message)
		}
		t.none(len(conditions))
	})
	// Events about what has no namespace are in "default".
	t.events(issuer, cmp.Or(issuer.GetNamespace(), metav1.NamespaceDefault))
}

func (t *text) secret(crt *certsv1.Certificate) {
	secret := &corev1.Secret{}
	err := t.in.Get(t.ctx, types.NamespacedName{Namespace: crt.Namespace, Name: crt.Spec.SecretName}, secret)
	t.line("Name: %s", crt.Spec.SecretName)
	switch {
	case apierrors.IsNotFound(err):
		t.line("error when finding the Secret: it does not exist")
		return
	case err != nil:
		t.line("error when finding the Secret: %v", err)
		return
	}
	chain, err := certs.DecodeChain(secret.Data[cmmeta.TLSCertKey])
	if err != nil {
		t.line("error when reading %s of the Secret: %v", cmmeta.TLSCertKey, err)
		t.events(secret, secret.Namespace)
		return
	}
	leaf := chain[0]
	t.line("Issuer Country: %s", strings.Join(leaf.Issuer.Country, ", "))
	t.line("Issuer Organisation: %s", strings.Join(leaf.Issuer.Organization, ", "))
	t.line("Issuer Common Name: %s", leaf.Issuer.CommonName)
	key, extended := usages(leaf)
	t.line("Key Usage: %s", strings.Join(key, ", "))
	t.line("Extended Key Usages: %s", strings.Join(extended, ", "))
	t.line("Public Key Algorithm: %s", leaf.PublicKeyAlgorithm)
	t.line("Signature Algorithm: %s", leaf.SignatureAlgorithm)
	t.line("Subject Key ID: %s", hex.EncodeToString(leaf.SubjectKeyId))
	t.line("Authority Key ID: %s", hex.EncodeToString(leaf.AuthorityKeyId))
	t.line("Serial Number: %s", leaf.SerialNumber.Text(16))
	t.events(secret, secret.Namespace)
}

// request shows the request in progress: that of the next revision.
func (t *text) request(crt *certsv1.Certificate) {
	next := 1
	if r := crt.Status.Revision; r != nil {
		next = *r + 1
	}
	var list certsv1.CertificateRequestList
	if err := t.in.List(t.ctx, &list, client.InNamespace(crt.Namespace)); err != nil {
		t.line("error when finding the CertificateRequest: %v", err)
		return
	}
	at := slices.IndexFunc(list.Items, func(r certsv1.CertificateRequest) bool {
		return metav1.IsControlledBy(&r, crt) && r.Annotations[certsv1.CertificateRevisionKey] == strconv.Itoa(next)
	})
	if at < 0 {
		t.line("No CertificateRequest found for this Certificate")
		return
	}
	req := &list.Items[at]
	t.block("CertificateRequest", func() {
		t.line("Name: %s", req.Name)
		t.line("Namespace: %s", req.Namespace)
		t.block("Conditions", func() {
			for _, c := range req.Status.Conditions {
				t.condition(string(c.Type), c.Status, c.Reason, c.Message)
			}
			t.none(len(req.Status.Conditions))
		})
		t.events(req, req.Namespace)
	})
	t.order(req)
}

func (t *text) order(req *certsv1.CertificateRequest) {
	var list acmev1.OrderList
	if err := t.in.List(t.ctx, &list, client.InNamespace(req.Namespace)); err != nil {
		t.line("error when finding the Order: %v", err)
		return
	}
	at := slices.IndexFunc(list.Items, func(o acmev1.Order) bool { return metav1.IsControlledBy(&o, req) })
	if at < 0 {
		return // not an ACME issuer, or not yet
	}
	order := &list.Items[at]
	t.block("Order", func() {
		t.line("Name: %s", order.Name)
		t.line("State: %s, Reason: %s", order.Status.State, order.Status.Reason)
		if len(order.Status.Authorizations) == 0 {
			t.line("No Authorizations for this Order")
		}
		for i := range order.Status.Authorizations {
			a := &order.Status.Authorizations[i]
			t.line("Authorizations: URL: %s, Identifier: %s, Initial State: %s, Wildcard: %t", a.URL, a.Identifier, a.InitialState, a.Wildcard != nil && *a.Wildcard)
		}
		if f := order.Status.FailureTime; f != nil {
			t.line("FailureTime: %s", stamp(f))
		}
	})
	var challenges acmev1.ChallengeList
	if err := t.in.List(t.ctx, &challenges, client.InNamespace(order.Namespace)); err != nil {
		t.line("error when finding Challenges: %v", err)
		return
	}
	t.line("Challenges:")
	for i := range challenges.Items {
		ch := &challenges.Items[i]
		if metav1.IsControlledBy(ch, order) {
			t.line("- Name: %s, Type: %s, Token: %s, Key: %s, State: %s, Reason: %s, Processing: %t, Presented: %t",
				ch.Name, ch.Spec.Type, ch.Spec.Token, ch.Spec.Key, ch.Status.State, ch.Status.Reason, ch.Status.Processing, ch.Status.Presented)
		}
	}
}

// events shows the events about object, the oldest first.
func (t *text) events(object metav1.Object, namespace string) {
	var list corev1.EventList
	if err := t.in.List(t.ctx, &list, client.InNamespace(namespace), client.MatchingFields{"involvedObject.uid": string(object.GetUID())}); err != nil {
		t.line("error when reading events: %v", err)
		return
	}
	if len(list.Items) == 0 {
		t.line("Events:  <none>")
		return
	}
	slices.SortStableFunc(list.Items, func(a, b corev1.Event) int { return lastSeen(&a).Compare(lastSeen(&b)) })
	t.line("Events:")
	var table strings.Builder
	w := tabwriter.NewWriter(&table, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "Type\tReason\tAge\tFrom\tMessage")
	for i := range list.Items {
		e := &list.Items[i]
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", e.Type, e.Reason, duration.HumanDuration(t.now.Sub(lastSeen(e))),
			cmp.Or(e.Source.Component, e.ReportingController), strings.TrimSpace(e.Message))
	}
	_ = w.Flush() // a strings.Builder does not fail
	for row := range strings.Lines(table.String()) {
		t.line("  %s", strings.TrimRight(row, "\n"))
	}
}

func lastSeen(e *corev1.Event) time.Time {
	for _, t := range []time.Time{e.LastTimestamp.Time, e.EventTime.Time, e.CreationTimestamp.Time} {
		if !t.IsZero() {
			return t
		}
	}
	return time.Time{}
}

// stamp writes a time that may be missing.
func stamp(t *metav1.Time) string {
	if t.IsZero() {
		return "<none>"
	}
	return t.UTC().Format(time.RFC3339)
}
