package acme_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-acme/lego/v4/acme"

	testacme "github.com/certwright/certwright/test/acme"
)

func TestARateLimitSaysWhenToComeBack(t *testing.T) {
	t.Parallel()
	s := start(t, testacme.Options{})
	core := register(t, s)
	s.SetFault(testacme.RateLimited(90 * time.Second).On("new-order").Times(2))

	for range 2 {
		_, err := core.Orders.New([]string{"web.example.test"})
		var limited *acme.RateLimitedError
		if !errors.As(err, &limited) {
			t.Fatalf("order: %v, want a rate limit", err)
		}
		if limited.RetryAfter != "90" {
			t.Errorf("Retry-After is %q, want 90", limited.RetryAfter)
		}
	}
	// The third one passes, and with the nonce of the refusal: no other was fetched.
	if _, err := core.Orders.New([]string{"web.example.test"}); err != nil {
		t.Errorf("after the limit: %v", err)
	}
	if got := s.Requests(); got["new-order"] != 3 || got["new-nonce"] != 1 {
		t.Errorf("%d orders and %d nonces requested, want 3 and 1", got["new-order"], got["new-nonce"])
	}
	var statuses []int
	for _, e := range s.Log() {
		if e.Action == "new-order" {
			statuses = append(statuses, e.Status)
			if e.Fault != (e.Status == http.StatusTooManyRequests) {
				t.Errorf("status %d is logged with Fault=%t", e.Status, e.Fault)
			}
		}
	}
	if len(statuses) != 3 || statuses[0] != 429 || statuses[2] != 201 {
		t.Errorf("logged statuses %v", statuses)
	}
}

func TestAnUnavailableServerRecovers(t *testing.T) {
	t.Parallel()
	s := start(t, testacme.Options{})
	core := register(t, s)
	s.SetFault(testacme.Unavailable(time.Minute))
	if _, err := core.Orders.New([]string{"web.example.test"}); err == nil || !strings.Contains(err.Error(), "503") {
		t.Errorf("order: %v, want a 503", err)
	}
	s.SetFault(nil)
	if _, err := core.Orders.New([]string{"web.example.test"}); err != nil {
		t.Errorf("after the fault: %v", err)
	}
}

func TestACutConnectionIsAnError(t *testing.T) {
	t.Parallel()
	s := start(t, testacme.Options{})
	core := register(t, s)
	s.SetFault(testacme.Cut().On("new-order"))
	_, err := core.Orders.New([]string{"web.example.test"})
	if got := s.Orders(); got != 0 {
		t.Errorf("the server has %d orders, want none", got)
	}
	var problem *acme.ProblemDetails
	if err == nil || errors.As(err, &problem) {
		t.Errorf("order: %v, want a broken connection", err)
	}
}

func TestALostAnswerLeavesTheOrderAtTheServer(t *testing.T) {
	t.Parallel()
	s := start(t, testacme.Options{})
	core := register(t, s)
	s.SetFault(s.LoseAnswer().On("new-order").Times(1))
	if _, err := core.Orders.New([]string{"web.example.test"}); err == nil {
		t.Fatal("the answer was not lost")
	}
	if got := s.Orders(); got != 1 {
		t.Errorf("the server has %d orders, want the one that we do not know of", got)
	}
	s.SetFault(nil)
	if _, err := core.Orders.New([]string{"web.example.test"}); err != nil {
		t.Errorf("after the fault: %v", err)
	}
}

func TestAHangingServerIsSeenInTheLogAndEndsWithTheClient(t *testing.T) {
	t.Parallel()
	s := start(t, testacme.Options{})
	s.SetFault(testacme.Hang().On("directory"))
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(s.CABundle())
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}}

	ctx, cancel := context.WithCancel(t.Context())
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.DirectoryURL(), nil)
	if err != nil {
		t.Fatal(err)
	}
	failed := make(chan error)
	go func() {
		_, err := client.Do(r)
		failed <- err
	}()
	eventually(t, "the request arrives", func() bool { return s.Requests()["directory"] == 1 })
	cancel()
	if err := <-failed; !errors.Is(err, context.Canceled) {
		t.Errorf("the client got %v", err)
	}
	eventually(t, "the server lets go", func() bool { return !s.Log()[0].End.IsZero() })
}

func TestRejectedNoncesAreConfigurable(t *testing.T) {
	t.Parallel()
	s := start(t, testacme.Options{NonceReject: 100})
	core := connect(t, s)
	core.HTTPClient.Timeout = time.Second
	refused := make(chan struct{})
	go func() {
		defer close(refused)
		_, _ = core.Accounts.New(acme.Account{TermsOfServiceAgreed: true}) // retries for long
	}()
	eventually(t, "a nonce is rejected", func() bool {
		for _, e := range s.Log() {
			if e.Action == "new-account" && e.Status == http.StatusBadRequest {
				return true
			}
		}
		return false
	})
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	<-refused
}
