package ingress

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/netip"
	"time"

	"k8s.io/client-go/rest"
)

// Options say what a DataPlane serves and where.
type Options struct {
	// Class is our IngressClass; if empty, every Ingress is served.
	Class string
	// HTTP and HTTPS are the listening addresses; "127.0.0.1:0" if empty.
	HTTP, HTTPS string
	// RedirectHTTPS sends plain requests for hosts with TLS to HTTPS (301), but
	// never those for /.well-known/acme-challenge/.
	RedirectHTTPS bool
	// Log gets failed watches and broken connections; discarded if nil.
	Log *log.Logger
}

// A DataPlane serves Ingresses until Close.
type DataPlane struct {
	http, https         *http.Server
	httpAddr, httpsAddr netip.AddrPort
	proxy               *proxy
	cancel              context.CancelFunc
}

// Start follows the cluster and serves from then on, until Close or the end of
// ctx. It returns when the first view of the cluster is complete.
func Start(ctx context.Context, config *rest.Config, o Options) (*DataPlane, error) {
	if o.Log == nil {
		o.Log = log.New(io.Discard, "", 0)
	}
	ctx, cancel := context.WithCancel(ctx)
	v, err := watch(ctx, config, o.Class, func(err error) { o.Log.Print(err) })
	if err != nil {
		cancel()
		return nil, err
	}
	d, err := serve(ctx, v, o)
	if err != nil {
		cancel()
		return nil, err
	}
	d.cancel = cancel
	context.AfterFunc(ctx, func() { _ = d.stop() })
	return d, nil
}

// serve opens both listeners on v.
func serve(ctx context.Context, v *view, o Options) (*DataPlane, error) {
	p, err := newProxy(v, o.Log)
	if err != nil {
		return nil, err
	}
	plain, err := listen(ctx, o.HTTP)
	if err != nil {
		return nil, err
	}
	secure, err := listen(ctx, o.HTTPS)
	if err != nil {
		return nil, errors.Join(err, plain.Close())
	}
	d := &DataPlane{
		proxy:     p,
		http:      server(p, o.Log),
		https:     server(p, o.Log),
		httpAddr:  netip.MustParseAddrPort(plain.Addr().String()),
		httpsAddr: netip.MustParseAddrPort(secure.Addr().String()),
		cancel:    func() {},
	}
	if o.RedirectHTTPS {
		p.httpsPort = fmt.Sprint(d.httpsAddr.Port())
	}
	d.https.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: p.certificate}
	go func() { _ = d.http.Serve(plain) }() // both end with Close
	go func() { _ = d.https.ServeTLS(secure, "", "") }()
	return d, nil
}

func listen(ctx context.Context, addr string) (net.Listener, error) {
	if addr == "" {
		addr = "127.0.0.1:0"
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	return l, nil
}

func server(h http.Handler, lg *log.Logger) *http.Server {
	return &http.Server{Handler: h, ErrorLog: lg, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: time.Minute}
}

// HTTPAddr is the host:port of the plain listener: what Pebble's HTTPPort and
// our self-check connect to.
func (d *DataPlane) HTTPAddr() string { return d.httpAddr.String() }

// HTTPSAddr is the host:port of the TLS listener.
func (d *DataPlane) HTTPSAddr() string { return d.httpsAddr.String() }

// HTTPPort is the port of HTTPAddr.
func (d *DataPlane) HTTPPort() int { return int(d.httpAddr.Port()) }

// HTTPSPort is the port of HTTPSAddr.
func (d *DataPlane) HTTPSPort() int { return int(d.httpsAddr.Port()) }

// Close stops serving and watching, and cuts open connections.
func (d *DataPlane) Close() error {
	d.cancel()
	return d.stop()
}

func (d *DataPlane) stop() error {
	err := errors.Join(d.http.Close(), d.https.Close())
	d.proxy.transport.CloseIdleConnections()
	return err
}
