package validate_test

import (
	"testing"

	acmev1 "github.com/certwright/certwright/certs/acme/v1"
	"github.com/certwright/certwright/certs/validate"
	"github.com/certwright/certwright/test/examples"
)

func TestOrderUpdate(t *testing.T) {
	for _, e := range examples.OrderUpdates() {
		t.Run(e.Name, func(t *testing.T) {
			t.Parallel()
			changed := examples.Order()
			e.Change(changed)
			expect(t, validate.OrderUpdate(examples.Order(), changed), e.Errors...)
		})
	}
	t.Run("all can be set once", func(t *testing.T) {
		t.Parallel()
		expect(t, validate.OrderUpdate(&acmev1.Order{}, examples.Order()))
		bare := examples.Order()
		bare.Status.Authorizations = []acmev1.ACMEAuthorization{{URL: "u"}}
		expect(t, validate.OrderUpdate(bare, examples.Order()))
	})
}

func TestChallengeUpdate(t *testing.T) {
	for _, e := range examples.ChallengeUpdates() {
		t.Run(e.Name, func(t *testing.T) {
			t.Parallel()
			changed := examples.Challenge()
			e.Change(changed)
			expect(t, validate.ChallengeUpdate(examples.Challenge(), changed), e.Errors...)
		})
	}
}
