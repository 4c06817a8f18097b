// Package metrics counts what the controllers of the issuance do, under the
// names that cert-manager's dashboards know.
package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// Values of the label controller. They are cert-manager's names of the loops
// whose work the controller does; where several are one here, of the first.
const (
	Certificates   = "certificates-trigger"
	Requests       = "certificaterequests-approver"
	Issuers        = "issuers"
	ClusterIssuers = "clusterissuers"

	// SigningRequests is followed by the kind of the issuer, in lower case.
	SigningRequests = "certificatesigningrequests-issuer-"
	// SigningRequestsUnknown counts looks that end before the kind is known.
	SigningRequestsUnknown = SigningRequests + "ca"
)

// Counters are the counters that all controllers share. A nil *Counters counts
// nothing.
type Counters struct {
	calls, errors *prometheus.CounterVec
	issuances     *prometheus.HistogramVec
}

// New returns counters that are registered with r.
func New(r prometheus.Registerer) (*Counters, error) {
	c := &Counters{
		calls: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "certmanager_controller_sync_call_count",
			Help: "The number of times a controller looked at an object.",
		}, []string{"controller"}),
		errors: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "certmanager_controller_sync_error_count",
			Help: "The number of times a controller ended with an error; conflicts are not counted.",
		}, []string{"controller"}),
		issuances: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "certwright_issuance_duration_seconds",
			Help:    "The time from a CertificateRequest to its final answer, by kind of issuer and outcome.",
			Buckets: []float64{.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200, 86400},
		}, []string{"issuer_kind", "outcome"}),
	}
	for _, collector := range []prometheus.Collector{c.calls, c.errors, c.issuances} {
		if err := r.Register(collector); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// Sync counts one look at an object by controller, and how it ended.
func (c *Counters) Sync(controller string, err error) {
	if c == nil {
		return
	}
	c.calls.WithLabelValues(controller).Inc()
	if err != nil && !apierrors.IsConflict(err) {
		c.errors.WithLabelValues(controller).Inc()
	}
}

// Issued notes that an issuer of the given kind has answered after d.
func (c *Counters) Issued(kind string, ok bool, d time.Duration) {
	if c == nil {
		return
	}
	outcome := "refused"
	if ok {
		outcome = "issued"
	}
	c.issuances.WithLabelValues(kind, outcome).Observe(d.Seconds())
}
