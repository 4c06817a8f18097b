//go:build cluster

package main

import (
	"context"
	"errors"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	certsv1 "github.com/certwright/certwright/certs/v1"
)

// TestAJumpOfTheClockIsNoticed: the machine sleeps past a renewal and past an
// expiry. No timer fires, no object changes: only the clock tells.
func TestAJumpOfTheClockIsNoticed(t *testing.T) {
	ns := newNamespace(t)
	hour := &metav1.Duration{Duration: time.Hour}
	create(t,
		newCertificate(ns, "renewed", func(c *certsv1.CertificateSpec) { c.Duration = hour }),
		newCertificate(ns, "left", func(c *certsv1.CertificateSpec) {
			c.Duration, c.Renewal = hour, &certsv1.CertificateRenewal{Policy: certsv1.RenewalPolicyDisabled}
		}))
	renewed := ready(t, ns, "renewed", 1)
	ready(t, ns, "left", 1)
	if in := renewed.Status.RenewalTime.Sub(renewed.Status.NotBefore.Time); in != 40*time.Minute {
		t.Fatalf("renewal after %s", in)
	}

	wall.move(41 * time.Minute)
	ready(t, ns, "renewed", 2)

	wall.move(20 * time.Minute)
	eventually(t, "nobody notices that it has expired", func(ctx context.Context) error {
		left := &certsv1.Certificate{}
		if err := admin.Get(ctx, client.ObjectKey{Namespace: ns, Name: "left"}, left); err != nil {
			return err
		}
		if says := conditions(left); says != "Ready=False Expired" {
			return errors.New(says)
		}
		return nil
	})
}
