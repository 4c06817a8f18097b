package request

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	cmmeta "github.com/certwright/certwright/certs/meta/v1"
	certsv1 "github.com/certwright/certwright/certs/v1"
	"github.com/certwright/certwright/issuance"
	"github.com/certwright/certwright/issuance/metrics"
)

// TestCollector: of two who wait for one issuer the older counts, and who has an
// answer does not.
func TestCollector(t *testing.T) {
	t.Parallel()
	scheme := runtime.NewScheme()
	if err := certsv1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	now := time.Unix(1_900_000_000, 0)
	req := func(name, kind string, age time.Duration, conditions ...certsv1.CertificateRequestCondition) *certsv1.CertificateRequest {
		return &certsv1.CertificateRequest{
			ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: name, CreationTimestamp: metav1.NewTime(now.Add(-age))},
			Spec:       certsv1.CertificateRequestSpec{IssuerRef: cmmeta.IssuerReference{Name: "ca", Kind: kind}},
			Status:     certsv1.CertificateRequestStatus{Conditions: conditions},
		}
	}
	refused := certsv1.CertificateRequestCondition{Type: certsv1.CertificateRequestConditionReady, Status: cmmeta.ConditionFalse, Reason: certsv1.CertificateRequestReasonFailed}
	c := NewCollector(fake.NewClientBuilder().WithScheme(scheme).WithObjects(
		req("young", "", time.Minute), req("old", "Issuer", time.Hour), req("refused", "", 2*time.Hour, refused), req("other", "ClusterIssuer", time.Second),
	).Build(), clocktesting.NewFakePassiveClock(now))
	const want = `
# HELP certwright_certificaterequest_oldest_unanswered_seconds The age of the oldest CertificateRequest that the issuer has neither signed nor refused.
# TYPE certwright_certificaterequest_oldest_unanswered_seconds gauge
certwright_certificaterequest_oldest_unanswered_seconds{issuer_group="cert-manager.io",issuer_kind="ClusterIssuer",issuer_name="ca",namespace="team"} 1
certwright_certificaterequest_oldest_unanswered_seconds{issuer_group="cert-manager.io",issuer_kind="Issuer",issuer_name="ca",namespace="team"} 3600
`
	if err := testutil.CollectAndCompare(c, strings.NewReader(want)); err != nil {
		t.Error(err)
	}
}

// TestCount: final answers count, until their issuer is gone.
func TestCount(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewPedanticRegistry()
	counters, err := metrics.New(registry)
	if err != nil {
		t.Fatal(err)
	}
	kind := issuance.Kind{Name: "ca"}
	issuer := &certsv1.Issuer{ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: "ca"}}
	cluster := &certsv1.ClusterIssuer{ObjectMeta: metav1.ObjectMeta{Name: "ca"}}
	Count(counters, kind, issuer, issuance.Issued{}, time.Second)
	Count(counters, kind, issuer, issuance.Pending{}, time.Second)
	Count(counters, kind, issuer, issuance.Refused{Reason: "SigningError"}, time.Second)
	Count(counters, kind, cluster, issuance.Issued{}, time.Second)
	const head = `
# HELP certwright_certificaterequests_failed_total The number of CertificateRequests that an issuer has refused for good, by reason; namespace is empty for a ClusterIssuer.
# TYPE certwright_certificaterequests_failed_total counter
certwright_certificaterequests_failed_total{issuer_kind="Issuer",issuer_name="ca",namespace="team",reason="SigningError"} 1
# HELP certwright_certificaterequests_issued_total The number of CertificateRequests that an issuer has signed; namespace is empty for a ClusterIssuer.
# TYPE certwright_certificaterequests_issued_total counter
certwright_certificaterequests_issued_total{issuer_kind="ClusterIssuer",issuer_name="ca",namespace=""} 1
certwright_certificaterequests_issued_total{issuer_kind="Issuer",issuer_name="ca",namespace="team"} 1
`
	names := []string{"certwright_certificaterequests_failed_total", "certwright_certificaterequests_issued_total"}
	if err := testutil.GatherAndCompare(registry, strings.NewReader(head), names...); err != nil {
		t.Error(err)
	}
	counters.Forget("Issuer", "team", "ca")
	if n, err := testutil.GatherAndCount(registry, names...); err != nil || n != 1 {
		t.Errorf("%d series are left, %v", n, err)
	}
}
