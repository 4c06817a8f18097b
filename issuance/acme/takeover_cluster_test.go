//go:build cluster

package acme_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	acmev1 "github.com/certwright/certwright/certs/acme/v1"
	"github.com/certwright/certwright/issuance/acme/http01"
	testacme "github.com/certwright/certwright/test/acme"
)

// stuck waits until the one Challenge is presented and does not get further.
func (w *world) stuck() acmev1.Challenge {
	w.Helper()
	var ch acmev1.Challenge
	w.eventually("challenge is presented", func() string {
		for _, c := range w.challenges() {
			if c.Status.Presented {
				ch = c
				return ""
			}
		}
		return "no" + w.describe()
	})
	return ch
}

// Another program was in the middle of it: its Challenge has another name and
// the old finalizer, its Service leads to a Pod, its Ingress to its Service.
func TestWhatAnotherProgramBeganIsFinished(t *testing.T) {
	t.Parallel()
	w := newWorld(t, testacme.Options{})
	stop := w.run()
	w.cut.Store(true)
	w.issuer(httpSolver())
	cr := w.request("web", w.namespace+".example.test")
	ours := w.stuck()
	stop()

	ours.Finalizers = nil
	w.must(w.client.Update(t.Context(), &ours))
	w.must(w.client.Delete(t.Context(), &ours))
	w.within(90*time.Second, "ours is gone", w.left)
	theirs := &acmev1.Challenge{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "theirs-1-2",
		OwnerReferences: ours.OwnerReferences, Finalizers: []string{acmev1.LegacyChallengeFinalizer}}, Spec: ours.Spec}
	w.must(w.client.Create(t.Context(), theirs))
	theirs.Status = ours.Status
	w.must(w.client.Status().Update(t.Context(), theirs))
	labels := map[string]string{http01.SolverLabel: "true"}
	for k, v := range labelsOf(&ours) {
		labels[k] = v
	}
	owner := []metav1.OwnerReference{*metav1.NewControllerRef(theirs, acmev1.GroupVersion.WithKind(acmev1.ChallengeKind))}
	svc := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, GenerateName: "cm-acme-http-solver-", Labels: labels, OwnerReferences: owner},
		Spec: corev1.ServiceSpec{Type: corev1.ServiceTypeNodePort, Selector: labels, Ports: []corev1.ServicePort{{Name: "http", Port: 8089, TargetPort: intstr.FromInt32(8089)}}}}
	w.must(w.client.Create(t.Context(), svc))
	exact := networkingv1.PathTypeExact
	in := &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, GenerateName: "cm-acme-http-solver-", Labels: labels, OwnerReferences: owner}}
	in.Spec.Rules = []networkingv1.IngressRule{{Host: ours.Spec.DNSName, IngressRuleValue: networkingv1.IngressRuleValue{HTTP: &networkingv1.HTTPIngressRuleValue{
		Paths: []networkingv1.HTTPIngressPath{{Path: "/.well-known/acme-challenge/" + ours.Spec.Token, PathType: &exact,
			Backend: networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{Name: svc.Name, Port: networkingv1.ServiceBackendPort{Number: 8089}}}}}}}}}
	w.must(w.client.Create(t.Context(), in))

	w.cut.Store(false)
	w.run()
	for _, ch := range w.challenges() {
		if ch.Name != "theirs-1-2" {
			t.Errorf("challenge %s", ch.Name)
		}
	}
	w.issued(cr)
	if n := w.ca.Orders(); n != 1 {
		t.Errorf("%d orders", n)
	}
	w.within(90*time.Second, "clean", w.left)
}

// labelsOf are the labels of what was presented for ch, recomputed by hand.
func labelsOf(ch *acmev1.Challenge) map[string]string {
	sum := func(s string) string {
		a, b := uint32(1), uint32(0)
		for i := range len(s) {
			a = (a + uint32(s[i])) % 65521
			b = (b + a) % 65521
		}
		return strings.TrimSpace(decimal(b<<16 | a))
	}
	return map[string]string{http01.DomainLabel: sum(ch.Spec.DNSName), http01.TokenLabel: sum(ch.Spec.Token)}
}

func decimal(n uint32) string {
	if n < 10 {
		return string(rune('0' + n))
	}
	return decimal(n/10) + decimal(n%10)
}

func TestADeletedOrderIsMadeAnew(t *testing.T) {
	t.Parallel()
	w := newWorld(t, testacme.Options{})
	w.run()
	w.cut.Store(true)
	w.issuer(httpSolver())
	cr := w.request("web", w.namespace+".example.test")
	w.stuck()
	for _, o := range w.orders() {
		w.must(w.client.Delete(t.Context(), &o))
	}
	w.cut.Store(false)
	w.issued(cr)
	w.within(90*time.Second, "clean", w.left)
}

// The key of the account is replaced while an order is under way. The old order
// belongs to an account that we cannot speak for any more.
func TestAnOrderOfAnOldAccountIsMadeAnew(t *testing.T) {
	t.Parallel()
	w := newWorld(t, testacme.Options{})
	stop := w.run()
	w.cut.Store(true)
	i := w.issuer(httpSolver())
	cr := w.request("web", w.namespace+".example.test")
	w.stuck()
	stop()
	uri := i.Status.ACME.URI
	var s corev1.Secret
	w.must(w.client.Get(t.Context(), types.NamespacedName{Namespace: w.namespace, Name: "account"}, &s))
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	w.must(err)
	s.Data["tls.key"] = []byte(pemOf(t, "RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(key)))
	w.must(w.client.Update(t.Context(), &s))
	w.cut.Store(false)
	w.run()
	w.eventually("another account", func() string {
		w.must(w.client.Get(t.Context(), client.ObjectKeyFromObject(i), i))
		if i.Status.ACME == nil || i.Status.ACME.URI == uri {
			return "the old one"
		}
		return ""
	})
	w.issued(cr)
	if n := len(w.orders()); n != 1 {
		t.Errorf("%d Order objects", n)
	}
	w.within(90*time.Second, "clean", w.left)
}
