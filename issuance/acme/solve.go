package acme

import (
	"fmt"
	"slices"
	"strings"

	acmev1 "github.com/certwright/certwright/certs/acme/v1"
	"github.com/certwright/certwright/certs/solver"
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

// A Choice is how control over a name is proven.
type Choice struct {
	// Solver is a copy of the issuer's, with overrides applied.
	Solver acmev1.ACMEChallengeSolver
	// Challenge is the one to be met, Type its type in our words.
	Challenge acmev1.ACMEChallenge
	Type      acmev1.ACMEChallengeType
}

// Solve chooses the most specific of solvers for w, see solver.Choose.
func Solve(w Wish, solvers []acmev1.ACMEChallengeSolver) (Choice, error) {
	subject := solver.Subject{Name: w.Name, Wildcard: w.Wildcard, Labels: w.Labels}
	best := solver.Choose(subject, solvers, func(s *acmev1.ACMEChallengeSolver) bool {
		_, _, offered := offer(s, w.Offered)
		return offered
	})
	if best < 0 {
		return Choice{}, fmt.Errorf("no configured challenge solvers can be used for the domain %q (the server offers %s)",
			subject.Domain(), strings.Join(offeredTypes(w.Offered), ", "))
	}
	chosen := solvers[best].DeepCopy()
	if err := override(chosen, w); err != nil {
		return Choice{}, err
	}
	challenge, kind, _ := offer(chosen, w.Offered)
	return Choice{Solver: *chosen, Challenge: challenge, Type: kind}, nil
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
