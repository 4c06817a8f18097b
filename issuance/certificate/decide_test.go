package certificate

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"github.com/certwright/certwright/certs"
	cmmeta "github.com/certwright/certwright/certs/meta/v1"
	certsv1 "github.com/certwright/certwright/certs/v1"
)

func TestDecide(t *testing.T) {
	web := crt()
	m, other := makes(&web.Spec), makes(&web.Spec)
	renewal := noon.Add(60 * 24 * time.Hour)
	expiry := noon.Add(90*24*time.Hour + time.Second)
	second := func(c *certsv1.Certificate) { c.Spec.DNSNames = []string{"b.example"} }
	rsa := func(c *certsv1.Certificate) { c.Spec.PrivateKey.Algorithm = certsv1.RSAKeyAlgorithm }
	newKey := State{Certificate: crt()}.keySecretName()
	key2 := State{Certificate: crt(atRevision(1))}.keySecretName()

	settledOne := func(change ...func(*certsv1.Certificate)) State {
		return State{
			Certificate: crt(append(change, atRevision(1))...), Secret: holding(web, m),
			Requests: []KnownRequest{asked(web, 1, m, answeredWith(m))}, Live: true,
		}
	}
	with := func(s State, f func(*State)) State { f(&s); return s }
	owned := func(ref metav1.OwnerReference) *certs.SecretSummary {
		s := holding(web, m, func(x *corev1.Secret) { x.OwnerReferences = []metav1.OwnerReference{ref} })
		s.OwnedOwners = []types.UID{ref.UID}
		return s
	}
	waiting := func(f func(*State)) State {
		s := State{
			Certificate: crt(issuingSince(noon, "DoesNotExist")), Keys: []KnownKey{stored(m)}, Requests: []KnownRequest{asked(web, 1, m)}, Live: true,
		}
		s.Certificate.Annotations = map[string]string{certsv1.IssueTemporaryCertificateKey: "true"}
		f(&s)
		return s
	}
	redirected := asked(web, 1, m, func(r *certsv1.CertificateRequest) { r.Spec.IssuerRef.Name = "other" })
	var fiveMisfits []time.Time
	for i := range 5 {
		fiveMisfits = append(fiveMisfits, noon.Add(time.Duration(i-10)*time.Minute))
	}

	tests := map[string]struct {
		state State
		want  brief
	}{
		// The first certificate.
		"a new Certificate of an issuer that answers at once is issued in one pass": {
			State{Certificate: web, Signer: AtOnce, Live: true},
			brief{Step: "issue revision 1 now", Reason: "DoesNotExist", Ready: "False DoesNotExist", Issuing: "True DoesNotExist", Events: "Normal Issuing"},
		},
		"a new Certificate of a slow issuer gets a stored key first": {
			State{Certificate: web, Live: true},
			brief{Step: "store the next key in Secret " + newKey, Reason: "DoesNotExist", Ready: "False DoesNotExist", Issuing: "True DoesNotExist", Events: "Normal Generated, Normal Issuing"},
		},
		"with a stored key the request is made": {
			State{Certificate: crt(issuingSince(noon, "DoesNotExist")), Keys: []KnownKey{stored(m)}, Live: true},
			brief{Step: "request revision 1 with the key in Secret web-key", Reason: "DoesNotExist", Ready: "False DoesNotExist", Issuing: "True DoesNotExist", Events: "Normal Requested"},
		},
		"a stored key is used even if the issuer has become one that answers at once": {
			State{Certificate: crt(issuingSince(noon, "DoesNotExist")), Keys: []KnownKey{stored(m)}, Signer: AtOnce, Live: true},
			brief{Step: "request revision 1 with the key in Secret web-key", Reason: "DoesNotExist", Ready: "False DoesNotExist", Issuing: "True DoesNotExist", Events: "Normal Requested"},
		},
		"an open request is waited for": {
			State{Certificate: crt(issuingSince(noon, "DoesNotExist")), Keys: []KnownKey{stored(m)}, Requests: []KnownRequest{asked(web, 1, m)}, Live: true},
			brief{Step: "wait", Reason: "Pending", Ready: "False DoesNotExist", Issuing: "True DoesNotExist"},
		},
		"of two stored keys the older one stays": {
			State{Certificate: crt(issuingSince(noon, "DoesNotExist")), Live: true, Keys: []KnownKey{
				func() KnownKey { k := stored(other); k.Name, k.Created = "newer", noon; return k }(), stored(m),
			}},
			brief{Step: "discard Secret newer", Reason: "DoesNotExist", Ready: "False DoesNotExist", Issuing: "True DoesNotExist"},
		},
		"a stored key that no longer fits the spec is discarded": {
			State{Certificate: crt(issuingSince(noon, "DoesNotExist"), rsa), Keys: []KnownKey{stored(m)}, Live: true},
			brief{Step: "discard Secret web-key", Reason: "DoesNotExist", Ready: "False DoesNotExist", Issuing: "True DoesNotExist", Events: "Normal Deleted"},
		},
		"a spec that does not fit into a signing request waits for the user": {
			State{Certificate: crt(func(c *certsv1.Certificate) { c.Spec.DNSNames = []string{"bücher.example"} }), Live: true},
			brief{Step: "wait", Reason: "RequestFailed", Ready: "False DoesNotExist", Issuing: "True DoesNotExist", Events: "Normal Issuing, Warning RequestFailed"},
		},
		"a rotation policy that nobody knows leads to nothing": {
			State{Certificate: crt(func(c *certsv1.Certificate) { c.Spec.PrivateKey.RotationPolicy = "Sometimes" }), Live: true},
			brief{Step: "wait", Reason: "UnknownRotationPolicy"},
		},

		// Temporary certificates.
		"a pending request gets a temporary certificate if the user wants one": {
			waiting(func(*State) {}),
			brief{Step: "store a temporary certificate for CertificateRequest web-1", Reason: "DoesNotExist", Ready: "False DoesNotExist", Issuing: "True DoesNotExist", Events: "Normal Issuing"},
		},
		"only the value true asks for one": {
			waiting(func(s *State) { s.Certificate.Annotations[certsv1.IssueTemporaryCertificateKey] = "yes" }),
			brief{Step: "wait", Reason: "Pending", Ready: "False DoesNotExist", Issuing: "True DoesNotExist"},
		},
		"an issuer that answers at once needs none": {
			waiting(func(s *State) { s.Signer = AtOnce }),
			brief{Step: "wait", Reason: "Pending", Ready: "False DoesNotExist", Issuing: "True DoesNotExist"},
		},
		"a Secret with a key only gets one": {
			waiting(func(s *State) { s.Secret = holding(web, m, func(x *corev1.Secret) { delete(x.Data, "tls.crt") }) }),
			brief{Step: "store a temporary certificate for CertificateRequest web-1", Reason: "DoesNotExist", Ready: "False MissingData", Issuing: "True DoesNotExist", Events: "Normal Issuing"},
		},
		"a pair that does not belong together is replaced by one": {
			waiting(func(s *State) {
				s.Secret = holding(web, m, func(x *corev1.Secret) { x.Data["tls.key"] = other.keyPEM })
			}),
			brief{Step: "store a temporary certificate for CertificateRequest web-1", Reason: "DoesNotExist", Ready: "False InvalidKeyPair", Issuing: "True DoesNotExist", Events: "Normal Issuing"},
		},
		"a pair that can be used is never replaced by one": {
			waiting(func(s *State) { s.Secret = holding(web, other) }),
			brief{Step: "wait", Reason: "Pending", Wake: expiry, Ready: "True Ready", Issuing: "True DoesNotExist"},
		},
		"a request of which no certificate can be made gets none": {
			waiting(func(s *State) { s.Requests[0].Object.Spec.IsCA, s.Certificate.Spec.IsCA = true, true }),
			brief{Step: "wait", Reason: "Pending", Ready: "False DoesNotExist", Issuing: "True DoesNotExist"},
		},
		"a temporary certificate is not ready": {
			waiting(func(s *State) { s.Secret = temporary(web, m) }),
			brief{Step: "wait", Reason: "Pending", Wake: expiry, Ready: "False IncorrectIssuer", Issuing: "True DoesNotExist"},
		},
		"a temporary certificate is replaced by the real one": {
			waiting(func(s *State) {
				s.Secret = temporary(web, m)
				s.Requests = []KnownRequest{asked(web, 1, m, answeredWith(m))}
			}),
			brief{Step: "store the answer of CertificateRequest web-1", Reason: "Issued", Ready: "False IncorrectIssuer", Issuing: "True DoesNotExist"},
		},
		"a mark of somebody else does not make a certificate temporary": {
			with(settledOne(), func(s *State) {
				s.Secret = holding(web, m, func(x *corev1.Secret) { x.Annotations[TemporaryKey] = "true" })
			}),
			brief{Step: "wait", Reason: "Settled", Wake: renewal, Ready: "True Ready"},
		},
		"a temporary certificate alone leads to a real one": {
			State{Certificate: web, Secret: temporary(web, m), Signer: AtOnce, Live: true},
			brief{Step: "issue revision 1 now", Reason: "IncorrectIssuer", Ready: "False IncorrectIssuer", Issuing: "True IncorrectIssuer", Events: "Normal Issuing"},
		},
		"a temporary certificate stays as it is while a failed attempt waits for the next": {
			State{Certificate: crt(failedAt(noon, 1)), Secret: temporary(web, m), Live: true},
			brief{Step: "wait", Reason: "BackingOff", Wake: noon.Add(time.Hour), Ready: "False IncorrectIssuer", Issuing: "False Failed"},
		},

		// What comes back.
		"an answer is stored with the key that it was asked with": {
			State{Certificate: crt(issuingSince(noon, "DoesNotExist")), Keys: []KnownKey{stored(m)}, Requests: []KnownRequest{asked(web, 1, m, answeredWith(m))}, Live: true},
			brief{Step: "store the answer of CertificateRequest web-1", Reason: "Issued", Ready: "False DoesNotExist", Issuing: "True DoesNotExist"},
		},
		"an answer that is in the Secret already is reported": {
			State{Certificate: crt(issuingSince(noon, "DoesNotExist")), Secret: holding(web, m), Keys: []KnownKey{stored(m)}, Requests: []KnownRequest{asked(web, 1, m, answeredWith(m))}, Live: true},
			brief{Step: "wait", Reason: "Succeeded", Ready: "True Ready", Events: "Normal Issuing"},
		},
		"the report of an issuance in one pass is made up for after a crash": {
			State{Certificate: web, Secret: holding(web, m), Requests: []KnownRequest{asked(web, 1, m, answeredWith(m))}, Live: true},
			brief{Step: "wait", Reason: "Succeeded", Ready: "True Ready", Events: "Normal Issuing"},
		},
		"a request whose key is lost is discarded": {
			State{Certificate: web, Requests: []KnownRequest{asked(web, 1, m)}, Signer: AtOnce, Live: true},
			brief{Step: "discard CertificateRequest web-1", Reason: "DoesNotExist", Ready: "False DoesNotExist", Issuing: "True DoesNotExist", Events: "Normal Issuing"},
		},
		"an answer whose key is lost is discarded": {
			State{Certificate: web, Requests: []KnownRequest{asked(web, 1, m, answeredWith(m))}, Signer: AtOnce, Live: true},
			brief{Step: "discard CertificateRequest web-1", Reason: "DoesNotExist", Ready: "False DoesNotExist", Issuing: "True DoesNotExist", Events: "Normal Issuing"},
		},
		"a request that is being deleted is waited for": {
			State{Certificate: crt(issuingSince(noon, "DoesNotExist")), Live: true, Requests: []KnownRequest{asked(web, 1, m, func(r *certsv1.CertificateRequest) { r.DeletionTimestamp = ptr.To(metav1.NewTime(noon)) })}},
			brief{Step: "wait", Reason: "Pending", Ready: "False DoesNotExist", Issuing: "True DoesNotExist"},
		},
		"a request that does not fit the spec any more is discarded": {
			State{Certificate: crt(second, issuingSince(noon, "DoesNotExist")), Keys: []KnownKey{stored(m)}, Requests: []KnownRequest{asked(web, 1, m)}, Live: true},
			brief{Step: "discard CertificateRequest web-1", Reason: "DoesNotExist", Ready: "False DoesNotExist", Issuing: "True DoesNotExist"},
		},
		"a request with a key that does not fit the spec any more is discarded": {
			State{Certificate: crt(rsa, issuingSince(noon, "DoesNotExist")), Keys: []KnownKey{stored(m)}, Requests: []KnownRequest{asked(web, 1, m)}, Live: true},
			brief{Step: "discard CertificateRequest web-1", Reason: "DoesNotExist", Ready: "False DoesNotExist", Issuing: "True DoesNotExist"},
		},
		"so is an answer to it": {
			State{Certificate: crt(rsa, issuingSince(noon, "DoesNotExist")), Keys: []KnownKey{stored(m)}, Requests: []KnownRequest{asked(web, 1, m, answeredWith(m))}, Live: true},
			brief{Step: "discard CertificateRequest web-1", Reason: "DoesNotExist", Ready: "False DoesNotExist", Issuing: "True DoesNotExist"},
		},
		"another kind of key does not wait after a failure": {
			State{Certificate: crt(rsa, failedAt(noon, 3)), Signer: AtOnce, Requests: []KnownRequest{asked(web, 1, m, failedWith("Failed", "no", noon))}, Live: true},
			brief{Step: "discard CertificateRequest web-1", Reason: "DoesNotExist", Ready: "False DoesNotExist", Issuing: "True DoesNotExist", Events: "Normal Issuing"},
		},
		"a request without a revision is discarded": {
			State{Certificate: crt(issuingSince(noon, "DoesNotExist")), Live: true, Requests: []KnownRequest{asked(web, 1, m, func(r *certsv1.CertificateRequest) { r.Annotations[certsv1.CertificateRevisionKey] = "one" })}},
			brief{Step: "discard CertificateRequest web-1", Reason: "DoesNotExist", Ready: "False DoesNotExist", Issuing: "True DoesNotExist"},
		},
		"of two open requests the younger one is discarded": {
			State{Certificate: crt(issuingSince(noon, "DoesNotExist")), Keys: []KnownKey{stored(m)}, Live: true, Requests: []KnownRequest{
				asked(web, 1, m, func(r *certsv1.CertificateRequest) { r.Name, r.CreationTimestamp = "web-young", metav1.NewTime(noon) }), asked(web, 1, m),
			}},
			brief{Step: "discard CertificateRequest web-young", Reason: "DoesNotExist", Ready: "False DoesNotExist", Issuing: "True DoesNotExist"},
		},
		"a certificate for another key is a failed attempt": {
			State{Certificate: crt(issuingSince(noon, "DoesNotExist")), Keys: []KnownKey{stored(m)}, Requests: []KnownRequest{asked(web, 1, m, answeredWith(other))}, Live: true},
			brief{Step: "wait", Reason: "Failed", Ready: "False DoesNotExist", Issuing: "False InvalidCertificate", Events: "Warning InvalidCertificate"},
		},
		"a certificate that has expired is a failed attempt": {
			with(State{Certificate: crt(issuingSince(noon, "DoesNotExist")), Keys: []KnownKey{stored(m)}, Requests: []KnownRequest{asked(web, 1, m, answeredWith(m))}, Live: true}, func(s *State) { s.Now = noon.Add(91 * 24 * time.Hour) }),
			brief{Step: "wait", Reason: "Failed", Ready: "False DoesNotExist", Issuing: "False InvalidCertificate", Events: "Warning InvalidCertificate"},
		},

		"a bad certificate is counted once": {
			with(State{Certificate: crt(failedAt(noon.Add(91*24*time.Hour), 1)), Requests: []KnownRequest{asked(web, 1, m, answeredWith(m))}, Live: true}, func(s *State) { s.Now = noon.Add(91 * 24 * time.Hour) }),
			brief{Step: "wait", Reason: "BackingOff", Wake: noon.Add(91*24*time.Hour + time.Hour), Ready: "False DoesNotExist", Issuing: "False Failed"},
		},
		"after the wait a bad certificate makes room": {
			with(State{Certificate: crt(failedAt(noon, 1)), Keys: []KnownKey{stored(m)}, Requests: []KnownRequest{asked(web, 1, m, answeredWith(other))}, Live: true}, func(s *State) { s.Now = noon.Add(time.Hour) }),
			brief{Step: "discard CertificateRequest web-1", Reason: "DoesNotExist", Ready: "False DoesNotExist", Issuing: "True DoesNotExist", Events: "Normal Issuing"},
		},

		// Failures.
		"a failed request is a failed attempt": {
			State{Certificate: crt(issuingSince(noon, "DoesNotExist")), Keys: []KnownKey{stored(m)}, Requests: []KnownRequest{asked(web, 1, m, failedWith("Failed", "no", noon))}, Live: true},
			brief{Step: "wait", Reason: "Failed", Ready: "False DoesNotExist", Issuing: "False Failed", Events: "Warning Failed"},
		},
		"a denied request fails with the reason of whoever denied it": {
			State{Certificate: crt(issuingSince(noon, "DoesNotExist")), Keys: []KnownKey{stored(m)}, Requests: []KnownRequest{asked(web, 1, m, deniedBy("Policy", "no", noon))}, Live: true},
			brief{Step: "wait", Reason: "Failed", Ready: "False DoesNotExist", Issuing: "False Policy", Events: "Warning Policy"},
		},
		"a denial wins over an answer": {
			State{Certificate: crt(issuingSince(noon, "DoesNotExist")), Keys: []KnownKey{stored(m)}, Requests: []KnownRequest{asked(web, 1, m, answeredWith(m), deniedBy("Policy", "no", noon))}, Live: true},
			brief{Step: "wait", Reason: "Failed", Ready: "False DoesNotExist", Issuing: "False Policy", Events: "Warning Policy"},
		},
		"also after it was counted": {
			State{Certificate: crt(failedAt(noon, 1)), Keys: []KnownKey{stored(m)}, Requests: []KnownRequest{asked(web, 1, m, answeredWith(m), deniedBy("Policy", "no", noon))}, Live: true},
			brief{Step: "discard Secret web-key", Reason: "BackingOff", Wake: noon.Add(time.Hour), Ready: "False DoesNotExist", Issuing: "False Failed"},
		},
		"and when the next attempt begins": {
			State{Certificate: crt(failedAt(noon.Add(-time.Minute), 1), issuingSince(noon, "ManuallyTriggered")), Keys: []KnownKey{stored(m)}, Requests: []KnownRequest{asked(web, 1, m, answeredWith(m), deniedBy("Policy", "no", noon.Add(-time.Minute)))}, Live: true},
			brief{Step: "discard CertificateRequest web-1", Reason: "ManuallyTriggered", Ready: "False DoesNotExist", Issuing: "True ManuallyTriggered"},
		},
		"an issuer whose clock is behind fails in this attempt": {
			State{Certificate: crt(failedAt(noon.Add(-time.Hour), 1), issuingSince(noon, "DoesNotExist")), Keys: []KnownKey{stored(m)}, Requests: []KnownRequest{asked(web, 1, m, failedWith("Failed", "no", noon.Add(-10*time.Minute)), func(r *certsv1.CertificateRequest) {
				r.CreationTimestamp = metav1.NewTime(noon)
			})}, Live: true},
			brief{Step: "wait", Reason: "Failed", Ready: "False DoesNotExist", Issuing: "False Failed", Events: "Warning Failed"},
		},
		"a failure whose report was lost in a crash is counted": {
			State{Certificate: web, Requests: []KnownRequest{asked(web, 1, m, failedWith("Failed", "no", noon))}, Signer: AtOnce, Live: true},
			brief{Step: "wait", Reason: "Failed", Ready: "False DoesNotExist", Issuing: "False Failed", Events: "Warning Failed"},
		},
		"after a failure the stored key is discarded": {
			State{Certificate: crt(failedAt(noon, 1)), Keys: []KnownKey{stored(m)}, Requests: []KnownRequest{asked(web, 1, m, failedWith("Failed", "no", noon))}, Live: true},
			brief{Step: "discard Secret web-key", Reason: "BackingOff", Wake: noon.Add(time.Hour), Ready: "False DoesNotExist", Issuing: "False Failed"},
		},
		"the first failure waits an hour": {
			State{Certificate: crt(failedAt(noon, 1)), Requests: []KnownRequest{asked(web, 1, m, failedWith("Failed", "no", noon))}, Live: true},
			brief{Step: "wait", Reason: "BackingOff", Wake: noon.Add(time.Hour), Ready: "False DoesNotExist", Issuing: "False Failed"},
		},
		"the second failure in a row waits two hours": {
			State{Certificate: crt(failedAt(noon, 2)), Live: true},
			brief{Step: "wait", Reason: "BackingOff", Wake: noon.Add(2 * time.Hour), Ready: "False DoesNotExist", Issuing: "False Failed"},
		},
		"the tenth failure in a row waits 32 hours": {
			State{Certificate: crt(failedAt(noon, 10)), Live: true},
			brief{Step: "wait", Reason: "BackingOff", Wake: noon.Add(32 * time.Hour), Ready: "False DoesNotExist", Issuing: "False Failed"},
		},
		"after the wait the failed request makes room": {
			State{Certificate: crt(failedAt(noon.Add(-time.Hour), 1)), Signer: AtOnce, Live: true, Requests: []KnownRequest{asked(web, 1, m, failedWith("Failed", "no", noon.Add(-time.Hour)), func(r *certsv1.CertificateRequest) {
				r.CreationTimestamp = metav1.NewTime(noon.Add(-time.Hour))
			})}},
			brief{Step: "discard CertificateRequest web-1", Reason: "DoesNotExist", Ready: "False DoesNotExist", Issuing: "True DoesNotExist", Events: "Normal Issuing"},
		},
		"a changed spec does not wait": {
			State{Certificate: crt(second, failedAt(noon, 3)), Signer: AtOnce, Requests: []KnownRequest{asked(web, 1, m, failedWith("Failed", "no", noon))}, Live: true},
			brief{Step: "discard CertificateRequest web-1", Reason: "DoesNotExist", Ready: "False DoesNotExist", Issuing: "True DoesNotExist", Events: "Normal Issuing"},
		},
		"a spec that was changed back waits again": {
			State{Certificate: crt(failedAt(noon, 3)), Signer: AtOnce, Requests: []KnownRequest{asked(web, 1, m, failedWith("Failed", "no", noon))}, Live: true},
			brief{Step: "wait", Reason: "BackingOff", Wake: noon.Add(4 * time.Hour), Ready: "False DoesNotExist", Issuing: "False Failed"},
		},
		"whoever asks by hand does not wait": {
			State{Certificate: crt(failedAt(noon.Add(-time.Minute), 3), issuingSince(noon, "ManuallyTriggered")), Signer: AtOnce, Live: true},
			brief{Step: "issue revision 1 now", Reason: "ManuallyTriggered", Ready: "False DoesNotExist", Issuing: "True ManuallyTriggered"},
		},
		"a request that failed before somebody asked by hand makes room": {
			State{Certificate: crt(failedAt(noon.Add(-time.Minute), 3), issuingSince(noon, "ManuallyTriggered")), Signer: AtOnce, Requests: []KnownRequest{asked(web, 1, m, failedWith("Failed", "no", noon.Add(-time.Minute)))}, Live: true},
			brief{Step: "discard CertificateRequest web-1", Reason: "ManuallyTriggered", Ready: "False DoesNotExist", Issuing: "True ManuallyTriggered"},
		},

		// A certificate that is there.
		"a good certificate is left alone until its renewal": {
			settledOne(),
			brief{Step: "wait", Reason: "Settled", Wake: renewal, Ready: "True Ready"},
		},
		"a certificate is renewed when its time has come": {
			with(settledOne(), func(s *State) { s.Now, s.Signer = renewal, AtOnce }),
			brief{Step: "issue revision 2 now", Reason: "Renewing", Ready: "True Ready", Issuing: "True Renewing", Events: "Normal Issuing"},
		},
		"during a renewal the Certificate stays ready": {
			with(settledOne(issuingSince(renewal, "Renewing")), func(s *State) {
				s.Now = renewal
				s.Keys = []KnownKey{stored(other)}
				s.Requests = append(s.Requests, asked(web, 2, other))
			}),
			brief{Step: "wait", Reason: "Pending", Wake: expiry, Ready: "True Ready", Issuing: "True Renewing"},
		},
		"a certificate that nobody renewed in time is not ready": {
			with(settledOne(failedAt(expiry, 1)), func(s *State) { s.Now = expiry }),
			brief{Step: "wait", Reason: "BackingOff", Wake: expiry.Add(time.Hour), Ready: "False Expired", Issuing: "False Failed"},
		},
		"with renewal disabled only the expiry is waited for": {
			settledOne(func(c *certsv1.Certificate) {
				c.Spec.Renewal = &certsv1.CertificateRenewal{Policy: certsv1.RenewalPolicyDisabled}
			}),
			brief{Step: "wait", Reason: "Settled", Wake: expiry, Ready: "True Ready"},
		},
		"a certificate that is due as soon as it is issued is not renewed at once": {
			with(settledOne(func(c *certsv1.Certificate) {
				c.Spec.RenewBefore = &metav1.Duration{Duration: 90*24*time.Hour - time.Second}
			}), func(s *State) { s.Now = noon.Add(time.Minute) }),
			brief{Step: "wait", Reason: "Settled", Wake: noon.Add(-time.Minute + 9*24*time.Hour), Ready: "True Ready"},
		},
		"a window that cannot be kept is told and does not stop the renewal": {
			settledOne(func(c *certsv1.Certificate) {
				c.Spec.Renewal = &certsv1.CertificateRenewal{Policy: certsv1.RenewalPolicyRenewBefore, Windows: []certsv1.CertificateRenewalWindow{{Cron: "0 0 30 2 *", WindowDuration: metav1.Duration{Duration: time.Hour}}}}
			}),
			brief{Step: "wait", Reason: "Settled", Wake: renewal, Ready: "True Ready", Events: "Warning WindowError"},
		},
		"a key that was left over is discarded": {
			with(settledOne(), func(s *State) { s.Keys = []KnownKey{stored(other)} }),
			brief{Step: "discard Secret web-key", Reason: "Settled", Wake: renewal, Ready: "True Ready"},
		},
		"requests beyond the limit are discarded, the oldest first": {
			State{Certificate: crt(atRevision(3)), Secret: holding(web, m), Live: true, Requests: []KnownRequest{asked(web, 2, other), asked(web, 1, other), asked(web, 3, m)}},
			brief{Step: "discard CertificateRequest web-1", Reason: "HistoryLimit", Wake: renewal, Ready: "True Ready"},
		},
		"the request of the certificate in use is kept while the next one is open": {
			State{Certificate: crt(atRevision(1), issuingSince(noon, "Renewing")), Secret: holding(web, m), Keys: []KnownKey{stored(other)}, Live: true, Requests: []KnownRequest{asked(web, 1, m), asked(web, 2, other)}},
			brief{Step: "wait", Reason: "Pending", Wake: expiry, Ready: "True Ready", Issuing: "True Renewing"},
		},

		// What may be wrong with the Secret.
		"a deleted Secret leads to a new certificate": {
			with(settledOne(), func(s *State) { s.Secret, s.Signer = nil, AtOnce }),
			brief{Step: "issue revision 2 now", Reason: "DoesNotExist", Ready: "False DoesNotExist", Issuing: "True DoesNotExist", Events: "Normal Issuing"},
		},
		"a Secret without data leads to a new certificate": {
			with(settledOne(), func(s *State) {
				s.Secret, s.Signer = holding(web, m, func(x *corev1.Secret) { x.Data = nil }), AtOnce
			}),
			brief{Step: "issue revision 2 now", Reason: "MissingData", Ready: "False MissingData", Issuing: "True MissingData", Events: "Normal Issuing"},
		},
		"a Secret without certificate leads to a new one": {
			with(settledOne(), func(s *State) {
				s.Secret, s.Signer = holding(web, m, func(x *corev1.Secret) { delete(x.Data, "tls.crt") }), AtOnce
			}),
			brief{Step: "issue revision 2 now", Reason: "MissingData", Ready: "False MissingData", Issuing: "True MissingData", Events: "Normal Issuing"},
		},
		"a key that cannot be read leads to a new certificate": {
			with(settledOne(), func(s *State) {
				s.Secret, s.Signer = holding(web, m, func(x *corev1.Secret) { x.Data["tls.key"] = []byte("x") }), AtOnce
			}),
			brief{Step: "issue revision 2 now", Reason: "InvalidKeyPair", Ready: "False InvalidKeyPair", Issuing: "True InvalidKeyPair", Events: "Normal Issuing"},
		},
		"a certificate that cannot be read leads to a new one": {
			with(settledOne(), func(s *State) {
				s.Secret, s.Signer = holding(web, m, func(x *corev1.Secret) { x.Data["tls.crt"] = []byte("x") }), AtOnce
			}),
			brief{Step: "issue revision 2 now", Reason: "InvalidCertificate", Ready: "False InvalidCertificate", Issuing: "True InvalidCertificate", Events: "Normal Issuing"},
		},
		"a key that is not the certificate's leads to a new certificate": {
			with(settledOne(), func(s *State) {
				s.Secret, s.Signer = holding(web, m, func(x *corev1.Secret) { x.Data["tls.key"] = other.keyPEM }), AtOnce
			}),
			brief{Step: "issue revision 2 now", Reason: "InvalidKeyPair", Ready: "False InvalidKeyPair", Issuing: "True InvalidKeyPair", Events: "Normal Issuing"},
		},
		"another issuer leads to a new certificate": {
			with(settledOne(func(c *certsv1.Certificate) { c.Spec.IssuerRef.Kind = "ClusterIssuer" }), func(s *State) { s.Signer = AtOnce }),
			brief{Step: "issue revision 2 now", Reason: "IncorrectIssuer", Ready: "False IncorrectIssuer", Issuing: "True IncorrectIssuer", Events: "Normal Issuing"},
		},
		"an issuer that is only spelled out changes nothing": {
			settledOne(func(c *certsv1.Certificate) {
				c.Spec.IssuerRef = cmmeta.IssuerReference{Name: "ca", Kind: "Issuer", Group: "cert-manager.io"}
			}),
			brief{Step: "wait", Reason: "Settled", Wake: renewal, Ready: "True Ready"},
		},
		"usages that are only spelled out change nothing": {
			settledOne(func(c *certsv1.Certificate) {
				c.Spec.Usages = []certsv1.KeyUsage{certsv1.UsageDigitalSignature, certsv1.UsageKeyEncipherment}
			}),
			brief{Step: "wait", Reason: "Settled", Wake: renewal, Ready: "True Ready"},
		},
		"a Secret of another Certificate leads to a new certificate": {
			with(settledOne(), func(s *State) {
				s.Secret, s.Signer = holding(web, m, func(x *corev1.Secret) { x.Annotations[certsv1.CertificateNameKey] = "gone" }), AtOnce
			}),
			brief{Step: "issue revision 2 now", Reason: "IncorrectCertificate", Ready: "False IncorrectCertificate", Issuing: "True IncorrectCertificate", Events: "Normal Issuing"},
		},
		"another kind of key leads to a new certificate": {
			with(settledOne(rsa), func(s *State) { s.Signer = AtOnce }),
			brief{Step: "issue revision 2 now", Reason: "SecretMismatch", Ready: "False SecretMismatch", Issuing: "True SecretMismatch", Events: "Normal Issuing"},
		},
		"a pair from elsewhere leads to a new certificate": {
			with(settledOne(), func(s *State) { s.Secret, s.Signer = holding(web, other), AtOnce }),
			brief{Step: "issue revision 2 now", Reason: "SecretMismatch", Ready: "False SecretMismatch", Issuing: "True SecretMismatch", Events: "Normal Issuing"},
		},
		"another name leads to a new certificate": {
			with(settledOne(second), func(s *State) { s.Signer = AtOnce }),
			brief{Step: "issue revision 2 now", Reason: "RequestChanged", Ready: "False RequestChanged", Issuing: "True RequestChanged", Events: "Normal Issuing"},
		},
		"without a request only the names are compared": {
			with(settledOne(func(c *certsv1.Certificate) { c.Spec.IsCA = true }), func(s *State) { s.Requests = nil }),
			brief{Step: "wait", Reason: "Settled", Wake: renewal, Ready: "True Ready"},
		},
		"without a request other names lead to a new certificate": {
			with(settledOne(second), func(s *State) { s.Requests, s.Signer = nil, AtOnce }),
			brief{Step: "issue revision 2 now", Reason: "SecretMismatch", Ready: "False SecretMismatch", Issuing: "True SecretMismatch", Events: "Normal Issuing"},
		},
		"a good pair that somebody imported is taken as it is": {
			with(settledOne(), func(s *State) {
				s.Certificate, s.Requests = web, nil
				s.Secret = holding(web, m)
				for _, k := range baseAnnotations {
					delete(s.Secret.Annotations, k)
				}
				s.Secret.OwnedAnnotations = nil
			}),
			brief{Step: "wait", Reason: "Settled", Wake: renewal, Ready: "True Ready"},
		},
		"a signing request that no longer parses is no reason to issue": {
			with(settledOne(), func(s *State) { s.Requests[0].CSR = nil }),
			brief{Step: "wait", Reason: "Settled", Wake: renewal, Ready: "True Ready"},
		},

		// Keys that are kept.
		"a key that is to be kept is used again": {
			with(settledOne(neverRotate), func(s *State) { s.Now, s.Signer = renewal, AtOnce }),
			brief{Step: "issue revision 2 now", Reason: "Renewing", Ready: "True Ready", Issuing: "True Renewing", Events: "Normal Issuing"},
		},
		"a key that is to be kept is stored for a slow issuer": {
			with(settledOne(neverRotate), func(s *State) { s.Now = renewal }),
			brief{Step: "store the next key in Secret " + key2, Reason: "Renewing", Ready: "True Ready", Issuing: "True Renewing", Events: "Normal Reused, Normal Issuing"},
		},
		"a key that is to be kept and does not fit waits for the user": {
			with(settledOne(neverRotate, rsa), func(s *State) { s.Signer = AtOnce }),
			brief{Step: "wait", Reason: "CannotRegenerateKey", Ready: "False SecretMismatch", Issuing: "True SecretMismatch", Events: "Normal Issuing, Warning CannotRegenerateKey"},
		},
		"a key that is to be kept and cannot be read is replaced": {
			with(settledOne(neverRotate), func(s *State) {
				s.Secret, s.Signer = holding(web, m, func(x *corev1.Secret) { x.Data["tls.key"] = []byte("x") }), AtOnce
			}),
			brief{Step: "issue revision 2 now", Reason: "InvalidKeyPair", Ready: "False InvalidKeyPair", Issuing: "True InvalidKeyPair", Events: "Warning DecodeFailed, Normal Issuing"},
		},
		"that it cannot be read is told once": {
			with(settledOne(neverRotate), func(s *State) {
				s.Secret, s.Keys = holding(web, m, func(x *corev1.Secret) { x.Data["tls.key"] = []byte("x") }), []KnownKey{stored(other)}
			}),
			brief{Step: "request revision 2 with the key in Secret web-key", Reason: "InvalidKeyPair", Ready: "False InvalidKeyPair", Issuing: "True InvalidKeyPair", Events: "Normal Requested, Normal Issuing"},
		},
		"an answer for a kept key is stored though the key was in the Secret before": {
			with(settledOne(neverRotate, issuingSince(noon, "Renewing")), func(s *State) {
				root, signer := authority()
				again := sign(&web.Spec, m.key, noon.Add(time.Hour), time.Hour*2160, root, signer)
				s.Requests = append(s.Requests, asked(web, 2, again, answeredWith(again)))
			}),
			brief{Step: "store the answer of CertificateRequest web-2", Reason: "Issued", Ready: "True Ready", Issuing: "True Renewing"},
		},

		// In place.
		"a missing label is put right in place": {
			with(settledOne(), func(s *State) { s.Secret = holding(web, m); s.Secret.Labels = nil }),
			brief{Step: "put the Secret right in place", Reason: "Settled", Wake: renewal, Ready: "True Ready"},
		},
		"a new template is put in place": {
			settledOne(func(c *certsv1.Certificate) {
				c.Spec.SecretTemplate = &certsv1.CertificateSecretTemplate{Labels: map[string]string{"team": "a"}}
			}),
			brief{Step: "put the Secret right in place", Reason: "Settled", Wake: renewal, Ready: "True Ready"},
		},
		"an entry of a former template is taken away": {
			with(settledOne(), func(s *State) {
				s.Secret = holding(web, m, func(x *corev1.Secret) { x.Annotations["note"] = "x" })
				s.Secret.OwnedAnnotations = append(s.Secret.OwnedAnnotations, "note")
			}),
			brief{Step: "put the Secret right in place", Reason: "Settled", Wake: renewal, Ready: "True Ready"},
		},
		"an annotation of somebody else stays": {
			with(settledOne(), func(s *State) {
				s.Secret = holding(web, m, func(x *corev1.Secret) { x.Annotations["note"] = "x" })
			}),
			brief{Step: "wait", Reason: "Settled", Wake: renewal, Ready: "True Ready"},
		},
		"a further output format is put in place": {
			settledOne(func(c *certsv1.Certificate) {
				c.Spec.AdditionalOutputFormats = []certsv1.CertificateAdditionalOutputFormat{{Type: certsv1.CertificateOutputFormatDER}}
			}),
			brief{Step: "put the Secret right in place", Reason: "Settled", Wake: renewal, Ready: "True Ready"},
		},
		"what could not be put right is not tried again": {
			with(settledOne(), func(s *State) {
				s.Secret = holding(web, m)
				s.Secret.Labels = nil
				s.Restored = s.likeness()
			}),
			brief{Step: "wait", Reason: "Settled", Wake: renewal, Ready: "True Ready"},
		},
		"the owner is put in place if the operator wants it": {
			with(settledOne(), func(s *State) { s.Policy = Policy{OwnerRef: true} }),
			brief{Step: "put the Secret right in place", Reason: "Settled", Wake: renewal, Ready: "True Ready"},
		},
		"an owner that is in place is left alone": {
			with(settledOne(), func(s *State) { s.Policy = Policy{OwnerRef: true}; s.Secret = owned(ownerOf(web)) }),
			brief{Step: "wait", Reason: "Settled", Wake: renewal, Ready: "True Ready"},
		},
		"an owner that does not control is put right": {
			with(settledOne(), func(s *State) {
				ref := ownerOf(web)
				ref.Controller = nil
				s.Policy = Policy{OwnerRef: true}
				s.Secret = owned(ref)
			}),
			brief{Step: "put the Secret right in place", Reason: "Settled", Wake: renewal, Ready: "True Ready"},
		},
		"an earlier Certificate of that name makes room as the owner": {
			with(settledOne(), func(s *State) {
				ref := ownerOf(web)
				ref.UID = "earlier"
				s.Policy = Policy{OwnerRef: true}
				s.Secret = owned(ref)
			}),
			brief{Step: "put the Secret right in place", Reason: "Settled", Wake: renewal, Ready: "True Ready"},
		},
		"the owner is taken away if the operator does not want it any more": {
			with(settledOne(), func(s *State) { s.Secret = owned(ownerOf(web)) }),
			brief{Step: "put the Secret right in place", Reason: "Settled", Wake: renewal, Ready: "True Ready"},
		},
		"an owner that somebody else has set stays": {
			with(settledOne(), func(s *State) { s.Secret = owned(ownerOf(web)); s.Secret.OwnedOwners = nil }),
			brief{Step: "wait", Reason: "Settled", Wake: renewal, Ready: "True Ready"},
		},
		"a Secret of ours that something else controls gets no second controller": {
			with(settledOne(), func(s *State) {
				s.Policy = Policy{OwnerRef: true}
				s.Secret = owned(metav1.OwnerReference{Kind: "App", Name: "a", UID: "a", Controller: ptr.To(true)})
				s.Secret.OwnedOwners = nil
			}),
			brief{Step: "wait", Reason: "Settled", Wake: renewal, Ready: "True Ready"},
		},

		// Others.
		"a Secret that belongs to an older Certificate is left to it": {
			State{Certificate: web, Rivals: []Rival{{"old", noon.Add(-2 * time.Hour)}}, Signer: AtOnce, Live: true},
			brief{Step: "wait", Reason: "SecretOwnedByAnother", Wake: noon.Add(3 * time.Minute), Ready: "False IncorrectCertificate", Events: "Warning IncorrectCertificate"},
		},
		"the Certificate that the Secret names owns it, though it is younger": {
			State{Certificate: crt(atRevision(1)), Secret: holding(web, m), Requests: []KnownRequest{asked(web, 1, m)}, Rivals: []Rival{{"old", noon.Add(-2 * time.Hour)}}, Live: true},
			brief{Step: "wait", Reason: "Settled", Wake: renewal, Ready: "True Ready"},
		},
		"of two Certificates of the same age the first in the alphabet owns the Secret": {
			State{Certificate: web, Rivals: []Rival{{"zoo", noon.Add(-time.Hour)}}, Signer: AtOnce, Live: true},
			brief{Step: "issue revision 1 now", Reason: "DoesNotExist", Ready: "False DoesNotExist", Issuing: "True DoesNotExist", Events: "Normal Issuing"},
		},
		"a Secret of another type is left alone": {
			State{Certificate: web, Signer: AtOnce, Live: true, Secret: holding(web, m, func(x *corev1.Secret) {
				x.Type, x.Annotations = corev1.SecretTypeServiceAccountToken, nil
			})},
			brief{Step: "wait", Reason: "SecretForeign", Ready: "False IncorrectCertificate", Events: "Warning IncorrectCertificate"},
		},
		"a Secret that something else controls is left alone": {
			State{Certificate: web, Signer: AtOnce, Live: true, Secret: holding(web, m, func(x *corev1.Secret) {
				x.Annotations = nil
				x.OwnerReferences = []metav1.OwnerReference{{Kind: "ExternalSecret", Name: "vault", UID: "v", Controller: ptr.To(true)}}
			})},
			brief{Step: "wait", Reason: "SecretForeign", Ready: "False IncorrectCertificate", Events: "Warning IncorrectCertificate"},
		},
		"a revision beyond all numbers starts over": {
			State{Certificate: crt(atRevision(math.MaxInt), issuingSince(noon, "ManuallyTriggered")), Signer: AtOnce, Live: true},
			brief{Step: "issue revision 1 now", Reason: "ManuallyTriggered", Ready: "False DoesNotExist", Issuing: "True ManuallyTriggered"},
		},
		"a request that is not what was asked for is made anew": {
			State{Certificate: crt(issuingSince(noon, "DoesNotExist")), Keys: []KnownKey{stored(m)}, Live: true, Requests: []KnownRequest{redirected}},
			brief{Step: "discard CertificateRequest web-1", Reason: "DoesNotExist", Ready: "False DoesNotExist", Issuing: "True DoesNotExist"},
		},
		"but not for ever": {
			State{Certificate: crt(issuingSince(noon, "DoesNotExist")), Keys: []KnownKey{stored(m)}, Live: true, Requests: []KnownRequest{redirected}, Misfits: fiveMisfits},
			brief{Step: "wait", Reason: "RequestFailed", Wake: noon.Add(50 * time.Minute), Ready: "False DoesNotExist", Issuing: "True DoesNotExist", Events: "Warning RequestFailed"},
		},
		"a failed request makes room for the next attempt, however many were not what was asked for": {
			State{
				Certificate: crt(failedAt(noon.Add(-2*time.Hour), 1)), Keys: []KnownKey{stored(m)}, Live: true, Misfits: fiveMisfits,
				Requests: []KnownRequest{asked(web, 1, m, failedWith("Failed", "no", noon.Add(-2*time.Hour)), func(r *certsv1.CertificateRequest) {
					r.CreationTimestamp = metav1.NewTime(noon.Add(-3 * time.Hour))
				})},
			},
			brief{Step: "discard CertificateRequest web-1", Reason: "DoesNotExist", Ready: "False DoesNotExist", Issuing: "True DoesNotExist", Events: "Normal Issuing"},
		},
		"whoever keeps changing the Secret is not followed for ever": {
			with(settledOne(), func(s *State) {
				s.Secret = nil
				for i := range 3 {
					s.Successes = append(s.Successes, noon.Add(time.Duration(i-10)*time.Minute))
				}
			}),
			brief{Step: "wait", Reason: "IssuedTooOften", Wake: noon.Add(50 * time.Minute), Ready: "False DoesNotExist", Events: "Warning IssuedTooOften"},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := tt.state
			if s.Now.IsZero() {
				s.Now = noon
			}
			s.Policy.MinBackoff, s.Policy.MaxBackoff = testPolicy.MinBackoff, testPolicy.MaxBackoff
			before := s.Certificate.DeepCopy()
			if diff := cmp.Diff(tt.want, short(Decide(s))); diff != "" {
				t.Errorf("Decide() (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(before, s.Certificate); diff != "" {
				t.Errorf("Decide() changed what it was given:\n%s", diff)
			}
		})
	}
}

func TestBackoff(t *testing.T) {
	for n, want := range []int{1, 1, 2, 4, 8, 16, 32, 32, 32} {
		if got := testPolicy.Backoff(n); got != time.Duration(want)*time.Hour {
			t.Errorf("Backoff(%d) = %s, want %dh", n, got, want)
		}
	}
	if got := testPolicy.Backoff(1 << 30); got != 32*time.Hour {
		t.Errorf("Backoff(many) = %s", got)
	}
	if got := (Policy{MaxBackoff: time.Hour}).Backoff(3); got != 0 {
		t.Errorf("Backoff without a minimum = %s", got)
	}
}

func TestRequestName(t *testing.T) {
	if got := RequestName("web", 7); got != "web-7" {
		t.Errorf("RequestName(web) = %s", got)
	}
	longest := strings.Repeat("a", 233)
	if got := RequestName(longest, 7); got != longest+"-7" {
		t.Errorf("a name of 233 letters became %s", got)
	}
	// Cut at a dot, which must not come before the hyphen.
	name := strings.Repeat("a", 167) + "." + strings.Repeat("c", 70)
	got := RequestName(name, 7)
	if !strings.HasPrefix(got, strings.Repeat("a", 167)+"-") || !strings.HasSuffix(got, "-7") || len(got) != 167+1+64+2 {
		t.Errorf("a longer name became %s", got)
	}
	if got == RequestName(name+"d", 7) {
		t.Error("two long names became one")
	}
}

func TestCopiedAnnotations(t *testing.T) {
	given := map[string]string{"a.io/x": "1", "kubectl.kubernetes.io/last-applied-configuration": "2", "argocd.argoproj.io/y": "3", "b": "4"}
	tests := map[string]struct {
		prefixes []string
		want     map[string]string
	}{
		"by default all but those of deployment tools": {defaultCopiedAnnotations, map[string]string{"a.io/x": "1", "b": "4"}},
		"only what a prefix lets through":              {[]string{"a.io/"}, map[string]string{"a.io/x": "1"}},
		"an exclusion wins wherever it stands":         {[]string{"-a.io/", "*"}, map[string]string{"kubectl.kubernetes.io/last-applied-configuration": "2", "argocd.argoproj.io/y": "3", "b": "4"}},
		"no prefix lets nothing through":               {nil, map[string]string{}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, copiedAnnotations(given, tt.prefixes)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// What a user reads names the cause and, where there is one, the remedy.
func TestMessages(t *testing.T) {
	web := crt(issuingSince(noon, "DoesNotExist"))
	m := makes(&web.Spec)
	pending := asked(web, 1, m, func(r *certsv1.CertificateRequest) {
		r.Status.SetCondition(certsv1.CertificateRequestCondition{Type: "Ready", Status: "False", Reason: "Pending", Message: "Order is waiting for DNS"}, metav1.NewTime(noon))
	})
	d := Decide(State{Now: noon, Live: true, Certificate: web, Keys: []KnownKey{stored(m)}, Requests: []KnownRequest{pending}, Policy: testPolicy})
	contains(t, d.Status.Condition("Issuing").Message, "Order is waiting for DNS")
	if name := d.Status.NextPrivateKeySecretName; name == nil || *name != "web-key" {
		t.Errorf("nextPrivateKeySecretName is %v", name)
	}

	d = Decide(State{Now: noon, Live: true, Certificate: web, Keys: []KnownKey{stored(m)}, Requests: []KnownRequest{asked(web, 1, m)}, Policy: testPolicy})
	contains(t, d.Status.Condition("Issuing").Message, "waits to be approved")

	d = Decide(State{Now: noon, Live: true, Certificate: crt(), Rivals: []Rival{{"old", noon.Add(-2 * time.Hour)}}, Policy: testPolicy})
	contains(t, d.Status.Condition("Ready").Message, `Certificate "old"`)

	d = Decide(State{Now: noon, Live: true, Certificate: web, Keys: []KnownKey{stored(m)}, Requests: []KnownRequest{asked(web, 1, m, failedWith("Failed", "acme: rateLimited", noon))}, Policy: testPolicy})
	contains(t, d.Status.Condition("Issuing").Message, "acme: rateLimited")
	if *d.Status.FailedIssuanceAttempts != 1 || !d.Status.LastFailureTime.Time.Equal(noon) {
		t.Errorf("the failure is not counted: %+v", d.Status)
	}
}

// Conditions of others survive every report, and a report that changes nothing
// is the same as what is there.
func TestReportIsStable(t *testing.T) {
	web := crt(atRevision(1), func(c *certsv1.Certificate) {
		c.Status.Conditions = []certsv1.CertificateCondition{{Type: "Audited", Status: "True", Reason: "x"}}
	})
	m := makes(&web.Spec)
	s := State{Now: noon, Live: true, Certificate: web, Secret: holding(web, m), Requests: []KnownRequest{asked(web, 1, m)}, Policy: testPolicy}
	first := Decide(s)
	if first.Status.Condition("Audited") == nil {
		t.Error("a condition of somebody else is gone")
	}
	s.Certificate = web.DeepCopy()
	s.Certificate.Status = first.Status
	s.Now = noon.Add(time.Hour)
	if diff := cmp.Diff(first.Status, Decide(s).Status); diff != "" {
		t.Errorf("an hour later (-first +then):\n%s", diff)
	}
}
