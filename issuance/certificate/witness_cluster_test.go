//go:build cluster

package certificate_test

import (
	"fmt"
	"strings"
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	certsv1 "github.com/certwright/certwright/certs/v1"
)

// A witness has seen all Secrets and requests that ever were in a world's
// namespace.
type witness struct {
	w *world

	mu       sync.Mutex
	secrets  []seenSecret
	requests map[types.UID]*certsv1.CertificateRequest // as each was last
	messages map[string]bool                           // of their conditions
	versions map[string]bool
}

// A seenSecret is one version of a Secret, perhaps the one that was deleted.
type seenSecret struct {
	*corev1.Secret
	deleted bool
}

// witness watches from now on.
func (w *world) witness() *witness {
	w.t.Helper()
	n := &witness{w: w, requests: map[types.UID]*certsv1.CertificateRequest{}, messages: map[string]bool{}, versions: map[string]bool{}}
	c, err := client.NewWithWatch(w.config, client.Options{Scheme: w.scheme, Mapper: w.client.RESTMapper()})
	must(w.t, err)
	for _, list := range n.lists() {
		events, err := c.Watch(w.t.Context(), list, client.InNamespace(w.namespace))
		must(w.t, err)
		go func() {
			for e := range events.ResultChan() {
				n.note(e)
			}
		}()
	}
	return n
}

func (*witness) lists() []client.ObjectList {
	return []client.ObjectList{&corev1.SecretList{}, &certsv1.CertificateRequestList{}}
}

func (n *witness) note(e watch.Event) {
	n.mu.Lock()
	defer n.mu.Unlock()
	switch o := e.Object.(type) {
	case *corev1.Secret:
		n.secrets = append(n.secrets, seenSecret{o, e.Type == watch.Deleted})
		n.versions[o.ResourceVersion] = true
	case *certsv1.CertificateRequest:
		n.requests[o.UID] = o
		for _, c := range o.Status.Conditions {
			n.messages[c.Message] = true
		}
		n.versions[o.ResourceVersion] = true
	}
}

// caughtUp waits until everything that is there has been seen.
func (n *witness) caughtUp() {
	n.w.t.Helper()
	n.w.until("the watches catch up", func() error {
		for _, list := range n.lists() {
			if err := n.w.client.List(n.w.t.Context(), list, client.InNamespace(n.w.namespace)); err != nil {
				return err
			}
			if err := meta.EachListItem(list, n.hasSeen); err != nil {
				return err
			}
		}
		return nil
	})
}

func (n *witness) hasSeen(o runtime.Object) error {
	m, err := meta.Accessor(o)
	if err != nil {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.versions[m.GetResourceVersion()] {
		return fmt.Errorf("%s is not", m.GetName())
	}
	return nil
}

// said reports whether a condition of a request ever said text.
func (n *witness) said(text string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	for message := range n.messages {
		if strings.Contains(message, text) {
			return true
		}
	}
	return false
}
