package certificate

import (
	"context"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/certwright/certwright/certs"
	certsv1 "github.com/certwright/certwright/certs/v1"
)

// Observe builds the State of crt from the API server alone, for somebody who
// wants to know what Decide says without being the controller. It writes
// nothing and keeps nothing of a Secret but its summary.
//
// What only the controller's process knows is missing: when it issued last, and
// what it tried in vain. Whether Certificates own their Secrets is the
// operator's choice and cannot be seen, so the Secret is taken as it is.
//
// Secrets are read last: with the error that they may not be read comes a State
// without them, on which nothing can be decided.
func Observe(ctx context.Context, from client.Reader, crt *certsv1.Certificate, now time.Time) (State, error) {
	s := State{Now: now, Live: true, Certificate: crt}
	var requests certsv1.CertificateRequestList
	if err := from.List(ctx, &requests, client.InNamespace(crt.Namespace)); err != nil {
		return s, err
	}
	for i := range requests.Items {
		if metav1.IsControlledBy(&requests.Items[i], crt) {
			s.Requests = append(s.Requests, NewRequest(&requests.Items[i]))
		}
	}
	var others certsv1.CertificateList
	if err := from.List(ctx, &others, client.InNamespace(crt.Namespace)); err != nil {
		return s, err
	}
	for i := range others.Items {
		o := &others.Items[i]
		if o.UID != crt.UID && o.Spec.SecretName == crt.Spec.SecretName && o.DeletionTimestamp.IsZero() {
			s.Rivals = append(s.Rivals, Rival{o.Name, o.CreationTimestamp.Time})
		}
	}
	var secret corev1.Secret
	switch err := from.Get(ctx, client.ObjectKey{Namespace: crt.Namespace, Name: crt.Spec.SecretName}, &secret); {
	case err == nil:
		s.Secret = certs.Summarize(&secret)
		s.Policy.OwnerRef = slices.ContainsFunc(secret.OwnerReferences, func(r metav1.OwnerReference) bool { return r.UID == crt.UID })
	case !apierrors.IsNotFound(err):
		return s, err
	}
	var keys corev1.SecretList
	if err := from.List(ctx, &keys, client.InNamespace(crt.Namespace), client.MatchingLabels{certsv1.NextPrivateKeyKey: "true"}); err != nil {
		return s, err
	}
	for i := range keys.Items {
		if key := &keys.Items[i]; isNextKeyOf(crt, key) && key.DeletionTimestamp.IsZero() {
			s.Keys = append(s.Keys, NewKey(certs.Summarize(key)))
		}
	}
	return s, nil
}

// Next returns the request of the revision that is issued next by a Certificate
// with the given status, or nil.
func (s State) Next(status certsv1.CertificateStatus) *certsv1.CertificateRequest {
	s.Certificate = s.Certificate.DeepCopy()
	s.Certificate.Status = status
	if open := s.ofRevision(s.next()); len(open) > 0 {
		return open[0].Object
	}
	return nil
}

// Outlook is what Decide says about s once all that it wants to report is
// written: the step that comes next, or what is waited for.
func Outlook(s State) Decision {
	d := Decide(s)
	for range maxSteps {
		if _, waits := d.Step.(Wait); !waits || equality.Semantic.DeepEqual(s.Certificate.Status, d.Status) {
			break
		}
		s.Certificate = s.Certificate.DeepCopy()
		s.Certificate.Status = d.Status
		d = Decide(s)
	}
	return d
}
