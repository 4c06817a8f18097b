package certificate

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	jks "github.com/pavlo-v-chernykh/keystore-go/v4"

	"github.com/certwright/certwright/certs/keystore"
)

// TestConverges plays random moves through Decide, in a town that lives in
// memory: what users, approvers, issuers, rivals and other programs do, clocks
// that move, writes that are lost, kills. Whatever happens, once it is left in
// peace it ends with one valid Secret and no leftovers, stays so, and is
// renewed in time; there is never more than one request open, and there are no
// more signatures than there were reasons for. A failure is printed as the
// fewest moves that lead to it.
func TestConverges(t *testing.T) {
	t.Parallel()
	const runs = 2000
	stock := newStock()
	played := map[string]int{}
	for seed := range uint64(runs) {
		moves := anyMoves(rand.New(rand.NewPCG(seed, 1)))
		for _, m := range moves {
			played[kinds[m.kind].name]++
		}
		if stock.play(moves).problem == nil {
			continue
		}
		moves = shrink(moves, func(fewer []move) bool { return stock.play(fewer).problem != nil })
		town := stock.play(moves)
		t.Fatalf("seed %d: %v\nafter %d moves:\n%s", seed, town.problem, len(moves), strings.Join(town.history[:min(40, len(town.history))], "\n"))
	}
	for _, k := range kinds {
		if played[k.name] < runs/20 {
			t.Errorf("only %d times in %d runs: %s", played[k.name], runs, k.name)
		}
	}
}

// A move is something that happens to the town.
type move struct {
	kind, arg int
	// quick leaves no time to look until the next one.
	quick bool
}

func anyMoves(r *rand.Rand) []move {
	moves := make([]move, 1+r.IntN(30))
	for i := range moves {
		moves[i] = move{kind: r.IntN(len(kinds)), arg: r.IntN(1000), quick: r.IntN(4) == 0}
	}
	return moves
}

// shrink drops moves as long as what is left fails.
func shrink(moves []move, fails func([]move) bool) []move {
	for n := len(moves); n > 0; n /= 2 {
		for i := 0; i+n <= len(moves); {
			if fewer := slices.Concat(moves[:i], moves[i+n:]); fails(fewer) {
				moves = fewer
			} else {
				i += n
			}
		}
	}
	return moves
}

// play lets moves happen to a new town, then leaves it in peace.
func (s *stock) play(moves []move) (w *town) {
	w = newTown(s)
	defer func() {
		if r := recover(); r != nil {
			w.problem = fmt.Errorf("panic: %v", r)
		}
	}()
	for _, m := range moves {
		kinds[m.kind].happens(w, m.arg)
		w.now = w.now.Add(time.Second)
		if !m.quick {
			w.pass()
		}
	}
	w.peace()
	if w.settles(); w.problem == nil {
		w.isRenewed()
	}
	return w
}

// fail notes the first problem.
func (w *town) fail(format string, args ...any) {
	if w.problem == nil {
		w.problem = fmt.Errorf(format, args...)
	}
	w.log(format, args...)
}

// longestWait is how long something may be put off.
var longestWait = testPolicy.MaxBackoff + time.Hour

// settles waits until nothing happens any more, which takes no more looks than
// there are events and times to wake up, and judges.
func (w *town) settles() {
	for range 60 {
		w.now = w.now.Add(time.Second)
		before := w.version
		w.answerAll()
		w.pass()
		if w.version != before {
			continue
		}
		err := w.judge()
		if err == nil {
			return
		}
		if w.wake.IsZero() || w.wake.Sub(w.now) > longestWait {
			w.fail("stuck: %v", err)
			return
		}
		if w.wake.After(w.now) {
			w.log("time passes")
			w.now = w.wake
		}
	}
	w.fail("does not settle")
}

// isRenewed checks that a settled town wakes up by itself for a renewal.
func (w *town) isRenewed() {
	before := w.crt.Status.Revision
	w.log("the time to wake up has come")
	if w.now = w.wake; w.now.IsZero() || w.now.After(w.crt.Status.NotAfter.Time) {
		w.fail("wakes up at %s", w.wake)
		return
	}
	w.reasons++
	w.settles()
	if after := w.crt.Status.Revision; after == nil || (before != nil && *after != *before+1) {
		w.fail("was not renewed")
	}
}

// judge looks at how it ended.
func (w *town) judge() error {
	s := w.observe()
	if f, bad := s.unready(); bad {
		return fmt.Errorf("the Secret is not right: %s", f.Message)
	}
	if !slices.Equal(s.Secret.Names.DNSNames, w.crt.Spec.DNSNames) {
		return fmt.Errorf("the Secret is for %v", s.Secret.Names.DNSNames)
	}
	if len(s.wishes()) > 0 {
		if err := jks.New().Load(bytes.NewReader(w.secret.Data[keystore.JKSKey]), []byte(w.password)); err != nil {
			return fmt.Errorf("the keystore: %w", err)
		}
	}
	if s.issuing() {
		return errors.New("Issuing is still True")
	}
	if len(w.keys) > 0 {
		return fmt.Errorf("%d keys are left", len(w.keys))
	}
	for _, r := range s.Requests {
		// What has failed stays until the next attempt: it says why.
		if n, _ := r.revision(); n != s.next()-1 && (n != s.next() || isIssued(r)) {
			return fmt.Errorf("request %s is left, the next revision is %d", r.Object.Name, s.next())
		}
	}
	if w.signed > w.reasons {
		return fmt.Errorf("%d signatures for %d reasons", w.signed, w.reasons)
	}
	return nil
}
