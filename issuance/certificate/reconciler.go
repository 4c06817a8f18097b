package certificate

import (
	"context"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/certwright/certwright/certs"
	certsv1 "github.com/certwright/certwright/certs/v1"
	"github.com/certwright/certwright/issuance"
	"github.com/certwright/certwright/issuance/metrics"
	"github.com/certwright/certwright/issuance/request"
	"github.com/certwright/certwright/issuance/secrets"
	"github.com/certwright/certwright/issuance/status"
)

// Events tells users about their objects.
type Events interface {
	Event(object runtime.Object, eventType, reason, message string)
}

// A Scope says which objects are ours to look after.
type Scope interface {
	Mine(obj metav1.Object) bool
}

// A Reconciler is the shell around Decide.
type Reconciler struct {
	// Client reads from the cache and writes.
	Client client.Client
	// Live reads past the cache.
	Live     client.Reader
	Secrets  *secrets.Store
	Kinds    []issuance.Kind
	Issuers  request.Issuers
	Approver *request.Approver
	InFlight *request.InFlight
	Events   Events
	Clock    clock.PassiveClock
	Scope    Scope
	Policy   Policy
	// CopiedAnnotations are the prefixes of annotations that requests inherit.
	CopiedAnnotations []string
	Counters          *metrics.Counters

	keys   *keyMaker
	memory memory
}

// maxSteps bounds the steps of one pass.
const maxSteps = 24

// Reconcile brings one Certificate as far as it can be brought at the moment.
func (r *Reconciler) Reconcile(ctx context.Context, key reconcile.Request) (result reconcile.Result, err error) {
	defer func() { r.Counters.Sync(metrics.Certificates, err) }()
	crt := &certsv1.Certificate{}
	if err := r.Client.Get(ctx, key.NamespacedName, crt); err != nil {
		if apierrors.IsNotFound(err) {
			r.memory.forget(key.NamespacedName)
		}
		return reconcile.Result{}, client.IgnoreNotFound(err)
	}
	if !crt.DeletionTimestamp.IsZero() || (r.Scope != nil && !r.Scope.Mine(crt)) {
		return reconcile.Result{}, nil
	}
	known := r.memory.of(key.NamespacedName, crt.UID, crt.Generation)
	if known.written != "" {
		if c, err := resourceversion.CompareResourceVersion(crt.ResourceVersion, known.written); err == nil && c < 0 {
			// The cache has not seen our last report yet; its arrival is an
			// event. The time is for the case that the event came in between.
			return reconcile.Result{RequeueAfter: time.Second}, nil
		}
	}
	p := &pass{Reconciler: r, crt: crt, known: known}
	wake, err := p.run(ctx)
	if apierrors.IsConflict(err) {
		// Somebody was faster: look again at what is there now.
		log.FromContext(ctx).V(1).Info("conflict", "error", err.Error())
		return reconcile.Result{RequeueAfter: time.Second}, nil
	}
	if err != nil || wake.IsZero() {
		return reconcile.Result{}, err
	}
	return reconcile.Result{RequeueAfter: max(wake.Sub(r.Clock.Now()), time.Second)}, nil
}

// A pass is one look at a Certificate and everything that follows from it.
type pass struct {
	*Reconciler
	crt   *certsv1.Certificate // from the cache, read-only
	known recollection
	state State
	// secret is the body of the target Secret, once it was read live.
	secret *corev1.Secret
	// passwords are those of the keystores, as State.Passwords, once they were
	// read live.
	passwords [][]byte
	// reported are the events that go with the report.
	reported []Event
}

// run decides and takes steps until there is nothing to do but wait.
func (p *pass) run(ctx context.Context) (time.Time, error) {
	if err := p.observe(ctx); err != nil {
		return time.Time{}, fmt.Errorf("observe: %w", err)
	}
	logger := log.FromContext(ctx)
	var d Decision
	for range maxSteps {
		d = Decide(p.state)
		if _, wait := d.Step.(Wait); !wait && !p.state.Live {
			if err := p.confirm(ctx); err != nil {
				return time.Time{}, fmt.Errorf("observe: %w", err)
			}
			continue
		}
		logger.V(1).Info("decided", "step", d.Step.String(), "reason", d.Reason, "wake", d.Wake)
		if err := p.take(ctx, d.Step); err != nil {
			return time.Time{}, p.failed(ctx, d.Step, err)
		}
		for _, e := range d.Taken {
			p.Events.Event(p.crt, e.Type, e.Reason, e.Message)
		}
		if done := p.adopt(d); done {
			break
		}
	}
	if err := p.report(ctx); err != nil {
		return time.Time{}, fmt.Errorf("report: %w", err)
	}
	return d.Wake, nil
}

// adopt makes the status of d the one that is known from now on, and reports
// whether d changes nothing more.
func (p *pass) adopt(d Decision) bool {
	_, waits := d.Step.(Wait)
	if _, ok := d.Step.(IssueNow); ok {
		// Nothing is said about an issuance that may be over before anybody
		// could read it.
		return false
	}
	if equality.Semantic.DeepEqual(p.state.Certificate.Status, d.Status) {
		return waits
	}
	p.reported = append(p.reported, d.Reported...)
	p.state.Certificate = p.state.Certificate.DeepCopy()
	p.state.Certificate.Status = d.Status
	return false
}

// failed reports how things stand after a step has failed.
func (p *pass) failed(ctx context.Context, step Step, err error) error {
	err = fmt.Errorf("%s: %w", step, err)
	if apierrors.IsConflict(err) {
		return err
	}
	p.state.Signer = Slow
	d := Decide(p.state)
	p.reported = append(p.reported, d.Reported...)
	var refused *requestError
	if asRequestError(err, &refused) {
		p.reported = append(p.reported, p.state.refusedRequest(&d.Status, refused.err))
	}
	p.state.Certificate = p.state.Certificate.DeepCopy()
	p.state.Certificate.Status = d.Status
	if reportErr := p.report(ctx); reportErr != nil && !apierrors.IsConflict(reportErr) {
		log.FromContext(ctx).Error(reportErr, "report after a failed step")
	}
	return err
}

// report writes the status if it has changed, and then the events about it.
func (p *pass) report(ctx context.Context) error {
	if p.state.Certificate == p.crt {
		return nil
	}
	data, err := status.Patch(p.crt.Status, p.state.Certificate.Status, p.crt.ResourceVersion)
	if err != nil || data == nil {
		return err
	}
	written, err := status.Write(ctx, p.Client, certsv1.GroupVersion.WithKind(certsv1.CertificateKind), p.crt, data, client.FieldOwner(FieldOwner))
	if err != nil {
		return client.IgnoreNotFound(err)
	}
	p.remember(func(m *recollection) { m.written = written })
	for _, e := range p.reported {
		p.Events.Event(p.crt, e.Type, e.Reason, e.Message)
	}
	return nil
}

func (p *pass) remember(f func(*recollection)) {
	p.memory.change(client.ObjectKeyFromObject(p.crt), p.crt.UID, p.crt.Generation, f)
}

// observe reads what the caches know.
func (p *pass) observe(ctx context.Context) error {
	crt := p.crt
	p.state = State{
		Now: p.Clock.Now(), Certificate: crt, Policy: p.Policy,
		Successes: p.known.successes, Misfits: p.known.misfits, Restored: p.known.restored,
	}
	if sum, ok := p.Secrets.Summary(crt.Namespace, crt.Spec.SecretName); ok {
		p.state.Secret = sum
	} else if p.Secrets.Known(crt.Namespace, crt.Spec.SecretName) {
		if err := p.readSecret(ctx); err != nil {
			return err
		}
	}
	p.observeKeystores()
	var requests certsv1.CertificateRequestList
	if err := p.Client.List(ctx, &requests, client.InNamespace(crt.Namespace),
		client.MatchingFields{indexOwner: string(crt.UID)}, client.UnsafeDisableDeepCopyOption(true)); err != nil {
		return err
	}
	for i := range requests.Items {
		if r := &requests.Items[i]; !p.deleted(r) {
			p.state.Requests = append(p.state.Requests, NewRequest(r))
		}
	}
	for _, sum := range p.Secrets.NextKeys(crt.UID) {
		if !p.deleted(sum) {
			p.state.Keys = append(p.state.Keys, NewKey(sum))
		}
	}
	var rivals certsv1.CertificateList
	if err := p.Client.List(ctx, &rivals, client.InNamespace(crt.Namespace),
		client.MatchingFields{indexSecret: crt.Spec.SecretName}, client.UnsafeDisableDeepCopyOption(true)); err != nil {
		return err
	}
	for i := range rivals.Items {
		if rival := &rivals.Items[i]; rival.UID != crt.UID && rival.DeletionTimestamp.IsZero() {
			p.state.Rivals = append(p.state.Rivals, Rival{rival.Name, rival.CreationTimestamp.Time})
		}
	}
	return nil
}

// deleted reports whether we deleted obj, and the cache does not know yet.
func (p *pass) deleted(obj metav1.Object) bool {
	return obj.GetDeletionTimestamp().IsZero() && slices.Contains(p.known.gone, obj.GetUID())
}

// confirm reads past the caches what a step is decided on.
func (p *pass) confirm(ctx context.Context) error {
	if err := p.readSecret(ctx); err != nil {
		return err
	}
	if err := p.readPasswords(ctx); err != nil {
		return err
	}
	next := p.state.next()
	var requests []KnownRequest
	for _, r := range p.state.Requests {
		if n, ok := r.revision(); ok && n != next {
			requests = append(requests, r)
			continue
		}
		live := &certsv1.CertificateRequest{}
		err := p.Live.Get(ctx, client.ObjectKeyFromObject(r.Object), live)
		if apierrors.IsNotFound(err) || (err == nil && live.UID != r.Object.UID) {
			continue
		}
		if err != nil {
			return err
		}
		requests = append(requests, NewRequest(live))
		if err := p.findKey(ctx, requests[len(requests)-1]); err != nil {
			return err
		}
	}
	p.state.Requests = requests
	signer, err := p.signer(ctx)
	if err != nil {
		return err
	}
	p.state.Signer = signer
	p.state.Live = true
	return nil
}

// readSecret reads the target Secret live.
func (p *pass) readSecret(ctx context.Context) error {
	secret, err := p.Secrets.Get(ctx, p.crt.Namespace, p.crt.Spec.SecretName)
	if apierrors.IsNotFound(err) {
		p.secret, p.state.Secret = nil, nil
		return nil
	}
	if err != nil {
		return err
	}
	p.secret, p.state.Secret = secret, p.Secrets.Learn(secret)
	return nil
}

// findKey makes sure that the key of r is known if it is there: the watch may
// lag behind. The name is a hint; what counts is label and owner.
func (p *pass) findKey(ctx context.Context, r KnownRequest) error {
	name := r.Object.Annotations[certsv1.PrivateKeySecretKey]
	if name == "" || p.state.hasKeyOf(r) {
		return nil
	}
	secret, err := p.Secrets.Get(ctx, p.crt.Namespace, name)
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	p.addKey(secret)
	return nil
}

// addKey adds a Secret to the known keys, if it is one of ours.
func (p *pass) addKey(secret *corev1.Secret) bool {
	if !isNextKeyOf(p.crt, secret) || !secret.DeletionTimestamp.IsZero() {
		return false
	}
	for _, k := range p.state.Keys {
		if k.UID == secret.UID {
			return true
		}
	}
	p.state.Keys = append(p.state.Keys, NewKey(certs.Summarize(secret)))
	return true
}

// signer says how the issuer of the Certificate answers.
func (p *pass) signer(ctx context.Context) (Signer, error) {
	issuer, _, err := p.Issuers.Find(ctx, p.crt.Namespace, p.crt.Spec.IssuerRef)
	if err != nil || issuer == nil || !request.IssuerReady(issuer) {
		return Slow, err
	}
	kind, ok := issuance.KindOf(p.Kinds, issuer.GetSpec())
	if !ok || !kind.AtOnce {
		return Slow, nil
	}
	approval, err := p.Approver.May(ctx, p.crt.Namespace, p.crt.Spec.IssuerRef)
	if err != nil || approval != request.Allowed {
		return Slow, err
	}
	return AtOnce, nil
}
