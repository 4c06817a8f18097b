package main

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/certwright/certwright/deploy"
	"github.com/certwright/certwright/shim/service"
)

// Roles of the program.
const (
	roleWebhook  = "webhook"
	roleShim     = "shim"
	roleIssuance = "issuance"
)

var allRoles = []string{roleWebhook, roleShim, roleIssuance}

// A config is everything that flags decide.
type config struct {
	Roles      []string
	Dev        bool
	Kubeconfig string
	Master     string
	QPS        float32
	Burst      int
	Verbosity  int

	Namespace                string
	ClusterResourceNamespace string
	Controllers              []string
	Workers                  int
	FeatureGates             []string

	LeaderElect         bool
	LeaderNamespace     string
	LeaseDuration       time.Duration
	RenewDeadline       time.Duration
	RetryPeriod         time.Duration
	MetricsAddress      string
	HealthAddress       string
	LeaderHealthTimeout time.Duration
	DefaultIssuerName   string
	DefaultIssuerKind   string
	DefaultIssuerGroup  string
	AutoAnnotations     []string
	ExtraAnnotations    []string
	Profiling           bool
	ProfilerAddress     string
	ExcludedLabels      []string
	IngressClasses      []string
	GatewayAPI          bool
	ListenerSets        bool
	ListenerProtocols   []string
	OwnerRef            bool
	CopiedAnnotations   []string
	MinBackoff          time.Duration
	MaxBackoff          time.Duration
	MaxChallenges       int
	CheckRetryPeriod    time.Duration
	SolverNameservers   []string
	SolverAddresses     []string
	WebhookPort         int
	WebhookHost         string
	CASecretNamespace   string
	CASecretName        string
	ServingNames        []string
	ServingLeafDuration time.Duration
	DevHTTPPort         int
	explicit            map[string]bool
	ignored             []string
	// signingRequests says that the gate of that name is open.
	signingRequests bool
}

// gateSigningRequests is the feature gate of the signers of Kubernetes
// CertificateSigningRequests. It is the only one that decides something: what
// cert-manager has behind others is on here, or not there.
const gateSigningRequests = "ExperimentalCertificateSigningRequestControllers"

// flagSet returns the flags of the program, which write into c.
func flagSet(c *config) *pflag.FlagSet {
	f := pflag.NewFlagSet("certwright", pflag.ContinueOnError)
	f.SortFlags = false

	f.StringSliceVar(&c.Roles, "roles", allRoles, "what this process does: "+strings.Join(allRoles, ", "))
	f.BoolVar(&c.Dev, "dev", false, "run on a cluster of this machine: install CRDs, RBAC and webhook configurations first, take them away at the end")
	f.StringVar(&c.Kubeconfig, "kubeconfig", "", "file with the address of and the credentials for the API server; empty in a cluster")
	f.StringVar(&c.Master, "master", "", "address of the API server, instead of the one in the kubeconfig")
	f.Float32Var(&c.QPS, "kube-api-qps", 0, "limit of requests a second to the API server; 0 leaves it to the API server's priority and fairness")
	f.IntVar(&c.Burst, "kube-api-burst", 0, "how far the limit may be exceeded for a moment")
	f.IntVarP(&c.Verbosity, "v", "v", 0, "verbosity of the log; 1 logs each decision")

	f.StringVar(&c.Namespace, "namespace", "", "look at this namespace only; ClusterIssuers are off then")
	f.StringVar(&c.ClusterResourceNamespace, "cluster-resource-namespace", "kube-system", "where the Secrets of ClusterIssuers are")
	f.StringSliceVar(&c.Controllers, "controllers", []string{"*"}, "controllers to run; -certificaterequests-approver switches off automatic approval, -certificatesigningrequests-issuer-ca leaves such requests to others, *,service-shim adds the one for annotated Services")
	f.StringSliceVar(&c.FeatureGates, "feature-gates", nil, gateSigningRequests+"=true signs Kubernetes CertificateSigningRequests; other gates are accepted, without effect")
	f.IntVar(&c.Workers, "concurrent-workers", 0, "how many objects of a kind are worked on at once; 0 picks a number")

	f.BoolVar(&c.LeaderElect, "leader-elect", true, "let one replica at a time write")
	f.StringVar(&c.LeaderNamespace, "leader-election-namespace", "kube-system", "namespace of the lease")
	f.DurationVar(&c.LeaseDuration, "leader-election-lease-duration", 60*time.Second, "how long a lease is good for")
	f.DurationVar(&c.RenewDeadline, "leader-election-renew-deadline", 40*time.Second, "how long the leader tries to renew it before it gives up")
	f.DurationVar(&c.RetryPeriod, "leader-election-retry-period", 15*time.Second, "how long to wait between tries")

	f.StringVar(&c.MetricsAddress, "metrics-listen-address", "0.0.0.0:9402", "where metrics are served; 0 switches them off")
	f.StringVar(&c.HealthAddress, "internal-healthz-listen-address", "0.0.0.0:9403", "where /livez and /readyz are served")
	f.DurationVar(&c.LeaderHealthTimeout, "internal-healthz-leader-election-timeout", 20*time.Second, "how long after the end of its lease a leader counts as healthy")

	f.BoolVar(&c.Profiling, "enable-profiling", false, "serve profiles of the program itself")
	f.StringVar(&c.ProfilerAddress, "profiler-address", "localhost:6060", "where they are served")

	f.StringVar(&c.DefaultIssuerName, "default-issuer-name", "", "issuer of annotated Ingresses that name none")
	f.StringVar(&c.DefaultIssuerKind, "default-issuer-kind", "Issuer", "kind of that issuer")
	f.StringVar(&c.DefaultIssuerGroup, "default-issuer-group", "cert-manager.io", "API group of that issuer")
	f.StringSliceVar(&c.AutoAnnotations, "auto-certificate-annotations", []string{"kubernetes.io/tls-acme"}, "annotations that, when true, ask for a certificate from the default issuer")
	f.StringSliceVar(&c.ExtraAnnotations, "extra-certificate-annotations", nil, "annotations that are copied from an Ingress to its Certificates")
	f.StringSliceVar(&c.ExcludedLabels, "shim-excluded-label-prefixes", nil, "labels that are not copied from an Ingress to its Certificates")
	f.StringSliceVar(&c.IngressClasses, "ingress-class", nil, "read Ingresses of these classes only; empty reads all")
	f.BoolVar(&c.GatewayAPI, "enable-gateway-api", false, "make Certificates for annotated Gateways, once the Gateway API is served")
	f.BoolVar(&c.ListenerSets, "enable-gateway-api-listenerset", false, "make Certificates for annotated ListenerSets as well")
	f.StringSliceVar(&c.ListenerProtocols, "gateway-api-extra-protocols", nil, "protocols of listeners that need a certificate, beside HTTPS and TLS")
	f.BoolVar(&c.OwnerRef, "enable-certificate-owner-ref", false, "delete a Secret together with its Certificate")
	f.StringSliceVar(&c.CopiedAnnotations, "copied-annotation-prefixes", []string{"*", "-kubectl.kubernetes.io/", "-fluxcd.io/", "-argocd.argoproj.io/"}, "annotations that are copied from a Certificate to its requests")
	f.DurationVar(&c.MinBackoff, "certificate-request-minimum-backoff-duration", time.Hour, "wait after the first failed issuance")
	f.DurationVar(&c.MaxBackoff, "certificate-request-maximum-backoff-duration", 32*time.Hour, "longest wait after failed issuances")

	f.IntVar(&c.MaxChallenges, "max-concurrent-challenges", 60, "how many ACME challenges are worked on at once")
	f.DurationVar(&c.CheckRetryPeriod, "dns01-check-retry-period", 10*time.Second, "wait between self-checks of a challenge, HTTP-01 included")
	f.StringSliceVar(&c.SolverNameservers, "acme-http01-solver-nameservers", nil, "name servers, host:port, for the HTTP-01 self-check")
	f.StringSliceVar(&c.SolverAddresses, "acme-http01-solver-addresses", nil, "addresses of the acmesolver replicas; empty follows the Service cert-manager-acmesolver")

	f.IntVar(&c.WebhookPort, "secure-port", 10250, "port of the webhook; 0 picks a free one")
	f.StringVar(&c.WebhookHost, "secure-address", "", "address that the webhook listens on; empty is all")
	f.StringVar(&c.CASecretNamespace, "dynamic-serving-ca-secret-namespace", "", "namespace of the Secret with the webhook's own CA; empty is that of the process, else cert-manager")
	f.StringVar(&c.CASecretName, "dynamic-serving-ca-secret-name", "cert-manager-webhook-ca", "name of that Secret")
	f.StringSliceVar(&c.ServingNames, "dynamic-serving-dns-names", nil, "further names of the webhook's serving certificate")
	f.DurationVar(&c.ServingLeafDuration, "dynamic-serving-leaf-duration", 7*24*time.Hour, "lifetime of the webhook's serving certificate")

	f.IntVar(&c.DevHTTPPort, "dev-http-port", 0, "where the cluster is on this machine: the port that HTTP-01 self-checks find an ingress on, instead of 80")

	for _, name := range withoutEffect {
		f.Var(&noEffect{}, name, "accepted for compatibility, without effect")
		f.Lookup(name).NoOptDefVal = "true"
		_ = f.MarkHidden(name)
	}
	return f
}

// withoutEffect are flags of cert-manager's programs that mean nothing here, or
// nothing yet. They are accepted, so that a chart's arguments work, and logged.
var withoutEffect = []string{
	"acme-http01-solver-extra-labels", "acme-http01-solver-image", "acme-http01-solver-resource-limits-cpu",
	"acme-http01-solver-resource-limits-memory", "acme-http01-solver-resource-request-cpu",
	"acme-http01-solver-resource-request-memory", "acme-http01-solver-run-as-non-root",
	"acme-http01-solver-runtime-class-name", "api-server-host", "client-ca-path", "client-subject-names",
	"cluster-issuer-ambient-credentials", "config", "dns01-recursive-nameservers",
	"dns01-recursive-nameservers-only", "enable-client-verification", "healthz-port", "issuer-ambient-credentials", "log-flush-frequency", "logging-format",
	"max-certificate-bundle-size", "max-certificate-chain-length", "max-certificate-size",
	"max-private-key-size", "metrics-dynamic-serving-ca-secret-name",
	"metrics-dynamic-serving-ca-secret-namespace", "metrics-dynamic-serving-dns-names",
	"metrics-dynamic-serving-leaf-duration", "metrics-tls-cert-file", "metrics-tls-cipher-suites",
	"metrics-tls-min-version", "metrics-tls-private-key-file", "tls-cert-file",
	"tls-cipher-suites", "tls-min-version", "tls-private-key-file", "vmodule",
}

// noEffect takes any value.
type noEffect struct{ value string }

func (n *noEffect) String() string     { return n.value }
func (n *noEffect) Set(s string) error { n.value = s; return nil }
func (n *noEffect) Type() string       { return "string" }

// parse reads the flags in args.
func parse(args []string) (*config, error) {
	c := &config{}
	f := flagSet(c)
	if err := f.Parse(args); err != nil {
		return nil, err
	}
	if f.NArg() > 0 {
		return nil, fmt.Errorf("unexpected argument %q: everything is a flag", f.Arg(0))
	}
	c.explicit = map[string]bool{}
	f.Visit(func(flag *pflag.Flag) {
		c.explicit[flag.Name] = true
		if slices.Contains(withoutEffect, flag.Name) {
			c.ignored = append(c.ignored, "--"+flag.Name)
		}
	})
	if c.ListenerSets && !c.GatewayAPI {
		c.ignored = append(c.ignored, "--enable-gateway-api-listenerset (without --enable-gateway-api)")
	}
	if err := c.readGates(); err != nil {
		return nil, err
	}
	if c.Dev {
		c.developmentDefaults()
	}
	return c, c.check()
}

// readGates reads --feature-gates, where the last word on a gate counts.
func (c *config) readGates() error {
	for _, gate := range c.FeatureGates {
		name, value, _ := strings.Cut(strings.TrimSpace(gate), "=")
		open, err := strconv.ParseBool(value)
		if err != nil {
			return fmt.Errorf("--feature-gates: %q is not of the form name=true or name=false", gate)
		}
		if name == gateSigningRequests {
			c.signingRequests = open
		} else {
			c.ignored = append(c.ignored, "--feature-gates="+name)
		}
	}
	return nil
}

// developmentDefaults sets what deploy/manifests sets by arguments, and shorter
// leases, for what was not given.
func (c *config) developmentDefaults() {
	for flag, set := range map[string]func(){
		"cluster-resource-namespace":      func() { c.ClusterResourceNamespace = deploy.Namespace },
		"leader-election-lease-duration":  func() { c.LeaseDuration = 15 * time.Second },
		"leader-election-renew-deadline":  func() { c.RenewDeadline = 10 * time.Second },
		"leader-election-retry-period":    func() { c.RetryPeriod = 2 * time.Second },
		"metrics-listen-address":          func() { c.MetricsAddress = "127.0.0.1:9402" },
		"internal-healthz-listen-address": func() { c.HealthAddress = "127.0.0.1:9403" },
		"secure-address":                  func() { c.WebhookHost = "127.0.0.1" },
		"dns01-check-retry-period":        func() { c.CheckRetryPeriod = 2 * time.Second },
	} {
		if !c.explicit[flag] {
			set()
		}
	}
}

// check refuses values that cannot work, all at once.
func (c *config) check() error {
	var errs []error
	if len(c.Roles) == 0 {
		errs = append(errs, errors.New("--roles: name at least one of "+strings.Join(allRoles, ", ")))
	}
	for _, role := range c.Roles {
		if !slices.Contains(allRoles, role) {
			errs = append(errs, fmt.Errorf("--roles: %q is none of %s", role, strings.Join(allRoles, ", ")))
		}
	}
	if c.MaxBackoff < c.MinBackoff {
		errs = append(errs, errors.New("--certificate-request-maximum-backoff-duration is less than the minimum"))
	}
	for _, address := range c.SolverAddresses {
		if _, err := netip.ParseAddr(address); err != nil {
			errs = append(errs, fmt.Errorf("--acme-http01-solver-addresses: %w", err))
		}
	}
	if c.RenewDeadline >= c.LeaseDuration {
		errs = append(errs, errors.New("--leader-election-renew-deadline must be less than the lease duration"))
	}
	return errors.Join(errs...)
}

// writes reports whether the process has a role that writes, for which it needs
// the lease.
func (c *config) writes() bool { return c.has(roleShim) || c.has(roleIssuance) }

// has reports whether the process has the role.
func (c *config) has(role string) bool { return slices.Contains(c.Roles, role) }

// followsServices reports whether --controllers asks for Services by the name
// of their controller, which runs only then.
func (c *config) followsServices() bool {
	return c.controller(service.Name) && slices.Contains(c.Controllers, service.Name)
}

// controller reports whether --controllers leaves the controller of that name
// on. A list of nothing but negations starts from all.
func (c *config) controller(name string) bool {
	on := !slices.ContainsFunc(c.Controllers, func(s string) bool { return !strings.HasPrefix(s, "-") })
	for _, s := range c.Controllers {
		switch s {
		case "*", name:
			on = true
		}
	}
	return on && !slices.Contains(c.Controllers, "-"+name)
}
