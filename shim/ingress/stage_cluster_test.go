//go:build cluster

package ingress

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	certsv1 "github.com/certwright/certwright/certs/v1"
	"github.com/certwright/certwright/shim"
	"github.com/certwright/certwright/test/shimstage"
)

// A stage is a shimstage.Stage that knows Ingresses.
type stage struct {
	*shimstage.Stage
	namespace string
}

func newStage(t *testing.T) *stage {
	t.Helper()
	s := shimstage.New(t, Add, shimstage.Shipped)
	return &stage{s, s.Namespace}
}

func (s *stage) must(err error) {
	s.Helper()
	s.Must(err)
}

func (s *stage) eventually(what string, happened func() bool) {
	s.Helper()
	s.Eventually(what, happened)
}

func (s *stage) ingress(annotations map[string]string, tls ...networkingv1.IngressTLS) *networkingv1.Ingress {
	s.Helper()
	ing := &networkingv1.Ingress{
		ObjectMeta: metav1.ObjectMeta{Name: "app", Namespace: s.namespace, Annotations: annotations},
		Spec: networkingv1.IngressSpec{
			DefaultBackend: &networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{
				Name: "s", Port: networkingv1.ServiceBackendPort{Number: 80},
			}},
			TLS: tls,
		},
	}
	s.must(s.Create(s.Context(), ing))
	return ing
}

func (s *stage) edit(obj client.Object, by string, change func()) {
	s.Helper()
	s.Edit(obj, by, change)
}

func (s *stage) certificate(name, what string, wanted func(*certsv1.Certificate) bool) *certsv1.Certificate {
	s.Helper()
	return s.Certificate(name, what, wanted)
}

func there(*certsv1.Certificate) bool { return true }

func (s *stage) gone(name string) {
	s.Helper()
	s.Gone(name)
}

func (s *stage) heard(kind, reason, text string) *corev1.Event {
	s.Helper()
	return s.Heard(kind, reason, text)
}

// quiet demands that a pass over the Ingress writes nothing.
func (s *stage) quiet(ing *networkingv1.Ingress) {
	s.Helper()
	marker := networkingv1.IngressTLS{SecretName: "marker", Hosts: []string{"marker.ex"}}
	s.Quiet(
		func() { s.edit(ing, "kubectl", func() { ing.Spec.TLS = append(ing.Spec.TLS, marker) }) },
		func() { s.edit(ing, "kubectl", func() { ing.Spec.TLS = ing.Spec.TLS[:len(ing.Spec.TLS)-1] }) },
	)
}

func (s *stage) counted(action string) float64 { return s.Counted(action) }

func le(more ...string) map[string]string {
	annotations := map[string]string{shim.ClusterIssuerKey: "le"}
	for i := 0; i < len(more); i += 2 {
		annotations[more[i]] = more[i+1]
	}
	return annotations
}

func block(secret string, hosts ...string) networkingv1.IngressTLS {
	return networkingv1.IngressTLS{SecretName: secret, Hosts: hosts}
}

func equal(a, b any) bool { return equality.Semantic.DeepEqual(a, b) }
