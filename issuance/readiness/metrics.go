package readiness

import (
	"context"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cmmeta "github.com/certwright/certwright/certs/meta/v1"
	certsv1 "github.com/certwright/certwright/certs/v1"
	"github.com/certwright/certwright/issuance"
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

// CAs remember from when to when the CAs are valid that issuers sign with, as
// the last check found them. They are a collector: a scrape reads nothing from
// the API server. A nil CAs remembers nothing.
type CAs struct {
	notBefore, notAfter *prometheus.Desc

	mu sync.Mutex
	of map[caOwner]validity
}

// A caOwner is an issuer, whose namespace is empty if it is a ClusterIssuer.
type caOwner struct {
	kind string
	types.NamespacedName
}

type validity struct{ notBefore, notAfter time.Time }

// NewCAs returns an empty CAs, for Config and for a registry.
func NewCAs() *CAs {
	labels := []string{"name", "namespace", "kind"}
	return &CAs{
		of: map[caOwner]validity{},
		notBefore: prometheus.NewDesc("certwright_issuer_ca_not_before_timestamp_seconds",
			"When the certificate of the CA that the issuer signs with becomes valid. Unix time. Absent if it has none that can be read; namespace is empty for a ClusterIssuer.", labels, nil),
		notAfter: prometheus.NewDesc("certwright_issuer_ca_not_after_timestamp_seconds",
			"When the certificate of the CA that the issuer signs with expires. Unix time. Absent if it has none that can be read; namespace is empty for a ClusterIssuer.", labels, nil),
	}
}

// learn remembers what a check found of an issuer.
func (c *CAs) learn(kind string, name types.NamespacedName, found issuance.Readiness) {
	if found.CA == nil {
		c.forget(kind, name)
		return
	}
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.of[caOwner{kind, name}] = validity{found.CA.NotBefore, found.CA.NotAfter}
}

// forget drops an issuer that is gone, or has no CA any more.
func (c *CAs) forget(kind string, name types.NamespacedName) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.of, caOwner{kind, name})
}

// Describe sends the descriptions of both series.
func (c *CAs) Describe(ch chan<- *prometheus.Desc) {
	ch <- c.notBefore
	ch <- c.notAfter
}

// Collect sends all series.
func (c *CAs) Collect(ch chan<- prometheus.Metric) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for owner, valid := range c.of {
		ch <- prometheus.MustNewConstMetric(c.notBefore, prometheus.GaugeValue, float64(valid.notBefore.Unix()), owner.Name, owner.Namespace, owner.kind)
		ch <- prometheus.MustNewConstMetric(c.notAfter, prometheus.GaugeValue, float64(valid.notAfter.Unix()), owner.Name, owner.Namespace, owner.kind)
	}
}
