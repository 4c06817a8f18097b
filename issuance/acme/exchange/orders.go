package exchange

import (
	"context"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	lego "github.com/go-acme/lego/v4/acme"
	"github.com/go-acme/lego/v4/acme/api"

	"github.com/certwright/certwright/certs"
	acmev1 "github.com/certwright/certwright/certs/acme/v1"
)

// An OrderRequest is what is ordered.
type OrderRequest struct {
	// Names are DNS names, in lower case, and IP addresses.
	Names []string
	// NotAfter is the wanted end; zero leaves it to the server.
	NotAfter time.Time
	// Profile of the certificate; empty leaves it to the server.
	Profile string
	// Replaces is the identifier of the certificate to be replaced.
	Replaces string
}

// An Order is an order as the server sees it (RFC 8555 section 7.1.3).
type Order struct {
	// URL is known only from Clients that placed the order.
	URL            string
	State          acmev1.State
	Finalize       string
	Certificate    string
	Authorizations []string
	// Expires is zero where the server does not say.
	Expires time.Time
	// Problem is why the order is invalid.
	Problem *Problem
	// RetryAfter is how long the server wants to be left alone; zero where it
	// does not say.
	RetryAfter time.Duration
}

// An Authorization is the server's wish to see control over one name proven
// (RFC 8555 section 7.1.4).
type Authorization struct {
	State acmev1.State
	// Identifier is the name, without "*." for a Wildcard.
	Identifier string
	Wildcard   bool
	Challenges []Challenge
	Expires    time.Time
	RetryAfter time.Duration
}

// A Challenge is one way to prove control (RFC 8555 section 8).
type Challenge struct {
	URL, Token, Type string
	State            acmev1.State
	Problem          *Problem
	RetryAfter       time.Duration
}

// Fixed phrases that users search for.
const (
	profilesUnsupported = "acme: certificate authority does not support profiles"
	profileUnknown      = "acme: certificate authority does not advertise a profile with name "
)

// NewOrder places an order. It is the one call that must not be repeated while
// its answer is unknown, unless there is no other way to find out.
func (c *Client) NewOrder(ctx context.Context, r OrderRequest) (Order, error) {
	dir, err := c.directory(ctx)
	if err != nil {
		return Order{}, err
	}
	if r.Profile != "" {
		// lego does not look, and a server without profiles ignores the wish.
		if len(dir.Meta.Profiles) == 0 {
			return Order{}, &Error{Class: Terminal, Host: c.host, Problem: Problem{Detail: profilesUnsupported}}
		}
		if _, ok := dir.Meta.Profiles[r.Profile]; !ok {
			return Order{}, &Error{Class: Terminal, Host: c.host, Problem: Problem{Detail: profileUnknown + r.Profile}}
		}
	}
	o, err := c.newOrder(ctx, r)
	if e, ok := err.(*Error); ok && r.Replaces != "" && refusesReplaces(e) { //nolint:errorlint // ours, as it is
		r.Replaces = ""
		return c.newOrder(ctx, r)
	}
	return o, err
}

// refusesReplaces: RFC 9773 section 5, and servers that call it malformed.
func refusesReplaces(e *Error) bool {
	return e.Kind() == KindAlreadyReplaced || e.Kind() == KindMalformed && strings.Contains(e.Problem.Detail, "replaces")
}

func (c *Client) newOrder(ctx context.Context, r OrderRequest) (Order, error) {
	var got lego.ExtendedOrder
	seen, err := c.call(ctx, actionNewOrder, func(core *api.Core) (err error) {
		got, err = core.Orders.NewWithOptions(r.Names, &api.OrderOptions{NotAfter: r.NotAfter, Profile: r.Profile, ReplacesCertID: r.Replaces})
		return err
	})
	if err != nil {
		return Order{}, err
	}
	if got.Location == "" {
		return Order{}, &Error{Class: Transient, Host: c.host, Err: errNoLocation}
	}
	return order(got, seen), nil
}

// Order reads the order at url.
func (c *Client) Order(ctx context.Context, url string) (Order, error) {
	var got lego.ExtendedOrder
	seen, err := c.call(ctx, actionOrder, func(core *api.Core) (err error) {
		got, err = core.Orders.Get(url)
		return err
	})
	if err != nil {
		return Order{}, err
	}
	return order(got, seen), nil
}

// Authorization reads the authorization at url.
func (c *Client) Authorization(ctx context.Context, url string) (Authorization, error) {
	var got lego.Authorization
	seen, err := c.call(ctx, actionAuthorization, func(core *api.Core) (err error) {
		got, err = core.Authorizations.Get(url)
		return err
	})
	if err != nil {
		return Authorization{}, err
	}
	a := Authorization{State: state(got.Status), Identifier: got.Identifier.Value, Wildcard: got.Wildcard,
		Expires: got.Expires, RetryAfter: seen.retryAfter}
	for _, ch := range got.Challenges {
		a.Challenges = append(a.Challenges, challenge(ch))
	}
	return a, nil
}

// Accept tells the server that the challenge at url is ready to be checked.
func (c *Client) Accept(ctx context.Context, url string) (Challenge, error) {
	var got lego.ExtendedChallenge
	seen, err := c.call(ctx, actionChallenge, func(core *api.Core) (err error) {
		got, err = core.Challenges.New(url)
		return err
	})
	if err != nil {
		return Challenge{}, err
	}
	ch := challenge(got.Challenge)
	ch.RetryAfter = seen.retryAfter
	return ch, nil
}

// Finalize sends the certificate signing request for the order whose finalize
// URL is url. Read the order first: an order is finalized once.
func (c *Client) Finalize(ctx context.Context, url string, csrDER []byte) (Order, error) {
	var got lego.ExtendedOrder
	seen, err := c.call(ctx, actionFinalize, func(core *api.Core) (err error) {
		got, err = core.Orders.UpdateForCSR(url, csrDER)
		return err
	})
	if err != nil {
		return Order{}, err
	}
	return order(got, seen), nil
}

// Certificate fetches the chain at certURL, leaf first, as PEM. With a
// preferred chain, alternates are looked at in the server's order; the first
// whose last certificate was issued by that common name is taken, else the
// default chain.
func (c *Client) Certificate(ctx context.Context, certURL, preferred string) ([]byte, error) {
	chain, links, err := c.chain(ctx, certURL)
	if err != nil || preferred == "" || endsAt(chain, preferred) {
		return chain, err
	}
	for _, alternate := range alternates(certURL, links) {
		other, _, err := c.chain(ctx, alternate)
		if err != nil {
			return nil, err
		}
		if endsAt(other, preferred) {
			return other, nil
		}
	}
	return chain, nil
}

func (c *Client) chain(ctx context.Context, url string) (pem []byte, links []string, err error) {
	seen, err := c.call(ctx, actionCertificate, func(core *api.Core) (err error) {
		pem, _, err = core.Certificates.Get(url, true)
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	return pem, seen.header["Link"], nil
}

// maxAlternates bounds the requests that a server can make us send.
const maxAlternates = 10

var alternateLink = regexp.MustCompile(`<([^>]+)>[^,<]*;\s*rel="?alternate"?`)

// alternates lists the URLs of alternate chains in the order of the Link
// headers (RFC 8555 section 7.4.2).
func alternates(base string, links []string) []string {
	from, err := url.Parse(base)
	if err != nil {
		return nil
	}
	var out []string
	for _, link := range links {
		for _, m := range alternateLink.FindAllStringSubmatch(link, -1) {
			if u, err := from.Parse(m[1]); err == nil && len(out) < maxAlternates {
				out = append(out, u.String())
			}
		}
	}
	return out
}

func endsAt(chain []byte, commonName string) bool {
	parsed, err := certs.DecodeChain(chain)
	return err == nil && len(parsed) > 0 && parsed[len(parsed)-1].Issuer.CommonName == commonName
}

func order(o lego.ExtendedOrder, seen answer) Order {
	out := Order{URL: o.Location, State: state(o.Status), Finalize: o.Finalize, Certificate: o.Certificate,
		Authorizations: o.Authorizations, RetryAfter: seen.retryAfter}
	if seen.status == http.StatusCreated {
		out.RetryAfter = 0 // nothing to wait for
	}
	if t, err := time.Parse(time.RFC3339, o.Expires); err == nil {
		out.Expires = t
	}
	if o.Error != nil {
		p := problem(o.Error)
		out.Problem = &p
	}
	return out
}

func challenge(c lego.Challenge) Challenge {
	out := Challenge{URL: c.URL, Token: c.Token, Type: c.Type, State: state(c.Status)}
	if c.Error != nil {
		p := problem(c.Error)
		out.Problem = &p
	}
	return out
}

// state translates; a state that RFC 8555 does not know is Unknown.
func state(s string) acmev1.State {
	switch s {
	case lego.StatusPending, lego.StatusProcessing, lego.StatusReady, lego.StatusValid, lego.StatusInvalid, lego.StatusExpired:
		return acmev1.State(s)
	case lego.StatusDeactivated, lego.StatusRevoked:
		return acmev1.Invalid
	default:
		return acmev1.Unknown
	}
}
