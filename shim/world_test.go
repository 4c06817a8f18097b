package shim_test

import (
	"fmt"
	"strings"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"

	certsv1 "github.com/certwright/certwright/certs/v1"
	"github.com/certwright/certwright/shim"
	"github.com/certwright/certwright/test/annotated"
)

// What the examples are made of is good for other tests.
type (
	notes   = annotated.Notes
	outcome = annotated.Outcome
)

var (
	app         = annotated.App
	labelled    = annotated.Labelled
	tls         = annotated.TLS
	certificate = annotated.Certificate
	crts        = annotated.Certificates
	issuedBy    = annotated.IssuedBy
	spec        = annotated.Spec
	noted       = annotated.Annotated
	withLabels  = annotated.WithLabels
	ownedBy     = annotated.OwnedBy
	unowned     = annotated.Unowned
)

const (
	clusterIssuer = shim.ClusterIssuerKey
	issuer        = shim.IssuerKey
	tlsACME       = shim.TLSACMEKey
)

// le are the options with a default issuer.
func le() shim.Options {
	opts := shim.DefaultOptions()
	opts.DefaultIssuerName, opts.DefaultIssuerKind = "le", "ClusterIssuer"
	return opts
}

// ingress is app with blocks that are written as a Secret and hosts, divided by
// spaces.
func ingress(annotations notes, blocks []string) *networkingv1.Ingress {
	ing := app(annotations)
	for _, block := range blocks {
		words := strings.Split(block, " ")
		ing.Spec.TLS = append(ing.Spec.TLS, tls(words[0], words[1:]...))
	}
	return ing
}

// ruled gives ing a rule for each host.
func ruled(ing *networkingv1.Ingress, hosts ...string) *networkingv1.Ingress {
	for _, host := range hosts {
		ing.Spec.Rules = append(ing.Spec.Rules, networkingv1.IngressRule{Host: host})
	}
	return ing
}

func classed(ing *networkingv1.Ingress, class string) *networkingv1.Ingress {
	ing.Spec.IngressClassName = &class
	return ing
}

// pass is what a shell does, without writing.
func pass(t *testing.T, ing *networkingv1.Ingress, opts shim.Options, existing []*certsv1.Certificate) outcome {
	t.Helper()
	return passOver(t, shim.FromIngress(ing), opts, existing)
}

func passOver(t *testing.T, src *shim.Source, opts shim.Options, existing []*certsv1.Certificate) outcome {
	t.Helper()
	wanted := shim.Desired(src, opts)
	changes := shim.Plan(src, opts, wanted, existing)
	var out outcome
	for _, p := range wanted.Problems {
		out.Told = append(out.Told, fmt.Sprintf("%s: %s", p.Reason, p.Message))
	}
	out.Creates = changes.Create
	for _, u := range changes.Update {
		out.Updates = append(out.Updates, u.Desired)
	}
	for _, crt := range changes.Delete {
		out.Deletes = append(out.Deletes, crt.Name)
	}
	return out
}

func ptr[T any](v T) *T { return &v }
