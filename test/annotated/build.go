package annotated

import (
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	cmmeta "github.com/certwright/certwright/certs/meta/v1"
	certsv1 "github.com/certwright/certwright/certs/v1"
	"github.com/certwright/certwright/shim"
)

// UIDs of what is in the examples: "app" itself, and the Ingress "other".
const (
	AppUID   types.UID = "uid-app"
	OtherUID types.UID = "uid-other"
)

// Notes are annotations.
type Notes map[string]string

// App is the Ingress "app" in the namespace "ns".
func App(annotations Notes, tls ...networkingv1.IngressTLS) *networkingv1.Ingress {
	return &networkingv1.Ingress{
		ObjectMeta: metav1.ObjectMeta{Name: "app", Namespace: "ns", UID: AppUID, Annotations: annotations},
		Spec:       networkingv1.IngressSpec{TLS: tls},
	}
}

// Labelled puts labels on ing.
func Labelled(ing *networkingv1.Ingress, labels map[string]string) *networkingv1.Ingress {
	ing.Labels = labels
	return ing
}

// TLS is one entry of spec.tls.
func TLS(secret string, hosts ...string) networkingv1.IngressTLS {
	return networkingv1.IngressTLS{SecretName: secret, Hosts: hosts}
}

// Certificate is the one that App leads to by cluster-issuer "le", changed by
// what a test changes about it.
func Certificate(name string, dnsNames []string, changes ...func(*certsv1.Certificate)) *certsv1.Certificate {
	yes := true
	crt := &certsv1.Certificate{
		ObjectMeta: metav1.ObjectMeta{
			Name: name, Namespace: "ns",
			OwnerReferences: []metav1.OwnerReference{{
				APIVersion: networkingv1.SchemeGroupVersion.String(), Kind: shim.IngressKind, Name: "app", UID: AppUID,
				Controller: &yes, BlockOwnerDeletion: &yes,
			}},
		},
		Spec: certsv1.CertificateSpec{
			SecretName: name,
			DNSNames:   dnsNames,
			IssuerRef:  cmmeta.IssuerReference{Name: "le", Kind: certsv1.ClusterIssuerKind, Group: certsv1.GroupName},
			Usages:     []certsv1.KeyUsage{certsv1.UsageDigitalSignature, certsv1.UsageKeyEncipherment},
		},
	}
	for _, change := range changes {
		change(crt)
	}
	return crt
}

// Certificates is a list of them.
func Certificates(list ...*certsv1.Certificate) []*certsv1.Certificate { return list }

// IssuedBy changes the issuer.
func IssuedBy(name, kind, group string) func(*certsv1.Certificate) {
	return func(crt *certsv1.Certificate) {
		crt.Spec.IssuerRef = cmmeta.IssuerReference{Name: name, Kind: kind, Group: group}
	}
}

// Spec changes the spec.
func Spec(change func(*certsv1.CertificateSpec)) func(*certsv1.Certificate) {
	return func(crt *certsv1.Certificate) { change(&crt.Spec) }
}

// Annotated sets the annotations.
func Annotated(annotations Notes) func(*certsv1.Certificate) {
	return func(crt *certsv1.Certificate) { crt.Annotations = annotations }
}

// WithLabels sets the labels.
func WithLabels(labels map[string]string) func(*certsv1.Certificate) {
	return func(crt *certsv1.Certificate) { crt.Labels = labels }
}

// OwnedBy makes another Ingress the controller.
func OwnedBy(name string, uid types.UID) func(*certsv1.Certificate) {
	return func(crt *certsv1.Certificate) {
		crt.OwnerReferences[0].Name, crt.OwnerReferences[0].UID = name, uid
	}
}

// Unowned takes all owners away.
func Unowned(crt *certsv1.Certificate) { crt.OwnerReferences = nil }
