package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	certsv1 "github.com/certwright/certwright/certs/v1"
)

// everyday is the namespace of the load.
const everyday = "everyday"

// work is what goes on while faults are made, as in a cluster in use: somebody
// tries out manifests all the time, every second and a half a Certificate comes
// and one goes, and now and then there is a mistake, or an Ingress comes and
// goes. What fails because of a fault is not tried again.
func (w *world) work(ctx context.Context) error {
	s := &scene{world: w, namespace: everyday}
	if err := w.create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: everyday}}); err != nil {
		return err
	}
	if err := caIssuer(ctx, s); err != nil {
		return err
	}
	w.group.Go(func() {
		for pause(ctx, 300*time.Millisecond) == nil {
			_ = w.admin.Create(ctx, certificate(everyday, "tried-out"), client.DryRunAll)
		}
	})
	w.group.Go(func() {
		for i := 0; pause(ctx, 1500*time.Millisecond) == nil; i++ {
			_ = w.admin.Create(ctx, certificate(everyday, fmt.Sprintf("web-%d", i)))
			_ = w.admin.Delete(ctx, certificate(everyday, fmt.Sprintf("web-%d", i-4)))
			switch i % 4 {
			case 0:
				_ = w.admin.Create(ctx, certificate(everyday, "mistake", func(crt *certsv1.Certificate) { crt.Spec.SecretName = "Not a name" }))
			case 1: // in case nobody was there to refuse it
				_ = w.admin.Delete(ctx, certificate(everyday, "mistake"))
				ing := s.ingress("shop", "shop.example.test")
				ing.Annotations = map[string]string{"cert-manager.io/issuer": "ca"}
				_ = w.admin.Create(ctx, ing)
			case 3:
				_ = w.admin.Delete(ctx, &networkingv1.Ingress{ObjectMeta: named(everyday, "shop")})
			}
		}
	})
	return nil
}

// lives are the lifetimes of the quiet run.
var lives = []struct {
	name  string
	lasts time.Duration
}{{"an-hour", time.Hour}, {"six-days", 6 * day}, {"forty-five-days", 45 * day}, {"ninety-days", 90 * day}, {"a-year", 365 * day}}

// quiet is how long nothing may be heard while nothing is wrong, as shipped:
// each certificate is renewed twice.
const quiet = 2 * time.Hour

// quietRun has certificates of all lives renewed, and one come by ACME, and says
// what was heard in the meantime.
func (w *world) quietRun(ctx context.Context, say func(string, ...any)) (problems []string, err error) {
	say("a quiet run of %s, as shipped: certificates of an hour to a year are renewed", inWords(quiet))
	first := w.receiver.count()
	s := &scene{world: w, namespace: "quiet"}
	if err := s.open(ctx); err != nil {
		return nil, err
	}
	for _, l := range lives {
		if err := w.issue(ctx, certificate(s.namespace, l.name, by(company(s.namespace)), lasting(l.lasts))); err != nil {
			return nil, err
		}
	}
	if err := setACME(ctx, s); err != nil {
		return nil, err
	}
	if err := w.create(ctx, s.ingress("web", s.host())); err != nil {
		return nil, err
	}
	if err := w.ready(ctx, s.namespace, "web"); err != nil {
		return nil, err
	}
	for begin := time.Now(); time.Since(begin) < scaled(quiet); {
		if err := errors.Join(w.forget(ctx, s.namespace), pause(ctx, time.Second)); err != nil {
			return nil, err
		}
	}
	for _, l := range lives {
		crt := certificate(s.namespace, l.name)
		if err := w.admin.Get(ctx, client.ObjectKeyFromObject(crt), crt); err != nil {
			return nil, err
		}
		if crt.Status.Revision == nil || *crt.Status.Revision < 3 {
			return nil, fmt.Errorf("the certificate of %s was not renewed twice: it is due at %v, and its revision is %v", l.name, crt.Status.RenewalTime, ptr.Deref(crt.Status.Revision, 0))
		}
	}
	// An hour is short: it would be overdue whenever nobody can renew, and
	// rightly so. The others stay for all of the run.
	for _, e := range w.receiver.from(first) {
		problems = append(problems, fmt.Sprintf("the quiet run: %s %v", e.name(), e.labels))
	}
	return problems, w.remove(ctx, certificate(s.namespace, lives[0].name))
}

// forget deletes requests that were answered. A Certificate is not renewed
// sooner after its last request than a tenth of its life, whatever its issuer
// returns; of one that is as old as ours claim to be, the request is long gone.
func (w *world) forget(ctx context.Context, namespace string) error {
	var list certsv1.CertificateRequestList
	if err := w.admin.List(ctx, &list, client.InNamespace(namespace)); err != nil {
		return err
	}
	for i := range list.Items {
		r := &list.Items[i]
		if !r.Status.True(certsv1.CertificateRequestConditionReady) {
			continue
		}
		crt := certificate(namespace, r.Annotations[certsv1.CertificateNameKey])
		if err := w.admin.Get(ctx, client.ObjectKeyFromObject(crt), crt); err != nil {
			return err
		}
		if revision := crt.Status.Revision; revision != nil && r.Annotations[certsv1.CertificateRevisionKey] == strconv.Itoa(*revision) {
			if err := w.remove(ctx, r); err != nil {
				return err
			}
		}
	}
	return nil
}
