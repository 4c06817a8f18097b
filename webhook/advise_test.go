package webhook

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	certsv1 "github.com/certwright/certwright/certs/v1"
)

// TestAdvise: whatever comes of advice, an Ingress is let through.
func TestAdvise(t *testing.T) {
	says := func(texts ...string) Adviser {
		return func(context.Context, []byte) ([]string, []*certsv1.Certificate) { return texts, nil }
	}
	ingresses := metav1.GroupVersionResource{Group: "networking.k8s.io", Version: "v1", Resource: "ingresses"}
	tests := map[string]struct {
		adviser   Adviser
		resource  metav1.GroupVersionResource
		operation admissionv1.Operation
		want      []string
		panics    float64
	}{
		"warnings are passed on":         {adviser: says("a: b", "c: d"), resource: ingresses, operation: "UPDATE", want: []string{"a: b", "c: d"}},
		"long ones are cut":              {adviser: says(strings.Repeat("x", 300)), resource: ingresses, operation: "CREATE", want: []string{strings.Repeat("x", 253) + "..."}},
		"nobody has to have any":         {resource: ingresses, operation: "CREATE"},
		"a panic is no refusal":          {adviser: func(context.Context, []byte) ([]string, []*certsv1.Certificate) { panic("on purpose") }, resource: ingresses, operation: "CREATE", panics: 1},
		"nothing is said of a deletion":  {adviser: says("a"), resource: ingresses, operation: "DELETE"},
		"nothing is said of other kinds": {adviser: says("a"), resource: metav1.GroupVersionResource{Group: "cert-manager.io", Version: "v1", Resource: "certificates"}, operation: "CREATE"},
		"a Certificate that it asks for is looked at": {
			adviser: func(context.Context, []byte) ([]string, []*certsv1.Certificate) {
				crt := &certsv1.Certificate{ObjectMeta: metav1.ObjectMeta{Name: "t"}}
				crt.Spec.Keystores = &certsv1.CertificateKeystores{JKS: &certsv1.JKSKeystore{Create: true, Password: ptr("literal")}}
				return nil, []*certsv1.Certificate{crt}
			},
			resource: ingresses, operation: "CREATE",
			want: []string{"of the Certificate t: "},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			metrics, err := NewMetrics(prometheus.NewRegistry())
			if err != nil {
				t.Fatal(err)
			}
			body, err := json.Marshal(admissionv1.AdmissionReview{
				TypeMeta: metav1.TypeMeta{APIVersion: "admission.k8s.io/v1", Kind: "AdmissionReview"},
				Request: &admissionv1.AdmissionRequest{
					UID: "1", Resource: tt.resource, Kind: metav1.GroupVersionKind{Group: tt.resource.Group, Version: "v1", Kind: "Ingress"},
					Namespace: "team", Name: "x", Operation: tt.operation, Object: runtime.RawExtension{Raw: []byte(`{}`)},
				},
			})
			if err != nil {
				t.Fatal(err)
			}
			post := httptest.NewRequest(http.MethodPost, advisePath, bytes.NewReader(body))
			post.Header.Set("Content-Type", "application/json")
			recorder := httptest.NewRecorder()
			Handler(Config{Ingress: tt.adviser, Metrics: metrics}).ServeHTTP(recorder, post)
			var answer admissionv1.AdmissionReview
			if err := json.Unmarshal(recorder.Body.Bytes(), &answer); err != nil || answer.Response == nil {
				t.Fatalf("%d %s: %v", recorder.Code, recorder.Body, err)
			}
			if !answer.Response.Allowed || len(answer.Response.Patch) > 0 {
				t.Errorf("answer is %+v", answer.Response)
			}
			if !slices.EqualFunc(tt.want, answer.Response.Warnings, func(want, got string) bool { return strings.HasPrefix(got, want) }) {
				t.Errorf("warnings %q, want %q", answer.Response.Warnings, tt.want)
			}
			if got := testutil.ToFloat64(metrics.panics); got != tt.panics {
				t.Errorf("counted %g panics", got)
			}
		})
	}
}
