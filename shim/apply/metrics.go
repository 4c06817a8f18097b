package apply

import "github.com/prometheus/client_golang/prometheus"

// Metrics counts what a Writer does. All Writers of a process share one.
type Metrics struct {
	writes *prometheus.CounterVec
}

var _ prometheus.Collector = (*Metrics)(nil)

// NewMetrics returns counters that stand at zero. They have to be registered.
func NewMetrics() *Metrics {
	m := &Metrics{writes: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "certwright_shim_writes_total",
		Help: "Certificates written for Ingresses, Gateways and ListenerSets, by action.",
	}, []string{"action"})}
	for _, action := range []string{"create", "update", "own", "delete"} {
		m.writes.WithLabelValues(action)
	}
	return m
}

// Describe implements prometheus.Collector.
func (m *Metrics) Describe(ch chan<- *prometheus.Desc) { m.writes.Describe(ch) }

// Collect implements prometheus.Collector.
func (m *Metrics) Collect(ch chan<- prometheus.Metric) { m.writes.Collect(ch) }

// count adds a write. Nil counts nothing.
func (m *Metrics) count(action string) {
	if m != nil {
		m.writes.WithLabelValues(action).Inc()
	}
}
