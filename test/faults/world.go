package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"

	acmev1 "github.com/certwright/certwright/certs/acme/v1"
	cmmeta "github.com/certwright/certwright/certs/meta/v1"
	certsv1 "github.com/certwright/certwright/certs/v1"
	"github.com/certwright/certwright/test/acme"
	"github.com/certwright/certwright/test/external"
	"github.com/certwright/certwright/test/stage"
)

// The kind of the company's issuer. What it does depends on the name in the
// reference, see world.minds.
const (
	companyGroup = "company.example"
	companyKind  = "CompanyCA"
)

// blocked is a name that the ACME server refuses.
const blocked = "blocked." + stage.Zone

// A world is everything that runs.
type world struct {
	*monitoring
	stage   *stage.Stage
	admin   client.Client
	writers []*pod
	bin     string
	// clock is the file with what the faulty clock is off by.
	clock string

	mu    sync.Mutex
	minds map[string]external.Answer
	// background is the time that all of it runs in.
	background context.Context
	end        context.CancelFunc
	group      sync.WaitGroup
}

// build sets everything up.
func build(ctx context.Context, found programs, bin, dir string, say func(string, ...any)) (w *world, err error) {
	w = &world{bin: bin, clock: filepath.Join(dir, "clock"), minds: map[string]external.Answer{}}
	w.background, w.end = context.WithCancel(context.WithoutCancel(ctx))
	defer func() {
		if err != nil {
			err = errors.Join(err, w.down())
		}
	}()
	set, err := stage.Up(ctx, stage.Options{
		Dir: dir, Bin: bin, Args: []string{"--roles", "webhook"}, Proxied: true, Progress: say,
		ACME: acme.Options{BlockedDomains: []string{blocked}},
	})
	if err != nil {
		return w, err // it has taken itself down
	}
	w.stage = set
	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), certsv1.AddToScheme(scheme), acmev1.AddToScheme(scheme)); err != nil {
		return w, err
	}
	if w.admin, err = client.New(w.stage.Cluster.Config, client.Options{Scheme: scheme}); err != nil {
		return w, fmt.Errorf("client: %w", err)
	}
	if err := w.startWriters(w.background); err != nil {
		return w, err
	}
	if err := w.startCompany(w.background); err != nil {
		return w, err
	}
	if err := w.layOutCommands(); err != nil {
		return w, err
	}
	say("starting %s", found.versions)
	targets := []string{w.stage.Metrics}
	for _, p := range w.writers {
		targets = append(targets, p.metrics)
	}
	if w.monitoring, err = startMonitoring(ctx, found, dir, w.stage.Cluster, targets); err != nil {
		return w, err
	}
	return w, w.until(ctx, healthy)
}

// healthy has an answer once all is well.
const healthy = `sum(up{job="cert-manager"}) == 3 and on () sum(certwright_leader) == 1 and on () max(certwright_webhook_ready) == 1` +
	` and on () up{job="apiserver"} == 1 unless on () ALERTS{alertstate="firing"}`

// startWriters starts the two replicas that write.
func (w *world) startWriters(ctx context.Context) error {
	args, err := w.stage.ReplicaArgs(ctx, "shim,issuance")
	if err != nil {
		return err
	}
	if err := os.Setenv("CERTWRIGHT_CLOCK_OFFSET_FILE", w.clock); err != nil {
		return err
	}
	for _, name := range []string{"writer-a", "writer-b"} {
		ports, err := stage.FreePorts(1)
		if err != nil {
			return err
		}
		p := &pod{name: name, dir: w.stage.Dir, metrics: fmt.Sprintf("127.0.0.1:%d", ports[0])}
		p.argv = append([]string{filepath.Join(w.bin, "certwright"), "-v", "1"}, args...)
		// A lease has whole seconds, and the processors must keep up: it is not
		// as short as the rest.
		p.argv = append(p.argv, "--metrics-listen-address", p.metrics, "--dns01-check-retry-period", "1s",
			"--leader-election-lease-duration", "3s", "--leader-election-renew-deadline", "2s", "--leader-election-retry-period", "500ms",
			"--certificate-request-minimum-backoff-duration", firstBackoff.String(), "--certificate-request-maximum-backoff-duration", scaled(32*time.Hour).String())
		w.writers = append(w.writers, p)
		w.group.Go(func() { p.keep(ctx) })
	}
	return nil
}

// firstBackoff is a quarter of what it is as shipped: three failures in a row
// take three quarters of a minute so.
const firstBackoff = time.Hour / 4 / factor

// startCompany installs the company's kind of issuer and answers its requests.
func (w *world) startCompany(ctx context.Context) error {
	if err := w.admin.Create(ctx, external.Definition(companyGroup, companyKind, "companycas")); err != nil {
		return fmt.Errorf("kind of the company's issuer: %w", err)
	}
	if err := external.Served(ctx, w.admin, companyGroup, companyKind); err != nil {
		return fmt.Errorf("kind of the company's issuer: %w", err)
	}
	company := &external.Issuer{Client: w.admin, Group: companyGroup, Kind: companyKind,
		Mind: func(r *certsv1.CertificateRequest) external.Answer {
			w.mu.Lock()
			defer w.mu.Unlock()
			return w.minds[r.Spec.IssuerRef.Name]
		},
		Life: func(r *certsv1.CertificateRequest, now time.Time) (time.Time, time.Time) {
			return life(r.Spec.Duration.Duration, now)
		},
	}
	w.group.Go(func() { _ = company.Run(ctx) }) // fails only if it cannot make a key
	return nil
}

// instruct has the company answer so from now on where it is called by name.
func (w *world) instruct(name string, answer external.Answer) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.minds[name] = answer
}

// company is a reference to the company's issuer.
func company(name string) cmmeta.IssuerReference {
	return cmmeta.IssuerReference{Group: companyGroup, Kind: companyKind, Name: name}
}

func (w *world) lease(ctx context.Context) (*coordinationv1.Lease, error) {
	lease := &coordinationv1.Lease{}
	err := w.admin.Get(ctx, client.ObjectKey{Namespace: "kube-system", Name: "cert-manager-controller"}, lease)
	return lease, err
}

// hasPID reports whether the holder of a lease is the process.
func hasPID(holder string, pid int) bool { return strings.Contains(holder, fmt.Sprintf("_%d_", pid)) }

// logs are those of Certwright's processes.
func (w *world) logs() []string {
	logs := []string{filepath.Join(w.stage.Dir, "certwright.log")}
	for _, p := range w.writers {
		logs = append(logs, filepath.Join(p.dir, p.name+".log"))
	}
	return logs
}

// down stops everything.
func (w *world) down() error {
	w.end()
	w.group.Wait()
	for _, p := range w.writers {
		p.stop()
	}
	var errs []error
	if w.monitoring != nil {
		errs = append(errs, w.stop())
	}
	if w.stage != nil {
		if w.stage.Proxy != nil {
			w.stage.Proxy.Disturb(nil)
		}
		errs = append(errs, w.stage.Down())
	}
	return errors.Join(errs...)
}
