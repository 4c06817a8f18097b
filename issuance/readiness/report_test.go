package readiness

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	cmmeta "github.com/certwright/certwright/certs/meta/v1"
	certsv1 "github.com/certwright/certwright/certs/v1"
	"github.com/certwright/certwright/issuance"
)

var noon = time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC)

func statusOf(ready cmmeta.ConditionStatus, at time.Time) certsv1.IssuerStatus {
	var st certsv1.IssuerStatus
	st.SetCondition(certsv1.IssuerCondition{Type: "Ready", Status: ready, Reason: "Old", ObservedGeneration: 1}, metav1.NewTime(at))
	return st
}

func TestReport(t *testing.T) {
	fine := issuance.Readiness{Status: cmmeta.ConditionTrue, Reason: "KeyPairVerified", Message: "Signing CA verified", Event: "KeyPairVerified"}
	bad := issuance.Readiness{Status: cmmeta.ConditionFalse, Reason: "ErrGetKeyPair", Message: "no key", Event: "ErrGetKeyPair"}
	tests := map[string]struct {
		old    certsv1.IssuerStatus
		found  issuance.Readiness
		since  time.Time
		events string
	}{
		"a new issuer becomes ready":                            {certsv1.IssuerStatus{}, fine, noon, "Normal KeyPairVerified"},
		"a new issuer has a problem":                            {certsv1.IssuerStatus{}, bad, noon, "Warning ErrGetKeyPair, Warning ErrInitIssuer"},
		"a ready issuer stays ready, and nobody is told":        {statusOf("True", noon.Add(-time.Hour)), fine, noon.Add(-time.Hour), ""},
		"the time of a transition changes only with the status": {statusOf("False", noon.Add(-time.Hour)), bad, noon.Add(-time.Hour), "Warning ErrGetKeyPair, Warning ErrInitIssuer"},
		"an issuer recovers":                                    {statusOf("False", noon.Add(-time.Hour)), fine, noon, "Normal KeyPairVerified"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			st := Report(tt.old, 7, tt.found, noon)
			got := st.Condition("Ready")
			if got.Status != tt.found.Status || got.Reason != tt.found.Reason || got.Message != tt.found.Message || got.ObservedGeneration != 7 || !got.LastTransitionTime.Time.Equal(tt.since) {
				t.Errorf("Report() = %+v", got)
			}
			var events []string
			for _, e := range EventsOf(tt.old, tt.found) {
				events = append(events, e.Type+" "+e.Reason)
			}
			if s := strings.Join(events, ", "); s != tt.events {
				t.Errorf("events %q, want %q", s, tt.events)
			}
		})
	}
}

func TestBackoff(t *testing.T) {
	for n, want := range map[int]time.Duration{1: 5 * time.Second, 2: 10 * time.Second, 3: 20 * time.Second, 7: 5 * time.Minute, 1 << 20: 5 * time.Minute} {
		if got := Backoff(n); got != want {
			t.Errorf("Backoff(%d) = %s, want %s", n, got, want)
		}
	}
	for range 1000 {
		if got := jitter(time.Minute); got < 54*time.Second || got > 66*time.Second {
			t.Fatalf("jitter(1m) = %s", got)
		}
	}
}

func TestCollector(t *testing.T) {
	scheme := runtime.NewScheme()
	if err := certsv1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	c := fake.NewClientBuilder().WithScheme(scheme).WithObjects(
		&certsv1.Issuer{ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: "ca"}, Status: statusOf("True", noon)},
		&certsv1.ClusterIssuer{ObjectMeta: metav1.ObjectMeta{Name: "le"}},
	).Build()
	const want = `
# HELP certmanager_clusterissuer_ready_status Whether the ClusterIssuer's Ready condition has this value.
# TYPE certmanager_clusterissuer_ready_status gauge
certmanager_clusterissuer_ready_status{condition="False",name="le"} 0
certmanager_clusterissuer_ready_status{condition="True",name="le"} 0
certmanager_clusterissuer_ready_status{condition="Unknown",name="le"} 1
# HELP certmanager_issuer_ready_status Whether the Issuer's Ready condition has this value.
# TYPE certmanager_issuer_ready_status gauge
certmanager_issuer_ready_status{condition="False",name="ca",namespace="team"} 0
certmanager_issuer_ready_status{condition="True",name="ca",namespace="team"} 1
certmanager_issuer_ready_status{condition="Unknown",name="ca",namespace="team"} 0
`
	if err := testutil.CollectAndCompare(NewCollector(c, false), strings.NewReader(want)); err != nil {
		t.Error(err)
	}
	if got := testutil.CollectAndCount(NewCollector(c, true)); got != 3 {
		t.Errorf("%d series without ClusterIssuers", got)
	}
}
