package exchange

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	lego "github.com/go-acme/lego/v4/acme"
)

// A Class says what a failure means for the work that met it.
type Class int

const (
	// Transient failures pass: the network, an overloaded or broken server.
	// Repeat with a growing back-off.
	Transient Class = iota
	// Later means that the server asks to be left alone until RetryAfter is
	// over: it limits rates, or is down for maintenance.
	Later
	// Terminal means that the same request fails again.
	Terminal
)

// String names c.
func (c Class) String() string {
	switch c {
	case Later:
		return "later"
	case Terminal:
		return "terminal"
	default:
		return "transient"
	}
}

// The kinds of problems that callers tell apart (RFC 8555 section 6.7).
const (
	KindAccountDoesNotExist = "accountDoesNotExist"
	KindAlreadyReplaced     = "alreadyReplaced"
	KindBadNonce            = "badNonce"
	KindMalformed           = "malformed"
	KindOrderNotReady       = "orderNotReady"
	KindRateLimited         = "rateLimited"
	KindServerInternal      = "serverInternal"
	KindUnauthorized        = "unauthorized"
)

const kindPrefix = "urn:ietf:params:acme:error:"

// A Problem is what a server said went wrong (RFC 7807, RFC 8555 section 6.7).
type Problem struct {
	Type, Detail string
	// Identifier is the name that a subproblem is about.
	Identifier  string
	Subproblems []Problem
}

// Kind is the type without the prefix that all ACME errors share.
func (p *Problem) Kind() string { return strings.TrimPrefix(p.Type, kindPrefix) }

// String shows type, detail and subproblems.
func (p *Problem) String() string {
	var b strings.Builder
	b.WriteString(p.Type)
	if p.Detail != "" {
		if p.Type != "" {
			b.WriteString(": ")
		}
		b.WriteString(clip(p.Detail))
	}
	for i, sub := range p.Subproblems {
		if i == maxSubproblems {
			fmt.Fprintf(&b, "; and %d more", len(p.Subproblems)-i)
			break
		}
		b.WriteString("; ")
		if sub.Identifier != "" {
			b.WriteString(sub.Identifier + ": ")
		}
		b.WriteString(sub.String())
	}
	return b.String()
}

// What a server says is shown to users and stored in a status: not at any length.
const (
	maxDetail      = 1024
	maxSubproblems = 10
)

func clip(s string) string {
	if len(s) <= maxDetail {
		return s
	}
	return strings.ToValidUTF8(s[:maxDetail], "") + "…"
}

// An Error is an exchange that did not do what was asked.
type Error struct {
	// Class says what to do.
	Class Class
	// Status is the HTTP status, zero without an answer.
	Status int
	// Problem is what the server said; its Type is empty where it said nothing
	// that we understand.
	Problem Problem
	// RetryAfter is how long the server wants to be left alone; zero where it
	// did not say.
	RetryAfter time.Duration
	// Host is the server.
	Host string
	// Err is the cause without an answer of the server.
	Err error
}

// Error tells what the server or the network said.
func (e *Error) Error() string {
	switch {
	case e.Problem.Type != "" || e.Problem.Detail != "":
		if e.Status >= http.StatusBadRequest {
			return fmt.Sprintf("%d %s", e.Status, e.Problem.String())
		}
		return e.Problem.String()
	case e.Status >= http.StatusBadRequest:
		return fmt.Sprintf("%s answered %d %s without a problem document", e.Host, e.Status, http.StatusText(e.Status))
	default:
		return e.Err.Error()
	}
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Kind is that of the problem, or empty.
func (e *Error) Kind() string { return e.Problem.Kind() }

// Answered reports whether the server's answer was read, good or bad. Without
// one, it is not known whether the server did what was asked.
func (e *Error) Answered() bool { return e.Status != 0 }

// IsTerminal reports whether err is an *Error of class Terminal.
func IsTerminal(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Class == Terminal
}

// classify makes an *Error of what lego returned for a call that ended as
// seen says.
func classify(err error, seen answer, host string) *Error {
	e := &Error{Status: seen.status, RetryAfter: seen.retryAfter, Host: host, Err: steady(err)}
	var details *lego.ProblemDetails
	if errors.As(err, &details) && details != nil {
		e.Problem = problem(details)
		if details.HTTPStatus >= http.StatusBadRequest && e.Status < http.StatusBadRequest {
			e.Status = details.HTTPStatus
		}
		e.Class = classOf(e.Status, e.Kind())
		if e.Status < http.StatusBadRequest {
			// An object in the state invalid that says why.
			e.Class = Terminal
		}
		return e
	}
	if seen.status >= http.StatusBadRequest {
		e.Class = classOf(seen.status, "")
	}
	return e
}

func classOf(status int, kind string) Class {
	switch {
	case status == http.StatusTooManyRequests, status == http.StatusServiceUnavailable, kind == KindRateLimited:
		return Later
	case kind == KindBadNonce, kind == KindServerInternal:
		return Transient
	case status == http.StatusRequestTimeout, status == http.StatusTooEarly, status >= 500, status < 400:
		return Transient
	default:
		return Terminal
	}
}

func problem(d *lego.ProblemDetails) Problem {
	p := Problem{Type: d.Type, Detail: d.Detail}
	for _, s := range d.SubProblems {
		p.Subproblems = append(p.Subproblems, Problem{Type: s.Type, Detail: s.Detail, Identifier: s.Identifier.Value})
	}
	return p
}

// steady returns err without what differs from one attempt to the next: our own
// port, the URL.
func steady(err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		where := ""
		if op.Addr != nil {
			where = " " + op.Addr.String()
		}
		return fmt.Errorf("%s %s%s: %w", op.Op, op.Net, where, op.Err)
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return errors.New("no answer in time")
	}
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}
