//go:build cluster

package certificate_test

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/certwright/certwright/certs"
	cmmeta "github.com/certwright/certwright/certs/meta/v1"
	certsv1 "github.com/certwright/certwright/certs/v1"
	"github.com/certwright/certwright/issuance/certificate"
)

func TestIssuanceCostsFourWritesAndOneEvent(t *testing.T) {
	w := newWorld(t)
	w.start()
	w.withCA()
	w.create(selfSigned("self"))
	w.issuerReady("self")
	w.quiet()
	w.wire.written()

	key := func(a certsv1.PrivateKeyAlgorithm, size int) func(*certsv1.Certificate) {
		return func(c *certsv1.Certificate) {
			c.Spec.PrivateKey = &certsv1.CertificatePrivateKey{Algorithm: a, Size: size}
		}
	}
	self := func(c *certsv1.Certificate) { c.Spec.IssuerRef.Name, c.Spec.CommonName = "self", "self" }
	tests := map[string]struct {
		change    func(*certsv1.Certificate)
		algorithm x509.PublicKeyAlgorithm
	}{
		"rsa":         {func(c *certsv1.Certificate) { c.Spec.PrivateKey = nil }, x509.RSA},
		"ecdsa":       {key(certsv1.ECDSAKeyAlgorithm, 384), x509.ECDSA},
		"ed25519":     {key(certsv1.Ed25519KeyAlgorithm, 0), x509.Ed25519},
		"self-signed": {self, x509.ECDSA},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w.create(newCertificate(name, tt.change))
			_, s, leaf := w.ready(name, 1)
			w.quiet()
			writes, events := w.wire.written()
			want := []string{"POST certificaterequests", "PATCH certificaterequests/status", "PATCH secrets", "PATCH certificates/status"}
			if diff := cmp.Diff(want, writes); diff != "" {
				t.Errorf("writes (-want +got):\n%s", diff)
			}
			if events != 1 {
				t.Errorf("%d events, want 1", events)
			}
			if leaf.PublicKeyAlgorithm != tt.algorithm || !slices.Equal(leaf.DNSNames, []string{name + ".example"}) {
				t.Errorf("leaf has a key of type %s and the names %v", leaf.PublicKeyAlgorithm, leaf.DNSNames)
			}
			if s.Type != corev1.SecretTypeTLS || len(s.Data["ca.crt"]) == 0 {
				t.Errorf("Secret is of type %s, ca.crt has %d bytes", s.Type, len(s.Data["ca.crt"]))
			}
		})
	}
}

func TestSecretDeletedIsIssuedAgain(t *testing.T) {
	w := newWorld(t)
	w.start()
	w.withCA()
	w.create(newCertificate("web"))
	_, before, _ := w.ready("web", 1)
	must(t, w.client.Delete(t.Context(), before))
	_, after, _ := w.ready("web", 2)
	if sameData(before, after) {
		t.Error("the Secret came back with the old key")
	}
	var requests certsv1.CertificateRequestList
	w.until("old requests are gone", func() error {
		return w.client.List(t.Context(), &requests, client.InNamespace(w.namespace))
	})
}

func TestSpecChangedIsIssuedAgain(t *testing.T) {
	w := newWorld(t)
	w.start()
	w.withCA()
	w.create(newCertificate("web"))
	w.ready("web", 1)
	w.update("web", func(c *certsv1.Certificate) { c.Spec.DNSNames = []string{"new.example"} })
	_, _, leaf := w.ready("web", 2)
	if !slices.Equal(leaf.DNSNames, []string{"new.example"}) {
		t.Errorf("names %v", leaf.DNSNames)
	}
	w.quiet()
	var requests certsv1.CertificateRequestList
	must(t, w.client.List(t.Context(), &requests, client.InNamespace(w.namespace)))
	if len(requests.Items) != 1 || requests.Items[0].Name != "web-2" {
		t.Errorf("requests are left: %d", len(requests.Items))
	}
}

func TestRenewalByTime(t *testing.T) {
	w := newWorld(t)
	w.start()
	w.withCA()
	w.create(newCertificate("web", func(c *certsv1.Certificate) {
		c.Spec.Duration = &metav1.Duration{Duration: 3 * time.Hour}
		c.Spec.PrivateKey.RotationPolicy = certsv1.RotationPolicyNever
	}))
	crt, before, leaf := w.ready("web", 1)
	if want := leaf.NotBefore.Add(2 * time.Hour); !crt.Status.RenewalTime.Time.Equal(want) {
		t.Errorf("renewal at %s, want %s", crt.Status.RenewalTime, want)
	}
	w.clock.SetTime(crt.Status.RenewalTime.Add(-time.Minute))
	w.poke("web")
	w.quiet()
	w.ready("web", 1)
	w.clock.SetTime(crt.Status.RenewalTime.Add(time.Second))
	w.poke("web")
	_, after, renewed := w.ready("web", 2)
	if !renewed.NotAfter.After(leaf.NotAfter) {
		t.Errorf("renewed until %s, was %s", renewed.NotAfter, leaf.NotAfter)
	}
	if !bytes.Equal(before.Data["tls.key"], after.Data["tls.key"]) {
		t.Error("rotationPolicy Never, but the key has changed")
	}
}

// What was deleted is not deleted again because a watch is late.
func TestALateWatchCostsNothing(t *testing.T) {
	w := newWorld(t)
	w.start()
	w.withCA()
	w.create(newCertificate("web"))
	w.ready("web", 1)
	w.quiet()
	w.wire.written()
	w.wire.late.Lock()
	defer w.wire.late.Unlock()
	w.update("web", func(c *certsv1.Certificate) { c.Spec.DNSNames = []string{"new.example"} })
	w.ready("web", 2)
	w.poke("web")
	w.quiet()
	want := []string{"POST certificaterequests", "PATCH certificaterequests/status", "PATCH secrets", "DELETE certificaterequests", "PATCH certificates/status"}
	if writes, _ := w.wire.written(); !slices.Equal(writes, want) {
		t.Errorf("writes %v, want %v", writes, want)
	}
}

// A Certificate whose requests somebody else approves takes the way with a
// stored key.
func TestApprovalByAnotherController(t *testing.T) {
	w := newWorld(t, func(w *world) { w.manual = true })
	w.start()
	w.withCA()
	w.create(newCertificate("web"))
	w.pending("web-1")
	crt := w.certificate("web")
	if c := crt.Status.Condition(certsv1.CertificateConditionIssuing); c == nil || c.Status != cmmeta.ConditionTrue || c.Reason != "DoesNotExist" {
		t.Errorf("Issuing is %v", c)
	}
	if c := crt.Status.Condition(certsv1.CertificateConditionReady); c == nil || c.Status != cmmeta.ConditionFalse || c.Reason != "DoesNotExist" {
		t.Errorf("Ready is %v", c)
	}
	key := &corev1.Secret{}
	must(t, w.get(key, *crt.Status.NextPrivateKeySecretName))
	if key.Labels[certsv1.NextPrivateKeyKey] != "true" || !metav1.IsControlledBy(key, crt) {
		t.Error("the key is not marked as ours")
	}
	w.decide("web-1", certsv1.CertificateRequestConditionApproved)
	w.ready("web", 1)
	w.until("the stored key is gone", func() error {
		if err := w.get(key, key.Name); err == nil {
			return errors.New("still there")
		}
		return nil
	})

	w.update("web", func(c *certsv1.Certificate) { c.Spec.DNSNames = []string{"denied.example"} })
	w.pending("web-2")
	w.decide("web-2", certsv1.CertificateRequestConditionDenied)
	w.until("the denial is counted", func() error {
		crt = w.certificate("web")
		if crt.Status.FailedIssuanceAttempts == nil {
			return errors.New("no attempt has failed")
		}
		return nil
	})
	c := crt.Status.Condition(certsv1.CertificateConditionIssuing)
	if c.Status != cmmeta.ConditionFalse || c.Reason != "Policy" || *crt.Status.FailedIssuanceAttempts != 1 || crt.Status.LastFailureTime == nil {
		t.Errorf("status is %+v", crt.Status)
	}
	w.quiet()
	if got := *w.certificate("web").Status.FailedIssuanceAttempts; got != 1 {
		t.Errorf("%d attempts without a wait", got)
	}
	w.clock.SetTime(crt.Status.LastFailureTime.Add(time.Hour + time.Second))
	w.poke("web")
	w.pending("web-2")
	w.decide("web-2", certsv1.CertificateRequestConditionApproved)
	w.ready("web", 2)
}

func TestSelfSignedRequestOfAUser(t *testing.T) {
	w := newWorld(t)
	w.start()
	w.create(selfSigned("self"))
	w.issuerReady("self")
	key, err := certs.GenerateKey(&certsv1.CertificatePrivateKey{Algorithm: certsv1.ECDSAKeyAlgorithm})
	must(t, err)
	csr, err := certs.CreateCSR(&certsv1.CertificateSpec{CommonName: "own", DNSNames: []string{"own.example"}}, key)
	must(t, err)
	w.create(&certsv1.CertificateRequest{
		ObjectMeta: metav1.ObjectMeta{Name: "own", Annotations: map[string]string{certsv1.PrivateKeySecretKey: "own-key"}},
		Spec:       certsv1.CertificateRequestSpec{Request: csr, IssuerRef: cmmeta.IssuerReference{Name: "self"}},
	})
	w.pending("own")
	data, err := certs.EncodeKey(key, "")
	must(t, err)
	w.create(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "own-key"}, Data: map[string][]byte{"tls.key": data}})
	req := &certsv1.CertificateRequest{}
	w.until("the request is answered", func() error {
		if err := w.get(req, "own"); err != nil {
			return err
		}
		if len(req.Status.Certificate) == 0 {
			return errors.New("not yet")
		}
		return nil
	})
	if !bytes.Equal(req.Status.Certificate, req.Status.CA) {
		t.Error("a self-signed certificate is its own CA")
	}
}

func TestExternalIssuersAreLeftAlone(t *testing.T) {
	w := newWorld(t)
	w.start()
	w.withCA()
	w.create(newCertificate("web", func(c *certsv1.Certificate) {
		c.Spec.IssuerRef = cmmeta.IssuerReference{Name: "x", Kind: "CloudIssuer", Group: "cloud.example"}
	}))
	req := &certsv1.CertificateRequest{}
	w.until("the request exists", func() error { return w.get(req, "web-1") })
	w.quiet()
	must(t, w.get(req, "web-1"))
	if len(req.Status.Conditions) != 0 {
		t.Errorf("conditions %v", req.Status.Conditions)
	}
	// The external issuer does its part.
	csr, err := certs.DecodeCSR(req.Spec.Request)
	must(t, err)
	root, key := testCA(t)
	template, err := certs.Template(&req.Spec, csr, w.clock.Now())
	must(t, err)
	leaf, err := certs.Sign(template, root, csr.PublicKey, key)
	must(t, err)
	req.Status.Certificate = certs.EncodeChain(leaf)
	req.Status.SetCondition(certsv1.CertificateRequestCondition{Type: "Ready", Status: "True", Reason: "Issued", Message: "by the cloud"}, metav1.Now())
	must(t, w.client.Status().Update(t.Context(), req))
	_, s, _ := w.ready("web", 1)
	if _, ok := s.Data["ca.crt"]; ok {
		t.Error("ca.crt came from nowhere")
	}
	if s.Annotations[certsv1.IssuerGroupKey] != "cloud.example" {
		t.Errorf("annotations %v", s.Annotations)
	}
}

func TestSecretIsPutRightInPlace(t *testing.T) {
	w := newWorld(t)
	w.start()
	w.withCA()
	w.create(newCertificate("web"))
	_, before, _ := w.ready("web", 1)
	w.update("web", func(c *certsv1.Certificate) {
		c.Spec.SecretTemplate = &certsv1.CertificateSecretTemplate{
			Labels: map[string]string{"team": "a"}, Annotations: map[string]string{"note": "b", certsv1.AllowDirectInjectionKey: "true"},
		}
		c.Spec.AdditionalOutputFormats = []certsv1.CertificateAdditionalOutputFormat{{Type: "DER"}, {Type: "CombinedPEM"}}
	})
	var s *corev1.Secret
	w.until("template and formats are there", func() error {
		s = w.secret("web-tls")
		if s.Labels["team"] != "a" || s.Annotations["note"] != "b" || len(s.Data["key.der"]) == 0 || len(s.Data["tls-combined.pem"]) == 0 {
			return errors.New("not yet")
		}
		return nil
	})
	if !sameData(before, s) {
		t.Error("a new template led to a new certificate")
	}
	w.quiet()
	w.wire.written()
	w.poke("web")
	w.quiet()
	if writes, _ := w.wire.written(); len(writes) != 0 {
		t.Errorf("a settled Certificate is written to: %v", writes)
	}
	// An outside edit is undone, foreign entries stay, and what is no longer
	// wanted goes away.
	s = w.secret("web-tls")
	s.Labels["team"], s.Labels["foreign"] = "z", "y"
	must(t, w.client.Update(t.Context(), s))
	w.until("the template is enforced", func() error {
		if s = w.secret("web-tls"); s.Labels["team"] != "a" {
			return errors.New("not yet")
		}
		return nil
	})
	w.update("web", func(c *certsv1.Certificate) { c.Spec.SecretTemplate, c.Spec.AdditionalOutputFormats = nil, nil })
	w.until("template and formats are gone", func() error {
		s = w.secret("web-tls")
		if len(s.Labels) != 2 || s.Labels["foreign"] != "y" || s.Annotations["note"] != "" || len(s.Data) != 3 {
			return fmt.Errorf("labels %v, annotations %v, %d entries", s.Labels, s.Annotations, len(s.Data))
		}
		return nil
	})
	if !sameData(before, s) {
		t.Error("a template led to a new certificate")
	}
}

func TestOnlyOneCertificateFillsASecret(t *testing.T) {
	w := newWorld(t)
	w.start()
	w.withCA()
	w.create(newCertificate("first"))
	_, before, _ := w.ready("first", 1)
	w.create(newCertificate("second", func(c *certsv1.Certificate) { c.Spec.SecretName = "first-tls" }))
	w.until("the second is told", func() error {
		c := w.certificate("second").Status.Condition(certsv1.CertificateConditionReady)
		if c == nil || c.Status != cmmeta.ConditionFalse || c.Reason != "IncorrectCertificate" || !strings.Contains(c.Message, `"first"`) {
			return fmt.Errorf("Ready is %v", c)
		}
		return nil
	})
	w.quiet()
	if !sameData(before, w.secret("first-tls")) {
		t.Error("the Secret was written to")
	}
	must(t, w.client.Delete(t.Context(), w.certificate("first")))
	w.ready("second", 1)
}

func TestForeignSecretIsLeftAlone(t *testing.T) {
	w := newWorld(t)
	w.start()
	w.withCA()
	w.create(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "web-tls"}, Type: corev1.SecretTypeBasicAuth, Data: map[string][]byte{"username": []byte("u"), "password": []byte("p")}})
	w.create(newCertificate("web"))
	w.until("the user is told", func() error {
		c := w.certificate("web").Status.Condition(certsv1.CertificateConditionReady)
		if c == nil || !strings.Contains(c.Message, "basic-auth") {
			return fmt.Errorf("Ready is %v", c)
		}
		return nil
	})
	w.quiet()
	s := w.secret("web-tls")
	if len(s.Data) != 2 {
		t.Error("a foreign Secret was written to")
	}
	s.Annotations = map[string]string{certificate.AdoptKey: "true"}
	must(t, w.client.Update(t.Context(), s))
	w.ready("web", 1)
}

func TestRenewedByHand(t *testing.T) {
	w := newWorld(t)
	w.start()
	w.withCA()
	w.create(newCertificate("web"))
	w.ready("web", 1)
	crt := w.certificate("web")
	crt.Status.SetCondition(certsv1.CertificateCondition{Type: "Issuing", Status: "True", Reason: "ManuallyTriggered", Message: "by hand", ObservedGeneration: 1}, metav1.Now())
	must(t, w.client.Status().Update(t.Context(), crt))
	w.ready("web", 2)
}

func TestRestartWritesNothing(t *testing.T) {
	w := newWorld(t)
	w.start()
	w.withCA()
	for i := range 20 {
		w.create(newCertificate(fmt.Sprint("web", i)))
	}
	for i := range 20 {
		w.ready(fmt.Sprint("web", i), 1)
	}
	w.quiet()
	w.start()
	w.settled()
	writes, events := w.wire.written()
	if len(writes) != 0 || events != 0 {
		t.Errorf("a restart led to %d events and the writes %v", events, writes)
	}
	w.wire.mu.Lock()
	defer w.wire.mu.Unlock()
	if w.wire.reads > 30 {
		t.Errorf("a restart led to %d reads", w.wire.reads)
	}
	t.Logf("%d reads", w.wire.reads)
}

// TestRequestsThatAnotherChanges: a policy of the cluster writes into our
// requests. Nothing is signed that was not asked for, and nobody is pestered.
func TestRequestsThatAnotherChanges(t *testing.T) {
	w := newWorld(t)
	w.start()
	w.withCA()
	name := w.namespace // a policy is cluster-wide
	policy := &admissionv1.MutatingAdmissionPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: admissionv1.MutatingAdmissionPolicySpec{
			MatchConstraints: &admissionv1.MatchResources{ResourceRules: []admissionv1.NamedRuleWithOperations{{
				RuleWithOperations: admissionv1.RuleWithOperations{
					Operations: []admissionv1.OperationType{admissionv1.Create},
					Rule:       admissionv1.Rule{APIGroups: []string{certsv1.GroupName}, APIVersions: []string{"v1"}, Resources: []string{"certificaterequests"}},
				},
			}}},
			MatchConditions:    []admissionv1.MatchCondition{{Name: "here", Expression: fmt.Sprintf("object.metadata.namespace == %q", name)}},
			FailurePolicy:      ptr.To(admissionv1.Fail),
			ReinvocationPolicy: admissionv1.NeverReinvocationPolicy,
			Mutations: []admissionv1.Mutation{{
				PatchType: admissionv1.PatchTypeApplyConfiguration,
				ApplyConfiguration: &admissionv1.ApplyConfiguration{
					Expression: `Object{spec: Object.spec{issuerRef: Object.spec.issuerRef{name: "other"}}}`,
				},
			}},
		},
	}
	binding := &admissionv1.MutatingAdmissionPolicyBinding{
		ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: admissionv1.MutatingAdmissionPolicyBindingSpec{PolicyName: name},
	}
	for _, o := range []client.Object{policy, binding} {
		must(t, w.client.Create(t.Context(), o))
		t.Cleanup(func() { _ = w.client.Delete(context.Background(), o) })
	}
	probe := func() error {
		req := &certsv1.CertificateRequest{
			ObjectMeta: metav1.ObjectMeta{Namespace: name, Name: "probe"},
			Spec:       certsv1.CertificateRequestSpec{Request: []byte("x"), IssuerRef: cmmeta.IssuerReference{Name: "ca"}},
		}
		if err := w.client.Create(t.Context(), req, client.DryRunAll); err != nil {
			return err
		}
		if req.Spec.IssuerRef.Name != "other" {
			return errors.New("the policy is not in force yet")
		}
		return nil
	}
	w.until("the policy is in force", probe)
	w.quiet()
	w.wire.written()
	w.create(newCertificate("web"))
	w.until("the user is told", func() error {
		c := w.certificate("web").Status.Condition(certsv1.CertificateConditionIssuing)
		if c == nil || !strings.Contains(c.Message, "spec.issuerRef") {
			return fmt.Errorf("Issuing is %v", c)
		}
		return nil
	})
	w.quiet()
	writes, _ := w.wire.written()
	if n := len(slices.DeleteFunc(writes, func(s string) bool { return s != "POST certificaterequests" })); n > 8 {
		t.Errorf("made %d requests", n)
	}
	if err := w.get(&corev1.Secret{}, "web-tls"); !apierrors.IsNotFound(err) {
		t.Errorf("the Secret was written with the answer of an issuer that was not asked (%v)", err)
	}
}
