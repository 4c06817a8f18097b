package v1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	cmmeta "github.com/certwright/certwright/certs/meta/v1"
)

// Condition returns the condition of type t, or nil.
func (s *CertificateStatus) Condition(t CertificateConditionType) *CertificateCondition {
	for i := range s.Conditions {
		if s.Conditions[i].Type == t {
			return &s.Conditions[i]
		}
	}
	return nil
}

// SetCondition adds c or replaces the condition of its type. The time of the
// last transition is kept unless the status changes, then it is now.
func (s *CertificateStatus) SetCondition(c CertificateCondition, now metav1.Time) {
	old := s.Condition(c.Type)
	c.LastTransitionTime = &now
	if old == nil {
		s.Conditions = append(s.Conditions, c)
		return
	}
	if old.Status == c.Status && old.LastTransitionTime != nil {
		c.LastTransitionTime = old.LastTransitionTime
	}
	*old = c
}

// RemoveCondition takes the condition of type t away.
func (s *CertificateStatus) RemoveCondition(t CertificateConditionType) {
	var kept []CertificateCondition
	for _, c := range s.Conditions {
		if c.Type != t {
			kept = append(kept, c)
		}
	}
	s.Conditions = kept
}

// Condition returns the condition of type t, or nil.
func (s *CertificateRequestStatus) Condition(t CertificateRequestConditionType) *CertificateRequestCondition {
	for i := range s.Conditions {
		if s.Conditions[i].Type == t {
			return &s.Conditions[i]
		}
	}
	return nil
}

// SetCondition adds c or replaces the condition of its type. The time of the
// last transition is kept unless the status changes, then it is now.
func (s *CertificateRequestStatus) SetCondition(c CertificateRequestCondition, now metav1.Time) {
	old := s.Condition(c.Type)
	c.LastTransitionTime = &now
	if old == nil {
		s.Conditions = append(s.Conditions, c)
		return
	}
	if old.Status == c.Status && old.LastTransitionTime != nil {
		c.LastTransitionTime = old.LastTransitionTime
	}
	*old = c
}

// True reports whether the condition of type t is there and True.
func (s *CertificateRequestStatus) True(t CertificateRequestConditionType) bool {
	c := s.Condition(t)
	return c != nil && c.Status == cmmeta.ConditionTrue
}

// Condition returns the condition of type t, or nil.
func (s *IssuerStatus) Condition(t IssuerConditionType) *IssuerCondition {
	for i := range s.Conditions {
		if s.Conditions[i].Type == t {
			return &s.Conditions[i]
		}
	}
	return nil
}

// SetCondition adds c or replaces the condition of its type. The time of the
// last transition is kept unless the status changes, then it is now.
func (s *IssuerStatus) SetCondition(c IssuerCondition, now metav1.Time) {
	old := s.Condition(c.Type)
	c.LastTransitionTime = &now
	if old == nil {
		s.Conditions = append(s.Conditions, c)
		return
	}
	if old.Status == c.Status && old.LastTransitionTime != nil {
		c.LastTransitionTime = old.LastTransitionTime
	}
	*old = c
}
