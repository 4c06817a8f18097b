package acme

import (
	"fmt"
	"slices"
	"strings"

	acmev1 "github.com/certwright/certwright/certs/acme/v1"
)

// The types of challenges in the server's words.
const (
	typeHTTP01 = "http-01"
	typeDNS01  = "dns-01"
)

// A Wish is one name whose control has to be proven.
type Wish struct {
	// Name is the identifier, Wildcard says that all below it is meant.
	Name     string
	Wildcard bool
	// Offered are the challenges that the server offers.
	Offered []acmev1.ACMEChallenge
	// Namespace, Labels and Annotations are those of the Order.
	Namespace           string
	Labels, Annotations map[string]string
}

// domain is what selectors are compared with.
func (w Wish) domain() string {
	if w.Wildcard {
		return "*." + w.Name
	}
	return w.Name
}

// A Choice is how control over a name is proven.
type Choice struct {
	// Solver is a copy of the issuer's, with overrides applied.
	Solver acmev1.ACMEChallengeSolver
	// Challenge is the one to be met, Type its type in our words.
	Challenge acmev1.ACMEChallenge
	Type      acmev1.ACMEChallengeType
}

// Solve chooses the most specific of solvers for w: one that names the name
// beats a longer zone, which beats more labels, which beats being earlier.
func Solve(w Wish, solvers []acmev1.ACMEChallengeSolver) (Choice, error) {
	best, found := -1, false
	var bestScore score
	for i := range solvers {
		if _, _, offered := offer(&solvers[i], w.Offered); !offered {
			continue
		}
		s, ok := match(solvers[i].Selector, w)
		if ok && (!found || bestScore.less(s)) {
			best, bestScore, found = i, s, true
		}
	}
	if !found {
		return Choice{}, fmt.Errorf("no configured challenge solvers can be used for the domain %q (the server offers %s)",
			w.domain(), strings.Join(offeredTypes(w.Offered), ", "))
	}
	solver := solvers[best].DeepCopy()
	if err := override(solver, w); err != nil {
		return Choice{}, err
	}
	challenge, kind, _ := offer(solver, w.Offered)
	return Choice{Solver: *solver, Challenge: challenge, Type: kind}, nil
}

func offeredTypes(offered []acmev1.ACMEChallenge) []string {
	if len(offered) == 0 {
		return []string{"nothing"}
	}
	var out []string
	for _, o := range offered {
		out = append(out, o.Type)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// offer finds the challenge that solver can meet.
func offer(solver *acmev1.ACMEChallengeSolver, offered []acmev1.ACMEChallenge) (acmev1.ACMEChallenge, acmev1.ACMEChallengeType, bool) {
	for _, o := range offered {
		switch {
		case o.Type == typeHTTP01 && solver.HTTP01 != nil:
			return o, acmev1.ACMEChallengeTypeHTTP01, true
		case o.Type == typeDNS01 && solver.DNS01 != nil:
			return o, acmev1.ACMEChallengeTypeDNS01, true
		}
	}
	return acmev1.ACMEChallenge{}, "", false
}

// A score says how specific a match is.
type score struct {
	named bool
	zone  int // labels of the longest matching zone
	pairs int // labels of the Order
}

// less reports whether other is strictly more specific.
func (s score) less(other score) bool {
	switch {
	case s.named != other.named:
		return other.named
	case s.zone != other.zone:
		return s.zone < other.zone
	default:
		return s.pairs < other.pairs
	}
}

// match scores sel; all of its parts must match.
func match(sel *acmev1.CertificateDNSNameSelector, w Wish) (score, bool) {
	var s score
	if sel == nil {
		return s, true
	}
	for k, v := range sel.MatchLabels {
		if got, ok := w.Labels[k]; !ok || got != v {
			return score{}, false
		}
		s.pairs++
	}
	if len(sel.DNSNames) > 0 {
		if !slices.Contains(sel.DNSNames, w.domain()) {
			return score{}, false
		}
		s.named = true
	}
	if len(sel.DNSZones) > 0 {
		for _, zone := range sel.DNSZones {
			if below(w.Name, zone) {
				s.zone = max(s.zone, len(labels(zone)))
			}
		}
		if s.zone == 0 {
			return score{}, false
		}
	}
	return s, true
}

func labels(name string) []string {
	return strings.Split(strings.ToLower(strings.Trim(name, ".")), ".")
}

// below reports whether name is zone or below it.
func below(name, zone string) bool {
	n, z := labels(name), labels(zone)
	return len(n) >= len(z) && slices.Equal(n[len(n)-len(z):], z)
}
