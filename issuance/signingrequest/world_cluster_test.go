//go:build cluster

package signingrequest_test

import (
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/record"
	"k8s.io/utils/clock"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/config"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/certwright/certwright/certs"
	certsv1 "github.com/certwright/certwright/certs/v1"
	"github.com/certwright/certwright/deploy"
	"github.com/certwright/certwright/issuance"
	"github.com/certwright/certwright/issuance/ca"
	"github.com/certwright/certwright/issuance/readiness"
	"github.com/certwright/certwright/issuance/secrets"
	"github.com/certwright/certwright/issuance/selfsigned"
	"github.com/certwright/certwright/issuance/signingrequest"
)

// patience is how long a test waits for what should come within a second.
const patience = 30 * time.Second

func TestMain(m *testing.M) {
	log.SetLogger(logr.Discard())
	if err := install(); err != nil {
		fmt.Fprintln(os.Stderr, "signingrequest tests need a cluster:", err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func access() (*rest.Config, error) {
	path := os.Getenv("KUBECONFIG")
	if path == "" {
		return nil, errors.New("KUBECONFIG is not set")
	}
	c, err := clientcmd.BuildConfigFromFlags("", path)
	if err != nil {
		return nil, err
	}
	c.QPS = -1
	return c, nil
}

// install applies the CRDs and waits until they are served.
func install() error {
	c, err := access()
	if err != nil {
		return err
	}
	cl, err := client.New(c, client.Options{})
	if err != nil {
		return err
	}
	crds, err := deploy.CRDs()
	if err != nil {
		return err
	}
	for _, crd := range crds {
		if err := cl.Apply(context.Background(), client.ApplyConfigurationFromUnstructured(crd), client.FieldOwner("test"), client.ForceOwnership); err != nil {
			return err
		}
	}
	return wait.PollUntilContextTimeout(context.Background(), 50*time.Millisecond, patience, true, func(ctx context.Context) (bool, error) {
		for _, kind := range []string{"IssuerList", "ClusterIssuerList"} {
			list := &unstructured.UnstructuredList{}
			list.SetGroupVersionKind(certsv1.GroupVersion.WithKind(kind))
			if cl.List(ctx, list, client.Limit(1)) != nil {
				return false, nil
			}
		}
		return true, nil
	})
}

// A world is a pair of namespaces of a real cluster with the controllers in it.
// Whatever has no namespace belongs to it if its name begins with its own.
type world struct {
	t      *testing.T
	client client.Client // of cluster-admin
	kube   kubernetes.Interface
	scheme *runtime.Scheme
	config *rest.Config
	// namespace has the Issuers, resources the Secrets of ClusterIssuers.
	namespace, resources string
	kinds                func([]issuance.Kind) []issuance.Kind
	serves               func(issuance.Kind) bool
	// namespaced runs the controllers for namespace alone.
	namespaced bool
	wire       *wire
	stop       func()
}

// Mine implements request.Scope, as worlds share a cluster.
func (w *world) Mine(o metav1.Object) bool {
	return o.GetNamespace() == w.namespace || strings.HasPrefix(o.GetName(), w.namespace+"-")
}

func newWorld(t *testing.T, change ...func(*world)) *world {
	t.Helper()
	cfg, err := access()
	must(t, err)
	scheme := runtime.NewScheme()
	must(t, errors.Join(clientgoscheme.AddToScheme(scheme), certsv1.AddToScheme(scheme)))
	cl, err := client.New(cfg, client.Options{Scheme: scheme})
	must(t, err)
	kube, err := kubernetes.NewForConfig(cfg)
	must(t, err)
	w := &world{t: t, client: cl, kube: kube, scheme: scheme, config: cfg, stop: func() {}}
	for _, f := range change {
		f(w)
	}
	for _, name := range []*string{&w.namespace, &w.resources} {
		ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "csr-"}}
		must(t, cl.Create(t.Context(), ns))
		*name = ns.Name
		t.Cleanup(func() { _ = cl.Delete(context.Background(), ns) })
	}
	t.Cleanup(func() { w.stop() })
	return w
}

// start runs the controllers until the test ends or they are started again,
// which is a restart: nothing is remembered.
func (w *world) start() *world {
	w.t.Helper()
	w.stop()
	w.wire = &wire{}
	cfg := rest.CopyConfig(w.config)
	cfg.Wrap(w.wire.wrap)
	options := cache.Options{
		DefaultTransform: cache.TransformStripManagedFields(),
		ByObject:         map[client.Object]cache.ByObject{&certificatesv1.CertificateSigningRequest{}: {Transform: signingrequest.Trim}},
	}
	watched := ""
	if w.namespaced {
		watched = w.namespace
		options.DefaultNamespaces = map[string]cache.Config{w.namespace: {}}
	}
	mgr, err := manager.New(cfg, manager.Options{
		Scheme: w.scheme, Metrics: metricsserver.Options{BindAddress: "0"}, Cache: options,
		Controller: config.Controller{SkipNameValidation: ptr.To(true)},
	})
	must(w.t, err)
	store, err := secrets.New(cfg, watched)
	must(w.t, err)
	must(w.t, mgr.Add(store))
	kube, err := kubernetes.NewForConfig(cfg)
	must(w.t, err)
	broadcaster := record.NewBroadcaster()
	broadcaster.StartRecordingToSink(&typedcorev1.EventSinkImpl{Interface: kube.CoreV1().Events("")})
	events := broadcaster.NewRecorder(w.scheme, corev1.EventSource{Component: "certwright"})
	kinds := []issuance.Kind{ca.Kind(store, clock.RealClock{}), selfsigned.Kind(store, events, clock.RealClock{})}
	if w.kinds != nil {
		kinds = w.kinds(kinds)
	}
	must(w.t, readiness.Add(mgr, readiness.Config{
		Kinds: kinds, Secrets: store, Resources: w.resources, NamespacedOnly: w.namespaced, Events: events, Clock: clock.RealClock{}, Scope: w,
	}))
	must(w.t, signingrequest.Add(mgr, signingrequest.Config{
		Kinds: kinds, Serves: w.serves, Secrets: store, Resources: w.resources, Namespace: watched,
		Reviews: kube.AuthorizationV1().SubjectAccessReviews(), Events: events, Clock: clock.RealClock{}, Scope: w,
	}))
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- mgr.Start(ctx) }()
	w.stop = func() {
		cancel()
		if err := <-done; err != nil {
			w.t.Errorf("manager: %v", err)
		}
		broadcaster.Shutdown()
		w.stop = func() {}
	}
	if !mgr.GetCache().WaitForCacheSync(ctx) {
		w.t.Fatal("cache does not sync")
	}
	return w
}

// A wire counts the answers that the controllers write, and can lose them.
type wire struct {
	mu      sync.Mutex
	answers int
	// lose decides about the n-th answer, from 1: whether it never arrives, or
	// whether we never hear that it did.
	lose func(n int) loss
}

type loss int

const (
	delivered loss = iota
	lostRequest
	lostAnswer
)

func (w *wire) wrap(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		if r.Method == http.MethodGet || !strings.Contains(r.URL.Path, "/certificatesigningrequests/") {
			return next.RoundTrip(r)
		}
		w.mu.Lock()
		w.answers++
		fate := delivered
		if w.lose != nil {
			fate = w.lose(w.answers)
		}
		w.mu.Unlock()
		if fate == lostRequest {
			return nil, errors.New("the test has cut the wire before the request")
		}
		resp, err := next.RoundTrip(r)
		if fate == lostAnswer {
			if resp != nil {
				_ = resp.Body.Close()
			}
			return nil, errors.New("the test has cut the wire before the answer")
		}
		return resp, err
	})
}

// written returns how many answers were written.
func (w *wire) written() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.answers
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// until waits until f is content with what it reads.
func (w *world) until(what string, f func() error) {
	w.t.Helper()
	var last error
	err := wait.PollUntilContextTimeout(w.t.Context(), 20*time.Millisecond, patience, true, func(context.Context) (bool, error) {
		last = f()
		return last == nil, nil
	})
	if err != nil {
		w.t.Fatalf("%s: %v", what, last)
	}
}

// create creates objects, in the world's namespace unless they say otherwise.
func (w *world) create(objs ...client.Object) {
	w.t.Helper()
	for _, o := range objs {
		if i, cluster := o.(*certsv1.ClusterIssuer); cluster {
			w.t.Cleanup(func() { _ = w.client.Delete(context.Background(), i) })
		} else if o.GetNamespace() == "" {
			o.SetNamespace(w.namespace)
		}
		must(w.t, w.client.Create(w.t.Context(), o))
	}
}

// name is that of something without a namespace.
func (w *world) name(s string) string { return w.namespace + "-" + s }

// A pair is a key and what it is for.
type pair struct {
	key         crypto.Signer
	request     []byte
	certificate *x509.Certificate
}

// newRequest makes a key and a signing request.
func newRequest(t *testing.T, spec *certsv1.CertificateSpec) pair {
	t.Helper()
	key, err := certs.GenerateKey(&certsv1.CertificatePrivateKey{Algorithm: certsv1.ECDSAKeyAlgorithm})
	must(t, err)
	pem, err := certs.CreateCSR(spec, key)
	must(t, err)
	return pair{key: key, request: pem}
}

// plain leaves the usages to the request around the signing request.
func plain(name string) *certsv1.CertificateSpec {
	return &certsv1.CertificateSpec{CommonName: name, DNSNames: []string{name + ".example"}, EncodeUsagesInRequest: ptr.To(false)}
}

// newCA makes a CA under parent, a root if that is nil.
func newCA(t *testing.T, name string, parent *pair) pair {
	t.Helper()
	return newCAAt(t, name, parent, time.Now())
}

// newCAAt makes a CA whose ten years begin at start.
func newCAAt(t *testing.T, name string, parent *pair, start time.Time) pair {
	t.Helper()
	p := newRequest(t, &certsv1.CertificateSpec{CommonName: name, IsCA: true})
	csr, err := certs.DecodeCSR(p.request)
	must(t, err)
	template, err := certs.Template(&certsv1.CertificateRequestSpec{IsCA: true, Duration: &metav1.Duration{Duration: 10 * 365 * 24 * time.Hour}}, csr, start)
	must(t, err)
	above, signer := template, p.key
	if parent != nil {
		above, signer = parent.certificate, parent.key
	}
	p.certificate, err = certs.Sign(template, above, p.key.Public(), signer)
	must(t, err)
	return p
}

// secret holds the key of p and a chain, if it has one.
func (p pair) secret(t *testing.T, namespace, name string, above ...*x509.Certificate) *corev1.Secret {
	t.Helper()
	key, err := certs.EncodeKey(p.key, certsv1.PKCS8)
	must(t, err)
	s := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Data: map[string][]byte{"tls.key": key}}
	if p.certificate != nil {
		s.Data["tls.crt"] = certs.EncodeChain(append([]*x509.Certificate{p.certificate}, above...)...)
	}
	return s
}

func (w *world) ofIssuer(name string) string {
	return "issuers.cert-manager.io/" + w.namespace + "." + name
}

func (w *world) ofCluster(name string) string {
	return "clusterissuers.cert-manager.io/" + w.name(name)
}

// ask creates a request of the world's own name, as cluster-admin.
func (w *world) ask(name, signer string, p pair, change ...func(*certificatesv1.CertificateSigningRequest)) string {
	w.t.Helper()
	return w.askAs(w.client, name, signer, p, change...)
}

func (w *world) askAs(user client.Client, name, signer string, p pair, change ...func(*certificatesv1.CertificateSigningRequest)) string {
	w.t.Helper()
	csr := &certificatesv1.CertificateSigningRequest{
		ObjectMeta: metav1.ObjectMeta{Name: w.name(name)},
		Spec: certificatesv1.CertificateSigningRequestSpec{
			Request: p.request, SignerName: signer, Usages: []certificatesv1.KeyUsage{certificatesv1.UsageDigitalSignature, certificatesv1.UsageServerAuth},
		},
	}
	for _, f := range change {
		f(csr)
	}
	must(w.t, user.Create(w.t.Context(), csr))
	w.t.Cleanup(func() { _ = w.client.Delete(context.Background(), csr) })
	return csr.Name
}

func annotate(key, value string) func(*certificatesv1.CertificateSigningRequest) {
	return func(csr *certificatesv1.CertificateSigningRequest) {
		if csr.Annotations == nil {
			csr.Annotations = map[string]string{}
		}
		csr.Annotations[key] = value
	}
}

func (w *world) get(name string) *certificatesv1.CertificateSigningRequest {
	w.t.Helper()
	csr := &certificatesv1.CertificateSigningRequest{}
	must(w.t, w.client.Get(w.t.Context(), client.ObjectKey{Name: name}, csr))
	return csr
}

// judge approves or denies a request.
func (w *world) judge(name string, condition certificatesv1.RequestConditionType) {
	w.t.Helper()
	w.until(fmt.Sprintf("%s %s", condition, name), func() error {
		csr := w.get(name)
		csr.Status.Conditions = append(csr.Status.Conditions, certificatesv1.CertificateSigningRequestCondition{
			Type: condition, Status: corev1.ConditionTrue, Reason: "Policy", Message: "as the policy says",
		})
		_, err := w.kube.CertificatesV1().CertificateSigningRequests().UpdateApproval(w.t.Context(), name, csr, metav1.UpdateOptions{})
		return err
	})
}

func (w *world) approve(name string) {
	w.t.Helper()
	w.judge(name, certificatesv1.CertificateApproved)
}

// signed waits for the certificate of a request, and returns its chain.
func (w *world) signed(name string) []*x509.Certificate {
	w.t.Helper()
	var data []byte
	w.until("certificate of "+name, func() error {
		csr := w.get(name)
		if data = csr.Status.Certificate; len(data) == 0 {
			return fmt.Errorf("there is none: %+v, %v", csr.Status.Conditions, w.events(name))
		}
		return nil
	})
	chain, err := certs.DecodeChain(data)
	must(w.t, err)
	return chain
}

// failed waits until a request has failed for reason.
func (w *world) failed(name, reason string) {
	w.t.Helper()
	w.until(name+" fails", func() error {
		csr := w.get(name)
		if len(csr.Status.Certificate) > 0 {
			w.t.Fatal("it was signed")
		}
		for _, c := range csr.Status.Conditions {
			if c.Type == certificatesv1.CertificateFailed && c.Status == corev1.ConditionTrue && c.Reason == reason && c.Message != "" && !c.LastTransitionTime.IsZero() {
				return nil
			}
		}
		return fmt.Errorf("%+v, %v", csr.Status.Conditions, w.events(name))
	})
	w.told(name, "Warning "+reason)
}

// events returns "Type Reason" of the events about a request, with how often.
func (w *world) events(name string) map[string]int {
	w.t.Helper()
	var list corev1.EventList
	must(w.t, w.client.List(w.t.Context(), &list, client.InNamespace(metav1.NamespaceDefault), client.MatchingFields{"involvedObject.name": name}))
	out := map[string]int{}
	for _, e := range list.Items {
		out[e.Type+" "+e.Reason] += int(max(e.Count, 1))
	}
	return out
}

// told waits until a request has been told something.
func (w *world) told(name, event string) {
	w.t.Helper()
	w.until(name+" is told "+event, func() error {
		if events := w.events(name); events[event] == 0 {
			return fmt.Errorf("events %v", events)
		}
		return nil
	})
}

// passed waits until the controllers have been through everything that was
// there before: a request of its own is signed.
func (w *world) passed() {
	w.t.Helper()
	name := w.ask(fmt.Sprintf("barrier-%d", time.Now().UnixNano()), w.ofCluster("barrier"), newRequest(w.t, plain("barrier")))
	w.approve(name)
	w.signed(name)
}

// withBarrier makes what passed needs.
func (w *world) withBarrier() *world {
	w.t.Helper()
	w.create(newCA(w.t, "barrier", nil).secret(w.t, w.resources, "barrier"), &certsv1.ClusterIssuer{
		ObjectMeta: metav1.ObjectMeta{Name: w.name("barrier")}, Spec: certsv1.IssuerSpec{CA: &certsv1.CAIssuer{SecretName: "barrier"}},
	})
	return w
}

func (w *world) issuer(name string, spec certsv1.IssuerSpec) *certsv1.Issuer {
	return &certsv1.Issuer{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: spec}
}

func (w *world) clusterIssuer(name string, spec certsv1.IssuerSpec) *certsv1.ClusterIssuer {
	return &certsv1.ClusterIssuer{ObjectMeta: metav1.ObjectMeta{Name: w.name(name)}, Spec: spec}
}

func caOf(secret string) certsv1.IssuerSpec {
	return certsv1.IssuerSpec{CA: &certsv1.CAIssuer{SecretName: secret}}
}

var selfSigned = certsv1.IssuerSpec{SelfSigned: &certsv1.SelfSignedIssuer{}}
