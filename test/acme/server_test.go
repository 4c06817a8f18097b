package acme_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-acme/lego/v4/acme"
	"github.com/go-acme/lego/v4/acme/api"

	testacme "github.com/certwright/certwright/test/acme"
	"github.com/certwright/certwright/test/dns"
)

// A solver answers HTTP-01 requests.
type solver struct {
	*httptest.Server
	mu   sync.Mutex
	keys map[string]string
}

func startSolver(t *testing.T) *solver {
	t.Helper()
	s := &solver{keys: map[string]string{}}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		key, ok := s.keys[strings.TrimPrefix(r.URL.Path, "/.well-known/acme-challenge/")]
		if !ok {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write([]byte(key))
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *solver) present(token, key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys[token] = key
}

func (s *solver) port() int { return s.Listener.Addr().(*net.TCPAddr).Port }

func startDNS(t *testing.T) *dns.Server {
	t.Helper()
	s, err := dns.Start(dns.Options{Zones: []string{"example.test."}, Records: []string{"*.example.test. 1 IN A 127.0.0.1"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func start(t *testing.T, o testacme.Options) *testacme.Server {
	t.Helper()
	if o.DNS == "" {
		o.DNS = startDNS(t).Addr()
	}
	s, err := testacme.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// connect returns a client that trusts the front's CA, without an account.
func connect(t *testing.T, s *testacme.Server) *api.Core {
	t.Helper()
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(s.CABundle()) {
		t.Fatal("the CA bundle is not PEM")
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}
	t.Cleanup(transport.CloseIdleConnections)
	core, err := api.New(&http.Client{Transport: transport, Timeout: 20 * time.Second}, "test", s.DirectoryURL(), "", newKey(t))
	if err != nil {
		t.Fatal(err)
	}
	return core
}

// register returns a client with an account.
func register(t *testing.T, s *testacme.Server) *api.Core {
	t.Helper()
	core := connect(t, s)
	if _, err := core.Accounts.New(acme.Account{TermsOfServiceAgreed: true}); err != nil {
		t.Fatal(err)
	}
	return core
}

// eventually waits until done says so, asking every few milliseconds.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(10 * time.Second)
	for !done() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%s: not within ten seconds", what)
		}
	}
}

// authorize proves name over HTTP-01 with the key that spoil makes of the right
// one, and returns the authorization once it is decided.
func authorize(t *testing.T, core *api.Core, web *solver, url string, spoil func(string) string) acme.Authorization {
	t.Helper()
	authz, err := core.Authorizations.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range authz.Challenges {
		if c.Type != "http-01" {
			continue
		}
		key, err := core.GetKeyAuthorization(c.Token)
		if err != nil {
			t.Fatal(err)
		}
		web.present(c.Token, spoil(key))
		if _, err := core.Challenges.New(c.URL); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "the authorization is decided", func() bool {
		if authz, err = core.Authorizations.Get(url); err != nil {
			t.Fatal(err)
		}
		return authz.Status != acme.StatusPending
	})
	return authz
}

func right(key string) string { return key }

// issue orders a certificate for names and returns the chain, leaf first.
func issue(t *testing.T, core *api.Core, web *solver, names []string, options *api.OrderOptions) []*x509.Certificate {
	t.Helper()
	order, err := core.Orders.NewWithOptions(names, options)
	if err != nil {
		t.Fatal(err)
	}
	for _, url := range order.Authorizations {
		if authz := authorize(t, core, web, url, right); authz.Status != acme.StatusValid {
			t.Fatalf("authorization of %s is %s: %v", authz.Identifier.Value, authz.Status, authz.Challenges)
		}
	}
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{DNSNames: names}, newKey(t))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := core.Orders.UpdateForCSR(order.Finalize, csr); err != nil {
		t.Fatal(err)
	}
	var done acme.ExtendedOrder
	eventually(t, "the order is valid", func() bool {
		if done, err = core.Orders.Get(order.Location); err != nil {
			t.Fatal(err)
		}
		return done.Status == acme.StatusValid
	})
	bundle, _, err := core.Certificates.Get(done.Certificate, true)
	if err != nil {
		t.Fatal(err)
	}
	return parse(t, bundle)
}

func parse(t *testing.T, bundle []byte) []*x509.Certificate {
	t.Helper()
	var chain []*x509.Certificate
	for block, rest := pem.Decode(bundle); block != nil; block, rest = pem.Decode(rest) {
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		chain = append(chain, cert)
	}
	if len(chain) == 0 {
		t.Fatal("no certificate in the bundle")
	}
	return chain
}

func TestACertificateIsIssuedAfterRealValidation(t *testing.T) {
	t.Parallel()
	web, names := startSolver(t), startDNS(t)
	s := start(t, testacme.Options{DNS: names.Addr(), HTTPPort: web.port(),
		Profiles: map[string]testacme.Profile{"default": {Validity: 2 * time.Hour}}, ChainLength: 2})
	core := register(t, s)
	chain := issue(t, core, web, []string{"web.example.test", "api.example.test"}, nil)

	intermediates := x509.NewCertPool()
	for _, c := range chain[1:] {
		intermediates.AddCert(c)
	}
	for _, name := range []string{"web.example.test", "api.example.test"} {
		if _, err := chain[0].Verify(x509.VerifyOptions{DNSName: name, Roots: s.Roots(), Intermediates: intermediates}); err != nil {
			t.Errorf("verify %s: %v", name, err)
		}
	}
	if len(chain) != 3 {
		t.Errorf("the chain has %d certificates, want leaf and two intermediates", len(chain))
	}
	if got := chain[0].NotAfter.Sub(chain[0].NotBefore); got < 2*time.Hour-2*time.Second || got > 2*time.Hour {
		t.Errorf("the certificate lasts %s, want the profile's two hours", got)
	}
	if root := parse(t, s.RootPEM()); !root[0].Equal(s.RootCertificates()[0]) {
		t.Error("RootPEM is not the first of RootCertificates")
	}
	if names.Queries("web.example.test.", "A") == 0 {
		t.Error("Pebble never asked our DNS for the name")
	}
	got := s.Requests()
	for action, want := range map[string]int{"directory": 1, "new-account": 1, "new-order": 1, "challenge": 2, "finalize": 1, "certificate": 1} {
		if got[action] != want {
			t.Errorf("%d requests for %s, want %d", got[action], action, want)
		}
	}
	if got["other"] != 0 {
		t.Errorf("%d requests that the log cannot name: %+v", got["other"], s.Log())
	}
}

func TestAWrongAnswerIsNotValid(t *testing.T) {
	t.Parallel()
	web := startSolver(t)
	s := start(t, testacme.Options{HTTPPort: web.port()})
	core := register(t, s)
	order, err := core.Orders.New([]string{"web.example.test"})
	if err != nil {
		t.Fatal(err)
	}
	authz := authorize(t, core, web, order.Authorizations[0], func(key string) string { return key + "x" })
	if authz.Status != acme.StatusInvalid {
		t.Fatalf("the authorization is %s", authz.Status)
	}
	for _, c := range authz.Challenges {
		if c.Type == "http-01" && (c.Error == nil || c.Error.Type != "urn:ietf:params:acme:error:unauthorized") {
			t.Errorf("the challenge's error is %v", c.Error)
		}
	}
}

func TestAWildcardIsProvedByATXTRecord(t *testing.T) {
	t.Parallel()
	names := startDNS(t)
	s := start(t, testacme.Options{DNS: names.Addr()})
	core := register(t, s)
	order, err := core.Orders.New([]string{"*.example.test"})
	if err != nil {
		t.Fatal(err)
	}
	authz, err := core.Authorizations.Get(order.Authorizations[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range authz.Challenges {
		if c.Type != "dns-01" {
			continue
		}
		key, err := core.GetKeyAuthorization(c.Token)
		if err != nil {
			t.Fatal(err)
		}
		digest := sha256.Sum256([]byte(key))
		if err := names.Set("_acme-challenge.example.test. 1 IN TXT " + base64.RawURLEncoding.EncodeToString(digest[:])); err != nil {
			t.Fatal(err)
		}
		if _, err := core.Challenges.New(c.URL); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "the authorization is decided", func() bool {
		if authz, err = core.Authorizations.Get(order.Authorizations[0]); err != nil {
			t.Fatal(err)
		}
		return authz.Status != acme.StatusPending
	})
	if authz.Status != acme.StatusValid {
		t.Errorf("the authorization is %s: %v", authz.Status, authz.Challenges)
	}
}

func TestANameThatDoesNotResolveIsNotValid(t *testing.T) {
	t.Parallel()
	web, names := startSolver(t), startDNS(t)
	names.Fail("web.example.test.", 2)
	s := start(t, testacme.Options{DNS: names.Addr(), HTTPPort: web.port()})
	core := register(t, s)
	order, err := core.Orders.New([]string{"web.example.test"})
	if err != nil {
		t.Fatal(err)
	}
	if authz := authorize(t, core, web, order.Authorizations[0], right); authz.Status != acme.StatusInvalid {
		t.Errorf("the authorization is %s", authz.Status)
	}
}

func TestRenewalInfoIsWhatWeSet(t *testing.T) {
	t.Parallel()
	web := startSolver(t)
	s := start(t, testacme.Options{HTTPPort: web.port()})
	core := register(t, s)
	leaf := issue(t, core, web, []string{"web.example.test"}, nil)[0]
	start := time.Now().Add(-2 * time.Hour)
	if err := s.SetRenewalInfo(leaf, start, start.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	id := base64.RawURLEncoding.EncodeToString(leaf.AuthorityKeyId) + "." + base64.RawURLEncoding.EncodeToString(serial(leaf))
	resp, err := core.Certificates.GetRenewalInfo(id)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var body bytes.Buffer
	if _, err := body.ReadFrom(resp.Body); err != nil {
		t.Fatal(err)
	}
	if want := start.UTC().Format("2006-01-02T15:04:05"); !strings.Contains(body.String(), want) {
		t.Errorf("renewal info is %s, want a start of %s", &body, want)
	}
	if err := s.SetRenewalInfo(&x509.Certificate{SerialNumber: big.NewInt(7)}, start, start); err == nil {
		t.Error("a certificate that was never issued has renewal info")
	}
}

// serial is the DER encoding of the number, with its sign byte.
func serial(c *x509.Certificate) []byte {
	b := c.SerialNumber.Bytes()
	if b[0]&0x80 != 0 {
		b = append([]byte{0}, b...)
	}
	return b
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	s := start(t, testacme.Options{BlockedDomains: []string{"blocked.example.test"}, AlternateRoots: 1})
	core := register(t, s)
	tests := map[string]struct {
		names   []string
		options *api.OrderOptions
		want    string
	}{
		"a blocked domain":   {[]string{"x.blocked.example.test"}, nil, "rejectedIdentifier"},
		"an unknown profile": {[]string{"web.example.test"}, &api.OrderOptions{Profile: "platinum"}, "invalidProfile"},
	}
	for name, tt := range tests {
		_, err := core.Orders.NewWithOptions(tt.names, tt.options)
		var problem *acme.ProblemDetails
		if !errors.As(err, &problem) || !strings.HasSuffix(problem.Type, tt.want) {
			t.Errorf("%s: %v, want %s", name, err, tt.want)
		}
	}
	if got := len(s.RootCertificates()); got != 2 {
		t.Errorf("%d roots, want the default and one alternate", got)
	}
}

func TestAccountsNeedTheirExternalBinding(t *testing.T) {
	t.Parallel()
	hmac := base64.RawURLEncoding.EncodeToString([]byte("a key of thirty-two bytes, or so"))
	s := start(t, testacme.Options{RequireEAB: true, EABKeys: map[string]string{"kid": hmac}})
	account := acme.Account{TermsOfServiceAgreed: true}
	var problem *acme.ProblemDetails
	if _, err := connect(t, s).Accounts.New(account); !errors.As(err, &problem) || !strings.HasSuffix(problem.Type, "externalAccountRequired") {
		t.Errorf("without a binding: %v", err)
	}
	if _, err := connect(t, s).Accounts.NewEAB(account, "kid", hmac); err != nil {
		t.Errorf("with the right binding: %v", err)
	}
	wrong := base64.RawURLEncoding.EncodeToString([]byte("another key of thirty-two bytes!"))
	if _, err := connect(t, s).Accounts.NewEAB(account, "kid", wrong); err == nil {
		t.Error("a wrong key was accepted")
	}
}

func TestStartRefusesWhatItCannotDo(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]testacme.Options{
		"no resolver":                 {},
		"a key that is not base64url": {DNS: "127.0.0.1:1", EABKeys: map[string]string{"kid": "+/+"}},
		"an address that is not ours": {DNS: "127.0.0.1:1", Listen: "192.0.2.1:0"},
	} {
		if s, err := testacme.Start(o); err == nil {
			t.Errorf("%s: Start succeeded", name)
			_ = s.Close()
		}
	}
}
