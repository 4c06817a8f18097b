package serving

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

var (
	readyDesc = prometheus.NewDesc("certwright_webhook_ready",
		"Whether this replica serves a certificate that both webhook configurations trust (1) or not (0).", nil, nil)
	notBeforeDesc = prometheus.NewDesc("certwright_webhook_certificate_not_before_timestamp_seconds",
		"When the certificate that this replica's webhook serves becomes valid. Unix time. Absent before there is one.", nil, nil)
	notAfterDesc = prometheus.NewDesc("certwright_webhook_certificate_not_after_timestamp_seconds",
		"When the certificate that this replica's webhook serves expires. Unix time. Absent before there is one.", nil, nil)
)

var _ prometheus.Collector = (*Keeper)(nil)

// Describe sends the descriptions of what Collect sends.
func (k *Keeper) Describe(ch chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{readyDesc, notBeforeDesc, notAfterDesc} {
		ch <- desc
	}
}

// Collect sends how this replica serves at the time of a scrape. Both ends of
// the life are there, so that an alert can judge what is left by the whole.
func (k *Keeper) Collect(ch chan<- prometheus.Metric) {
	gauge := func(desc *prometheus.Desc, value float64) {
		ch <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value)
	}
	ready := 0.
	if k.Ready() == nil {
		ready = 1
	}
	gauge(readyDesc, ready)
	if leaf := k.now.Load().leaf; leaf != nil {
		seconds := func(t time.Time) float64 { return float64(t.Unix()) }
		gauge(notBeforeDesc, seconds(leaf.Leaf.NotBefore))
		gauge(notAfterDesc, seconds(leaf.Leaf.NotAfter))
	}
}
