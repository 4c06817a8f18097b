//go:build cluster

package certificate_test

import (
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"

	"github.com/certwright/certwright/certs"
	cmmeta "github.com/certwright/certwright/certs/meta/v1"
	certsv1 "github.com/certwright/certwright/certs/v1"
	"github.com/certwright/certwright/issuance"
)

// A slowIssuer keeps everybody waiting until the test says how it answers. It
// takes the place of Venafi. Like a real one it has an end in the program and
// one at the CA, which remembers its orders whatever happens to the program.
type slowIssuer struct {
	root  *x509.Certificate
	key   crypto.Signer
	clock clock.PassiveClock

	mu     sync.Mutex
	answer func(asked int) (issuance.Outcome, error)
	// orders are the requests that were ordered, and how often each was asked
	// about.
	orders map[types.UID]int
}

// withSlow adds the Issuer "slow" to the kinds of w. It is there once w runs.
func withSlow(i *slowIssuer) func(*world) {
	return func(w *world) {
		i.root, i.key = testCA(w.t)
		i.clock, i.orders = w.clock, map[types.UID]int{}
		if i.answer == nil {
			i.answersInTurn(pends)
		}
		w.kinds = func(kinds []issuance.Kind) []issuance.Kind {
			return append(kinds, issuance.Kind{
				Name: "venafi", Issuer: slowClient{i, w.wire}, Checker: slowClient{},
				Configured: func(spec *certsv1.IssuerSpec) bool { return spec.Venafi != nil },
				Secrets:    func(*certsv1.IssuerSpec) []string { return nil },
			})
		}
	}
}

func (i *slowIssuer) create(w *world) {
	w.t.Helper()
	w.create(&certsv1.Issuer{
		ObjectMeta: metav1.ObjectMeta{Name: "slow"}, Spec: certsv1.IssuerSpec{Venafi: &certsv1.VenafiIssuer{Zone: "z", Cloud: &certsv1.VenafiCloud{}}},
	})
	w.issuerReady("slow")
}

// answers decides about all that is asked from now on; nil signs.
func (i *slowIssuer) answers(o issuance.Outcome) {
	i.answersInTurn(func(int) (issuance.Outcome, error) { return o, nil })
}

// answersInTurn decides about all that is asked from now on, by how often it was
// asked about the same order; nil, nil signs.
func (i *slowIssuer) answersInTurn(answer func(asked int) (issuance.Outcome, error)) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.answer = answer
}

// forget forgets all orders.
func (i *slowIssuer) forget() {
	i.mu.Lock()
	defer i.mu.Unlock()
	clear(i.orders)
}

// ask orders what is not ordered yet, and answers.
func (i *slowIssuer) ask(req issuance.Request) (issuance.Outcome, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.orders[req.Object.UID]++
	if outcome, err := i.answer(i.orders[req.Object.UID]); outcome != nil || err != nil {
		return outcome, err
	}
	template, err := certs.Template(&req.Object.Spec, req.CSR, i.clock.Now())
	if err != nil {
		return nil, err
	}
	leaf, err := certs.Sign(template, i.root, req.CSR.PublicKey, i.key)
	if err != nil {
		return nil, err
	}
	return issuance.Issued{Chain: []*x509.Certificate{leaf}, CA: i.root}, nil
}

// ordered returns the number of orders, and how often they were asked about.
func (i *slowIssuer) ordered() (orders, asked int) {
	i.mu.Lock()
	defer i.mu.Unlock()
	for _, n := range i.orders {
		asked += n
	}
	return len(i.orders), asked
}

// A slowClient is the end of a slowIssuer in the program.
type slowClient struct {
	issuer *slowIssuer
	wire   *wire
}

func (slowClient) Check(context.Context, certsv1.GenericIssuer, string) (issuance.Readiness, error) {
	return issuance.Readiness{Status: cmmeta.ConditionTrue, Reason: "Ready"}, nil
}

func (c slowClient) Sign(_ context.Context, req issuance.Request) (outcome issuance.Outcome, err error) {
	cut := c.wire.carry("ASK the CA", func() { outcome, err = c.issuer.ask(req) })
	return outcome, errors.Join(err, cut)
}

// slowly asks the Issuer "slow".
func slowly(c *certsv1.Certificate) { c.Spec.IssuerRef.Name = "slow" }

var queued = issuance.Pending{Reason: "Queued", Message: "Two people have to sign", After: time.Second}

func pends(int) (issuance.Outcome, error) { return queued, nil }
func signs(int) (issuance.Outcome, error) { return nil, nil }

// after answers n times with wait, then with then.
func after(n int, wait, then func(int) (issuance.Outcome, error)) func(int) (issuance.Outcome, error) {
	return func(asked int) (issuance.Outcome, error) {
		if asked <= n {
			return wait(asked)
		}
		return then(asked)
	}
}

// Whoever implements issuance.Issuer may take as long as it likes: it is asked
// again about the same request, which is ordered once, and only a refusal
// counts as a failure.
func TestAnIssuerMayTakeItsTime(t *testing.T) {
	fails := func(int) (issuance.Outcome, error) { return nil, errors.New("the CA hangs up") }
	refuses := func(int) (issuance.Outcome, error) {
		return issuance.Refused{Reason: "OneSaidNo", Message: "one of them has said no"}, nil
	}
	tests := map[string]struct {
		answer  func(asked int) (issuance.Outcome, error)
		said    string // by the request meanwhile
		restart bool   // and only then it signs
		refused bool
		asked   int
	}{
		"it pends three times, then issues":                        {answer: after(3, pends, signs), said: queued.Message, asked: 4},
		"it pends, then refuses":                                   {answer: after(1, pends, refuses), said: queued.Message, refused: true, asked: 2},
		"it gives no answer, then issues":                          {answer: after(1, fails, signs), said: "the CA hangs up", asked: 2},
		"after a restart it is asked about the same request again": {answer: pends, said: queued.Message, restart: true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			issuer := &slowIssuer{answer: tt.answer}
			w := newWorld(t, withSlow(issuer))
			seen := w.witness()
			w.start()
			issuer.create(w)
			w.create(newCertificate("web", slowly))
			if tt.restart {
				w.until("it is ordered", func() error {
					if !seen.said(tt.said) {
						return errors.New("not yet")
					}
					return nil
				})
				w.start()
				issuer.answersInTurn(signs)
			}
			crt := &certsv1.Certificate{}
			if tt.refused {
				w.until("the refusal is counted", func() error {
					if crt = w.certificate("web"); crt.Status.LastFailureTime == nil {
						return errors.New("not yet")
					}
					return nil
				})
				c := crt.Status.Condition(certsv1.CertificateConditionIssuing)
				if c == nil || c.Status != cmmeta.ConditionFalse || !strings.Contains(c.Message, "one of them has said no") {
					t.Errorf("Issuing is %v", c)
				}
			} else {
				crt, _, _ = w.ready("web", 1)
			}
			if failed := crt.Status.FailedIssuanceAttempts != nil; failed != tt.refused {
				t.Errorf("a failure is counted: %t", failed)
			}
			w.quiet()
			if orders, asked := issuer.ordered(); orders != 1 || (asked != tt.asked && !tt.restart) {
				t.Errorf("%d orders were asked about %d times, want 1, %d times", orders, asked, tt.asked)
			}
			seen.caughtUp()
			if n := len(seen.requests); n != 1 {
				t.Errorf("%d requests were made", n)
			}
			if !seen.said(tt.said) {
				t.Errorf("the request never said %q", tt.said)
			}
		})
	}
}
