//go:build cluster

package certificate_test

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/certwright/certwright/certs"
	cmmeta "github.com/certwright/certwright/certs/meta/v1"
	certsv1 "github.com/certwright/certwright/certs/v1"
)

// external makes a Certificate's issuer one that is not ours: the test answers.
func external(c *certsv1.Certificate) {
	c.Spec.IssuerRef = cmmeta.IssuerReference{Name: "x", Kind: "CloudIssuer", Group: "cloud.example"}
}

// asked waits for an open request of that name that is not the one before.
func (w *world) asked(name string, before *certsv1.CertificateRequest) *certsv1.CertificateRequest {
	w.t.Helper()
	r := &certsv1.CertificateRequest{}
	w.until("request "+name, func() error {
		if err := w.get(r, name); err != nil {
			return err
		}
		if before != nil && r.UID == before.UID || !r.DeletionTimestamp.IsZero() {
			return errors.New("still the old one")
		}
		return nil
	})
	return r
}

// answer writes what an external issuer says: the chain, if any, and one
// condition after the other.
func (w *world) answer(r *certsv1.CertificateRequest, chain []byte, conditions ...certsv1.CertificateRequestCondition) {
	w.t.Helper()
	w.until("answer "+r.Name, func() error {
		if err := w.get(r, r.Name); err != nil {
			return err
		}
		r.Status.Certificate = chain
		for _, c := range conditions {
			r.Status.SetCondition(c, metav1.NewTime(w.clock.Now()))
		}
		return w.client.Status().Update(w.t.Context(), r)
	})
}

func says(kind certsv1.CertificateRequestConditionType, status cmmeta.ConditionStatus, reason, message string) certsv1.CertificateRequestCondition {
	return certsv1.CertificateRequestCondition{Type: kind, Status: status, Reason: reason, Message: message}
}

// signed returns a certificate for r that is valid from a time on for a while.
func (w *world) signed(r *certsv1.CertificateRequest, from time.Time, lifetime time.Duration) []byte {
	w.t.Helper()
	csr, err := certs.DecodeCSR(r.Spec.Request)
	must(w.t, err)
	root, key := testCA(w.t)
	spec := r.Spec
	spec.Duration = &metav1.Duration{Duration: lifetime}
	template, err := certs.Template(&spec, csr, from)
	must(w.t, err)
	leaf, err := certs.Sign(template, root, csr.PublicKey, key)
	must(w.t, err)
	return certs.EncodeChain(leaf)
}

// TestResults: what an answer to a request means for its Certificate.
func TestResults(t *testing.T) {
	w := newWorld(t)
	w.start()
	now := w.clock.Now()
	issued := says("Ready", "True", "Issued", "")
	stranger := func(*certsv1.CertificateRequest) []byte {
		root, _ := testCA(t)
		return certs.EncodeChain(root)
	}
	good := func(r *certsv1.CertificateRequest) []byte { return w.signed(r, now, 24*time.Hour) }
	tests := map[string]struct {
		chain      func(*certsv1.CertificateRequest) []byte
		conditions []certsv1.CertificateRequestCondition
		// want is what the Certificate says then, speaks a part of its message.
		want, speaks string
	}{
		"a certificate":         {good, []certsv1.CertificateRequestCondition{issued}, "Ready=True Ready, revision 1", ""},
		"one of the future":     {func(r *certsv1.CertificateRequest) []byte { return w.signed(r, now.Add(time.Hour), time.Hour) }, []certsv1.CertificateRequestCondition{issued}, "Ready=True Ready, revision 1", ""},
		"one that has expired":  {func(r *certsv1.CertificateRequest) []byte { return w.signed(r, now.Add(-2*time.Hour), time.Hour) }, []certsv1.CertificateRequestCondition{issued}, "Issuing=False InvalidCertificate, Ready=False DoesNotExist, failures 1", "expired"},
		"one for another key":   {stranger, []certsv1.CertificateRequestCondition{issued}, "Issuing=False InvalidCertificate, Ready=False DoesNotExist, failures 1", "another public key"},
		"no certificate":        {func(*certsv1.CertificateRequest) []byte { return []byte("sorry") }, []certsv1.CertificateRequestCondition{issued}, "Issuing=False InvalidCertificate, Ready=False DoesNotExist, failures 1", "cannot be read"},
		"nothing at all":        {func(*certsv1.CertificateRequest) []byte { return nil }, []certsv1.CertificateRequestCondition{issued}, "Issuing=False InvalidCertificate, Ready=False DoesNotExist, failures 1", "cannot be read"},
		"a failure":             {nil, []certsv1.CertificateRequestCondition{says("Ready", "False", "Failed", "out of order")}, "Issuing=False Failed, Ready=False DoesNotExist, failures 1", "out of order"},
		"a denial":              {nil, []certsv1.CertificateRequestCondition{says("Denied", "True", "Policy", "no way")}, "Issuing=False Policy, Ready=False DoesNotExist, failures 1", "no way"},
		"an invalid request":    {nil, []certsv1.CertificateRequestCondition{says("InvalidRequest", "True", "TooLong", "shorter please")}, "Issuing=False TooLong, Ready=False DoesNotExist, failures 1", "shorter please"},
		"a denial wins":         {good, []certsv1.CertificateRequestCondition{issued, says("Denied", "True", "Policy", "no way"), says("InvalidRequest", "True", "TooLong", "")}, "Issuing=False Policy, Ready=False DoesNotExist, failures 1", "no way"},
		"invalidity comes next": {good, []certsv1.CertificateRequestCondition{issued, says("InvalidRequest", "True", "TooLong", "shorter please")}, "Issuing=False TooLong, Ready=False DoesNotExist, failures 1", "shorter please"},
		"patience":              {nil, []certsv1.CertificateRequestCondition{says("Ready", "False", "Pending", "in a minute")}, "Issuing=True DoesNotExist, Ready=False DoesNotExist, next key", "in a minute"},
		"what is not denied":    {nil, []certsv1.CertificateRequestCondition{says("Denied", "False", "Policy", ""), says("InvalidRequest", "False", "", "")}, "Issuing=True DoesNotExist, Ready=False DoesNotExist, next key", ""},
	}
	names := map[string]string{}
	for i, what := range slices.Sorted(maps.Keys(tests)) {
		names[what] = fmt.Sprint("web-", i)
		w.create(newCertificate(names[what], external))
	}
	for what, tt := range tests {
		w.pending(names[what] + "-1")
		r := w.asked(names[what]+"-1", nil)
		var chain []byte
		if tt.chain != nil {
			chain = tt.chain(r)
		}
		w.answer(r, chain, tt.conditions...)
	}
	for what, tt := range tests {
		w.until(what, func() error {
			c := w.certificate(names[what])
			if got := said(&c.Status); got != tt.want {
				return errors.New(got)
			}
			if i := c.Status.Condition(certsv1.CertificateConditionIssuing); i != nil && !strings.Contains(i.Message, tt.speaks) {
				return errors.New(i.Message)
			}
			return nil
		})
	}
	w.quiet()
	for what, tt := range tests { // a failure is counted once, its request kept, its key not
		if got := said(&w.certificate(names[what]).Status); got != tt.want {
			t.Errorf("%s, after a while: %s", what, got)
		}
		if n := len(w.requestsOf(names[what])); n != 1 {
			t.Errorf("%s: %d requests", what, n)
		}
		keys := 0
		if strings.Contains(tt.want, "next key") {
			keys = 1
		}
		if n := w.keysOf(names[what]); n != keys {
			t.Errorf("%s: %d stored keys", what, n)
		}
	}
}

// keysOf counts the next keys of a Certificate.
func (w *world) keysOf(name string) (n int) {
	w.t.Helper()
	var keys corev1.SecretList
	must(w.t, w.client.List(w.t.Context(), &keys, client.InNamespace(w.namespace), client.MatchingLabels{certsv1.NextPrivateKeyKey: "true"}))
	for i := range keys.Items {
		if owner := metav1.GetControllerOf(&keys.Items[i]); owner != nil && owner.Name == name {
			n++
		}
	}
	return n
}

// TestBackOff: an issuer fails again and again. Each wait is twice as long, up
// to 32 hours; each attempt has a key of its own.
func TestBackOff(t *testing.T) {
	w := newWorld(t)
	w.start()
	w.create(newCertificate("web", external))
	var last *certsv1.CertificateRequest
	for attempt, hours := range []int{1, 2, 4, 8, 16, 32, 32} {
		w.pending("web-1")
		r := w.asked("web-1", last)
		if last != nil && bytes.Equal(r.Spec.Request, last.Spec.Request) {
			t.Error("asked with the same key")
		}
		w.answer(r, nil, says("Ready", "False", "Failed", "no"))
		last = r
		var failed time.Time
		w.until(fmt.Sprint("failure ", attempt+1), func() error {
			st := w.certificate("web").Status
			if st.FailedIssuanceAttempts == nil || *st.FailedIssuanceAttempts != attempt+1 {
				return fmt.Errorf("%+v", st)
			}
			failed = st.LastFailureTime.Time
			return nil
		})
		w.clock.SetTime(failed.Add(time.Duration(hours)*time.Hour - time.Second))
		w.poke("web")
		w.quiet()
		if now := w.certificateRequest("web-1"); now.UID != r.UID {
			t.Fatalf("attempt %d was made a second too early, after %d hours", attempt+2, hours)
		}
		w.clock.SetTime(failed.Add(time.Duration(hours) * time.Hour))
		w.poke("web")
	}
	r := w.asked("web-1", last)
	w.answer(r, w.signed(r, w.clock.Now(), time.Hour), says("Ready", "True", "Issued", ""))
	crt, _, _ := w.ready("web", 1)
	if crt.Status.FailedIssuanceAttempts != nil || crt.Status.LastFailureTime != nil {
		t.Errorf("after a success: %+v", crt.Status)
	}
}

// TestBackOffEnds: who changes the spec, or asks by hand, does not wait.
func TestBackOffEnds(t *testing.T) {
	w := newWorld(t)
	w.start()
	w.create(newCertificate("web", external))
	fail := func(r *certsv1.CertificateRequest, failures int) {
		w.answer(r, nil, says("Ready", "False", "Failed", "no"))
		w.ends("web", fmt.Sprint("Issuing=False Failed, Ready=False DoesNotExist, failures ", failures))
		w.quiet()
	}
	w.pending("web-1")
	first := w.asked("web-1", nil)
	fail(first, 1)

	w.update("web", func(c *certsv1.Certificate) { c.Spec.DNSNames = []string{"new.example"} })
	second := w.asked("web-1", first)
	fail(second, 2)

	w.update("web", func(c *certsv1.Certificate) { c.Spec.RevisionHistoryLimit = new(int32(5)) })
	w.quiet()
	if now := w.certificateRequest("web-1"); now.UID != second.UID {
		t.Error("an edit that does not matter ended the wait")
	}

	w.askByHand("web")
	third := w.asked("web-1", second)
	fail(third, 3)
}

// TestRotationPolicy: which key the next certificate is for.
func TestRotationPolicy(t *testing.T) {
	w := newWorld(t)
	w.start()
	w.withCA()
	ecdsa := &certsv1.CertificatePrivateKey{Algorithm: certsv1.ECDSAKeyAlgorithm}
	key, err := certs.GenerateKey(ecdsa)
	must(t, err)
	given, err := certs.EncodeKey(key, "")
	must(t, err)
	tests := map[string]struct {
		policy certsv1.PrivateKeyRotationPolicy
		size   int
		there  []byte
		kept   bool
	}{
		"never, with the key that the user gave":  {certsv1.RotationPolicyNever, 256, given, true},
		"never, without a key":                    {certsv1.RotationPolicyNever, 256, nil, false},
		"never, with one that cannot be read":     {certsv1.RotationPolicyNever, 256, []byte("x"), false},
		"always, with the key that the user gave": {certsv1.RotationPolicyAlways, 256, given, false},
		"by default": {"", 256, given, false},
	}
	i := 0
	for what, tt := range tests {
		i++
		name := fmt.Sprint("web-", i)
		if tt.there != nil {
			w.create(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: name + "-tls"}, Data: map[string][]byte{"tls.key": tt.there}})
		}
		w.create(newCertificate(name, func(c *certsv1.Certificate) { c.Spec.PrivateKey.RotationPolicy = tt.policy }))
		_, first, leaf := w.ready(name, 1)
		if kept := certs.SamePublicKey(leaf.PublicKey, key.Public()); kept != tt.kept {
			t.Errorf("%s: the key is kept: %t", what, kept)
		}
		w.askByHand(name)
		_, second, _ := w.ready(name, 2)
		if kept := bytes.Equal(first.Data["tls.key"], second.Data["tls.key"]); kept != (tt.policy == certsv1.RotationPolicyNever) {
			t.Errorf("%s, renewed: the key is kept: %t", what, kept)
		}
	}

	// A key that must be kept and does not fit: nothing happens, and nothing is
	// counted, until the user acts.
	w.create(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "stuck-tls"}, Data: map[string][]byte{"tls.key": given}})
	w.create(newCertificate("stuck", func(c *certsv1.Certificate) {
		c.Spec.PrivateKey = &certsv1.CertificatePrivateKey{Algorithm: certsv1.ECDSAKeyAlgorithm, Size: 384, RotationPolicy: certsv1.RotationPolicyNever}
	}))
	w.ends("stuck", "Issuing=True MissingData, Ready=False MissingData")
	s := w.secret("stuck-tls")
	delete(s.Data, "tls.key")
	must(t, w.client.Update(t.Context(), s))
	w.ready("stuck", 1)
}

// TestTheSecretIsShared: what is ours in the target Secret, and what is not.
func TestTheSecretIsShared(t *testing.T) {
	w := newWorld(t)
	w.start()
	w.withCA()
	w.create(&corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: "web-tls", Labels: map[string]string{"theirs": "a"}, Annotations: map[string]string{"theirs": "b"}},
		Data:       map[string][]byte{"theirs": []byte("c"), "tls.crt": []byte("old")},
	})
	w.create(newCertificate("web", func(c *certsv1.Certificate) {
		c.Spec.SecretTemplate = &certsv1.CertificateSecretTemplate{
			Labels:      map[string]string{certsv1.SecretManagedKey: "false", "ours": "x"},
			Annotations: map[string]string{certsv1.CommonNameKey: "another", certsv1.CertificateNameKey: "another", "ours": "y"},
		}
	}))
	_, s, leaf := w.ready("web", 1)
	check := func(when string) {
		t.Helper()
		s = w.secret("web-tls")
		switch {
		case s.Type != corev1.SecretTypeOpaque: // it cannot be changed
			t.Errorf("%s: type %s", when, s.Type)
		case s.Labels["theirs"] != "a" || s.Annotations["theirs"] != "b" || string(s.Data["theirs"]) != "c":
			t.Errorf("%s: what others wrote is gone: %v, %v", when, s.Labels, s.Annotations)
		case s.Labels[certsv1.SecretManagedKey] != "true" || s.Annotations[certsv1.CertificateNameKey] != "web" || s.Annotations[certsv1.CommonNameKey] != leaf.Subject.CommonName:
			t.Errorf("%s: the template has the last word: %v, %v", when, s.Labels, s.Annotations)
		case s.Labels["ours"] != "x" || s.Annotations["ours"] != "y":
			t.Errorf("%s: the template has no effect: %v, %v", when, s.Labels, s.Annotations)
		case len(s.OwnerReferences) > 0:
			t.Errorf("%s: owners %v", when, s.OwnerReferences)
		}
	}
	check("at first")
	if len(s.Data["ca.crt"]) == 0 {
		t.Error("no ca.crt")
	}
	w.quiet()
	w.wire.written()
	w.poke("web")
	w.quiet()
	if writes, _ := w.wire.written(); len(writes) != 0 {
		t.Errorf("it is written for ever: %v", writes)
	}

	// The next issuer has no CA to tell of.
	w.update("web", external)
	r := w.asked("web-2", nil)
	w.pending("web-2")
	w.answer(r, w.signed(r, w.clock.Now(), 24*time.Hour), says("Ready", "True", "Issued", ""))
	_, _, leaf = w.ready("web", 2)
	check("from another issuer")
	if _, ok := s.Data["ca.crt"]; ok {
		t.Error("the CA of the former issuer is still there")
	}

	must(t, w.client.Delete(t.Context(), w.certificate("web")))
	w.quiet()
	check("after the Certificate")
}
