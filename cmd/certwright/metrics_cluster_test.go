//go:build cluster

package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"

	cmmeta "github.com/certwright/certwright/certs/meta/v1"
	certsv1 "github.com/certwright/certwright/certs/v1"
)

// TestMetrics: what dashboards made for cert-manager ask for is there, and what
// is ours is named as Prometheus likes it.
func TestMetrics(t *testing.T) {
	ns := newNamespace(t)
	create(t, newCertificate(ns, "web"), newCertificate(ns, "waits", func(c *certsv1.CertificateSpec) { c.IssuerRef = cmmeta.IssuerReference{Name: "absent"} }))
	ready(t, ns, "web", 1)
	create(t, &certsv1.ClusterIssuer{ObjectMeta: metav1.ObjectMeta{Name: ns}, Spec: certsv1.IssuerSpec{SelfSigned: &certsv1.SelfSignedIssuer{}}})
	want := []string{
		"certmanager_certificate_ready_status", "certmanager_certificate_expiration_timestamp_seconds", "certmanager_certificate_not_after_timestamp_seconds",
		"certmanager_certificate_not_before_timestamp_seconds", "certmanager_certificate_renewal_timestamp_seconds",
		"certmanager_issuer_ready_status", "certmanager_clusterissuer_ready_status",
		"certwright_issuer_ca_not_before_timestamp_seconds", "certwright_issuer_ca_not_after_timestamp_seconds",
		"certmanager_controller_sync_call_count", "certmanager_clock_time_seconds", "certmanager_clock_time_seconds_gauge",
		"certwright_admission_duration_seconds", "certwright_admission_reviews_total", "certwright_webhook_panics_total",
		"certwright_issuance_duration_seconds", "certwright_certificaterequests_issued_total", "certwright_certificaterequest_oldest_unanswered_seconds",
		"certwright_certificates_renewal_due", "certwright_certificates_renewal_overdue", "certwright_leader", "certwright_build_info",
		"workqueue_depth", "workqueue_queue_duration_seconds", "rest_client_requests_total", "go_goroutines", "process_start_time_seconds",
	}
	eventually(t, "metrics are missing", func(context.Context) error {
		families, err := prometheus.Gatherers{ctrlmetrics.Registry, program.registry}.Gather()
		if err != nil {
			return err
		}
		missing := slices.Clone(want)
		for _, f := range families {
			missing = slices.DeleteFunc(missing, func(name string) bool { return name == f.GetName() })
		}
		if len(missing) > 0 {
			return fmt.Errorf("no %s", strings.Join(missing, ", "))
		}
		return nil
	})
	problems, err := testutil.GatherAndLint(program.registry)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		if !strings.HasPrefix(p.Metric, "certmanager_") { // whose names are given
			t.Errorf("%s: %s", p.Metric, p.Text)
		}
	}
}
