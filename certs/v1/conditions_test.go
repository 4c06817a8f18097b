package v1_test

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	cmmeta "github.com/certwright/certwright/certs/meta/v1"
	certsv1 "github.com/certwright/certwright/certs/v1"
)

func TestConditionsKeepTheTimeOfTheirLastTransition(t *testing.T) {
	t.Parallel()
	noon := metav1.NewTime(time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC))
	later := metav1.NewTime(noon.Add(time.Hour))

	// Each sets Ready to a status and reason, and reads back what is there.
	var certificate certsv1.CertificateStatus
	var request certsv1.CertificateRequestStatus
	var issuer certsv1.IssuerStatus
	kinds := map[string]func(status cmmeta.ConditionStatus, reason string, now metav1.Time) (*metav1.Time, string, int){
		"Certificate": func(s cmmeta.ConditionStatus, r string, now metav1.Time) (*metav1.Time, string, int) {
			certificate.SetCondition(certsv1.CertificateCondition{Type: certsv1.CertificateConditionReady, Status: s, Reason: r}, now)
			c := certificate.Condition(certsv1.CertificateConditionReady)
			return c.LastTransitionTime, c.Reason, len(certificate.Conditions)
		},
		"CertificateRequest": func(s cmmeta.ConditionStatus, r string, now metav1.Time) (*metav1.Time, string, int) {
			request.SetCondition(certsv1.CertificateRequestCondition{Type: certsv1.CertificateRequestConditionReady, Status: s, Reason: r}, now)
			c := request.Condition(certsv1.CertificateRequestConditionReady)
			return c.LastTransitionTime, c.Reason, len(request.Conditions)
		},
		"Issuer": func(s cmmeta.ConditionStatus, r string, now metav1.Time) (*metav1.Time, string, int) {
			issuer.SetCondition(certsv1.IssuerCondition{Type: certsv1.IssuerConditionReady, Status: s, Reason: r}, now)
			c := issuer.Condition(certsv1.IssuerConditionReady)
			return c.LastTransitionTime, c.Reason, len(issuer.Conditions)
		},
	}
	for kind, set := range kinds {
		for _, step := range []struct {
			name   string
			status cmmeta.ConditionStatus
			reason string
			now    metav1.Time
			want   metav1.Time
		}{
			{"new", cmmeta.ConditionFalse, "A", noon, noon},
			{"another reason", cmmeta.ConditionFalse, "B", later, noon},
			{"another status", cmmeta.ConditionTrue, "C", later, later},
		} {
			at, reason, n := set(step.status, step.reason, step.now)
			if !at.Equal(&step.want) || reason != step.reason || n != 1 {
				t.Errorf("%s, %s: transition at %v, reason %s, %d conditions; want %v, %s, 1", kind, step.name, at, reason, n, step.want, step.reason)
			}
		}
	}
	certificate.RemoveCondition(certsv1.CertificateConditionReady)
	if certificate.Condition(certsv1.CertificateConditionReady) != nil {
		t.Error("a removed condition is still there")
	}
}
