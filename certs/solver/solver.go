// Package solver says which solver of an ACME issuer proves control over a
// name. Issuance chooses by it, and admission warns by it: what is said at
// kubectl apply is what will happen.
package solver

import (
	"slices"
	"strings"

	acmev1 "github.com/certwright/certwright/certs/acme/v1"
)

// A Subject is a name to be proven, on behalf of an object with labels.
type Subject struct {
	// Name is the identifier, Wildcard says that all below it is meant.
	Name     string
	Wildcard bool
	// Labels are those of the Order, which has the Certificate's.
	Labels map[string]string
}

// Domain is what a selector's dnsNames are compared with.
func (s Subject) Domain() string {
	if s.Wildcard {
		return "*." + s.Name
	}
	return s.Name
}

// Choose returns the index of the most specific solver that matches s, among
// those that can is true for, or -1: one that names the name beats a longer
// zone, which beats more labels, which beats being earlier.
func Choose(s Subject, solvers []acmev1.ACMEChallengeSolver, can func(*acmev1.ACMEChallengeSolver) bool) int {
	best := -1
	var bestScore score
	for i := range solvers {
		if !can(&solvers[i]) {
			continue
		}
		found, ok := match(solvers[i].Selector, s)
		if ok && (best < 0 || bestScore.less(found)) {
			best, bestScore = i, found
		}
	}
	return best
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

// match scores selector; all of its parts must match.
func match(selector *acmev1.CertificateDNSNameSelector, subject Subject) (score, bool) {
	var s score
	if selector == nil {
		return s, true
	}
	for k, v := range selector.MatchLabels {
		if got, ok := subject.Labels[k]; !ok || got != v {
			return score{}, false
		}
		s.pairs++
	}
	if len(selector.DNSNames) > 0 {
		if !slices.Contains(selector.DNSNames, subject.Domain()) {
			return score{}, false
		}
		s.named = true
	}
	if len(selector.DNSZones) > 0 {
		for _, zone := range selector.DNSZones {
			if below(subject.Name, zone) {
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
