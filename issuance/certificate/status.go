package certificate

import (
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	cmmeta "github.com/certwright/certwright/certs/meta/v1"
	certsv1 "github.com/certwright/certwright/certs/v1"
)

const (
	readyMessage   = "Certificate is up to date and has not expired"
	successMessage = "The certificate has been successfully issued"
	failurePrefix  = "The certificate request has failed to complete and will be retried: "
)

// observed is the status as far as it follows from the Secret.
func (s State) observed() certsv1.CertificateStatus {
	st := *s.Certificate.Status.DeepCopy()
	st.NotBefore, st.NotAfter, st.RenewalTime = nil, nil, nil
	if plan, ok := s.renewal(); ok {
		st.NotBefore, st.NotAfter = seconds(s.Secret.NotBefore), seconds(s.Secret.NotAfter)
		if !plan.Never {
			st.RenewalTime = seconds(plan.At)
		}
	}
	f, bad := s.unready()
	s.setReady(&st, f, bad)
	return st
}

// pursuing is the status while an issuance is under way because of f.
func (s State) pursuing(f finding) certsv1.CertificateStatus {
	st := s.observed()
	if len(s.Keys) > 0 {
		st.NextPrivateKeySecretName = &s.Keys[0].Name
	} else {
		st.NextPrivateKeySecretName = nil
	}
	if c := st.Condition(certsv1.CertificateConditionIssuing); s.issuing() {
		// Whoever has started it has said why.
		s.setIssuing(&st, cmmeta.ConditionTrue, c.Reason, c.Message)
	} else {
		s.setIssuing(&st, cmmeta.ConditionTrue, f.Reason, f.Message)
	}
	return st
}

// succeed reports that the Secret holds the new certificate.
func (s State) succeed() Decision {
	next := s.next()
	s.Certificate = s.Certificate.DeepCopy()
	st := &s.Certificate.Status
	st.Revision = &next
	st.LastFailureTime, st.FailedIssuanceAttempts, st.NextPrivateKeySecretName = nil, nil, nil
	st.RemoveCondition(certsv1.CertificateConditionIssuing)
	return Decision{
		Step: Wait{}, Reason: "Succeeded", Status: s.observed(),
		Reported: []Event{{corev1.EventTypeNormal, EventIssuing, successMessage}},
	}
}

// fail counts the failed attempt r.
func (s State) fail(f finding, r KnownRequest) Decision {
	st := s.observed()
	failures := 1
	if n := st.FailedIssuanceAttempts; n != nil && *n > 0 {
		failures = *n + 1
	}
	st.FailedIssuanceAttempts = &failures
	st.LastFailureTime = seconds(s.Now)
	if created := r.Object.CreationTimestamp; created.After(s.Now) {
		st.LastFailureTime = &created // by another clock
	}
	st.NextPrivateKeySecretName = nil
	message := failurePrefix + f.Message
	s.setIssuing(&st, cmmeta.ConditionFalse, f.Reason, message)
	return Decision{
		Step: Wait{}, Reason: "Failed", Status: st,
		Reported: []Event{{corev1.EventTypeWarning, f.Reason, message}},
	}
}

// setReady sets the Ready condition, and reports whether it says something else
// than before.
func (s State) setReady(st *certsv1.CertificateStatus, f finding, bad bool) bool {
	c := certsv1.CertificateCondition{
		Type: certsv1.CertificateConditionReady, Status: cmmeta.ConditionTrue, Reason: ReasonReady, Message: readyMessage,
		ObservedGeneration: s.Certificate.Generation,
	}
	if bad {
		c.Status, c.Reason, c.Message = cmmeta.ConditionFalse, f.Reason, f.Message
	}
	old := s.Certificate.Status.Condition(c.Type)
	changed := old == nil || old.Status != c.Status || old.Reason != c.Reason || old.Message != c.Message
	st.SetCondition(c, *seconds(s.Now))
	return changed
}

func (s State) setIssuing(st *certsv1.CertificateStatus, value cmmeta.ConditionStatus, reason, message string) {
	st.SetCondition(certsv1.CertificateCondition{
		Type: certsv1.CertificateConditionIssuing, Status: value, Reason: reason, Message: message,
		ObservedGeneration: s.Certificate.Generation,
	}, *seconds(s.Now))
}

// seconds is t as it comes back from the API server.
func seconds(t time.Time) *metav1.Time {
	out := metav1.NewTime(t.UTC().Truncate(time.Second))
	return &out
}

// notCreated begins the message of the Issuing condition after a request could
// not be created.
const notCreated = "The CertificateRequest could not be created: "

// RefusalOf returns why a request could not be created, if that is what the
// Issuing condition c says.
func RefusalOf(c *certsv1.CertificateCondition) (why string, refused bool) {
	if c == nil || c.Status != cmmeta.ConditionTrue {
		return "", false
	}
	return strings.CutPrefix(c.Message, notCreated)
}

// refusedRequest changes the report st to say that a request could not be
// created.
func (s State) refusedRequest(st *certsv1.CertificateStatus, err error) Event {
	message := notCreated + err.Error()
	reason := EventIssuing
	if c := st.Condition(certsv1.CertificateConditionIssuing); c != nil {
		reason = c.Reason
	}
	s.setIssuing(st, cmmeta.ConditionTrue, reason, message)
	return Event{corev1.EventTypeWarning, EventRequestFailed, message}
}
