package certificate

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	certsv1 "github.com/certwright/certwright/certs/v1"
)

func TestCollector(t *testing.T) {
	scheme := runtime.NewScheme()
	if err := certsv1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	at := metav1.NewTime(time.Unix(1_900_000_000, 0))
	issued := crt(func(c *certsv1.Certificate) {
		c.Status.NotAfter, c.Status.NotBefore, c.Status.RenewalTime = &at, &at, &at
		c.Status.SetCondition(certsv1.CertificateCondition{Type: "Ready", Status: "True"}, at)
		c.Spec.IssuerRef.Kind = "ClusterIssuer"
	})
	fresh := crt(func(c *certsv1.Certificate) { c.Name = "new" })
	failed := crt(func(c *certsv1.Certificate) {
		c.Name = "old"
		n, renewal, end := 2, metav1.NewTime(at.Add(-26*time.Minute)), metav1.NewTime(at.Add(74*time.Minute))
		c.Status.LastFailureTime, c.Status.FailedIssuanceAttempts = &at, &n
		c.Status.RenewalTime, c.Status.NotAfter = &renewal, &end
	})
	unready := func(name, reason string, revision *int) *certsv1.Certificate {
		return crt(func(c *certsv1.Certificate) {
			c.Name, c.Status.Revision = name, revision
			c.Status.SetCondition(certsv1.CertificateCondition{Type: "Ready", Status: "False", Reason: reason}, at)
		})
	}
	lost, expired, temporary := unready("lost", ReasonDoesNotExist, new(int)), unready("expired", ReasonExpired, nil), unready("temporary", ReasonIncorrectIssuer, nil)
	c := NewCollector(fake.NewClientBuilder().WithScheme(scheme).WithObjects(issued, fresh, failed, lost, expired, temporary).Build(),
		Config{Clock: clocktesting.NewFakePassiveClock(at.Time)})
	const want = `
# HELP certmanager_certificate_ready_status Whether the Certificate's Ready condition has this value.
# TYPE certmanager_certificate_ready_status gauge
certmanager_certificate_ready_status{condition="False",issuer_group="",issuer_kind="",issuer_name="ca",name="expired",namespace="team"} 1
certmanager_certificate_ready_status{condition="False",issuer_group="",issuer_kind="",issuer_name="ca",name="lost",namespace="team"} 1
certmanager_certificate_ready_status{condition="False",issuer_group="",issuer_kind="",issuer_name="ca",name="new",namespace="team"} 0
certmanager_certificate_ready_status{condition="False",issuer_group="",issuer_kind="",issuer_name="ca",name="old",namespace="team"} 0
certmanager_certificate_ready_status{condition="False",issuer_group="",issuer_kind="",issuer_name="ca",name="temporary",namespace="team"} 1
certmanager_certificate_ready_status{condition="False",issuer_group="",issuer_kind="ClusterIssuer",issuer_name="ca",name="web",namespace="team"} 0
certmanager_certificate_ready_status{condition="True",issuer_group="",issuer_kind="",issuer_name="ca",name="expired",namespace="team"} 0
certmanager_certificate_ready_status{condition="True",issuer_group="",issuer_kind="",issuer_name="ca",name="lost",namespace="team"} 0
certmanager_certificate_ready_status{condition="True",issuer_group="",issuer_kind="",issuer_name="ca",name="new",namespace="team"} 0
certmanager_certificate_ready_status{condition="True",issuer_group="",issuer_kind="",issuer_name="ca",name="old",namespace="team"} 0
certmanager_certificate_ready_status{condition="True",issuer_group="",issuer_kind="",issuer_name="ca",name="temporary",namespace="team"} 0
certmanager_certificate_ready_status{condition="True",issuer_group="",issuer_kind="ClusterIssuer",issuer_name="ca",name="web",namespace="team"} 1
certmanager_certificate_ready_status{condition="Unknown",issuer_group="",issuer_kind="",issuer_name="ca",name="expired",namespace="team"} 0
certmanager_certificate_ready_status{condition="Unknown",issuer_group="",issuer_kind="",issuer_name="ca",name="lost",namespace="team"} 0
certmanager_certificate_ready_status{condition="Unknown",issuer_group="",issuer_kind="",issuer_name="ca",name="new",namespace="team"} 1
certmanager_certificate_ready_status{condition="Unknown",issuer_group="",issuer_kind="",issuer_name="ca",name="old",namespace="team"} 1
certmanager_certificate_ready_status{condition="Unknown",issuer_group="",issuer_kind="",issuer_name="ca",name="temporary",namespace="team"} 0
certmanager_certificate_ready_status{condition="Unknown",issuer_group="",issuer_kind="ClusterIssuer",issuer_name="ca",name="web",namespace="team"} 0
# HELP certmanager_certificate_expiration_timestamp_seconds When the certificate expires. Unix time; 0 if there is none.
# TYPE certmanager_certificate_expiration_timestamp_seconds gauge
certmanager_certificate_expiration_timestamp_seconds{issuer_group="",issuer_kind="",issuer_name="ca",name="expired",namespace="team"} 0
certmanager_certificate_expiration_timestamp_seconds{issuer_group="",issuer_kind="",issuer_name="ca",name="lost",namespace="team"} 0
certmanager_certificate_expiration_timestamp_seconds{issuer_group="",issuer_kind="",issuer_name="ca",name="new",namespace="team"} 0
certmanager_certificate_expiration_timestamp_seconds{issuer_group="",issuer_kind="",issuer_name="ca",name="old",namespace="team"} 1.90000444e+09
certmanager_certificate_expiration_timestamp_seconds{issuer_group="",issuer_kind="",issuer_name="ca",name="temporary",namespace="team"} 0
certmanager_certificate_expiration_timestamp_seconds{issuer_group="",issuer_kind="ClusterIssuer",issuer_name="ca",name="web",namespace="team"} 1.9e+09
# HELP certwright_certificate_broken Always 1: the Certificate was issued once and is not ready any more. Absent if it is ready, or was never issued.
# TYPE certwright_certificate_broken gauge
certwright_certificate_broken{issuer_group="",issuer_kind="",issuer_name="ca",name="expired",namespace="team"} 1
certwright_certificate_broken{issuer_group="",issuer_kind="",issuer_name="ca",name="lost",namespace="team"} 1
# HELP certwright_certificate_failed_attempts How many attempts to issue have failed in a row. Absent if the last one succeeded.
# TYPE certwright_certificate_failed_attempts gauge
certwright_certificate_failed_attempts{issuer_group="",issuer_kind="",issuer_name="ca",name="old",namespace="team"} 2
# HELP certwright_certificate_next_attempt_timestamp_seconds When the next attempt after a failed one may be made. Unix time. Absent if the last one succeeded.
# TYPE certwright_certificate_next_attempt_timestamp_seconds gauge
certwright_certificate_next_attempt_timestamp_seconds{issuer_group="",issuer_kind="",issuer_name="ca",name="old",namespace="team"} 1.9000072e+09
# HELP certwright_certificates_renewal_due How many Certificates are past their renewal time.
# TYPE certwright_certificates_renewal_due gauge
certwright_certificates_renewal_due 2
# HELP certwright_certificates_renewal_overdue How many Certificates are past their renewal time by more than a quarter of what is left from there to their expiry.
# TYPE certwright_certificates_renewal_overdue gauge
certwright_certificates_renewal_overdue 1
`
	if err := testutil.CollectAndCompare(c, strings.NewReader(want),
		"certmanager_certificate_ready_status", "certmanager_certificate_expiration_timestamp_seconds",
		"certwright_certificate_broken", "certwright_certificate_failed_attempts", "certwright_certificate_next_attempt_timestamp_seconds",
		"certwright_certificates_renewal_due", "certwright_certificates_renewal_overdue"); err != nil {
		t.Error(err)
	}
	if got := testutil.CollectAndCount(c); got != 6*7+2+2+2 {
		t.Errorf("%d series, want seven for each Certificate, one for each broken one, two for the one that failed and two for all", got)
	}
}
