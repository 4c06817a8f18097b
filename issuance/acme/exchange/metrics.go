package exchange

import (
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// What a request was for: the values of the metrics' label action.
const (
	actionDirectory     = "directory"
	actionNonce         = "new-nonce"
	actionNewAccount    = "new-account"
	actionAccount       = "account"
	actionNewOrder      = "new-order"
	actionOrder         = "order"
	actionAuthorization = "authorization"
	actionChallenge     = "challenge"
	actionFinalize      = "finalize"
	actionCertificate   = "certificate"
)

// Metrics counts the requests to ACME servers.
type Metrics struct {
	count    *prometheus.CounterVec
	duration *prometheus.SummaryVec
	// known servers, by scheme and host.
	known sync.Map
}

// signed are the requests that count at the CA and that it may refuse for
// being too many.
var signed = []string{actionNewAccount, actionAccount, actionNewOrder, actionOrder, actionAuthorization, actionChallenge, actionFinalize, actionCertificate}

// NewMetrics registers the metrics with r.
func NewMetrics(r prometheus.Registerer) (*Metrics, error) {
	labels := []string{"scheme", "host", "action", "method", "status"}
	m := &Metrics{
		count: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "certmanager_http_acme_client_request_count",
			Help: "Requests sent to ACME servers.",
		}, labels),
		duration: prometheus.NewSummaryVec(prometheus.SummaryOpts{
			Name:       "certmanager_http_acme_client_request_duration_seconds",
			Help:       "How long requests to ACME servers took.",
			Objectives: map[float64]float64{0.5: 0.05, 0.9: 0.01, 0.99: 0.001},
		}, labels),
	}
	for _, c := range []prometheus.Collector{m.count, m.duration} {
		if err := r.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// observe counts one request; status zero means that there was no answer.
func (m *Metrics) observe(scheme, host, action, method string, status int, took time.Duration) {
	if m == nil {
		return
	}
	text := "error"
	if status != 0 {
		text = strconv.Itoa(status)
	}
	m.meet(scheme, host)
	m.count.WithLabelValues(scheme, host, action, method, text).Inc()
	m.duration.WithLabelValues(scheme, host, action, method, text).Observe(took.Seconds())
}

// meet begins to count the refusals for too many requests of a server that we
// speak to for the first time at zero: the first one is then an increase, which
// Prometheus does not see in a series that begins at one.
func (m *Metrics) meet(scheme, host string) {
	if _, known := m.known.LoadOrStore(scheme+"://"+host, true); known {
		return
	}
	limited := strconv.Itoa(http.StatusTooManyRequests)
	for _, action := range signed {
		m.count.WithLabelValues(scheme, host, action, http.MethodPost, limited)
	}
}
