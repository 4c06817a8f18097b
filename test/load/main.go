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
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"sigs.k8s.io/controller-runtime/pkg/log"

	certsv1 "github.com/certwright/certwright/certs/v1"
	"github.com/certwright/certwright/deploy"
	"github.com/certwright/certwright/test/stage"
)

// Sizes of the runs.
type sizes struct {
	certificates, rsa, renewals, ingresses, creates, reviews int
	settled, manyIngresses, many, growth                     int
}

// sections are the benchmarks, in the order in which they are run: the later
// ones see what the earlier ones left.
var sections = []struct {
	name string
	run  func(*bencher, context.Context, sizes) error
}{
	{"webhook", func(b *bencher, ctx context.Context, n sizes) error { return b.webhook(ctx, n.creates, n.reviews) }},
	{"bulk", func(b *bencher, ctx context.Context, n sizes) error { return b.bulk(ctx, n.certificates) }},
	{"rsa", func(b *bencher, ctx context.Context, n sizes) error { return b.rsa(ctx, n.rsa) }},
	{"renewal", func(b *bencher, ctx context.Context, n sizes) error { return b.renewal(ctx, n.renewals) }},
	{"ingress", func(b *bencher, ctx context.Context, n sizes) error { return b.ingressBulk(ctx, n.ingresses) }},
	{"single", func(b *bencher, ctx context.Context, _ sizes) error { return b.single(ctx) }},
	{"restart", func(b *bencher, ctx context.Context, n sizes) error { return b.settled(ctx, n.settled, maxMemory) }},
	{"ingresses", func(b *bencher, ctx context.Context, n sizes) error { return b.ingressBulk(ctx, n.manyIngresses) }},
	{"many", func(b *bencher, ctx context.Context, n sizes) error { return b.settled(ctx, n.many, maxMemoryOfMany) }},
	{"growth", func(b *bencher, ctx context.Context, n sizes) error { return b.growth(ctx, n.growth) }},
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
	flag.IntVar(&n.rsa, "rsa", 100, "Certificates with an RSA key")
	flag.IntVar(&n.renewals, "renewals", 500, "Certificates that are renewed")
	flag.IntVar(&n.settled, "settled", 2000, "Certificates that are there when it is restarted")
	flag.IntVar(&n.growth, "growth", 4000, "Certificates in one namespace, at most")
	flag.IntVar(&n.many, "many", 10_000, "Certificates that are there when it is restarted again")
	flag.IntVar(&n.ingresses, "ingresses", 500, "Ingresses in the bulk run")
	flag.IntVar(&n.manyIngresses, "many-ingresses", 5000, "Ingresses in the second bulk run")
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
