package acme

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/letsencrypt/pebble/v2/ca"
	"github.com/letsencrypt/pebble/v2/db"
	"github.com/letsencrypt/pebble/v2/va"
	"github.com/letsencrypt/pebble/v2/wfe"
)

// A Profile is a kind of certificate that a client may ask for by name.
type Profile struct {
	// Description is shown in the directory.
	Description string
	// Validity is how long certificates last; 90 days if zero.
	Validity time.Duration
	// PromoteCommonName copies the first DNS name into the subject.
	PromoteCommonName bool
}

// Options say how the server behaves. DNS is required.
type Options struct {
	// DNS is the host:port of the resolver, asked over TCP.
	DNS string
	// HTTPPort and TLSPort are where HTTP-01 and TLS-ALPN-01 connect to.
	HTTPPort, TLSPort int
	// Profiles by name; if nil, one called "default". With several, an order
	// that names none gets any of them.
	Profiles map[string]Profile
	// RequireEAB refuses accounts without an external account binding.
	RequireEAB bool
	// EABKeys maps key IDs to keys in base64url without padding.
	EABKeys map[string]string
	// BlockedDomains are refused with rejectedIdentifier, also below.
	BlockedDomains []string
	// RetryAfter is what authorizations and orders say, in seconds; Pebble writes
	// it as a number or as a date, by chance. Zero sends no header.
	RetryAfter int
	// AlternateRoots is how many more chains are offered.
	AlternateRoots int
	// ChainLength is the number of intermediates; one if zero.
	ChainLength int
	// NonceReject and AuthzReuse are percentages, zero by default.
	NonceReject, AuthzReuse int
	// Listen is the address of the HTTPS front; "127.0.0.1:0" if empty.
	Listen string
	// Log receives Pebble's own log; it is discarded if nil.
	Log io.Writer
}

// A Server is a running ACME server.
type Server struct {
	url       string
	bundle    []byte
	http      *http.Server
	cancel    context.CancelFunc
	pebble    http.Handler
	store     *db.MemoryStore
	authority *ca.CAImpl

	mu    sync.Mutex
	fault Fault
	log   []*Exchange
}

// Start runs an ACME server until Close.
func Start(o Options) (*Server, error) {
	if o.DNS == "" {
		return nil, errors.New("no resolver: without one, Pebble would ask the network's")
	}
	s := &Server{store: db.NewMemoryStore()}
	for id, key := range o.EABKeys {
		if err := s.store.AddExternalAccountKeyByID(id, key); err != nil {
			return nil, fmt.Errorf("external account key %s: %w", id, err)
		}
	}
	for _, name := range o.BlockedDomains {
		if err := s.store.AddBlockedDomain(name); err != nil {
			return nil, fmt.Errorf("blocked domain %q: %w", name, err)
		}
	}
	if err := s.build(o); err != nil {
		return nil, err
	}
	if err := s.listen(o.Listen); err != nil {
		return nil, err
	}
	return s, nil
}

// build makes Pebble's parts; the environment is theirs meanwhile.
func (s *Server) build(o Options) error {
	restore, err := environment(o)
	if err != nil {
		return err
	}
	defer restore()

	out := o.Log
	if out == nil {
		out = io.Discard
	}
	lg := log.New(out, "pebble ", log.Ltime|log.Lmicroseconds)
	s.authority = ca.New(lg, s.store, "", "ecdsa", o.AlternateRoots, max(o.ChainLength, 1), profiles(o.Profiles))
	validator := va.New(lg, o.HTTPPort, o.TLSPort, false, o.DNS, s.store)
	front := wfe.New(lg, s.store, validator, s.authority, []string{"pebble.letsencrypt.org"},
		false, o.RequireEAB, o.RetryAfter, o.RetryAfter)
	s.pebble = front.Handler()
	return nil
}

func profiles(in map[string]Profile) map[string]ca.Profile {
	if in == nil {
		in = map[string]Profile{"default": {Description: "the only one"}}
	}
	out := map[string]ca.Profile{}
	for name, p := range in {
		// Zero makes Pebble take its default of 90 days.
		out[name] = ca.Profile{Description: p.Description, PromoteCommonName: p.PromoteCommonName,
			ValidityPeriod: uint64(p.Validity / time.Second)}
	}
	return out
}

// listen opens the HTTPS front.
func (s *Server) listen(addr string) error {
	if addr == "" {
		addr = "127.0.0.1:0"
	}
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", addr)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	bundle, config, err := servingCertificate(l.Addr())
	if err != nil {
		return errors.Join(fmt.Errorf("serving certificate: %w", err), l.Close())
	}
	s.bundle = bundle
	s.url = "https://" + l.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	s.cancel = cancel
	s.http = &http.Server{
		BaseContext:       func(net.Listener) context.Context { return ctx },
		Handler:           http.HandlerFunc(s.serve),
		TLSConfig:         config,
		ReadHeaderTimeout: 10 * time.Second,
		ErrorLog:          log.New(io.Discard, "", 0),
	}
	go func() { _ = s.http.ServeTLS(l, "", "") }() // ends with Close
	return nil
}

// Close stops answering and cuts open connections.
func (s *Server) Close() error {
	s.cancel() // ends what hangs
	return s.http.Close()
}

// DirectoryURL is what goes into an Issuer's spec.acme.server.
func (s *Server) DirectoryURL() string { return s.url + wfe.DirectoryPath }

// CABundle is the CA of the HTTPS front in PEM: an Issuer's spec.acme.caBundle.
// It has nothing to do with the certificates that the server issues.
func (s *Server) CABundle() []byte { return s.bundle }

// RootPEM is the root of the default chain of issued certificates.
func (s *Server) RootPEM() []byte { return s.authority.GetRootCert(0).PEM() }

// RootCertificates are the roots of all chains, the default one first.
func (s *Server) RootCertificates() []*x509.Certificate {
	roots := make([]*x509.Certificate, s.authority.GetNumberOfRootCerts())
	for i := range roots {
		roots[i] = s.authority.GetRootCert(i).Cert
	}
	return roots
}

// Roots verify issued certificates, by whichever chain.
func (s *Server) Roots() *x509.CertPool {
	pool := x509.NewCertPool()
	for _, root := range s.RootCertificates() {
		pool.AddCert(root)
	}
	return pool
}
