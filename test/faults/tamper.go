package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cmmeta "github.com/certwright/certwright/certs/meta/v1"
	certsv1 "github.com/certwright/certwright/certs/v1"
	"github.com/certwright/certwright/deploy"
)

// resources is the namespace of ClusterIssuers' Secrets.
const resources = deploy.Namespace

// change reads o, has f change it, and writes it, until nobody is in between.
func (w *world) change(ctx context.Context, o client.Object, f func()) error {
	for {
		if err := w.admin.Get(ctx, client.ObjectKeyFromObject(o), o); err != nil {
			return fmt.Errorf("read %s: %w", o.GetName(), err)
		}
		f()
		err := w.admin.Update(ctx, o)
		if apierrors.IsConflict(err) {
			continue
		}
		return err
	}
}

// overwrite changes a Secret.
func (w *world) overwrite(ctx context.Context, key client.ObjectKey, f func(*corev1.Secret)) error {
	secret := &corev1.Secret{ObjectMeta: named(key.Namespace, key.Name)}
	return w.change(ctx, secret, func() { f(secret) })
}

// caIssuerFrom makes an Issuer "ca" whose CA is good between two times.
func (s *scene) caIssuerFrom(ctx context.Context, notBefore, notAfter time.Time) error {
	secret, err := keyPair(s.namespace, "ca", notBefore, notAfter)
	if err != nil {
		return err
	}
	return s.create(ctx, secret, &certsv1.Issuer{
		ObjectMeta: named(s.namespace, "ca"), Spec: certsv1.IssuerSpec{CA: &certsv1.CAIssuer{SecretName: "ca"}},
	})
}

// clusterIssuerAndWeb makes a ClusterIssuer, called as the namespace, and a
// Certificate "web" of it that is ready.
func (s *scene) clusterIssuerAndWeb(ctx context.Context) error {
	now := time.Now()
	secret, err := keyPair(resources, s.namespace, now.Add(-time.Hour), now.Add(day))
	if err != nil {
		return err
	}
	if err := s.create(ctx, secret, &certsv1.ClusterIssuer{
		ObjectMeta: named("", s.namespace), Spec: certsv1.IssuerSpec{CA: &certsv1.CAIssuer{SecretName: s.namespace}},
	}); err != nil {
		return err
	}
	return s.issue(ctx, certificate(s.namespace, "web", by(cmmeta.IssuerReference{Kind: "ClusterIssuer", Name: s.namespace})))
}

// quarrel overwrites the Secret "web" with what belongs elsewhere, again and
// again.
func (s *scene) quarrel(ctx context.Context) error {
	now := time.Now()
	other, err := keyPair(s.namespace, "other", now, now.Add(day))
	if err != nil {
		return err
	}
	for range 10 { // one more, and nothing is issued for an hour
		if err := s.overwrite(ctx, client.ObjectKey{Namespace: s.namespace, Name: "web"}, func(secret *corev1.Secret) { secret.Data = other.Data }); err != nil {
			return err
		}
		if err := pause(ctx, scaled(2*time.Minute)); err != nil {
			return err
		}
	}
	return nil
}

// revoke leaves only reading of what a ClusterRole says of resource.
func (s *scene) revoke(ctx context.Context, name, resource string) error {
	role := &rbacv1.ClusterRole{ObjectMeta: named("", name)}
	return s.change(ctx, role, func() {
		s.role = role.DeepCopy()
		for i, rule := range role.Rules {
			if slices.Contains(rule.Resources, resource) {
				role.Rules[i].Verbs = []string{"get", "list", "watch"}
			}
		}
	})
}

// restore puts back what was revoked.
func (s *scene) restore(ctx context.Context) error {
	role := &rbacv1.ClusterRole{ObjectMeta: named("", s.role.Name)}
	return s.change(ctx, role, func() { role.Rules = s.role.Rules })
}

// pause waits for so long, in the time of the run.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
