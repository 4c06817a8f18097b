// Package metrics counts what the controllers of the issuance do, under the
// names that cert-manager's dashboards know.
package metrics

import (
	"slices"
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

// issuerLabels name an issuer.
var issuerLabels = []string{"namespace", "issuer_kind", "issuer_name"}

// An Answer is the final one of an issuer to a request.
type Answer struct {
	// Type of the issuer, such as ca or acme.
	Type string
	// Kind, Namespace and Name of the issuer. Namespace is empty for those of the
	// cluster.
	Kind, Namespace, Name string
	// Refusal is the reason why there is no certificate; empty if there is one.
	Refusal string
	// Took is the time from the request to the answer.
	Took time.Duration
}

// Counters are the counters that all controllers share. A nil *Counters counts
// nothing.
type Counters struct {
	calls, errors  *prometheus.CounterVec
	issuances      *prometheus.HistogramVec
	issued, failed *prometheus.CounterVec
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
			Help:    "The time from a CertificateRequest to its final answer, by type of issuer and outcome.",
			Buckets: []float64{.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200, 86400},
		}, []string{"issuer_type", "outcome"}),
		issued: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "certwright_certificaterequests_issued_total",
			Help: "The number of CertificateRequests that an issuer has signed; namespace is empty for a ClusterIssuer.",
		}, issuerLabels),
		failed: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "certwright_certificaterequests_failed_total",
			Help: "The number of CertificateRequests that an issuer has refused for good, by reason; namespace is empty for a ClusterIssuer.",
		}, append(slices.Clone(issuerLabels), "reason")),
	}
	for _, collector := range []prometheus.Collector{c.calls, c.errors, c.issuances, c.issued, c.failed} {
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

// Answered counts the final answer to a request.
func (c *Counters) Answered(a Answer) {
	if c == nil {
		return
	}
	if a.Refusal == "" {
		c.issued.WithLabelValues(a.Namespace, a.Kind, a.Name).Inc()
		c.issuances.WithLabelValues(a.Type, "issued").Observe(a.Took.Seconds())
		return
	}
	c.failed.WithLabelValues(a.Namespace, a.Kind, a.Name, a.Refusal).Inc()
	c.issuances.WithLabelValues(a.Type, "refused").Observe(a.Took.Seconds())
}

// Forget drops the series of an issuer that is gone.
func (c *Counters) Forget(kind, namespace, name string) {
	if c == nil {
		return
	}
	labels := prometheus.Labels{"issuer_kind": kind, "namespace": namespace, "issuer_name": name}
	c.issued.DeletePartialMatch(labels)
	c.failed.DeletePartialMatch(labels)
}
