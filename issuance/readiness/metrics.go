package readiness

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cmmeta "github.com/certwright/certwright/certs/meta/v1"
	certsv1 "github.com/certwright/certwright/certs/v1"
)

// conditionValues are the values of the label condition: one series each.
var conditionValues = []cmmeta.ConditionStatus{cmmeta.ConditionTrue, cmmeta.ConditionFalse, cmmeta.ConditionUnknown}

// A Collector reports every issuer in the cache at the time of a scrape.
type Collector struct {
	reader                client.Reader
	issuer, clusterIssuer *prometheus.Desc
}

// NewCollector returns a Collector for the issuers that reader lists, which
// should be the cache. ClusterIssuers are left out if namespacedOnly.
func NewCollector(reader client.Reader, namespacedOnly bool) *Collector {
	c := &Collector{reader: reader, issuer: prometheus.NewDesc("certmanager_issuer_ready_status",
		"Whether the Issuer's Ready condition has this value.", []string{"name", "namespace", "condition"}, nil)}
	if !namespacedOnly {
		c.clusterIssuer = prometheus.NewDesc("certmanager_clusterissuer_ready_status",
			"Whether the ClusterIssuer's Ready condition has this value.", []string{"name", "condition"}, nil)
	}
	return c
}

// Describe sends the descriptions of all series.
func (c *Collector) Describe(ch chan<- *prometheus.Desc) {
	ch <- c.issuer
	if c.clusterIssuer != nil {
		ch <- c.clusterIssuer
	}
}

// Collect sends all series.
func (c *Collector) Collect(ch chan<- prometheus.Metric) {
	ctx := context.Background()
	var issuers certsv1.IssuerList
	if err := c.reader.List(ctx, &issuers, client.UnsafeDisableDeepCopyOption(true)); err != nil {
		ch <- prometheus.NewInvalidMetric(c.issuer, err)
	}
	for i := range issuers.Items {
		send(ch, c.issuer, &issuers.Items[i].Status, issuers.Items[i].Name, issuers.Items[i].Namespace)
	}
	if c.clusterIssuer == nil {
		return
	}
	var clusterIssuers certsv1.ClusterIssuerList
	if err := c.reader.List(ctx, &clusterIssuers, client.UnsafeDisableDeepCopyOption(true)); err != nil {
		ch <- prometheus.NewInvalidMetric(c.clusterIssuer, err)
	}
	for i := range clusterIssuers.Items {
		send(ch, c.clusterIssuer, &clusterIssuers.Items[i].Status, clusterIssuers.Items[i].Name)
	}
}

func send(ch chan<- prometheus.Metric, desc *prometheus.Desc, st *certsv1.IssuerStatus, labels ...string) {
	value := cmmeta.ConditionUnknown
	if ready := st.Condition(certsv1.IssuerConditionReady); ready != nil {
		value = ready.Status
	}
	for _, v := range conditionValues {
		is := 0.
		if v == value {
			is = 1
		}
		ch <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, is, append(append([]string(nil), labels...), string(v))...)
	}
}
