package exchange

import (
	"net/http"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

// Prometheus sees an increase only if it has seen the zero before.
func TestRefusalsForTooManyRequestsAreCountedFromZero(t *testing.T) {
	m, err := NewMetrics(prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	refused := func() float64 {
		return testutil.ToFloat64(m.count.WithLabelValues("https", "ca.example", actionNewOrder, http.MethodPost, "429"))
	}
	m.observe("https", "ca.example", actionDirectory, http.MethodGet, 200, time.Second)
	if n := testutil.CollectAndCount(m.count); n != 1+len(signed) {
		t.Errorf("%d series after the first request, want its own and one for each of %v", n, signed)
	}
	if n := refused(); n != 0 {
		t.Errorf("%v refusals before the first", n)
	}
	m.observe("https", "ca.example", actionNewOrder, http.MethodPost, 429, time.Second)
	m.observe("https", "ca.example", actionNewOrder, http.MethodPost, 0, time.Second)
	if n := refused(); n != 1 {
		t.Errorf("%v refusals after one", n)
	}
	if n := testutil.CollectAndCount(m.count); n != 1+len(signed)+1 {
		t.Errorf("%d series in the end: the server is not met twice", n)
	}
}
