package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/signal"
	"path/filepath"
	goruntime "runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	certsv1 "github.com/certwright/certwright/certs/v1"
	"github.com/certwright/certwright/deploy"
	"github.com/certwright/certwright/test/stage"
)

// Sizes of the runs.
type sizes struct{ certificates, ingresses, creates, reviews int }

// sections are the benchmarks, in the order in which they are run: the later
// ones see what the earlier ones left.
var sections = []struct {
	name string
	run  func(*bencher, context.Context, sizes) error
}{
	{"webhook", func(b *bencher, ctx context.Context, n sizes) error { return b.webhook(ctx, n.creates, n.reviews) }},
	{"bulk", func(b *bencher, ctx context.Context, n sizes) error { return b.bulk(ctx, n.certificates) }},
	{"ingress", func(b *bencher, ctx context.Context, n sizes) error { return b.ingressBulk(ctx, n.ingresses) }},
	{"single", func(b *bencher, ctx context.Context, _ sizes) error { return b.single(ctx) }},
	{"restart", func(b *bencher, ctx context.Context, _ sizes) error { return b.restart(ctx) }},
}

func sectionNames() []string {
	var names []string
	for _, s := range sections {
		names = append(names, s.name)
	}
	return names
}

func main() {
	var n sizes
	bin := flag.String("bin", "bin", "folder with devcluster, certwright and acmesolver")
	args := flag.String("args", "", "further arguments of certwright, separated by blanks")
	only := flag.String("only", strings.Join(sectionNames(), ","), "what to run")
	flag.IntVar(&n.certificates, "certificates", 1000, "Certificates in the bulk run")
	flag.IntVar(&n.ingresses, "ingresses", 500, "Ingresses in the bulk run")
	flag.IntVar(&n.creates, "creates", 3000, "dry-run creates in the webhook run")
	flag.IntVar(&n.reviews, "reviews", 20_000, "reviews of each kind in the webhook run")
	flag.Parse()
	log.SetLogger(logr.Discard())
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := bench(ctx, *bin, strings.Split(*only, ","), n, strings.Fields(*args))
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench failed:", err)
		os.Exit(1)
	}
}

// A bencher runs the benchmarks one after the other.
type bencher struct {
	stage *stage.Stage
	gen   *generator
	meter *meter
	bound float64 // certificates a second
	rows  []row
}

func bench(ctx context.Context, bin string, only []string, n sizes, args []string) (err error) {
	for _, name := range only {
		if !slices.Contains(sectionNames(), name) {
			return fmt.Errorf("there is no benchmark %q, only %s", name, strings.Join(sectionNames(), ", "))
		}
	}
	if min(n.creates, n.reviews) < parts {
		return fmt.Errorf("-creates and -reviews: use at least %d", parts)
	}
	dir, err := os.MkdirTemp("", "certwright-bench-")
	if err != nil {
		return fmt.Errorf("make directory: %w", err)
	}
	if bin, err = filepath.Abs(bin); err != nil {
		return fmt.Errorf("find programs: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	fmt.Printf("%d processors, %s, load average %s\n", goruntime.NumCPU(), goruntime.Version(), loadAverage())
	b := &bencher{}
	if slices.Contains(only, "bulk") { // which is compared with it
		if b.bound, err = boundRun(ctx, bin, dir); err != nil {
			return fmt.Errorf("bound: %w", err)
		}
		b.add("bound: certificates a second, without webhook and watch", b.bound, "", none)
	}
	if err := b.setUp(ctx, stage.Options{Dir: dir, Bin: bin, Verbosity: "0", Args: args}); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.stage.Down()) }()
	for _, section := range sections {
		if slices.Contains(only, section.name) {
			if err := b.observed(ctx, section.name, func() error { return section.run(b, ctx, n) }); err != nil {
				return fmt.Errorf("%s: %w", section.name, err)
			}
		}
	}
	return printRows(os.Stdout, b.rows)
}

// setUp starts everything, and makes the issuer of all runs.
func (b *bencher) setUp(ctx context.Context, o stage.Options) (err error) {
	if b.stage, err = stage.Up(ctx, o); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, b.stage.Down())
		}
	}()
	cluster := b.stage.Cluster
	if b.gen, err = newGenerator(cluster.Config); err != nil {
		return err
	}
	clientset, err := kubernetes.NewForConfig(cluster.Config)
	if err != nil {
		return fmt.Errorf("client: %w", err)
	}
	b.meter = &meter{client: clientset, pids: maps.Clone(cluster.PIDs)}
	b.meter.pids["certwright"], b.meter.pids["solver"] = b.stage.Certwright.PID(), b.stage.Solver.PID()
	return b.gen.setUp(ctx, deploy.Namespace)
}

// observed runs one section and says how much of the machine others had: wall
// times and rates are worth that much less.
func (b *bencher) observed(ctx context.Context, name string, run func() error) error {
	before, err := b.meter.snapshot(ctx)
	if err != nil {
		return err
	}
	if err := run(); err != nil {
		return err
	}
	u, err := b.meter.since(ctx, before)
	if err != nil {
		return err
	}
	share := 100 * u.others.Seconds() / u.wall.Seconds() / float64(goruntime.NumCPU())
	b.add(name+": share of the processors that others had, %", share, "", none)
	fmt.Printf("%s: load average %s\n", name, loadAverage())
	return nil
}

// boundCertificates is how many certificates the bound is measured with.
const boundCertificates = 500

// boundRun measures the bound, on a control plane of its own that has the CRDs
// and nothing else of ours.
func boundRun(ctx context.Context, bin, dir string) (certificatesPerSecond float64, err error) {
	cluster, err := stage.UpCluster(ctx, filepath.Join(bin, "devcluster"), filepath.Join(dir, "bound"))
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, cluster.Down()) }()
	gen, err := newGenerator(cluster.Config)
	if err != nil {
		return 0, err
	}
	crds, err := deploy.CRDs()
	if err != nil {
		return 0, err
	}
	for _, crd := range crds {
		if err := gen.client.Create(ctx, crd); err != nil {
			return 0, fmt.Errorf("create CRD: %w", err)
		}
	}
	err = wait.PollUntilContextTimeout(ctx, 100*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
		return gen.client.List(ctx, &certsv1.CertificateRequestList{}) == nil && gen.client.List(ctx, &certsv1.CertificateList{}) == nil, nil
	})
	if err != nil {
		return 0, fmt.Errorf("CRDs: %w", err)
	}
	namespaces, err := gen.namespaces(ctx, "bound", 20)
	if err != nil {
		return 0, err
	}
	took, err := gen.bound(ctx, namespaces, boundCertificates)
	return boundCertificates / took.Seconds(), err
}

// bulk issues n ECDSA Certificates over 20 namespaces.
func (b *bencher) bulk(ctx context.Context, n int) error {
	namespaces, err := b.gen.namespaces(ctx, "bulk", 20)
	if err != nil {
		return err
	}
	before, err := b.meter.snapshot(ctx)
	if err != nil {
		return err
	}
	if err := forgetPeak(b.stage.Certwright.PID()); err != nil {
		return err
	}
	latencies, err := b.gen.certificates(ctx, namespaces, n, certsv1.CertificatePrivateKey{Algorithm: certsv1.ECDSAKeyAlgorithm, Size: 256})
	if err != nil {
		return err
	}
	wall := time.Since(before.at)
	if err := b.quiet(ctx); err != nil {
		return err
	}
	u, err := b.meter.since(ctx, before)
	if err != nil {
		return err
	}
	name := fmt.Sprintf("%d ECDSA: ", n)
	rate := float64(n) / wall.Seconds()
	b.add(name+"certificates a second (5 × cert-manager's 11.4)", rate, "≥ 57", rate >= 57)
	share := 100 * rate / b.bound
	b.add(name+"share of the bound, %", share, "≥ 60", share >= 60)
	b.latency(name, latencies, 0, 0)
	b.costs(name, u, n, 2, 35)
	// The generator's own n creates are not ours.
	writes := (u.count("POST,PUT,PATCH,APPLY,DELETE", "certificates", "certificates/status", "certificaterequests", "certificaterequests/status", "secrets") - float64(n)) / float64(n)
	b.add(name+"object writes each", writes, "≤ 4", writes <= 4.005)
	events := u.count("POST,PATCH", "events") / float64(n)
	b.add(name+"Events each", events, "≤ 1", events <= 1.005)
	b.add(name+"reads each (GET, LIST)", u.count("GET,LIST")/float64(n), "", none)
	peak, err := memory(b.stage.Certwright.PID(), "VmHWM")
	if err != nil {
		return err
	}
	b.add(name+"our peak memory, MiB", peak, "", none)
	fmt.Printf("%srequests each: %s\n", name, u.list(n))
	return nil
}

// ingressBulk issues for n annotated Ingresses over 10 namespaces.
func (b *bencher) ingressBulk(ctx context.Context, n int) error {
	namespaces, err := b.gen.namespaces(ctx, "ingress", 10)
	if err != nil {
		return err
	}
	before, err := b.meter.snapshot(ctx)
	if err != nil {
		return err
	}
	latencies, err := b.gen.ingresses(ctx, namespaces, n)
	if err != nil {
		return err
	}
	wall := time.Since(before.at)
	if err := b.quiet(ctx); err != nil {
		return err
	}
	u, err := b.meter.since(ctx, before)
	if err != nil {
		return err
	}
	name := fmt.Sprintf("%d Ingresses: ", n)
	rate := float64(n) / wall.Seconds()
	b.add(name+"a second (5 × cert-manager's 12.4)", rate, "≥ 62", rate >= 62)
	b.latency(name, latencies, 0, 0)
	b.costs(name, u, n, 0, 0)
	fmt.Printf("%srequests each: %s\n", name, u.list(n))
	return nil
}

// single creates one Ingress after the other on an idle system.
func (b *bencher) single(ctx context.Context) error {
	namespaces, err := b.gen.namespaces(ctx, "single", 1)
	if err != nil {
		return err
	}
	var latencies []time.Duration
	for i := range 20 {
		name := fmt.Sprintf("one-%d", i)
		one, err := b.gen.run(ctx, 1, func(int) client.Object { return annotatedIngress(namespaces[0], name) },
			&corev1.SecretList{}, []client.ListOption{managed, client.InNamespace(namespaces[0])}, holdsCertificate)
		if err != nil {
			return err
		}
		latencies = append(latencies, one...)
		select {
		case <-time.After(300 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	slices.Sort(latencies)
	b.latency("one Ingress, idle: ", latencies, 50*time.Millisecond, 250*time.Millisecond)
	return nil
}

// restart stops certwright and starts it again with all certificates there.
func (b *bencher) restart(ctx context.Context) error {
	var list certsv1.CertificateList
	if err := b.gen.client.List(ctx, &list); err != nil {
		return fmt.Errorf("count: %w", err)
	}
	settled, err := memory(b.stage.Certwright.PID(), "VmRSS")
	if err != nil {
		return err
	}
	name := fmt.Sprintf("restart with %d certificates: ", len(list.Items))
	if _, err := b.stage.Certwright.Stop(); err != nil {
		return fmt.Errorf("stop certwright: %w", err)
	}
	delete(b.meter.pids, "certwright")
	before, err := b.meter.snapshot(ctx)
	if err != nil {
		return err
	}
	if err := b.stage.StartCertwright(ctx); err != nil {
		return err
	}
	pid := b.stage.Certwright.PID()
	b.meter.pids["certwright"] = pid
	caughtUp, err := settle(ctx, pid, before.at)
	if err != nil {
		return err
	}
	cpu, err := processCPU(pid)
	if err != nil {
		return err
	}
	u, err := b.meter.since(ctx, before)
	if err != nil {
		return err
	}
	b.add(name+"caught up, s (--dev installs first)", caughtUp.Seconds(), "≤ 3", caughtUp <= 3*time.Second)
	b.add(name+"CPU, s", cpu.Seconds(), "≤ 1", cpu <= time.Second)
	writes := u.count("POST,PUT,PATCH,APPLY,DELETE", "certificates", "certificates/status", "certificaterequests", "certificaterequests/status", "secrets", "ingresses", "issuers/status", "clusterissuers/status", "events")
	b.add(name+"writes", writes, "0", writes == 0)
	rss, err := memory(pid, "VmRSS")
	if err != nil {
		return err
	}
	b.add(name+"memory settled, MiB", rss, "≤ 80 with 2,000", rss <= 80)
	b.add("memory settled after the bulk runs, MiB", settled, "", none)
	fmt.Printf("%srequests: %s\n", name, u.list(1))
	return nil
}

// quiet waits until certwright has come to rest.
func (b *bencher) quiet(ctx context.Context) error {
	_, err := settle(ctx, b.stage.Certwright.PID(), time.Now())
	return err
}

// settle waits until the process uses next to no CPU for two seconds, and
// returns how long after begin it came to rest.
func settle(ctx context.Context, pid int, begin time.Time) (time.Duration, error) {
	const step, calm, limit = 250 * time.Millisecond, 8, 20 * time.Millisecond
	last, still := time.Duration(0), 0
	var rest time.Duration
	err := wait.PollUntilContextTimeout(ctx, step, 5*time.Minute, true, func(context.Context) (bool, error) {
		cpu, err := processCPU(pid)
		if err != nil {
			return false, err
		}
		if cpu-last > limit {
			still, rest = 0, time.Since(begin)
		} else {
			still++
		}
		last = cpu
		return still >= calm, nil
	})
	return rest, err
}

func toUnstructured(content map[string]any) *unstructured.Unstructured {
	o := &unstructured.Unstructured{Object: content}
	unstructured.RemoveNestedField(o.Object, "metadata", "creationTimestamp")
	return o
}
