package webhook

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	acmev1 "github.com/certwright/certwright/certs/acme/v1"
	certsv1 "github.com/certwright/certwright/certs/v1"
	"github.com/certwright/certwright/webhook/review"
)

// Metrics count what the webhook answers.
type Metrics struct {
	reviews map[subject]counters
	panics  prometheus.Counter
}

// subject is what a review is about. There are few, whoever asks: all that we
// do not judge are one.
type subject struct{ kind, operation string }

var others = subject{kind: "other", operation: "other"}

// counters of one subject. They are looked up by their labels once: that takes
// longer than counting.
type counters struct {
	duration         prometheus.Observer
	allowed, refused prometheus.Counter
}

// NewMetrics registers the metrics of the webhook.
func NewMetrics(registry prometheus.Registerer) (*Metrics, error) {
	duration := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "certwright_admission_duration_seconds",
		Help:    "How long a review took, from the whole body to the whole answer.",
		Buckets: []float64{.0001, .0005, .001, .005, .01, .05, .1, .5, 1, 5, 10},
	}, []string{"kind", "operation"})
	reviews := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "certwright_admission_reviews_total",
		Help: "Reviews that were answered.",
	}, []string{"kind", "operation", "allowed"})
	m := &Metrics{
		reviews: map[subject]counters{},
		panics: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "certwright_webhook_panics_total",
			Help: "Reviews that ended in a panic and were answered with HTTP 500.",
		}),
	}
	for _, s := range subjects() {
		m.reviews[s] = counters{
			duration: duration.WithLabelValues(s.kind, s.operation),
			allowed:  reviews.WithLabelValues(s.kind, s.operation, "true"),
			refused:  reviews.WithLabelValues(s.kind, s.operation, "false"),
		}
	}
	for _, c := range []prometheus.Collector{duration, reviews, m.panics} {
		if err := registry.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func subjects() []subject {
	all := []subject{others}
	for _, kind := range []string{
		certsv1.CertificateKind, certsv1.CertificateRequestKind, certsv1.IssuerKind, certsv1.ClusterIssuerKind, acmev1.OrderKind, acmev1.ChallengeKind, ingressKind,
	} {
		all = append(all, subject{kind, review.Create}, subject{kind, review.Update})
	}
	return all
}

// answered counts one review.
func (m *Metrics) answered(kind string, operation string, allowed bool, took time.Duration) {
	if m == nil {
		return
	}
	c, known := m.reviews[subject{kind, operation}]
	if !known {
		c = m.reviews[others]
	}
	c.duration.Observe(took.Seconds())
	if allowed {
		c.allowed.Inc()
	} else {
		c.refused.Inc()
	}
}

func (m *Metrics) panicked() {
	if m != nil {
		m.panics.Inc()
	}
}
