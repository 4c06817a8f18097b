package serving

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const day = 24 * time.Hour

var noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

func newCA(t testing.TB, made time.Time) *Authority {
	t.Helper()
	ca, err := NewAuthority(made, 365*day)
	if err != nil {
		t.Fatal(err)
	}
	return ca
}

func newLeaf(t testing.TB, ca *Authority, made time.Time) *tls.Certificate {
	t.Helper()
	leaf, err := ca.Leaf(made, 7*day, []string{"svc"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return leaf
}

func TestDecide(t *testing.T) {
	first, second, aged := newCA(t, noon), newCA(t, noon), newCA(t, noon.Add(-250*day))
	leaf := newLeaf(t, first, noon)
	trusts := func(cas ...*Authority) []Entry {
		var b Bundle
		for _, ca := range cas {
			b = b.With(ca.Certificate)
		}
		return []Entry{{Configuration: "M", Bundle: b, Clean: true}, {Configuration: "V", Bundle: b, Clean: true}}
	}
	bundle := func(cas ...*Authority) Bundle { return trusts(cas...)[0].Bundle }
	until := noon.Add(7*day + 2*skew)
	// settled is a replica in a quiet week; each case changes one thing.
	settled := func(change func(*State)) State {
		s := State{Now: noon, CA: first, Leaf: leaf, Issuer: first.Certificate, Entries: trusts(first), Published: noon.Add(-day), LeafDuration: 7 * day, Spread: 30 * time.Second}
		change(&s)
		return s
	}
	tests := map[string]struct {
		state State
		want  Step
	}{
		"in a quiet week there is nothing to do until the leaf is renewed": {
			state: settled(func(*State) {}),
			want:  Wait{Until: twoThirds(leaf.Leaf.NotBefore, leaf.Leaf.NotAfter)},
		},
		"the first replica makes the CA": {
			state: State{Now: noon, Damage: "its Secret does not exist", LeafDuration: 7 * day},
			want:  StoreCA{Reason: "its Secret does not exist", RetiredUntil: until},
		},
		"the others take it": {
			state: settled(func(s *State) { s.Leaf, s.Issuer = nil, nil }),
			want:  IssueLeaf{Reason: "there is none"},
		},
		"the first leaf does not wait for the configurations": {
			state: settled(func(s *State) { s.Leaf, s.Issuer, s.Entries, s.Published = nil, nil, trusts(), time.Time{} }),
			want:  IssueLeaf{Reason: "there is none"},
		},
		"every entry that lacks the CA gets it": {
			state: settled(func(s *State) { s.Entries[1].Bundle = nil }),
			want:  Publish{Bundle: bundle(first), Entries: []Entry{{Configuration: "V", Clean: true}}},
		},
		"so does an entry with something else in it": {
			state: settled(func(s *State) { s.Entries[0].Clean = false }),
			want:  Publish{Bundle: bundle(first), Entries: []Entry{{Configuration: "M", Bundle: bundle(first)}}},
		},
		"the order in a bundle has no meaning": {
			state: settled(func(s *State) {
				s.Retired, s.RetiredUntil, s.Entries = bundle(second), noon.Add(day), trusts(second, first)
			}),
			want: Wait{Until: noon.Add(day)},
		},
		"a CA past two thirds of its life is replaced, and stays trusted": {
			state: settled(func(s *State) { s.CA, s.Issuer, s.Entries = aged, aged.Certificate, trusts(aged) }),
			want:  StoreCA{Reason: "two thirds of its life are over", Retired: bundle(aged), RetiredUntil: until},
		},
		"a lost Secret is a rotation: ours and what is trusted stay trusted": {
			state: settled(func(s *State) { s.CA, s.Damage, s.Entries = nil, "its Secret does not exist", trusts(second) }),
			want:  StoreCA{Reason: "its Secret does not exist", Retired: bundle(first, second), RetiredUntil: until},
		},
		"an expired CA is not kept": {
			state: settled(func(s *State) { s.Now = noon.Add(366 * day) }),
			want:  StoreCA{Reason: "it has expired", RetiredUntil: until.Add(366 * day)},
		},
		"a new CA is published beside the old one first": {
			state: settled(func(s *State) {
				s.CA, s.Retired, s.RetiredUntil, s.Published = second, bundle(first), until, time.Time{}
			}),
			want: Publish{Bundle: bundle(second, first), Entries: trusts(first)},
		},
		"then the API servers get time to notice": {
			state: settled(func(s *State) {
				s.CA, s.Retired, s.RetiredUntil, s.Entries, s.Published = second, bundle(first), until, trusts(second, first), noon.Add(-10*time.Second)
			}),
			want: Wait{Until: noon.Add(20 * time.Second)},
		},
		"then the leaf changes": {
			state: settled(func(s *State) {
				s.CA, s.Retired, s.RetiredUntil, s.Entries, s.Published = second, bundle(first), until, trusts(second, first), noon.Add(-30*time.Second)
			}),
			want: IssueLeaf{Reason: "the CA is a new one"},
		},
		"while a configuration is missing the old leaf stays": {
			state: settled(func(s *State) {
				s.CA, s.Retired, s.RetiredUntil, s.Entries, s.Published, s.Missing = second, bundle(first), until, trusts(second, first)[:1], time.Time{}, []string{"V"}
			}),
			want: Wait{Until: leaf.Leaf.NotAfter},
		},
		"but not past its end": {
			state: settled(func(s *State) {
				s.Now = leaf.Leaf.NotAfter
				s.CA, s.Retired, s.RetiredUntil, s.Entries, s.Published, s.Missing = second, bundle(first), until, trusts(second, first)[:1], time.Time{}, []string{"V"}
			}),
			want: IssueLeaf{Reason: "it has expired"},
		},
		"the old CA is trusted until every leaf under it has ended": {
			state: settled(func(s *State) {
				s.Retired, s.RetiredUntil, s.Entries = bundle(second), noon.Add(time.Second), trusts(first, second)
			}),
			want: Wait{Until: noon.Add(time.Second)},
		},
		"then it is taken out of the bundles": {
			state: settled(func(s *State) { s.Retired, s.RetiredUntil, s.Entries = bundle(second), noon, trusts(first, second) }),
			want:  Publish{Bundle: bundle(first), Entries: trusts(first, second)},
		},
		"and then forgotten": {
			state: settled(func(s *State) { s.Retired, s.RetiredUntil = bundle(second), noon }),
			want:  Remember{RetiredUntil: noon},
		},
		"a CA that the Secret does not know is given an end": {
			state: settled(func(s *State) { s.Entries = trusts(first, second) }),
			want:  Remember{Retired: bundle(second), RetiredUntil: until},
		},
		"our own leaf's CA is never dropped": {
			state: settled(func(s *State) {
				s.CA, s.Retired, s.RetiredUntil, s.Entries, s.Published = second, bundle(first), noon.Add(-time.Hour), trusts(second, first), noon
			}),
			want: Wait{Until: noon.Add(30 * time.Second)},
		},
		"a leaf is renewed even if the CA is due as well: writing may fail": {
			state: settled(func(s *State) {
				s.CA, s.Issuer, s.Entries, s.Leaf = aged, aged.Certificate, trusts(aged), newLeaf(t, aged, noon.Add(-5*day))
			}),
			want: IssueLeaf{Reason: "two thirds of its life are over"},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, Decide(tt.state), cmp.Comparer(func(a, b *x509.Certificate) bool { return a.Equal(b) }), cmp.Comparer(sameBundle)); diff != "" {
				t.Errorf("Decide() (-want +got):\n%s", diff)
			}
		})
	}
}

func sameBundle(a, b Bundle) bool { return a.Equal(b) }

func TestLeafNeverOutlivesItsCA(t *testing.T) {
	ca := newCA(t, noon)
	leaf := newLeaf(t, ca, noon.Add(364*day))
	if !leaf.Leaf.NotAfter.Equal(ca.Certificate.NotAfter) {
		t.Errorf("leaf ends %v, CA %v", leaf.Leaf.NotAfter, ca.Certificate.NotAfter)
	}
}

func TestLeafServesItsNames(t *testing.T) {
	ca := newCA(t, noon)
	leaf, err := ca.Leaf(noon, day, ServiceNames("hook", "certs"), []net.IP{net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(ca.Certificate)
	for _, name := range []string{"hook", "hook.certs", "hook.certs.svc", "127.0.0.1"} {
		if _, err := leaf.Leaf.Verify(x509.VerifyOptions{DNSName: name, Roots: roots, CurrentTime: noon}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := leaf.Leaf.Verify(x509.VerifyOptions{DNSName: "other", Roots: roots, CurrentTime: noon}); err == nil {
		t.Error("the leaf serves another name")
	}
}
