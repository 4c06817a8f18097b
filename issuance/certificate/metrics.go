package certificate

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cmmeta "github.com/certwright/certwright/certs/meta/v1"
	certsv1 "github.com/certwright/certwright/certs/v1"
)

// conditionValues are the values of the label condition: one series each.
var conditionValues = []string{string(cmmeta.ConditionTrue), string(cmmeta.ConditionFalse), string(cmmeta.ConditionUnknown)}

// The names of the labels of a Certificate, in the order of the alphabet, as
// the registry has it. conditionLabel comes before them.
var (
	conditionLabel = "condition"
	labelNames     = []string{"issuer_group", "issuer_kind", "issuer_name", "name", "namespace"}
)

// labelPairs are the labels of crt, which all its series share: their text is
// that of the object in the cache. There may be 70,000 series.
func labelPairs(crt *certsv1.Certificate) []*dto.LabelPair {
	ref := &crt.Spec.IssuerRef
	values := []*string{&ref.Group, &ref.Kind, &ref.Name, &crt.Name, &crt.Namespace}
	pairs, out := make([]dto.LabelPair, len(values)), make([]*dto.LabelPair, len(values))
	for i := range values {
		pairs[i].Name, pairs[i].Value = &labelNames[i], values[i]
		out[i] = &pairs[i]
	}
	return out
}

// A labelled is a Certificate and its labels.
type labelled struct {
	*certsv1.Certificate
	labels []*dto.LabelPair
}

// inOrder returns the Certificates in the order in which the registry would
// sort their series, which is quick if they are sorted.
func inOrder(list []certsv1.Certificate) []labelled {
	all := make([]labelled, len(list))
	for i := range list {
		all[i] = labelled{&list[i], labelPairs(&list[i])}
	}
	slices.SortFunc(all, func(a, b labelled) int {
		for i := range a.labels {
			if c := strings.Compare(*a.labels[i].Value, *b.labels[i].Value); c != 0 {
				return c
			}
		}
		return 0
	})
	return all
}

// ready is the status of the condition Ready; without one it is unknown.
func (l labelled) ready() string {
	if c := l.Status.Condition(certsv1.CertificateConditionReady); c != nil {
		return string(c.Status)
	}
	return string(cmmeta.ConditionUnknown)
}

// broken reports whether crt was issued once, and is not ready any more. What
// came from elsewhere, with its Secret, has no revision before its first renewal.
func (l labelled) broken() bool {
	c := l.Status.Condition(certsv1.CertificateConditionReady)
	return c != nil && c.Status != cmmeta.ConditionTrue && (l.Status.Revision != nil || c.Reason == ReasonExpired)
}

// A sample is one value of a series.
type sample struct {
	desc   *prometheus.Desc
	labels []*dto.LabelPair
	value  float64
}

// Desc describes the series.
func (s sample) Desc() *prometheus.Desc { return s.desc }

// Write writes the value. The labels are shared, so nobody may change them.
func (s sample) Write(out *dto.Metric) error {
	out.Label, out.Gauge = s.labels, &dto.Gauge{Value: &s.value}
	return nil
}

// A Collector reports every Certificate in the cache at the time of a scrape.
// So the series of a deleted one are gone at once.
type Collector struct {
	reader client.Reader
	clock  clock.PassiveClock
	policy Policy

	ready  *prometheus.Desc
	times  []timeMetric
	broken *prometheus.Desc // only of those that are

	attempts, retry *prometheus.Desc // only of those that failed
	due, overdue    *prometheus.Desc // of all together
}

type timeMetric struct {
	desc *prometheus.Desc
	of   func(*certsv1.CertificateStatus) *metav1.Time
}

// NewCollector returns a Collector for the Certificates that reader lists,
// which should be the cache. Of cfg it needs the clock and the back-off.
func NewCollector(reader client.Reader, cfg Config) *Collector {
	at := func(name, help string, of func(*certsv1.CertificateStatus) *metav1.Time) timeMetric {
		return timeMetric{prometheus.NewDesc("certmanager_certificate_"+name+"_timestamp_seconds", help+" Unix time; 0 if there is none.", labelNames, nil), of}
	}
	notAfter := func(s *certsv1.CertificateStatus) *metav1.Time { return s.NotAfter }
	return &Collector{
		reader: reader, clock: cfg.Clock, policy: cfg.policy(),
		broken: prometheus.NewDesc("certwright_certificate_broken",
			"Always 1: the Certificate was issued once and is not ready any more. Absent if it is ready, or was never issued.", labelNames, nil),
		attempts: prometheus.NewDesc("certwright_certificate_failed_attempts",
			"How many attempts to issue have failed in a row. Absent if the last one succeeded.", labelNames, nil),
		retry: prometheus.NewDesc("certwright_certificate_next_attempt_timestamp_seconds",
			"When the next attempt after a failed one may be made. Unix time. Absent if the last one succeeded.", labelNames, nil),
		due: prometheus.NewDesc("certwright_certificates_renewal_due",
			"How many Certificates are past their renewal time.", nil, nil),
		overdue: prometheus.NewDesc("certwright_certificates_renewal_overdue",
			"How many Certificates are past their renewal time by more than a quarter of what is left from there to their expiry.", nil, nil),
		ready: prometheus.NewDesc("certmanager_certificate_ready_status",
			"Whether the Certificate's Ready condition has this value.", append([]string{conditionLabel}, labelNames...), nil),
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
	for _, desc := range []*prometheus.Desc{c.ready, c.broken, c.attempts, c.retry, c.due, c.overdue} {
		ch <- desc
	}
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
	now, due, overdue := c.clock.Now(), 0, 0
	certificates := inOrder(list.Items)
	for _, crt := range certificates {
		past, tooFar := renewalPast(&crt.Status, now)
		due, overdue = due+past, overdue+tooFar
		if next, ok := c.policy.nextAttempt(&crt.Status); ok {
			failures := 1
			if n := crt.Status.FailedIssuanceAttempts; n != nil {
				failures = *n
			}
			ch <- sample{c.attempts, crt.labels, float64(failures)}
			ch <- sample{c.retry, crt.labels, float64(next.Unix())}
		}
		if crt.broken() {
			ch <- sample{c.broken, crt.labels, 1}
		}
		for _, m := range c.times {
			seconds := 0.
			if t := m.of(&crt.Status); t != nil {
				seconds = float64(t.Unix())
			}
			ch <- sample{m.desc, crt.labels, seconds}
		}
	}
	for i := range conditionValues {
		condition := &dto.LabelPair{Name: &conditionLabel, Value: &conditionValues[i]}
		for _, crt := range certificates {
			is := 0.
			if conditionValues[i] == crt.ready() {
				is = 1
			}
			ch <- sample{c.ready, append([]*dto.LabelPair{condition}, crt.labels...), is}
		}
	}
	ch <- prometheus.MustNewConstMetric(c.due, prometheus.GaugeValue, float64(due))
	ch <- prometheus.MustNewConstMetric(c.overdue, prometheus.GaugeValue, float64(overdue))
}

// renewalPast is 1 if the renewal time is past at now, and 1 if it is so by more
// than a quarter of the time from there to the expiry.
func renewalPast(s *certsv1.CertificateStatus, now time.Time) (due, overdue int) {
	if s.RenewalTime == nil || s.NotAfter == nil || now.Before(s.RenewalTime.Time) {
		return 0, 0
	}
	if now.Sub(s.RenewalTime.Time) > s.NotAfter.Sub(s.RenewalTime.Time)/4 {
		return 1, 1
	}
	return 1, 0
}
