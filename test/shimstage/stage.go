// Package shimstage sets the controllers of the role shim up on a real API
// server, each test in a namespace of its own, and says what became of it.
package shimstage

import (
	"context"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/record"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/config"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	certsv1 "github.com/certwright/certwright/certs/v1"
	"github.com/certwright/certwright/deploy"
	"github.com/certwright/certwright/shim"
	"github.com/certwright/certwright/shim/apply"
	"github.com/certwright/certwright/shim/follow"
)

// Patience is how long the world may take to be as it shall be.
const Patience = 20 * time.Second

// A Stage is a namespace of its own on the API server of $KUBECONFIG, with the
// controllers running.
type Stage struct {
	*testing.T
	client.Client
	Namespace string

	sent    atomic.Int64
	metrics *apply.Metrics
}

// New returns a stage on which the controllers run that add gives a manager.
// They see the Stage's namespace only. access changes how they reach the API
// server: as an administrator, if it does not say otherwise.
func New(t *testing.T, add func(manager.Manager, follow.Config) error, access ...func(*rest.Config)) *Stage {
	t.Helper()
	path := os.Getenv("KUBECONFIG")
	if path == "" {
		t.Fatal("KUBECONFIG is not set: start a cluster with bin/devcluster up --dir D, then KUBECONFIG=D/kubeconfig")
	}
	reach, err := clientcmd.BuildConfigFromFlags("", path)
	if err != nil {
		t.Fatal(err)
	}
	reach.QPS = -1
	known := runtime.NewScheme()
	s := &Stage{T: t, metrics: apply.NewMetrics()}
	for _, add := range []func(*runtime.Scheme) error{scheme.AddToScheme, apiextensionsv1.AddToScheme, certsv1.AddToScheme, gatewayv1.Install} {
		s.Must(add(known))
	}
	s.Client, err = client.New(reach, client.Options{Scheme: known})
	s.Must(err)
	s.install()

	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "shim-"}}
	s.Must(s.Create(t.Context(), ns))
	s.Namespace = ns.Name

	reach.Wrap(s.count)
	for _, change := range access {
		change(reach)
	}
	again := true // every test has controllers of the same name
	mgr, err := ctrl.NewManager(reach, ctrl.Options{
		Scheme:     known,
		Metrics:    metricsserver.Options{BindAddress: "0"},
		Controller: config.Controller{SkipNameValidation: &again},
	})
	s.Must(err)
	s.Must(follow.Index(t.Context(), mgr.GetFieldIndexer()))
	s.Must(add(mgr, follow.Config{
		Recorder: func(component string) record.EventRecorder {
			return mgr.GetEventRecorderFor(component) //nolint:staticcheck // the events API of core/v1 is what users' alerts read
		},
		Options: shim.DefaultOptions(),
		Scope:   within(ns.Name),
		Metrics: s.metrics,
	}))
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- mgr.Start(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Errorf("manager: %v", err)
		}
		s.Must(client.IgnoreNotFound(s.Delete(context.Background(), ns)))
	})
	return s
}

// within is the scope of one namespace.
type within string

// Mine implements follow.Scope.
func (w within) Mine(obj metav1.Object) bool { return obj.GetNamespace() == string(w) }

type roundTripper func(*http.Request) (*http.Response, error)

// RoundTrip implements http.RoundTripper.
func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// count counts the writes of Certificates.
func (s *Stage) count(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		if r.Method != http.MethodGet && strings.Contains(r.URL.Path, "/certificates") {
			s.sent.Add(1)
		}
		return next.RoundTrip(r)
	})
}

// install puts the CRDs and permissions that are shipped into the cluster.
func (s *Stage) install() {
	s.Helper()
	crds, err := deploy.CRDs()
	s.Must(err)
	rbac, err := deploy.RBAC()
	s.Must(err)
	for _, obj := range append(crds, rbac...) {
		s.Must(s.Apply(s.Context(), client.ApplyConfigurationFromUnstructured(obj), client.FieldOwner("shimstage"), client.ForceOwnership))
	}
	s.Eventually("Certificates are served", func() bool {
		return s.List(s.Context(), &certsv1.CertificateList{}) == nil
	})
}

// Shipped has the controllers run with the permissions that are shipped.
func Shipped(access *rest.Config) {
	access.Impersonate = rest.ImpersonationConfig{
		UserName: "system:serviceaccount:" + deploy.Namespace + ":" + deploy.ServiceAccount,
		Groups:   []string{"system:serviceaccounts", "system:authenticated"},
	}
}

// Must fails the test on an error.
func (s *Stage) Must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

// Eventually waits until something happened.
func (s *Stage) Eventually(what string, happened func() bool) {
	s.Helper()
	for end := time.Now().Add(Patience); !happened(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			s.Fatalf("not within %s: %s", Patience, what)
		}
	}
}

// Edit changes an object, as by.
func (s *Stage) Edit(obj client.Object, by string, change func()) {
	s.Helper()
	s.Eventually("edited "+obj.GetName(), func() bool {
		s.Must(s.Get(s.Context(), client.ObjectKeyFromObject(obj), obj))
		change()
		err := s.Update(s.Context(), obj, client.FieldOwner(by))
		if err != nil && !apierrors.IsConflict(err) {
			s.Fatal(err)
		}
		return err == nil
	})
}

// Certificate waits for a Certificate to be as wanted.
func (s *Stage) Certificate(name, what string, wanted func(*certsv1.Certificate) bool) *certsv1.Certificate {
	s.Helper()
	crt := &certsv1.Certificate{}
	s.Eventually(name+": "+what, func() bool {
		err := s.Get(s.Context(), client.ObjectKey{Namespace: s.Namespace, Name: name}, crt)
		if apierrors.IsNotFound(err) {
			return false
		}
		s.Must(err)
		return wanted(crt)
	})
	return crt
}

// There is all that can be wanted of a Certificate that exists.
func There(*certsv1.Certificate) bool { return true }

// Gone waits until there is no Certificate of that name.
func (s *Stage) Gone(name string) {
	s.Helper()
	s.Eventually(name+" is gone", func() bool {
		return apierrors.IsNotFound(s.Get(s.Context(), client.ObjectKey{Namespace: s.Namespace, Name: name}, &certsv1.Certificate{}))
	})
}

// Heard waits for an event that begins with text.
func (s *Stage) Heard(kind, reason, text string) *corev1.Event {
	s.Helper()
	var found *corev1.Event
	s.Eventually("event "+reason+" "+text, func() bool {
		var events corev1.EventList
		s.Must(s.List(s.Context(), &events, client.InNamespace(s.Namespace)))
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

// Quiet demands that a pass over a source, which is made to happen, writes
// nothing. The pass is known to be over when a Certificate "marker", which ask
// and drop make the source ask for and not any more, came and went.
func (s *Stage) Quiet(ask, drop func()) {
	s.Helper()
	before := s.sent.Load()
	ask()
	s.Certificate("marker", "is made", There)
	drop()
	s.Gone("marker")
	if wrote := s.sent.Load() - before - 2; wrote != 0 {
		s.Errorf("%d writes where nothing differs", wrote)
	}
}

// Counted is what the metric says about an action.
func (s *Stage) Counted(action string) float64 {
	s.Helper()
	registry := prometheus.NewRegistry()
	s.Must(registry.Register(s.metrics))
	families, err := registry.Gather()
	s.Must(err)
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
