package alerts

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/promqltest"
)

type panel struct {
	Title, Description string
	Targets            []struct{ Expr string }
}

func dashboard(t *testing.T) []panel {
	t.Helper()
	text, err := os.ReadFile("../../deploy/dashboards/certwright.json")
	if err != nil {
		t.Fatal(err)
	}
	var board struct{ Panels []panel }
	if err := json.Unmarshal(text, &board); err != nil {
		t.Fatal(err)
	}
	return board.Panels
}

// busy adds to three healthy replicas what they tell when there is work and
// trouble. Nothing of it is about what a panel should be empty of.
const busy = `
	certmanager_certificate_challenge_status{$a,exported_namespace="shop",name="c",domain="a.example",type="HTTP-01",processing="true",status="pending",reason=""} 1x60
	certmanager_http_acme_client_request_duration_seconds_sum{$a,scheme="https",host="acme.example",action="new-order",method="POST",status="201"} 0+3x60
	certmanager_http_acme_client_request_duration_seconds_count{$a,scheme="https",host="acme.example",action="new-order",method="POST",status="201"} 0+5x60
	certwright_certificate_failed_attempts{$a,exported_namespace="shop",name="bad"} 2x60
	certwright_certificates_renewal_due{$a} 2x60
	certwright_certificates_renewal_overdue{$a} 1x60
	certwright_certificaterequest_oldest_unanswered_seconds{$a,exported_namespace="shop",issuer_name="ca",issuer_kind="Issuer",issuer_group="cert-manager.io"} 60x60
	certwright_certificaterequests_issued_total{$a,exported_namespace="shop",issuer_name="ca",issuer_kind="Issuer"} 0+1x60
	certwright_certificaterequests_failed_total{$a,exported_namespace="shop",issuer_name="ca",issuer_kind="Issuer",reason="Failed"} 0+1x60
	certwright_issuance_duration_seconds_bucket{$a,issuer_type="ca",outcome="issued",le="0.01"} 0+1x60
	certwright_issuance_duration_seconds_bucket{$a,issuer_type="ca",outcome="issued",le="+Inf"} 0+1x60
	certwright_admission_reviews_total{$a,kind="Issuer",operation="CREATE",allowed="true"} 0+9x60
	certwright_admission_reviews_total{$b,kind="Issuer",operation="CREATE",allowed="false"} 0+1x60
	certwright_webhook_panics_total{job="cert-manager",instance="10.0.0.4:9402"} 0+1x60
	certwright_shim_writes_total{$a,action="create"} 0+1x60
	certmanager_issuer_ready_status{$a,exported_namespace="shop",name="bad",condition="False"} 1x60
	certmanager_certificate_ready_status{$a,exported_namespace="shop",name="bad",issuer_name="bad",condition="False"} 1x60
	workqueue_depth{$a,name="request",controller="request",priority="0"} 3x60
	workqueue_queue_duration_seconds_bucket{$a,name="request",controller="request",le="0.01"} 0+1x60
	workqueue_queue_duration_seconds_bucket{$a,name="request",controller="request",le="+Inf"} 0+1x60
	rest_client_requests_total{$a,method="GET",code="200",host="10.0.0.1"} 0+3x60
	process_cpu_seconds_total{$a} 0+3x60
	process_resident_memory_bytes{$a} 50000000x60
`

// Every query can be read by Prometheus 2.42, asks for what the program tells,
// and has something to show, for each replica once or for all together.
func TestDashboard(t *testing.T) {
	t.Parallel()
	p := play{step: time.Minute, end: time.Hour}
	storage := promqltest.LoadedStorage(t, "load 1m\n"+indent(targets.Replace(p.healthy()+p.certificate("web", 90*day, 60*day)+busy)))
	t.Cleanup(func() { _ = storage.Close() })
	engine := promql.NewEngine(promql.EngineOpts{
		MaxSamples: 1_000_000, Timeout: time.Minute, LookbackDelta: 5 * time.Minute, Parser: promParser(),
	})
	t.Cleanup(func() { _ = engine.Close() })
	known := metrics(t)
	for _, panel := range dashboard(t) {
		for _, target := range panel.Targets {
			expr, err := promParser().ParseExpr(target.Expr)
			if err != nil {
				t.Errorf("%s: %v", panel.Title, err)
				continue
			}
			for _, problem := range unknown(expr, known) {
				t.Errorf("%s: %s", panel.Title, problem)
			}
			q, err := engine.NewInstantQuery(t.Context(), storage, nil, target.Expr, time.Unix(0, 0).Add(p.end))
			if err != nil {
				t.Errorf("%s: %v", panel.Title, err)
				continue
			}
			result := q.Exec(t.Context())
			vector, err := result.Vector()
			if err != nil {
				t.Errorf("%s: %v", panel.Title, err)
				continue
			}
			shown := 0
			for _, sample := range vector {
				if sample.F > 0 || sample.F < 0 {
					shown++
				}
			}
			if shown == 0 {
				t.Errorf("%s: nothing but zero, or nothing at all: %v", panel.Title, vector)
			}
		}
		if len(panel.Targets) > 0 && strings.TrimSpace(panel.Description) == "" {
			t.Errorf("%s: does not say what it shows", panel.Title)
		}
	}
}
