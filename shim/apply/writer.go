package apply

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/record"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	certsv1 "github.com/certwright/certwright/certs/v1"
	"github.com/certwright/certwright/shim"
)

// A Writer takes the steps of a plan.
type Writer struct {
	Client   client.Client
	Recorder record.EventRecorder
	// Manager is the field manager of everything written.
	Manager string
	// Metrics counts the writes. May be nil.
	Metrics *Metrics
}

// An Outcome is what came of a plan beside errors.
type Outcome struct {
	// Refused are the writes that the API server does not take. The same write
	// is refused again, until somebody changes something.
	Refused []shim.Problem
	// Stale says that an object changed meanwhile: look again and plan anew.
	Stale bool
}

// Take makes changes for owner. One step that goes wrong does not keep the
// others from being taken.
func (w *Writer) Take(ctx context.Context, owner client.Object, changes shim.Changes) (Outcome, error) {
	var out Outcome
	var errs []error
	note := func(crt *certsv1.Certificate, doing string, err error) {
		switch {
		case err == nil:
		case apierrors.IsConflict(err):
			out.Stale = true
		case apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause): // all of it goes
		case apierrors.IsInvalid(err), apierrors.IsBadRequest(err), apierrors.IsForbidden(err),
			apierrors.IsRequestEntityTooLargeError(err):
			out.Refused = append(out.Refused, shim.Refusal(crt.Name, err))
		default:
			errs = append(errs, fmt.Errorf("%s Certificate %s: %w", doing, crt.Name, err))
		}
	}
	for _, crt := range changes.Create {
		note(crt, "create", w.create(ctx, owner, crt))
	}
	for _, u := range changes.Update {
		note(u.Current, "update", w.update(ctx, owner, u))
	}
	for _, o := range changes.Own {
		note(o.Current, "change the owners of", w.own(ctx, o))
	}
	for _, crt := range changes.Delete {
		note(crt, "delete", w.delete(ctx, owner, crt))
	}
	return out, errors.Join(errs...)
}

// create is no Apply: that would take over a Certificate that somebody made a
// moment ago.
func (w *Writer) create(ctx context.Context, owner client.Object, crt *certsv1.Certificate) error {
	switch err := w.Client.Create(ctx, crt.DeepCopy(), client.FieldOwner(w.Manager)); {
	case apierrors.IsAlreadyExists(err):
		// Ours (the cache lags, its event is on the way) or somebody else's
		// (then it is left alone).
		log.FromContext(ctx).V(1).Info("certificate exists already", "certificate", crt.Name)
		return nil
	case err != nil:
		return err
	}
	w.done(ctx, owner, "create", shim.ReasonCreate, "Successfully created Certificate %q", crt.Name)
	return nil
}

func (w *Writer) update(ctx context.Context, owner client.Object, u shim.Update) error {
	log.FromContext(ctx).V(1).Info("certificate differs", "certificate", u.Current.Name, "fields", u.Fields)
	version, err := w.claim(ctx, u)
	if err != nil {
		return err
	}
	content, err := shim.ApplyMap(u.Desired)
	if err != nil {
		return err
	}
	crt := &unstructured.Unstructured{Object: content}
	crt.SetUID(u.Current.UID)
	crt.SetResourceVersion(version)
	if err := w.Client.Apply(ctx, client.ApplyConfigurationFromUnstructured(crt), client.FieldOwner(w.Manager), client.ForceOwnership); err != nil {
		return err
	}
	w.done(ctx, owner, "update", shim.ReasonUpdate, "Successfully updated Certificate %q", u.Current.Name)
	return nil
}

// claim writes the managed fields that the Apply of u needs, if they are not
// there. It returns the version to apply to.
func (w *Writer) claim(ctx context.Context, u shim.Update) (resourceVersion string, err error) {
	fields, changed, err := shim.Claim(u, w.Manager)
	if err != nil || !changed {
		return u.Current.ResourceVersion, err
	}
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{
		"managedFields": fields, "uid": u.Current.UID, "resourceVersion": u.Current.ResourceVersion,
	}})
	if err != nil {
		return "", fmt.Errorf("encode managed fields: %w", err)
	}
	crt := &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Name: u.Current.Name, Namespace: u.Current.Namespace}}
	crt.SetGroupVersionKind(certsv1.GroupVersion.WithKind(certsv1.CertificateKind))
	if err := w.Client.Patch(ctx, crt, client.RawPatch(types.MergePatchType, patch), client.FieldOwner(w.Manager)); err != nil {
		return "", err
	}
	return crt.ResourceVersion, nil
}

// own writes who owns a Certificate. It is no Apply, which would need all else
// that we have set.
func (w *Writer) own(ctx context.Context, o shim.Ownership) error {
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{
		"ownerReferences": o.Owners, "uid": o.Current.UID, "resourceVersion": o.Current.ResourceVersion,
	}})
	if err != nil {
		return fmt.Errorf("encode owners: %w", err)
	}
	crt := &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Name: o.Current.Name, Namespace: o.Current.Namespace}}
	crt.SetGroupVersionKind(certsv1.GroupVersion.WithKind(certsv1.CertificateKind))
	if err := w.Client.Patch(ctx, crt, client.RawPatch(types.MergePatchType, patch), client.FieldOwner(w.Manager)); err != nil {
		return client.IgnoreNotFound(err)
	}
	w.Metrics.count("own")
	log.FromContext(ctx).Info("changed the owners of a certificate", "certificate", o.Current.Name, "owners", len(o.Owners))
	return nil
}

func (w *Writer) delete(ctx context.Context, owner client.Object, crt *certsv1.Certificate) error {
	err := w.Client.Delete(ctx, crt, client.Preconditions{UID: &crt.UID, ResourceVersion: &crt.ResourceVersion})
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	w.done(ctx, owner, "delete", shim.ReasonDelete, "Successfully deleted unrequired Certificate %q", crt.Name)
	return nil
}

func (w *Writer) done(ctx context.Context, owner client.Object, action, reason, message, name string) {
	w.Metrics.count(action)
	w.Recorder.Eventf(owner, corev1.EventTypeNormal, reason, message, name)
	log.FromContext(ctx).Info("wrote certificate", "action", action, "certificate", name)
}
