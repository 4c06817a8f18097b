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
func served(t *testing.T, handler http.Handler, l limits) (*http.Client, string, func() *x509.Certificate, func() error) {
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
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	s := &Server{Handler: handler, limits: l, GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return current.Load(), nil }}
	go func() { done <- s.Serve(ctx, listener) }()
	stop := func() error { cancel(); return <-done }
	t.Cleanup(cancel)
	return &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}, listener.Addr().String(), swap, stop
}

func TestServerUsesANewCertificateAtOnce(t *testing.T) {
	client, addr, swap, stop := served(t, Handler(Config{}), limits{})
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
	}), limits{})
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

// TestServerWaitsForNobody: whoever keeps a connection open without coming to
// an end is cut off, each for his own reason.
func TestServerWaitsForNobody(t *testing.T) {
	// Long enough for a handshake on a busy machine.
	const short, never = 2 * time.Second, time.Hour
	patient := limits{headers: never, request: never, answer: never, idle: never}
	const start = "POST /validate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
	tests := map[string]struct {
		limit  func(*limits)
		plain  bool // no TLS
		sends  string
		more   string // sent again and again
		answer string
	}{
		"who never starts":               {limit: func(l *limits) { l.idle, l.headers = short, short }},
		"who does not speak TLS":         {limit: func(l *limits) { l.headers = short }, plain: true},
		"headers that do not come":       {limit: func(l *limits) { l.headers = short }, sends: start},
		"a body that does not come":      {limit: func(l *limits) { l.request = short }, sends: start + "Content-Length: 100\r\n\r\n{", answer: "400"},
		"a body in pieces without end":   {limit: func(l *limits) { l.request = short }, sends: start + "Transfer-Encoding: chunked\r\n\r\n", more: "1\r\n \r\n", answer: "400"},
		"headers without end":            {sends: start + "X-Long: ", more: "aaaaaaaaaaaaaaaa", answer: "431"},
		"who has nothing more to ask":    {limit: func(l *limits) { l.idle = short }, sends: start + "Content-Length: 2\r\n\r\n{}", answer: "400"},
		"who asks for more than we take": {sends: start + "Content-Length: 100000000\r\n\r\n", answer: "413"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := patient
			if tt.limit != nil {
				tt.limit(&l)
			}
			client, addr, _, _ := served(t, Handler(Config{}), l)
			c, err := net.Dial("tcp", addr)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if !tt.plain {
				config := client.Transport.(*http.Transport).TLSClientConfig.Clone()
				config.ServerName = "127.0.0.1"
				c = tls.Client(c, config)
			}
			if _, err := io.WriteString(c, tt.sends); err != nil && tt.answer != "" {
				t.Fatal(err)
			}
			go func() {
				for tt.more != "" {
					if _, err := io.WriteString(c, tt.more); err != nil {
						return
					}
				}
			}()
			_ = c.SetReadDeadline(time.Now().Add(20 * time.Second))
			answer, err := io.ReadAll(c)
			if errors.Is(err, os.ErrDeadlineExceeded) {
				t.Error("was still waited for")
			}
			if line, _, _ := strings.Cut(string(answer), "\r\n"); !strings.Contains(line, tt.answer) {
				t.Errorf("answer %q, want %s", line, tt.answer)
			}
		})
	}
}

// TestServerWaitsForNobodyOverHTTP2: which API servers speak, where the webhook
// is configured by a URL.
func TestServerWaitsForNobodyOverHTTP2(t *testing.T) {
	t.Parallel()
	l := serverLimits
	l.request = 2 * time.Second
	client, addr, _, _ := served(t, Handler(Config{}), l)
	client.Transport.(*http.Transport).ForceAttemptHTTP2 = true
	client.Timeout = 20 * time.Second
	body, never := io.Pipe()
	defer never.Close()
	r, err := client.Post("https://"+addr+"/validate", "application/json", body)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	if r.ProtoMajor != 2 || r.StatusCode != http.StatusBadRequest {
		t.Errorf("%s over %s", r.Status, r.Proto)
	}
}

func TestServerDoesNotAnswerForEver(t *testing.T) {
	t.Parallel()
	l := serverLimits
	l.answer = 2 * time.Second
	cutOff := make(chan struct{})
	client, addr, _, _ := served(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for begin := time.Now(); time.Since(begin) < 10*time.Second; {
			if _, err := w.Write(make([]byte, 1<<16)); err != nil {
				close(cutOff)
				return
			}
		}
	}), l)
	r, err := client.Get("https://" + addr)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	_, _ = io.Copy(io.Discard, r.Body)
	select {
	case <-cutOff:
	case <-time.After(20 * time.Second):
		t.Error("an answer without end was not cut off")
	}
}
