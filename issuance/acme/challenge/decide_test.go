package challenge

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	acmev1 "github.com/certwright/certwright/certs/acme/v1"
	"github.com/certwright/certwright/issuance/acme/exchange"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

const challengeURL = "https://ca.test/chall/1"

func httpSolver() acmev1.ACMEChallengeSolver {
	return acmev1.ACMEChallengeSolver{HTTP01: &acmev1.ACMEChallengeSolverHTTP01{Ingress: &acmev1.ACMEChallengeSolverHTTP01Ingress{}}}
}

// state is a new, admitted Challenge for a.test.
func state(change ...func(*State)) State {
	solver := httpSolver()
	s := State{
		Now: noon, Admitted: true, Retry: 10 * time.Second, Solver: &solver,
		Challenge: &acmev1.Challenge{
			ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "ch", UID: "uid"},
			Spec: acmev1.ChallengeSpec{URL: challengeURL, AuthorizationURL: "https://ca.test/authz/1", DNSName: "a.test",
				Type: acmev1.ACMEChallengeTypeHTTP01, Token: "tok", Key: "tok.thumb", Solver: httpSolver()},
		},
	}
	for _, c := range change {
		c(&s)
	}
	return s
}

// asked knows an authorization and a challenge in these states.
func asked(authorization, challenge acmev1.State) func(*State) {
	return func(s *State) {
		s.Known.Authorization = &exchange.Authorization{State: authorization, Identifier: "a.test", Expires: noon.Add(time.Hour),
			Challenges: []exchange.Challenge{{URL: challengeURL, Type: "http-01", State: challenge}}}
	}
}

func pending(s *State) { asked(acmev1.Pending, acmev1.Pending)(s) }

func shown(s *State) {
	pending(s)
	s.Known.Presented = true
}

func final(st acmev1.State) func(*State) {
	return func(s *State) {
		s.Status = acmev1.ChallengeStatus{State: st, Presented: true, Processing: true, Reason: "why"}
		s.Known.OverSince = noon
	}
}

func deleted(finalizers ...string) func(*State) {
	return func(s *State) {
		s.Challenge.DeletionTimestamp = &metav1.Time{Time: noon}
		s.Challenge.Finalizers = finalizers
	}
}

func exchangeFailure(step Step, class exchange.Class, status int, kind string) func(*State) {
	return func(s *State) {
		s.Known.Failure = &Failure{During: step, Err: &exchange.Error{Class: class, Status: status, Host: "ca.test", Err: errors.New("cut"),
			Problem: exchange.Problem{Type: kind}}}
	}
}

func TestDecide(t *testing.T) {
	t.Parallel()
	type want struct {
		Step                  string
		State                 acmev1.State
		Reason                string
		Processing, Presented bool
		Wake                  time.Duration
		Urgent, Park          bool
		Event                 string
	}
	const (
		ask   = "ask for the authorization"
		serve = "present the challenge"
		check = "start the self-check"
		tell  = "accept the challenge"
	)
	tests := map[string]struct {
		state State
		want  want
	}{
		"a Challenge that nobody ordered is left alone": {
			state: state(func(s *State) { s.Orphan = "whose?" }), want: want{Step: "wait", Reason: "whose?"},
		},
		"a Challenge without a place waits": {
			state: state(func(s *State) { s.Admitted = false }), want: want{Step: "wait"},
		},
		"a Challenge without an account waits for the issuer": {
			state: state(func(s *State) { s.Blocked = "no account" }), want: want{Step: "wait", Reason: "no account", Processing: true},
		},
		"the server is asked first": {
			state: state(), want: want{Step: ask, Processing: true},
		},
		"what is valid already needs nothing": {
			state: state(asked(acmev1.Valid, acmev1.Valid)),
			want:  want{Step: "wait", State: acmev1.Valid, Reason: "Successfully authorized domain", Wake: validGrace, Urgent: true, Event: "DomainVerified"},
		},
		"a challenge that was accepted before a restart is only asked about": {
			state: state(asked(acmev1.Pending, acmev1.Processing)),
			want: want{Step: "wait", State: acmev1.Pending, Processing: true, Wake: 250 * time.Millisecond,
				Reason: "Waiting for the server to validate the challenge"},
		},
		"an open one is presented": {
			state: state(pending), want: want{Step: serve, State: acmev1.Pending, Processing: true},
		},
		"a presented one is checked": {
			state: state(shown), want: want{Step: check, State: acmev1.Pending, Processing: true, Presented: true},
		},
		"a running check is waited for": {
			state: state(shown, func(s *State) { s.Known.Check.Running = true }),
			want:  want{Step: "wait", State: acmev1.Pending, Processing: true, Presented: true},
		},
		"a check that failed is told and repeated later": {
			state: state(shown, func(s *State) { s.Known.Check.Problem = "404" }),
			want: want{Step: "wait", State: acmev1.Pending, Processing: true, Presented: true, Wake: 10 * time.Second,
				Reason: "Waiting for HTTP-01 challenge propagation: 404"},
		},
		"a check that has failed for long gives its place to others": {
			state: state(shown, func(s *State) {
				s.Known.Check = Check{Problem: "404", FailingSince: noon.Add(-parkAfter)}
			}),
			want: want{Step: "wait", State: acmev1.Pending, Processing: true, Presented: true, Wake: time.Minute, Park: true,
				Reason: "Waiting for HTTP-01 challenge propagation: 404"},
		},
		"a check that passed is followed by the acceptance": {
			state: state(shown, func(s *State) { s.Known.Check.Passed = true }),
			want:  want{Step: tell, State: acmev1.Pending, Processing: true, Presented: true},
		},
		"an accepted challenge is asked about": {
			state: state(shown, func(s *State) { s.Known.Accepted = true; s.Known.Authorization.RetryAfter = 3 * time.Second }),
			want: want{Step: "wait", State: acmev1.Pending, Processing: true, Wake: 3 * time.Second,
				Reason: "Waiting for the server to validate the challenge"},
		},
		"a wait instead of the check is kept": {
			state: state(shown, waiting30, func(s *State) { s.Status.PresentedAt = &metav1.Time{Time: noon.Add(-10 * time.Second)} }),
			want: want{Step: "wait", State: acmev1.Pending, Processing: true, Presented: true, Wake: 20 * time.Second,
				Reason: "Waiting 30s before accepting HTTP-01 challenge without self-check"},
		},
		"and not longer": {
			state: state(shown, waiting30, func(s *State) { s.Status.PresentedAt = &metav1.Time{Time: noon.Add(-30 * time.Second)} }),
			want:  want{Step: tell, State: acmev1.Pending, Processing: true, Presented: true},
		},
		"a changed solver waits for the Order to replace the Challenge": {
			state: state(pending, func(s *State) { s.Solver.HTTP01.Ingress.Class = ptr.To("other") }),
			want: want{Step: "wait", State: acmev1.Pending, Processing: true,
				Reason: "The issuer's solver has changed since this Challenge was made; waiting for the Order to replace it"},
		},
		"no solver waits for the issuer": {
			state: state(pending, func(s *State) { s.Solver, s.NoSolver = nil, "none" }),
			want:  want{Step: "wait", State: acmev1.Pending, Processing: true, Reason: "Failed to determine the solver: none"},
		},
		"editing somebody's Ingress needs the finalizer first": {
			state: state(pending, inPlace), want: want{Step: "add the finalizer", State: acmev1.Pending, Processing: true},
		},
		"with it, it is presented": {
			state: state(pending, inPlace, func(s *State) { s.Challenge.Finalizers = []string{acmev1.ChallengeFinalizer} }),
			want:  want{Step: serve, State: acmev1.Pending, Processing: true},
		},
		"the finalizer of old releases is replaced": {
			state: state(pending, func(s *State) { s.Challenge.Finalizers = []string{acmev1.LegacyChallengeFinalizer} }),
			want:  want{Step: "add the finalizer", State: acmev1.Pending, Processing: true},
		},
		"DNS-01 ends with a clear word": {
			state: state(pending, func(s *State) { s.Challenge.Spec.Type = acmev1.ACMEChallengeTypeDNS01 }),
			want: want{Step: "wait", State: acmev1.Errored, Processing: true, Urgent: true, Event: "Failed",
				Reason: `DNS-01 challenges cannot be solved by this build of Certwright yet; use an HTTP-01 solver for "a.test"`},
		},
		"an authorization that ends takes the Challenge with it": {
			state: state(shown, func(s *State) { s.Known.Authorization.Expires = noon; s.Status.Reason = "404" }),
			want: want{Step: "wait", State: acmev1.Expired, Urgent: true, Event: "Failed",
				Reason: "The authorization has expired; before that: 404"},
		},
		"an authorization for another name is not used": {
			state: state(pending, func(s *State) { s.Known.Authorization.Identifier = "b.test" }),
			want: want{Step: "wait", State: acmev1.Errored, Urgent: true, Event: "Failed",
				Reason: `The authorization is for "b.test", not for "a.test"`},
		},
		"a failed validation says what the CA saw": {
			state: state(asked(acmev1.Invalid, acmev1.Invalid), func(s *State) {
				s.Known.Authorization.Challenges[0].Problem = &exchange.Problem{Type: "urn:ietf:params:acme:error:connection", Detail: "refused"}
			}),
			want: want{Step: "wait", State: acmev1.Invalid, Urgent: true, Event: "Failed",
				Reason: "Error accepting authorization: the authorization for a.test is invalid: urn:ietf:params:acme:error:connection: refused"},
		},
		"a failed presentation is told and repeated": {
			state: state(pending, func(s *State) { s.Known.Failure = &Failure{During: Present{}, Err: errors.New("quota")} }),
			want:  want{Step: "wait", Processing: true, Reason: "quota", Wake: 5 * time.Second, Event: "PresentError"},
		},
		"a presentation that this build cannot make ends the Challenge": {
			state: state(pending, func(s *State) {
				s.Known.Failure = &Failure{During: Present{}, Err: errors.New("gatewayHTTPRoute is not supported by this build yet"), Final: true}
			}),
			want: want{Step: "wait", State: acmev1.Errored, Processing: true, Urgent: true, Event: "Failed", Reason: "gatewayHTTPRoute is not supported by this build yet"},
		},
		"a network error is repeated, after asking the server again": {
			state: state(shown, exchangeFailure(Accept{}, exchange.Transient, 0, "")),
			want:  want{Step: "wait", Processing: true, Wake: 5 * time.Second, Reason: "Failed to accept the challenge, will try again: cut"},
		},
		"a refused acceptance is followed by a question": {
			state: state(shown, exchangeFailure(Accept{}, exchange.Terminal, 400, "urn:ietf:params:acme:error:malformed")),
			want:  want{Step: ask, Processing: true},
		},
		"and ends an open challenge as expired if it was malformed": {
			state: state(shown, func(s *State) {
				s.Known.AcceptRefused = &exchange.Error{Status: 400, Problem: exchange.Problem{Type: "urn:ietf:params:acme:error:malformed"}}
			}),
			want: want{Step: "wait", State: acmev1.Expired, Urgent: true, Event: "Failed", Reason: "Error accepting authorization: 400 urn:ietf:params:acme:error:malformed"},
		},
		"and does not matter to one that is under way": {
			state: state(asked(acmev1.Pending, acmev1.Processing), func(s *State) { s.Known.AcceptRefused = &exchange.Error{Status: 400, Err: errors.New("x")} }),
			want: want{Step: "wait", State: acmev1.Pending, Processing: true, Wake: 250 * time.Millisecond,
				Reason: "Waiting for the server to validate the challenge"},
		},
		"a valid Challenge is left to the Order for a moment": {
			state: state(final(acmev1.Valid)),
			want:  want{Step: "wait", State: acmev1.Valid, Processing: true, Presented: true, Reason: "why", Wake: validGrace},
		},
		"and cleaned up after it": {
			state: state(final(acmev1.Valid), func(s *State) { s.Known.OverSince = noon.Add(-validGrace) }),
			want:  want{Step: "clean up", State: acmev1.Valid, Processing: true, Presented: true, Reason: "why"},
		},
		"a failed Challenge is cleaned up at once": {
			state: state(final(acmev1.Invalid)),
			want:  want{Step: "clean up", State: acmev1.Invalid, Processing: true, Presented: true, Reason: "why"},
		},
		"what is cleaned up is released": {
			state: state(final(acmev1.Invalid), func(s *State) {
				s.Known.Cleaned, s.Challenge.Finalizers = true, []string{acmev1.ChallengeFinalizer}
			}),
			want: want{Step: "remove the finalizer", State: acmev1.Invalid, Processing: true, Presented: true, Reason: "why"},
		},
		"and then says so": {
			state: state(final(acmev1.Invalid), func(s *State) { s.Known.Cleaned = true }),
			want:  want{Step: "wait", State: acmev1.Invalid, Reason: "why", Urgent: true},
		},
		"a failed clean-up is told and repeated": {
			state: state(final(acmev1.Invalid), func(s *State) { s.Known.Failure = &Failure{During: CleanUp{}, Err: errors.New("no")} }),
			want: want{Step: "wait", State: acmev1.Invalid, Processing: true, Presented: true, Wake: 5 * time.Second, Event: "CleanUpError",
				Reason: "Cleaning up failed, will try again: no"},
		},
		"a deleted Challenge with our finalizer is cleaned up in any state": {
			state: state(shown, deleted(acmev1.ChallengeFinalizer)), want: want{Step: "clean up"},
		},
		"or with that of old releases": {
			state: state(shown, deleted(acmev1.LegacyChallengeFinalizer)), want: want{Step: "clean up"},
		},
		"even if nobody ordered it": {
			state: state(func(s *State) { s.Orphan = "whose?" }, deleted(acmev1.ChallengeFinalizer)), want: want{Step: "clean up"},
		},
		"a deleted Challenge that owns all that is there just goes": {
			state: state(shown, deleted()), want: want{Step: "wait"},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tt.state.Challenge.Status = tt.state.Status
			d := Decide(tt.state)
			got := want{Step: d.Step.String(), State: d.Status.State, Reason: d.Status.Reason, Processing: d.Status.Processing,
				Presented: d.Status.Presented, Urgent: d.Urgent, Park: d.Park}
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
}

func waiting30(s *State) {
	s.Solver.WaitInsteadOfSelfCheck = &metav1.Duration{Duration: 30 * time.Second}
	s.Challenge.Spec.Solver = *s.Solver
}

func inPlace(s *State) {
	s.Solver.HTTP01.Ingress.Name = "site"
	s.Challenge.Spec.Solver = *s.Solver.DeepCopy()
}

func TestPick(t *testing.T) {
	t.Parallel()
	at := func(ns, name, what string, minute int) entry {
		e := entry{what: what, created: noon.Add(time.Duration(minute) * time.Minute)}
		e.key.Namespace, e.key.Name = ns, name
		return e
	}
	parked := at("a", "parked", "p", 0)
	parked.parked = true
	tests := map[string]struct {
		active, waiting []entry
		limit           int
		want            []string
	}{
		"the oldest is first": {
			waiting: []entry{at("a", "2", "y", 2), at("a", "1", "x", 1)}, limit: 1, want: []string{"1"},
		},
		"two with the same name and type are never active together": {
			active: []entry{at("a", "1", "x", 1)}, waiting: []entry{at("b", "2", "x", 2), at("b", "3", "y", 3)}, limit: 9, want: []string{"3"},
		},
		"nor started together": {
			waiting: []entry{at("a", "1", "x", 1), at("b", "2", "x", 2)}, limit: 9, want: []string{"1"},
		},
		"a full house starts nothing": {
			active: []entry{at("a", "1", "x", 1)}, waiting: []entry{at("b", "2", "y", 2)}, limit: 1,
		},
		"a parked one does not fill the house": {
			active: []entry{parked}, waiting: []entry{at("b", "2", "y", 2)}, limit: 1, want: []string{"2"},
		},
		"but keeps its name": {
			active: []entry{parked}, waiting: []entry{at("b", "2", "p", 2)}, limit: 1,
		},
		"a namespace with half of the places lets others go first": {
			active:  []entry{at("a", "1", "x1", 1), at("a", "2", "x2", 1)},
			waiting: []entry{at("a", "3", "x3", 2), at("a", "4", "x4", 2), at("b", "5", "y", 9)}, limit: 4, want: []string{"5", "3"},
		},
		"and takes more if there are no others": {
			active: []entry{at("a", "1", "x1", 1), at("a", "2", "x2", 1)}, waiting: []entry{at("a", "3", "x3", 2), at("a", "4", "x4", 3)},
			limit: 4, want: []string{"3", "4"},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got []string
			for _, e := range pick(tt.active, tt.waiting, tt.limit) {
				got = append(got, e.key.Name)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("pick() (-want +got):\n%s", diff)
			}
		})
	}
}

func TestTheQueueStartsTwentyASecond(t *testing.T) {
	t.Parallel()
	now := noon
	q := newQueue(60, func() time.Time { return now }, func(k namespacedName) {})
	admit := func(i int) bool {
		e := entry{what: fmt.Sprint(i), created: noon.Add(time.Duration(i) * time.Second)}
		e.key.Namespace, e.key.Name = fmt.Sprintf("ns-%d", i%7), fmt.Sprint(i)
		return q.admit(e)
	}
	count := func() (n int) {
		q.mu.Lock()
		defer q.mu.Unlock()
		return len(q.active)
	}
	for i := range 200 {
		admit(i)
	}
	if count() != 20 {
		t.Errorf("%d active in the first second", count())
	}
	for range 4 {
		now = now.Add(time.Second)
		admit(199)
	}
	if count() != 60 {
		t.Errorf("%d active after five seconds", count())
	}
	now = now.Add(time.Second)
	q.leave(entryKey("ns-0", "0"))
	if count() != 60 {
		t.Errorf("%d active after one left", count())
	}
}

type namespacedName = types.NamespacedName

func entryKey(ns, name string) namespacedName { return namespacedName{Namespace: ns, Name: name} }
