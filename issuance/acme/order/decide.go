package order

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	acmev1 "github.com/certwright/certwright/certs/acme/v1"
	"github.com/certwright/certwright/issuance/acme"
	"github.com/certwright/certwright/issuance/acme/exchange"
	"github.com/certwright/certwright/issuance/acme/pace"
)

// Reasons of events on Orders.
const (
	EventSolver   = "Solver"
	EventCreated  = "Created"
	EventComplete = "Complete"
)

const (
	// rereadAfter is the wait for a server that lags behind its own challenges.
	rereadAfter = 5 * time.Second
	// registerAgain is what it takes to find an account again.
	registerAgain = 3 * time.Second
)

// Decide says what brings the Order closer to done. The order of the rules is
// the policy.
func Decide(s State) Decision {
	for _, rule := range []func(State) (Decision, bool){
		failed, orphaned, done, downloaded, blocked, judged, held,
		notPlaced, notRead, notFetched, validWithoutCertificate, challengesDiffer, challengesOpen,
	} {
		if d, ok := rule(s); ok {
			return d
		}
	}
	return byServer(s)
}

// take decides on a step and leaves the rest as it is.
func take(s State, step Step) (Decision, bool) {
	return Decision{Step: step, Status: s.Status, Known: s.Known}, true
}

// wait decides to wait until wake, with reason in the status.
func wait(s State, reason string, wake time.Time) Decision {
	d := Decision{Step: Wait{}, Status: s.Status, Known: s.Known, Wake: wake}
	d.Status.Reason = reason
	return d
}

// fail ends the Order.
func fail(s State, state acmev1.State, reason string) Decision {
	d := Decision{Step: Wait{}, Status: s.Status, Known: s.Known, Urgent: true}
	now := metav1.NewTime(s.Now)
	d.Status.State, d.Status.Reason, d.Status.FailureTime = state, reason, &now
	return d
}

// failed: an Order that failed is never touched again. It is kept for whoever
// looks for the cause, until its request goes.
func failed(s State) (Decision, bool) {
	if !s.Order.DeletionTimestamp.IsZero() || s.Status.State.Failed() {
		return take(s, Wait{})
	}
	return Decision{}, false
}

// orphaned: an Order that somebody made by hand would borrow the issuer's
// account (GHSA-8rvj-mm4h-c258).
func orphaned(s State) (Decision, bool) {
	if s.Orphan == "" {
		return Decision{}, false
	}
	return wait(s, s.Orphan, time.Time{}), true
}

// done: what is left are Challenges.
func done(s State) (Decision, bool) {
	if s.Status.State != acmev1.Valid || !s.HasCertificate {
		return Decision{}, false
	}
	if _, surplus := difference(nil, s.Challenges); len(surplus) > 0 {
		return take(s, Sync{Delete: surplus})
	}
	return take(s, Wait{})
}

// downloaded: the certificate is here and only has to be written.
func downloaded(s State) (Decision, bool) {
	if len(s.Known.Chain) == 0 {
		return Decision{}, false
	}
	d := wait(s, "", time.Time{})
	d.Urgent = true
	d.Status.State, d.Status.Certificate = acmev1.Valid, s.Known.Chain
	d.Events = []Event{{Reason: EventComplete, Message: "Order completed successfully"}}
	return d, true
}

// blocked: without an account there is nobody to talk to.
func blocked(s State) (Decision, bool) {
	if s.Blocked == "" {
		return Decision{}, false
	}
	return wait(s, s.Blocked, time.Time{}), true
}

// verbs are how a step's failure is told.
func verb(step Step) string {
	switch step.(type) {
	case Place:
		return "create Order"
	case Read:
		return "retrieve Order resource"
	case Fetch:
		return "fetch authorization"
	case Finalize:
		return "finalize Order"
	case Download:
		return "fetch certificate"
	default:
		return step.String()
	}
}

// judged: what the failure of the last exchange means.
func judged(s State) (Decision, bool) {
	f := s.Known.Failure
	if f == nil {
		return Decision{}, false
	}
	s.Known.Failure, s.Known.Failing = nil, verb(f.During)
	switch f.Err.Class {
	case exchange.Later:
		return later(s, f), true
	case exchange.Terminal:
		return terminal(s, f), true
	default:
		s.Known.Failures++
		s.Known.Until = s.Now.Add(max(pace.Backoff(s.Known.Failures), f.Err.RetryAfter))
		return wait(s, fmt.Sprintf("Failed to %s, will try again: %s", verb(f.During), f.Err), s.Known.Until), true
	}
}

// later: the server wants to be left alone. That is no failure of the Order.
func later(s State, f *Failure) Decision {
	s.Known.Held++
	hold := pace.Hold(s.Known.Held, f.Err.RetryAfter, string(s.Order.UID))
	if hold > pace.MaxHold {
		return fail(s, acmev1.Errored, fmt.Sprintf("Failed to %s: %s", verb(f.During), f.Err))
	}
	s.Known.Until = s.Now.Add(hold)
	limited := f.Err.Status == http.StatusTooManyRequests || f.Err.Kind() == exchange.KindRateLimited
	if s.Status.State == acmev1.Unknown {
		s.Status.State = acmev1.Pending
	}
	d := wait(s, pace.PutOff(f.Err.Host, limited, s.Known.Until, f.Err), s.Known.Until)
	d.Urgent = true
	return d
}

// terminal: the same request would fail again.
func terminal(s State, f *Failure) Decision {
	kind := f.Err.Kind()
	switch f.During.(type) {
	case Place:
		if (kind == exchange.KindAccountDoesNotExist || kind == exchange.KindUnauthorized) && !s.Known.Reregistered {
			s.Known.Reregistered = true
			s.Known.Until = s.Now.Add(registerAgain)
			d, _ := take(s, Reregister{})
			return d
		}
	case Finalize:
		if f.Err.Status == http.StatusForbidden && s.Known.FinalizeRefused == nil {
			s.Known.FinalizeRefused, s.Known.Server = f.Err, nil
			d, _ := take(s, Read{URL: s.Status.URL})
			return d
		}
	}
	if why := foreign(s); why != "" {
		d, _ := take(s, Discard{Why: why})
		return d
	}
	return fail(s, acmev1.Errored, fmt.Sprintf("Failed to %s: %s", verb(f.During), f.Err))
}

// foreign says why the Order cannot belong to the issuer's account any more.
func foreign(s State) string {
	if s.Status.URL == "" || s.Account == "" {
		return ""
	}
	if made := s.Order.Annotations[acme.AccountKey]; made != "" {
		// Ours: this is certain, and an Order made anew is of the right account.
		if made != s.Account {
			return "it was placed by another account than the issuer has now"
		}
		return ""
	}
	if a, b := host(s.Status.URL), host(s.Account); a != "" && b != "" && a != b {
		return "it was placed at another server than the issuer has now"
	}
	return ""
}

func host(s string) string {
	u, err := url.Parse(s)
	if err != nil {
		return ""
	}
	return u.Host
}

// held: not before the time has come.
func held(s State) (Decision, bool) {
	if s.Known.Until.After(s.Now) {
		return wait(s, s.Status.Reason, s.Known.Until), true
	}
	return Decision{}, false
}

func notPlaced(s State) (Decision, bool) {
	if s.Status.URL != "" {
		return Decision{}, false
	}
	return take(s, Place{Names: Names(&s.Order.Spec)})
}

func notRead(s State) (Decision, bool) {
	if s.Status.FinalizeURL != "" || s.Known.Server != nil {
		return Decision{}, false
	}
	return take(s, Read{URL: s.Status.URL})
}

func notFetched(s State) (Decision, bool) {
	for _, a := range s.Status.Authorizations {
		if a.Identifier == "" {
			return take(s, Fetch{})
		}
	}
	return Decision{}, false
}

// validWithoutCertificate: the server is done, and we did not hear of it.
func validWithoutCertificate(s State) (Decision, bool) {
	if s.Status.State != acmev1.Valid {
		return Decision{}, false
	}
	return byServer(s), true
}

// challengesDiffer: the Challenges must be those that the issuer's solvers and
// the server's authorizations call for.
func challengesDiffer(s State) (Decision, bool) {
	if s.Status.State == acmev1.Ready || s.Status.State == acmev1.Processing {
		return Decision{}, false // proven already
	}
	want, err := required(s.Order, s.Status.Authorizations, s.Solvers, s.Thumbprint)
	if err != nil {
		reason := "Failed to determine a valid solver configuration for the set of domains on the Order: " + err.Error()
		d := wait(s, reason, time.Time{})
		if s.Order.Status.Reason != reason {
			d.Urgent, d.Events = true, []Event{{Warning: true, Reason: EventSolver, Message: reason}}
		}
		return d, true
	}
	create, surplus := difference(want, s.Challenges)
	if len(create)+len(surplus) == 0 {
		return Decision{}, false
	}
	return take(s, Sync{Create: create, Delete: surplus})
}

// challengesOpen: the next Challenge event decides.
func challengesOpen(s State) (Decision, bool) {
	open := false
	for _, ch := range s.Challenges {
		if ch.Status.State.Failed() {
			return Decision{}, false
		}
		open = open || !ch.Status.State.Final()
	}
	if !open {
		return Decision{}, false
	}
	reason := ""
	for _, ch := range s.Challenges {
		if ch.Status.Reason != "" && !ch.Status.State.Final() {
			reason = fmt.Sprintf("Waiting for the challenge for %s: %s", subject(ch), ch.Status.Reason)
		}
	}
	return wait(s, reason, time.Time{}), true
}

// byServer: from here on the server's view of the order decides, read in this
// very pass.
func byServer(s State) Decision {
	o := s.Known.Server
	if o == nil {
		d, _ := take(s, Read{URL: s.Status.URL})
		return d
	}
	if o.State != acmev1.Unknown && o.State != acmev1.Valid {
		s.Status.State = o.State // valid is written together with the certificate
	}
	var d Decision
	switch o.State {
	case acmev1.Valid:
		if o.Certificate == "" {
			return lag(s, "The server says that the order is valid, but not where the certificate is")
		}
		d, _ = take(s, Download{URL: o.Certificate})
		return d
	case acmev1.Invalid, acmev1.Expired:
		return fail(s, o.State, invalidReason(s, o))
	case acmev1.Processing:
		return poll(s, o)
	case acmev1.Ready:
		if e := s.Known.FinalizeRefused; e != nil {
			return fail(s, acmev1.Errored, "Failed to finalize Order: "+e.Error())
		}
		d, _ = take(s, Finalize{URL: s.Status.FinalizeURL})
		return d
	case acmev1.Unknown, acmev1.Pending, acmev1.Errored: // the last is not a server's word
	}
	return pending(s)
}

// pending: our side is over, the server's is not.
func pending(s State) Decision {
	if e := s.Known.FinalizeRefused; e != nil {
		return fail(s, acmev1.Errored, "Failed to finalize Order: "+e.Error())
	}
	// A failed challenge fails the order (RFC 8555 section 7.1.6), whether the
	// server has noticed yet, or will ever hear of it, or not.
	state := acmev1.Unknown
	for _, ch := range s.Challenges {
		if ch.Status.State == acmev1.Invalid {
			state = acmev1.Invalid
		} else if ch.Status.State.Failed() && state == acmev1.Unknown {
			state = acmev1.Errored
		}
	}
	if state != acmev1.Unknown {
		return fail(s, state, invalidReason(s, s.Known.Server))
	}
	return lag(s, "Waiting for the server to notice that all challenges are over")
}

// lag waits for a server that is behind.
func lag(s State, reason string) Decision {
	if o := s.Known.Server; o != nil && expired(s, o) {
		return fail(s, acmev1.Errored, reason+", until the order expired")
	}
	s.Known.Polls++
	after := rereadAfter
	if s.Known.Polls == 1 {
		after = pace.Poll(1, 0)
	}
	s.Known.Until = s.Now.Add(max(after, s.Known.Server.RetryAfter))
	return wait(s, reason, s.Known.Until)
}

// poll waits for a server that works.
func poll(s State, o *exchange.Order) Decision {
	if expired(s, o) {
		return fail(s, acmev1.Errored, "The server did not issue the certificate before the order expired")
	}
	s.Known.Polls++
	s.Known.Until = s.Now.Add(pace.Poll(s.Known.Polls, o.RetryAfter))
	return wait(s, "Waiting for the server to issue the certificate", s.Known.Until)
}

func expired(s State, o *exchange.Order) bool { return !o.Expires.IsZero() && !s.Now.Before(o.Expires) }

// invalidReason is the innermost cause that is known.
func invalidReason(s State, o *exchange.Order) string {
	var causes []string
	for _, ch := range s.Challenges {
		if ch.Status.State.Failed() {
			causes = append(causes, challengeReason(ch))
		}
	}
	if o.Problem != nil {
		causes = append(causes, o.Problem.String())
	}
	if len(causes) == 0 {
		return "The server says that the order is " + string(o.State)
	}
	return strings.Join(causes, "; ")
}

func challengeReason(ch *acmev1.Challenge) string {
	return fmt.Sprintf("The challenge for %s is %s: %s", subject(ch), ch.Status.State, ch.Status.Reason)
}
