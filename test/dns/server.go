package dns

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	mdns "github.com/miekg/dns"
)

// A Key signs dynamic updates (RFC 8945).
type Key struct {
	// Name of the key, for example "certwright.".
	Name string
	// Secret is the shared secret in standard base64.
	Secret string
	// Algorithm is the only one accepted with this key; HMAC-SHA256 if empty.
	Algorithm string
}

// Options say what a Server holds.
type Options struct {
	// Zones are the apexes, for example "example.test.". Each gets an SOA and an
	// NS record if Records have none.
	Zones []string
	// Records in zone file syntax with absolute names, for example
	// "*.example.test. 1 IN A 127.0.0.1".
	Records []string
	// Keys allowed to send updates. Without any, every update is refused.
	Keys []Key
	// Listen is the address of both listeners; "127.0.0.1:0" if empty.
	Listen string
}

// A Server answers DNS questions until Close.
type Server struct {
	keys map[string]Key
	addr string
	udp  *mdns.Server
	tcp  *mdns.Server

	mu     sync.Mutex
	zones  zones
	faults map[string]fault
	counts map[question]int
}

// Start listens on UDP and TCP and answers from then on.
func Start(o Options) (*Server, error) {
	s := &Server{
		keys:   map[string]Key{},
		faults: map[string]fault{},
		counts: map[question]int{},
	}
	secrets := map[string]string{}
	for _, k := range o.Keys {
		k.Name = mdns.CanonicalName(k.Name)
		if k.Algorithm == "" {
			k.Algorithm = mdns.HmacSHA256
		}
		k.Algorithm = mdns.CanonicalName(k.Algorithm)
		if _, err := base64.StdEncoding.DecodeString(k.Secret); err != nil {
			return nil, fmt.Errorf("secret of key %s: %w", k.Name, err)
		}
		s.keys[k.Name] = k
		secrets[k.Name] = k.Secret
	}
	z, err := newZones(o.Zones, o.Records)
	if err != nil {
		return nil, err
	}
	s.zones = z

	listen := o.Listen
	if listen == "" {
		listen = "127.0.0.1:0"
	}
	pc, l, err := listenBoth(listen)
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	s.addr = l.Addr().String()
	s.udp = &mdns.Server{PacketConn: pc}
	s.tcp = &mdns.Server{Listener: l}
	for _, srv := range []*mdns.Server{s.udp, s.tcp} {
		srv.Handler = mdns.HandlerFunc(s.serve)
		srv.TsigSecret = secrets
		srv.MsgAcceptFunc = accept
		if err := serveInBackground(srv); err != nil {
			return nil, errors.Join(err, s.Close())
		}
	}
	return s, nil
}

// Addr is the host:port of both listeners.
func (s *Server) Addr() string { return s.addr }

// Close stops both listeners.
func (s *Server) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	errUDP := s.udp.ShutdownContext(ctx)
	errTCP := s.tcp.ShutdownContext(ctx)
	// The library closes a listener only when it was serving.
	_ = s.udp.PacketConn.Close()
	_ = s.tcp.Listener.Close()
	return errors.Join(errUDP, errTCP)
}

// serveInBackground returns once srv answers.
func serveInBackground(srv *mdns.Server) error {
	started := make(chan struct{})
	failed := make(chan error, 1)
	srv.NotifyStartedFunc = func() { close(started) }
	go func() { failed <- srv.ActivateAndServe() }()
	select {
	case <-started:
		return nil
	case err := <-failed:
		return fmt.Errorf("serve: %w", err)
	}
}

// listenBoth finds one port that is free for TCP and UDP. With port 0 the
// kernel picks a TCP port whose UDP twin may be taken, hence the attempts.
func listenBoth(addr string) (net.PacketConn, net.Listener, error) {
	ctx, listen := context.Background(), net.ListenConfig{}
	var last error
	for range 10 {
		l, err := listen.Listen(ctx, "tcp", addr)
		if err != nil {
			return nil, nil, err
		}
		pc, err := listen.ListenPacket(ctx, "udp", l.Addr().String())
		if err == nil {
			return pc, l, nil
		}
		last = errors.Join(err, l.Close())
	}
	return nil, nil, last
}

// accept lets UPDATE in, which the library answers with NOTIMP by default.
func accept(h mdns.Header) mdns.MsgAcceptAction {
	const response = 1 << 15
	if h.Bits&response == 0 && int(h.Bits>>11)&0xF == mdns.OpcodeUpdate {
		return mdns.MsgAccept
	}
	return mdns.DefaultMsgAcceptFunc(h)
}
