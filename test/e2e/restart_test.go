//go:build cluster

package e2e

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cmmeta "github.com/certwright/certwright/certs/meta/v1"
	certsv1 "github.com/certwright/certwright/certs/v1"
)

// These tests stop the program that the others use, so they do not run side by
// side with them.

func TestKilledInABulkRun(t *testing.T) {
	ns := newNamespace(t)
	authority(t, ns)
	const rounds, each = 4, 20
	for round := range rounds {
		var group sync.WaitGroup
		for i := range each {
			group.Go(func() {
				if err := admin.Create(t.Context(), certificate(ns, fmt.Sprintf("web-%d", round*each+i))); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait() // some are issued by now, some are under way
		world.Certwright.Kill()
		restart(t)
	}
	onceEach(t, ns, rounds*each)
}

func TestKilledWhileOrdering(t *testing.T) {
	ns := newNamespace(t)
	acmeIssuer(t, ns)
	const n = 6
	for i := range n {
		before := world.ACME.Orders()
		name := fmt.Sprintf("web-%d", i)
		create(t, ingress(ns, name, ns+"-"+name+".example.test", map[string]string{"cert-manager.io/cluster-issuer": ns}))
		// Each run is killed a little later in the life of the order.
		if err := sleep(t.Context(), time.Duration(i)*80*time.Millisecond); err != nil {
			t.Fatal(err)
		}
		world.Certwright.Kill()
		restart(t)
		ready(t, ns, name, revision(1))
		leaf(t, ns, name)
		if orders := world.ACME.Orders() - before; orders > 2 {
			// One more than one can only come from the answer to newOrder that
			// was lost with the process: RFC 8555 has no way to find it again.
			t.Errorf("killed after %d ms: %d orders at the server", i*80, orders)
		}
	}
	eventually(t, "what the challenges needed is still there", func(ctx context.Context) error { return left(ctx, ns) })
}

// sleep waits for a random moment to be reached; nothing is asserted on it.
func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func TestTheSecondReplicaTakesOver(t *testing.T) {
	ns := newNamespace(t)
	authority(t, ns)
	if _, err := world.Certwright.Stop(); err != nil {
		t.Fatal(err)
	}
	// In a cluster both replicas answer the webhook behind one Service. Here its
	// configuration has room for one URL, so a third process answers it.
	if err := world.StartCertwright(t.Context(), "--roles", "webhook"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	leader, err := world.StartReplica(ctx, "replica-a", "shim,issuance")
	if err != nil {
		t.Fatal(err)
	}
	create(t, certificate(ns, "first"))
	ready(t, ns, "first", revision(1)) // so replica-a leads
	standby, err := world.StartReplica(ctx, "replica-b", "shim,issuance")
	if err != nil {
		t.Fatal(err)
	}
	const n = 40
	for i := range n {
		create(t, certificate(ns, fmt.Sprintf("web-%d", i)))
		if i == n/2 {
			leader.Kill()
		}
	}
	onceEach(t, ns, n)
	if took, err := standby.Stop(); err != nil || took > 5*time.Second {
		t.Errorf("stopped after %v, %v", took, err)
	}
	if _, err := world.Certwright.Stop(); err != nil {
		t.Error(err)
	}
	restart(t)
}

// restart starts certwright again.
func restart(t *testing.T) {
	t.Helper()
	if err := world.StartCertwright(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// onceEach waits until the n Certificates web-0… are ready and checks that each
// was issued once, and nothing is left over.
func onceEach(t *testing.T, ns string, n int) {
	t.Helper()
	eventually(t, "not all are ready", func(ctx context.Context) error {
		var list certsv1.CertificateList
		if err := admin.List(ctx, &list, client.InNamespace(ns)); err != nil {
			return err
		}
		count := 0
		for _, crt := range list.Items {
			if c := crt.Status.Condition(certsv1.CertificateConditionReady); c != nil && c.Status == cmmeta.ConditionTrue && strings.HasPrefix(crt.Name, "web-") {
				count++
			}
		}
		if count != n {
			return fmt.Errorf("%d of %d", count, n)
		}
		return nil
	})
	for i := range n {
		name := fmt.Sprintf("web-%d", i)
		ready(t, ns, name, revision(1))
		leaf(t, ns, name)
		if got := requests(t, ns, name); len(got) != 1 || !got[0].Status.True(certsv1.CertificateRequestConditionReady) {
			t.Errorf("%s has %d requests", name, len(got))
		}
	}
	var keys corev1.SecretList
	if err := admin.List(t.Context(), &keys, client.InNamespace(ns), client.HasLabels{certsv1.NextPrivateKeyKey}); err != nil {
		t.Fatal(err)
	}
	if len(keys.Items) != 0 {
		t.Errorf("%d key Secrets are left", len(keys.Items))
	}
}
