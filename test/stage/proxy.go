package stage

import (
	"bytes"
	"context"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync"
	"time"

	"k8s.io/client-go/rest"
)

// A Proxy passes requests on to an API server, and is in the way when it is told
// to be. Callers prove who they are by a token, which passes through.
type Proxy struct {
	server *httptest.Server
	pass   *httputil.ReverseProxy

	mu      sync.Mutex
	trouble func(*http.Request) Trouble
	over    chan struct{} // closed when trouble is replaced
	running map[*http.Request]context.CancelFunc
}

// Trouble is what becomes of a request. The zero value passes it on.
type Trouble struct {
	// Delay is how long it is held. When the trouble is over sooner, it is
	// dropped.
	Delay time.Duration
	// Cut drops the connection, also of what is under way.
	Cut bool
}

// NewProxy starts a proxy to the API server of access, on this machine.
func NewProxy(access *rest.Config) (*Proxy, error) {
	target, err := url.Parse(access.Host)
	if err != nil {
		return nil, fmt.Errorf("address of the API server: %w", err)
	}
	transport, err := rest.TransportFor(rest.AnonymousClientConfig(access))
	if err != nil {
		return nil, fmt.Errorf("transport to the API server: %w", err)
	}
	p := &Proxy{
		pass: &httputil.ReverseProxy{
			Rewrite:       func(r *httputil.ProxyRequest) { r.SetURL(target) },
			Transport:     transport,
			FlushInterval: -1, // watches
			ErrorLog:      log.New(io.Discard, "", 0),
			// As if there were no proxy: the connection ends.
			ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
		},
		over: make(chan struct{}), running: map[*http.Request]context.CancelFunc{},
	}
	p.server = httptest.NewUnstartedServer(http.HandlerFunc(p.serve))
	p.server.Config.ErrorLog = p.pass.ErrorLog
	p.server.EnableHTTP2 = true
	p.server.StartTLS()
	return p, nil
}

// URL is where the proxy answers.
func (p *Proxy) URL() string { return p.server.URL }

// CA is whom to trust there, as PEM.
func (p *Proxy) CA() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: p.server.Certificate().Raw})
}

// Close ends the proxy and every request in it.
func (p *Proxy) Close() {
	p.Disturb(func(*http.Request) Trouble { return Trouble{Cut: true} })
	p.server.CloseClientConnections()
	p.server.Close()
}

// Disturb asks trouble what becomes of each request from now on, in place of
// what was asked before. Nil is no trouble.
func (p *Proxy) Disturb(trouble func(*http.Request) Trouble) {
	p.mu.Lock()
	defer p.mu.Unlock()
	close(p.over)
	p.trouble, p.over = trouble, make(chan struct{})
	for r, cancel := range p.running {
		if trouble != nil && trouble(r).Cut {
			cancel()
		}
	}
}

func (p *Proxy) serve(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	p.mu.Lock()
	var now Trouble
	if p.trouble != nil {
		now = p.trouble(r)
	}
	over := p.over
	p.running[r] = cancel
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.running, r)
	}()
	if now.Cut {
		panic(http.ErrAbortHandler)
	}
	if now.Delay > 0 {
		select {
		case <-time.After(now.Delay):
		case <-over:
			panic(http.ErrAbortHandler)
		case <-ctx.Done():
			panic(http.ErrAbortHandler)
		}
	}
	// What is answered before it has been read can block an HTTP/2 stream on
	// both sides for ever.
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody))
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	r = r.WithContext(ctx)
	r.Body = io.NopCloser(bytes.NewReader(body))
	p.pass.ServeHTTP(w, r)
}

// maxBody is more than an API server takes.
const maxBody = 8 << 20
