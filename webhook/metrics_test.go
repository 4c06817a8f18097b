package webhook

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
)

// series returns the values of a counter, or the counts of a histogram, that
// are not zero, by their labels, and how many series there are in all.
func series(t *testing.T, registry *prometheus.Registry, name string) (values map[string]float64, all int) {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	values = map[string]float64{}
	for _, family := range families {
		if family.GetName() != name {
			continue
		}
		for _, metric := range family.GetMetric() {
			labels := ""
			for _, label := range metric.GetLabel() {
				labels += label.GetName() + "=" + label.GetValue() + " "
			}
			all++
			if n := metric.GetCounter().GetValue() + float64(metric.GetHistogram().GetSampleCount()); n > 0 {
				values[labels] = n
			}
		}
	}
	return values, all
}

func TestMetrics(t *testing.T) {
	registry := prometheus.NewRegistry()
	metrics, err := NewMetrics(registry)
	if err != nil {
		t.Fatal(err)
	}
	handler := Handler(Config{Metrics: metrics})
	_, before := series(t, registry, "certwright_admission_reviews_total")
	for _, a := range []ask{
		{resource: "issuers", operation: "CREATE", object: `{"spec":{"selfSigned":{}}}`},
		{resource: "issuers", operation: "CREATE", object: `{"spec":{}}`},
		{resource: "certificates", operation: "DELETE", old: `{"spec":{}}`},
	} {
		post(t, handler, "/validate", a.body(t))
	}
	for i := range 20 { // whoever asks makes up what he likes
		post(t, handler, "/validate", ask{resource: "things", operation: fmt.Sprintf("OP%d", i), object: `{"spec":{}}`}.body(t))
	}
	reviews, after := series(t, registry, "certwright_admission_reviews_total")
	if diff := cmp.Diff(map[string]float64{
		"allowed=true kind=Issuer operation=CREATE ":  1,
		"allowed=false kind=Issuer operation=CREATE ": 1,
		"allowed=true kind=other operation=other ":    21,
	}, reviews); diff != "" {
		t.Errorf("reviews (-want +got):\n%s", diff)
	}
	if before != after {
		t.Errorf("%d series became %d", before, after)
	}
	durations, _ := series(t, registry, "certwright_admission_duration_seconds")
	if diff := cmp.Diff(map[string]float64{"kind=Issuer operation=CREATE ": 2, "kind=other operation=other ": 21}, durations); diff != "" {
		t.Errorf("durations (-want +got):\n%s", diff)
	}
}
