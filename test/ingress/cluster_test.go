//go:build cluster

package ingress

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"os"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/rand"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// A cluster is a namespace of its own on the real API server of $KUBECONFIG.
type cluster struct {
	*testing.T
	config    *rest.Config
	client    *kubernetes.Clientset
	namespace string
}

func newCluster(t *testing.T) *cluster {
	t.Helper()
	path := os.Getenv("KUBECONFIG")
	if path == "" {
		t.Fatal("KUBECONFIG is not set: start one with bin/devcluster up --dir D, then KUBECONFIG=D/kubeconfig")
	}
	config, err := clientcmd.BuildConfigFromFlags("", path)
	if err != nil {
		t.Fatal(err)
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	c := &cluster{T: t, config: config, client: client}
	ns, err := client.CoreV1().Namespaces().Create(t.Context(),
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "ingress-"}}, metav1.CreateOptions{})
	c.must(err)
	c.namespace = ns.Name
	t.Cleanup(func() {
		if err := client.CoreV1().Namespaces().Delete(context.Background(), ns.Name, metav1.DeleteOptions{}); err != nil {
			t.Error(err)
		}
	})
	return c
}

func (c *cluster) must(err error) {
	c.Helper()
	if err != nil {
		c.Fatal(err)
	}
}

// user is a config for somebody who may do what the package documentation lists
// and nothing else.
func (c *cluster) user(rules ...rbacv1.PolicyRule) *rest.Config {
	c.Helper()
	name := "test-ingress-" + rand.String(6)
	_, err := c.client.RbacV1().ClusterRoles().Create(c.Context(), &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: name}, Rules: rules}, metav1.CreateOptions{})
	c.must(err)
	_, err = c.client.RbacV1().ClusterRoleBindings().Create(c.Context(), &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: name},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: name}},
	}, metav1.CreateOptions{})
	c.must(err)
	c.Cleanup(func() {
		ctx := context.Background()
		_ = c.client.RbacV1().ClusterRoleBindings().Delete(ctx, name, metav1.DeleteOptions{})
		_ = c.client.RbacV1().ClusterRoles().Delete(ctx, name, metav1.DeleteOptions{})
	})
	config := rest.CopyConfig(c.config)
	config.Impersonate = rest.ImpersonationConfig{UserName: name}
	return config
}

var needed = []rbacv1.PolicyRule{
	{APIGroups: []string{""}, Resources: []string{"services", "secrets"}, Verbs: []string{"list", "watch"}},
	{APIGroups: []string{"discovery.k8s.io"}, Resources: []string{"endpointslices"}, Verbs: []string{"list", "watch"}},
	{APIGroups: []string{"networking.k8s.io"}, Resources: []string{"ingresses"}, Verbs: []string{"list", "watch"}},
}

// expose makes a Service without selector that leads to addr:port.
func (c *cluster) expose(name, addr string, port int) {
	c.Helper()
	svc := service(name, corev1.ServicePort{Name: "http", Port: 80})
	svc.Namespace = ""
	_, err := c.client.CoreV1().Services(c.namespace).Create(c.Context(), svc, metav1.CreateOptions{})
	c.must(err)
	_, err = c.client.DiscoveryV1().EndpointSlices(c.namespace).Create(c.Context(), c.slice(name, addr, port), metav1.CreateOptions{})
	c.must(err)
}

func (c *cluster) slice(name, addr string, port int) *discoveryv1.EndpointSlice {
	s := endpointSlice(name, name, "http", int32(port), at(addr))
	s.Namespace = ""
	s.AddressType = discoveryv1.AddressTypeIPv4
	return s
}

func (c *cluster) createIngress(ing *networkingv1.Ingress) {
	c.Helper()
	ing.Namespace = ""
	_, err := c.client.NetworkingV1().Ingresses(c.namespace).Create(c.Context(), ing, metav1.CreateOptions{})
	c.must(err)
}

// eventually waits until got is want and tells how long it took.
func (c *cluster) eventually(what, want string, got func() string) {
	c.Helper()
	start := time.Now()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	var last string
	for {
		if last = got(); last == want {
			c.Logf("%s after %s", what, time.Since(start).Round(time.Millisecond))
			return
		}
		select {
		case <-tick.C:
		case <-c.Context().Done():
			c.Fatalf("%s: test ended", what)
		}
		if time.Since(start) > 10*time.Second {
			c.Fatalf("%s: not within ten seconds; last %q, want %q", what, last, want)
		}
	}
}

func TestTheDataPlaneFollowsARealCluster(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	host := "web." + c.namespace + ".test" // other tests share the cluster
	const token = "/.well-known/acme-challenge/tok"
	app, solver := backendOn(t, "127.0.0.7", "app"), backendOn(t, "127.0.0.8", "solver")

	d, err := Start(t.Context(), c.user(needed...), Options{Class: "ours", Log: log.New(testWriter{t}, "", 0)})
	c.must(err)
	t.Cleanup(func() { _ = d.Close() })
	ask := func(path string) func() string {
		return func() string {
			code, body := get(t, d, "http://"+host+path)
			if code != http.StatusOK {
				return fmt.Sprint(code)
			}
			return body
		}
	}
	served := func() string { return handshake(t, d, host) }

	if got := ask("/")(); got != "404" {
		t.Fatalf("before there is an Ingress: %s", got)
	}
	c.expose("app", "192.0.2.7", app)
	c.createIngress(site("site", 0, class("ours"), secured("web-tls", host), prefix(host, "/", "app")))
	c.eventually("the site is served", "app "+host+" /", ask("/"))

	c.expose("solver", "192.0.2.8", solver)
	c.createIngress(site("solver", 0, class("ours"), exact(host, token, "solver")))
	c.eventually("a second Ingress takes over the challenge path", "solver "+host+" "+token, ask(token))
	if got := ask("/")(); got != "app "+host+" /" {
		t.Errorf("the rest of the site: %s", got)
	}

	if got := served(); got != "1 "+FallbackName {
		t.Errorf("without a Secret: %s", got)
	}
	secret := tlsSecret(t, "web-tls", 10, host)
	secret.Namespace, secret.ResourceVersion = "", ""
	_, err = c.client.CoreV1().Secrets(c.namespace).Create(t.Context(), secret, metav1.CreateOptions{})
	c.must(err)
	c.eventually("the certificate is served", "10 web-tls", served)
	secret.Data = tlsSecret(t, "web-tls", 11, host).Data
	_, err = c.client.CoreV1().Secrets(c.namespace).Update(t.Context(), secret, metav1.UpdateOptions{})
	c.must(err)
	c.eventually("the renewed certificate is served", "11 web-tls", served)

	patch := []byte(`{"spec":{"ingressClassName":"theirs"}}`)
	_, err = c.client.NetworkingV1().Ingresses(c.namespace).Patch(t.Context(), "solver", "application/merge-patch+json", patch, metav1.PatchOptions{})
	c.must(err)
	c.eventually("an Ingress of another class is left alone", "app "+host+" "+token, ask(token))

	c.must(c.client.DiscoveryV1().EndpointSlices(c.namespace).Delete(t.Context(), "app", metav1.DeleteOptions{}))
	c.eventually("without endpoints the site is unavailable", "503", ask("/"))
	c.must(c.client.NetworkingV1().Ingresses(c.namespace).Delete(t.Context(), "site", metav1.DeleteOptions{}))
	c.eventually("a deleted Ingress is gone", "404", ask("/"))
}

// This is why 192.0.2.0/24 stands for the node network. Should the API server
// ever allow loopback, Loopback can go.
func TestTheAPIServerRefusesLoopbackEndpoints(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	create := func(addr string) error {
		_, err := c.client.DiscoveryV1().EndpointSlices(c.namespace).Create(t.Context(), c.slice("app", addr, 80), metav1.CreateOptions{})
		return err
	}
	if err := create("127.0.0.7"); !apierrors.IsInvalid(err) {
		t.Errorf("127.0.0.7: %v, want it refused as invalid", err)
	}
	if err := create("192.0.2.7"); err != nil {
		t.Errorf("192.0.2.7: %v", err)
	}
}

func TestStartSaysWhichPermissionIsMissing(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	reported := make(chan string, 100)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		defer cancel()
		<-reported
	}()
	_, err := Start(ctx, c.user(needed[1:]...), Options{Log: log.New(lineWriter(reported), "", 0)})
	if !apierrors.IsForbidden(err) {
		t.Errorf("Start: %v, want forbidden", err)
	}
}

// testWriter logs to the test.
type testWriter struct{ t *testing.T }

func (w testWriter) Write(b []byte) (int, error) {
	if w.t.Context().Err() == nil { // a test that ended may not log
		w.t.Logf("data plane: %s", b)
	}
	return len(b), nil
}

// lineWriter sends what is logged, as long as somebody has room for it.
type lineWriter chan<- string

func (w lineWriter) Write(b []byte) (int, error) {
	select {
	case w <- string(b):
	default:
	}
	return len(b), nil
}
