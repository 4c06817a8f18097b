//go:build cluster

package e2e

import (
	"context"
	"errors"
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

// TestTheSecondReplicaTakesOver kills the leading process in a bulk run, half of
// it from a CA and half from an issuer that takes its time.
func TestTheSecondReplicaTakesOver(t *testing.T) {
	ns := newNamespace(t)
	authority(t, ns)
	installCloud(t)
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
	seen := newWitness(t, ns)
	before := seen.made()
	runCloud(t, ns)
	const n = 200
	slow := func(i int) bool { return i%2 == 1 }
	var group sync.WaitGroup
	for i := range n {
		group.Go(func() {
			crt := certificate(ns, fmt.Sprintf("web-%d", i))
			if slow(i) {
				crt.Spec.IssuerRef = cloud
			}
			if err := admin.Create(t.Context(), crt); err != nil {
				t.Error(err)
			}
		})
	}
	eventually(t, "a third is not even asked for", func(context.Context) error {
		if made := seen.made() - before; made < n/3 {
			return fmt.Errorf("%d of %d", made, n)
		}
		return nil
	})
	leader.Kill()
	killed := time.Now()
	group.Wait()
	eventually(t, "the second replica does not take over", func(context.Context) error {
		if made := seen.made() - before; made < n {
			return fmt.Errorf("%d of %d requests were made", made, n)
		}
		return nil
	})
	allReady(t, ns, n)
	t.Logf("all are ready %s after the kill, the lease lasts 15 s", time.Since(killed).Round(time.Second))
	onceEach(t, ns, n)
	issuedOnce(t, seen, n, slow)
	if took, err := standby.Stop(); err != nil || took > 5*time.Second {
		t.Errorf("stopped after %v, %v", took, err)
	}
	if _, err := world.Certwright.Stop(); err != nil {
		t.Error(err)
	}
	restart(t)
}

// issuedOnce checks that none of the n Certificates web-0… was issued twice,
// whatever became of what was made. Where a CA answers at once, the key is in
// the memory of the process that was killed, so a request that it worked on is
// made again: the certificate for it, if there was one, never left the request.
func issuedOnce(t *testing.T, seen *witness, n int, slow func(int) bool) {
	t.Helper()
	again := 0
	for i := range n {
		name := fmt.Sprintf("web-%d", i)
		var requests, pairs int
		eventually(t, "the witness has not seen "+name, func(context.Context) error {
			if requests, pairs = seen.history(name); pairs == 0 {
				return errors.New("no certificate")
			}
			return nil
		})
		if requests == 2 && !slow(i) {
			again++
			requests = 1
		}
		if requests != 1 || pairs != 1 {
			t.Errorf("%s has had %d requests and %d certificates", name, requests, pairs)
		}
	}
	t.Logf("%d of %d requests to the CA were made again", again, n/2)
	if again > workers {
		t.Errorf("that are more than the %d that were worked on", workers)
	}
}

// workers is how many Certificates a process works on at a time.
const workers = 32

// restart starts certwright again.
func restart(t *testing.T) {
	t.Helper()
	if err := world.StartCertwright(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// allReady waits until the n Certificates web-0… are ready.
func allReady(t *testing.T, ns string, n int) {
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
}

// onceEach waits until the n Certificates web-0… are ready and checks that each
// was issued once, and nothing is left over.
func onceEach(t *testing.T, ns string, n int) {
	t.Helper()
	allReady(t, ns, n)
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
