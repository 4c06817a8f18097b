//go:build cluster

package certificate_test

import (
	"errors"
	"fmt"
	"syscall"
	"testing"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	cmmeta "github.com/certwright/certwright/certs/meta/v1"
	certsv1 "github.com/certwright/certwright/certs/v1"
)

// Many Certificates in one namespace cost the same each: writes, and time of
// our own, which here includes that of the user who creates them.
func TestBulk(t *testing.T) {
	w := newWorld(t)
	w.start()
	w.withCA()
	w.quiet()
	w.wire.written()
	for _, n := range []int{100, 400} {
		before, start := cpu(t), time.Now()
		for i := range n {
			w.create(newCertificate(fmt.Sprintf("c%d-%d", n, i)))
		}
		w.until("all are ready", func() error {
			var list certsv1.CertificateList
			if err := w.client.List(t.Context(), &list, client.InNamespace(w.namespace)); err != nil {
				return err
			}
			for i := range list.Items {
				if c := list.Items[i].Status.Condition("Ready"); c == nil || c.Status != cmmeta.ConditionTrue {
					time.Sleep(200 * time.Millisecond) // a list is not for free
					return errors.New("not all")
				}
			}
			return nil
		})
		took := time.Since(start)
		w.quiet()
		w.wire.mu.Lock()
		reads := w.wire.reads
		w.wire.reads = 0
		w.wire.mu.Unlock()
		writes, events := w.wire.written()
		t.Logf("%d: %s, %.2f CPU ms, %.2f writes, %.2f reads, %.2f events each", n, took.Round(time.Millisecond),
			float64((cpu(t)-before).Microseconds())/1000/float64(n), float64(len(writes))/float64(n), float64(reads)/float64(n), float64(events)/float64(n))
		if len(writes) > 4*n || events > n {
			t.Errorf("%d Certificates led to %d writes and %d events", n, len(writes), events)
		}
	}
}

func cpu(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	must(t, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
