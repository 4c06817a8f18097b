package acme

import (
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	certsv1 "github.com/certwright/certwright/certs/v1"
	"github.com/certwright/certwright/issuance"
)

// Config is what the ACME Kind works with.
type Config struct {
	// Client reads Orders, by the index that order.Add makes, from the cache,
	// and writes Orders and account Secrets.
	Client client.Client
	// Live reads Orders and Secrets past the cache.
	Live client.Reader
	// Accounts is shared with the controllers of Orders and Challenges.
	Accounts *Accounts
	// Clock defaults to the real one.
	Clock clock.PassiveClock
}

// Kind is the way of signing that spec.acme configures.
func Kind(cfg Config) issuance.Kind {
	if cfg.Clock == nil {
		cfg.Clock = clock.RealClock{}
	}
	return issuance.Kind{
		Name:       "acme",
		Configured: func(spec *certsv1.IssuerSpec) bool { return spec.ACME != nil },
		Secrets:    func(spec *certsv1.IssuerSpec) []string { return secretNames(spec.ACME) },
		Issuer:     &issuer{Config: cfg},
		Checker:    newChecker(cfg),
	}
}
