package certificate

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	certsv1 "github.com/certwright/certwright/certs/v1"
)

// BenchmarkScrape is one scrape of 10,000 Certificates.
func BenchmarkScrape(b *testing.B) {
	at := metav1.NewTime(time.Unix(1_900_000_000, 0))
	reader := listed{}
	for i := range 10_000 {
		reader.items = append(reader.items, *crt(func(c *certsv1.Certificate) {
			c.Name, c.Namespace = fmt.Sprintf("web-%d", i), fmt.Sprintf("team-%d", i%50)
			c.Status.NotAfter, c.Status.NotBefore, c.Status.RenewalTime = &at, &at, &at
			c.Status.SetCondition(certsv1.CertificateCondition{Type: "Ready", Status: "True"}, at)
		}))
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(NewCollector(reader, Config{Clock: clock.RealClock{}}))
	handler := promhttp.HandlerFor(registry, promhttp.HandlerOpts{})
	b.ReportAllocs()
	for b.Loop() {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
		if w.Code != 200 {
			b.Fatal(w.Body)
		}
	}
}

// listed is a cache that holds these.
type listed struct {
	client.Reader
	items []certsv1.Certificate
}

func (l listed) List(_ context.Context, list client.ObjectList, _ ...client.ListOption) error {
	list.(*certsv1.CertificateList).Items = l.items
	return nil
}
