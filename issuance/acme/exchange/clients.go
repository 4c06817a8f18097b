package exchange

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/url"
	"sync"

	"k8s.io/apimachinery/pkg/types"
)

// Options are shared by all Clients.
type Options struct {
	// UserAgent names the program; lego adds itself.
	UserAgent string
	// Metrics may be nil.
	Metrics *Metrics
	// RequestsPerSecond to one server, whatever the number of accounts; 50 if
	// zero. Twice as many may go at once after a rest. A server that says 429 or
	// 503 gets half as many, and slowly more again.
	RequestsPerSecond float64
	// Calls in flight for one account; 16 if zero.
	Calls int
}

func (o Options) withDefaults() Options {
	if o.UserAgent == "" {
		o.UserAgent = "certwright"
	}
	if o.RequestsPerSecond <= 0 {
		o.RequestsPerSecond = 50
	}
	if o.Calls <= 0 {
		o.Calls = 16
	}
	return o
}

// Clients keeps one Client per issuer for as long as the issuer's account stays
// the same: it is the only place that holds account keys.
type Clients struct {
	options Options

	mu      sync.Mutex
	byOwner map[types.UID]entry
	byHost  map[string]*limiter
}

type entry struct {
	identity string
	client   *Client
}

// NewClients returns an empty set of Clients.
func NewClients(o Options) *Clients {
	return &Clients{options: o.withDefaults(), byOwner: map[types.UID]entry{}, byHost: map[string]*limiter{}}
}

// Identity tells accounts apart without the key itself.
func Identity(a Account, keyHash string) string {
	h := sha256.New()
	_, _ = fmt.Fprintf(h, "%q %q %t %q %q", a.Server, a.CABundle, a.SkipTLSVerify, a.URI, keyHash)
	return hex.EncodeToString(h.Sum(nil))
}

// Find returns the Client of owner if it has that identity.
func (c *Clients) Find(owner types.UID, identity string) (*Client, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.byOwner[owner]
	if !ok || e.identity != identity {
		return nil, false
	}
	return e.client, true
}

// Keep makes a Client for a and keeps it for owner, in place of an older one.
func (c *Clients) Keep(owner types.UID, identity string, a Account) (*Client, error) {
	client, err := c.New(a)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if e, ok := c.byOwner[owner]; ok {
		if e.identity == identity {
			return e.client, nil // somebody was quicker
		}
		e.client.close()
	}
	c.byOwner[owner] = entry{identity: identity, client: client}
	return client, nil
}

// New makes a Client that is not kept.
func (c *Clients) New(a Account) (*Client, error) {
	u, err := url.Parse(a.Server)
	if err != nil {
		return nil, fmt.Errorf("server: %w", err)
	}
	c.mu.Lock()
	pace, ok := c.byHost[u.Host]
	if !ok {
		pace = newLimiter(c.options.RequestsPerSecond)
		c.byHost[u.Host] = pace
	}
	c.mu.Unlock()
	return newClient(a, c.options, pace)
}

// Forget drops the Client of owner.
func (c *Clients) Forget(owner types.UID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e, ok := c.byOwner[owner]; ok {
		e.client.close()
		delete(c.byOwner, owner)
	}
}
