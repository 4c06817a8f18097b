//go:build cluster

package ingress

import (
	"context"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/config"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	certsv1 "github.com/certwright/certwright/certs/v1"
	"github.com/certwright/certwright/deploy"
	"github.com/certwright/certwright/shim"
	"github.com/certwright/certwright/shim/apply"
	"github.com/certwright/certwright/shim/follow"
)

// patience is how long the world may take to be as it shall be.
const patience = 15 * time.Second

// A stage is a namespace of its own on the API server of $KUBECONFIG.
type stage struct {
	*testing.T
	client.Client
	config    *rest.Config
	namespace string
	metrics   *apply.Metrics
}

// openStage returns a stage that has no namespace yet.
func openStage(t *testing.T) *stage {
	t.Helper()
	path := os.Getenv("KUBECONFIG")
	if path == "" {
		t.Fatal("KUBECONFIG is not set: start a cluster with bin/devcluster up --dir D, then KUBECONFIG=D/kubeconfig")
	}
	config, err := clientcmd.BuildConfigFromFlags("", path)
	if err != nil {
		t.Fatal(err)
	}
	config.QPS = -1
	known := runtime.NewScheme()
	s := &stage{T: t, config: config, metrics: apply.NewMetrics()}
	s.must(scheme.AddToScheme(known))
	s.must(certsv1.AddToScheme(known))
	s.Client, err = client.New(config, client.Options{Scheme: known})
	s.must(err)
	s.installCRDs()
	return s
}

func (s *stage) newNamespace() {
	s.Helper()
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "shim-"}}
	s.must(s.Create(s.Context(), ns))
	s.namespace = ns.Name
	s.Cleanup(func() { s.must(client.IgnoreNotFound(s.Delete(context.Background(), ns))) })
}

// newStage is a stage with the controller running.
func newStage(t *testing.T, change ...func(*stage, *follow.Config)) *stage {
	t.Helper()
	s := openStage(t)
	s.newNamespace()
	mgr, err := ctrl.NewManager(s.config, ctrl.Options{
		Scheme:     s.Scheme(),
		Metrics:    metricsserver.Options{BindAddress: "0"},
		Controller: controllerOptions(),
	})
	s.must(err)
	s.must(follow.Index(t.Context(), mgr.GetFieldIndexer()))
	cfg := follow.Config{
		Recorder: mgr.GetEventRecorderFor, //nolint:staticcheck // the events API of core/v1 is what users' alerts read
		Options:  shim.DefaultOptions(),
		Scope:    within(s.namespace),
		Metrics:  s.metrics,
	}
	for _, f := range change {
		f(s, &cfg)
	}
	s.must(Add(mgr, cfg))
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- mgr.Start(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Errorf("manager: %v", err)
		}
	})
	return s
}

// within is the Scope of one namespace.
type within string

func (w within) Mine(obj metav1.Object) bool { return obj.GetNamespace() == string(w) }

func (s *stage) installCRDs() {
	s.Helper()
	crds, err := deploy.CRDs()
	s.must(err)
	for _, crd := range crds {
		if err := s.Create(s.Context(), crd); err != nil && !apierrors.IsAlreadyExists(err) {
			s.Fatal(err)
		}
	}
	s.eventually("Certificates are served", func() bool {
		return s.List(s.Context(), &certsv1.CertificateList{}) == nil
	})
}

func (s *stage) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

func (s *stage) eventually(what string, happened func() bool) {
	s.Helper()
	for end := time.Now().Add(patience); !happened(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			s.Fatalf("not within %s: %s", patience, what)
		}
	}
}

func (s *stage) ingress(annotations map[string]string, tls ...networkingv1.IngressTLS) *networkingv1.Ingress {
	s.Helper()
	ing := &networkingv1.Ingress{
		ObjectMeta: metav1.ObjectMeta{Name: "app", Namespace: s.namespace, Annotations: annotations},
		Spec: networkingv1.IngressSpec{
			DefaultBackend: backend(),
			TLS:            tls,
		},
	}
	s.must(s.Create(s.Context(), ing))
	return ing
}

func backend() *networkingv1.IngressBackend {
	return &networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{
		Name: "s", Port: networkingv1.ServiceBackendPort{Number: 80},
	}}
}

func (s *stage) edit(obj client.Object, by string, change func()) {
	s.Helper()
	s.eventually("edited "+obj.GetName(), func() bool {
		s.must(s.Get(s.Context(), client.ObjectKeyFromObject(obj), obj))
		change()
		err := s.Update(s.Context(), obj, client.FieldOwner(by))
		if err != nil && !apierrors.IsConflict(err) {
			s.Fatal(err)
		}
		return err == nil
	})
}

// certificate waits for the Certificate to be as wanted.
func (s *stage) certificate(name, what string, wanted func(*certsv1.Certificate) bool) *certsv1.Certificate {
	s.Helper()
	crt := &certsv1.Certificate{}
	s.eventually(name+": "+what, func() bool {
		err := s.Get(s.Context(), client.ObjectKey{Namespace: s.namespace, Name: name}, crt)
		if apierrors.IsNotFound(err) {
			return false
		}
		s.must(err)
		return wanted(crt)
	})
	return crt
}

func there(*certsv1.Certificate) bool { return true }

func (s *stage) gone(name string) {
	s.Helper()
	s.eventually(name+" is gone", func() bool {
		return apierrors.IsNotFound(s.Get(s.Context(), client.ObjectKey{Namespace: s.namespace, Name: name}, &certsv1.Certificate{}))
	})
}

// heard waits for an event on the Ingress, which begins with text.
func (s *stage) heard(kind, reason, text string) *corev1.Event {
	s.Helper()
	var found *corev1.Event
	s.eventually("event "+reason+" "+text, func() bool {
		var events corev1.EventList
		s.must(s.List(s.Context(), &events, client.InNamespace(s.namespace)))
		i := slices.IndexFunc(events.Items, func(e corev1.Event) bool {
			return e.Type == kind && e.Reason == reason && strings.HasPrefix(e.Message, text)
		})
		if i >= 0 {
			found = &events.Items[i]
		}
		return i >= 0
	})
	return found
}

// quiet demands that passes over the Ingress, which are made to happen, write
// nothing: no Certificate changes, and no update is made that changes nothing.
func (s *stage) quiet(ing *networkingv1.Ingress) {
	s.Helper()
	s.round(ing) // what was under way is over, and counted
	updates, before := s.counted("update"), s.versions()
	s.round(ing)
	if did := s.counted("update") - updates; did != 0 {
		s.Errorf("%g updates where nothing differs", did)
	}
	if diff := cmp.Diff(before, s.versions()); diff != "" {
		s.Errorf("Certificates change where nothing differs:\n%s", diff)
	}
}

// round makes two passes over the Ingress: the Certificate of another TLS block
// comes and goes. When it is gone, the first pass is over, and of the second,
// which updates before it deletes, nothing is left to do.
func (s *stage) round(ing *networkingv1.Ingress) {
	s.Helper()
	marker := networkingv1.IngressTLS{SecretName: "marker", Hosts: []string{"marker.ex"}}
	s.edit(ing, "kubectl", func() { ing.Spec.TLS = append(ing.Spec.TLS, marker) })
	s.certificate("marker", "is made", there)
	s.edit(ing, "kubectl", func() { ing.Spec.TLS = ing.Spec.TLS[:len(ing.Spec.TLS)-1] })
	s.gone("marker")
}

// versions are those of all Certificates.
func (s *stage) versions() map[string]string {
	s.Helper()
	var all certsv1.CertificateList
	s.must(s.List(s.Context(), &all, client.InNamespace(s.namespace)))
	versions := map[string]string{}
	for i := range all.Items {
		versions[all.Items[i].Name] = string(all.Items[i].UID) + " " + all.Items[i].ResourceVersion
	}
	return versions
}

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

// controllerOptions let every test have a controller of the same name.
func controllerOptions() config.Controller {
	skip := true
	return config.Controller{SkipNameValidation: &skip}
}

// counted is what the metric says about an action.
func (s *stage) counted(action string) float64 {
	s.Helper()
	registry := prometheus.NewRegistry()
	s.must(registry.Register(s.metrics))
	families, err := registry.Gather()
	s.must(err)
	for _, family := range families {
		for _, m := range family.GetMetric() {
			if family.GetName() == "certwright_shim_writes_total" && m.GetLabel()[0].GetValue() == action {
				return m.GetCounter().GetValue()
			}
		}
	}
	s.Fatalf("no counter for %s", action)
	return 0
}

func equal(a, b any) bool { return equality.Semantic.DeepEqual(a, b) }
