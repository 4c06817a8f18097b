package certificate

import (
	"bytes"
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/certwright/certwright/certs"
	cmmeta "github.com/certwright/certwright/certs/meta/v1"
	certsv1 "github.com/certwright/certwright/certs/v1"
	"github.com/certwright/certwright/issuance"
	"github.com/certwright/certwright/issuance/request"
	"github.com/certwright/certwright/issuance/status"
)

// A requestError says that a CertificateRequest could not be created.
type requestError struct{ err error }

func (e *requestError) Error() string { return "create CertificateRequest: " + e.err.Error() }
func (e *requestError) Unwrap() error { return e.err }

func asRequestError(err error, target **requestError) bool { return errors.As(err, target) }

// take performs step, and notes what it leads to. Names derive from the
// Certificate and its revision, so repeating a step whose answer we lost finds
// its own work already done; what exists under that name is read and judged,
// never assumed to be ours.
func (p *pass) take(ctx context.Context, step Step) error {
	switch s := step.(type) {
	case Wait:
		return nil
	case IssueNow:
		return p.issueNow(ctx, s)
	case StoreKey:
		return p.storeKey(ctx, s)
	case Request:
		return p.request(ctx, s)
	case Discard:
		return p.discard(ctx, s)
	case Store:
		return p.store(ctx, s)
	case StoreTemporary:
		return p.storeTemporary(ctx, s)
	case Restore:
		return p.restore(ctx)
	default:
		panic(fmt.Sprintf("certificate: no way to take step %T", step))
	}
}

// key returns the key for the next request: the one in the target Secret if
// keep, else a new one.
func (p *pass) key(ctx context.Context, keep bool) (crypto.Signer, error) {
	if !keep {
		return p.keys.make(ctx, p.crt.Spec.PrivateKey)
	}
	if p.secret == nil {
		return nil, errors.New("the Secret with the key is gone")
	}
	return certs.DecodeKey(p.secret.Data[cmmeta.TLSPrivateKeyKey])
}

// issueNow makes key, request, signature and Secret in one pass (DESIGN D4).
func (p *pass) issueNow(ctx context.Context, s IssueNow) (err error) {
	p.state.Signer = Slow // once in a pass is enough
	issuer, namespace, err := p.Issuers.Find(ctx, p.crt.Namespace, p.crt.Spec.IssuerRef)
	if err != nil || issuer == nil {
		return err
	}
	key, err := p.key(ctx, s.Keep)
	if err != nil {
		return err
	}
	csrPEM, err := certs.CreateCSR(&p.crt.Spec, key)
	if err != nil {
		return &requestError{err}
	}
	csr, err := parseCSR(csrPEM)
	if err != nil {
		return &requestError{err}
	}
	req := newRequest(p.crt, s.Revision, s.KeySecret, csrPEM, p.CopiedAnnotations)
	name := client.ObjectKeyFromObject(req)
	p.InFlight.Begin(name)
	answered := false
	defer func() { p.InFlight.End(name, answered) }()

	sent := req.Spec.DeepCopy()
	created, err := p.create(ctx, req)
	if err != nil || !created {
		return err
	}
	if !sameWish(sent, &req.Spec) {
		// Something in the API server has changed it. What is signed is what is
		// written down, by the issuer that is written down, or nothing.
		return p.keepKey(ctx, s.KeySecret, key)
	}
	outcome, err := p.answer(ctx, req, csr, issuer, namespace, key)
	_, issued := outcome.(issuance.Issued)
	_, refused := outcome.(issuance.Refused)
	answered = issued || refused
	if refused {
		return nil // final; the key is of no use to anybody
	}
	if issued {
		err = p.apply(ctx, req, key)
	}
	if err != nil || !issued {
		// The key must outlive this pass: the request is out in the open.
		return errors.Join(err, p.keepKey(ctx, s.KeySecret, key))
	}
	log.FromContext(ctx).Info("issued", "certificate", client.ObjectKeyFromObject(p.crt), "revision", s.Revision, "notAfter", p.state.Secret.NotAfter)
	return nil
}

// sameWish reports whether two requests ask for the same certificate of the
// same issuer; who asks does not count.
func sameWish(a, b *certsv1.CertificateRequestSpec) bool {
	return a.IssuerRef.Equal(b.IssuerRef) && a.IsCA == b.IsCA && bytes.Equal(a.Request, b.Request) &&
		equality.Semantic.DeepEqual(a.Duration, b.Duration) && equality.Semantic.DeepEqual(a.Usages, b.Usages)
}

// answer approves req and lets its issuer sign it, and writes both down at
// once. The outcome is nil if it is not known or could not be written.
func (p *pass) answer(ctx context.Context, req *certsv1.CertificateRequest, csr *x509.CertificateRequest, issuer certsv1.GenericIssuer, namespace string, key crypto.Signer) (issuance.Outcome, error) {
	outcome, err := request.Fulfil(ctx, p.Kinds, issuance.Request{Object: req, CSR: csr, Issuer: issuer, Namespace: namespace, Key: key})
	if err != nil {
		return nil, err
	}
	if _, pending := outcome.(issuance.Pending); pending {
		return outcome, nil // package request goes on from here
	}
	kind, _ := issuance.KindOf(p.Kinds, issuer.GetSpec())
	now := p.Clock.Now()
	want := *req.Status.DeepCopy()
	request.Approve(&want, now)
	event := request.Answer(&want, outcome, now)
	data, err := status.Patch(req.Status, want, req.ResourceVersion)
	if err != nil {
		return nil, err
	}
	written := req.DeepCopy()
	written.Status = want
	written.ResourceVersion, err = status.Write(ctx, p.Client, certsv1.GroupVersion.WithKind(certsv1.CertificateRequestKind), req, data, client.FieldOwner(request.FieldOwnerOf(kind)))
	if err != nil {
		if apierrors.IsForbidden(err) {
			p.Approver.Refuse(p.crt.Namespace, p.crt.Spec.IssuerRef)
		}
		return nil, fmt.Errorf("answer CertificateRequest %s: %w", req.Name, err)
	}
	p.memory.wrote(written.UID, written.ResourceVersion)
	request.Count(p.Counters, kind, issuer, outcome, p.Clock.Since(p.state.Now))
	if event != nil && event.Type == corev1.EventTypeWarning {
		p.Events.Event(written, event.Type, event.Reason, event.Message)
	}
	*req = *written
	p.learnRequest(written)
	return outcome, nil
}

// create creates req. It is false if there is one of that name already, which
// is then known and judged like any other.
func (p *pass) create(ctx context.Context, req *certsv1.CertificateRequest) (bool, error) {
	err := p.Client.Create(ctx, req, client.FieldOwner(FieldOwnerRequest))
	if apierrors.IsAlreadyExists(err) {
		there := &certsv1.CertificateRequest{}
		if err := p.Live.Get(ctx, client.ObjectKeyFromObject(req), there); err != nil {
			return false, err
		}
		if !metav1.IsControlledBy(there, p.crt) {
			return false, &requestError{fmt.Errorf("there is one named %s that does not belong to this Certificate; delete or rename it", req.Name)}
		}
		if r := NewRequest(there); !there.DeletionTimestamp.IsZero() || !p.isNew(r) {
			// Known, or going, so it was to be discarded: wait until it is gone.
			return false, apierrors.NewConflict(certsv1.GroupVersion.WithResource("certificaterequests").GroupResource(), req.Name, errors.New("is still there"))
		}
		p.learnRequest(there)
		return false, p.findKey(ctx, NewRequest(there))
	}
	if err != nil {
		return false, &requestError{err}
	}
	p.memory.wrote(req.UID, req.ResourceVersion)
	p.learnRequest(req)
	return true, nil
}

// isNew reports whether r is not among the known requests.
func (p *pass) isNew(r KnownRequest) bool {
	for _, k := range p.state.Requests {
		if k.Object.UID == r.Object.UID {
			return false
		}
	}
	return true
}

// learnRequest adds req, as the API server has it, to what is known.
func (p *pass) learnRequest(req *certsv1.CertificateRequest) {
	for i, k := range p.state.Requests {
		if k.Object.UID == req.UID {
			p.state.Requests[i].Object = req.DeepCopy() // its spec cannot have changed
			return
		}
	}
	p.state.Requests = append(p.state.Requests, NewRequest(req.DeepCopy()))
}

// apply writes the answer of req and its key into the target Secret.
func (p *pass) apply(ctx context.Context, req *certsv1.CertificateRequest, key crypto.Signer) error {
	c, err := issuedContent(p.crt, req, key)
	if err != nil {
		return err
	}
	if err := p.applySecret(ctx, c, nil); err != nil {
		return err
	}
	now := p.Clock.Now()
	p.remember(func(m *recollection) { m.succeeded(now) })
	p.state.Successes = append(p.state.Successes[:len(p.state.Successes):len(p.state.Successes)], now)
	return nil
}

// applySecret writes c, with the keystores that go with it, into the target
// Secret. present is the Secret that c was read from, or nil if c is new.
func (p *pass) applySecret(ctx context.Context, c content, present *corev1.Secret) error {
	c, err := p.state.withKeystores(c, present, p.passwords)
	if err != nil {
		return err
	}
	c.secretType, c.ownerRef = corev1.SecretTypeTLS, p.state.wantsOwner()
	if p.secret != nil && p.secret.Type != "" {
		c.secretType = p.secret.Type
	}
	desired, err := targetSecret(p.crt, c)
	if err != nil {
		return err
	}
	if p.secret != nil {
		claimed, err := p.Secrets.Claim(ctx, p.secret, FieldOwner)
		if err != nil {
			return fmt.Errorf("claim Secret %s: %w", p.crt.Spec.SecretName, err)
		}
		if claimed != p.secret {
			p.memory.wrote(claimed.UID, claimed.ResourceVersion)
			p.secret = claimed
		}
	}
	applied, sum, err := p.Secrets.Apply(ctx, desired, FieldOwner)
	if err != nil {
		return fmt.Errorf("apply Secret %s: %w", p.crt.Spec.SecretName, err)
	}
	p.memory.wrote(applied.UID, applied.ResourceVersion)
	p.secret, p.state.Secret = applied, sum
	return nil
}

// storeKey stores the next key.
func (p *pass) storeKey(ctx context.Context, s StoreKey) error {
	key, err := p.key(ctx, s.Keep)
	if err != nil {
		return err
	}
	return p.keepKey(ctx, s.Name, key)
}

// keepKey stores key under name.
func (p *pass) keepKey(ctx context.Context, name string, key crypto.Signer) error {
	secret, err := newKeySecret(p.crt, name, key)
	if err != nil {
		return err
	}
	created, err := p.Secrets.Create(ctx, secret, FieldOwnerKey)
	if apierrors.IsAlreadyExists(err) {
		// Of an earlier pass whose answer we lost; or somebody else's.
		there, err := p.Secrets.Get(ctx, p.crt.Namespace, name)
		if err != nil {
			return err
		}
		if !p.addKey(there) {
			return fmt.Errorf("the Secret %s is in the way: it is not a private key of this Certificate", name)
		}
		return nil
	}
	if err != nil {
		return fmt.Errorf("store the next private key: %w", err)
	}
	p.memory.wrote(created.UID, created.ResourceVersion)
	p.addKey(created)
	return nil
}

// storedKey reads a stored key.
func (p *pass) storedKey(ctx context.Context, name string) (crypto.Signer, error) {
	secret, err := p.Secrets.Get(ctx, p.crt.Namespace, name)
	if err != nil {
		return nil, err
	}
	if !isNextKeyOf(p.crt, secret) {
		return nil, fmt.Errorf("the Secret %s does not hold a next private key of this Certificate", name)
	}
	return certs.DecodeKey(secret.Data[cmmeta.TLSPrivateKeyKey])
}

// request creates the CertificateRequest for a stored key.
func (p *pass) request(ctx context.Context, s Request) error {
	key, err := p.storedKey(ctx, s.Key)
	if err != nil {
		return err
	}
	csr, err := certs.CreateCSR(&p.crt.Spec, key)
	if err != nil {
		return &requestError{err}
	}
	_, err = p.create(ctx, newRequest(p.crt, s.Revision, s.Key, csr, p.CopiedAnnotations))
	return err
}

// requested returns the known request of that name, and its key from the Secret
// key, or from the target Secret if that is empty.
func (p *pass) requested(ctx context.Context, name, keySecret string) (KnownRequest, crypto.Signer, error) {
	i := slices.IndexFunc(p.state.Requests, func(r KnownRequest) bool { return r.Object.Name == name })
	if i < 0 {
		return KnownRequest{}, nil, fmt.Errorf("CertificateRequest %s is gone", name)
	}
	key, err := p.key(ctx, true)
	if keySecret != "" {
		key, err = p.storedKey(ctx, keySecret)
	}
	return p.state.Requests[i], key, err
}

// store writes an answer into the target Secret.
func (p *pass) store(ctx context.Context, s Store) error {
	req, key, err := p.requested(ctx, s.Request, s.Key)
	if err != nil {
		return err
	}
	if err := p.apply(ctx, req.Object, key); err != nil {
		return err
	}
	log.FromContext(ctx).Info("issued", "certificate", client.ObjectKeyFromObject(p.crt), "revision", p.state.next(), "notAfter", p.state.Secret.NotAfter)
	return nil
}

// storeTemporary writes a temporary certificate into the target Secret.
func (p *pass) storeTemporary(ctx context.Context, s StoreTemporary) error {
	req, key, err := p.requested(ctx, s.Request, s.Key)
	if err != nil {
		return err
	}
	c, err := temporaryContent(p.crt, req, key, p.state.Now)
	if err != nil {
		return err
	}
	return p.applySecret(ctx, c, nil)
}

// restore puts the target Secret right in place.
func (p *pass) restore(ctx context.Context) error {
	if p.secret == nil {
		return errors.New("the Secret is gone")
	}
	c, err := p.state.presentContent(p.secret)
	if err != nil {
		return err
	}
	if err := p.applySecret(ctx, c, p.secret); err != nil {
		return err
	}
	// What is still not right now is not ours to change.
	likeness := p.state.likeness()
	p.state.Restored = likeness
	p.remember(func(m *recollection) { m.restored = likeness })
	return nil
}

// discard deletes an object of ours, if it is still as it was seen.
func (p *pass) discard(ctx context.Context, s Discard) error {
	meta := metav1.ObjectMeta{Namespace: p.crt.Namespace, Name: s.Name, UID: s.UID, ResourceVersion: s.ResourceVersion}
	gone := func(m *recollection) { m.discarded(s.UID) }
	if s.Kind == kindSecret {
		if err := p.Secrets.Delete(ctx, &meta); err != nil {
			return err
		}
		p.remember(gone)
		var kept []KnownKey
		for _, k := range p.state.Keys {
			if k.UID != s.UID {
				kept = append(kept, k)
			}
		}
		p.state.Keys = kept
		return nil
	}
	if s.Misfit {
		now := p.Clock.Now()
		p.remember(func(m *recollection) { m.misfitted(now) })
		p.state.Misfits = latest(p.state.Misfits, now)
	}
	err := p.Client.Delete(ctx, &certsv1.CertificateRequest{ObjectMeta: meta},
		client.Preconditions{UID: &s.UID, ResourceVersion: &s.ResourceVersion})
	if client.IgnoreNotFound(err) != nil {
		return err
	}
	p.remember(gone)
	var kept []KnownRequest
	for _, r := range p.state.Requests {
		if r.Object.UID != s.UID {
			kept = append(kept, r)
		}
	}
	p.state.Requests = kept
	return nil
}
