package secrets

import (
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	"k8s.io/client-go/util/csaupgrade"

	"github.com/certwright/certwright/certs"
)

// Get reads a Secret live.
func (s *Store) Get(ctx context.Context, namespace, name string) (*corev1.Secret, error) {
	return s.client.CoreV1().Secrets(namespace).Get(ctx, name, metav1.GetOptions{})
}

// Apply writes exactly the given fields of a Secret as owner, by force, and
// remembers the result.
func (s *Store) Apply(ctx context.Context, secret *corev1ac.SecretApplyConfiguration, owner string) (*corev1.Secret, *certs.SecretSummary, error) {
	out, err := s.client.CoreV1().Secrets(*secret.Namespace).Apply(ctx, secret, metav1.ApplyOptions{FieldManager: owner, Force: true})
	if err != nil {
		return nil, nil, err
	}
	return out, s.Learn(out), nil
}

// Claim makes the fields of secret that owner wrote by Update its own by Apply,
// so that an Apply can also take them away. It returns secret as it is then,
// the same if there was nothing to do.
func (s *Store) Claim(ctx context.Context, secret *corev1.Secret, owner string) (*corev1.Secret, error) {
	if !slices.ContainsFunc(secret.ManagedFields, func(e metav1.ManagedFieldsEntry) bool {
		return e.Manager == owner && e.Operation == metav1.ManagedFieldsOperationUpdate
	}) {
		return secret, nil
	}
	patch, err := csaupgrade.UpgradeManagedFieldsPatch(secret, sets.New(owner), owner)
	if err != nil || patch == nil {
		return secret, nil //nolint:nilerr // a record that cannot be read says nothing
	}
	return s.client.CoreV1().Secrets(secret.Namespace).Patch(ctx, secret.Name, types.JSONPatchType, patch, metav1.PatchOptions{FieldManager: owner})
}

// Create creates a Secret as owner.
func (s *Store) Create(ctx context.Context, secret *corev1.Secret, owner string) (*corev1.Secret, error) {
	return s.client.CoreV1().Secrets(secret.Namespace).Create(ctx, secret, metav1.CreateOptions{FieldManager: owner})
}

// Delete deletes a Secret if its UID and resource version are still the given
// ones. One that is gone already is no error.
func (s *Store) Delete(ctx context.Context, meta metav1.Object) error {
	uid, version := meta.GetUID(), meta.GetResourceVersion()
	err := s.client.CoreV1().Secrets(meta.GetNamespace()).Delete(ctx, meta.GetName(), metav1.DeleteOptions{
		Preconditions: &metav1.Preconditions{UID: &uid, ResourceVersion: &version},
	})
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("delete Secret %s: %w", meta.GetName(), err)
	}
	return nil
}
