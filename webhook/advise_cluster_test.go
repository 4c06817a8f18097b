//go:build cluster

package webhook_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	certsv1 "github.com/certwright/certwright/certs/v1"
	"github.com/certwright/certwright/webhook"
	"github.com/certwright/certwright/webhook/serving"
)

// take returns the warnings since the last time.
func (h *heard) take() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	defer func() { h.texts = nil }()
	return strings.Join(h.texts, "\n")
}

// TestAdvice: the API server asks about annotated Ingresses only, passes
// warnings on, and takes them whatever we do.
func TestAdvice(t *testing.T) {
	w := connect(t)
	const annotated = "{cert-manager.io/cluster-issuer: x}"
	var mu sync.Mutex
	asked := map[string]int{}
	release := make(chan struct{})
	h := w.start(t, func(_ *serving.Config, rules *webhook.Config) {
		rules.Ingress = func(_ context.Context, raw []byte) ([]string, []*certsv1.Certificate) {
			ing := &unstructured.Unstructured{}
			if err := ing.UnmarshalJSON(raw); err != nil {
				t.Error(err)
			}
			name := ing.GetName()
			mu.Lock()
			asked[name]++
			mu.Unlock()
			switch {
			case strings.HasPrefix(name, "panics"):
				panic("on purpose")
			case strings.HasPrefix(name, "hangs"):
				<-release
			}
			return []string{"metadata.annotations[x]: careful"}, nil
		}
	})
	t.Cleanup(func() { close(release) })
	listener := &heard{}
	config := rest.CopyConfig(w.config)
	config.WarningHandler = listener
	user, err := client.New(config, client.Options{Scheme: w.scheme})
	if err != nil {
		t.Fatal(err)
	}
	ns := w.namespace(t, nil)
	ingress := func(name, annotations string) client.Object {
		return object("networking.k8s.io/v1", "Ingress", ns, name,
			`{metadata: {annotations: `+annotations+`}, spec: {defaultBackend: {service: {name: s, port: {number: 80}}}}}`)
	}
	times := func(name string) int {
		mu.Lock()
		defer mu.Unlock()
		return asked[name]
	}
	eventually(t, "the API server asks", func() error {
		if err := user.Create(t.Context(), ingress("first", annotated), client.DryRunAll); err != nil {
			return err
		}
		if listener.take() == "" {
			return context.DeadlineExceeded
		}
		return nil
	})

	for name, tt := range map[string]struct {
		annotations string
		asked       int
		warned      string
	}{
		"plain":          {"{}", 0, ""},
		"others":         {"{nginx.ingress.kubernetes.io/rewrite-target: /, policy.cert-manager.io/x: z}", 0, ""},
		"annotated":      {annotated, 1, "metadata.annotations[x]: careful"},
		"acme":           {"{acme.cert-manager.io/http01-edit-in-place: 'true'}", 1, "metadata.annotations[x]: careful"},
		"tls-acme":       {"{kubernetes.io/tls-acme: 'true'}", 1, "metadata.annotations[x]: careful"},
		"ours":           {"{certwright.dev/tls: 'true'}", 1, "metadata.annotations[x]: careful"},
		"of-old":         {"{certmanager.k8s.io/issuer: x}", 1, "metadata.annotations[x]: careful"},
		"panics":         {annotated, 1, ""},
		"hangs-a-little": {annotated, 1, ""},
	} {
		began := time.Now()
		obj := ingress(name, tt.annotations)
		if err := user.Create(t.Context(), obj); err != nil {
			t.Errorf("%s is refused: %v", name, err)
		}
		if took := time.Since(began); took > 3*time.Second {
			t.Errorf("%s took %v", name, took)
		}
		warned := listener.take()
		if times(name) != tt.asked || (tt.warned != "" && warned != tt.warned) {
			t.Errorf("%s: asked %d times, warned %q", name, times(name), warned)
		}
	}

	// What changes nothing for us is not sent.
	again := ingress("annotated", annotated)
	for _, tt := range []struct {
		change string
		asked  int
	}{
		{`{"metadata":{"labels":{"a":"b"}}}`, 1},
		{`{"metadata":{"finalizers":["certwright.dev/test"]}}`, 1},
		{`{"metadata":{"finalizers":null}}`, 1},
		{`{"metadata":{"annotations":{"other":"x"}}}`, 2},
		{`{"spec":{"tls":[{"secretName":"t"}]}}`, 3},
		{`{"metadata":{"annotations":null}}`, 3},
	} {
		if err := user.Patch(t.Context(), again, client.RawPatch("application/merge-patch+json", []byte(tt.change))); err != nil {
			t.Errorf("%s: %v", tt.change, err)
		}
		if times("annotated") != tt.asked {
			t.Errorf("%s: asked %d times", tt.change, times("annotated"))
		}
	}

	// Without us all is applied as ever.
	h.stop()
	if err := user.Create(t.Context(), ingress("alone", annotated)); err != nil {
		t.Errorf("refused while the webhook is away: %v", err)
	}
}
