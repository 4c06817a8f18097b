package shim_test

import (
	"fmt"
	"strings"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	cmmeta "github.com/certwright/certwright/certs/meta/v1"
	certsv1 "github.com/certwright/certwright/certs/v1"
	"github.com/certwright/certwright/shim"
)

// notes are the annotations of an Ingress.
type notes map[string]string

const (
	clusterIssuer = "cert-manager.io/cluster-issuer"
	issuer        = "cert-manager.io/issuer"
	tlsACME       = "kubernetes.io/tls-acme"
)

// app is the Ingress "app" in the namespace "ns".
func app(annotations notes, tls ...networkingv1.IngressTLS) *networkingv1.Ingress {
	return &networkingv1.Ingress{
		ObjectMeta: metav1.ObjectMeta{Name: "app", Namespace: "ns", UID: "uid-app", Annotations: annotations},
		Spec:       networkingv1.IngressSpec{TLS: tls},
	}
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

func labelled(ing *networkingv1.Ingress, labels map[string]string) *networkingv1.Ingress {
	ing.Labels = labels
	return ing
}

func tls(secret string, hosts ...string) networkingv1.IngressTLS {
	return networkingv1.IngressTLS{SecretName: secret, Hosts: hosts}
}

// certificate is the one that app leads to by cluster-issuer "le", changed by
// what a test changes about it.
func certificate(name string, dnsNames []string, changes ...func(*certsv1.Certificate)) *certsv1.Certificate {
	yes := true
	crt := &certsv1.Certificate{
		ObjectMeta: metav1.ObjectMeta{
			Name: name, Namespace: "ns",
			OwnerReferences: []metav1.OwnerReference{{
				APIVersion: "networking.k8s.io/v1", Kind: "Ingress", Name: "app", UID: "uid-app",
				Controller: &yes, BlockOwnerDeletion: &yes,
			}},
		},
		Spec: certsv1.CertificateSpec{
			SecretName: name,
			DNSNames:   dnsNames,
			IssuerRef:  cmmeta.IssuerReference{Name: "le", Kind: "ClusterIssuer", Group: "cert-manager.io"},
			Usages:     []certsv1.KeyUsage{"digital signature", "key encipherment"},
		},
	}
	for _, change := range changes {
		change(crt)
	}
	return crt
}

func issuedBy(name, kind, group string) func(*certsv1.Certificate) {
	return func(crt *certsv1.Certificate) {
		crt.Spec.IssuerRef = cmmeta.IssuerReference{Name: name, Kind: kind, Group: group}
	}
}

func spec(change func(*certsv1.CertificateSpec)) func(*certsv1.Certificate) {
	return func(crt *certsv1.Certificate) { change(&crt.Spec) }
}

func annotated(annotations notes) func(*certsv1.Certificate) {
	return func(crt *certsv1.Certificate) { crt.Annotations = annotations }
}

func withLabels(labels map[string]string) func(*certsv1.Certificate) {
	return func(crt *certsv1.Certificate) { crt.Labels = labels }
}

func ownedBy(name string, uid types.UID) func(*certsv1.Certificate) {
	return func(crt *certsv1.Certificate) {
		crt.OwnerReferences[0].Name, crt.OwnerReferences[0].UID = name, uid
	}
}

func unowned(crt *certsv1.Certificate) { crt.OwnerReferences = nil }

func crts(list ...*certsv1.Certificate) []*certsv1.Certificate { return list }

// outcome is what one pass over a source does and says.
type outcome struct {
	creates, updates []*certsv1.Certificate
	deletes          []string
	told             []string
}

// pass is what a shell does, without writing.
func pass(t *testing.T, ing *networkingv1.Ingress, opts shim.Options, existing []*certsv1.Certificate) outcome {
	t.Helper()
	return passOver(t, shim.FromIngress(ing), opts, existing)
}

// passOver is pass over any source.
func passOver(t *testing.T, src *shim.Source, opts shim.Options, existing []*certsv1.Certificate) outcome {
	t.Helper()
	wanted := shim.Desired(src, opts)
	changes := shim.Plan(src, opts, wanted, existing)
	var out outcome
	for _, p := range wanted.Problems {
		out.told = append(out.told, fmt.Sprintf("%s: %s", p.Reason, p.Message))
	}
	out.creates = changes.Create
	for _, u := range changes.Update {
		out.updates = append(out.updates, u.Desired)
	}
	for _, crt := range changes.Delete {
		out.deletes = append(out.deletes, crt.Name)
	}
	return out
}

func ptr[T any](v T) *T { return &v }
