package challenge

import (
	"fmt"
	"time"

	acmev1 "github.com/certwright/certwright/certs/acme/v1"
	"github.com/certwright/certwright/issuance/acme/exchange"
)

// A State is all that Decide looks at.
type State struct {
	Now time.Time
	// Challenge as it is stored.
	Challenge *acmev1.Challenge
	// Status is that of the Challenge together with what is not written yet.
	Status acmev1.ChallengeStatus
	// Orphan says why no Order wants this Challenge; empty is the normal case.
	Orphan string
	// Admitted says that it has a place among those that are worked on.
	Admitted bool
	// Blocked says why issuer or account cannot be used.
	Blocked string
	// Solver is derived from the issuer; nil if NoSolver says why there is none.
	Solver   *acmev1.ACMEChallengeSolver
	NoSolver string
	// Retry is the wait between self-checks.
	Retry time.Duration
	// Known is what was learned since this process looks at the Challenge.
	Known Known
}

// Known is what a process learned about a Challenge beyond its status.
type Known struct {
	// Authorization as the server last told it; nil if it has to be asked.
	Authorization *exchange.Authorization
	// Failure of the last exchange or presentation, not judged yet.
	Failure *Failure
	// Failing is the step that failed last. Failures and Held count how often,
	// until it succeeds; Polls counts the looks after accepting.
	Failing               string
	Failures, Held, Polls int
	// Until is when to go on.
	Until time.Time
	// Presented says that this process presented the answer, and has not seen a
	// self-check fail since.
	Presented bool
	// Check is the self-check.
	Check Check
	// Accepted says that the server was told; AcceptRefused what it said if it
	// did not want to hear it.
	Accepted      bool
	AcceptRefused *exchange.Error
	// OverSince is when it was first seen to be over.
	OverSince time.Time
	// Cleaned says that nothing presented is left.
	Cleaned bool
}

// Check is what is known of the self-check.
type Check struct {
	Running, Passed bool
	// Problem of the last one; FailingSince the first of them.
	Problem      string
	FailingSince time.Time
}

// A Failure is a step that failed.
type Failure struct {
	During Step
	// Err is an *exchange.Error where a server was asked.
	Err error
	// Final says that the same would fail again.
	Final bool
}

// A Decision is what to do next.
type Decision struct {
	Step Step
	// Status to report.
	Status acmev1.ChallengeStatus
	// Urgent reports are written at once, others when they are still true
	// after a while.
	Urgent bool
	// Park gives the place to others.
	Park bool
	// Wake is when to look again; zero waits for an event.
	Wake time.Time
	// Known replaces what was known.
	Known Known
	// Events to record.
	Events []Event
}

// An Event tells the user something.
type Event struct {
	Warning         bool
	Reason, Message string
}

// A Step is one thing to do.
type Step interface {
	fmt.Stringer
	step()
}

type (
	// Wait does nothing.
	Wait struct{}
	// Ask reads the authorization.
	Ask struct{ URL string }
	// Guard puts our finalizer on, and takes the old one away.
	Guard struct{}
	// Present makes the answer visible. Again says that it may be there.
	Present struct{ Again bool }
	// SelfCheck starts to look whether it is.
	SelfCheck struct{}
	// Accept tells the server to look.
	Accept struct{ URL string }
	// CleanUp takes the answer away.
	CleanUp struct{}
	// Release takes our finalizers off.
	Release struct{}
)

func (Wait) step()      {}
func (Ask) step()       {}
func (Guard) step()     {}
func (Present) step()   {}
func (SelfCheck) step() {}
func (Accept) step()    {}
func (CleanUp) step()   {}
func (Release) step()   {}

// String names the step.
func (Wait) String() string      { return "wait" }
func (Ask) String() string       { return "ask for the authorization" }
func (Guard) String() string     { return "add the finalizer" }
func (Present) String() string   { return "present the challenge" }
func (SelfCheck) String() string { return "start the self-check" }
func (Accept) String() string    { return "accept the challenge" }
func (CleanUp) String() string   { return "clean up" }
func (Release) String() string   { return "remove the finalizer" }
