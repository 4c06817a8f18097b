//go:build cluster

package certificate_test

import (
	"bytes"
	"crypto"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/certwright/certwright/certs"
	cmmeta "github.com/certwright/certwright/certs/meta/v1"
	certsv1 "github.com/certwright/certwright/certs/v1"
	"github.com/certwright/certwright/test/takeover"
)

// predecessor returns cert-manager as it was an hour ago, with its issuers.
func (w *world) predecessor() *takeover.Predecessor {
	w.t.Helper()
	p := &takeover.Predecessor{TB: w.t, Client: w.client, Namespace: w.namespace, Now: w.clock.Now().Add(-time.Hour), CA: takeover.NewAuthority(w.t)}
	p.Issuers()
	return p
}

// versions returns the version of every object in the namespace that is of
// interest to us, by kind and name.
func (w *world) versions() map[string]string {
	w.t.Helper()
	out := map[string]string{}
	for kind, list := range map[string]client.ObjectList{
		"Secret": &corev1.SecretList{}, "CertificateRequest": &certsv1.CertificateRequestList{},
		"Certificate": &certsv1.CertificateList{}, "Issuer": &certsv1.IssuerList{},
	} {
		must(w.t, w.client.List(w.t.Context(), list, client.InNamespace(w.namespace)))
		items := metaOf(list)
		for _, m := range items {
			out[kind+" "+m.GetName()] = m.GetResourceVersion()
		}
	}
	return out
}

func metaOf(list client.ObjectList) (out []metav1.Object) {
	switch l := list.(type) {
	case *corev1.SecretList:
		for i := range l.Items {
			out = append(out, &l.Items[i])
		}
	case *certsv1.CertificateRequestList:
		for i := range l.Items {
			out = append(out, &l.Items[i])
		}
	case *certsv1.CertificateList:
		for i := range l.Items {
			out = append(out, &l.Items[i])
		}
	case *certsv1.IssuerList:
		for i := range l.Items {
			out = append(out, &l.Items[i])
		}
	}
	return out
}

// requestsOf returns the requests of a Certificate by name, with their UIDs.
func (w *world) requestsOf(certificate string) map[string]types.UID {
	w.t.Helper()
	var list certsv1.CertificateRequestList
	must(w.t, w.client.List(w.t.Context(), &list, client.InNamespace(w.namespace)))
	out := map[string]types.UID{}
	for _, r := range list.Items {
		if owner := metav1.GetControllerOf(&r); owner != nil && owner.Name == certificate {
			out[r.Name] = r.UID
		}
	}
	return out
}

// TestTakeOverOfWhatIsSettled: cert-manager is replaced by us while all is well.
// Nothing is issued again, and nothing at all is written.
func TestTakeOverOfWhatIsSettled(t *testing.T) {
	w := newWorld(t)
	p := w.predecessor()
	variants := takeover.Variants()
	for _, v := range variants {
		p.Settled(v)
	}
	// What has a history.
	renewed := p.Begin(takeover.Variant{Name: "renewed"})
	renewed.AskAs("renewed-7hq2x", 6) // as old versions named them
	renewed.Ask(7)
	renewed.Approve()
	renewed.Issue()
	renewed.Store()
	renewed.Ready(7)
	must(t, w.client.Delete(t.Context(), w.certificateRequest("renewed-7hq2x"))) // beyond the limit, so already gone
	withoutRequest := p.Settled(takeover.Variant{Name: "without-its-request"})
	must(t, w.client.Delete(t.Context(), withoutRequest.Request))
	p.Settled(takeover.Variant{Name: "issued-and-said-so"}).Issued()

	// What others, or older versions, have written.
	byUpdate := func(name, manager string, change func(*corev1.Secret)) {
		l := p.Begin(takeover.Variant{Name: name, Change: func(c *certsv1.CertificateSpec) {
			c.SecretTemplate = &certsv1.CertificateSecretTemplate{Labels: map[string]string{"team": "a"}, Annotations: map[string]string{"note": "b"}}
			c.AdditionalOutputFormats = []certsv1.CertificateAdditionalOutputFormat{{Type: "DER"}}
		}})
		l.Ask(1)
		l.Approve()
		l.Issue()
		l.StoreAs(manager, change)
		l.Ready(1)
	}
	byUpdate("by-update", takeover.Manager, nil)
	byUpdate("with-entries-of-others", takeover.Manager, nil)
	s := w.secret("with-entries-of-others-tls")
	s.Data["theirs"], s.Labels["theirs"], s.Annotations["theirs"] = []byte("x"), "y", "z"
	must(t, w.client.Update(t.Context(), s, client.FieldOwner("kubectl-edit")))
	l := p.Begin(takeover.Variant{Name: "by-update-then-apply"})
	l.Ask(1)
	l.Approve()
	l.Issue()
	l.StoreAs(takeover.Manager, nil)
	l.Store()
	l.Ready(1)
	l = p.Begin(takeover.Variant{Name: "imported"}) // nobody has annotated it
	l.Ask(1)
	l.Approve()
	l.Issue()
	l.StoreAs("kubectl-create", func(s *corev1.Secret) {
		maps.DeleteFunc(s.Annotations, func(k, _ string) bool {
			return strings.Contains(k, "/issuer-") || strings.HasSuffix(k, "/certificate-name")
		})
	})
	l.Ready(1)

	before := w.versions()
	w.start()
	w.settled()
	writes, events := w.wire.written()
	if len(writes) != 0 || events != 0 {
		t.Errorf("%d events and the writes %v", events, writes)
	}
	if diff := cmp.Diff(before, w.versions()); diff != "" {
		t.Errorf("what has changed (-before +after):\n%s", diff)
	}
	t.Logf("taken over %d variants, %d objects: %d writes, %d events", len(variants)+7, len(before), len(writes), events)

	// And they are ours from now on: what is changed takes effect.
	w.update("by-update", func(c *certsv1.Certificate) {
		c.Spec.SecretTemplate, c.Spec.AdditionalOutputFormats = nil, nil
	})
	w.until("what was written by Update goes when nobody wants it any more", func() error {
		s := w.secret("by-update-tls")
		if len(s.Labels) != 1 || s.Annotations["note"] != "" || len(s.Data) != 3 {
			return fmt.Errorf("labels %v, annotations %v, %d entries", s.Labels, s.Annotations, len(s.Data))
		}
		for _, f := range s.ManagedFields {
			if f.Manager == takeover.Manager && f.Operation == metav1.ManagedFieldsOperationUpdate {
				return errors.New("still managed by Update")
			}
		}
		return nil
	})
	w.update("plain", func(c *certsv1.Certificate) { c.Spec.DNSNames = []string{"new.example"} })
	w.ready("plain", 2)
	w.update("renewed", func(c *certsv1.Certificate) { c.Spec.DNSNames = []string{"new.example"} })
	w.ready("renewed", 8)
}

// at is w for a part of the test.
func (w *world) at(t *testing.T) *world {
	part := *w
	part.t = t
	return &part
}

// edit changes a spec while nobody is looking.
func (w *world) edit(l *takeover.Life, change func(*certsv1.CertificateSpec)) {
	w.t.Helper()
	change(&l.Certificate.Spec)
	must(w.t, w.client.Update(w.t.Context(), l.Certificate))
}

// dropKeys deletes the next private keys.
func (w *world) dropKeys(l *takeover.Life) {
	w.t.Helper()
	must(w.t, w.client.Delete(w.t.Context(), w.secret(*l.Certificate.Status.NextPrivateKeySecretName)))
}

func otherKey(t *testing.T) crypto.Signer {
	t.Helper()
	key, err := certs.GenerateKey(&certsv1.CertificatePrivateKey{Algorithm: certsv1.ECDSAKeyAlgorithm})
	must(t, err)
	return key
}

// TestTakeOverWritesWhatDiffers: what is not as it should be is put right, by as
// many writes as it takes, and never by another certificate.
func TestTakeOverWritesWhatDiffers(t *testing.T) {
	w := newWorld(t)
	p := w.predecessor()
	secretWith := func(change func(*corev1.Secret)) func(*takeover.Life) {
		return func(l *takeover.Life) { l.StoreAs(takeover.Manager, change) }
	}
	byApply := func(l *takeover.Life) { l.Store() }
	settled := func(l *takeover.Life) { l.Ready(1) }
	tests := map[string]struct {
		store, report func(*takeover.Life)
		writes        []string
	}{
		"a Secret of a version that knew no label yet": {
			secretWith(func(s *corev1.Secret) { s.Labels = nil }), settled, []string{"PATCH secrets", "PATCH secrets"}, // a claim, then an apply
		},
		"a Secret without an annotation that came later": {
			secretWith(func(s *corev1.Secret) { delete(s.Annotations, "cert-manager.io/uri-sans") }), settled, []string{"PATCH secrets", "PATCH secrets"},
		},
		"a label that is left over from a former template": {
			secretWith(func(s *corev1.Secret) { s.Labels["team"] = "a" }), settled, []string{"PATCH secrets", "PATCH secrets"},
		},
		"a status of a version that did not observe generations": {
			byApply, func(l *takeover.Life) { l.ReadyWithoutGeneration() }, []string{"PATCH certificates/status"},
		},
		"a status that was not written any more": {
			byApply, func(l *takeover.Life) { l.NotReady("DoesNotExist", "Issuing certificate as Secret does not exist") }, []string{"PATCH certificates/status"},
		},
		"no status at all": {
			byApply, func(*takeover.Life) {}, []string{"PATCH certificates/status"},
		},
	}
	number := 0
	for name, tt := range tests {
		number++
		l := p.Begin(takeover.Variant{Name: fmt.Sprint("web-", number)})
		l.Ask(1)
		l.Approve()
		l.Issue()
		tt.store(l)
		tt.report(l)
		before, request := w.secret(l.Certificate.Spec.SecretName), w.requestsOf(l.Certificate.Name)
		w.start()
		w.settled()
		writes, events := w.wire.written()
		if diff := cmp.Diff(tt.writes, writes); diff != "" {
			t.Errorf("%s: writes (-want +got):\n%s", name, diff)
		}
		t.Logf("%s: %d writes, %d events", name, len(writes), events)
		after := w.secret(l.Certificate.Spec.SecretName)
		if diff := cmp.Diff(before.Data, after.Data); diff != "" {
			t.Errorf("%s: the Secret's data have changed", name)
		}
		if labels, annotations := l.Description(); !maps.Equal(labels, after.Labels) || !maps.Equal(annotations, after.Annotations) {
			t.Errorf("%s: labels %v, annotations %v", name, after.Labels, after.Annotations)
		}
		if diff := cmp.Diff(request, w.requestsOf(l.Certificate.Name)); diff != "" {
			t.Errorf("%s: requests (-before +after):\n%s", name, diff)
		}
		if c := w.certificate(l.Certificate.Name).Status.Condition(certsv1.CertificateConditionReady); c == nil || c.Status != cmmeta.ConditionTrue || c.ObservedGeneration != 1 {
			t.Errorf("%s: Ready is %v", name, c)
		}
		w.stop()
	}
}

// TestTakeOverInFlight: cert-manager is replaced in the middle of an issuance.
// It is finished with the key and the request that are there, where it would
// have done that itself.
func TestTakeOverInFlight(t *testing.T) {
	w := newWorld(t)
	p := w.predecessor()
	type life = takeover.Life
	issuing := func(l *life) {
		l.NotReady("DoesNotExist", "Issuing certificate as Secret does not exist")
		l.Trigger("DoesNotExist")
	}
	asked := func(l *life) { issuing(l); l.StoreKey(); l.Ask(1) }
	renewing := func(l *life, key crypto.Signer) {
		l.Ask(1)
		l.Approve()
		l.Issue()
		l.Store()
		l.Ready(1)
		l.Key = key
		l.Trigger("ManuallyTriggered")
		l.StoreKey()
		l.Ask(2)
	}
	kept := func(c *certsv1.CertificateSpec) { c.PrivateKey.RotationPolicy = certsv1.RotationPolicyNever }
	self := func(c *certsv1.CertificateSpec) { c.IssuerRef.Name = "self" }
	const now = 1 // the revision of what was under way
	tests := map[string]struct {
		change func(*certsv1.CertificateSpec)
		leave  func(*life)
		// revision in the end.
		revision int
		// newRequest and newKey are what could not be used.
		newRequest, newKey bool
		// kept says that the Secret stays as it is.
		kept bool
	}{
		"a request waits to be approved":                    {leave: asked, revision: now},
		"a request is approved and not signed":              {leave: func(l *life) { asked(l); l.Approve() }, revision: now},
		"a request was pending because of its issuer":       {leave: func(l *life) { asked(l); l.Approve(); l.Pend() }, revision: now},
		"a request is signed and its answer not stored":     {leave: func(l *life) { asked(l); l.Approve(); l.Issue() }, revision: now},
		"an answer is stored and not reported":              {leave: func(l *life) { asked(l); l.Approve(); l.Issue(); l.Store() }, revision: now, kept: true},
		"a key is stored and nothing requested":             {leave: func(l *life) { issuing(l); l.StoreKey() }, revision: now, newRequest: true},
		"a key is stored, which the status does not say":    {leave: func(l *life) { issuing(l); l.ExtraKey("any-name", l.Key) }, revision: now, newRequest: true},
		"an issuance was triggered and nothing done":        {leave: issuing, revision: now, newRequest: true, newKey: true},
		"nothing was done at all":                           {leave: func(*life) {}, revision: now, newRequest: true, newKey: true},
		"the issuer signs with the key of the request":      {change: self, leave: asked, revision: now},
		"a renewal waits to be approved":                    {leave: func(l *life) { renewing(l, otherKey(t)) }, revision: 2},
		"a renewal is signed and its answer not stored":     {leave: func(l *life) { renewing(l, otherKey(t)); l.Approve(); l.Issue() }, revision: 2},
		"a renewal with the key that is kept":               {change: kept, leave: func(l *life) { renewing(l, l.Key); l.Approve() }, revision: 2},
		"of two stored keys the younger one was asked with": {leave: func(l *life) { issuing(l); l.ExtraKey("an-older-key", otherKey(t)); l.StoreKey(); l.Ask(1) }, revision: now},
		"a stray key is stored":                             {leave: func(l *life) { asked(l); l.ExtraKey("a-younger-key", otherKey(t)) }, revision: now},
		"the names have changed since": {leave: func(l *life) {
			asked(l)
			w.edit(l, func(c *certsv1.CertificateSpec) { c.DNSNames = []string{"new.example"} })
		}, revision: now, newRequest: true},
		"the kind of key has changed since": {leave: func(l *life) {
			asked(l)
			w.edit(l, func(c *certsv1.CertificateSpec) { c.PrivateKey.Algorithm = certsv1.Ed25519KeyAlgorithm })
		}, revision: now, newRequest: true, newKey: true},
		"the request was made with a key that is lost": {leave: func(l *life) { issuing(l); l.Ask(1) }, revision: now, newRequest: true, newKey: true},
	}
	number, lives := 0, map[string]*life{}
	requests, before := map[string]map[string]types.UID{}, map[string]*corev1.Secret{}
	for name, tt := range tests {
		number++
		l := p.Begin(takeover.Variant{Name: fmt.Sprint("web-", number), Change: tt.change})
		tt.leave(l)
		lives[name], requests[name] = l, w.requestsOf(l.Certificate.Name)
		if tt.kept {
			before[name] = w.secret(l.Certificate.Spec.SecretName)
		}
	}
	w.start()
	for _, name := range slices.Sorted(maps.Keys(tests)) {
		tt, l := tests[name], lives[name]
		t.Run(name, func(t *testing.T) {
			w := w.at(t)
			_, s, leaf := w.ready(l.Certificate.Name, tt.revision)
			if got := !certs.SamePublicKey(leaf.PublicKey, l.Key.Public()); got != tt.newKey {
				t.Errorf("another key: %t, want %t", got, tt.newKey)
			}
			last := fmt.Sprintf("%s-%d", l.Certificate.Name, tt.revision)
			if got := w.requestsOf(l.Certificate.Name)[last] != requests[name][last]; got != tt.newRequest {
				t.Errorf("another request: %t, want %t", got, tt.newRequest)
			}
			if tt.kept && s.ResourceVersion != before[name].ResourceVersion {
				t.Error("the Secret was written again")
			}
			if n := w.certificate(l.Certificate.Name).Status.FailedIssuanceAttempts; n != nil {
				t.Errorf("%d attempts have failed", *n)
			}
			w.until("no key is left over", func() error {
				var keys corev1.SecretList
				if err := w.client.List(t.Context(), &keys, client.InNamespace(w.namespace), client.MatchingLabels{certsv1.NextPrivateKeyKey: "true"}); err != nil {
					return err
				}
				for i := range keys.Items {
					if metav1.IsControlledBy(&keys.Items[i], l.Certificate) {
						return errors.New(keys.Items[i].Name)
					}
				}
				return nil
			})
		})
	}
}

// TestTakeOverOfFailures: what has failed under cert-manager waits on as long as
// it would have, and is counted on.
func TestTakeOverOfFailures(t *testing.T) {
	w := newWorld(t)
	p := w.predecessor()
	type life = takeover.Life
	asked := func(l *life) {
		l.NotReady("DoesNotExist", "Issuing certificate as Secret does not exist")
		l.Trigger("DoesNotExist")
		l.StoreKey()
		l.Ask(1)
	}
	tests := map[string]struct {
		leave func(*life)
		// counted says that the failure is known already.
		counted  bool
		failures int
		reason   string
	}{
		"failed for the third time, in back-off": {func(l *life) { asked(l); l.Approve(); l.Fail(); w.dropKeys(l); l.BackOff(3, "Failed", "no") }, true, 3, "Failed"},
		"denied, in back-off":                    {func(l *life) { asked(l); l.Deny(); w.dropKeys(l); l.BackOff(1, "Policy", "not by this policy") }, true, 1, "Policy"},
		"failed, and not counted yet":            {func(l *life) { asked(l); l.Approve(); l.Fail() }, false, 1, "Failed"},
		"denied, and not counted yet":            {func(l *life) { asked(l); l.Deny() }, false, 1, "Policy"},
	}
	number, lives := 0, map[string]*life{}
	for name, tt := range tests {
		number++
		l := p.Begin(takeover.Variant{Name: fmt.Sprint("web-", number)})
		tt.leave(l)
		lives[name] = l
	}
	requests := map[string]map[string]types.UID{}
	for name, l := range lives {
		requests[name] = w.requestsOf(l.Certificate.Name)
	}
	w.start()
	for name, tt := range tests {
		l := lives[name]
		w.until(name, func() error {
			c := w.certificate(l.Certificate.Name)
			i := c.Status.Condition(certsv1.CertificateConditionIssuing)
			if n := c.Status.FailedIssuanceAttempts; n == nil || *n != tt.failures || i == nil || i.Status != cmmeta.ConditionFalse || i.Reason != tt.reason {
				return fmt.Errorf("status %+v", c.Status)
			}
			return nil
		})
	}
	w.quiet()
	for name, tt := range tests {
		l := lives[name]
		if diff := cmp.Diff(requests[name], w.requestsOf(l.Certificate.Name)); diff != "" {
			t.Errorf("%s: requests (-before +after):\n%s", name, diff)
		}
		c := w.certificate(l.Certificate.Name)
		if tt.counted && !c.Status.LastFailureTime.Equal(l.Certificate.Status.LastFailureTime) {
			t.Errorf("%s: failed at %s, was %s", name, c.Status.LastFailureTime, l.Certificate.Status.LastFailureTime)
		}
		wait := time.Hour << (tt.failures - 1)
		w.clock.SetTime(c.Status.LastFailureTime.Add(wait - time.Second))
		w.poke(l.Certificate.Name)
		w.quiet()
		if diff := cmp.Diff(requests[name], w.requestsOf(l.Certificate.Name)); diff != "" {
			t.Errorf("%s: requests before the back-off of %s is over (-before +after):\n%s", name, wait, diff)
		}
		w.clock.SetTime(c.Status.LastFailureTime.Add(wait))
		w.poke(l.Certificate.Name)
		w.ready(l.Certificate.Name, 1)
	}
}

// TestAnExternalIssuerIsWaitedFor: an issuer of somebody else was at work when
// cert-manager was replaced, and answers now.
func TestAnExternalIssuerIsWaitedFor(t *testing.T) {
	w := newWorld(t)
	p := w.predecessor()
	l := p.Begin(takeover.Variant{Name: "web", Change: func(c *certsv1.CertificateSpec) {
		c.IssuerRef = cmmeta.IssuerReference{Name: "x", Kind: "CloudIssuer", Group: "cloud.example"}
	}})
	l.NotReady("DoesNotExist", "Issuing certificate as Secret does not exist")
	l.Trigger("DoesNotExist")
	l.StoreKey()
	l.Ask(1)
	l.Approve()
	l.Pend()
	before := w.requestsOf("web")
	version := w.certificateRequest("web-1").ResourceVersion
	w.start()
	w.settled()
	if after := w.certificateRequest("web-1"); after.ResourceVersion != version {
		t.Error("its request was written to")
	}
	l.Issue()
	_, s, leaf := w.ready("web", 1)
	if !bytes.Equal(leaf.Raw, l.Leaf.Raw) || !certs.SamePublicKey(leaf.PublicKey, l.Key.Public()) {
		t.Error("another certificate, or another key")
	}
	if diff := cmp.Diff(before, w.requestsOf("web")); diff != "" {
		t.Errorf("requests (-before +after):\n%s", diff)
	}
	if got := s.Annotations["cert-manager.io/issuer-group"]; got != "cloud.example" {
		t.Errorf("issuer group %q", got)
	}
}
