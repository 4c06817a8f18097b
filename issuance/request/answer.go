package request

import (
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/certwright/certwright/certs"
	cmmeta "github.com/certwright/certwright/certs/meta/v1"
	certsv1 "github.com/certwright/certwright/certs/v1"
	"github.com/certwright/certwright/issuance"
)

// Approve adds our approval to status.
func Approve(status *certsv1.CertificateRequestStatus, now time.Time) {
	status.SetCondition(certsv1.CertificateRequestCondition{
		Type: certsv1.CertificateRequestConditionApproved, Status: cmmeta.ConditionTrue,
		Reason: ApprovedReason, Message: approvedMessage,
	}, metav1.NewTime(now.Truncate(time.Second)))
}

// Answer writes outcome into status. It returns the event that goes with it, or
// nil.
func Answer(status *certsv1.CertificateRequestStatus, outcome issuance.Outcome, now time.Time) *Event {
	at := metav1.NewTime(now.Truncate(time.Second))
	switch o := outcome.(type) {
	case issuance.Issued:
		status.Certificate = certs.EncodeChain(o.Chain...)
		status.CA = nil
		if o.CA != nil {
			status.CA = certs.EncodeChain(o.CA)
		}
		status.SetCondition(ready(cmmeta.ConditionTrue, certsv1.CertificateRequestReasonIssued, IssuedMessage), at)
		return &Event{corev1.EventTypeNormal, EventIssued, IssuedMessage}
	case issuance.Pending:
		old := status.Condition(certsv1.CertificateRequestConditionReady)
		already := old != nil && old.Reason == certsv1.CertificateRequestReasonPending
		status.SetCondition(ready(cmmeta.ConditionFalse, certsv1.CertificateRequestReasonPending, o.Message), at)
		if already {
			return nil
		}
		return &Event{corev1.EventTypeNormal, o.Reason, o.Message}
	case issuance.Refused:
		status.SetCondition(ready(cmmeta.ConditionFalse, certsv1.CertificateRequestReasonFailed, o.Message), at)
		if status.FailureTime == nil {
			status.FailureTime = &at
		}
		return &Event{corev1.EventTypeWarning, o.Reason, o.Message}
	default:
		panic(fmt.Sprintf("request: no such outcome: %T", outcome))
	}
}

func ready(status cmmeta.ConditionStatus, reason, message string) certsv1.CertificateRequestCondition {
	return certsv1.CertificateRequestCondition{
		Type: certsv1.CertificateRequestConditionReady, Status: status, Reason: reason, Message: message,
	}
}
