//go:build cluster

package certificate_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	certsv1 "github.com/certwright/certwright/certs/v1"
)

// The option --enable-certificate-owner-ref takes effect on the Secrets that
// are there, in both directions, and leaves their content alone.
func TestOwnerReference(t *testing.T) {
	w := newWorld(t)
	w.start()
	w.withCA()
	w.create(newCertificate("web"))
	crt, before, _ := w.ready("web", 1)
	owners := func(want []metav1.OwnerReference) {
		t.Helper()
		w.until(fmt.Sprintf("%d owners", len(want)), func() error {
			if diff := cmp.Diff(want, w.secret("web-tls").OwnerReferences); diff != "" {
				return errors.New(diff)
			}
			return nil
		})
		if !sameData(before, w.secret("web-tls")) {
			t.Error("the Secret has another content")
		}
		w.quiet()
		w.start()
		w.quiet()
		if writes, _ := w.wire.written(); len(writes) != 0 {
			t.Errorf("a restart led to the writes %v", writes)
		}
	}
	owners(nil)

	w.ownerRef = true
	w.start()
	owners([]metav1.OwnerReference{*metav1.NewControllerRef(crt, certsv1.GroupVersion.WithKind(certsv1.CertificateKind))})

	w.ownerRef = false
	w.start()
	owners(nil)

	w.ownerRef = true
	w.start()
	w.until("the Certificate owns the Secret again", func() error {
		if len(w.secret("web-tls").OwnerReferences) != 1 {
			return errors.New("not yet")
		}
		return nil
	})
	w.create(newCertificate("new"))
	w.ready("new", 1)
	w.quiet()
	for _, name := range []string{"web", "new"} {
		must(t, w.client.Delete(t.Context(), w.certificate(name)))
		w.until("the Secret goes with its Certificate", func() error {
			if err := w.get(&corev1.Secret{}, name+"-tls"); !apierrors.IsNotFound(err) {
				return fmt.Errorf("it is there (%w)", err)
			}
			return nil
		})
	}
}
