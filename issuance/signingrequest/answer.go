package signingrequest

import (
	"fmt"
	"time"

	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/certwright/certwright/certs"
	"github.com/certwright/certwright/issuance"
	"github.com/certwright/certwright/issuance/request"
)

// Answer writes outcome into status, which has no place for one that is
// pending, and returns the event that goes with it.
func Answer(status *certificatesv1.CertificateSigningRequestStatus, outcome issuance.Outcome, now time.Time) request.Event {
	switch o := outcome.(type) {
	case issuance.Issued:
		status.Certificate = certs.EncodeChain(o.Chain...)
		return request.Event{Type: corev1.EventTypeNormal, Reason: request.EventIssued, Message: request.IssuedMessage}
	case issuance.Pending:
		return request.Event{Type: corev1.EventTypeWarning, Reason: o.Reason, Message: o.Message}
	case issuance.Refused:
		at := metav1.NewTime(now.Truncate(time.Second))
		status.Conditions = append(status.Conditions, certificatesv1.CertificateSigningRequestCondition{
			Type: certificatesv1.CertificateFailed, Status: corev1.ConditionTrue, Reason: o.Reason, Message: o.Message,
			LastUpdateTime: at, LastTransitionTime: at,
		})
		return request.Event{Type: corev1.EventTypeWarning, Reason: o.Reason, Message: o.Message}
	default:
		panic(fmt.Sprintf("signingrequest: no such outcome: %T", outcome))
	}
}
