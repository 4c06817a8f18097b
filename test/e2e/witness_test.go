//go:build cluster

package e2e

import (
	"slices"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	certsv1 "github.com/certwright/certwright/certs/v1"
)

// A witness has watched a namespace from the beginning.
type witness struct {
	mu sync.Mutex
	// requests are all that ever were, by the name of their Certificate.
	requests map[string][]types.UID
	// certificates are those that each Secret held in turn.
	certificates map[string][]string
}

func newWitness(t *testing.T, namespace string) *witness {
	t.Helper()
	c, err := client.NewWithWatch(world.Cluster.Config, client.Options{Scheme: admin.Scheme(), Mapper: admin.RESTMapper()})
	if err != nil {
		t.Fatal(err)
	}
	w := &witness{requests: map[string][]types.UID{}, certificates: map[string][]string{}}
	for _, list := range []client.ObjectList{&certsv1.CertificateRequestList{}, &corev1.SecretList{}} {
		events, err := c.Watch(t.Context(), list, client.InNamespace(namespace))
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			for e := range events.ResultChan() {
				w.see(e.Object)
			}
		}()
	}
	return w
}

func (w *witness) see(o any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch o := o.(type) {
	case *certsv1.CertificateRequest:
		note(w.requests, o.Annotations[certsv1.CertificateNameKey], o.UID)
	case *corev1.Secret:
		if chain := o.Data["tls.crt"]; len(chain) > 0 {
			note(w.certificates, o.Name, string(chain))
		}
	}
}

func note[T comparable](seen map[string][]T, name string, what T) {
	if !slices.Contains(seen[name], what) {
		seen[name] = append(seen[name], what)
	}
}

// made returns the number of requests that ever were.
func (w *witness) made() (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, list := range w.requests {
		n += len(list)
	}
	return n
}

// history returns how many requests a Certificate has had, and how many
// certificates its Secret of that name.
func (w *witness) history(name string) (requests, certificates int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.requests[name]), len(w.certificates[name])
}
