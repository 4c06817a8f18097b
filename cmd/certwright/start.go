package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/pprof"
	"net/netip"
	"os"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/record"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	controllerconfig "sigs.k8s.io/controller-runtime/pkg/config"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	acmev1 "github.com/certwright/certwright/certs/acme/v1"
	certsv1 "github.com/certwright/certwright/certs/v1"
	"github.com/certwright/certwright/cmd/internal/run"
	"github.com/certwright/certwright/issuance/acme/order"
	"github.com/certwright/certwright/issuance/bell"
	"github.com/certwright/certwright/issuance/request"
	"github.com/certwright/certwright/issuance/secrets"
	"github.com/certwright/certwright/issuance/signingrequest"
	"github.com/certwright/certwright/shim/service"
)

// stopTimeout is how long work under way may take once the process is told to
// stop. What is not done then is done after the next start.
const stopTimeout = 3 * time.Second

// passTimeout is how long one look at an object may take, whatever hangs: an API
// server, or something in between, may begin an answer and never end it. It is
// more than any call to a CA is given.
const passTimeout = 3 * time.Minute

// A process is what its roles are put together from.
type process struct {
	*config
	log        logr.Logger
	access     *rest.Config
	manager    manager.Manager
	kubernetes kubernetes.Interface
	registry   *prometheus.Registry
	health     *run.Health
	events     record.EventBroadcaster
	clock      clock.WithTicker
	// jumped rings when the wall clock jumped.
	jumped *bell.Bell
	// secrets is what the role issuance knows of Secrets.
	secrets *secrets.Store
	// dev is nil unless --dev is given.
	dev *development
	// out gets the line "ready".
	out io.Writer
}

// newProcess returns a process that is to be run once.
func newProcess(c *config) *process {
	return &process{
		config: c, log: ctrl.Log, registry: prometheus.NewRegistry(), health: &run.Health{},
		clock: newClock(), jumped: &bell.Bell{}, out: os.Stdout,
	}
}

// run runs the program until ctx ends.
func (p *process) run(ctx context.Context) (err error) {
	p.log.Info("certwright", "version", run.Version, "roles", p.Roles)
	for _, name := range p.ignored {
		p.log.Info("this flag has no effect here", "flag", name)
	}
	if p.access, err = clientcmd.BuildConfigFromFlags(p.Master, p.Kubeconfig); err != nil {
		return fmt.Errorf("find the API server: %w", err)
	}
	p.limit(p.access)
	if p.Dev {
		if p.dev, p.access, err = develop(ctx, p.access, p.config); err != nil {
			return err
		}
		p.limit(p.access)
		defer func() {
			leaving, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
			defer cancel()
			err = errors.Join(err, p.dev.leave(leaving))
		}()
	}
	if err := p.assemble(ctx); err != nil {
		return err
	}
	p.log.Info("starting")
	return p.manager.Start(ctx)
}

// limit sets how fast the client may be: as fast as the API server's priority
// and fairness lets it, unless the flags say otherwise.
func (c *config) limit(access *rest.Config) {
	access.QPS, access.Burst = -1, 0
	if c.QPS > 0 {
		access.QPS, access.Burst = c.QPS, max(c.Burst, int(c.QPS))
	}
	// The network of a cluster is faster than gzip, on both sides.
	access.DisableCompression = true
	access.UserAgent = "certwright/" + run.Version
	access.WarningHandler = rest.NoWarnings{} // ours come back to us
}

// addToScheme makes all types known that the program reads or writes.
func addToScheme(scheme *runtime.Scheme) error {
	return errors.Join(clientgoscheme.AddToScheme(scheme), apiextensionsv1.AddToScheme(scheme),
		admissionregistrationv1.AddToScheme(scheme), certsv1.AddToScheme(scheme), acmev1.AddToScheme(scheme),
		gatewayv1.Install(scheme))
}

// assemble makes the manager and adds everything that it runs.
func (p *process) assemble(ctx context.Context) error {
	var err error
	if p.kubernetes, err = kubernetes.NewForConfig(p.access); err != nil {
		return fmt.Errorf("client: %w", err)
	}
	if p.manager, err = p.newManager(); err != nil {
		return err
	}
	p.events = record.NewBroadcaster(record.WithContext(ctx))
	// Events about what has no namespace are in another than --namespace.
	p.events.StartRecordingToSink(&typedcorev1.EventSinkImpl{Interface: p.kubernetes.CoreV1().Events("")})
	context.AfterFunc(ctx, p.events.Shutdown)

	for _, add := range []struct {
		role string
		add  func(context.Context) error
	}{{roleWebhook, p.addWebhook}, {roleShim, p.addShim}, {roleIssuance, p.addIssuance}} {
		if p.has(add.role) {
			if err := add.add(ctx); err != nil {
				return fmt.Errorf("role %s: %w", add.role, err)
			}
		}
	}
	if err := p.warmCaches(ctx); err != nil {
		return err
	}
	p.watchClock()
	if err := errors.Join(p.addMetrics(), p.serveMetrics()); err != nil {
		return err
	}
	if err := p.serveHealth(); err != nil {
		return err
	}
	if err := p.serveProfiles(); err != nil {
		return err
	}
	return errors.Join(p.add(p.announce), p.add(func(ctx context.Context) error {
		run.ReturnMemory(ctx)
		return nil
	}))
}

func (p *process) newManager() (manager.Manager, error) {
	scheme := runtime.NewScheme()
	if err := addToScheme(scheme); err != nil {
		return nil, err
	}
	options := manager.Options{
		Scheme: scheme,
		Cache: cache.Options{
			// Whatever is cached is cached on purpose, see warmCaches.
			ReaderFailOnMissingInformer: true,
			DefaultTransform:            cache.TransformStripManagedFields(),
			ByObject: map[client.Object]cache.ByObject{
				// The shim reads from the managed fields what it has set.
				&certsv1.Certificate{}:                      {Transform: keep},
				&certsv1.CertificateRequest{}:               {Transform: request.Trim},
				&certificatesv1.CertificateSigningRequest{}: {Transform: signingrequest.Trim},
				&acmev1.Order{}:                             {Transform: order.Trim},
				&corev1.Service{}:                           service.Cached(),
			},
		},
		Client: client.Options{Cache: &client.CacheOptions{DisableFor: []client.Object{&corev1.Secret{}, &corev1.Service{}, &corev1.Namespace{}}}},
		// We serve metrics and probes ourselves, with limits.
		Metrics:                 metricsserver.Options{BindAddress: "0"},
		HealthProbeBindAddress:  "0",
		GracefulShutdownTimeout: ptr(stopTimeout),
		Controller:              controllerconfig.Controller{ReconciliationTimeout: passTimeout},
	}
	if p.Namespace != "" {
		options.Cache.DefaultNamespaces = map[string]cache.Config{p.Namespace: {}}
	}
	if p.LeaderElect && p.writes() {
		lock, err := newLock(p.access, p.config)
		if err != nil {
			return nil, err
		}
		options.LeaderElection = true
		options.LeaderElectionReleaseOnCancel = true
		options.LeaderElectionResourceLockInterface = lock
		options.LeaseDuration, options.RenewDeadline, options.RetryPeriod = &p.LeaseDuration, &p.RenewDeadline, &p.RetryPeriod
	}
	mgr, err := manager.New(p.access, options)
	if err != nil {
		return nil, fmt.Errorf("manager: %w", err)
	}
	return mgr, nil
}

func keep(obj any) (any, error) { return obj, nil }

func ptr[T any](v T) *T { return &v }

// warmCaches has all caches filled on standby replicas too, so that a new
// leader starts at once and the webhook can look things up.
func (p *process) warmCaches(ctx context.Context) error {
	cached := []client.Object{&certsv1.Certificate{}, &certsv1.Issuer{}}
	if p.Namespace == "" {
		cached = append(cached, &certsv1.ClusterIssuer{})
	}
	if p.has(roleShim) {
		cached = append(cached, &networkingv1.Ingress{})
		if p.followsServices() {
			cached = append(cached, &corev1.Service{})
		}
	}
	if p.has(roleIssuance) {
		cached = append(cached, &certsv1.CertificateRequest{}, &acmev1.Order{}, &acmev1.Challenge{})
		if p.signingRequests {
			cached = append(cached, &certificatesv1.CertificateSigningRequest{})
		}
	}
	for _, o := range cached {
		if _, err := p.manager.GetCache().GetInformer(ctx, o, cache.BlockUntilSynced(false)); err != nil {
			return fmt.Errorf("cache %T: %w", o, err)
		}
	}
	return nil
}

// everywhere is a part of the program that runs on every replica.
type everywhere struct{ manager.RunnableFunc }

// NeedLeaderElection says that every replica runs it.
func (everywhere) NeedLeaderElection() bool { return false }

// add has f run on every replica.
func (p *process) add(f func(ctx context.Context) error) error {
	return p.manager.Add(everywhere{f})
}

// elected reports whether this process leads.
func (p *process) elected() bool {
	select {
	case <-p.manager.Elected():
		return true
	default:
		return false
	}
}

// recorder emits events as that component.
func (p *process) recorder(component string) record.EventRecorder {
	return p.events.NewRecorder(p.manager.GetScheme(), corev1.EventSource{Component: component})
}

// watchClock has everything looked at again when the wall clock jumps.
func (p *process) watchClock() {
	watcher := &run.ClockWatcher{Clock: p.clock, Jumped: p.jumped.Ring}
	p.health.AddLive("clockHealth", watcher.Check)
	_ = p.add(func(ctx context.Context) error { // only a started manager refuses
		watcher.Run(ctx, p.log)
		return nil
	})
}

// addMetrics registers what is told of the process itself.
func (p *process) addMetrics() error {
	err := errors.Join(
		p.addLeaderMetric(),
		p.registry.Register(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "certwright_build_info", Help: "Always 1; the labels name the build.", ConstLabels: prometheus.Labels{"version": run.Version}}, func() float64 { return 1 })),
		p.registry.Register(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "certmanager_clock_time_seconds", Help: "The wall clock. Deprecated: use certmanager_clock_time_seconds_gauge."}, p.now)),
		p.registry.Register(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "certmanager_clock_time_seconds_gauge", Help: "The wall clock, in seconds since 1970."}, p.now)),
	)
	if err != nil {
		return fmt.Errorf("metrics: %w", err)
	}
	return nil
}

// addLeaderMetric tells who leads. A process that only answers admission does
// not, and must not hide that nobody does.
func (p *process) addLeaderMetric() error {
	if !p.writes() {
		return nil
	}
	return p.registry.Register(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "certwright_leader", Help: "Whether this replica leads (1) or stands by (0)."}, func() float64 {
		if p.elected() {
			return 1
		}
		return 0
	}))
}

// serveMetrics serves the registries: ours, and the one that the libraries
// register with.
func (p *process) serveMetrics() error {
	if p.MetricsAddress == "0" || p.MetricsAddress == "" {
		return nil
	}
	listener, err := run.Listen(p.log, "metrics", p.MetricsAddress)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("/metrics", promhttp.HandlerFor(prometheus.Gatherers{ctrlmetrics.Registry, p.registry}, promhttp.HandlerOpts{MaxRequestsInFlight: 4}))
	return p.add(func(ctx context.Context) error { return run.Serve(ctx, listener, mux) })
}

func (p *process) now() float64 { return float64(p.clock.Now().Unix()) }

// onLeader lets a collector speak on the leader only: the replicas see the same
// objects, and each object's series must come from one of them.
func (p *process) onLeader(c prometheus.Collector) error {
	return p.registry.Register(leaderCollector{c, p.elected})
}

type leaderCollector struct {
	prometheus.Collector
	leads func() bool
}

// Collect sends the metrics, if this replica leads.
func (c leaderCollector) Collect(metrics chan<- prometheus.Metric) {
	if c.leads() {
		c.Collector.Collect(metrics)
	}
}

// serveHealth serves the probes.
func (p *process) serveHealth() error {
	synced := &atomic.Bool{}
	p.health.AddReady("caches", func() error {
		if synced.Load() {
			return nil
		}
		return errors.New("not filled yet")
	})
	if err := p.add(func(ctx context.Context) error {
		synced.Store(p.manager.GetCache().WaitForCacheSync(ctx))
		return nil
	}); err != nil {
		return err
	}
	listener, err := run.Listen(p.log, "health", p.HealthAddress)
	if err != nil {
		return err
	}
	return p.add(func(ctx context.Context) error { return run.Serve(ctx, listener, p.health) })
}

// serveProfiles serves what net/http/pprof knows, if asked to.
func (p *process) serveProfiles() error {
	if !p.Profiling {
		return nil
	}
	listener, err := run.Listen(p.log, "profiles", p.ProfilerAddress)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	return p.add(func(ctx context.Context) error { return run.Serve(ctx, listener, mux) })
}

// announce prints the line "ready" once the process is.
func (p *process) announce(ctx context.Context) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := p.health.Ready()
		if err == nil && p.dev != nil && p.has(roleWebhook) {
			err = p.dev.admissionAnswers(ctx)
		}
		if err == nil {
			p.log.Info("ready")
			_, err = fmt.Fprintln(p.out, "ready")
			return err
		}
		p.log.V(2).Info("not ready yet", "because", err.Error())
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// webhookURL is where the API server finds the webhook in development mode.
func webhookURL(listener net.Listener) string {
	return "https://" + net.JoinHostPort("127.0.0.1", strconv.Itoa(int(netip.MustParseAddrPort(listener.Addr().String()).Port())))
}
