//go:build cluster

package certificate_test

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/certwright/certwright/certs"
	cmmeta "github.com/certwright/certwright/certs/meta/v1"
	certsv1 "github.com/certwright/certwright/certs/v1"
	"github.com/certwright/certwright/issuance"
	"github.com/certwright/certwright/issuance/certificate"
)

func wantsTemporary(c *certsv1.Certificate) {
	c.Annotations = map[string]string{certsv1.IssueTemporaryCertificateKey: "true"}
}

// temporary waits for a temporary certificate.
func (w *world) temporary(secret string) (*corev1.Secret, *x509.Certificate) {
	w.t.Helper()
	s := &corev1.Secret{}
	w.until("a temporary certificate in "+secret, func() error {
		if err := w.get(s, secret); err != nil {
			return err
		}
		if s.Annotations[certificate.TemporaryKey] != "true" {
			return fmt.Errorf("annotations %v", s.Annotations)
		}
		return nil
	})
	chain, err := certs.DecodeChain(s.Data["tls.crt"])
	must(w.t, err)
	return s, chain[0]
}

func TestTemporaryCertificate(t *testing.T) {
	issuer := &slowIssuer{}
	w := newWorld(t, withSlow(issuer))
	w.start()
	issuer.create(w)
	w.create(newCertificate("web", slowly, wantsTemporary))
	before, leaf := w.temporary("web-tls")
	w.pending("web-1")
	w.quiet()
	if leaf.Issuer.String() != "CN=cert-manager.local" || leaf.DNSNames[0] != "web.example" {
		t.Errorf("issued by %s for %v", leaf.Issuer, leaf.DNSNames)
	}
	for _, key := range []string{certsv1.IssuerNameKey, certsv1.IssuerKindKey, certsv1.IssuerGroupKey} {
		if _, ok := before.Annotations[key]; ok {
			t.Errorf("a temporary certificate has the annotation %s", key)
		}
	}
	if before.Type != corev1.SecretTypeTLS || before.Annotations[certsv1.CertificateNameKey] != "web" {
		t.Errorf("type %s, annotations %v", before.Type, before.Annotations)
	}
	w.until("Ready says what is there", func() error {
		c := w.certificate("web").Status.Condition(certsv1.CertificateConditionReady)
		if c == nil || c.Status != cmmeta.ConditionFalse || c.Reason != "IncorrectIssuer" || !strings.Contains(c.Message, "temporary") {
			return fmt.Errorf("Ready is %v", c)
		}
		return nil
	})
	var told bool
	w.until("an event tells", func() error {
		var events corev1.EventList
		must(t, w.client.List(t.Context(), &events, client.InNamespace(w.namespace)))
		for _, e := range events.Items {
			told = told || e.Type == "Normal" && e.Reason == "Issuing" && strings.Contains(e.Message, "temporary")
		}
		if !told {
			return errors.New("no")
		}
		return nil
	})

	// A restart changes nothing about it.
	w.start()
	w.quiet()
	if !sameData(before, w.secret("web-tls")) {
		t.Error("a restart made another temporary certificate")
	}

	issuer.answers(nil)
	_, after, genuine := w.ready("web", 1)
	if genuine.Issuer.String() != issuer.root.Subject.String() {
		t.Errorf("issued by %s", genuine.Issuer)
	}
	if !bytes.Equal(before.Data["tls.key"], after.Data["tls.key"]) {
		t.Error("the real certificate has another key")
	}
	if _, ok := after.Annotations[certificate.TemporaryKey]; ok || after.Annotations[certsv1.IssuerNameKey] != "slow" {
		t.Errorf("annotations %v", after.Annotations)
	}

	// Whatever is usable is served until the next one comes.
	issuer.answers(issuance.Pending{Reason: "Queued", Message: "again"})
	w.update("web", func(c *certsv1.Certificate) { c.Spec.DNSNames = []string{"other.example"} })
	w.pending("web-2")
	w.quiet()
	if !sameData(after, w.secret("web-tls")) {
		t.Error("a usable pair was overwritten")
	}
}

// Names that are nowhere but in the literal subject or in other names are no
// obstacle; an issuer that answers at once makes no use of it.
func TestTemporaryCertificateOfAnySpec(t *testing.T) {
	issuer := &slowIssuer{}
	w := newWorld(t, withSlow(issuer))
	w.start()
	issuer.create(w)
	w.withCA()
	w.create(
		newCertificate("literal", slowly, wantsTemporary, func(c *certsv1.Certificate) { c.Spec.DNSNames, c.Spec.LiteralSubject = nil, "CN=svc,O=example" }),
		newCertificate("other", slowly, wantsTemporary, func(c *certsv1.Certificate) {
			c.Spec.DNSNames, c.Spec.OtherNames = nil, []certsv1.OtherName{{OID: "1.3.6.1.4.1.311.20.2.3", UTF8Value: "a@b.example"}}
		}),
		newCertificate("unasked", slowly),
	)
	if _, leaf := w.temporary("literal-tls"); leaf.Subject.String() != "CN=svc,O=example" {
		t.Errorf("subject %s", leaf.Subject)
	}
	w.temporary("other-tls")
	w.pending("unasked-1")
	w.quiet()
	if err := w.get(&corev1.Secret{}, "unasked-tls"); !apierrors.IsNotFound(err) {
		t.Errorf("a temporary certificate that nobody asked for (%v)", err)
	}

	w.wire.written()
	w.create(newCertificate("quick", wantsTemporary))
	w.ready("quick", 1)
	w.quiet()
	if writes, events := w.wire.written(); len(writes) != 4 || events != 1 {
		t.Errorf("a CA took %d events and the writes %v", events, writes)
	}
}

// After a refusal the next attempt has a new key; the temporary certificate
// stays until it succeeds.
func TestTemporaryCertificateSurvivesAFailure(t *testing.T) {
	issuer := &slowIssuer{}
	w := newWorld(t, withSlow(issuer))
	w.start()
	issuer.create(w)
	w.create(newCertificate("web", slowly, wantsTemporary))
	before, _ := w.temporary("web-tls")
	issuer.answers(issuance.Refused{Reason: "Failed", Message: "one of them has said no"})
	var crt *certsv1.Certificate
	w.until("the refusal is counted", func() error {
		if crt = w.certificate("web"); crt.Status.LastFailureTime == nil {
			return errors.New("not yet")
		}
		return nil
	})
	w.quiet()
	if !sameData(before, w.secret("web-tls")) {
		t.Error("the temporary certificate has changed")
	}
	if c := w.certificate("web").Status.Condition(certsv1.CertificateConditionReady); c == nil || c.Status != cmmeta.ConditionFalse {
		t.Errorf("Ready is %v", c)
	}
	issuer.answers(nil)
	w.update("web", func(c *certsv1.Certificate) { c.Spec.DNSNames = []string{"other.example"} })
	w.ready("web", 1)
}
