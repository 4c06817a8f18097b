package order

import (
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	acmev1 "github.com/certwright/certwright/certs/acme/v1"
	"github.com/certwright/certwright/issuance/acme/exchange"
)

// A game is a server and a cluster, as far as Decide can see them, with
// accidents.
type game struct {
	*rand.Rand
	// The server.
	placed, finalized int
	server            acmev1.State
	// The cluster: what is written, and the Challenges.
	written    acmev1.OrderStatus
	challenges []*acmev1.Challenge
	// The process: lost by a crash.
	status acmev1.OrderStatus
	known  Known
	now    time.Time
}

func (g *game) accident(percent int) bool { return g.IntN(100) < percent }

// fails makes an exchange fail at times, before or after the server acted.
func (g *game) fails(step Step) bool {
	if !g.accident(20) {
		return false
	}
	e := exchange.Error{Class: exchange.Transient, Err: errors.New("cut")}
	if g.accident(30) {
		e = exchange.Error{Class: exchange.Later, Status: 429, Err: errors.New("slow")}
	}
	g.known.Failure = &Failure{During: step, Err: &e}
	return true
}

func (g *game) order() *exchange.Order {
	return &exchange.Order{URL: orderURL, State: g.server, Finalize: orderURL + "/finalize", Certificate: "https://ca.test/cert/1",
		Authorizations: []string{"https://ca.test/authz/1"}}
}

// pass is one reconciliation.
func (g *game) pass(t *testing.T) {
	g.known.Server = nil
	for range maxSteps {
		s := state(func(s *State) {
			s.Now, s.Status, s.Known, s.Challenges = g.now, g.status, g.known, g.challenges
			s.Order.Status = g.written
			s.HasCertificate = len(g.status.Certificate) > 0
		})
		d := Decide(s)
		g.known, g.status = d.Known, d.Status
		switch step := d.Step.(type) {
		case Wait:
			if d.Urgent && g.accident(10) {
				g.crash() // before the report is written
				return
			}
			if d.Urgent || g.accident(30) {
				g.written = *g.status.DeepCopy()
			}
			if !d.Wake.IsZero() {
				g.now = d.Wake
			}
			return
		case Place:
			if g.fails(step) {
				continue
			}
			g.placed++
			g.server = acmev1.Pending
			g.status.URL, g.status.State, g.status.FinalizeURL = orderURL, g.server, orderURL+"/finalize"
			g.status.Authorizations = []acmev1.ACMEAuthorization{{URL: "https://ca.test/authz/1"}}
			g.written = *g.status.DeepCopy() // record
		case Read:
			if g.fails(step) {
				continue
			}
			g.known.Server = g.order()
		case Fetch:
			if g.fails(step) {
				continue
			}
			full := state(fetched)
			g.status.Authorizations = full.Status.Authorizations
		case Sync:
			for _, gone := range step.Delete {
				for i, ch := range g.challenges {
					if ch == gone {
						g.challenges = append(g.challenges[:i:i], g.challenges[i+1:]...)
						break
					}
				}
			}
			g.challenges = append(g.challenges, step.Create...)
		case Finalize:
			if g.server != acmev1.Ready {
				t.Fatalf("finalized an order that is %s", g.server)
			}
			if g.accident(10) { // lost on the way
				g.known.Failure = &Failure{During: step, Err: &exchange.Error{Err: errors.New("cut")}}
				continue
			}
			g.finalized++
			g.server = acmev1.Processing
			if g.accident(30) { // the answer is lost
				g.known.Failure = &Failure{During: step, Err: &exchange.Error{Err: errors.New("cut")}}
				continue
			}
			g.known.Server = g.order()
		case Download:
			if g.fails(step) {
				continue
			}
			g.known.Chain = []byte("pem")
		default:
			t.Fatalf("step %s", step)
		}
		if g.accident(8) {
			g.crash()
			return
		}
	}
	t.Fatal("no end of a pass")
}

// crash loses what only the process knew.
func (g *game) crash() { g.status, g.known = *g.written.DeepCopy(), Known{} }

// world moves everything that is not us.
func (g *game) world() {
	for _, ch := range g.challenges {
		if ch.Status.State == acmev1.Unknown && g.accident(50) {
			ch.Status.State = acmev1.Valid
			g.server = acmev1.Ready
		}
	}
	if g.server == acmev1.Processing && g.accident(50) {
		g.server = acmev1.Valid
	}
}

func TestConverges(t *testing.T) {
	t.Parallel()
	for seed := range uint64(2000) {
		g := &game{Rand: rand.New(rand.NewPCG(seed, 1)), now: noon}
		done := func() bool {
			return g.written.State == acmev1.Valid && len(g.written.Certificate) > 0 && len(g.challenges) == 0
		}
		for n := 0; !done(); n++ {
			if n > 500 {
				t.Fatalf("seed %d: not done: %+v %+v", seed, g.written, g.known)
			}
			g.pass(t)
			g.world()
			if g.written.State.Failed() {
				t.Fatalf("seed %d: failed: %s", seed, g.written.Reason)
			}
		}
		if g.placed != 1 || g.finalized != 1 {
			t.Fatalf("seed %d: placed %d times, finalized %d times", seed, g.placed, g.finalized)
		}
	}
}
