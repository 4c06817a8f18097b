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

	"github.com/google/go-cmp/cmp"
	jks "github.com/pavlo-v-chernykh/keystore-go/v4"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"software.sslmate.com/src/go-pkcs12"

	"github.com/certwright/certwright/certs"
	"github.com/certwright/certwright/certs/keystore"
	cmmeta "github.com/certwright/certwright/certs/meta/v1"
	certsv1 "github.com/certwright/certwright/certs/v1"
	"github.com/certwright/certwright/issuance/certificate"
)

// withKeystores asks for a JKS with the literal password "sesame" and for a
// PKCS#12 file with the password in the Secret "passwords".
func withKeystores(c *certsv1.Certificate) {
	c.Spec.Keystores = &certsv1.CertificateKeystores{
		JKS: &certsv1.JKSKeystore{Create: true, Password: ptr.To("sesame")},
		PKCS12: &certsv1.PKCS12Keystore{Create: true, Profile: certsv1.Modern2023PKCS12Profile, PasswordSecretRef: &cmmeta.SecretKeySelector{
			LocalObjectReference: cmmeta.LocalObjectReference{Name: "passwords"}, Key: "p12",
		}},
	}
}

func passwords(p12 string) *corev1.Secret {
	return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "passwords"}, Data: map[string][]byte{"p12": []byte(p12)}}
}

// setPassword changes the Secret "passwords".
func (w *world) setPassword(change func(*corev1.Secret)) {
	w.t.Helper()
	w.until("change the password", func() error {
		s := w.secret("passwords")
		change(s)
		return w.client.Update(w.t.Context(), s)
	})
}

// openKeystores checks that s holds keystores with its own key and chain, that
// open with the passwords, and whose key has the alias.
func openKeystores(s *corev1.Secret, java, p12, alias string) error {
	key, err := certs.DecodeKey(s.Data["tls.key"])
	if err != nil {
		return err
	}
	chain, err := certs.DecodeChain(s.Data["tls.crt"])
	if err != nil {
		return err
	}
	cas, err := certs.DecodeChain(s.Data["ca.crt"])
	if err != nil {
		return err
	}
	store := jks.New(jks.WithOrderedAliases())
	if err := store.Load(bytes.NewReader(s.Data[keystore.JKSKey]), []byte(java)); err != nil {
		return fmt.Errorf("keystore.jks: %w", err)
	}
	entry, err := store.GetPrivateKeyEntry(alias, []byte(java))
	if err != nil {
		return fmt.Errorf("keystore.jks: %w", err)
	}
	if !bytes.Equal(entry.CertificateChain[0].Content, chain[0].Raw) {
		return errors.New("keystore.jks holds another certificate")
	}
	trust := jks.New()
	if err := trust.Load(bytes.NewReader(s.Data[keystore.JKSTrustKey]), []byte(java)); err != nil {
		return fmt.Errorf("truststore.jks: %w", err)
	}
	if ca, err := trust.GetTrustedCertificateEntry("ca"); err != nil || !bytes.Equal(ca.Certificate.Content, cas[0].Raw) {
		return fmt.Errorf("truststore.jks does not hold the CA (%w)", err)
	}
	got, leaf, _, err := pkcs12.DecodeChain(s.Data[keystore.PKCS12Key], p12)
	if err != nil {
		return fmt.Errorf("keystore.p12: %w", err)
	}
	if signer, ok := got.(crypto.Signer); !ok || !certs.SamePublicKey(key.Public(), signer.Public()) || !bytes.Equal(leaf.Raw, chain[0].Raw) {
		return errors.New("keystore.p12 holds another pair")
	}
	trusted, err := pkcs12.DecodeTrustStore(s.Data[keystore.PKCS12TrustKey], p12)
	if err != nil {
		return fmt.Errorf("truststore.p12: %w", err)
	}
	if !bytes.Equal(trusted[0].Raw, cas[0].Raw) {
		return errors.New("truststore.p12 does not hold the CA")
	}
	return nil
}

// opens waits until the keystores in a Secret open.
func (w *world) opens(secret, java, p12, alias string) *corev1.Secret {
	w.t.Helper()
	var s *corev1.Secret
	w.until("the keystores open", func() error {
		s = w.secret(secret)
		return openKeystores(s, java, p12, alias)
	})
	return s
}

// unchanged checks that the entries of two Secrets are the same.
func unchanged(t *testing.T, before, after *corev1.Secret, keys ...string) {
	t.Helper()
	for _, key := range keys {
		if !bytes.Equal(before.Data[key], after.Data[key]) {
			t.Errorf("%s has changed", key)
		}
	}
}

// settledOver checks that a restart writes nothing.
func (w *world) settledOver() {
	w.t.Helper()
	w.quiet()
	w.start()
	w.quiet()
	if writes, events := w.wire.written(); len(writes)+events != 0 {
		w.t.Errorf("a restart led to %d events and the writes %v", events, writes)
	}
}

func TestKeystores(t *testing.T) {
	w := newWorld(t)
	w.start()
	w.withCA()
	w.create(passwords("open"))
	w.quiet()
	w.wire.written()
	w.create(newCertificate("web", withKeystores))
	_, before, _ := w.ready("web", 1)
	w.quiet()
	want := []string{"POST certificaterequests", "PATCH certificaterequests/status", "PATCH secrets", "PATCH certificates/status"}
	if writes, events := w.wire.written(); !slices.Equal(want, writes) || events != 1 {
		t.Errorf("%d events and the writes %v", events, writes)
	}
	if err := openKeystores(before, "sesame", "open", "certificate"); err != nil {
		t.Error(err)
	}
	w.settledOver()
	w.wire.mu.Lock()
	if w.wire.reads > 20 {
		t.Errorf("a restart led to %d reads", w.wire.reads)
	}
	w.wire.mu.Unlock()
	unchanged(t, before, w.secret("web-tls"), slices.Collect(maps.Keys(before.Data))...)

	pair := []string{"tls.crt", "tls.key", "ca.crt"}
	java, p12 := []string{keystore.JKSKey, keystore.JKSTrustKey}, []string{keystore.PKCS12Key, keystore.PKCS12TrustKey}

	// The password in the Secret changes: one keystore is made anew, the other
	// and the certificate stay.
	w.setPassword(func(s *corev1.Secret) { s.Data["p12"] = []byte("new") })
	after := w.opens("web-tls", "sesame", "new", "certificate")
	unchanged(t, before, after, append(pair, java...)...)

	// So do alias, profile and literal password.
	w.update("web", func(c *certsv1.Certificate) { c.Spec.Keystores.JKS.Alias = ptr.To("web") })
	aliased := w.opens("web-tls", "sesame", "new", "web")
	unchanged(t, after, aliased, append(pair, p12...)...)
	w.update("web", func(c *certsv1.Certificate) { c.Spec.Keystores.PKCS12.Profile = certsv1.LegacyDESPKCS12Profile })
	w.until("another profile", func() error {
		if after = w.secret("web-tls"); bytes.Equal(after.Data[keystore.PKCS12Key], aliased.Data[keystore.PKCS12Key]) {
			return errors.New("the keystore is the old one")
		}
		return openKeystores(after, "sesame", "new", "web")
	})
	unchanged(t, aliased, after, append(pair, java...)...)
	w.update("web", func(c *certsv1.Certificate) { c.Spec.Keystores.JKS.Password = ptr.To("other") })
	before = w.opens("web-tls", "other", "new", "web")
	unchanged(t, after, before, append(pair, p12...)...)
	w.settledOver()

	// A new label on the password's Secret makes no new keystore.
	w.wire.written()
	w.setPassword(func(s *corev1.Secret) { s.Labels = map[string]string{"touched": "yes"} })
	w.quiet()
	if writes, _ := w.wire.written(); !slices.Equal(writes, []string{"PATCH secrets"}) {
		t.Errorf("a label on the password's Secret led to the writes %v", writes)
	}
	unchanged(t, before, w.secret("web-tls"), slices.Collect(maps.Keys(before.Data))...)
	w.settledOver()

	// The private key is written in another form, and everything that holds it.
	w.update("web", func(c *certsv1.Certificate) { c.Spec.PrivateKey.Encoding = certsv1.PKCS8 })
	w.until("PKCS#8", func() error {
		if after = w.secret("web-tls"); !bytes.HasPrefix(after.Data["tls.key"], []byte("-----BEGIN PRIVATE KEY-----")) {
			return errors.New("not yet")
		}
		return openKeystores(after, "other", "new", "web")
	})
	unchanged(t, before, after, "tls.crt", "ca.crt")
	w.settledOver()

	// What is no longer wanted goes away.
	w.update("web", func(c *certsv1.Certificate) { c.Spec.Keystores.JKS = nil })
	w.until("no JKS", func() error { return holds(w.secret("web-tls"), append(pair, p12...)...) })
	unchanged(t, after, w.secret("web-tls"), append(pair, p12...)...)
	w.update("web", func(c *certsv1.Certificate) { c.Spec.Keystores = nil })
	w.until("no keystore", func() error { return holds(w.secret("web-tls"), pair...) })
	if _, ok := w.secret("web-tls").Annotations[certificate.KeystoresKey]; ok {
		t.Error("the mark of the keystores is left")
	}
	w.settledOver()

	crt := w.certificate("web")
	var requests certsv1.CertificateRequestList
	must(t, w.client.List(t.Context(), &requests, client.InNamespace(w.namespace)))
	if *crt.Status.Revision != 1 || len(requests.Items) != 1 {
		t.Errorf("revision %d, %d requests: something was issued again", *crt.Status.Revision, len(requests.Items))
	}
}

// holds reports whether a Secret has just these entries.
func holds(s *corev1.Secret, keys ...string) error {
	slices.Sort(keys)
	if diff := cmp.Diff(keys, slices.Sorted(maps.Keys(s.Data))); diff != "" {
		return errors.New(diff)
	}
	return nil
}

// told waits until a condition of a Certificate mentions part.
func (w *world) told(name string, condition certsv1.CertificateConditionType, status cmmeta.ConditionStatus, part string) {
	w.t.Helper()
	w.until(fmt.Sprintf("%s tells of %s", condition, part), func() error {
		c := w.certificate(name).Status.Condition(condition)
		if c == nil || c.Status != status || !strings.Contains(c.Message, part) {
			return fmt.Errorf("it is %v", c)
		}
		return nil
	})
}

// warned waits for a Warning event.
func (w *world) warned(reason string) {
	w.t.Helper()
	w.until("event "+reason, func() error {
		var events corev1.EventList
		must(w.t, w.client.List(w.t.Context(), &events, client.InNamespace(w.namespace)))
		for _, e := range events.Items {
			if e.Type == corev1.EventTypeWarning && e.Reason == reason {
				return nil
			}
		}
		return errors.New("none")
	})
}

func TestKeystorePasswordComesLate(t *testing.T) {
	issuer := &slowIssuer{}
	w := newWorld(t, withSlow(issuer))
	w.start()
	w.withCA()
	issuer.create(w)
	w.create(newCertificate("web", withKeystores), newCertificate("slow", withKeystores, slowly))
	for _, name := range []string{"web", "slow"} {
		w.told(name, certsv1.CertificateConditionIssuing, cmmeta.ConditionTrue, `the Secret "passwords" does not exist, whose entry "p12"`)
	}
	w.warned("KeystorePasswordSecretNotFound")

	p := passwords("open")
	p.Data = map[string][]byte{"other": []byte("x")}
	w.create(p)
	w.told("web", certsv1.CertificateConditionIssuing, cmmeta.ConditionTrue, `has no entry "p12"`)
	w.warned("KeystorePasswordInvalid")
	w.setPassword(func(s *corev1.Secret) { s.Data["p12"] = nil })
	w.told("web", certsv1.CertificateConditionIssuing, cmmeta.ConditionTrue, `the password is empty`)

	// Nothing was asked of anybody meanwhile.
	w.quiet()
	var requests certsv1.CertificateRequestList
	must(t, w.client.List(t.Context(), &requests, client.InNamespace(w.namespace)))
	if len(requests.Items) != 0 {
		t.Errorf("%d requests were made in vain", len(requests.Items))
	}
	w.setPassword(func(s *corev1.Secret) { s.Data["p12"] = []byte("open") })
	w.ready("web", 1)
	w.opens("web-tls", "sesame", "open", "certificate")

	// It goes away while the issuer thinks about it: the answer waits.
	w.pending("slow-1")
	req := &certsv1.CertificateRequest{}
	must(t, w.get(req, "slow-1"))
	must(t, w.client.Delete(t.Context(), w.secret("passwords")))
	issuer.answers(nil)
	w.told("slow", certsv1.CertificateConditionIssuing, cmmeta.ConditionTrue, `does not exist`)
	w.told("web", certsv1.CertificateConditionReady, cmmeta.ConditionTrue, `does not exist`)
	w.start()
	w.quiet()
	w.create(passwords("again"))
	w.ready("slow", 1)
	w.opens("slow-tls", "sesame", "again", "certificate")
	w.opens("web-tls", "sesame", "again", "certificate")
	w.told("web", certsv1.CertificateConditionReady, cmmeta.ConditionTrue, `has not expired`)
	after := &certsv1.CertificateRequest{}
	must(t, w.get(after, "slow-1"))
	if req.UID != after.UID {
		t.Error("the request was made again")
	}
	if c := w.certificate("web").Status.Condition(certsv1.CertificateConditionReady); strings.Contains(c.Message, "keystore") {
		t.Errorf("Ready still says %q", c.Message)
	}
}

// What cert-manager has written stays as it is until something changes.
func TestKeystoresOfAnotherProgram(t *testing.T) {
	w := newWorld(t)
	w.start()
	w.withCA()
	w.create(passwords("open"))
	w.create(newCertificate("web", withKeystores))
	_, before, _ := w.ready("web", 1)
	w.stop()
	annotations := maps.Clone(before.Annotations)
	delete(annotations, certificate.KeystoresKey)
	theirs := corev1ac.Secret(before.Name, before.Namespace).WithType(before.Type).WithLabels(before.Labels).WithAnnotations(annotations).WithData(before.Data)
	must(t, w.client.Apply(t.Context(), theirs, client.FieldOwner(certificate.FieldOwner), client.ForceOwnership))
	before = w.secret("web-tls")
	if _, ok := before.Annotations[certificate.KeystoresKey]; ok {
		t.Fatal("the mark is still there")
	}

	w.settledOver()
	w.update("web", func(c *certsv1.Certificate) {
		c.Spec.SecretTemplate = &certsv1.CertificateSecretTemplate{Labels: map[string]string{"team": "a"}}
	})
	w.until("the template is there", func() error {
		if w.secret("web-tls").Labels["team"] != "a" {
			return errors.New("not yet")
		}
		return nil
	})
	unchanged(t, before, w.secret("web-tls"), slices.Collect(maps.Keys(before.Data))...)
	w.setPassword(func(s *corev1.Secret) { s.Data["p12"] = []byte("new") })
	w.opens("web-tls", "sesame", "new", "certificate")
	w.settledOver()
}

// A password that stands in the target Secret itself does not change because
// that Secret does.
func TestKeystorePasswordInTheTargetSecret(t *testing.T) {
	w := newWorld(t)
	w.start()
	w.withCA()
	w.create(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "web-tls"}, Data: map[string][]byte{"password": []byte("open")}})
	w.create(newCertificate("web", withKeystores, func(c *certsv1.Certificate) {
		c.Spec.Keystores.PKCS12.PasswordSecretRef = &cmmeta.SecretKeySelector{LocalObjectReference: cmmeta.LocalObjectReference{Name: "web-tls"}, Key: "password"}
	}))
	w.ready("web", 1)
	w.opens("web-tls", "sesame", "open", "certificate")
	w.settledOver()
	s := w.secret("web-tls")
	s.Data["password"] = []byte("new")
	must(t, w.client.Update(t.Context(), s))
	w.opens("web-tls", "sesame", "new", "certificate")
	w.settledOver()
}
