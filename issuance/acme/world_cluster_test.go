//go:build cluster

package acme_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/utils/clock"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/config"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/yaml"

	"github.com/go-logr/logr"
	"github.com/go-logr/logr/funcr"

	acmev1 "github.com/certwright/certwright/certs/acme/v1"
	cmmeta "github.com/certwright/certwright/certs/meta/v1"
	certsv1 "github.com/certwright/certwright/certs/v1"
	"github.com/certwright/certwright/issuance"
	"github.com/certwright/certwright/issuance/acme"
	"github.com/certwright/certwright/issuance/acme/challenge"
	"github.com/certwright/certwright/issuance/acme/exchange"
	"github.com/certwright/certwright/issuance/acme/http01"
	"github.com/certwright/certwright/issuance/acme/http01/solver"
	"github.com/certwright/certwright/issuance/acme/order"
	"github.com/certwright/certwright/issuance/readiness"
	"github.com/certwright/certwright/issuance/request"
	testacme "github.com/certwright/certwright/test/acme"
	"github.com/certwright/certwright/test/dns"
	"github.com/certwright/certwright/test/ingress"
)

// A world is a namespace of a real cluster with a real ACME server, name
// server, data plane and solver around it.
type world struct {
	*testing.T
	client    client.Client
	config    *rest.Config
	namespace string
	ca        *testacme.Server
	plane     *ingress.DataPlane
	names     *dns.Server
	solver    int // port
	writes    *writes
	retry     time.Duration
	cut       atomic.Bool // the self-check gets nowhere
}

func newScheme() *runtime.Scheme {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		clientgoscheme.AddToScheme, apiextensionsv1.AddToScheme, certsv1.AddToScheme, acmev1.AddToScheme,
	} {
		if err := add(scheme); err != nil {
			panic(err)
		}
	}
	return scheme
}

func newWorld(t *testing.T, o testacme.Options) *world {
	t.Helper()
	path := os.Getenv("KUBECONFIG")
	if path == "" {
		t.Fatal("KUBECONFIG is not set; bin/devcluster up --dir D makes D/kubeconfig")
	}
	w := &world{T: t, writes: &writes{}, retry: 2 * time.Second}
	cfg, err := clientcmd.BuildConfigFromFlags("", path)
	w.must(err)
	cfg.QPS = -1
	w.config = cfg
	w.client, err = client.New(cfg, client.Options{Scheme: newScheme()})
	w.must(err)
	w.installCRDs()
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "acme-"}}
	w.must(w.client.Create(t.Context(), ns))
	w.namespace = ns.Name
	t.Cleanup(func() { _ = w.client.Delete(context.Background(), ns) })

	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	w.plane, err = ingress.Start(ctx, cfg, ingress.Options{})
	w.must(err)
	t.Cleanup(func() { _ = w.plane.Close() })
	w.names, err = dns.Start(dns.Options{Zones: []string{"example.test."}, Records: []string{"*.example.test. 1 IN A 127.0.0.1"}})
	w.must(err)
	t.Cleanup(func() { _ = w.names.Close() })
	o.DNS, o.HTTPPort = w.names.Addr(), w.plane.HTTPPort()
	w.ca, err = testacme.Start(o)
	w.must(err)
	t.Cleanup(func() { _ = w.ca.Close() })

	l, err := net.Listen("tcp", "127.0.0.17:0")
	w.must(err)
	w.solver = l.Addr().(*net.TCPAddr).Port
	go func() {
		_ = solver.Run(ctx, solver.Config{REST: cfg, Namespace: w.namespace, Answers: l, Log: logr.Discard()})
	}()
	return w
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *world) installCRDs() {
	w.Helper()
	files, err := filepath.Glob("../../deploy/crds/*.yaml")
	w.must(err)
	for _, f := range files {
		data, err := os.ReadFile(f)
		w.must(err)
		var crd apiextensionsv1.CustomResourceDefinition
		w.must(yaml.Unmarshal(data, &crd))
		if err := w.client.Create(w.Context(), &crd); err != nil && !apierrors.IsAlreadyExists(err) {
			w.Fatal(err)
		}
		w.eventually("CRD "+crd.Name, func() string {
			w.must(w.client.Get(w.Context(), client.ObjectKeyFromObject(&crd), &crd))
			for _, c := range crd.Status.Conditions {
				if c.Type == apiextensionsv1.Established && c.Status == apiextensionsv1.ConditionTrue {
					return ""
				}
			}
			return "not established"
		})
	}
}

// eventually waits until what returns nothing.
func (w *world) eventually(name string, what func() string) {
	w.Helper()
	w.within(30*time.Second, name, what)
}

func (w *world) within(d time.Duration, name string, what func() string) {
	w.Helper()
	deadline := time.Now().Add(d)
	for {
		got := what()
		if got == "" {
			return
		}
		if time.Now().After(deadline) {
			w.Fatalf("%s: %s", name, got)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// run runs the controllers until the returned function is called.
func (w *world) run() (stop func()) {
	w.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	cfg := rest.CopyConfig(w.config)
	cfg.UserAgent = "controllers"
	cfg.Wrap(w.writes.wrap)
	log := logr.Discard()
	if os.Getenv("ACME_TEST_LOG") != "" {
		log = funcr.New(func(prefix, args string) { fmt.Println(time.Now().Format("15:04:05.000"), prefix, args) }, funcr.Options{Verbosity: 1})
	}
	mgr, err := ctrl.NewManager(cfg, manager.Options{
		Scheme: newScheme(), Logger: log,
		Metrics:    metricsserver.Options{BindAddress: "0"},
		Controller: config.Controller{SkipNameValidation: ptr.To(true)},
		Cache: cache.Options{
			DefaultNamespaces: map[string]cache.Config{w.namespace: {}},
			ByObject: map[client.Object]cache.ByObject{
				&certsv1.CertificateRequest{}: {Transform: request.Trim},
				&acmev1.Order{}:               {Transform: order.Trim},
			},
		},
	})
	w.must(err)
	accounts := &acme.Accounts{Secrets: mgr.GetAPIReader(), Clients: exchange.NewClients(exchange.Options{UserAgent: "certwright-test"})}
	kinds := []issuance.Kind{acme.Kind(acme.Config{Client: mgr.GetClient(), Live: mgr.GetAPIReader(), Accounts: accounts})}
	events := mgr.GetEventRecorderFor("certwright") //nolint:staticcheck // core/v1 Events, as the program
	w.must(readiness.Add(mgr, readiness.Config{Kinds: kinds, NamespacedOnly: true, Events: events, Clock: clock.RealClock{}}))
	w.must(request.Add(mgr, request.Config{Kinds: kinds, NamespacedOnly: true, Events: events, Clock: clock.RealClock{}, Owned: []client.Object{&acmev1.Order{}}}))
	w.must(order.Add(mgr, order.Config{Accounts: accounts, Namespaced: true, Events: events}))
	w.must(challenge.Add(mgr, challenge.Config{
		Accounts: accounts, Namespaced: true, Events: events, Retry: w.retry,
		Presenter: &http01.Presenter{
			Client: mgr.GetClient(), Live: mgr.GetAPIReader(), TargetPort: int32(w.solver),
			Endpoints: http01.Static{netip.MustParseAddr("192.0.2.17")},
		},
		SelfCheck: http01.NewSelfCheck(http01.CheckOptions{Dial: w.dial, UserAgent: "certwright-test"}),
	}))
	done := make(chan error, 1)
	go func() { done <- mgr.Start(ctx) }()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			if err := <-done; err != nil {
				w.Errorf("manager: %v", err)
			}
		})
	}
	w.Cleanup(stop)
	return stop
}

// dial stands for the network: every port 80 is the data plane's.
func (w *world) dial(ctx context.Context, network, address string) (net.Conn, error) {
	if w.cut.Load() {
		return nil, errors.New("no route to host")
	}
	var d net.Dialer
	return d.DialContext(ctx, network, w.plane.HTTPAddr())
}

// issuer creates an Issuer with these solvers and waits until it is ready.
func (w *world) issuer(solvers ...acmev1.ACMEChallengeSolver) *certsv1.Issuer {
	w.Helper()
	i := &certsv1.Issuer{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "acme"}}
	i.Spec.ACME = &acmev1.ACMEIssuer{
		Server: w.ca.DirectoryURL(), CABundle: w.ca.CABundle(), Email: "admin@example.test", Solvers: solvers,
		PrivateKeySecretRef: cmmeta.SecretKeySelector{LocalObjectReference: cmmeta.LocalObjectReference{Name: "account"}},
	}
	w.must(w.client.Create(w.Context(), i))
	w.ready(i)
	return i
}

func (w *world) ready(i *certsv1.Issuer) {
	w.Helper()
	w.eventually("issuer is ready", func() string {
		w.must(w.client.Get(w.Context(), client.ObjectKeyFromObject(i), i))
		c := i.Status.Condition(certsv1.IssuerConditionReady)
		if c == nil || c.Status != cmmeta.ConditionTrue {
			return fmt.Sprintf("not yet: %+v", c)
		}
		return ""
	})
}

func httpSolver() acmev1.ACMEChallengeSolver {
	return acmev1.ACMEChallengeSolver{HTTP01: &acmev1.ACMEChallengeSolverHTTP01{Ingress: &acmev1.ACMEChallengeSolverHTTP01Ingress{}}}
}

// request creates an approved CertificateRequest for names.
func (w *world) request(name string, names ...string) *certsv1.CertificateRequest {
	w.Helper()
	csr, _ := newCSR(w.T, names...)
	cr := &certsv1.CertificateRequest{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: name},
		Spec: certsv1.CertificateRequestSpec{
			Request: csr, IssuerRef: cmmeta.IssuerReference{Name: "acme"},
			Usages: []certsv1.KeyUsage{certsv1.UsageDigitalSignature, certsv1.UsageKeyEncipherment},
		},
	}
	w.must(w.client.Create(w.Context(), cr))
	now := metav1.Now()
	cr.Status.Conditions = []certsv1.CertificateRequestCondition{{
		Type: certsv1.CertificateRequestConditionApproved, Status: cmmeta.ConditionTrue, Reason: "test", LastTransitionTime: &now,
	}}
	w.must(w.client.Status().Update(w.Context(), cr))
	return cr
}

func newCSR(t *testing.T, names ...string) ([]byte, crypto.Signer) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.CertificateRequest{}
	for _, n := range names {
		if ip := net.ParseIP(n); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, n)
		}
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, template, key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}), key
}

// reason is that of cr's Ready condition, with the message.
func (w *world) reason(cr *certsv1.CertificateRequest) (reason, message string) {
	w.Helper()
	w.must(w.client.Get(w.Context(), client.ObjectKeyFromObject(cr), cr))
	if c := cr.Status.Condition(certsv1.CertificateRequestConditionReady); c != nil {
		return c.Reason, c.Message
	}
	return "", ""
}

func (w *world) issued(cr *certsv1.CertificateRequest) {
	w.Helper()
	w.within(60*time.Second, "certificate is issued", func() string {
		reason, message := w.reason(cr)
		if reason == certsv1.CertificateRequestReasonIssued {
			return ""
		}
		if reason == certsv1.CertificateRequestReasonFailed {
			w.Fatalf("failed: %s", message)
		}
		return "not yet: " + reason + ": " + message + w.describe()
	})
	block, _ := pem.Decode(cr.Status.Certificate)
	leaf, err := x509.ParseCertificate(block.Bytes)
	w.must(err)
	csrBlock, _ := pem.Decode(cr.Spec.Request)
	csr, err := x509.ParseCertificateRequest(csrBlock.Bytes)
	w.must(err)
	inter := x509.NewCertPool()
	inter.AppendCertsFromPEM(cr.Status.Certificate)
	if _, err := leaf.Verify(x509.VerifyOptions{Roots: w.ca.Roots(), Intermediates: inter}); err != nil {
		w.Errorf("the certificate does not verify: %v", err)
	}
	for _, n := range csr.DNSNames {
		if err := leaf.VerifyHostname(n); err != nil {
			w.Error(err)
		}
	}
}

// describe shows what the ACME objects say.
func (w *world) describe() string {
	var b bytes.Buffer
	for _, o := range w.orders() {
		fmt.Fprintf(&b, "\n  order %s: %s: %s", o.Name, o.Status.State, o.Status.Reason)
	}
	for _, c := range w.challenges() {
		fmt.Fprintf(&b, "\n  challenge %s: %s: %s", c.Name, c.Status.State, c.Status.Reason)
	}
	return b.String()
}

func (w *world) orders() []acmev1.Order {
	var list acmev1.OrderList
	w.must(w.client.List(context.Background(), &list, client.InNamespace(w.namespace)))
	return list.Items
}

func (w *world) challenges() []acmev1.Challenge {
	var list acmev1.ChallengeList
	w.must(w.client.List(context.Background(), &list, client.InNamespace(w.namespace)))
	return list.Items
}

// left is what is left of challenges.
func (w *world) left() string {
	w.Helper()
	var left []string
	for _, list := range []client.ObjectList{&acmev1.ChallengeList{}, &networkingv1.IngressList{}, &corev1.ServiceList{}, &discoveryv1.EndpointSliceList{}} {
		w.must(w.client.List(context.Background(), list, client.InNamespace(w.namespace)))
		items, err := extract(list)
		w.must(err)
		for _, o := range items {
			if !strings.HasPrefix(o.GetName(), "site") {
				left = append(left, fmt.Sprintf("%T %s", o, o.GetName()))
			}
		}
	}
	return strings.Join(left, ", ")
}

// writes counts what the controllers write.
type writes struct {
	mu  sync.Mutex
	all []string
}

func (c *writes) wrap(rt http.RoundTripper) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		resp, err := rt.RoundTrip(r)
		if r.Method != http.MethodGet {
			status := 0
			if resp != nil {
				status = resp.StatusCode
			}
			parts := strings.Split(r.URL.Path, "/")
			kind := parts[len(parts)-1]
			for i, p := range parts {
				if p == "namespaces" && i+2 < len(parts) {
					kind = strings.Join(parts[i+2:], "/")
				}
			}
			c.mu.Lock()
			c.all = append(c.all, fmt.Sprintf("%s %s %d", r.Method, kind, status))
			c.mu.Unlock()
		}
		return resp, err
	})
}

func (c *writes) reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all = nil
}

func (c *writes) list() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]string(nil), c.all...)
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func extract(list client.ObjectList) ([]client.Object, error) {
	var out []client.Object
	switch l := list.(type) {
	case *acmev1.ChallengeList:
		for i := range l.Items {
			out = append(out, &l.Items[i])
		}
	case *networkingv1.IngressList:
		for i := range l.Items {
			out = append(out, &l.Items[i])
		}
	case *corev1.ServiceList:
		for i := range l.Items {
			out = append(out, &l.Items[i])
		}
	case *discoveryv1.EndpointSliceList:
		for i := range l.Items {
			out = append(out, &l.Items[i])
		}
	default:
		return nil, fmt.Errorf("list of type %T", list)
	}
	return out, nil
}
