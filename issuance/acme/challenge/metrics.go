package challenge

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/client"

	acmev1 "github.com/certwright/certwright/certs/acme/v1"
)

// maxSeries bounds what one scrape returns; there are eight per Challenge.
const maxSeries = 8 * 2000

var states = []acmev1.State{
	acmev1.Ready, acmev1.Valid, acmev1.Errored, acmev1.Expired, acmev1.Invalid, acmev1.Processing, acmev1.Unknown, acmev1.Pending,
}

// collector reads Challenges at scrape time, so that nothing is left over.
type collector struct {
	from client.Reader
	desc *prometheus.Desc
}

// NewCollector returns the metric certmanager_certificate_challenge_status of
// the Challenges that from, the cache, holds.
func NewCollector(from client.Reader) prometheus.Collector {
	return &collector{from: from, desc: prometheus.NewDesc("certmanager_certificate_challenge_status",
		"The state of each ACME challenge: 1 for the one that it is in.",
		[]string{"status", "domain", "reason", "processing", "name", "namespace", "type"}, nil)}
}

// Describe names the metric.
func (c *collector) Describe(out chan<- *prometheus.Desc) { out <- c.desc }

// Collect reads the Challenges.
func (c *collector) Collect(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	var list acmev1.ChallengeList
	if err := c.from.List(ctx, &list, client.UnsafeDisableDeepCopy); err != nil {
		return // no cache, no series; the scrape of the others goes on
	}
	for i := range list.Items {
		if (i+1)*len(states) > maxSeries {
			return
		}
		ch := &list.Items[i]
		for _, s := range states {
			value := 0.0
			if ch.Status.State == s {
				value = 1
			}
			m, err := prometheus.NewConstMetric(c.desc, prometheus.GaugeValue, value, string(s), ch.Spec.DNSName,
				strings.ToValidUTF8(ch.Status.Reason, "?"), strconv.FormatBool(ch.Status.Processing), ch.Name, ch.Namespace, string(ch.Spec.Type))
			if err == nil {
				out <- m
			}
		}
	}
}
