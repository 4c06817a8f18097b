package http01

import (
	"context"
	"crypto/subtle"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"sync/atomic"
	"time"

	acmev1 "github.com/certwright/certwright/certs/acme/v1"
)

const (
	checkTimeout  = 10 * time.Second
	maxCheckBody  = 1 << 20
	maxRedirects  = 10
	dialTimeout   = 5 * time.Second
	passes        = 2
	betweenPasses = 200 * time.Millisecond
)

// CheckOptions say how the self-check reaches names.
type CheckOptions struct {
	// Dial connects instead of the guarded dialer; for tests and --dev.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Nameservers, host:port, resolve names instead of the system's.
	Nameservers []string
	// UserAgent names the program.
	UserAgent string
}

// A SelfCheck looks whether a challenge is answered.
type SelfCheck struct {
	client    *http.Client
	userAgent string
}

// NewSelfCheck returns a SelfCheck.
func NewSelfCheck(o CheckOptions) *SelfCheck {
	if o.Dial == nil {
		o.Dial = guardedDialer(o.Nameservers)
	}
	return &SelfCheck{userAgent: o.UserAgent, client: &http.Client{
		Timeout: checkTimeout,
		Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, DialContext: o.Dial, DisableKeepAlives: true,
			TLSClientConfig:        &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // there is no certificate yet; the CA does not look either
			TLSHandshakeTimeout:    dialTimeout,
			MaxResponseHeaderBytes: 64 << 10,
		},
		CheckRedirect: func(_ *http.Request, via []*http.Request) error {
			if len(via) > maxRedirects {
				return fmt.Errorf("more than %d redirects", maxRedirects)
			}
			return nil
		},
	}}
}

// Check returns nil if ch is answered as the CA wants it, as often as we want
// it. It takes at most the time of its context.
func (s *SelfCheck) Check(ctx context.Context, ch *acmev1.Challenge) error {
	for n := range passes {
		if n > 0 {
			select {
			case <-time.After(betweenPasses):
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		if err := s.once(ctx, ch); err != nil {
			return err
		}
	}
	return nil
}

// URL is where the CA looks for the answer to ch.
func URL(ch *acmev1.Challenge) string {
	host := ch.Spec.DNSName
	if a, err := netip.ParseAddr(host); err == nil && a.Is6() {
		host = "[" + host + "]"
	}
	return (&url.URL{Scheme: "http", Host: host, Path: PathPrefix + ch.Spec.Token}).String()
}

func (s *SelfCheck) once(ctx context.Context, ch *acmev1.Challenge) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, URL(ch), nil)
	if err != nil {
		return fmt.Errorf("failed to perform self check GET request: %w", err)
	}
	req.Header.Set("User-Agent", s.userAgent)
	resp, err := s.client.Do(req)
	if err != nil {
		return fmt.Errorf("failed to perform self check GET request '%s': %w", URL(ch), cause(err))
	}
	defer resp.Body.Close()
	hint := portHint(resp.Request.URL)
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("wrong status code '%d', expected '%d'%s", resp.StatusCode, http.StatusOK, hint)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxCheckBody))
	if err != nil {
		return fmt.Errorf("failed to read the response body: %w", cause(err))
	}
	if subtle.ConstantTimeCompare(body, []byte(ch.Spec.Key)) != 1 {
		// What it says instead may be a secret of whoever answers.
		return fmt.Errorf("did not return the expected response body: another one of %d bytes%s", len(body), hint)
	}
	return nil
}

// portHint explains what a CA will not do.
func portHint(u *url.URL) string {
	if p := u.Port(); p != "" && p != "80" && p != "443" {
		return fmt.Sprintf(" (redirected to port %s, where a CA does not follow)", p)
	}
	return ""
}

// cause is err without what differs from one attempt to the next.
func cause(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	var op *net.OpError
	if errors.As(err, &op) && op.Op != "dial" {
		return fmt.Errorf("%s: %w", op.Op, op.Err)
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return errors.New("no answer in time")
	}
	return err
}

// guardedDialer connects to public and private addresses, and to none that
// belong to the machine we run on or to its provider.
func guardedDialer(nameservers []string) func(ctx context.Context, network, address string) (net.Conn, error) {
	resolver := net.DefaultResolver
	if len(nameservers) > 0 {
		var next atomic.Uint32
		resolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
			server := nameservers[int(next.Add(1))%len(nameservers)]
			var d net.Dialer
			return d.DialContext(ctx, network, server)
		}}
	}
	dialer := &net.Dialer{Timeout: dialTimeout}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		host, port, err := net.SplitHostPort(address)
		if err != nil {
			return nil, err
		}
		addresses, err := resolver.LookupNetIP(ctx, "ip", host)
		if err != nil {
			return nil, err
		}
		var errs []error
		for _, a := range addresses {
			if err := forbidden(a); err != nil {
				errs = append(errs, err)
				continue
			}
			// The address that was judged, not the name: it could change.
			conn, err := dialer.DialContext(ctx, network, net.JoinHostPort(a.Unmap().String(), port))
			if err == nil {
				return conn, nil
			}
			errs = append(errs, err)
		}
		return nil, errors.Join(errs...)
	}
}

// metadata are addresses where clouds give out credentials; 169.254.0.0/16 is
// forbidden anyway.
var metadata = []netip.Addr{
	netip.MustParseAddr("fd00:ec2::254"), netip.MustParseAddr("100.100.100.200"), netip.MustParseAddr("192.0.0.192"),
}

// forbidden says why a must not be connected to.
func forbidden(a netip.Addr) error {
	a = a.Unmap()
	switch {
	case a.IsLoopback(), a.IsUnspecified(), a.IsMulticast(), a.IsLinkLocalUnicast(), a.IsInterfaceLocalMulticast():
		return fmt.Errorf("the name leads to %s, which the self-check does not connect to", a)
	}
	for _, m := range metadata {
		if a == m {
			return fmt.Errorf("the name leads to %s, which the self-check does not connect to", a)
		}
	}
	return nil
}
