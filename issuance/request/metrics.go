package request

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cmmeta "github.com/certwright/certwright/certs/meta/v1"
	certsv1 "github.com/certwright/certwright/certs/v1"
	"github.com/certwright/certwright/issuance"
	"github.com/certwright/certwright/issuance/metrics"
)

// Count counts an answer of issuer, which took so long. Only final ones count.
func Count(counters *metrics.Counters, kind issuance.Kind, issuer certsv1.GenericIssuer, outcome issuance.Outcome, took time.Duration) {
	answer := metrics.Answer{
		Type: kind.Name, Kind: issuer.IssuerKind(), Namespace: issuer.GetNamespace(), Name: issuer.GetName(), Took: took,
	}
	switch o := outcome.(type) {
	case issuance.Issued:
	case issuance.Refused:
		answer.Refusal = o.Reason
	default:
		return
	}
	counters.Answered(answer)
}

// A Collector reports, at the time of a scrape, how long the requests in the
// cache have been waiting: by issuer, whether it is ours or not.
type Collector struct {
	reader client.Reader
	clock  clock.PassiveClock
	age    *prometheus.Desc
}

// NewCollector returns a Collector for the CertificateRequests that reader
// lists, which should be the cache.
func NewCollector(reader client.Reader, c clock.PassiveClock) *Collector {
	return &Collector{reader, c, prometheus.NewDesc("certwright_certificaterequest_oldest_unanswered_seconds",
		"The age of the oldest CertificateRequest that the issuer has neither signed nor refused.",
		[]string{"namespace", "issuer_name", "issuer_kind", "issuer_group"}, nil)}
}

// Describe sends the description of the series.
func (c *Collector) Describe(ch chan<- *prometheus.Desc) { ch <- c.age }

// Collect sends one series for each issuer that somebody waits for.
func (c *Collector) Collect(ch chan<- prometheus.Metric) {
	var list certsv1.CertificateRequestList
	if err := c.reader.List(context.Background(), &list, client.UnsafeDisableDeepCopyOption(true)); err != nil {
		ch <- prometheus.NewInvalidMetric(c.age, err)
		return
	}
	type waiter struct {
		namespace string
		issuer    cmmeta.IssuerReference
	}
	since := map[waiter]time.Time{}
	for i := range list.Items {
		req := &list.Items[i]
		if Done(req) {
			continue
		}
		w := waiter{req.Namespace, req.Spec.IssuerRef.WithDefaults()}
		if begin, ok := since[w]; !ok || req.CreationTimestamp.Time.Before(begin) {
			since[w] = req.CreationTimestamp.Time
		}
	}
	for w, begin := range since {
		age := max(c.clock.Since(begin), 0).Seconds()
		ch <- prometheus.MustNewConstMetric(c.age, prometheus.GaugeValue, age, w.namespace, w.issuer.Name, w.issuer.Kind, w.issuer.Group)
	}
}
