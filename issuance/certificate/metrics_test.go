package certificate

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
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
	c := NewCollector(fake.NewClientBuilder().WithScheme(scheme).WithObjects(issued, fresh).Build())
	const want = `
# HELP certmanager_certificate_ready_status Whether the Certificate's Ready condition has this value.
# TYPE certmanager_certificate_ready_status gauge
certmanager_certificate_ready_status{condition="False",issuer_group="",issuer_kind="",issuer_name="ca",name="new",namespace="team"} 0
certmanager_certificate_ready_status{condition="False",issuer_group="",issuer_kind="ClusterIssuer",issuer_name="ca",name="web",namespace="team"} 0
certmanager_certificate_ready_status{condition="True",issuer_group="",issuer_kind="",issuer_name="ca",name="new",namespace="team"} 0
certmanager_certificate_ready_status{condition="True",issuer_group="",issuer_kind="ClusterIssuer",issuer_name="ca",name="web",namespace="team"} 1
certmanager_certificate_ready_status{condition="Unknown",issuer_group="",issuer_kind="",issuer_name="ca",name="new",namespace="team"} 1
certmanager_certificate_ready_status{condition="Unknown",issuer_group="",issuer_kind="ClusterIssuer",issuer_name="ca",name="web",namespace="team"} 0
# HELP certmanager_certificate_expiration_timestamp_seconds When the certificate expires. Unix time; 0 if there is none.
# TYPE certmanager_certificate_expiration_timestamp_seconds gauge
certmanager_certificate_expiration_timestamp_seconds{issuer_group="",issuer_kind="",issuer_name="ca",name="new",namespace="team"} 0
certmanager_certificate_expiration_timestamp_seconds{issuer_group="",issuer_kind="ClusterIssuer",issuer_name="ca",name="web",namespace="team"} 1.9e+09
`
	if err := testutil.CollectAndCompare(c, strings.NewReader(want),
		"certmanager_certificate_ready_status", "certmanager_certificate_expiration_timestamp_seconds"); err != nil {
		t.Error(err)
	}
	if got := testutil.CollectAndCount(c); got != 14 {
		t.Errorf("%d series, want seven for each Certificate", got)
	}
}
