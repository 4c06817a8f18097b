package exchange

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/certwright/certwright/certs"
	acmev1 "github.com/certwright/certwright/certs/acme/v1"
	testacme "github.com/certwright/certwright/test/acme"
	"github.com/certwright/certwright/test/dns"
)

func TestMain(m *testing.M) {
	if err := Prepare(logr.Discard()); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// answers serve HTTP-01.
type answers struct {
	mu  sync.Mutex
	key map[string]string
}

func (a *answers) put(token, key string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.key[token] = key
}

func (a *answers) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	_, _ = w.Write([]byte(a.key[strings.TrimPrefix(r.URL.Path, "/.well-known/acme-challenge/")]))
}

type fixture struct {
	*testing.T
	ca      *testacme.Server
	answers *answers
	clients *Clients
	key     crypto.Signer
}

func newFixture(t *testing.T, o testacme.Options) *fixture {
	t.Helper()
	names, err := dns.Start(dns.Options{Zones: []string{"example.test."}, Records: []string{"*.example.test. 1 IN A 127.0.0.1"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = names.Close() })
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	a := &answers{key: map[string]string{}}
	server := &http.Server{Handler: a, ReadHeaderTimeout: time.Second}
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close() })
	o.DNS, o.HTTPPort = names.Addr(), l.Addr().(*net.TCPAddr).Port
	ca, err := testacme.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ca.Close() })
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return &fixture{T: t, ca: ca, answers: a, key: key, clients: NewClients(Options{UserAgent: "certwright-test"})}
}

func (f *fixture) account(uri string) Account {
	return Account{Server: f.ca.DirectoryURL(), CABundle: f.ca.CABundle(), Key: f.key, URI: uri}
}

// client registers and returns a client of the account.
func (f *fixture) client() *Client {
	f.Helper()
	c, err := f.clients.New(f.account(""))
	f.must(err)
	info, err := c.Register(f.Context(), "admin@example.test", nil)
	f.must(err)
	c, err = f.clients.New(f.account(info.URI))
	f.must(err)
	return c
}

func (f *fixture) must(err error) {
	f.Helper()
	if err != nil {
		f.Fatal(err)
	}
}

func (f *fixture) eventually(what string, done func() bool) {
	f.Helper()
	for deadline := time.Now().Add(15 * time.Second); !done(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			f.Fatalf("%s: not in time", what)
		}
	}
}

// issue goes through a whole order, one exchange at a time.
func (f *fixture) issue(c *Client, preferred string, names ...string) []byte {
	f.Helper()
	ctx := f.Context()
	o, err := c.NewOrder(ctx, OrderRequest{Names: names})
	f.must(err)
	for _, url := range o.Authorizations {
		a, err := c.Authorization(ctx, url)
		f.must(err)
		for _, ch := range a.Challenges {
			if ch.Type == "http-01" {
				f.answers.put(ch.Token, ch.Token+"."+c.Thumbprint())
				_, err := c.Accept(ctx, ch.URL)
				f.must(err)
			}
		}
		f.eventually("authorization", func() bool {
			a, err := c.Authorization(ctx, url)
			f.must(err)
			return a.State == acmev1.Valid
		})
	}
	o2, err := c.Order(ctx, o.URL)
	f.must(err)
	if o2.State != acmev1.Ready {
		f.Fatalf("order is %s", o2.State)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	f.must(err)
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{DNSNames: names}, key)
	f.must(err)
	_, err = c.Finalize(ctx, o.Finalize, csr)
	f.must(err)
	f.eventually("order is valid", func() bool {
		o2, err = c.Order(ctx, o.URL)
		f.must(err)
		return o2.State == acmev1.Valid
	})
	chain, err := c.Certificate(ctx, o2.Certificate, preferred)
	f.must(err)
	return chain
}

func TestAnOrderGoesThroughStepByStep(t *testing.T) {
	t.Parallel()
	f := newFixture(t, testacme.Options{})
	chain, err := certs.DecodeChain(f.issue(f.client(), "", "a.example.test", "b.example.test"))
	f.must(err)
	if diff := cmp.Diff([]string{"a.example.test", "b.example.test"}, chain[0].DNSNames); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
	if got := f.ca.Requests()["directory"]; got != 2 {
		t.Errorf("the directory was asked for %d times by two clients", got)
	}
}

func TestBadNoncesAreRepeated(t *testing.T) {
	t.Parallel()
	f := newFixture(t, testacme.Options{NonceReject: 40})
	f.issue(f.client(), "", "a.example.test")
}

func TestThePreferredChainIsTaken(t *testing.T) {
	t.Parallel()
	f := newFixture(t, testacme.Options{AlternateRoots: 2})
	c := f.client()
	var roots []string
	for _, r := range f.ca.RootCertificates() {
		roots = append(roots, r.Subject.CommonName)
	}
	for preferred, want := range map[string]string{"": roots[0], roots[0]: roots[0], roots[1]: roots[1], roots[2]: roots[2], "No Such Root": roots[0]} {
		before := f.ca.Requests()["certificate"]
		chain, err := certs.DecodeChain(f.issue(c, preferred, "a.example.test"))
		f.must(err)
		if got := chain[len(chain)-1].Issuer.CommonName; got != want {
			t.Errorf("preferred %q: chain ends at %q, want %q", preferred, got, want)
		}
		if got := f.ca.Requests()["certificate"] - before; (preferred == "" || preferred == roots[0]) && got != 1 {
			t.Errorf("preferred %q: %d downloads, want 1", preferred, got)
		}
	}
}

// The classes of failures, as a server or the network causes them.
func TestFailuresAreClassed(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		fault func(*testacme.Server) testacme.Fault
		class Class
		kind  string
		after time.Duration
		text  string
	}{
		"429 with a problem and Retry-After is for later": {
			fault: func(*testacme.Server) testacme.Fault { return testacme.RateLimited(time.Hour) },
			class: Later, kind: KindRateLimited, after: time.Hour,
			text: "429 urn:ietf:params:acme:error:rateLimited: too many certificates already issued",
		},
		"429 without a word is for later": {
			fault: func(*testacme.Server) testacme.Fault {
				return func(w http.ResponseWriter, _ *http.Request) bool {
					w.WriteHeader(http.StatusTooManyRequests)
					return true
				}
			},
			class: Later, text: "answered 429 Too Many Requests without a problem document",
		},
		"503 as HTML with Retry-After is for later, and the HTML is not shown": {
			fault: func(*testacme.Server) testacme.Fault { return testacme.Unavailable(30 * time.Second) },
			class: Later, after: 30 * time.Second, text: "answered 503 Service Unavailable without a problem document",
		},
		"500 is transient": {
			fault: func(*testacme.Server) testacme.Fault {
				return testacme.Problem(500, "serverInternal", "oops", 0)
			},
			class: Transient, kind: KindServerInternal, text: "500 urn:ietf:params:acme:error:serverInternal: oops",
		},
		"a cut connection is transient": {
			fault: func(*testacme.Server) testacme.Fault { return testacme.Cut() },
			class: Transient,
		},
		"a refusal is terminal": {
			fault: func(*testacme.Server) testacme.Fault {
				return testacme.Problem(403, "rejectedIdentifier", "not this name", 0)
			},
			class: Terminal, kind: "rejectedIdentifier", text: "403 urn:ietf:params:acme:error:rejectedIdentifier: not this name",
		},
		"a lost answer is transient": {
			fault: func(s *testacme.Server) testacme.Fault { return s.LoseAnswer() },
			class: Transient,
		},
		"a bad nonce for ever is transient": {
			fault: func(*testacme.Server) testacme.Fault {
				return testacme.Problem(400, "badNonce", "no", 0).Times(1000)
			},
			class: Transient,
		},
		"a rate limit in a 400 is for later": {
			fault: func(*testacme.Server) testacme.Fault {
				return testacme.Problem(400, "rateLimited", "slow", 0)
			},
			class: Later, kind: KindRateLimited,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, testacme.Options{})
			c := f.client()
			f.ca.SetFault(tt.fault(f.ca).On("new-order"))
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
			defer cancel()
			_, err := c.NewOrder(ctx, OrderRequest{Names: []string{"a.example.test"}})
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("error %T: %v", err, err)
			}
			if e.Class != tt.class || tt.kind != "" && e.Kind() != tt.kind || e.RetryAfter != tt.after {
				t.Errorf("class %s, kind %q, after %s; want %s, %q, %s: %v", e.Class, e.Kind(), e.RetryAfter, tt.class, tt.kind, tt.after, err)
			}
			if tt.text != "" && !strings.HasSuffix(e.Error(), tt.text) {
				t.Errorf("text %q, want %q", e.Error(), tt.text)
			}
			f.ca.SetFault(nil)
			_, err = c.NewOrder(t.Context(), OrderRequest{Names: []string{"a.example.test"}})
			f.must(err) // the client has survived
		})
	}
}

func TestACallEndsWithItsContext(t *testing.T) {
	t.Parallel()
	f := newFixture(t, testacme.Options{})
	c := f.client()
	f.ca.SetFault(testacme.Hang().On("new-order"))
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	start := time.Now()
	_, err := c.NewOrder(ctx, OrderRequest{Names: []string{"a.example.test"}})
	var e *Error
	if !errors.As(err, &e) || e.Class != Transient || e.Answered() {
		t.Errorf("error %v", err)
	}
	if took := time.Since(start); took > 2*time.Second {
		t.Errorf("took %s", took)
	}
}

func TestConcurrentCallsDoNotMixUp(t *testing.T) {
	t.Parallel()
	f := newFixture(t, testacme.Options{})
	c := f.client()
	f.ca.SetFault(func(w http.ResponseWriter, r *http.Request) bool {
		return testacme.Action(r.URL.Path) == "order" && testacme.RateLimited(time.Minute)(w, r)
	})
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			o, err := c.NewOrder(t.Context(), OrderRequest{Names: []string{fmt.Sprintf("n%d.example.test", i)}})
			if err != nil {
				t.Errorf("new order: %v", err)
				return
			}
			_, err = c.Order(t.Context(), o.URL)
			var e *Error
			if !errors.As(err, &e) || e.RetryAfter != time.Minute {
				t.Errorf("order: %v", err)
			}
			a, err := c.Authorization(t.Context(), o.Authorizations[0])
			if err != nil || a.RetryAfter != 0 || a.Identifier != fmt.Sprintf("n%d.example.test", i) {
				t.Errorf("authorization %+v: %v", a, err)
			}
		}()
	}
	wg.Wait()
}

func TestTheDirectoryOutlivesAnOutage(t *testing.T) {
	t.Parallel()
	f := newFixture(t, testacme.Options{})
	c := f.client()
	_, err := c.NewOrder(t.Context(), OrderRequest{Names: []string{"a.example.test"}})
	f.must(err)
	f.ca.SetFault(testacme.Unavailable(0).On("directory"))
	c.doubt()
	_, err = c.NewOrder(t.Context(), OrderRequest{Names: []string{"a.example.test"}})
	f.must(err)
}

func TestAccounts(t *testing.T) {
	t.Parallel()
	const mac = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"
	f := newFixture(t, testacme.Options{RequireEAB: true, EABKeys: map[string]string{"kid-1": mac}})
	c, err := f.clients.New(f.account(""))
	f.must(err)
	_, err = c.Lookup(t.Context())
	var e *Error
	if !errors.As(err, &e) || e.Kind() != KindAccountDoesNotExist || e.Class != Terminal {
		t.Fatalf("lookup of an unknown account: %v", err)
	}
	if _, err := c.Register(t.Context(), "", nil); !IsTerminal(err) {
		t.Errorf("register without a binding: %v", err)
	}
	key, err := DecodeMAC(" " + mac + "==\n")
	f.must(err)
	info, err := c.Register(t.Context(), "Admin@Example.test", &Binding{KeyID: "kid-1", MAC: key})
	f.must(err)
	again, err := c.Lookup(t.Context())
	f.must(err)
	if info.URI == "" || again.URI != info.URI {
		t.Errorf("account %q, then %q", info.URI, again.URI)
	}
	if _, err = c.SetEmail(t.Context(), info.URI, "other@example.test"); err != nil {
		t.Errorf("update: %v", err)
	}
}

func TestProfiles(t *testing.T) {
	t.Parallel()
	f := newFixture(t, testacme.Options{Profiles: map[string]testacme.Profile{"short": {Validity: time.Hour}}})
	c := f.client()
	_, err := c.NewOrder(t.Context(), OrderRequest{Names: []string{"a.example.test"}, Profile: "long"})
	if want := "acme: certificate authority does not advertise a profile with name long"; err == nil || err.Error() != want || !IsTerminal(err) {
		t.Errorf("error %v, want %q", err, want)
	}
	_, err = c.NewOrder(t.Context(), OrderRequest{Names: []string{"a.example.test"}, Profile: "short"})
	f.must(err)
}

func TestKeysOfAllKindsSign(t *testing.T) {
	t.Parallel()
	f := newFixture(t, testacme.Options{})
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	f.must(err)
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	f.must(err)
	for _, key := range []crypto.Signer{rsaKey, p384} {
		f.must(CheckKey(key))
		f.key = key
		f.client()
	}
	p521, err := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	f.must(err)
	if CheckKey(p521) == nil {
		t.Error("P-521 is said to sign")
	}
}

func TestPlainHTTPIsRefused(t *testing.T) {
	t.Parallel()
	f := newFixture(t, testacme.Options{})
	a := f.account("")
	a.Server = strings.Replace(a.Server, "https://", "http://", 1)
	if _, err := f.clients.New(a); !errors.Is(err, ErrNotHTTPS) {
		t.Errorf("error %v", err)
	}
}

func TestMetricsCountEveryRequest(t *testing.T) {
	t.Parallel()
	f := newFixture(t, testacme.Options{})
	registry := prometheus.NewRegistry()
	m, err := NewMetrics(registry)
	f.must(err)
	f.clients = NewClients(Options{Metrics: m})
	f.issue(f.client(), "", "a.example.test")
	families, err := registry.Gather()
	f.must(err)
	counted := 0
	for _, family := range families {
		if family.GetName() != "certmanager_http_acme_client_request_count" {
			continue
		}
		for _, s := range family.GetMetric() {
			counted += int(s.GetCounter().GetValue())
		}
	}
	if want := len(f.ca.Log()); counted != want {
		t.Errorf("counted %d of %d requests", counted, want)
	}
}

func TestAlternates(t *testing.T) {
	t.Parallel()
	got := alternates("https://ca.test/cert/1", []string{
		`<https://ca.test/cert/1/1>;rel="alternate"`, `</cert/1/2>; title="x"; rel="alternate", <https://ca.test/dir>;rel="index"`,
	})
	want := []string{"https://ca.test/cert/1/1", "https://ca.test/cert/1/2"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("alternates (-want +got):\n%s", diff)
	}
}

func FuzzProblem(f *testing.F) {
	f.Add("urn:ietf:params:acme:error:caa", "CAA forbids", "x.example")
	f.Fuzz(func(t *testing.T, kind, detail, name string) {
		p := Problem{Type: kind, Detail: detail, Subproblems: []Problem{{Type: kind, Detail: detail, Identifier: name}}}
		e := &Error{Status: 403, Problem: p, Err: errors.New("x")}
		if len(e.Error()) > 2*(maxDetail+len(kind)+64)+len(name) {
			t.Errorf("%d bytes", len(e.Error()))
		}
	})
}
