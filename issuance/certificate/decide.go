package certificate

import (
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/certwright/certwright/certs"
	cmmeta "github.com/certwright/certwright/certs/meta/v1"
	certsv1 "github.com/certwright/certwright/certs/v1"
)

// A Decision is what to do about a Certificate.
type Decision struct {
	Step Step
	// Reason says why, in one word.
	Reason string
	// Status is the report. It stands whether the step succeeds or not.
	Status certsv1.CertificateStatus
	// Reported are the events that go with a change of the status.
	Reported []Event
	// Taken are the events that go with the step.
	Taken []Event
	// Wake is when to look again, if nothing happens before.
	Wake time.Time
}

// An Event tells the user what happened.
type Event struct {
	Type, Reason, Message string
}

// Reasons of events on Certificates, beside those of the conditions.
const (
	EventIssuing             = "Issuing"
	EventGenerated           = "Generated"
	EventReused              = "Reused"
	EventDeleted             = "Deleted"
	EventRequested           = "Requested"
	EventRequestFailed       = "RequestFailed"
	EventDecodeFailed        = "DecodeFailed"
	EventCannotRegenerateKey = "CannotRegenerateKey"
	EventWindowError         = "WindowError"
	EventTooOften            = "IssuedTooOften"

	EventKeystorePasswordSecretNotFound = "KeystorePasswordSecretNotFound"
	EventKeystorePasswordInvalid        = "KeystorePasswordInvalid"
)

// Decide returns what to do next. It is a list of rules; the first that applies
// decides.
func Decide(s State) Decision {
	for _, rule := range []func(State) (Decision, bool){
		rotationPolicyUnknown, secretOwnedByAnother, secretForeign, answered, askedForByHand, backingOff, issuedTooOften, needed,
	} {
		if d, ok := rule(s); ok {
			return d
		}
	}
	return settled(s)
}

// rotationPolicyUnknown leaves a Certificate alone whose policy nobody knows.
func rotationPolicyUnknown(s State) (Decision, bool) {
	p := s.Certificate.Spec.PrivateKey
	if p == nil || p.RotationPolicy == "" || p.RotationPolicy == certsv1.RotationPolicyAlways || p.RotationPolicy == certsv1.RotationPolicyNever {
		return Decision{}, false
	}
	return Decision{Step: Wait{}, Reason: "UnknownRotationPolicy", Status: *s.Certificate.Status.DeepCopy()}, true
}

// lookAgain is how often a Certificate that another one keeps from its Secret
// looks whether that has changed.
const lookAgain = 3 * time.Minute

// secretOwnedByAnother lets only one of several Certificates with the same
// target Secret write it.
func secretOwnedByAnother(s State) (Decision, bool) {
	winner, lost := s.winner()
	if !lost {
		return Decision{}, false
	}
	d := s.keptOut(finding{ReasonIncorrectCertificate, fmt.Sprintf(
		"Secret %q belongs to Certificate %q, which names the same secretName; only one Certificate can fill a Secret", s.Certificate.Spec.SecretName, winner)})
	d.Reason = "SecretOwnedByAnother"
	d.Wake = s.Now.Add(lookAgain)
	return d, true
}

// secretForeign keeps hands off a Secret that belongs to something else.
func secretForeign(s State) (Decision, bool) {
	f, ok := s.foreign()
	if !ok {
		return Decision{}, false
	}
	d := s.keptOut(f)
	d.Reason = "SecretForeign"
	return d, true
}

// keptOut reports f as the reason not to be ready, and nothing of what is in
// the Secret, which is not ours.
func (s State) keptOut(f finding) Decision {
	d := Decision{Step: Wait{}, Status: *s.Certificate.Status.DeepCopy()}
	d.Status.NotBefore, d.Status.NotAfter, d.Status.RenewalTime = nil, nil, nil
	if s.setReady(&d.Status, f, true) {
		d.Reported = append(d.Reported, Event{corev1.EventTypeWarning, f.Reason, f.Message})
	}
	return d
}

// answered deals with a final answer to a request of the next revision.
func answered(s State) (Decision, bool) {
	for _, r := range s.ofRevision(s.next()) {
		if r.CSR == nil || !r.Object.DeletionTimestamp.IsZero() {
			continue
		}
		tentative := Decision{Step: Store{Request: r.Object.Name}, Reason: "Issued", Status: s.Certificate.Status}
		if isIssued(r) && s.Secret != nil && s.Secret.PublicKey == r.PublicKey {
			if !s.Live {
				return tentative, true // it takes a live State to tell
			}
			// Even if the spec has changed since: what is in the Secret is
			// judged by the request that it came from.
			if s.delivered(r) {
				return s.succeed(), true
			}
		}
		if len(s.mismatch(r)) > 0 {
			continue
		}
		if failed, ok := failure(r); ok && !s.counted(r) {
			return s.fail(failed, r), true
		} else if ok {
			continue // whatever else it says: a denial is final
		}
		if !isIssued(r) {
			continue
		}
		if !s.hasKeyOf(r) {
			continue // its key is lost
		}
		if s.Live {
			if f, bad := s.judge(r); bad && s.counted(r) {
				continue
			} else if bad {
				return s.fail(f, r), true
			}
		}
		if e, bad := s.passwordProblem(); bad {
			// The answer waits in the request, its key in its Secret.
			return s.stuck(Decision{Status: s.pursuing(s.why())}, e), true
		}
		key, _ := s.keyOf(r)
		return Decision{Step: Store{Request: r.Object.Name, Key: key.Name}, Reason: "Issued", Status: s.pursuing(s.why())}, true
	}
	return Decision{}, false
}

// failure returns the failure of r, if it has failed.
func failure(r KnownRequest) (finding, bool) {
	st := &r.Object.Status
	f, ok := finding{}, false
	ready := st.Condition(certsv1.CertificateRequestConditionReady)
	switch {
	case st.True(certsv1.CertificateRequestConditionDenied):
		c := st.Condition(certsv1.CertificateRequestConditionDenied)
		f, ok = finding{c.Reason, c.Message}, true
	case st.True(certsv1.CertificateRequestConditionInvalidRequest):
		c := st.Condition(certsv1.CertificateRequestConditionInvalidRequest)
		f, ok = finding{c.Reason, c.Message}, true
	case ready != nil && ready.Reason == certsv1.CertificateRequestReasonFailed:
		f, ok = finding{ready.Reason, ready.Message}, true
	}
	if f.Reason == "" {
		f.Reason = certsv1.CertificateRequestReasonFailed
	}
	return f, ok
}

// counted reports whether the failure of r belongs to an attempt that is over.
func (s State) counted(r KnownRequest) bool {
	// Every failure that was counted is at least as late as its request.
	last := s.Certificate.Status.LastFailureTime
	if last == nil || r.Object.CreationTimestamp.After(last.Time) {
		return false
	}
	if !s.issuing() {
		return true
	}
	since := s.Certificate.Status.Condition(certsv1.CertificateConditionIssuing).LastTransitionTime
	return since != nil && endedAt(r).Before(since.Time)
}

// endedAt is when r got its final answer, as far as it says so.
func endedAt(r KnownRequest) time.Time {
	if t := r.Object.Status.FailureTime; t != nil {
		return t.Time
	}
	at := r.Object.CreationTimestamp.Time
	for _, c := range r.Object.Status.Conditions {
		if c.Type != certsv1.CertificateRequestConditionApproved && c.LastTransitionTime != nil && c.LastTransitionTime.After(at) {
			at = c.LastTransitionTime.Time
		}
	}
	return at
}

func isIssued(r KnownRequest) bool {
	c := r.Object.Status.Condition(certsv1.CertificateRequestConditionReady)
	return c != nil && c.Reason == certsv1.CertificateRequestReasonIssued && c.Status == cmmeta.ConditionTrue
}

// judge returns what is wrong with the certificate in the answer to r.
func (s State) judge(r KnownRequest) (finding, bool) {
	chain, err := certs.DecodeChain(r.Object.Status.Certificate)
	if err != nil {
		return finding{ReasonInvalidCertificate, "The issuer returned a certificate that cannot be read: " + err.Error()}, true
	}
	if !certs.SamePublicKey(chain[0].PublicKey, r.CSR.PublicKey) {
		return finding{ReasonInvalidCertificate, "The issuer returned a certificate for another public key than that of the request"}, true
	}
	if s.Now.After(chain[0].NotAfter) {
		return finding{ReasonInvalidCertificate, fmt.Sprintf("The issuer returned a certificate that expired on %s", chain[0].NotAfter.UTC().Format(time.RFC3339))}, true
	}
	if len(s.wishes()) > 0 && len(r.Object.Status.CA) > 0 {
		if _, err := certs.DecodeChain(r.Object.Status.CA); err != nil {
			return finding{ReasonInvalidCertificate, "The issuer returned a CA that cannot be read, and so cannot be put into a keystore: " + err.Error()}, true
		}
	}
	return finding{}, false
}

// askedForByHand honours Issuing=True, whoever has set it.
func askedForByHand(s State) (Decision, bool) {
	if !s.issuing() {
		return Decision{}, false
	}
	c := s.Certificate.Status.Condition(certsv1.CertificateConditionIssuing)
	return s.pursue(finding{c.Reason, s.why().Message}), true
}

// why returns the reason for the issuance that is under way or needed.
func (s State) why() finding {
	if f, ok := s.trigger(); ok {
		return f
	}
	if c := s.Certificate.Status.Condition(certsv1.CertificateConditionIssuing); s.issuing() {
		return finding{c.Reason, "A new certificate was asked for"}
	}
	return finding{EventIssuing, "A new certificate is being stored"}
}

// Backoff is how long to wait after the given number of failures in a row.
func (p Policy) Backoff(failures int) time.Duration {
	if p.MinBackoff <= 0 {
		return 0
	}
	delay := p.MinBackoff
	for range failures - 1 {
		if delay >= p.MaxBackoff/2 {
			return max(p.MaxBackoff, p.MinBackoff)
		}
		delay *= 2
	}
	return delay
}

// nextAttempt is when the next attempt may be made, if the last one failed.
func (p Policy) nextAttempt(status *certsv1.CertificateStatus) (time.Time, bool) {
	if status.LastFailureTime == nil {
		return time.Time{}, false
	}
	failures := 0
	if n := status.FailedIssuanceAttempts; n != nil {
		failures = *n
	}
	return status.LastFailureTime.Add(p.Backoff(failures)), true
}

// backingOff waits after a failure, unless the spec has changed since.
func backingOff(s State) (Decision, bool) {
	until, ok := s.Policy.nextAttempt(&s.Certificate.Status)
	if !ok {
		return Decision{}, false
	}
	if _, ok := s.trigger(); !ok {
		return Decision{}, false
	}
	for _, r := range s.ofRevision(s.next()) {
		if r.CSR == nil || len(s.mismatch(r)) > 0 {
			return Decision{}, false
		}
	}
	if !s.Now.Before(until) {
		return Decision{}, false
	}
	d := s.idle("BackingOff")
	d.wakeAt(s.Now, until)
	return d, true
}

const (
	// An unchanged spec is issued at most so often an hour, whatever becomes of
	// the Secret: each time costs the issuer something, and an issuer that takes
	// time usually has limits of its own.
	maxAnHour     = 10
	maxAnHourSlow = 3
)

// issuedTooOften ends a quarrel with somebody who keeps changing the Secret.
func issuedTooOften(s State) (Decision, bool) {
	f, ok := s.trigger()
	if !ok || f.Reason == ReasonRenewing {
		return Decision{}, false
	}
	limit := maxAnHourSlow
	if s.Signer == AtOnce || !s.Live {
		limit = maxAnHour
	}
	recent := slices.DeleteFunc(slices.Clone(s.Successes), func(t time.Time) bool { return s.Now.Sub(t) >= time.Hour })
	if len(recent) < limit {
		return Decision{}, false
	}
	until := recent[len(recent)-limit].Add(time.Hour)
	d := s.idle("IssuedTooOften")
	f.Message += fmt.Sprintf("; a certificate was issued %d times within an hour for the same spec, so the next one waits until %s. Does something else write this Secret?",
		len(recent), until.UTC().Format(time.RFC3339))
	if s.setReady(&d.Status, f, true) {
		d.Reported = append(d.Reported, Event{corev1.EventTypeWarning, EventTooOften, f.Message})
	}
	d.wakeAt(s.Now, until)
	return d, true
}

// needed starts an issuance if something is wrong with the Secret or its time
// has come.
func needed(s State) (Decision, bool) {
	f, ok := s.trigger()
	if !ok {
		return Decision{}, false
	}
	return s.pursue(f), true
}

// pursue takes the next step towards a new certificate, which is needed because
// of f.
func (s State) pursue(f finding) Decision {
	d := Decision{Reason: f.Reason, Status: s.pursuing(f)}
	if !s.issuing() {
		d.Reported = append(d.Reported, Event{corev1.EventTypeNormal, EventIssuing, f.Message})
	}
	if r, ok := s.uselessRequest(); ok {
		step := discardRequest(r)
		step.Misfit = !s.over(r)
		if until, many := s.tooManyMisfits(); many && step.Misfit {
			d = s.stuck(d, Event{corev1.EventTypeWarning, EventRequestFailed, s.misfitMessage(r, until)})
			d.wakeAt(s.Now, until)
			return d
		}
		d.Step = step
		return d
	}
	if open := s.ofRevision(s.next()); len(open) > 0 {
		if step, ok := s.temporary(open[0]); ok {
			d.Step, d.Taken = step, []Event{storedTemporary(s.Certificate.Spec.SecretName)}
			return d
		}
		d.Step = Wait{}
		s.follow(&d, f, open[0])
		return d
	}
	if _, err := certs.RequestTemplate(&s.Certificate.Spec); err != nil {
		return s.stuck(d, Event{corev1.EventTypeWarning, EventRequestFailed, "The certificate cannot be requested: " + err.Error()})
	}
	if e, bad := s.passwordProblem(); bad {
		return s.stuck(d, e) // before anything is signed in vain
	}
	keep := false
	if s.keepsKey() && s.Secret != nil && s.Secret.Has(cmmeta.TLSPrivateKeyKey) {
		switch {
		case s.Secret.KeyError != "":
			d.Taken = append(d.Taken, Event{corev1.EventTypeWarning, EventDecodeFailed,
				fmt.Sprintf("The private key in Secret %q cannot be read, so a new one is made: %s", s.Secret.Name, s.Secret.KeyError)})
		case !s.fits(s.Secret.KeyAlgorithm, s.Secret.KeySize):
			return s.stuck(d, Event{corev1.EventTypeWarning, EventCannotRegenerateKey, fmt.Sprintf(
				"The private key in Secret %q is %s, the spec asks for %s, and rotationPolicy Never forbids a new one. Delete the key from the Secret, or set rotationPolicy to Always",
				s.Secret.Name, keyString(s.Secret.KeyAlgorithm, s.Secret.KeySize), keyString(certs.KeyParameters(s.Certificate.Spec.PrivateKey)))})
		default:
			keep = true
		}
	}
	keys := slices.Clone(s.Keys)
	slices.SortFunc(keys, func(a, b KnownKey) int {
		if c := a.Created.Compare(b.Created); c != 0 {
			return c
		}
		return strings.Compare(a.Name, b.Name)
	})
	for i, k := range keys {
		if !s.fits(k.Algorithm, k.Size) || (keep && k.PublicKey != s.Secret.PublicKey) {
			d.Step = discardKey(k)
			d.Taken = []Event{{corev1.EventTypeNormal, EventDeleted, fmt.Sprintf("The next private key in Secret %q no longer fits the spec", k.Name)}}
			return d
		}
		if i > 0 {
			d.Step = discardKey(k)
			d.Taken = nil
			return d
		}
	}
	name := s.keySecretName()
	switch {
	case len(keys) > 0:
		d.Step = Request{Revision: s.next(), Key: keys[0].Name}
		// What is wrong with the key in use was told when this one was made.
		d.Taken = []Event{{corev1.EventTypeNormal, EventRequested,
			fmt.Sprintf("Created new CertificateRequest resource %q", RequestName(s.Certificate.Name, s.next()))}}
	case s.Signer == AtOnce:
		d.Step = IssueNow{Revision: s.next(), KeySecret: name, Keep: keep}
	case keep:
		d.Step = StoreKey{Name: name, Keep: true}
		d.Taken = append(d.Taken, Event{corev1.EventTypeNormal, EventReused, fmt.Sprintf("Reusing the private key in Secret %q", s.Secret.Name)})
	default:
		d.Step = StoreKey{Name: name}
		d.Taken = append(d.Taken, Event{corev1.EventTypeNormal, EventGenerated, fmt.Sprintf("Stored new private key in temporary Secret resource %q", name)})
	}
	return d
}

// maxMisfits is how many requests an hour may turn out not to be what was asked
// for, though the spec is the same: a policy of the cluster may change each of
// them.
const maxMisfits = 5

// tooManyMisfits returns when to try again after too many of them.
func (s State) tooManyMisfits() (time.Time, bool) {
	recent := slices.DeleteFunc(slices.Clone(s.Misfits), func(t time.Time) bool { return s.Now.Sub(t) >= time.Hour })
	if len(recent) < maxMisfits {
		return time.Time{}, false
	}
	return recent[len(recent)-maxMisfits].Add(time.Hour), true
}

// misfitMessage says what is wrong with r, which was not what was asked for.
func (s State) misfitMessage(r KnownRequest, until time.Time) string {
	why := "its private key or its revision is lost"
	if r.CSR == nil {
		why = "its signing request cannot be read"
	} else if paths := s.mismatch(r); len(paths) > 0 {
		why = "it differs in " + strings.Join(paths, ", ")
	}
	return fmt.Sprintf("CertificateRequest %q is not what was asked for: %s. That has happened %d times within an hour, so the next attempt waits until %s. Does something else, such as a policy of the cluster, change it?",
		r.Object.Name, why, maxMisfits, until.UTC().Format(time.RFC3339))
}

// uselessRequest returns a request that cannot lead to the next certificate.
func (s State) uselessRequest() (KnownRequest, bool) {
	for _, r := range s.Requests {
		if _, ok := r.revision(); !ok && r.Object.DeletionTimestamp.IsZero() {
			return r, true
		}
	}
	kept := false
	for _, r := range s.ofRevision(s.next()) {
		if !r.Object.DeletionTimestamp.IsZero() {
			continue // on its way
		}
		if kept || s.useless(r) {
			return r, true
		}
		kept = true
	}
	return KnownRequest{}, false
}

func (s State) useless(r KnownRequest) bool {
	return r.CSR == nil || s.over(r) || !s.hasKeyOf(r) ||
		len(s.mismatch(r)) > 0
}

// over reports whether r has failed in an attempt that is over.
func (s State) over(r KnownRequest) bool {
	_, failed := failure(r)
	if !failed && s.Live && isIssued(r) {
		_, failed = s.judge(r)
	}
	return failed && s.counted(r)
}

// follow reports what the open request r is waiting for.
func (s State) follow(d *Decision, f finding, r KnownRequest) {
	d.Reason = "Pending"
	message := f.Message
	switch c := r.Object.Status.Condition(certsv1.CertificateRequestConditionReady); {
	case c != nil && c.Message != "" && c.Status != cmmeta.ConditionTrue:
		message += ". CertificateRequest " + r.Object.Name + ": " + c.Message
	case !r.Object.Status.True(certsv1.CertificateRequestConditionApproved):
		message += ". CertificateRequest " + r.Object.Name + " waits to be approved"
	}
	s.setIssuing(&d.Status, cmmeta.ConditionTrue, f.Reason, message)
	if key, ok := s.keyOf(r); ok {
		d.Status.NextPrivateKeySecretName = &key.Name
	}
	if s.Secret != nil {
		d.wakeAt(s.Now, s.Secret.NotAfter.Add(time.Second)) // then it is no longer ready
	}
}

// stuck reports that the issuance cannot go on, because of e, until the user
// does something.
func (s State) stuck(d Decision, e Event) Decision {
	d.Step, d.Reason, d.Taken = Wait{}, e.Reason, nil
	s.setIssuing(&d.Status, cmmeta.ConditionTrue, s.issuingReason(d), e.Message)
	d.Reported = append(d.Reported, e)
	return d
}

// issuingReason is the reason that d gives for Issuing.
func (State) issuingReason(d Decision) string {
	if c := d.Status.Condition(certsv1.CertificateConditionIssuing); c != nil {
		return c.Reason
	}
	return EventIssuing
}

// settled keeps a good certificate good: no leftovers, the Secret in the form
// that the spec asks for, not too many old requests.
func settled(s State) Decision {
	d := s.idle("Settled")
	if _, ok := d.Step.(Wait); !ok {
		return d
	}
	if _, bad := s.unready(); !bad {
		if r, ok := s.oldRequest(); ok {
			d.Step, d.Reason = discardRequest(r), "HistoryLimit"
		}
	}
	return d
}

// idle reports how things are while no issuance is under way.
func (s State) idle(reason string) Decision {
	d := Decision{Step: Wait{}, Reason: reason, Status: s.observed()}
	d.Status.NextPrivateKeySecretName = nil
	if plan, ok := s.renewal(); ok {
		if !plan.Never {
			d.wakeAt(s.Now, plan.Due)
		}
		d.wakeAt(s.Now, s.Secret.NotAfter.Add(time.Second))
		if plan.Problem != "" {
			d.Reported = append(d.Reported, Event{corev1.EventTypeWarning, EventWindowError,
				fmt.Sprintf("No renewal window can be kept, renewing at %s: %s", plan.At.UTC().Format(time.RFC3339), plan.Problem)})
		}
	}
	switch {
	case len(s.Keys) > 0:
		d.Step = discardKey(s.Keys[0])
	case s.misplaced():
		d.Step = Restore{}
	default:
		s.warnOfKeystores(&d)
	}
	return d
}

// warnOfKeystores reports that the keystores are not what is asked for, and
// cannot be. The certificate is good all the same.
func (s State) warnOfKeystores(d *Decision) {
	e, bad := s.passwordProblem()
	if !bad || !s.restorable() || !s.keystoresWrong() {
		return
	}
	if _, unready := s.unready(); unready {
		return
	}
	d.Status.SetCondition(certsv1.CertificateCondition{
		Type: certsv1.CertificateConditionReady, Status: cmmeta.ConditionTrue, Reason: ReasonReady,
		Message: readyMessage + ", but its keystores are not. " + e.Message, ObservedGeneration: s.Certificate.Generation,
	}, *seconds(s.Now))
	d.Reported = append(d.Reported, e)
}

// oldRequest returns a request beyond the history limit, the oldest revision
// first; never the one of the certificate in use, or the next one.
func (s State) oldRequest() (KnownRequest, bool) {
	if s.Certificate.Status.Revision == nil {
		return KnownRequest{}, false
	}
	limit := 1
	if l := s.Certificate.Spec.RevisionHistoryLimit; l != nil && *l > 0 {
		limit = int(*l)
	}
	var oldest KnownRequest
	oldestRevision, older := 0, 0
	for _, r := range s.Requests {
		n, ok := r.revision()
		if !ok || n >= *s.Certificate.Status.Revision || !r.Object.DeletionTimestamp.IsZero() {
			continue
		}
		older++
		if oldestRevision == 0 || n < oldestRevision {
			oldest, oldestRevision = r, n
		}
	}
	return oldest, older > limit-1
}

// wakeAt makes d look again at t, if that is sooner than what was planned and
// not over: what a time in the past was for is known.
func (d *Decision) wakeAt(now, t time.Time) {
	if t.After(now) && (d.Wake.IsZero() || t.Before(d.Wake)) {
		d.Wake = t
	}
}

// keySecretName is the name of the Secret for the next key. It follows from the
// attempt, so that a repeated step finds its own work.
func (s State) keySecretName() string {
	failures := 0
	if n := s.Certificate.Status.FailedIssuanceAttempts; n != nil {
		failures = *n
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%s/%d/%d", s.Certificate.UID, s.next(), failures))
	suffix := strings.ToLower(base32.StdEncoding.EncodeToString(sum[:]))[:5]
	name := s.Certificate.Name
	if len(name) > 247 {
		name = strings.TrimRight(name[:247], "-.")
	}
	return name + "-" + suffix
}
