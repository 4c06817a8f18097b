package webhook

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/certwright/certwright/webhook/serving"
)

// served runs a Server for a test and returns a client, its address, what
// swaps the certificate, and what stops it.
func served(t *testing.T, handler http.Handler) (*http.Client, string, func() *x509.Certificate, func() error) {
	t.Helper()
	var current atomic.Pointer[tls.Certificate]
	roots := x509.NewCertPool()
	swap := func() *x509.Certificate {
		ca, err := serving.NewAuthority(time.Now(), time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		leaf, err := ca.Leaf(time.Now(), time.Hour, nil, []net.IP{net.IPv4(127, 0, 0, 1)})
		if err != nil {
			t.Fatal(err)
		}
		roots.AddCert(ca.Certificate)
		current.Store(leaf)
		return leaf.Leaf
	}
	swap()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	s := &Server{Handler: handler, GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return current.Load(), nil }}
	go func() { done <- s.Serve(ctx, l) }()
	stop := func() error { cancel(); return <-done }
	t.Cleanup(cancel)
	return &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}, l.Addr().String(), swap, stop
}

func TestServerUsesANewCertificateAtOnce(t *testing.T) {
	client, addr, swap, stop := served(t, Handler(Config{}))
	post := func() *http.Response {
		t.Helper()
		r, err := client.Post("https://"+addr+"/validate", "application/json", strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		defer r.Body.Close()
		_, _ = io.Copy(io.Discard, r.Body)
		return r
	}
	before := post()
	leaf := swap()
	if kept := post(); kept.TLS.PeerCertificates[0].Equal(leaf) {
		t.Error("an open connection was not kept")
	}
	client.CloseIdleConnections()
	after := post()
	if !after.TLS.PeerCertificates[0].Equal(leaf) || before.TLS.PeerCertificates[0].Equal(leaf) {
		t.Error("a new connection got the old certificate")
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
}

func TestServerFinishesWhatIsUnderWay(t *testing.T) {
	entered, release := make(chan struct{}), make(chan struct{})
	client, addr, _, stop := served(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(entered)
		<-release
		_, _ = io.WriteString(w, "done")
	}))
	answer := make(chan string, 1)
	go func() {
		r, err := client.Get("https://" + addr)
		if err != nil {
			answer <- err.Error()
			return
		}
		defer r.Body.Close()
		b, _ := io.ReadAll(r.Body)
		answer <- string(b)
	}()
	<-entered
	stopped := make(chan error, 1)
	go func() { stopped <- stop() }()
	for { // until new connections are refused the old one is still waited for
		c, err := net.Dial("tcp", addr)
		if err != nil {
			break
		}
		c.Close()
	}
	close(release)
	if got := <-answer; got != "done" {
		t.Errorf("answer = %q", got)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

func TestServerBoundsHeaders(t *testing.T) {
	t.Parallel()
	client, addr, _, stop := served(t, Handler(Config{}))
	defer func() { _ = stop() }()
	open := func() *tls.Conn {
		t.Helper()
		c, err := tls.Dial("tcp", addr, client.Transport.(*http.Transport).TLSClientConfig.Clone())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		if _, err := io.WriteString(c, "POST /validate HTTP/1.1\r\nHost: x\r\nX-Long: "); err != nil {
			t.Fatal(err)
		}
		return c
	}
	slow, long := open(), open()
	go func() {
		for {
			if _, err := io.WriteString(long, strings.Repeat("a", 4096)); err != nil {
				return
			}
		}
	}()
	_ = long.SetReadDeadline(time.Now().Add(20 * time.Second))
	if b, _ := io.ReadAll(long); !strings.Contains(string(b), "431") {
		t.Errorf("headers without end: %q, want HTTP 431", b)
	}
	_ = slow.SetReadDeadline(time.Now().Add(headerTimeout + 15*time.Second))
	if _, err := io.ReadAll(slow); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("headers that never come were still waited for")
	}
}
