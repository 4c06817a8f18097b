package challenge

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	acmev1 "github.com/certwright/certwright/certs/acme/v1"
	"github.com/certwright/certwright/issuance/acme"
	"github.com/certwright/certwright/issuance/acme/exchange"
	"github.com/certwright/certwright/issuance/acme/pace"
)

// Reasons of events on Challenges.
const (
	EventStarted      = "Started"
	EventPresented    = "Presented"
	EventPresentError = "PresentError"
	EventVerified     = "DomainVerified"
	EventFailed       = "Failed"
	EventCleanUpError = "CleanUpError"
)

const (
	// validGrace: the Order deletes Challenges that are valid in a moment, and
	// what they own goes with them; only what stays longer is cleaned up here.
	validGrace = 10 * time.Second
	// parkAfter is how long a self-check fails until the place goes to others,
	// parkedRetry how often it is repeated then.
	parkAfter   = 15 * time.Minute
	parkedRetry = time.Minute
)

const (
	verified   = "Successfully authorized domain"
	validating = "Waiting for the server to validate the challenge"
)

// Decide says what brings the Challenge closer to its end. The order of the
// rules is the policy.
func Decide(s State) Decision {
	for _, rule := range []func(State) (Decision, bool){
		orphaned, over, waiting, blocked, judged, held, notAsked, decidedByServer, lapsed, accepted,
		noSolver, solverChanged, unguarded, unpresented, untilWaited, unchecked,
	} {
		if d, ok := rule(s); ok {
			return d
		}
	}
	d, _ := take(s, Accept{URL: s.Challenge.Spec.URL})
	return d
}

func take(s State, step Step) (Decision, bool) {
	return Decision{Step: step, Status: s.Status, Known: s.Known}, true
}

func wait(s State, reason string, wake time.Time) Decision {
	d := Decision{Step: Wait{}, Status: s.Status, Known: s.Known, Wake: wake}
	d.Status.Reason = reason
	return d
}

// end gives the Challenge its final state.
func end(s State, state acmev1.State, reason string) Decision {
	d := wait(s, reason, s.Now.Add(validGrace))
	d.Urgent = true
	d.Status.State = state
	d.Known.OverSince = s.Now
	if state == acmev1.Valid {
		d.Events = []Event{{Reason: EventVerified, Message: fmt.Sprintf("Domain %q verified with %q validation", s.Challenge.Spec.DNSName, s.Challenge.Spec.Type)}}
		return d
	}
	d.Wake = s.Now
	d.Events = []Event{{Warning: true, Reason: EventFailed, Message: reason}}
	return d
}

// orphaned: a Challenge that somebody made by hand would borrow the issuer's
// account and solvers (GHSA-8rvj-mm4h-c258).
func orphaned(s State) (Decision, bool) {
	if s.Orphan == "" || !s.Challenge.DeletionTimestamp.IsZero() {
		return Decision{}, false
	}
	return wait(s, s.Orphan, time.Time{}), true
}

// over: the Challenge is final or deleted, and has to be cleaned up after.
func over(s State) (Decision, bool) {
	deleted := !s.Challenge.DeletionTimestamp.IsZero()
	if !deleted && !s.Status.State.Final() {
		return Decision{}, false
	}
	guarded := hasFinalizer(s.Challenge)
	if deleted && !guarded {
		return take(s, Wait{}) // what it owns goes with it
	}
	if f := s.Known.Failure; f != nil {
		s.Known.Failure = nil
		if _, ok := f.During.(CleanUp); ok {
			s.Known.Failures++
			s.Known.Until = s.Now.Add(pace.Backoff(s.Known.Failures))
			d := wait(s, "Cleaning up failed, will try again: "+f.Err.Error(), s.Known.Until)
			d.Events = []Event{{Warning: true, Reason: EventCleanUpError, Message: f.Err.Error()}}
			return d, true
		}
		s.Known.Until = time.Time{}
	}
	if s.Known.OverSince.IsZero() {
		s.Known.OverSince, s.Known.Until = s.Now, time.Time{}
	}
	dirty := guarded || s.Status.Presented || s.Status.Processing
	switch {
	case !dirty:
		return take(s, Wait{})
	case s.Known.Until.After(s.Now):
		return wait(s, s.Status.Reason, s.Known.Until), true
	case !s.Known.Cleaned && !deleted && s.Status.State == acmev1.Valid && s.Now.Before(s.Known.OverSince.Add(validGrace)):
		return wait(s, s.Status.Reason, s.Known.OverSince.Add(validGrace)), true
	case !s.Known.Cleaned:
		return take(s, CleanUp{})
	case guarded:
		return take(s, Release{})
	}
	d := wait(s, s.Status.Reason, time.Time{})
	d.Status.Presented, d.Status.Processing = false, false
	d.Urgent = true
	return d, true
}

func hasFinalizer(ch *acmev1.Challenge) bool {
	return slices.Contains(ch.Finalizers, acmev1.ChallengeFinalizer) || slices.Contains(ch.Finalizers, acmev1.LegacyChallengeFinalizer)
}

// waiting: others are first.
func waiting(s State) (Decision, bool) {
	if s.Admitted {
		return Decision{}, false
	}
	return wait(s, s.Status.Reason, time.Time{}), true
}

func blocked(s State) (Decision, bool) {
	if s.Blocked == "" {
		return Decision{}, false
	}
	return wait(started(s), s.Blocked, time.Time{}), true
}

// started marks the Challenge as being worked on.
func started(s State) State {
	s.Status.Processing = true
	return s
}

// judged: what the failure of the last step means.
func judged(s State) (Decision, bool) {
	f := s.Known.Failure
	if f == nil {
		return Decision{}, false
	}
	s = started(s)
	s.Known.Failure, s.Known.Failing = nil, f.During.String()
	if _, ok := f.During.(Present); ok {
		if f.Final {
			return end(s, acmev1.Errored, f.Err.Error()), true
		}
		s.Known.Failures++
		s.Known.Until = s.Now.Add(pace.Backoff(s.Known.Failures))
		d := wait(s, f.Err.Error(), s.Known.Until)
		d.Events = []Event{{Warning: true, Reason: EventPresentError, Message: "Error presenting challenge: " + f.Err.Error()}}
		return d, true
	}
	var e *exchange.Error
	if !errors.As(f.Err, &e) {
		e = &exchange.Error{Class: exchange.Transient, Err: f.Err}
	}
	s.Known.Authorization = nil // whatever it was, ask before going on
	switch e.Class {
	case exchange.Later:
		s.Known.Held++
		s.Known.Until = s.Now.Add(pace.Hold(s.Known.Held, e.RetryAfter, string(s.Challenge.UID)))
		limited := e.Status == http.StatusTooManyRequests || e.Kind() == exchange.KindRateLimited
		return wait(s, pace.PutOff(e.Host, limited, s.Known.Until, e), s.Known.Until), true
	case exchange.Terminal:
		if _, ok := f.During.(Accept); ok && s.Known.AcceptRefused == nil {
			s.Known.AcceptRefused = e // it may be that it was accepted before
			return take(s, Ask{URL: s.Challenge.Spec.AuthorizationURL})
		}
		return end(s, refusedState(e), fmt.Sprintf("Error accepting authorization: %s", e)), true
	default:
		s.Known.Failures++
		s.Known.Until = s.Now.Add(max(pace.Backoff(s.Known.Failures), e.RetryAfter))
		return wait(s, fmt.Sprintf("Failed to %s, will try again: %s", f.During, e), s.Known.Until), true
	}
}

// refusedState: a server that finds a challenge malformed does not know it any
// more.
func refusedState(e *exchange.Error) acmev1.State {
	if e.Kind() == exchange.KindMalformed {
		return acmev1.Expired
	}
	return acmev1.Errored
}

func held(s State) (Decision, bool) {
	if s.Known.Until.After(s.Now) {
		return wait(started(s), s.Status.Reason, s.Known.Until), true
	}
	return Decision{}, false
}

// notAsked: the server may know more than we do, for example that all is done.
func notAsked(s State) (Decision, bool) {
	if s.Known.Authorization != nil {
		return Decision{}, false
	}
	return take(started(s), Ask{URL: s.Challenge.Spec.AuthorizationURL})
}

// decidedByServer: the server has an opinion.
func decidedByServer(s State) (Decision, bool) {
	a, spec := s.Known.Authorization, &s.Challenge.Spec
	at := slices.IndexFunc(a.Challenges, func(c exchange.Challenge) bool { return c.URL == spec.URL })
	switch {
	case a.Identifier != spec.DNSName || a.Wildcard != spec.Wildcard:
		return end(s, acmev1.Errored, fmt.Sprintf("The authorization is for %q, not for %q", a.Identifier, spec.DNSName)), true
	case a.State == acmev1.Valid:
		return end(s, acmev1.Valid, verified), true
	case at < 0 && a.State == acmev1.Pending:
		return end(s, acmev1.Errored, "The server does not offer this challenge any more"), true
	case a.State == acmev1.Expired:
		return end(s, acmev1.Expired, "The authorization has expired"), true
	case at < 0:
		return end(s, acmev1.Invalid, "Error accepting authorization: the authorization is "+string(a.State)), true
	}
	c := a.Challenges[at]
	switch {
	case c.State == acmev1.Valid:
		return end(s, acmev1.Valid, verified), true
	case c.State == acmev1.Invalid || a.State == acmev1.Invalid:
		reason := "Error accepting authorization: the authorization for " + spec.DNSName + " is invalid"
		if c.Problem != nil {
			reason += ": " + c.Problem.String()
		}
		return end(s, acmev1.Invalid, reason), true
	case c.State == acmev1.Processing && !s.Known.Accepted:
		s.Known.Accepted = true // before a restart
		return accepted(s)
	case s.Known.AcceptRefused != nil && !s.Known.Accepted:
		return end(s, refusedState(s.Known.AcceptRefused), "Error accepting authorization: "+s.Known.AcceptRefused.Error()), true
	}
	if s.Status.State == acmev1.Unknown {
		s.Status.State = acmev1.Pending
	}
	return Decision{}, false
}

// lapsed: no self-check lasts longer than the authorization.
func lapsed(s State) (Decision, bool) {
	until := s.Known.Authorization.Expires
	if until.IsZero() || s.Now.Before(until) {
		return Decision{}, false
	}
	reason := "The authorization has expired"
	if s.Status.Reason != "" {
		reason += "; before that: " + s.Status.Reason
	}
	return end(s, acmev1.Expired, reason), true
}

// accepted: ask again until the server has decided.
func accepted(s State) (Decision, bool) {
	if !s.Known.Accepted {
		return Decision{}, false
	}
	s = begun(s)
	s.Known.Polls++
	s.Known.Until = s.Now.Add(pace.Poll(s.Known.Polls, s.Known.Authorization.RetryAfter))
	s.Known.Authorization = nil
	return wait(s, validating, s.Known.Until), true
}

// begun is started, in the state pending.
func begun(s State) State {
	s = started(s)
	if s.Status.State == acmev1.Unknown {
		s.Status.State = acmev1.Pending
	}
	return s
}

func noSolver(s State) (Decision, bool) {
	s = begun(s)
	if s.Challenge.Spec.Type != acmev1.ACMEChallengeTypeHTTP01 {
		return end(s, acmev1.Errored, fmt.Sprintf(
			"%s challenges cannot be solved by this build of Certwright yet; use an HTTP-01 solver for %q", s.Challenge.Spec.Type, s.Challenge.Spec.DNSName)), true
	}
	if s.Solver == nil {
		return wait(s, "Failed to determine the solver: "+s.NoSolver, time.Time{}), true
	}
	return Decision{}, false
}

// solverChanged: the Order replaces the Challenge.
func solverChanged(s State) (Decision, bool) {
	if equality.Semantic.DeepEqual(*s.Solver, s.Challenge.Spec.Solver) {
		return Decision{}, false
	}
	return wait(begun(s), "The issuer's solver has changed since this Challenge was made; waiting for the Order to replace it", time.Time{}), true
}

func unguarded(s State) (Decision, bool) {
	legacy := slices.Contains(s.Challenge.Finalizers, acmev1.LegacyChallengeFinalizer)
	missing := acme.NeedsFinalizer(s.Solver) && !slices.Contains(s.Challenge.Finalizers, acmev1.ChallengeFinalizer)
	if !legacy && !missing {
		return Decision{}, false
	}
	return take(begun(s), Guard{})
}

func unpresented(s State) (Decision, bool) {
	if s.Known.Presented {
		return Decision{}, false
	}
	// Presented or begun before: what is there may have other names.
	again := s.Challenge.Status.Presented || s.Challenge.Status.Processing || s.Challenge.Status.PresentedAt != nil
	return take(begun(s), Present{Again: again})
}

// presented is begun, and presented.
func presented(s State) State {
	s = begun(s)
	s.Status.Presented = true
	if s.Status.PresentedAt == nil {
		now := metav1.NewTime(s.Now)
		s.Status.PresentedAt = &now
	}
	return s
}

// untilWaited: somebody who knows better than the self-check asks to wait
// instead.
func untilWaited(s State) (Decision, bool) {
	w := s.Solver.WaitInsteadOfSelfCheck
	if w == nil {
		return Decision{}, false
	}
	s = presented(s)
	s.Known.Check = Check{Passed: true}
	if at := s.Status.PresentedAt.Add(w.Duration); s.Now.Before(at) {
		return wait(s, fmt.Sprintf("Waiting %s before accepting %s challenge without self-check", w.Duration, s.Challenge.Spec.Type), at), true
	}
	d, _ := take(s, Accept{URL: s.Challenge.Spec.URL})
	return d, true
}

func unchecked(s State) (Decision, bool) {
	s = presented(s)
	c := s.Known.Check
	reason := s.Status.Reason
	if c.Problem != "" {
		reason = fmt.Sprintf("Waiting for %s challenge propagation: %s", s.Challenge.Spec.Type, c.Problem)
	}
	switch {
	case c.Passed:
		d, _ := take(s, Accept{URL: s.Challenge.Spec.URL})
		return d, true
	case c.Running:
		return wait(s, reason, time.Time{}), true
	case c.Problem == "":
		s.Status.Reason = reason
		return take(s, SelfCheck{})
	}
	// It failed: present again, which repairs what somebody broke, and look
	// again after a while.
	s.Known.Check.Problem = ""
	if c.FailingSince.IsZero() {
		s.Known.Check.FailingSince = s.Now
	}
	s.Known.Presented = false
	retry := s.Retry
	park := s.Now.Sub(s.Known.Check.FailingSince) >= parkAfter
	if park {
		retry = max(retry, parkedRetry)
	}
	s.Known.Until = s.Now.Add(retry)
	d := wait(s, reason, s.Known.Until)
	d.Park = park
	return d, true
}
