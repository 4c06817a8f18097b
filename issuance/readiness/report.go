package readiness

import (
	"math/rand/v2"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	cmmeta "github.com/certwright/certwright/certs/meta/v1"
	certsv1 "github.com/certwright/certwright/certs/v1"
	"github.com/certwright/certwright/issuance"
)

// EventInit is the reason of the event that goes with every problem.
const EventInit = "ErrInitIssuer"

const initPrefix = "Error initializing issuer: "

// An Event tells the user what happened.
type Event struct {
	Type, Reason, Message string
}

// Report turns what was found about an issuer of the given generation into its
// status.
func Report(old certsv1.IssuerStatus, generation int64, found issuance.Readiness, now time.Time) certsv1.IssuerStatus {
	st := *old.DeepCopy()
	if found.ACME != nil {
		st.ACME = found.ACME.DeepCopy()
	}
	st.SetCondition(certsv1.IssuerCondition{
		Type: certsv1.IssuerConditionReady, Status: found.Status, Reason: found.Reason, Message: found.Message,
		ObservedGeneration: generation,
	}, metav1.NewTime(now.UTC().Truncate(time.Second)))
	return st
}

// EventsOf returns the events that go with a change to what was found. That an
// issuer is ready is told only when it was not before.
func EventsOf(old certsv1.IssuerStatus, found issuance.Readiness) []Event {
	before := old.Condition(certsv1.IssuerConditionReady)
	if found.Status == cmmeta.ConditionTrue {
		if found.Event == "" || (before != nil && before.Status == cmmeta.ConditionTrue) {
			return nil
		}
		return []Event{{corev1.EventTypeNormal, found.Event, found.Message}}
	}
	var out []Event
	if found.Event != "" {
		out = append(out, Event{corev1.EventTypeWarning, found.Event, found.Message})
	}
	return append(out, Event{corev1.EventTypeWarning, EventInit, initPrefix + found.Message})
}

const (
	firstRetry = 5 * time.Second
	lastRetry  = 5 * time.Minute
)

// Backoff is how long to wait after the given number of failures in a row,
// without jitter.
func Backoff(failures int) time.Duration {
	delay := firstRetry
	for range failures - 1 {
		if delay *= 2; delay >= lastRetry {
			return lastRetry
		}
	}
	return delay
}

// jitter spreads d by up to a tenth in both directions, so that issuers that
// failed together do not come back together.
func jitter(d time.Duration) time.Duration {
	return d + time.Duration((rand.Float64()-.5)/5*float64(d))
}
