package exchange

import (
	"context"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"
	"time"

	lego "github.com/go-acme/lego/v4/acme"
	"github.com/go-acme/lego/v4/acme/api"
)

// An Account says which account at which server a Client acts for.
type Account struct {
	// Server is the URL of the directory; https only (RFC 8555 section 6.1).
	Server string
	// CABundle, as PEM, replaces the system's CAs.
	CABundle []byte
	// SkipTLSVerify leaves the server's certificate unchecked.
	SkipTLSVerify bool
	// Key of the account: RSA, P-256 or P-384.
	Key crypto.Signer
	// URI of the account. Without it a Client can only look the account up and
	// register it.
	URI string
}

// ErrNotHTTPS says that a server's URL is not an https URL.
var ErrNotHTTPS = errors.New("must be an https URL (RFC 8555 section 6.1)")

// CheckServer reports what is wrong with the URL of a directory.
func CheckServer(server string) error {
	u, err := url.Parse(server)
	if err != nil {
		return err
	}
	if u.Scheme != "https" || u.Host == "" {
		return ErrNotHTTPS
	}
	return nil
}

// directoryLife is how long a directory is used without asking again,
// directoryRetry how long after an outage.
const (
	directoryLife  = 24 * time.Hour
	directoryRetry = 5 * time.Minute
)

// A Client makes exchanges for one account. It may be used concurrently.
type Client struct {
	account    Account
	thumbprint string
	host       string
	userAgent  string
	transport  http.RoundTripper
	limiter    *limiter
	metrics    *Metrics
	calls      chan struct{} // one token per call in flight

	dir  sync.Mutex // held while the directory is fetched
	mu   sync.Mutex
	seen *directory
	idle []*line // last in, first out: the warmest has nonces
}

// A directory is what the server answered, and until when we believe it.
type directory struct {
	lego.Directory
	body  []byte
	fresh time.Time
}

// A line is one Core of lego, used by one call at a time.
type line struct {
	core *api.Core
	wire *wire
	dir  *directory
}

func newClient(a Account, o Options, pace *limiter) (*Client, error) {
	if err := CheckServer(a.Server); err != nil {
		return nil, fmt.Errorf("server: %w", err)
	}
	u, err := url.Parse(a.Server)
	if err != nil {
		return nil, err
	}
	proof, err := thumbprint(a.Key)
	if err != nil {
		return nil, err
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: a.SkipTLSVerify} //nolint:gosec // asked for, for tests
	if len(a.CABundle) > 0 {
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(a.CABundle) {
			return nil, errors.New("caBundle holds no certificate")
		}
	}
	return &Client{
		account: a, thumbprint: proof, host: u.Host, userAgent: o.UserAgent, metrics: o.Metrics, limiter: pace,
		calls: make(chan struct{}, o.Calls),
		transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, TLSClientConfig: config, ForceAttemptHTTP2: true,
			MaxIdleConnsPerHost: o.Calls, IdleConnTimeout: 90 * time.Second,
			TLSHandshakeTimeout: 10 * time.Second, MaxResponseHeaderBytes: 1 << 20,
		},
	}, nil
}

// close lets go of connections.
func (c *Client) close() {
	if t, ok := c.transport.(*http.Transport); ok {
		t.CloseIdleConnections()
	}
}

// Thumbprint of the account key: a token, a dot and the thumbprint are a key
// authorization (RFC 8555 section 8.1).
func (c *Client) Thumbprint() string { return c.thumbprint }

// Account is the URI of the account.
func (c *Client) Account() string { return c.account.URI }

// Host is that of the directory.
func (c *Client) Host() string { return c.host }

// call makes one exchange on a line of its own. What the server said, beyond
// what f got, is in the answer.
func (c *Client) call(ctx context.Context, action string, f func(*api.Core) error) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	select {
	case c.calls <- struct{}{}:
		defer func() { <-c.calls }()
	case <-ctx.Done():
		return answer{}, classify(ctx.Err(), answer{}, c.host)
	}
	l, err := c.take(ctx)
	if err != nil {
		return answer{}, err
	}
	return c.over(ctx, l, action, f)
}

// over makes one exchange on l and puts l back.
func (c *Client) over(ctx context.Context, l *line, action string, f func(*api.Core) error) (answer, error) {
	l.wire.begin(ctx, action)
	err := f(l.core)
	seen := l.wire.last
	c.put(l)
	if err == nil {
		return seen, nil
	}
	e := classify(err, seen, c.host)
	if e.Status == http.StatusNotFound {
		c.doubt()
	}
	return seen, e
}

// take returns an idle line or makes one.
func (c *Client) take(ctx context.Context) (*line, error) {
	dir, err := c.directory(ctx)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	for len(c.idle) > 0 {
		l := c.idle[len(c.idle)-1]
		c.idle = c.idle[:len(c.idle)-1]
		if l.dir == dir {
			c.mu.Unlock()
			return l, nil
		}
	}
	c.mu.Unlock()
	return c.newLine(ctx, dir, c.account.URI)
}

func (c *Client) put(l *line) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if l.dir == c.seen {
		c.idle = append(c.idle, l)
	}
}

// newLine makes a line whose requests are signed with kid, or, where that is
// empty, carry the public key.
func (c *Client) newLine(ctx context.Context, dir *directory, kid string) (*line, error) {
	w := &wire{client: c, directory: dir.body, nonceURL: dir.NewNonceURL}
	w.begin(ctx, actionDirectory)
	// lego wraps the transport of the client that it is given: never share one.
	core, err := api.New(&http.Client{Transport: w, CheckRedirect: fewRedirects}, c.userAgent, c.account.Server, kid, c.account.Key)
	if err != nil {
		return nil, classify(err, answer{}, c.host)
	}
	return &line{core: core, wire: w, dir: dir}, nil
}

func fewRedirects(_ *http.Request, via []*http.Request) error {
	if len(via) > 3 {
		return errors.New("more than three redirects")
	}
	return nil
}

// directory returns the directory, fetched today, or an older one while the
// server has an outage.
func (c *Client) directory(ctx context.Context) (*directory, error) {
	c.dir.Lock()
	defer c.dir.Unlock()
	c.mu.Lock()
	old := c.seen
	c.mu.Unlock()
	now := time.Now()
	if old != nil && now.Before(old.fresh) {
		return old, nil
	}
	got, err := c.fetchDirectory(ctx)
	switch {
	case err != nil && old == nil:
		return nil, err
	case err != nil:
		old.fresh = now.Add(directoryRetry)
		return old, nil
	case old != nil && string(old.body) == string(got.body):
		old.fresh = now.Add(directoryLife) // the lines stay good
		return old, nil
	}
	got.fresh = now.Add(directoryLife)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen, c.idle = got, nil
	return got, nil
}

// doubt makes the next call ask for the directory again.
func (c *Client) doubt() {
	c.dir.Lock()
	defer c.dir.Unlock()
	if c.seen != nil {
		c.seen.fresh = time.Time{}
	}
}

func (c *Client) fetchDirectory(ctx context.Context) (*directory, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.account.Server, nil)
	if err != nil {
		return nil, &Error{Class: Terminal, Host: c.host, Err: err}
	}
	req.Header.Set("User-Agent", c.userAgent)
	resp, seen, err := c.send(ctx, req, actionDirectory)
	if err != nil {
		return nil, classify(err, answer{retryAfter: seen.retryAfter}, c.host)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, classify(err, answer{}, c.host)
	}
	if resp.StatusCode != http.StatusOK {
		class := classOf(max(resp.StatusCode, http.StatusBadRequest), "")
		if class == Terminal {
			// Nothing was asked of a CA yet: a proxy answers 403 or 404 while
			// what is behind it is being replaced.
			class = Transient
		}
		return nil, &Error{Class: class, Status: resp.StatusCode,
			Host: c.host, RetryAfter: seen.retryAfter, Err: fmt.Errorf("directory: status %d", resp.StatusCode)}
	}
	d := &directory{body: body}
	if err := json.Unmarshal(body, &d.Directory); err != nil {
		return nil, &Error{Class: Transient, Host: c.host, Err: errors.New("the server's answer is not an ACME directory")}
	}
	if d.NewNonceURL == "" || d.NewAccountURL == "" || d.NewOrderURL == "" {
		return nil, &Error{Class: Transient, Host: c.host, Err: errors.New("the ACME directory lacks newNonce, newAccount or newOrder")}
	}
	return d, nil
}
