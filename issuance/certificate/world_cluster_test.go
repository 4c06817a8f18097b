//go:build cluster

package certificate_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/go-logr/logr/funcr"
	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/record"
	"k8s.io/klog/v2"
	clocktesting "k8s.io/utils/clock/testing"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/config"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/certwright/certwright/certs"
	cmmeta "github.com/certwright/certwright/certs/meta/v1"
	certsv1 "github.com/certwright/certwright/certs/v1"
	"github.com/certwright/certwright/deploy"
	"github.com/certwright/certwright/issuance"
	"github.com/certwright/certwright/issuance/ca"
	"github.com/certwright/certwright/issuance/certificate"
	"github.com/certwright/certwright/issuance/metrics"
	"github.com/certwright/certwright/issuance/readiness"
	"github.com/certwright/certwright/issuance/request"
	"github.com/certwright/certwright/issuance/secrets"
	"github.com/certwright/certwright/issuance/selfsigned"
)

// patience is how long a test waits for what should come within a second or
// two: many of them run at a time.
const patience = time.Minute

func TestMain(m *testing.M) {
	logger := logr.Discard()
	if os.Getenv("VERBOSE") != "" {
		logger = funcr.New(func(prefix, args string) { fmt.Println(prefix, args) }, funcr.Options{Verbosity: 1})
	}
	log.SetLogger(logger)
	klog.SetLogger(logger)
	flag.Parse()
	if f := flag.Lookup("test.parallel"); f.Value.String() == f.DefValue {
		_ = f.Value.Set("16") // these tests wait more than they compute
	}
	if err := install(); err != nil {
		fmt.Fprintln(os.Stderr, "certificate tests need a cluster:", err)
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
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for _, crd := range crds {
		if err := cl.Apply(ctx, client.ApplyConfigurationFromUnstructured(crd), client.FieldOwner("test"), client.ForceOwnership); err != nil {
			return err
		}
	}
	for _, kind := range []string{"CertificateList", "CertificateRequestList", "IssuerList", "ClusterIssuerList"} {
		for {
			list := &unstructured.UnstructuredList{}
			list.SetGroupVersionKind(certsv1.GroupVersion.WithKind(kind))
			err := cl.List(ctx, list, client.Limit(1))
			if err == nil {
				break
			}
			if !meta.IsNoMatchError(err) && !apierrors.IsNotFound(err) && !strings.Contains(err.Error(), "failed to get API group") || ctx.Err() != nil {
				return err
			}
			time.Sleep(50 * time.Millisecond) // the API server says nothing when it begins to serve a kind
		}
	}
	return nil
}

// A wire carries the calls of the program under test, counts them, and can lose
// them.
type wire struct {
	mu sync.Mutex
	// calls are all of them, but for watches, since written or seen was called.
	calls []string
	reads int
	// fate decides about a call, watches included; nil delivers all.
	fate func(what string) fate
	// late holds up what watches of requests deliver, while it is locked.
	late sync.RWMutex
}

// A fate is what becomes of a call.
type fate int

const (
	delivered fate = iota
	// lostRequest never arrives.
	lostRequest
	// lostAnswer arrives, but the caller does not hear of it.
	lostAnswer
)

var errCut = errors.New("the test has cut the wire")

// carry makes a call, or loses it.
func (w *wire) carry(what string, call func()) error {
	w.mu.Lock()
	if !strings.HasPrefix(what, "WATCH ") {
		w.calls = append(w.calls, what)
	}
	if strings.HasPrefix(what, http.MethodGet+" ") {
		w.reads++
	}
	f := delivered
	if w.fate != nil {
		f = w.fate(what)
	}
	w.mu.Unlock()
	if f == lostRequest {
		return fmt.Errorf("%w before the request", errCut)
	}
	call()
	if f == lostAnswer {
		return fmt.Errorf("%w before the answer", errCut)
	}
	return nil
}

var object = regexp.MustCompile(`/namespaces/[^/]+/([a-z]+)(?:/[^/]+)?(/[a-z]+)?$`)

func (w *wire) wrap(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(r *http.Request) (resp *http.Response, err error) {
		method, path := r.Method, r.URL.Path
		if r.URL.Query().Get("watch") != "" {
			method = "WATCH"
		}
		if m := object.FindStringSubmatch(path); m != nil {
			path = m[1] + m[2]
		}
		cut := w.carry(method+" "+path, func() { resp, err = next.RoundTrip(r) })
		if cut != nil && resp != nil {
			resp.Body.Close()
		}
		if cut != nil {
			return nil, cut
		}
		if resp != nil && method+" "+path == "WATCH certificaterequests" {
			resp.Body = lateBody{resp.Body, &w.late}
		}
		return resp, err
	})
}

// A lateBody delivers nothing while late is locked.
type lateBody struct {
	io.ReadCloser
	late *sync.RWMutex
}

func (b lateBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.late.RLock()
	defer b.late.RUnlock()
	return n, err
}

// seen returns the calls since the last time.
func (w *wire) seen() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	calls := w.calls
	w.calls = nil
	return calls
}

// written returns the writes among them, but for events, and the number of
// events.
func (w *wire) written() (writes []string, events int) {
	for _, what := range w.seen() {
		switch {
		case strings.HasSuffix(what, " events"):
			events++
		case isWrite(what):
			writes = append(writes, what)
		}
	}
	return writes, events
}

func isWrite(what string) bool {
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
		if strings.HasPrefix(what, method+" ") {
			return !strings.Contains(what, "accessreviews") // which only asks
		}
	}
	return false
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// A world is a namespace of a real cluster with the controllers in it.
type world struct {
	t         *testing.T
	client    client.Client // of the user, not counted
	namespace string
	scheme    *runtime.Scheme
	config    *rest.Config
	clock     *clocktesting.FakePassiveClock
	wire      *wire
	// as is whose permissions the controllers have, if not all of them.
	as string
	// seen counts what was looked at since the last start.
	seen *prometheus.Registry
	stop func()
	// manual leaves approvals to the test.
	manual bool
	// ownerRef lets Certificates own their Secrets, from the next start on.
	ownerRef bool
	kinds    func([]issuance.Kind) []issuance.Kind
}

func newWorld(t *testing.T, change ...func(*world)) *world {
	t.Helper()
	cfg, err := access()
	if err != nil {
		t.Fatal(err)
	}
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, certsv1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	cl, err := client.New(cfg, client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, client: cl, scheme: scheme, config: cfg, clock: clocktesting.NewFakePassiveClock(time.Now()), stop: func() {}}
	for _, f := range change {
		f(w)
	}
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "heart-"}}
	if err := cl.Create(t.Context(), ns); err != nil {
		t.Fatal(err)
	}
	w.namespace = ns.Name
	t.Cleanup(func() {
		w.stop()
		_ = cl.Delete(context.Background(), ns)
	})
	return w
}

// start runs the controllers until stop is called or the test ends. Starting
// again is a restart: nothing is remembered.
func (w *world) start() {
	w.t.Helper()
	w.stop()
	w.wire = &wire{}
	w.run(w.wire)
}

func (w *world) run(wr *wire) {
	w.t.Helper()
	cfg := rest.CopyConfig(w.config)
	cfg.Wrap(wr.wrap)
	if w.as != "" {
		cfg.Impersonate = rest.ImpersonationConfig{UserName: w.as, Groups: []string{"system:authenticated"}}
	}
	mgr, err := manager.New(cfg, manager.Options{
		Scheme: w.scheme,
		// Discovery is not what is tested, and not for free.
		MapperProvider: func(*rest.Config, *http.Client) (meta.RESTMapper, error) { return w.client.RESTMapper(), nil },
		Metrics:        metricsserver.Options{BindAddress: "0"},
		Cache: cache.Options{
			DefaultNamespaces: map[string]cache.Config{w.namespace: {}},
			DefaultTransform:  cache.TransformStripManagedFields(),
			ByObject:          map[client.Object]cache.ByObject{&certsv1.CertificateRequest{}: {Transform: request.Trim}},
		},
		Controller: config.Controller{SkipNameValidation: ptr.To(true)},
	})
	must(w.t, err)
	store, err := secrets.New(cfg, w.namespace)
	must(w.t, err)
	must(w.t, mgr.Add(store))
	clientset, err := kubernetes.NewForConfig(cfg)
	must(w.t, err)
	broadcaster := record.NewBroadcaster()
	broadcaster.StartRecordingToSink(&eventSink{clientset})
	events := broadcaster.NewRecorder(w.scheme, corev1.EventSource{Component: "certwright"})

	kinds := []issuance.Kind{ca.Kind(store, w.clock), selfsigned.Kind(store, events, w.clock)}
	if w.kinds != nil {
		kinds = w.kinds(kinds)
	}
	approver := &request.Approver{
		Reviews: clientset.AuthorizationV1().SelfSubjectAccessReviews(), Mapper: mgr.GetRESTMapper(), Clock: w.clock, Disabled: w.manual,
	}
	inFlight := request.NewInFlight()
	must(w.t, readiness.Add(mgr, readiness.Config{Kinds: kinds, Secrets: store, NamespacedOnly: true, Events: events, Clock: w.clock}))
	must(w.t, request.Add(mgr, request.Config{
		Kinds: kinds, NamespacedOnly: true, Approver: approver, InFlight: inFlight, Secrets: store, Events: events, Clock: w.clock,
	}))
	w.seen = prometheus.NewRegistry()
	counters, err := metrics.New(w.seen)
	must(w.t, err)
	must(w.t, certificate.Add(mgr, certificate.Config{
		Counters: counters, Kinds: kinds, Secrets: store, NamespacedOnly: true, Approver: approver, InFlight: inFlight, Events: events, Clock: w.clock,
		OwnerRef: w.ownerRef,
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
}

type eventSink struct{ kubernetes.Interface }

func (s *eventSink) Create(e *corev1.Event) (*corev1.Event, error) {
	return s.CoreV1().Events(e.Namespace).CreateWithEventNamespaceWithContext(context.Background(), e)
}
func (s *eventSink) Update(e *corev1.Event) (*corev1.Event, error) {
	return s.CoreV1().Events(e.Namespace).UpdateWithEventNamespaceWithContext(context.Background(), e)
}
func (s *eventSink) Patch(e *corev1.Event, data []byte) (*corev1.Event, error) {
	return s.CoreV1().Events(e.Namespace).PatchWithEventNamespaceWithContext(context.Background(), e, data)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// create creates objects as the user does.
func (w *world) create(objs ...client.Object) {
	w.t.Helper()
	for _, o := range objs {
		if _, cluster := o.(*certsv1.ClusterIssuer); !cluster {
			o.SetNamespace(w.namespace)
		}
		must(w.t, w.client.Create(w.t.Context(), o))
	}
}

// until waits until f is content with what it reads.
func (w *world) until(what string, f func() error) {
	w.t.Helper()
	deadline := time.Now().Add(patience)
	for pause := 10 * time.Millisecond; ; pause = min(pause*5/4, 100*time.Millisecond) {
		err := f()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			w.dump()
			w.t.Fatalf("%s: %v", what, err)
		}
		time.Sleep(pause) // a condition is waited for
	}
}

func (w *world) dump() {
	for _, kind := range []schema.GroupVersionKind{
		certsv1.GroupVersion.WithKind("CertificateList"), certsv1.GroupVersion.WithKind("CertificateRequestList"), certsv1.GroupVersion.WithKind("IssuerList"),
	} {
		list := &unstructured.UnstructuredList{}
		list.SetGroupVersionKind(kind)
		_ = w.client.List(context.Background(), list, client.InNamespace(w.namespace))
		for _, o := range list.Items {
			w.t.Logf("%s %s: %v", o.GetKind(), o.GetName(), o.Object["status"])
		}
	}
	var events corev1.EventList
	_ = w.client.List(context.Background(), &events, client.InNamespace(w.namespace))
	for _, e := range events.Items {
		w.t.Logf("event %s/%s %s %s: %s", e.InvolvedObject.Kind, e.InvolvedObject.Name, e.Type, e.Reason, e.Message)
	}
}

func (w *world) get(o client.Object, name string) error {
	return w.client.Get(w.t.Context(), client.ObjectKey{Namespace: w.namespace, Name: name}, o)
}

func (w *world) certificate(name string) *certsv1.Certificate {
	w.t.Helper()
	crt := &certsv1.Certificate{}
	must(w.t, w.get(crt, name))
	return crt
}

func (w *world) secret(name string) *corev1.Secret {
	w.t.Helper()
	s := &corev1.Secret{}
	must(w.t, w.get(s, name))
	return s
}

// ready waits until the Certificate is ready at a revision, and checks that
// its Secret holds a pair that fits.
func (w *world) ready(name string, revision int) (*certsv1.Certificate, *corev1.Secret, *x509.Certificate) {
	w.t.Helper()
	w.until(fmt.Sprintf("Certificate %s ready at revision %d", name, revision), func() error { return w.isReady(name, revision) })
	crt := w.certificate(name)
	s := w.secret(crt.Spec.SecretName)
	chain, err := certs.DecodeChain(s.Data["tls.crt"])
	must(w.t, err)
	key, err := certs.DecodeKey(s.Data["tls.key"])
	must(w.t, err)
	if !certs.SamePublicKey(chain[0].PublicKey, key.Public()) {
		w.t.Error("key and certificate do not belong together")
	}
	return crt, s, chain[0]
}

// isReady returns why the Certificate is not ready at a revision.
func (w *world) isReady(name string, revision int) error {
	crt := &certsv1.Certificate{}
	if err := w.get(crt, name); err != nil {
		return err
	}
	c := crt.Status.Condition(certsv1.CertificateConditionReady)
	switch {
	case crt.Status.Revision == nil || *crt.Status.Revision != revision:
		return errors.New("not at this revision")
	case c == nil || c.Status != cmmeta.ConditionTrue || c.ObservedGeneration != crt.Generation:
		return fmt.Errorf("condition %v", c)
	case crt.Status.Condition(certsv1.CertificateConditionIssuing) != nil:
		return errors.New("still issuing")
	}
	return nil
}

// quiet waits until nothing has been written for a while.
func (w *world) quiet() {
	w.t.Helper()
	last, since := -1, time.Now()
	for time.Since(since) < 400*time.Millisecond {
		w.wire.mu.Lock()
		n := len(w.wire.calls) + w.wire.reads
		w.wire.mu.Unlock()
		if n != last {
			last, since = n, time.Now()
		}
		time.Sleep(10 * time.Millisecond) // that nothing happens is waited for
	}
}

// settled waits until every Certificate was looked at since the last start, and
// nothing more is written.
func (w *world) settled() {
	w.t.Helper()
	var all certsv1.CertificateList
	must(w.t, w.client.List(w.t.Context(), &all, client.InNamespace(w.namespace)))
	w.until("all Certificates are looked at", func() error {
		families, err := w.seen.Gather()
		if err != nil {
			return err
		}
		looks := 0.
		for _, f := range families {
			if f.GetName() == "certmanager_controller_sync_call_count" {
				looks += f.GetMetric()[0].GetCounter().GetValue()
			}
		}
		if looks < float64(len(all.Items)) {
			return fmt.Errorf("%v of %d", looks, len(all.Items))
		}
		return nil
	})
	w.quiet()
}

func newCertificate(name string, change ...func(*certsv1.Certificate)) *certsv1.Certificate {
	crt := &certsv1.Certificate{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: certsv1.CertificateSpec{
			SecretName: name + "-tls", DNSNames: []string{name + ".example"},
			IssuerRef:  cmmeta.IssuerReference{Name: "ca"},
			PrivateKey: &certsv1.CertificatePrivateKey{Algorithm: certsv1.ECDSAKeyAlgorithm},
		},
	}
	for _, f := range change {
		f(crt)
	}
	return crt
}

func selfSigned(name string) *certsv1.Issuer {
	return &certsv1.Issuer{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: certsv1.IssuerSpec{SelfSigned: &certsv1.SelfSignedIssuer{}}}
}

// withCA makes the Issuer "ca", which is ready when it returns.
func (w *world) withCA() {
	w.t.Helper()
	chain, key := testCA(w.t)
	w.create(caSecret(w.t, "ca-key", chain, key), &certsv1.Issuer{
		ObjectMeta: metav1.ObjectMeta{Name: "ca"}, Spec: certsv1.IssuerSpec{CA: &certsv1.CAIssuer{SecretName: "ca-key"}},
	})
	w.issuerReady("ca")
}

func (w *world) issuerReady(name string) {
	w.t.Helper()
	w.until("Issuer "+name+" ready", func() error {
		i := &certsv1.Issuer{}
		if err := w.get(i, name); err != nil {
			return err
		}
		if !request.IssuerReady(i) {
			return errors.New("not ready")
		}
		return nil
	})
}

func testCA(t *testing.T) (*x509.Certificate, crypto.Signer) {
	t.Helper()
	key, err := certs.GenerateKey(&certsv1.CertificatePrivateKey{Algorithm: certsv1.ECDSAKeyAlgorithm})
	must(t, err)
	spec := &certsv1.CertificateSpec{CommonName: "test CA", IsCA: true}
	csrPEM, err := certs.CreateCSR(spec, key)
	must(t, err)
	csr, err := certs.DecodeCSR(csrPEM)
	must(t, err)
	template, err := certs.Template(&certsv1.CertificateRequestSpec{IsCA: true, Duration: &metav1.Duration{Duration: 24 * 3650 * time.Hour}}, csr, time.Now())
	must(t, err)
	root, err := certs.Sign(template, template, key.Public(), key)
	must(t, err)
	return root, key
}

func caSecret(t *testing.T, name string, root *x509.Certificate, key crypto.Signer) *corev1.Secret {
	t.Helper()
	data, err := certs.EncodeKey(key, certsv1.PKCS8)
	must(t, err)
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: name}, Type: corev1.SecretTypeTLS,
		Data: map[string][]byte{"tls.crt": certs.EncodeChain(root), "tls.key": data},
	}
}

// sameData reports whether two Secrets hold the same.
func sameData(a, b *corev1.Secret) bool {
	return bytes.Equal(a.Data["tls.crt"], b.Data["tls.crt"]) && bytes.Equal(a.Data["tls.key"], b.Data["tls.key"])
}

// update changes the spec of a Certificate.
func (w *world) update(name string, change func(*certsv1.Certificate)) {
	w.t.Helper()
	w.until("update "+name, func() error {
		crt := w.certificate(name)
		change(crt)
		return w.client.Update(w.t.Context(), crt)
	})
}

// poke makes the controller look at a Certificate, as a timer would.
func (w *world) poke(name string) {
	w.t.Helper()
	w.update(name, func(c *certsv1.Certificate) {
		if c.Annotations == nil {
			c.Annotations = map[string]string{}
		}
		c.Annotations["poke"] += "."
	})
}

// pending waits until a request waits for something.
func (w *world) pending(name string) {
	w.t.Helper()
	w.until("CertificateRequest "+name+" is waiting", func() error {
		req := &certsv1.CertificateRequest{}
		if err := w.get(req, name); err != nil {
			return err
		}
		if req.Status.FailureTime != nil {
			return errors.New("failed")
		}
		owner := metav1.GetControllerOf(req)
		if owner == nil {
			if c := req.Status.Condition(certsv1.CertificateRequestConditionReady); c == nil || c.Reason != certsv1.CertificateRequestReasonPending {
				return fmt.Errorf("Ready is %v", c)
			}
			return nil
		}
		if w.certificate(owner.Name).Status.NextPrivateKeySecretName == nil {
			return errors.New("its Certificate does not say so yet")
		}
		return nil
	})
}

// decide approves or denies a request, as another controller would.
func (w *world) decide(name string, what certsv1.CertificateRequestConditionType) {
	w.t.Helper()
	w.until(fmt.Sprintf("%s %s", what, name), func() error {
		req := &certsv1.CertificateRequest{}
		if err := w.get(req, name); err != nil {
			return err
		}
		req.Status.SetCondition(certsv1.CertificateRequestCondition{Type: what, Status: "True", Reason: "Policy", Message: "as the policy says"}, metav1.Now())
		return w.client.Status().Update(w.t.Context(), req)
	})
}

// approveAll approves everything until ctx ends.
func (w *world) approveAll(ctx context.Context) {
	for ctx.Err() == nil {
		var requests certsv1.CertificateRequestList
		_ = w.client.List(ctx, &requests, client.InNamespace(w.namespace))
		for i := range requests.Items {
			req := &requests.Items[i]
			if req.Status.True(certsv1.CertificateRequestConditionApproved) {
				continue
			}
			req.Status.SetCondition(certsv1.CertificateRequestCondition{Type: "Approved", Status: "True", Reason: "Policy", Message: "all"}, metav1.Now())
			_ = w.client.Status().Update(ctx, req)
		}
		time.Sleep(20 * time.Millisecond) // another program's polling
	}
}
