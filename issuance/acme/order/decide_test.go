package order

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	acmev1 "github.com/certwright/certwright/certs/acme/v1"
	cmmeta "github.com/certwright/certwright/certs/meta/v1"
	"github.com/certwright/certwright/issuance/acme"
	"github.com/certwright/certwright/issuance/acme/exchange"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

const (
	orderURL = "https://ca.test/order/1"
	account  = "https://ca.test/account/1"
)

func solver() acmev1.ACMEChallengeSolver {
	return acmev1.ACMEChallengeSolver{HTTP01: &acmev1.ACMEChallengeSolverHTTP01{Ingress: &acmev1.ACMEChallengeSolverHTTP01Ingress{}}}
}

// state is an Order for a.test in the middle of its life.
func state(change ...func(*State)) State {
	s := State{
		Now: noon, Account: account, Thumbprint: "thumb", Solvers: []acmev1.ACMEChallengeSolver{solver()},
		Order: &acmev1.Order{
			ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "web-1-42", UID: "uid"},
			Spec:       acmev1.OrderSpec{DNSNames: []string{"a.test"}, IssuerRef: cmmeta.IssuerReference{Name: "le"}},
		},
	}
	for _, c := range change {
		c(&s)
	}
	return s
}

func placed(s *State) {
	s.Status.URL, s.Status.FinalizeURL, s.Status.State = orderURL, orderURL+"/finalize", acmev1.Pending
	s.Status.Authorizations = []acmev1.ACMEAuthorization{{URL: "https://ca.test/authz/1"}}
}

func fetched(s *State) {
	placed(s)
	s.Status.Authorizations[0].Identifier, s.Status.Authorizations[0].Wildcard = "a.test", ptr.To(false)
	s.Status.Authorizations[0].InitialState = acmev1.Pending
	s.Status.Authorizations[0].Challenges = []acmev1.ACMEChallenge{
		{URL: "https://ca.test/chall/dns", Token: "tok", Type: "dns-01"}, {URL: "https://ca.test/chall/http", Token: "tok", Type: "http-01"},
	}
}

func challenged(st acmev1.State, reason string) func(*State) {
	return func(s *State) {
		fetched(s)
		want, err := required(s.Order, s.Status.Authorizations, s.Solvers, s.Thumbprint)
		if err != nil {
			panic(err)
		}
		for _, ch := range want {
			ch.Status.State, ch.Status.Reason = st, reason
		}
		s.Challenges = want
	}
}

func read(st acmev1.State) func(*State) {
	return func(s *State) {
		s.Known.Server = &exchange.Order{State: st, Finalize: orderURL + "/finalize", Certificate: "https://ca.test/cert/1", Expires: noon.Add(time.Hour)}
	}
}

func failure(step Step, e exchange.Error) func(*State) {
	return func(s *State) {
		if e.Err == nil {
			e.Err = errors.New("cause")
		}
		e.Host = "ca.test"
		s.Known.Failure = &Failure{During: step, Err: &e}
	}
}

func acmeError(class exchange.Class, status int, kind, detail string) exchange.Error {
	return exchange.Error{Class: class, Status: status, Problem: exchange.Problem{Type: "urn:ietf:params:acme:error:" + kind, Detail: detail}}
}

func TestDecide(t *testing.T) {
	t.Parallel()
	type want struct {
		Step   string
		State  acmev1.State
		Reason string
		Wake   time.Duration // after noon
		Urgent bool
		Failed bool
		Event  string
	}
	limited := acmeError(exchange.Later, 429, "rateLimited", "too many")
	limited.RetryAfter = time.Hour
	tests := map[string]struct {
		state State
		want  want
	}{
		"a new Order is placed": {
			state: state(), want: want{Step: "place an order for [a.test]"},
		},
		"an Order without a request behind it is left alone": {
			state: state(func(s *State) { s.Orphan = "nobody wants it" }), want: want{Step: "wait", Reason: "nobody wants it"},
		},
		"an Order without an account waits for the issuer": {
			state: state(func(s *State) { s.Blocked = "no account" }), want: want{Step: "wait", Reason: "no account"},
		},
		"a placed Order gets its authorizations": {
			state: state(placed), want: want{Step: "fetch authorizations", State: acmev1.Pending},
		},
		"an Order that another program placed and did not read is read": {
			state: state(func(s *State) { s.Status.URL = orderURL }), want: want{Step: "read the order"},
		},
		"known authorizations get their challenges": {
			state: state(fetched), want: want{Step: "create 1 and delete 0 challenges", State: acmev1.Pending},
		},
		"an authorization that was valid from the start needs none": {
			state: state(fetched, func(s *State) { s.Status.Authorizations[0].InitialState = acmev1.Valid }),
			want:  want{Step: "read the order", State: acmev1.Pending},
		},
		"open challenges are waited for": {
			state: state(challenged(acmev1.Pending, "")), want: want{Step: "wait", State: acmev1.Pending},
		},
		"what an open challenge waits for is passed on": {
			state: state(challenged(acmev1.Pending, "404")),
			want:  want{Step: "wait", State: acmev1.Pending, Reason: `Waiting for the challenge for "a.test": 404`},
		},
		"a changed solver replaces its challenge": {
			state: state(challenged(acmev1.Pending, ""), func(s *State) { s.Solvers[0].HTTP01.Ingress.Class = ptr.To("nginx") }),
			want:  want{Step: "create 1 and delete 1 challenges", State: acmev1.Pending},
		},
		"a challenge of another program under another name is taken over": {
			state: state(challenged(acmev1.Pending, ""), func(s *State) { s.Challenges[0].Name = "theirs" }),
			want:  want{Step: "wait", State: acmev1.Pending},
		},
		"a challenge for another account key is replaced": {
			state: state(challenged(acmev1.Pending, ""), func(s *State) { s.Thumbprint = "other" }),
			want:  want{Step: "create 1 and delete 1 challenges", State: acmev1.Pending},
		},
		"no solver is told, and waited for": {
			state: state(fetched, func(s *State) { s.Solvers = nil }),
			want: want{Step: "wait", State: acmev1.Pending, Urgent: true, Event: "Solver",
				Reason: `Failed to determine a valid solver configuration for the set of domains on the Order: no configured challenge solvers can be used for the domain "a.test" (the server offers dns-01, http-01)`},
		},
		"proven names are followed by a look at the order": {
			state: state(challenged(acmev1.Valid, "")), want: want{Step: "read the order", State: acmev1.Pending},
		},
		"an order that was just read and is ready is finalized": {
			state: state(challenged(acmev1.Valid, ""), read(acmev1.Ready)), want: want{Step: "finalize the order", State: acmev1.Ready},
		},
		"an order that is known to be ready from before is read first": {
			state: state(challenged(acmev1.Valid, ""), func(s *State) { s.Status.State = acmev1.Ready }), want: want{Step: "read the order", State: acmev1.Ready},
		},
		"an order under way is asked about again": {
			state: state(challenged(acmev1.Valid, ""), read(acmev1.Processing)),
			want:  want{Step: "wait", State: acmev1.Processing, Reason: "Waiting for the server to issue the certificate", Wake: 250 * time.Millisecond},
		},
		"as late as the server wants": {
			state: state(challenged(acmev1.Valid, ""), read(acmev1.Processing), func(s *State) { s.Known.Server.RetryAfter = 7 * time.Second }),
			want:  want{Step: "wait", State: acmev1.Processing, Reason: "Waiting for the server to issue the certificate", Wake: 7 * time.Second},
		},
		"until the order expires": {
			state: state(challenged(acmev1.Valid, ""), read(acmev1.Processing), func(s *State) { s.Known.Server.Expires = noon }),
			want:  want{Step: "wait", State: acmev1.Errored, Reason: "The server did not issue the certificate before the order expired", Urgent: true, Failed: true},
		},
		"an issued certificate is downloaded": {
			state: state(challenged(acmev1.Valid, ""), read(acmev1.Valid)), want: want{Step: "download the certificate", State: acmev1.Pending},
		},
		"a downloaded certificate ends the Order": {
			state: state(challenged(acmev1.Valid, ""), func(s *State) { s.Known.Chain = []byte("pem") }),
			want:  want{Step: "wait", State: acmev1.Valid, Urgent: true, Event: "Complete"},
		},
		"a certificate is stored even if the issuer goes": {
			state: state(challenged(acmev1.Valid, ""), func(s *State) { s.Known.Chain, s.Blocked = []byte("pem"), "gone" }),
			want:  want{Step: "wait", State: acmev1.Valid, Urgent: true, Event: "Complete"},
		},
		"a finished Order loses its challenges": {
			state: state(challenged(acmev1.Valid, ""), func(s *State) { s.Status.State, s.HasCertificate = acmev1.Valid, true }),
			want:  want{Step: "create 0 and delete 1 challenges", State: acmev1.Valid},
		},
		"a finished Order rests": {
			state: state(fetched, func(s *State) { s.Status.State, s.HasCertificate = acmev1.Valid, true }),
			want:  want{Step: "wait", State: acmev1.Valid},
		},
		"a valid Order without a certificate gets it": {
			state: state(fetched, func(s *State) { s.Status.State = acmev1.Valid }), want: want{Step: "read the order", State: acmev1.Valid},
		},
		"a failed challenge fails the order that the server calls invalid, with the cause": {
			state: state(challenged(acmev1.Invalid, "403 unauthorized"), read(acmev1.Invalid)),
			want:  want{Step: "wait", State: acmev1.Invalid, Reason: `The challenge for "a.test" is invalid: 403 unauthorized`, Urgent: true, Failed: true},
		},
		"a failed challenge fails the order that the server still calls pending": {
			state: state(challenged(acmev1.Invalid, "403 unauthorized"), read(acmev1.Pending)),
			want:  want{Step: "wait", State: acmev1.Invalid, Reason: `The challenge for "a.test" is invalid: 403 unauthorized`, Urgent: true, Failed: true},
		},
		"a challenge that we gave up fails the order": {
			state: state(challenged(acmev1.Errored, "cannot"), read(acmev1.Pending)),
			want:  want{Step: "wait", State: acmev1.Errored, Reason: `The challenge for "a.test" is errored: cannot`, Urgent: true, Failed: true},
		},
		"a server that lags behind its challenges gets time": {
			state: state(challenged(acmev1.Valid, ""), read(acmev1.Pending), func(s *State) { s.Known.Polls = 1 }),
			want:  want{Step: "wait", State: acmev1.Pending, Reason: "Waiting for the server to notice that all challenges are over", Wake: 5 * time.Second},
		},
		"a failed Order is never touched again": {
			state: state(challenged(acmev1.Invalid, ""), func(s *State) { s.Status.State = acmev1.Errored; s.Status.Reason = "why" }),
			want:  want{Step: "wait", State: acmev1.Errored, Reason: "why"},
		},
		"a refused order fails with what the server said": {
			state: state(failure(Place{}, acmeError(exchange.Terminal, 400, "rejectedIdentifier", "not you"))),
			want: want{Step: "wait", State: acmev1.Errored, Urgent: true, Failed: true,
				Reason: "Failed to create Order: 400 urn:ietf:params:acme:error:rejectedIdentifier: not you"},
		},
		"a profile that the server lacks fails with the known phrase": {
			state: state(failure(Place{}, exchange.Error{Class: exchange.Terminal, Problem: exchange.Problem{Detail: "acme: certificate authority does not support profiles"}})),
			want: want{Step: "wait", State: acmev1.Errored, Urgent: true, Failed: true,
				Reason: "Failed to create Order: acme: certificate authority does not support profiles"},
		},
		"an authorization that is gone fails the Order": {
			state: state(placed, failure(Fetch{}, acmeError(exchange.Terminal, 404, "malformed", "no such authorization"))),
			want: want{Step: "wait", State: acmev1.Errored, Urgent: true, Failed: true,
				Reason: "Failed to fetch authorization: 404 urn:ietf:params:acme:error:malformed: no such authorization"},
		},
		"an order that is gone fails the Order": {
			state: state(placed, failure(Read{}, acmeError(exchange.Terminal, 404, "malformed", "no such order"))),
			want: want{Step: "wait", State: acmev1.Errored, Urgent: true, Failed: true,
				Reason: "Failed to retrieve Order resource: 404 urn:ietf:params:acme:error:malformed: no such order"},
		},
		"an order of another account is discarded and made anew": {
			state: state(placed, failure(Read{}, acmeError(exchange.Terminal, 403, "unauthorized", "not yours")), func(s *State) {
				s.Order.Annotations = map[string]string{acme.AccountKey: "https://ca.test/account/0"}
			}),
			want: want{Step: "discard the order: it was placed by another account than the issuer has now", State: acmev1.Pending},
		},
		"an order at another server is discarded and made anew": {
			state: state(placed, failure(Read{}, acmeError(exchange.Terminal, 404, "malformed", "?")), func(s *State) { s.Account = "https://other.test/account/1" }),
			want:  want{Step: "discard the order: it was placed at another server than the issuer has now", State: acmev1.Pending},
		},
		"a server that does not know the account is asked for it, once": {
			state: state(failure(Place{}, acmeError(exchange.Terminal, 400, "accountDoesNotExist", "who?"))),
			want:  want{Step: "look for the account again"},
		},
		"only once": {
			state: state(failure(Place{}, acmeError(exchange.Terminal, 400, "accountDoesNotExist", "who?")), func(s *State) { s.Known.Reregistered = true }),
			want: want{Step: "wait", State: acmev1.Errored, Urgent: true, Failed: true,
				Reason: "Failed to create Order: 400 urn:ietf:params:acme:error:accountDoesNotExist: who?"},
		},
		"a network error is repeated after a back-off": {
			state: state(failure(Place{}, exchange.Error{Class: exchange.Transient, Err: errors.New("connection refused")}), func(s *State) { s.Known.Failures = 1 }),
			want:  want{Step: "wait", Reason: "Failed to create Order, will try again: connection refused", Wake: 10 * time.Second},
		},
		"nothing happens during a back-off": {
			state: state(func(s *State) { s.Known.Until = noon.Add(time.Minute); s.Status.Reason = "why" }),
			want:  want{Step: "wait", Reason: "why", Wake: time.Minute},
		},
		"a refused finalization is followed by a look at the order": {
			state: state(challenged(acmev1.Valid, ""), read(acmev1.Ready), failure(Finalize{}, acmeError(exchange.Terminal, 403, "orderNotReady", "not ready"))),
			want:  want{Step: "read the order", State: acmev1.Pending},
		},
		"a refused finalization of an order that is valid does not matter": {
			state: state(challenged(acmev1.Valid, ""), read(acmev1.Valid), func(s *State) { s.Known.FinalizeRefused = &exchange.Error{Status: 403, Err: errors.New("x")} }),
			want:  want{Step: "download the certificate", State: acmev1.Pending},
		},
		"a refused finalization of an order that is still ready fails it": {
			state: state(challenged(acmev1.Valid, ""), read(acmev1.Ready), func(s *State) {
				e := acmeError(exchange.Terminal, 403, "unauthorized", "no")
				s.Known.FinalizeRefused = &e
			}),
			want: want{Step: "wait", State: acmev1.Errored, Urgent: true, Failed: true,
				Reason: "Failed to finalize Order: 403 urn:ietf:params:acme:error:unauthorized: no"},
		},
		"a request that the CA finds bad fails the Order": {
			state: state(challenged(acmev1.Valid, ""), read(acmev1.Ready), failure(Finalize{}, acmeError(exchange.Terminal, 400, "badCSR", "weak key"))),
			want: want{Step: "wait", State: acmev1.Errored, Urgent: true, Failed: true,
				Reason: "Failed to finalize Order: 400 urn:ietf:params:acme:error:badCSR: weak key"},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tt.state.Order.Status = tt.state.Status
			d := Decide(tt.state)
			got := want{Step: d.Step.String(), State: d.Status.State, Reason: d.Status.Reason, Urgent: d.Urgent, Failed: d.Status.FailureTime != nil}
			if !d.Wake.IsZero() {
				got.Wake = d.Wake.Sub(noon)
			}
			for _, e := range d.Events {
				got.Event += e.Reason
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("Decide() (-want +got):\n%s", diff)
			}
		})
	}
	t.Run("a rate limit holds the Order, as long as the server wants and a little more, and fails nothing", func(t *testing.T) {
		t.Parallel()
		d := Decide(state(failure(Place{}, limited)))
		after := d.Wake.Sub(noon)
		if d.Status.State != acmev1.Pending || d.Status.FailureTime != nil || after < time.Hour || after > time.Hour+6*time.Minute ||
			!strings.HasPrefix(d.Status.Reason, "rate limited by ca.test until 2026-11-23T13:0") {
			t.Errorf("state %q, reason %q, wake after %s", d.Status.State, d.Status.Reason, after)
		}
	})
	t.Run("a rate limit beyond the longest back-off fails the Order", func(t *testing.T) {
		t.Parallel()
		long := limited
		long.RetryAfter = 40 * time.Hour
		if d := Decide(state(failure(Place{}, long))); d.Status.State != acmev1.Errored {
			t.Errorf("state %q", d.Status.State)
		}
	})
}

func TestNames(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		spec acmev1.OrderSpec
		want []string
	}{
		"names and addresses are sorted, each once": {
			spec: acmev1.OrderSpec{DNSNames: []string{"b.test", "a.test", "B.test"}, IPAddresses: []string{"192.0.2.1", "2001:DB8::1"}},
			want: []string{"192.0.2.1", "2001:db8::1", "a.test", "b.test"},
		},
		"a common name that is a name is ordered": {
			spec: acmev1.OrderSpec{CommonName: "A.test", DNSNames: []string{"b.test"}}, want: []string{"a.test", "b.test"},
		},
		"a common name that is an address is ordered": {
			spec: acmev1.OrderSpec{CommonName: "192.0.2.1"}, want: []string{"192.0.2.1"},
		},
		"any other common name is not": {
			spec: acmev1.OrderSpec{CommonName: "My Site", DNSNames: []string{"b.test"}}, want: []string{"b.test"},
		},
		"a wildcard stays one": {
			spec: acmev1.OrderSpec{CommonName: "*.a.test", DNSNames: []string{"*.a.test"}}, want: []string{"*.a.test"},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, Names(&tt.spec)); diff != "" {
				t.Errorf("Names() (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRequired(t *testing.T) {
	t.Parallel()
	s := state(fetched)
	got, err := required(s.Order, s.Status.Authorizations, s.Solvers, "thumb")
	if err != nil || len(got) != 1 {
		t.Fatalf("%d challenges, %v", len(got), err)
	}
	ch := got[0]
	if ch.Spec.Key != "tok.thumb" || ch.Spec.Type != acmev1.ACMEChallengeTypeHTTP01 || ch.Spec.DNSName != "a.test" ||
		!strings.HasPrefix(ch.Name, "web-1-42-") || len(ch.Finalizers) != 0 || !metav1.IsControlledBy(ch, s.Order) {
		t.Errorf("challenge %+v", ch)
	}
	s.Solvers = []acmev1.ACMEChallengeSolver{{DNS01: &acmev1.ACMEChallengeSolverDNS01{}}}
	got, err = required(s.Order, s.Status.Authorizations, s.Solvers, "thumb")
	if err != nil || len(got) != 1 {
		t.Fatalf("%d challenges, %v", len(got), err)
	}
	// printf tok.thumb | openssl dgst -sha256 -binary | basenc --base64url
	if ch := got[0]; ch.Spec.Key != "sYAwVrqDtVOuJZvAHurSAYPoEt5fFV_C4bdSOOW-o5Y" || len(ch.Finalizers) != 1 {
		t.Errorf("challenge %+v", ch)
	}
}
