package signingrequest

import (
	"crypto/x509"
	"testing"

	certificatesv1 "k8s.io/api/certificates/v1"

	"github.com/certwright/certwright/certs"
	"github.com/certwright/certwright/issuance"
)

func TestAnswer(t *testing.T) {
	approved := csr(ofCluster, certificatesv1.CertificateApproved).Status
	t.Run("a chain is written leaf first, and nothing else", func(t *testing.T) {
		status := *approved.DeepCopy()
		leaf, middle := &x509.Certificate{Raw: []byte("leaf")}, &x509.Certificate{Raw: []byte("middle")}
		event := Answer(&status, issuance.Issued{Chain: []*x509.Certificate{leaf, middle}, CA: &x509.Certificate{Raw: []byte("root")}}, noon)
		if string(status.Certificate) != string(certs.EncodeChain(leaf, middle)) || len(status.Conditions) != 1 {
			t.Errorf("status %+v", status)
		}
		if event.Type != "Normal" || event.Reason != "CertificateIssued" {
			t.Errorf("event %+v", event)
		}
	})
	t.Run("a refusal is Failed for the issuer's reason, beside the approval", func(t *testing.T) {
		status := *approved.DeepCopy()
		event := Answer(&status, issuance.Refused{Reason: "SigningError", Message: "no"}, noon)
		if len(status.Conditions) != 2 || status.Conditions[0].Type != certificatesv1.CertificateApproved {
			t.Fatalf("status %+v", status)
		}
		c := status.Conditions[1]
		if c.Type != certificatesv1.CertificateFailed || c.Status != "True" || c.Reason != "SigningError" || c.Message != "no" || c.LastTransitionTime.Unix() != noon.Unix() {
			t.Errorf("condition %+v", c)
		}
		if event.Type != "Warning" || event.Reason != "SigningError" || event.Message != "no" {
			t.Errorf("event %+v", event)
		}
	})
	t.Run("no answer yet leaves no trace but an event", func(t *testing.T) {
		status := *approved.DeepCopy()
		event := Answer(&status, issuance.Pending{Reason: "SecretMissing", Message: "gone"}, noon)
		if len(status.Conditions) != 1 || status.Certificate != nil {
			t.Errorf("status %+v", status)
		}
		if event.Type != "Warning" || event.Reason != "SecretMissing" {
			t.Errorf("event %+v", event)
		}
	})
}
