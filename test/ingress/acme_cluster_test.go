//go:build cluster

package ingress

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/go-acme/lego/v4/acme"
	"github.com/go-acme/lego/v4/acme/api"

	testacme "github.com/certwright/certwright/test/acme"
	"github.com/certwright/certwright/test/dns"
)

// The three packages together, as the end-to-end tests use them: Pebble asks our
// name server, connects to the data plane, and reaches the solver on "a node".
func TestHTTP01ArrivesThroughTheDataPlane(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	d, err := Start(t.Context(), c.user(needed...), Options{})
	c.must(err)
	t.Cleanup(func() { _ = d.Close() })
	names, err := dns.Start(dns.Options{Zones: []string{"example.test."}, Records: []string{"*.example.test. 1 IN A 127.0.0.1"}})
	c.must(err)
	t.Cleanup(func() { _ = names.Close() })
	ca, err := testacme.Start(testacme.Options{DNS: names.Addr(), HTTPPort: d.HTTPPort()})
	c.must(err)
	t.Cleanup(func() { _ = ca.Close() })

	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(ca.CABundle())
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}, Timeout: 20 * time.Second}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	c.must(err)
	core, err := api.New(client, "test", ca.DirectoryURL(), "", key)
	c.must(err)
	_, err = core.Accounts.New(acme.Account{TermsOfServiceAgreed: true})
	c.must(err)

	host := c.namespace + ".example.test"
	order, err := core.Orders.New([]string{host})
	c.must(err)
	authz, err := core.Authorizations.Get(order.Authorizations[0])
	c.must(err)
	challenge := authz.Challenges[0]
	for _, other := range authz.Challenges {
		if other.Type == "http-01" {
			challenge = other
		}
	}
	keyAuthorization, err := core.GetKeyAuthorization(challenge.Token)
	c.must(err)

	l, err := net.Listen("tcp", "127.0.0.9:0")
	c.must(err)
	solver := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(keyAuthorization))
	}))
	_ = solver.Listener.Close()
	solver.Listener = l
	solver.Start()
	t.Cleanup(solver.Close)

	path := challengePath + challenge.Token
	c.expose("solver", "192.0.2.9", l.Addr().(*net.TCPAddr).Port)
	c.createIngress(site("solver", 0, exact(host, path, "solver")))
	c.eventually("the challenge is served", keyAuthorization, func() string {
		_, body := get(t, d, "http://"+host+path)
		return body
	})
	_, err = core.Challenges.New(challenge.URL)
	c.must(err)
	c.eventually("the authorization is valid", acme.StatusValid, func() string {
		authz, err := core.Authorizations.Get(order.Authorizations[0])
		c.must(err)
		return authz.Status
	})
}
