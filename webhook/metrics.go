package webhook

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/certwright/certwright/webhook/review"
)

// Metrics count what the webhook answers.
type Metrics struct {
	duration *prometheus.HistogramVec
	reviews  *prometheus.CounterVec
	panics   prometheus.Counter
}

// NewMetrics registers the metrics of the webhook.
func NewMetrics(registry prometheus.Registerer) (*Metrics, error) {
	m := &Metrics{
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "certwright_admission_duration_seconds",
			Help:    "How long a review took, from the whole body to the whole answer.",
			Buckets: []float64{.0001, .0005, .001, .005, .01, .05, .1, .5, 1, 5, 10},
		}, []string{"kind", "operation"}),
		reviews: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "certwright_admission_reviews_total",
			Help: "Reviews that were answered.",
		}, []string{"kind", "operation", "allowed"}),
		panics: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "certwright_webhook_panics_total",
			Help: "Reviews that ended in a panic and were answered with HTTP 500.",
		}),
	}
	for _, c := range []prometheus.Collector{m.duration, m.reviews, m.panics} {
		if err := registry.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// answered counts one review. Both labels have few values, whoever asks.
func (m *Metrics) answered(kind string, operation string, allowed bool, took time.Duration) {
	if m == nil {
		return
	}
	if kind == "" {
		kind = "other"
	}
	if operation != review.Create && operation != review.Update {
		operation = "other"
	}
	m.duration.WithLabelValues(kind, operation).Observe(took.Seconds())
	m.reviews.WithLabelValues(kind, operation, strconv.FormatBool(allowed)).Inc()
}

func (m *Metrics) panicked() {
	if m != nil {
		m.panics.Inc()
	}
}
