package ingress

import (
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/client-go/tools/cache"
)

// The stores of these tests are those of the informers, filled by hand; the
// informers themselves are tested on a real API server in cluster_test.go.
func emptyView(class string) *view {
	store := func(i cache.Indexers) cache.Indexer { return cache.NewIndexer(cache.MetaNamespaceKeyFunc, i) }
	return &view{
		ingresses: store(ingressIndexers(class)), services: store(cache.Indexers{}),
		slices: store(sliceIndexers()), secrets: store(cache.Indexers{}),
	}
}

func add(t *testing.T, store cache.Indexer, objs ...any) {
	t.Helper()
	for _, obj := range objs {
		if err := store.Add(obj); err != nil {
			t.Fatal(err)
		}
	}
}

// backendOn answers every request on addr with its name, the host and the path.
func backendOn(t *testing.T, addr, name string) int {
	t.Helper()
	l, err := net.Listen("tcp", net.JoinHostPort(addr, "0"))
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprintf(w, "%s %s %s", name, r.Host, r.URL.Path)
	}))
	_ = srv.Listener.Close()
	srv.Listener = l
	srv.Start()
	t.Cleanup(srv.Close)
	return l.Addr().(*net.TCPAddr).Port
}

func serveView(t *testing.T, v *view, o Options) *DataPlane {
	t.Helper()
	o.Log = log.New(io.Discard, "", 0)
	d, err := serve(t.Context(), v, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

// get returns status and body; redirects are not followed.
func get(t *testing.T, d *DataPlane, url string) (int, string) {
	t.Helper()
	client := d.Client(nil)
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	resp, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if location := resp.Header.Get("Location"); location != "" {
		return resp.StatusCode, location
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// handshake returns the serial number and common name of what is served.
func handshake(t *testing.T, d *DataPlane, serverName string) string {
	t.Helper()
	conn, err := tls.Dial("tcp", d.HTTPSAddr(), &tls.Config{ServerName: serverName, InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	leaf := conn.ConnectionState().PeerCertificates[0]
	return leaf.SerialNumber.String() + " " + leaf.Subject.CommonName
}

func TestRequestsReachTheServerBehindTheEndpointSlice(t *testing.T) {
	t.Parallel()
	v := emptyView("ours")
	d := serveView(t, v, Options{})
	port := backendOn(t, "127.0.0.7", "app")
	const url = "http://web.example.test/shop"

	if code, body := get(t, d, url); code != http.StatusNotFound {
		t.Errorf("without an Ingress: %d %s", code, body)
	}
	add(t, v.ingresses, site("web", 1, class("ours"), prefix("web.example.test", "/", "app")))
	if code, body := get(t, d, url); code != http.StatusServiceUnavailable {
		t.Errorf("without a Service: %d %s", code, body)
	}
	add(t, v.services, service("app", corev1.ServicePort{Name: "http", Port: 80}))
	if code, body := get(t, d, url); code != http.StatusServiceUnavailable {
		t.Errorf("without endpoints: %d %s", code, body)
	}
	add(t, v.slices, endpointSlice("app-1", "app", "http", int32(port), at("192.0.2.7")))
	if code, body := get(t, d, url); code != http.StatusOK || body != "app web.example.test /shop" {
		t.Errorf("with all of it: %d %s", code, body)
	}
	add(t, v.slices, endpointSlice("app-1", "app", "http", int32(port), unready("192.0.2.7")))
	if code, body := get(t, d, url); code != http.StatusServiceUnavailable {
		t.Errorf("with an unready endpoint: %d %s", code, body)
	}
	add(t, v.slices, endpointSlice("app-1", "app", "http", 1, at("192.0.2.7")))
	if code, body := get(t, d, url); code != http.StatusBadGateway {
		t.Errorf("with a closed port: %d %s", code, body)
	}
	add(t, v.ingresses, site("web", 1, class("theirs"), prefix("web.example.test", "/", "app")))
	if code, body := get(t, d, url); code != http.StatusNotFound {
		t.Errorf("with another class: %d %s", code, body)
	}
}

func TestRequestsTakeTurnsAmongEndpoints(t *testing.T) {
	t.Parallel()
	v := emptyView("")
	d := serveView(t, v, Options{})
	var endpoints []any
	for _, ip := range []string{"7", "8"} {
		port := backendOn(t, "127.0.0."+ip, ip)
		endpoints = append(endpoints, endpointSlice("app-"+ip, "app", "", int32(port), discoveryv1.Endpoint{Addresses: []string{"192.0.2." + ip}}))
	}
	add(t, v.ingresses, site("web", 1, prefix("", "/", "app")))
	add(t, v.services, service("app", corev1.ServicePort{Port: 80}))
	add(t, v.slices, endpoints...)
	seen := map[string]int{}
	for range 4 {
		_, body := get(t, d, "http://web.example.test/")
		seen[body]++
	}
	if len(seen) != 2 {
		t.Errorf("answers %v, want two of each", seen)
	}
}

func TestHandshakesFollowTheSecrets(t *testing.T) {
	t.Parallel()
	v := emptyView("")
	d := serveView(t, v, Options{})
	const web = "web.example.test"
	none := "1 " + FallbackName

	if got := handshake(t, d, web); got != none {
		t.Errorf("without an Ingress: %s", got)
	}
	add(t, v.ingresses, site("a", 1, secured("web-tls", web)), site("b", 2, secured("wild-tls", "*.example.test")))
	if got := handshake(t, d, web); got != none {
		t.Errorf("without a Secret: %s", got)
	}
	add(t, v.secrets, tlsSecret(t, "wild-tls", 10, "*.example.test"))
	if got := handshake(t, d, web); got != "10 wild-tls" {
		t.Errorf("with the wildcard's Secret only: %s", got)
	}
	add(t, v.secrets, tlsSecret(t, "web-tls", 20, web))
	if got := handshake(t, d, web); got != "20 web-tls" {
		t.Errorf("with its own Secret: %s", got)
	}
	if got := handshake(t, d, "api.example.test"); got != "10 wild-tls" {
		t.Errorf("its neighbour: %s", got)
	}
	add(t, v.secrets, tlsSecret(t, "web-tls", 21, web))
	if got := handshake(t, d, web); got != "21 web-tls" {
		t.Errorf("after a renewal: %s", got)
	}
	broken := tlsSecret(t, "web-tls", 22, web)
	broken.Data[corev1.TLSPrivateKeyKey] = nil
	add(t, v.secrets, broken)
	if got := handshake(t, d, web); got != "10 wild-tls" {
		t.Errorf("with a broken pair: %s", got)
	}
}

func TestPlainRequestsAreRedirectedExceptChallenges(t *testing.T) {
	t.Parallel()
	v := emptyView("")
	d := serveView(t, v, Options{RedirectHTTPS: true})
	port := backendOn(t, "127.0.0.7", "app")
	add(t, v.ingresses,
		site("web", 1, secured("web-tls", "web.example.test"), prefix("web.example.test", "/", "app")),
		site("plain", 1, prefix("plain.example.test", "/", "app")))
	add(t, v.services, service("app", corev1.ServicePort{Name: "http", Port: 80}))
	add(t, v.slices, endpointSlice("app-1", "app", "http", int32(port), at("192.0.2.7")))

	want := fmt.Sprintf("https://web.example.test:%d/shop?q=1", d.HTTPSPort())
	if code, location := get(t, d, "http://web.example.test/shop?q=1"); code != http.StatusMovedPermanently || location != want {
		t.Errorf("the site: %d %s, want 301 %s", code, location, want)
	}
	if code, body := get(t, d, "http://web.example.test/.well-known/acme-challenge/tok"); code != http.StatusOK {
		t.Errorf("a challenge: %d %s", code, body)
	}
	if code, body := get(t, d, "http://plain.example.test/"); code != http.StatusOK {
		t.Errorf("a host without TLS: %d %s", code, body)
	}
}

func TestStartingOnATakenPortFails(t *testing.T) {
	t.Parallel()
	d := serveView(t, emptyView(""), Options{})
	for _, o := range []Options{{HTTP: d.HTTPAddr()}, {HTTPS: d.HTTPAddr()}} {
		o.Log = log.New(io.Discard, "", 0)
		if second, err := serve(t.Context(), emptyView(""), o); err == nil {
			t.Errorf("%+v: serves twice", o)
			_ = second.Close()
		}
	}
}
