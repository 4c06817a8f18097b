//go:build unix

package webhook

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"io"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/log"
)

// BenchmarkReview is what the handler costs by itself: no TLS, no HTTP, and
// nothing looked up. The objects are those of "make bench".
func BenchmarkReview(b *testing.B) {
	const certificate = `{"metadata":{"name":"x","namespace":"perf"},"spec":{"dnsNames":["x.bench.example"],"secretName":"x-tls",` +
		`"issuerRef":{"group":"cert-manager.io","kind":"ClusterIssuer","name":"ca"},"privateKey":{"algorithm":"ECDSA","rotationPolicy":"Always","size":256}}}`
	request := benchRequest(b)
	for _, bench := range []struct {
		name, path string
		ask        ask
	}{
		{"fill in a Certificate", "/mutate", ask{resource: "certificates", operation: "CREATE", object: certificate, user: bob}},
		{"judge a Certificate", "/validate", ask{resource: "certificates", operation: "CREATE", object: certificate, user: bob}},
		{"judge the change of a Certificate", "/validate", ask{resource: "certificates", operation: "UPDATE", object: certificate, old: strings.Replace(certificate, "x.bench", "y.bench", 1), user: bob}},
		{"refuse a Certificate", "/validate", ask{resource: "certificates", operation: "CREATE", object: strings.Replace(certificate, "x-tls", "X", 1), user: bob}},
		{"stamp a CertificateRequest", "/mutate", ask{resource: "certificaterequests", operation: "CREATE", object: strings.Replace(request, bobSpec, `"username":"eve"`, 1), user: bob}},
		{"judge a CertificateRequest", "/validate", ask{resource: "certificaterequests", operation: "CREATE", object: request, user: bob}},
	} {
		b.Run(bench.name, func(b *testing.B) { postAgain(b, bench.path, bench.ask.body(b)) })
	}
}

// benchRequest is a CertificateRequest of bob.
func benchRequest(b *testing.B) string {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{DNSNames: []string{"x.bench.example"}}, key)
	if err != nil {
		b.Fatal(err)
	}
	csr, err := json.Marshal(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}))
	if err != nil {
		b.Fatal(err)
	}
	return `{"metadata":{"name":"x","namespace":"perf"},"spec":{"issuerRef":{"group":"cert-manager.io","kind":"ClusterIssuer","name":"ca"},"request":` + string(csr) + `,` + bobSpec + `}}`
}

// postAgain posts one body again and again. Beside the usual figures it reports
// CPU time, garbage collection included: on a busy machine ns/op says little.
func postAgain(b *testing.B, path string, body []byte) {
	metrics, err := NewMetrics(prometheus.NewRegistry())
	if err != nil {
		b.Fatal(err)
	}
	handler := Handler(Config{Metrics: metrics})
	content := bytes.NewReader(body)
	request := &http.Request{
		Method: http.MethodPost, URL: &url.URL{Path: path}, Header: http.Header{"Content-Type": {"application/json"}},
		Body: io.NopCloser(content), ContentLength: int64(len(body)),
	}
	request = request.WithContext(log.IntoContext(b.Context(), logr.Discard()))
	w := &discarding{header: http.Header{}}
	b.ReportAllocs()
	before := cpuTime(b)
	for b.Loop() {
		content.Reset(body)
		clear(w.header)
		handler.ServeHTTP(w, request)
		if w.code != 0 {
			b.Fatalf("HTTP %d", w.code)
		}
	}
	b.ReportMetric(float64((cpuTime(b)-before).Nanoseconds())/float64(b.N), "cpu-ns/op")
}

// cpuTime is what this process has used.
func cpuTime(b *testing.B) time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// discarding is a response that nobody reads.
type discarding struct {
	header http.Header
	code   int
}

func (d *discarding) Header() http.Header         { return d.header }
func (d *discarding) Write(p []byte) (int, error) { return len(p), nil }
func (d *discarding) WriteHeader(code int)        { d.code = code }
