package order

import (
	"fmt"
	"time"

	acmev1 "github.com/certwright/certwright/certs/acme/v1"
	"github.com/certwright/certwright/issuance/acme/exchange"
)

// A State is all that Decide looks at.
type State struct {
	Now time.Time
	// Order as it is stored; the cache may leave its request and certificate
	// out.
	Order *acmev1.Order
	// Status is that of the Order together with what is not written yet.
	Status acmev1.OrderStatus
	// Orphan says why nobody ordered this Order; empty is the normal case.
	Orphan string
	// HasCertificate says that the Order, as it is stored, or its
	// CertificateRequest holds the certificate.
	HasCertificate bool
	// Blocked says why the account cannot be used; empty is the normal case.
	Blocked string
	// Account is the URI of the issuer's account, Thumbprint that of its key,
	// Solvers its solvers.
	Account, Thumbprint string
	Solvers             []acmev1.ACMEChallengeSolver
	// Duration asks the server for a lifetime.
	// Challenges of the Order, created by us or not.
	Challenges []*acmev1.Challenge
	// Known is what was learned since this process looks at the Order.
	Known Known
}

// Known is what a process learned about an Order beyond its status.
type Known struct {
	// Server is the order as it was read in this very pass.
	Server *exchange.Order
	// Failure of the last exchange, not judged yet.
	Failure *Failure
	// Failing is what failed last. Failures counts how often it did, and Held how
	// often the server put us off, until it succeeds; Polls counts how often the
	// server was asked whether it is done.
	Failing               string
	Failures, Held, Polls int
	// Until is when to go on after a failure or between polls.
	Until time.Time
	// FinalizeRefused is why the server did not take the request; the order
	// itself tells whether that matters.
	FinalizeRefused *exchange.Error
	// Reregistered says that the account was found again after the server did
	// not know it.
	Reregistered bool
	// Chain is the downloaded and verified chain.
	Chain []byte
}

// A Failure is an exchange that failed.
type Failure struct {
	During Step
	Err    *exchange.Error
}

// A Decision is what to do next.
type Decision struct {
	// Step to take.
	Step Step
	// Status to report.
	Status acmev1.OrderStatus
	// Urgent reports are written at once, others when they are still true
	// after a while.
	Urgent bool
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
	// Place sends newOrder.
	Place struct{ Names []string }
	// Read reads the order.
	Read struct{ URL string }
	// Fetch reads the authorizations that nothing is known about.
	Fetch struct{}
	// Sync creates and deletes Challenges.
	Sync struct{ Create, Delete []*acmev1.Challenge }
	// Finalize sends the certificate signing request.
	Finalize struct{ URL string }
	// Download fetches the chain.
	Download struct{ URL string }
	// Discard deletes the Order, so that a new one is made for its request.
	Discard struct{ Why string }
	// Reregister makes the issuer look for its account again.
	Reregister struct{}
)

func (Wait) step()       {}
func (Place) step()      {}
func (Read) step()       {}
func (Fetch) step()      {}
func (Sync) step()       {}
func (Finalize) step()   {}
func (Download) step()   {}
func (Discard) step()    {}
func (Reregister) step() {}

// String names the step.
func (Wait) String() string    { return "wait" }
func (p Place) String() string { return fmt.Sprintf("place an order for %v", p.Names) }
func (Read) String() string    { return "read the order" }
func (Fetch) String() string   { return "fetch authorizations" }
func (s Sync) String() string {
	return fmt.Sprintf("create %d and delete %d challenges", len(s.Create), len(s.Delete))
}
func (Finalize) String() string   { return "finalize the order" }
func (Download) String() string   { return "download the certificate" }
func (d Discard) String() string  { return "discard the order: " + d.Why }
func (Reregister) String() string { return "look for the account again" }
