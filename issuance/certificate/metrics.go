package certificate

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cmmeta "github.com/certwright/certwright/certs/meta/v1"
	certsv1 "github.com/certwright/certwright/certs/v1"
)

// conditionValues are the values of the label condition: one series each.
var conditionValues = []cmmeta.ConditionStatus{cmmeta.ConditionTrue, cmmeta.ConditionFalse, cmmeta.ConditionUnknown}

// A Collector reports every Certificate in the cache at the time of a scrape.
// So the series of a deleted one are gone at once.
type Collector struct {
	reader client.Reader

	ready *prometheus.Desc
	times []timeMetric
}

type timeMetric struct {
	desc *prometheus.Desc
	of   func(*certsv1.CertificateStatus) *metav1.Time
}

// NewCollector returns a Collector for the Certificates that reader lists,
// which should be the cache.
func NewCollector(reader client.Reader) *Collector {
	labels := []string{"name", "namespace", "issuer_name", "issuer_kind", "issuer_group"}
	at := func(name, help string, of func(*certsv1.CertificateStatus) *metav1.Time) timeMetric {
		return timeMetric{prometheus.NewDesc("certmanager_certificate_"+name+"_timestamp_seconds", help+" Unix time; 0 if there is none.", labels, nil), of}
	}
	notAfter := func(s *certsv1.CertificateStatus) *metav1.Time { return s.NotAfter }
	return &Collector{
		reader: reader,
		ready: prometheus.NewDesc("certmanager_certificate_ready_status",
			"Whether the Certificate's Ready condition has this value.", []string{"name", "namespace", "condition", "issuer_name", "issuer_kind", "issuer_group"}, nil),
		times: []timeMetric{
			at("expiration", "When the certificate expires.", notAfter),
			at("not_after", "When the certificate expires.", notAfter),
			at("not_before", "When the certificate becomes valid.", func(s *certsv1.CertificateStatus) *metav1.Time { return s.NotBefore }),
			at("renewal", "When the certificate is going to be renewed.", func(s *certsv1.CertificateStatus) *metav1.Time { return s.RenewalTime }),
		},
	}
}

// Describe sends the descriptions of all series.
func (c *Collector) Describe(ch chan<- *prometheus.Desc) {
	ch <- c.ready
	for _, m := range c.times {
		ch <- m.desc
	}
}

// Collect sends all series.
func (c *Collector) Collect(ch chan<- prometheus.Metric) {
	var list certsv1.CertificateList
	if err := c.reader.List(context.Background(), &list, client.UnsafeDisableDeepCopyOption(true)); err != nil {
		ch <- prometheus.NewInvalidMetric(c.ready, err)
		return
	}
	for i := range list.Items {
		crt := &list.Items[i]
		ref := crt.Spec.IssuerRef
		value := cmmeta.ConditionUnknown
		if ready := crt.Status.Condition(certsv1.CertificateConditionReady); ready != nil {
			value = ready.Status
		}
		for _, v := range conditionValues {
			is := 0.
			if v == value {
				is = 1
			}
			ch <- prometheus.MustNewConstMetric(c.ready, prometheus.GaugeValue, is, crt.Name, crt.Namespace, string(v), ref.Name, ref.Kind, ref.Group)
		}
		for _, m := range c.times {
			seconds := 0.
			if t := m.of(&crt.Status); t != nil {
				seconds = float64(t.Unix())
			}
			ch <- prometheus.MustNewConstMetric(m.desc, prometheus.GaugeValue, seconds, crt.Name, crt.Namespace, ref.Name, ref.Kind, ref.Group)
		}
	}
}
