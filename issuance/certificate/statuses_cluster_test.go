//go:build cluster

package certificate_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cmmeta "github.com/certwright/certwright/certs/meta/v1"
	certsv1 "github.com/certwright/certwright/certs/v1"
)

// A history is every status that Certificates of a namespace have ever shown.
type history struct {
	*world
	mu sync.Mutex
	// shown are the statuses by Certificate, seen the latest versions.
	shown map[string][]string
	seen  map[string]string
}

// follow begins a history.
func (w *world) follow() *history {
	w.t.Helper()
	cl, err := client.NewWithWatch(w.config, client.Options{Scheme: w.scheme})
	must(w.t, err)
	watch, err := cl.Watch(w.t.Context(), &certsv1.CertificateList{}, client.InNamespace(w.namespace))
	must(w.t, err)
	w.t.Cleanup(watch.Stop)
	h := &history{world: w, shown: map[string][]string{}, seen: map[string]string{}}
	go func() {
		for e := range watch.ResultChan() {
			if c, ok := e.Object.(*certsv1.Certificate); ok {
				h.note(c)
			}
		}
	}()
	return h
}

func (h *history) note(c *certsv1.Certificate) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.seen[c.Name] = c.ResourceVersion
	said := said(&c.Status)
	if old := h.shown[c.Name]; said != "" && (len(old) == 0 || old[len(old)-1] != said) {
		h.shown[c.Name] = append(old, said)
	}
}

// said is what a status says, without times and messages.
func said(s *certsv1.CertificateStatus) string {
	var all []string
	for _, c := range s.Conditions {
		all = append(all, fmt.Sprintf("%s=%s %s", c.Type, c.Status, c.Reason))
	}
	slices.Sort(all)
	if s.Revision != nil {
		all = append(all, fmt.Sprint("revision ", *s.Revision))
	}
	if s.FailedIssuanceAttempts != nil {
		all = append(all, fmt.Sprint("failures ", *s.FailedIssuanceAttempts))
	}
	if s.NextPrivateKeySecretName != nil {
		all = append(all, "next key")
	}
	return strings.Join(all, ", ")
}

// of returns what a Certificate has shown up to now.
func (h *history) of(name string) (shown []string) {
	h.t.Helper()
	version := h.certificate(name).ResourceVersion
	h.until("the last status is seen", func() error {
		h.mu.Lock()
		defer h.mu.Unlock()
		shown = slices.Clone(h.shown[name])
		if h.seen[name] != version {
			return errors.New("not yet")
		}
		return nil
	})
	return shown
}

// eventsOf returns the events about a Certificate, once there are n.
func (w *world) eventsOf(name string, n int) (out []string) {
	w.t.Helper()
	w.until(fmt.Sprint(n, " events about ", name), func() error {
		var list corev1.EventList
		if err := w.client.List(w.t.Context(), &list, client.InNamespace(w.namespace), client.MatchingFields{"involvedObject.kind": "Certificate", "involvedObject.name": name}); err != nil {
			return err
		}
		out = nil
		for _, e := range list.Items {
			for range max(e.Count, 1) {
				out = append(out, e.Type+" "+e.Reason)
			}
		}
		if len(out) < n {
			return fmt.Errorf("only %v", out)
		}
		return nil
	})
	slices.Sort(out) // the same one twice is one object, so their order is lost
	return out
}

// brokenCA makes an Issuer that is ready and refuses to sign: its chain cannot
// be built.
func (w *world) brokenCA() {
	w.t.Helper()
	chain, key := testCA(w.t)
	other, _ := testCA(w.t)
	s := caSecret(w.t, "broken-key", chain, key)
	stranger := caSecret(w.t, "", other, key)
	s.Data["tls.crt"] = append(s.Data["tls.crt"], stranger.Data["tls.crt"]...)
	w.create(s, &certsv1.Issuer{ObjectMeta: metav1.ObjectMeta{Name: "broken"}, Spec: certsv1.IssuerSpec{CA: &certsv1.CAIssuer{SecretName: "broken-key"}}})
	w.issuerReady("broken")
}

// ends waits until a Certificate says something.
func (w *world) ends(name, want string) {
	w.t.Helper()
	w.until(name+" says "+want, func() error {
		if got := said(&w.certificate(name).Status); got != want {
			return errors.New(got)
		}
		return nil
	})
}

// askByHand does what certctl renew does.
func (w *world) askByHand(name string) {
	w.t.Helper()
	w.until("ask for a new certificate", func() error {
		c := w.certificate(name)
		c.Status.SetCondition(certsv1.CertificateCondition{Type: "Issuing", Status: "True", Reason: "ManuallyTriggered", Message: "by hand", ObservedGeneration: c.Generation}, metav1.Now())
		return w.client.Status().Update(w.t.Context(), c)
	})
}

// What a Certificate says when all is well.
func good(revision int) string { return fmt.Sprint("Ready=True Ready, revision ", revision) }

// TestStatusesOfIssuersThatAnswerAtOnce: nobody ever sees anything but the
// outcome.
func TestStatusesOfIssuersThatAnswerAtOnce(t *testing.T) {
	w := newWorld(t)
	w.start()
	w.withCA()
	w.create(selfSigned("self"))
	w.issuerReady("self")
	w.brokenCA()
	h := w.follow()
	three := func(c *certsv1.Certificate) { c.Spec.Duration = &metav1.Duration{Duration: 3 * time.Hour} }
	from := func(issuer string) func(*certsv1.Certificate) {
		return func(c *certsv1.Certificate) { c.Spec.IssuerRef.Name = issuer }
	}
	never := func(c *certsv1.Certificate) { c.Spec.PrivateKey.RotationPolicy = certsv1.RotationPolicyNever }
	const failed = "Issuing=False Failed, Ready=False DoesNotExist, failures 1"
	tests := map[string]struct {
		change []func(*certsv1.Certificate)
		// then is what happens after the first certificate is there.
		then   func(name string)
		shown  []string
		events []string
	}{
		"ca":         {shown: []string{good(1)}, events: []string{"Normal Issuing"}},
		"selfsigned": {change: []func(*certsv1.Certificate){from("self")}, shown: []string{good(1)}, events: []string{"Normal Issuing"}},
		"renewed": {change: []func(*certsv1.Certificate){three}, then: func(name string) {
			w.clock.SetTime(w.certificate(name).Status.RenewalTime.Add(time.Second))
			w.poke(name)
			w.ready(name, 2)
		}, shown: []string{good(1), good(2)}, events: []string{"Normal Issuing", "Normal Issuing"}},
		"by-hand": {then: func(name string) {
			w.askByHand(name)
			w.ready(name, 2)
		}, shown: []string{good(1), "Issuing=True ManuallyTriggered, Ready=True Ready, revision 1", good(2)}, events: []string{"Normal Issuing", "Normal Issuing"}},
		"edited": {then: func(name string) {
			w.update(name, func(c *certsv1.Certificate) { c.Spec.DNSNames = []string{"new.example"} })
			w.ready(name, 2)
		}, shown: []string{good(1), good(2)}, events: []string{"Normal Issuing", "Normal Issuing"}},
		"kept-key": {change: []func(*certsv1.Certificate){never}, then: func(name string) {
			must(t, w.client.Delete(t.Context(), w.certificateRequest(name+"-1")))
			w.update(name, func(c *certsv1.Certificate) { c.Spec.CommonName = "x" })
			w.ready(name, 2)
		}, shown: []string{good(1), good(2)}, events: []string{"Normal Issuing", "Normal Issuing"}},
		"refused": {change: []func(*certsv1.Certificate){from("broken")}, shown: []string{failed}, events: []string{"Warning Failed"}},
	}
	for name, tt := range tests {
		w.create(newCertificate(name, tt.change...))
		if tt.shown[0] != good(1) {
			w.ends(name, tt.shown[0])
		} else {
			w.ready(name, 1)
		}
		if tt.then != nil {
			tt.then(name)
		}
	}
	w.quiet()
	for name, tt := range tests {
		if diff := cmp.Diff(tt.shown, h.of(name)); diff != "" {
			t.Errorf("%s: statuses (-want +got):\n%s", name, diff)
		}
		if diff := cmp.Diff(slices.Sorted(slices.Values(tt.events)), w.eventsOf(name, len(tt.events))); diff != "" {
			t.Errorf("%s: events (-want +got):\n%s", name, diff)
		}
		t.Logf("%s: %s", name, strings.Join(h.of(name), " → "))
	}
}

// TestStatusesOfIssuersThatTakeTime: all that a user sees while others approve.
func TestStatusesOfIssuersThatTakeTime(t *testing.T) {
	w := newWorld(t, func(w *world) { w.manual = true })
	w.start()
	w.withCA()
	w.brokenCA()
	h := w.follow()
	approve := func(name string) { w.decide(name, certsv1.CertificateRequestConditionApproved) }
	const (
		pending = "Issuing=True DoesNotExist, Ready=False DoesNotExist, next key"
		waits   = "Issuing=True DoesNotExist, Ready=False DoesNotExist"
	)
	again := func(reason string) string {
		return "Issuing=True " + reason + ", Ready=True Ready, revision 1, next key"
	}
	asked := []string{"Normal Generated", "Normal Requested", "Normal Issuing"}
	keep := func(c *certsv1.Certificate) { c.Spec.PrivateKey.RotationPolicy = certsv1.RotationPolicyNever }
	tests := map[string]struct {
		change func(*certsv1.Certificate)
		before func(name string)
		then   func(name string)
		shown  []string
		events []string
	}{
		"issued": {then: func(name string) { w.pending(name + "-1"); approve(name + "-1"); w.ready(name, 1) },
			shown: []string{pending, good(1)}, events: append(asked, "Normal Issuing")},
		"renewed": {then: func(name string) {
			w.pending(name + "-1")
			approve(name + "-1")
			w.ready(name, 1)
			w.askByHand(name)
			w.pending(name + "-2")
			approve(name + "-2")
			w.ready(name, 2)
		}, shown: []string{pending, good(1), "Issuing=True ManuallyTriggered, Ready=True Ready, revision 1", again("ManuallyTriggered"), good(2)},
			events: append(asked, "Normal Issuing", "Normal Generated", "Normal Requested", "Normal Issuing")},
		"kept-key": {change: keep, then: func(name string) {
			w.pending(name + "-1")
			approve(name + "-1")
			w.ready(name, 1)
			w.update(name, func(c *certsv1.Certificate) { c.Spec.DNSNames = []string{"new.example"} })
			w.pending(name + "-2")
			approve(name + "-2")
			w.ready(name, 2)
		}, shown: []string{pending, good(1), "Issuing=True RequestChanged, Ready=False RequestChanged, revision 1, next key", good(2)},
			events: append(asked, "Normal Issuing", "Normal Reused", "Normal Requested", "Normal Issuing", "Normal Issuing")},
		"denied": {then: func(name string) {
			w.pending(name + "-1")
			w.decide(name+"-1", certsv1.CertificateRequestConditionDenied)
			w.ends(name, "Issuing=False Policy, Ready=False DoesNotExist, failures 1")
		}, shown: []string{pending, "Issuing=False Policy, Ready=False DoesNotExist, failures 1"}, events: append(asked, "Warning Policy")},
		"failed": {change: func(c *certsv1.Certificate) { c.Spec.IssuerRef.Name = "broken" }, then: func(name string) {
			w.pending(name + "-1")
			approve(name + "-1")
			w.ends(name, "Issuing=False Failed, Ready=False DoesNotExist, failures 1")
		}, shown: []string{pending, "Issuing=False Failed, Ready=False DoesNotExist, failures 1"}, events: append(asked, "Warning Failed")},
		"key-unreadable": {change: keep, before: func(name string) {
			w.create(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: name + "-tls"}, Type: corev1.SecretTypeTLS, Data: map[string][]byte{"tls.key": []byte("x"), "tls.crt": {}}})
		}, then: func(name string) { w.pending(name + "-1") },
			shown: []string{"Issuing=True MissingData, Ready=False MissingData, next key"}, events: append([]string{"Warning DecodeFailed"}, asked...)},
		"key-of-another-kind": {change: keep, before: func(name string) {
			chain, key := testCA(t)
			s := caSecret(t, name+"-tls", chain, key)
			w.create(s)
		}, then: func(name string) {
			w.ends(name, "Issuing=True SecretMismatch, Ready=False SecretMismatch")
		}, shown: []string{"Issuing=True SecretMismatch, Ready=False SecretMismatch"}, events: []string{"Normal Issuing", "Warning CannotRegenerateKey"}},
		"not-to-be-encoded": {change: func(c *certsv1.Certificate) { c.Spec.DNSNames = []string{"bücher.example"} }, then: func(name string) { w.ends(name, waits) },
			shown: []string{waits}, events: []string{"Normal Issuing", "Warning RequestFailed"}},
	}
	for name, tt := range tests {
		c := newCertificate(name)
		if tt.change != nil {
			tt.change(c)
		}
		if name == "key-of-another-kind" {
			c.Spec.PrivateKey.Size = 384
		}
		if tt.before != nil {
			tt.before(name)
		}
		w.create(c)
		tt.then(name)
	}
	w.quiet()
	for name, tt := range tests {
		if diff := cmp.Diff(tt.shown, h.of(name)); diff != "" {
			t.Errorf("%s: statuses (-want +got):\n%s", name, diff)
		}
		if diff := cmp.Diff(slices.Sorted(slices.Values(tt.events)), w.eventsOf(name, len(tt.events))); diff != "" {
			t.Errorf("%s: events (-want +got):\n%s", name, diff)
		}
		t.Logf("%s: %s", name, strings.Join(h.of(name), " → "))
	}
}

// TestExpiryIsNoticed: at the moment of the expiry nothing else happens.
func TestExpiryIsNoticed(t *testing.T) {
	w := newWorld(t)
	w.start()
	w.withCA()
	w.create(newCertificate("web", func(c *certsv1.Certificate) {
		c.Spec.Duration = &metav1.Duration{Duration: time.Hour}
		c.Spec.Renewal = &certsv1.CertificateRenewal{Policy: certsv1.RenewalPolicyDisabled}
	}))
	crt, _, leaf := w.ready("web", 1)
	if crt.Status.RenewalTime != nil {
		t.Errorf("renewed at %s", crt.Status.RenewalTime)
	}
	w.clock.SetTime(leaf.NotAfter)
	w.poke("web") // it sleeps for a second from now on
	w.quiet()
	if got := said(&w.certificate("web").Status); got != good(1) {
		t.Errorf("in its last second: %s", got)
	}
	h := w.follow()
	w.clock.SetTime(leaf.NotAfter.Add(2 * time.Second))
	w.ends("web", "Ready=False Expired, revision 1")
	w.quiet()
	if diff := cmp.Diff([]string{good(1), "Ready=False Expired, revision 1"}, h.of("web")); diff != "" {
		t.Errorf("statuses (-want +got):\n%s", diff)
	}
	if c := w.certificate("web").Status.Condition(certsv1.CertificateConditionReady); c.Status != cmmeta.ConditionFalse || !strings.Contains(c.Message, "expired") {
		t.Errorf("Ready is %v", c)
	}
}

func (w *world) certificateRequest(name string) *certsv1.CertificateRequest {
	w.t.Helper()
	r := &certsv1.CertificateRequest{}
	must(w.t, w.get(r, name))
	return r
}
