package serving

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"time"
)

// maxRetired bounds the CAs that are remembered beside the current one.
const maxRetired = 8

// State is what one pass observes.
type State struct {
	Now time.Time

	// CA is the current one, as the Secret has it. Nil if there is none that
	// can be used; then Damage says why.
	CA     *Authority
	Damage string
	// Retired are CAs under which a leaf may still be served somewhere, and
	// RetiredUntil is when the last such leaf has ended. From the Secret.
	Retired      Bundle
	RetiredUntil time.Time

	// Leaf is what we serve now, and Issuer the CA that signed it. Nil before
	// the first.
	Leaf   *tls.Certificate
	Issuer *x509.Certificate

	// Entries are the entries of both configurations.
	Entries []Entry
	// Missing names the configurations that do not exist.
	Missing []string
	// Published is since when, as far as we have seen, every entry trusts CA.
	// Zero if one does not.
	Published time.Time

	// LeafDuration is how long a leaf lasts.
	LeafDuration time.Duration
	// Spread is how long API servers need to notice a changed caBundle.
	Spread time.Duration
}

// Entry is one webhook of one configuration.
type Entry struct {
	Configuration, Name string
	ResourceVersion     string
	Index               int
	// Bundle is what the API server trusts. Clean is false if the text holds
	// anything else than Bundle.
	Bundle Bundle
	Clean  bool
}

// Step is what to do next: one of StoreCA, Remember, Publish, IssueLeaf or
// Wait.
type Step interface {
	fmt.Stringer
	step()
}

type (
	// StoreCA makes a new CA and writes it, with those that came before, to
	// the Secret.
	StoreCA struct {
		Reason       string
		Retired      Bundle
		RetiredUntil time.Time
	}
	// Remember corrects the list of retired CAs in the Secret.
	Remember struct {
		Retired      Bundle
		RetiredUntil time.Time
	}
	// Publish writes Bundle to the entries.
	Publish struct {
		Bundle  Bundle
		Entries []Entry
	}
	// IssueLeaf replaces what we serve by a new leaf of the current CA.
	IssueLeaf struct{ Reason string }
	// Wait does nothing until then.
	Wait struct{ Until time.Time }
)

func (StoreCA) step()   {}
func (Remember) step()  {}
func (Publish) step()   {}
func (IssueLeaf) step() {}
func (Wait) step()      {}

func (s StoreCA) String() string   { return "store a new CA: " + s.Reason }
func (s Remember) String() string  { return fmt.Sprintf("remember %d retired CAs", len(s.Retired)) }
func (s Publish) String() string   { return fmt.Sprintf("publish %d CAs", len(s.Bundle)) }
func (s IssueLeaf) String() string { return "issue a serving certificate: " + s.Reason }
func (s Wait) String() string      { return "wait" }

// Decide returns the next step. The rules that keep a leaf alive come before
// those that change the CA: if the Secret or the configurations cannot be
// written for a while, we still serve.
func Decide(s State) Step {
	for _, rule := range []func(State) (Step, bool){
		damagedCA, firstLeaf, leafEnds, leafAges, agedCA, stranger, publishing, leafFollowsCA, retirementEnds,
	} {
		if step, ok := rule(s); ok {
			return step
		}
	}
	return Wait{Until: s.nextChange()}
}

// damagedCA: a CA that cannot sign is replaced.
func damagedCA(s State) (Step, bool) {
	switch {
	case s.CA == nil:
		return s.storeCA(s.Damage), true
	case !s.Now.Before(s.CA.Certificate.NotAfter):
		return s.storeCA("it has expired"), true
	}
	return nil, false
}

// firstLeaf: who serves nothing has nothing to lose.
func firstLeaf(s State) (Step, bool) {
	return IssueLeaf{Reason: "there is none"}, s.Leaf == nil
}

// leafEnds: a leaf that nobody can trust any more is worse than one that not
// everybody trusts yet.
func leafEnds(s State) (Step, bool) {
	return IssueLeaf{Reason: "it has expired"}, !s.Now.Before(s.Leaf.Leaf.NotAfter)
}

// leafAges: a leaf is renewed when two thirds of its life are over.
func leafAges(s State) (Step, bool) {
	return IssueLeaf{Reason: "two thirds of its life are over"}, s.followsCA() && !s.Now.Before(s.renewLeafAt())
}

// agedCA: a CA is replaced when two thirds of its life are over.
func agedCA(s State) (Step, bool) {
	return s.storeCA("two thirds of its life are over"), !s.Now.Before(s.renewCAAt())
}

// stranger: a CA that an entry trusts and the Secret does not know was current
// once, and some replica may still serve a leaf of it. It gets an end.
func stranger(s State) (Step, bool) {
	retired := s.retire()
	for _, crt := range retired {
		if !s.Retired.Has(crt) {
			return Remember{Retired: retired, RetiredUntil: s.leavesEnd()}, true
		}
	}
	return nil, false
}

// publishing: every entry trusts the current CA and those whose leaves have
// not ended, and nothing else.
func publishing(s State) (Step, bool) {
	want := s.Trusted()
	var stale []Entry
	for _, entry := range s.Entries {
		if !entry.Clean || !entry.Bundle.Equal(want) {
			stale = append(stale, entry)
		}
	}
	return Publish{Bundle: want, Entries: stale}, len(stale) > 0
}

// leafFollowsCA: the leaf changes to a new CA when every API server has had
// the time to notice it.
func leafFollowsCA(s State) (Step, bool) {
	if s.followsCA() {
		return nil, false
	}
	if s.Published.IsZero() {
		return Wait{Until: s.nextChange()}, true
	}
	if noticed := s.Published.Add(s.Spread); s.Now.Before(noticed) {
		return Wait{Until: noticed}, true
	}
	return IssueLeaf{Reason: "the CA is a new one"}, true
}

// retirementEnds: publishing has taken them out of the bundles already.
func retirementEnds(s State) (Step, bool) {
	over := len(s.Retired) > 0 && len(s.stillRetired()) < len(s.Retired)
	return Remember{Retired: s.stillRetired(), RetiredUntil: s.RetiredUntil}, over
}

// Trusted is what the entries should hold: the current CA first.
func (s *State) Trusted() Bundle {
	return Bundle{}.With(s.CA.Certificate).With(s.stillRetired()...)
}

// stillRetired are the retired CAs under which leaves may still be served. The
// CA of our own leaf is always among them.
func (s *State) stillRetired() Bundle {
	var out Bundle
	for _, crt := range s.Retired.alive(s.Now) {
		if s.Now.Before(s.RetiredUntil) || s.Issuer != nil && bytes.Equal(crt.Raw, s.Issuer.Raw) {
			out = append(out, crt)
		}
	}
	return out
}

// storeCA replaces the CA. All that is trusted now stays trusted for a while.
func (s State) storeCA(reason string) Step {
	replaced := s.CA
	s.CA = nil
	if replaced != nil {
		s.Retired = Bundle{}.With(replaced.Certificate).With(s.Retired...)
	}
	return StoreCA{Reason: reason, Retired: s.retire(), RetiredUntil: s.leavesEnd()}
}

// retire returns all CAs beside the current one under which somebody may serve
// a leaf: the retired ones, our own, and what any entry trusts.
func (s *State) retire() Bundle {
	all := Bundle{}.With(s.Issuer).With(s.Retired...)
	for _, entry := range s.Entries {
		all = all.With(entry.Bundle...)
	}
	var out Bundle
	for _, crt := range all.alive(s.Now) {
		current := s.CA != nil && bytes.Equal(crt.Raw, s.CA.Certificate.Raw)
		if !current && len(out) < maxRetired {
			out = append(out, crt)
		}
	}
	return out
}

// leavesEnd is when every leaf that exists now has ended, by any clock.
func (s *State) leavesEnd() time.Time { return s.Now.Add(s.LeafDuration + 2*skew) }

func (s *State) followsCA() bool {
	return s.Issuer != nil && bytes.Equal(s.Issuer.Raw, s.CA.Certificate.Raw)
}

func (s *State) renewLeafAt() time.Time {
	return twoThirds(s.Leaf.Leaf.NotBefore, s.Leaf.Leaf.NotAfter)
}

func (s *State) renewCAAt() time.Time {
	return twoThirds(s.CA.Certificate.NotBefore, s.CA.Certificate.NotAfter)
}

// nextChange is when time alone changes the decision.
func (s *State) nextChange() time.Time {
	next := earlier(s.renewCAAt(), s.Leaf.Leaf.NotAfter)
	if s.followsCA() {
		next = earlier(next, s.renewLeafAt())
	}
	if len(s.Retired) > 0 && s.Now.Before(s.RetiredUntil) {
		next = earlier(next, s.RetiredUntil)
	}
	return next
}
