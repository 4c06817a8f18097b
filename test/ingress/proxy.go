package ingress

import (
	"context"
	"crypto/tls"
	"fmt"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"time"
)

// challengePath is where HTTP-01 is answered, always without a redirect.
const challengePath = "/.well-known/acme-challenge/"

// A proxy answers requests from a view.
type proxy struct {
	view      *view
	pairs     pairs
	fallback  *tls.Certificate
	transport *http.Transport
	log       *log.Logger
	turn      atomic.Uint64

	// httpsPort is where plain requests for a TLS host are sent; empty for never.
	httpsPort string
}

func newProxy(v *view, lg *log.Logger) (*proxy, error) {
	cert, err := fallback()
	if err != nil {
		return nil, fmt.Errorf("fallback certificate: %w", err)
	}
	dialer := &net.Dialer{Timeout: 5 * time.Second}
	return &proxy{view: v, fallback: cert, log: lg, transport: &http.Transport{
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			return dialer.DialContext(ctx, network, Loopback(addr))
		},
		ResponseHeaderTimeout: 30 * time.Second,
		IdleConnTimeout:       30 * time.Second,
		MaxIdleConnsPerHost:   16,
	}}, nil
}

// ServeHTTP routes one request.
func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if p.httpsPort != "" && r.TLS == nil && !strings.HasPrefix(r.URL.Path, challengePath) && p.view.hasTLS(r.Host) {
		http.Redirect(w, r, "https://"+net.JoinHostPort(hostname(r.Host), p.httpsPort)+r.URL.RequestURI(), http.StatusMovedPermanently)
		return
	}
	backend, ok := p.view.route(r.Host, r.URL.Path)
	if !ok {
		http.Error(w, fmt.Sprintf("no Ingress for %s%s", r.Host, r.URL.Path), http.StatusNotFound)
		return
	}
	endpoints := p.view.endpoints(backend)
	if len(endpoints) == 0 {
		http.Error(w, fmt.Sprintf("no endpoints for Service %s/%s", backend.Namespace, backend.Service), http.StatusServiceUnavailable)
		return
	}
	target := &url.URL{Scheme: "http", Host: endpoints[p.turn.Add(1)%uint64(len(endpoints))]}
	(&httputil.ReverseProxy{
		Transport: p.transport,
		ErrorLog:  p.log,
		Rewrite: func(pr *httputil.ProxyRequest) {
			pr.SetURL(target)
			pr.SetXForwarded()
			pr.Out.Host = pr.In.Host // the solver checks it
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			http.Error(w, fmt.Sprintf("back end %s: %v", target.Host, err), http.StatusBadGateway)
		},
	}).ServeHTTP(w, r)
}

// certificate answers a TLS handshake.
func (p *proxy) certificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	for _, secret := range p.view.tlsSecrets(hello.ServerName) {
		if cert, ok := p.pairs.of(secret); ok {
			return cert, nil
		}
	}
	return p.fallback, nil
}

func hostname(host string) string {
	if h, _, err := net.SplitHostPort(host); err == nil {
		return h
	}
	return strings.Trim(host, "[]")
}
