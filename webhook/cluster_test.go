//go:build cluster

// These tests need a real API server: KUBECONFIG names it, as cluster-admin.
// They install our CRDs and our two webhook configurations and must not run
// beside anything else that does.
package webhook_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/yaml"

	acmev1 "github.com/certwright/certwright/certs/acme/v1"
	cmmeta "github.com/certwright/certwright/certs/meta/v1"
	certsv1 "github.com/certwright/certwright/certs/v1"
	"github.com/certwright/certwright/webhook"
	"github.com/certwright/certwright/webhook/approval"
	"github.com/certwright/certwright/webhook/serving"
)

const installNamespace = "cert-manager"

// world is the API server of the tests.
type world struct {
	client.WithWatch
	config *rest.Config
	scheme *runtime.Scheme
}

func connect(t *testing.T) *world {
	t.Helper()
	path := os.Getenv("KUBECONFIG")
	if path == "" {
		t.Fatal("KUBECONFIG is not set: these tests need a real API server")
	}
	config, err := clientcmd.BuildConfigFromFlags("", path)
	if err != nil {
		t.Fatal(err)
	}
	config.QPS = -1
	config.WarningHandler = rest.NoWarnings{}
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		certsv1.AddToScheme, acmev1.AddToScheme, corev1.AddToScheme, admissionregistrationv1.AddToScheme, authorizationv1.AddToScheme, rbacv1.AddToScheme,
	} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	log.SetLogger(logr.Discard())
	w := &world{config: config, scheme: scheme}
	w.WithWatch = w.as(t, rest.ImpersonationConfig{})
	w.installCRDs(t)
	w.ensure(t, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: installNamespace}})
	return w
}

// as returns a client for another user.
func (w *world) as(t *testing.T, who rest.ImpersonationConfig) client.WithWatch {
	t.Helper()
	config := rest.CopyConfig(w.config)
	config.Impersonate = who
	c, err := client.NewWithWatch(config, client.Options{Scheme: w.scheme})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (w *world) ensure(t *testing.T, object client.Object) {
	t.Helper()
	if err := w.Create(t.Context(), object); err != nil && !apierrors.IsAlreadyExists(err) {
		t.Fatalf("create %T: %v", object, err)
	}
}

func (w *world) installCRDs(t *testing.T) {
	t.Helper()
	paths, err := filepath.Glob("../deploy/crds/*.yaml")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no CRDs: %v", err)
	}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		crd := &unstructured.Unstructured{}
		if err := yaml.Unmarshal(data, &crd.Object); err != nil {
			t.Fatal(err)
		}
		w.ensure(t, crd)
	}
	for _, list := range []client.ObjectList{&certsv1.CertificateList{}, &certsv1.CertificateRequestList{}, &certsv1.IssuerList{}, &certsv1.ClusterIssuerList{}, &acmev1.OrderList{}, &acmev1.ChallengeList{}} {
		eventually(t, fmt.Sprintf("%T is served", list), func() error { return w.List(t.Context(), list) })
	}
}

// namespace makes a namespace of its own for a test.
func (w *world) namespace(t *testing.T, labels map[string]string) string {
	t.Helper()
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "webhook-", Labels: labels}}
	if err := w.Create(t.Context(), ns); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Delete(context.Background(), ns) })
	return ns.Name
}

// eventually waits until try succeeds.
func eventually(t *testing.T, what string, try func() error) {
	t.Helper()
	var err error
	for end := time.Now().Add(60 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if err = try(); err == nil {
			return
		}
	}
	t.Fatalf("%s: %v", what, err)
}

// hook is one running replica.
type hook struct {
	*serving.Keeper
	addr string
	stop func()
}

// configure installs our two configurations for that address.
func (w *world) configure(t *testing.T, addr string) {
	t.Helper()
	mutating, validating := webhook.Configurations(webhook.Options{URL: "https://" + addr})
	for _, object := range []client.Object{mutating, validating} {
		if err := client.IgnoreNotFound(w.Delete(t.Context(), object)); err != nil {
			t.Fatal(err)
		}
		object.SetResourceVersion("")
		if err := w.Create(t.Context(), object); err != nil {
			t.Fatal(err)
		}
	}
}

// forget removes what a fresh installation does not have.
func (w *world) forget(t *testing.T) {
	t.Helper()
	mutating, validating := webhook.Configurations(webhook.Options{})
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: installNamespace, Name: serving.SecretName}}
	for _, object := range []client.Object{mutating, validating, secret} {
		if err := client.IgnoreNotFound(w.Delete(context.Background(), object)); err != nil {
			t.Fatal(err)
		}
	}
}

// replica starts a replica on the listener. Configurations are not touched.
func (w *world) replica(t *testing.T, l net.Listener, change func(*serving.Config, *webhook.Config)) *hook {
	t.Helper()
	config := serving.Config{
		Client: w.WithWatch, Namespace: installNamespace, Configurations: webhook.Name,
		DNSNames: serving.ServiceNames(webhook.Name, installNamespace), IPs: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	metrics, err := webhook.NewMetrics(prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	review := approval.ReviewerFunc(func(ctx context.Context, sar *authorizationv1.SubjectAccessReview) error { return w.Create(ctx, sar) })
	rules := webhook.Config{Live: w, Secrets: w, Metrics: metrics, Permissions: approval.New(review, w.RESTMapper(), clock.RealClock{})}
	if change != nil {
		change(&config, &rules)
	}
	keeper := serving.New(config)
	handler := webhook.Handler(rules)
	var reviews atomic.Int64
	server := &webhook.Server{GetCertificate: keeper.GetCertificate, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if reviews.Add(1)%16 == 0 {
			// Open connections outlive every certificate: see new ones, too.
			w.Header().Set("Connection", "close")
		}
		handler.ServeHTTP(w, r)
	})}
	ctx, cancel := context.WithCancel(log.IntoContext(context.Background(), logr.Discard()))
	var running sync.WaitGroup
	running.Go(func() {
		if err := keeper.Run(ctx); err != nil {
			t.Errorf("keeper: %v", err)
		}
	})
	running.Go(func() {
		if err := server.Serve(ctx, l); err != nil {
			t.Errorf("server: %v", err)
		}
	})
	stop := sync.OnceFunc(func() { cancel(); running.Wait() })
	t.Cleanup(stop)
	return &hook{Keeper: keeper, addr: l.Addr().String(), stop: stop}
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// start installs and runs one replica, and waits until it is ready.
func (w *world) start(t *testing.T, change ...func(*serving.Config, *webhook.Config)) *hook {
	t.Helper()
	l := listen(t)
	w.configure(t, l.Addr().String())
	h := w.replica(t, l, append(change, nil)[0])
	t.Cleanup(func() { h.stop(); w.forget(t) })
	eventually(t, "ready", h.Ready)
	return h
}

// certificate is a Certificate as a user writes it: what is not in spec is not
// sent.
func certificate(namespace, name, spec string) *unstructured.Unstructured {
	return object("cert-manager.io/v1", "Certificate", namespace, name, spec)
}

func object(apiVersion, kind, namespace, name, spec string) *unstructured.Unstructured {
	u := &unstructured.Unstructured{}
	if err := yaml.Unmarshal([]byte(spec), &u.Object); err != nil {
		panic(err)
	}
	u.SetAPIVersion(apiVersion)
	u.SetKind(kind)
	u.SetNamespace(namespace)
	u.SetName(name)
	return u
}

func signingRequest(t *testing.T) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{DNSNames: []string{"a.example"}}, key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der})
}

func request(t *testing.T, namespace, name string, ref cmmeta.IssuerReference) *certsv1.CertificateRequest {
	t.Helper()
	return &certsv1.CertificateRequest{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Spec: certsv1.CertificateRequestSpec{IssuerRef: ref, Request: signingRequest(t)}}
}

// denial checks that err is the answer of an entry of ours that names field.
func denial(t *testing.T, what string, err error, entry, field string) {
	t.Helper()
	prefix := fmt.Sprintf("admission webhook %q denied the request: ", entry)
	if err == nil || !strings.Contains(err.Error(), prefix) {
		t.Errorf("%s: %v, want it denied by %s", what, err, entry)
		return
	}
	var status apierrors.APIStatus
	if !asStatus(err, &status) || status.Status().Details == nil {
		t.Errorf("%s: no details in %v", what, err)
		return
	}
	for _, cause := range status.Status().Details.Causes {
		if cause.Field == field {
			return
		}
	}
	t.Errorf("%s: %q is not named in %v", what, field, err)
}

func asStatus(err error, into *apierrors.APIStatus) bool {
	status, ok := err.(apierrors.APIStatus)
	*into = status
	return ok
}

// allowed checks that there is no error.
func allowed(t *testing.T, what string, err error) {
	t.Helper()
	if err != nil {
		t.Errorf("%s: %v", what, err)
	}
}

func TestDefaultsValidationAndPersistence(t *testing.T) {
	w := connect(t)
	w.start(t)
	ns := w.namespace(t, nil)
	ctx := t.Context()

	err := w.Create(ctx, certificate(ns, "early", `{spec: {dnsNames: [a.example]}}`))
	denial(t, "without a default issuer", err, webhook.FieldRules, "spec.issuerRef")

	issuer := object("cert-manager.io/v1", "Issuer", ns, "house", `{spec: {selfSigned: {}}}`)
	issuer.SetAnnotations(map[string]string{certsv1.DefaultIssuerKey: "true"})
	if err := w.Create(ctx, issuer); err != nil {
		t.Fatal(err)
	}
	// In the same breath: nobody's cache knows the issuer.
	manifest := func() *unstructured.Unstructured { return certificate(ns, "web", `{spec: {dnsNames: [a.example]}}`) }
	web := manifest()
	if err := w.Create(ctx, web); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"dnsNames": []any{"a.example"}, "secretName": "web", "revisionHistoryLimit": int64(1),
		"issuerRef":  map[string]any{"name": "house", "kind": "Issuer", "group": "cert-manager.io"},
		"privateKey": map[string]any{"algorithm": "RSA", "encoding": "PKCS1", "rotationPolicy": "Always"},
	}
	stored := certificate(ns, "web", `{}`)
	if err := w.Get(ctx, client.ObjectKeyFromObject(stored), stored); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, stored.Object["spec"]); diff != "" {
		t.Errorf("stored spec (-want +got):\n%s", diff)
	}

	replaced := manifest()
	replaced.SetResourceVersion(stored.GetResourceVersion())
	allowed(t, "replacing with the same manifest", w.Update(ctx, replaced))
	spec, _, _ := unstructured.NestedMap(replaced.Object, "spec")
	if spec["secretName"] != "web" || spec["issuerRef"] == nil {
		t.Errorf("after replacing: %v", spec)
	}

	second := object("cert-manager.io/v1", "Issuer", ns, "other", `{spec: {selfSigned: {}}}`)
	second.SetLabels(map[string]string{certsv1.DefaultIssuerKey: "true"})
	if err := w.Create(ctx, second); err != nil {
		t.Fatal(err)
	}
	err = w.Create(ctx, certificate(ns, "torn", `{spec: {dnsNames: [a.example]}}`))
	denial(t, "two default issuers", err, webhook.FieldRules, "spec.issuerRef")
	if err != nil && !strings.Contains(err.Error(), "house, other") {
		t.Errorf("both must be named: %v", err)
	}
	allowed(t, "replacing while there are two default issuers", func() error {
		again := manifest()
		again.SetResourceVersion(replaced.GetResourceVersion())
		return w.Update(ctx, again)
	}())

	for name, kind := range map[string]corev1.SecretType{"opaque": corev1.SecretTypeOpaque, "tls": corev1.SecretTypeTLS} {
		secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: name}, Type: kind, Data: map[string][]byte{"tls.crt": {}, "tls.key": {}}}
		if err := w.Create(ctx, secret); err != nil {
			t.Fatal(err)
		}
	}
	const named = `{spec: {dnsNames: [a.example], issuerRef: {name: i}}}`
	denial(t, "the name of another's Secret", w.Create(ctx, certificate(ns, "opaque", named)), webhook.FieldRules, "spec.secretName")
	allowed(t, "the name of a Secret for certificates", w.Create(ctx, certificate(ns, "tls", named)))
	allowed(t, "another's Secret, named on purpose", w.Create(ctx, certificate(ns, "opaque", `{spec: {secretName: opaque, dnsNames: [a.example], issuerRef: {name: i}}}`)))

	denial(t, "generateName without a secretName", w.Create(ctx, func() client.Object {
		u := certificate(ns, "", `{spec: {dnsNames: [a.example], issuerRef: {name: i}}}`)
		u.SetGenerateName("web-")
		return u
	}()), webhook.FieldRules, "spec.secretName")
	denial(t, "several errors", w.Create(ctx, certificate(ns, "bad", `{spec: {secretName: "", issuerRef: {name: i}, ipAddresses: [x]}}`)), webhook.FieldRules, "spec.ipAddresses[0]")
	err = w.Create(ctx, certificate(ns, "bad", `{spec: {secretName: s, issuerRef: {name: i}, dnsNames: [a.example], duration: 90d}}`))
	if !apierrors.IsBadRequest(err) || !strings.Contains(err.Error(), "spec.duration") {
		t.Errorf("a bad duration: %v", err)
	}
	garbage := request(t, ns, "garbage", cmmeta.IssuerReference{Name: "i"})
	garbage.Spec.Request = []byte("garbage")
	denial(t, "a garbage request", w.Create(ctx, garbage, client.DryRunAll), webhook.FieldRules, "spec.request")
}

func TestWhileTheWebhookIsDown(t *testing.T) {
	w := connect(t)
	h := w.start(t)
	ns := w.namespace(t, nil)
	ctx := t.Context()
	crt := &certsv1.Certificate{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "web"}, Spec: certsv1.CertificateSpec{SecretName: "s", DNSNames: []string{"a.example"}, IssuerRef: cmmeta.IssuerReference{Name: "i"}}}
	cr := request(t, ns, "web-1", cmmeta.IssuerReference{Name: "i"})
	issuer := &certsv1.Issuer{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "i"}, Spec: certsv1.IssuerSpec{SelfSigned: &certsv1.SelfSignedIssuer{}}}
	order := &acmev1.Order{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "o"}, Spec: acmev1.OrderSpec{Request: []byte("x"), IssuerRef: cmmeta.IssuerReference{Name: "i"}}}
	for _, object := range []client.Object{crt, cr, issuer, order} {
		if err := w.Create(ctx, object); err != nil {
			t.Fatalf("%T: %v", object, err)
		}
	}
	names := make([]string, 15_000)
	for i := range names {
		names[i] = fmt.Sprintf("host-%d.a.example", i)
	}
	large := &certsv1.Certificate{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "large"}, Spec: certsv1.CertificateSpec{SecretName: "l", DNSNames: names, IssuerRef: cmmeta.IssuerReference{Name: "i"}}}
	if err := w.Create(ctx, large); err != nil {
		t.Fatal(err)
	}
	h.stop()

	patch := func(object client.Object, data string) error {
		return w.Patch(ctx, object.DeepCopyObject().(client.Object), client.RawPatch(types.MergePatchType, []byte(data)))
	}
	status := func(object client.Object, data string) error {
		return w.Status().Patch(ctx, object.DeepCopyObject().(client.Object), client.RawPatch(types.MergePatchType, []byte(data)))
	}
	const label = `{"metadata":{"labels":{"a":"b"},"annotations":{"example.org/a":"b"},"finalizers":["example.org/f"]}}`
	const release = `{"metadata":{"finalizers":null}}`
	for what, err := range map[string]error{
		"status of a Certificate":        status(crt, `{"status":{"revision":1,"conditions":[{"type":"Ready","status":"True"}]}}`),
		"metadata of a Certificate":      patch(crt, label),
		"releasing a Certificate":        patch(crt, release),
		"metadata of a huge Certificate": patch(large, label),
		"releasing a huge Certificate":   patch(large, release),
		"answer to a CertificateRequest": status(cr, `{"status":{"certificate":"YQ==","conditions":[{"type":"Ready","status":"True","reason":"Issued"}]}}`),
		"metadata of a request":          patch(cr, label),
		"releasing a request":            patch(cr, release),
		"status of an Issuer":            status(issuer, `{"status":{"conditions":[{"type":"Ready","status":"True"}]}}`),
		"metadata of an Issuer":          patch(issuer, label),
		"releasing an Issuer":            patch(issuer, release),
		"status of an Order":             status(order, `{"status":{"state":"pending","url":"https://acme.example/1","authorizations":[{"url":"https://acme.example/a"}]}}`),
		"the next status of an Order":    status(order, `{"status":{"state":"ready","authorizations":[{"url":"https://acme.example/a","identifier":"a.example","challenges":[{"url":"u","token":"t","type":"http-01"}]}]}}`),
		"metadata of an Order":           patch(order, label),
		"releasing an Order":             patch(order, release),
	} {
		allowed(t, "works while the webhook is down: "+what, err)
	}
	allowed(t, "works while the webhook is down: the last status of an Order", status(order, `{"status":{"state":"valid"}}`))

	for what, err := range map[string]error{
		"creating a Certificate":               w.Create(ctx, certificate(ns, "new", `{spec: {secretName: s, issuerRef: {name: i}, dnsNames: [a.example]}}`)),
		"creating a CertificateRequest":        w.Create(ctx, request(t, ns, "new", cmmeta.IssuerReference{Name: "i"})),
		"creating an Issuer":                   w.Create(ctx, object("cert-manager.io/v1", "Issuer", ns, "new", `{spec: {selfSigned: {}}}`)),
		"changing the spec of a Certificate":   patch(crt, `{"spec":{"dnsNames":["b.example"]}}`),
		"changing the spec of a request":       patch(cr, `{"spec":{"duration":"1h"}}`),
		"adding an annotation of ours":         patch(cr, `{"metadata":{"annotations":{"cert-manager.io/a":"b"}}}`),
		"adding Approved":                      status(cr, `{"status":{"conditions":[{"type":"Approved","status":"True"}]}}`),
		"adding Denied":                        status(cr, `{"status":{"conditions":[{"type":"Denied","status":"True"}]}}`),
		"rewriting what the ACME server said":  status(order, `{"status":{"url":"https://acme.example/2"}}`),
		"taking back an authorization's names": status(order, `{"status":{"authorizations":[{"url":"https://acme.example/b"}]}}`),
	} {
		if err == nil || !strings.Contains(err.Error(), "failed calling webhook") {
			t.Errorf("%s while the webhook is down: %v", what, err)
		}
	}
}

// grant lets user approve for the signers, and write requests anywhere.
func (w *world) grant(t *testing.T, user string, signers ...string) {
	t.Helper()
	role := &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{GenerateName: "webhook-test-"}, Rules: []rbacv1.PolicyRule{
		{APIGroups: []string{"cert-manager.io"}, Resources: []string{"certificaterequests", "certificaterequests/status", "certificates"}, Verbs: []string{"*"}},
	}}
	if len(signers) > 0 {
		role.Rules = append(role.Rules, rbacv1.PolicyRule{APIGroups: []string{"cert-manager.io"}, Resources: []string{"signers"}, Verbs: []string{"approve"}, ResourceNames: signers})
	}
	if err := w.Create(t.Context(), role); err != nil {
		t.Fatal(err)
	}
	binding := &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: role.Name}, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role.Name},
		Subjects: []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: "User", Name: user}},
	}
	if err := w.Create(t.Context(), binding); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Delete(context.Background(), binding); _ = w.Delete(context.Background(), role) })
}

func TestLabelledNamespace(t *testing.T) {
	w := connect(t)
	w.start(t)
	ns := w.namespace(t, map[string]string{certsv1.DisableValidationKey: "true"})
	garbage := request(t, ns, "garbage", cmmeta.IssuerReference{Name: "i"})
	garbage.Spec.Request = []byte("garbage")
	allowed(t, "a garbage request", w.Create(t.Context(), garbage))
	if garbage.Spec.Username == "" {
		t.Error("the creator was not stamped")
	}
	challenge := &acmev1.Challenge{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "c"}, Spec: acmev1.ChallengeSpec{
		URL: "https://acme.example/c", AuthorizationURL: "https://acme.example/a", DNSName: "a.example", Type: acmev1.ACMEChallengeTypeHTTP01,
		Token: "t", Key: "k", IssuerRef: cmmeta.IssuerReference{Name: "i"},
	}}
	allowed(t, "a Challenge", w.Create(t.Context(), challenge))
	challenge.Spec.URL = "https://127.0.0.1:1/elsewhere"
	if err := w.Update(t.Context(), challenge); !apierrors.IsForbidden(err) {
		t.Errorf("the URL of a Challenge was changed: %v", err)
	}
}

// heard keeps what the API server warned of.
type heard struct {
	mu    sync.Mutex
	texts []string
}

func (h *heard) HandleWarningHeader(_ int, _ string, text string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.texts = append(h.texts, text)
}

// cached reads from a cache that has synced, as the process does.
func (w *world) cached(t *testing.T) cache.Cache {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	cached, err := cache.New(w.config, cache.Options{Scheme: w.scheme})
	if err != nil {
		t.Fatal(err)
	}
	if err := cached.IndexField(ctx, &certsv1.Certificate{}, webhook.SecretNameIndex, webhook.IndexSecretName); err != nil {
		t.Fatal(err)
	}
	go func() { _ = cached.Start(ctx) }()
	cached.WaitForCacheSync(ctx)
	return cached
}

func TestWarnings(t *testing.T) {
	w := connect(t)
	cached := w.cached(t)
	w.start(t, func(_ *serving.Config, c *webhook.Config) { c.Reader = cached })
	ns := w.namespace(t, nil)

	var said heard
	config := rest.CopyConfig(w.config)
	config.WarningHandler = &said
	user, err := client.New(config, client.Options{Scheme: w.scheme})
	if err != nil {
		t.Fatal(err)
	}
	create := func(name, spec string) []string {
		t.Helper()
		said.texts = nil
		if err := user.Create(t.Context(), certificate(ns, name, spec)); err != nil {
			t.Fatal(err)
		}
		return said.texts
	}
	want := func(what string, got []string, parts ...string) {
		t.Helper()
		if !slices.EqualFunc(got, parts, strings.Contains) {
			t.Errorf("%s: warned %q, want %q", what, got, parts)
		}
	}
	want("an issuer that is absent", create("a", `{spec: {secretName: a, dnsNames: [a.example], issuerRef: {name: i}}}`), `the Issuer "i" does not exist in this namespace`)
	acme := object("cert-manager.io/v1", "Issuer", ns, "acme", `{spec: {acme: {server: "https://acme.example", privateKeySecretRef: {name: k}, solvers: [{http01: {ingress: {}}}]}}}`)
	if err := w.Create(t.Context(), acme); err != nil {
		t.Fatal(err)
	}
	want("an issuer in the same breath, a wildcard, a duration, and somebody else's Secret",
		create("b", `{spec: {secretName: a, dnsNames: ["*.a.example"], duration: 24h, issuerRef: {name: acme}}}`),
		`the Issuer "acme" is not ready yet`, "needs a DNS-01 solver", "spec.duration", `is also that of the Certificate "a"`)
	if err := w.Status().Patch(t.Context(), acme, client.RawPatch(types.MergePatchType, []byte(`{"status":{"conditions":[{"type":"Ready","status":"True"}]}}`))); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the cache has heard that the issuer is ready", func() error {
		got := &certsv1.Issuer{}
		if err := cached.Get(t.Context(), client.ObjectKeyFromObject(acme), got); err != nil {
			return err
		}
		if got.Status.Condition(certsv1.IssuerConditionReady) == nil {
			return fmt.Errorf("not yet")
		}
		return nil
	})
	ends := metav1.NewTime(time.Now().Add(100 * time.Hour))
	authority := certificate(ns, "authority", `{spec: {secretName: authority, isCA: true, commonName: ca, issuerRef: {name: i}}}`)
	if err := w.Create(t.Context(), authority); err != nil {
		t.Fatal(err)
	}
	if err := w.Status().Patch(t.Context(), authority, client.RawPatch(types.MergePatchType, []byte(`{"status":{"notAfter":"`+ends.UTC().Format(time.RFC3339)+`"}}`))); err != nil {
		t.Fatal(err)
	}
	ca := object("cert-manager.io/v1", "Issuer", ns, "ca", `{spec: {ca: {secretName: authority}}}`)
	if err := w.Create(t.Context(), ca); err != nil {
		t.Fatal(err)
	}
	if err := w.Status().Patch(t.Context(), ca, client.RawPatch(types.MergePatchType, []byte(`{"status":{"conditions":[{"type":"Ready","status":"True"}]}}`))); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the cache has heard of the CA's end", func() error {
		got, issuer := &certsv1.Certificate{}, &certsv1.Issuer{}
		if err := errors.Join(cached.Get(t.Context(), client.ObjectKeyFromObject(authority), got), cached.Get(t.Context(), client.ObjectKeyFromObject(ca), issuer)); err != nil {
			return err
		}
		if got.Status.NotAfter == nil || issuer.Status.Condition(certsv1.IssuerConditionReady) == nil {
			return fmt.Errorf("not yet")
		}
		return nil
	})
	want("longer than the CA lasts", create("d", `{spec: {secretName: d, dnsNames: [a.example], duration: 200h, issuerRef: {name: ca}}}`), "spec.duration: the CA of the Issuer \"ca\" ends on")
	want("shorter than the CA lasts", create("e", `{spec: {secretName: e, dnsNames: [a.example], duration: 50h, issuerRef: {name: ca}}}`))
	want("no duration that somebody has written", create("f", `{spec: {secretName: f, dnsNames: [a.example], issuerRef: {name: ca}}}`))
	want("nothing to say", create("c", `{spec: {secretName: c, dnsNames: [a.example], issuerRef: {name: acme}}}`))
}

// load keeps 50 writers busy until stop is called, and then says how many
// writes there were and which failed.
func (w *world) load(t *testing.T, namespace string) (stop func() (int64, []error)) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var (
		writes  atomic.Int64
		mu      sync.Mutex
		failed  []error
		writers sync.WaitGroup
	)
	for i := range 50 {
		writers.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				crt := certificate(namespace, fmt.Sprintf("load-%d-%d", i, n), `{spec: {issuerRef: {name: i}, dnsNames: [a.example]}}`)
				began := time.Now()
				err := w.Create(context.WithoutCancel(ctx), crt, client.DryRunAll)
				if err != nil {
					err = fmt.Errorf("after %v: %w", time.Since(began), err)
				}
				name, _, _ := unstructured.NestedString(crt.Object, "spec", "secretName")
				if err == nil && name != crt.GetName() {
					err = fmt.Errorf("was not asked about: %v", crt.Object["spec"])
				}
				writes.Add(1)
				if err != nil {
					mu.Lock()
					failed = append(failed, err)
					mu.Unlock()
				}
			}
		})
	}
	return func() (int64, []error) { cancel(); writers.Wait(); return writes.Load(), failed }
}

// authority returns the CA in the Secret, empty if there is none.
func (w *world) authority(t *testing.T) string {
	t.Helper()
	secret := &corev1.Secret{}
	if err := w.Get(t.Context(), client.ObjectKey{Namespace: installNamespace, Name: serving.SecretName}, secret); err != nil {
		return ""
	}
	return string(secret.Data["ca.crt"])
}

func TestRotationUnderLoad(t *testing.T) {
	w := connect(t)
	w.forget(t)
	ns := w.namespace(t, nil)
	l := listen(t)
	w.configure(t, l.Addr().String())
	h := w.replica(t, l, func(c *serving.Config, _ *webhook.Config) { c.Spread = 12 * time.Second })
	t.Cleanup(func() { h.stop(); w.forget(t) })
	eventually(t, "ready", h.Ready)

	stop := w.load(t, ns)
	before, rotations := w.authority(t), 0
	for i := range 3 {
		// Losing the Secret, damaging it, and a CA that has grown old are all
		// rotations.
		leaf, _ := h.GetCertificate(nil)
		secret := &corev1.Secret{}
		if err := w.Get(t.Context(), client.ObjectKey{Namespace: installNamespace, Name: serving.SecretName}, secret); err != nil {
			t.Fatal(err)
		}
		var err error
		switch i {
		case 0:
			err = w.Delete(t.Context(), secret)
		case 1:
			secret.Data["tls.key"] = []byte("damaged")
			err = w.Update(t.Context(), secret)
		case 2:
			old, caErr := serving.NewAuthority(time.Now().Add(-250*24*time.Hour), serving.DefaultCADuration)
			if caErr != nil {
				t.Fatal(caErr)
			}
			secret.Data["tls.crt"] = serving.Bundle{old.Certificate}.PEM()
			secret.Data["ca.crt"] = secret.Data["tls.crt"]
			if secret.Data["tls.key"], err = old.KeyPEM(); err == nil {
				err = w.Update(t.Context(), secret)
			}
			before = string(secret.Data["ca.crt"])
		}
		if err != nil {
			t.Fatal(err)
		}
		eventually(t, "a new CA is stored", func() error {
			if now := w.authority(t); now == "" || now == before {
				return fmt.Errorf("the CA is still the old one")
			}
			return nil
		})
		before = w.authority(t)
		eventually(t, "the leaf follows", func() error {
			if now, _ := h.GetCertificate(nil); now == leaf {
				return fmt.Errorf("the leaf is still the old one")
			}
			return nil
		})
		rotations++
		time.Sleep(time.Second)
	}
	writes, failed := stop()
	t.Logf("%d rotations, %d writes, %d failed", rotations, writes, len(failed))
	if len(failed) > 0 {
		t.Errorf("%d of %d writes failed, for example: %v", len(failed), writes, failed[0])
	}
	if writes < 200 {
		t.Errorf("%d writes are no load", writes)
	}
	if err := h.Ready(); err != nil {
		t.Error(err)
	}
	secret := &corev1.Secret{}
	if err := w.Get(t.Context(), client.ObjectKey{Namespace: installNamespace, Name: serving.SecretName}, secret); err != nil {
		t.Fatal(err)
	}
	if previous := serving.ParseBundle(secret.Data["previous-ca.crt"]); len(previous) < rotations {
		t.Errorf("%d retired CAs are trusted, want at least %d until their leaves have ended", len(previous), rotations)
	}
}

func TestFreshStarts(t *testing.T) {
	w := connect(t)
	ns := w.namespace(t, nil)
	for i := range 20 {
		w.forget(t)
		l := listen(t)
		w.configure(t, l.Addr().String())
		h := w.replica(t, l, nil)
		eventually(t, "ready", h.Ready)
		// The first apply, once.
		crt := certificate(ns, fmt.Sprintf("web-%d", i), `{spec: {issuerRef: {name: i}, dnsNames: [a.example]}}`)
		allowed(t, "the first apply", w.Create(t.Context(), crt))
		if name, _, _ := unstructured.NestedString(crt.Object, "spec", "secretName"); name != crt.GetName() {
			t.Errorf("the first apply was not asked about: %v", crt.Object["spec"])
		}
		denial(t, "the second", w.Create(t.Context(), certificate(ns, "bad", `{spec: {secretName: s, issuerRef: {name: i}}}`)), webhook.FieldRules, "spec")
		h.stop()
	}
	w.forget(t)
}

func TestReplicasAgreeOnOneCA(t *testing.T) {
	w := connect(t)
	w.forget(t)
	l := listen(t)
	w.configure(t, l.Addr().String())
	hooks := []*hook{w.replica(t, l, nil)}
	for range 4 {
		hooks = append(hooks, w.replica(t, listen(t), nil))
	}
	t.Cleanup(func() {
		for _, h := range hooks {
			h.stop()
		}
		w.forget(t)
	})
	for _, h := range hooks {
		eventually(t, "ready", h.Ready)
	}
	want := w.authority(t)
	for i, h := range hooks {
		if string(h.CABundle()) != want {
			t.Errorf("replica %d trusts something else", i)
		}
		leaf, err := h.GetCertificate(nil)
		if err != nil {
			t.Fatal(err)
		}
		roots := x509.NewCertPool()
		roots.AppendCertsFromPEM([]byte(want))
		if _, err := leaf.Leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: "cert-manager-webhook.cert-manager.svc"}); err != nil {
			t.Errorf("replica %d: %v", i, err)
		}
	}
}

// TestLeastPrivilege: this is all that the webhook role needs.
func TestLeastPrivilege(t *testing.T) {
	w := connect(t)
	ctx := t.Context()
	const user = "least-privileged-webhook"
	read := []string{"get", "list", "watch"}
	cluster := &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: user}, Rules: []rbacv1.PolicyRule{
		{APIGroups: []string{"admissionregistration.k8s.io"}, Resources: []string{"mutatingwebhookconfigurations", "validatingwebhookconfigurations"}, Verbs: append(read, "patch"), ResourceNames: []string{webhook.Name}},
		{APIGroups: []string{"authorization.k8s.io"}, Resources: []string{"subjectaccessreviews"}, Verbs: []string{"create"}},
		{APIGroups: []string{"cert-manager.io"}, Resources: []string{"issuers", "clusterissuers", "certificates"}, Verbs: read},
	}}
	local := &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Namespace: installNamespace, Name: user}, Rules: []rbacv1.PolicyRule{
		{APIGroups: []string{""}, Resources: []string{"secrets"}, Verbs: []string{"create"}},
		{APIGroups: []string{""}, Resources: []string{"secrets"}, Verbs: append(read, "update"), ResourceNames: []string{serving.SecretName}},
	}}
	subjects := []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: "User", Name: user}}
	objects := []client.Object{
		cluster, local,
		&rbacv1.ClusterRoleBinding{ObjectMeta: cluster.ObjectMeta, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: user}, Subjects: subjects},
		&rbacv1.RoleBinding{ObjectMeta: local.ObjectMeta, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: user}, Subjects: subjects},
	}
	for _, o := range objects {
		w.ensure(t, o)
		t.Cleanup(func() { _ = w.Delete(context.Background(), o) })
	}
	account := w.as(t, rest.ImpersonationConfig{UserName: user})
	w.start(t, func(s *serving.Config, c *webhook.Config) {
		s.Client = account
		review := approval.ReviewerFunc(func(ctx context.Context, sar *authorizationv1.SubjectAccessReview) error {
			return account.Create(ctx, sar)
		})
		c.Live, c.Secrets, c.Permissions = account, account, approval.New(review, account.RESTMapper(), clock.RealClock{})
	})
	ns := w.namespace(t, nil)
	issuer := object("cert-manager.io/v1", "Issuer", ns, "i", `{metadata: {annotations: {certwright.dev/default-issuer: "true"}}, spec: {selfSigned: {}}}`)
	allowed(t, "an Issuer", w.Create(ctx, issuer))
	allowed(t, "a Certificate that leaves all out", w.Create(ctx, certificate(ns, "web", `{spec: {dnsNames: [a.example]}}`)))
	cr := request(t, ns, "web-1", cmmeta.IssuerReference{Name: "i"})
	allowed(t, "a request", w.Create(ctx, cr))
	cr.Status.Conditions = []certsv1.CertificateRequestCondition{{Type: certsv1.CertificateRequestConditionApproved, Status: cmmeta.ConditionTrue}}
	allowed(t, "an approval", w.Status().Update(ctx, cr))

	// Much sooner than it looks by the clock: it was told.
	before := w.authority(t)
	began := time.Now()
	if err := w.Delete(ctx, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: installNamespace, Name: serving.SecretName}}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the Secret is made again", func() error {
		if now := w.authority(t); now == "" || now == before {
			return fmt.Errorf("there is no new CA")
		}
		return nil
	})
	if took := time.Since(began); took > 30*time.Second {
		t.Errorf("a lost Secret was noticed after %v: the watch does not work", took)
	}
}

func TestOnlyTheBundleIsWritten(t *testing.T) {
	w := connect(t)
	h := w.start(t)
	mutating, validating := webhook.Configurations(webhook.Options{URL: "https://" + h.addr})
	for _, want := range []client.Object{mutating, validating} {
		got := want.DeepCopyObject().(client.Object)
		if err := w.Get(t.Context(), client.ObjectKeyFromObject(want), got); err != nil {
			t.Fatal(err)
		}
		got.SetManagedFields(nil)
		for _, o := range []client.Object{got, want} {
			o.SetUID("")
			o.SetResourceVersion("")
			o.SetGeneration(0)
			o.SetCreationTimestamp(metav1.Time{})
			o.GetObjectKind().SetGroupVersionKind(schema.GroupVersionKind{})
			switch c := o.(type) {
			case *admissionregistrationv1.MutatingWebhookConfiguration:
				for i := range c.Webhooks {
					c.Webhooks[i].ClientConfig.CABundle = nil
				}
			case *admissionregistrationv1.ValidatingWebhookConfiguration:
				for i := range c.Webhooks {
					c.Webhooks[i].ClientConfig.CABundle = nil
				}
			}
		}
		// That nothing differs also means that no default of the API server is
		// left to be shown as drift.
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
	// Somebody replaces a configuration by the manifest, which has no bundle.
	_, validating = webhook.Configurations(webhook.Options{URL: "https://" + h.addr})
	current := validating.DeepCopy()
	if err := w.Get(t.Context(), client.ObjectKeyFromObject(current), current); err != nil {
		t.Fatal(err)
	}
	validating.ResourceVersion = current.ResourceVersion
	if err := w.Update(t.Context(), validating); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the bundle is back", func() error {
		if err := w.Get(t.Context(), client.ObjectKeyFromObject(current), current); err != nil {
			return err
		}
		for _, entry := range current.Webhooks {
			if string(entry.ClientConfig.CABundle) != string(h.CABundle()) {
				return fmt.Errorf("entry %s has no bundle", entry.Name)
			}
		}
		return nil
	})
}
