package stage

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/certwright/certwright/deploy"
	"github.com/certwright/certwright/test/acme"
	"github.com/certwright/certwright/test/dns"
	"github.com/certwright/certwright/test/ingress"
)

// Zone is the domain whose names lead to the data plane.
const Zone = "example.test"

// Options say what is set up.
type Options struct {
	// Dir holds state and logs; it is made.
	Dir string
	// Bin is the folder with devcluster, certwright and acmesolver.
	Bin string
	// Args are further arguments of certwright.
	Args []string
	// Verbosity of certwright's log; 1 if empty.
	Verbosity string
	// Proxied has our programs reach the API server through Stage.Proxy.
	Proxied bool
	// ACME adjusts the ACME server; DNS and ports are filled in.
	ACME acme.Options
	// Progress gets a line for each step that takes a while; may be nil.
	Progress func(format string, args ...any)
}

// A Stage is everything that runs.
type Stage struct {
	Options
	Cluster *Cluster
	// Proxy is between our programs and the API server, if they are Proxied.
	Proxy     *Proxy
	DNS       *dns.Server
	ACME      *acme.Server
	DataPlane *ingress.DataPlane
	// Certwright is the program in development mode, all roles; Solver answers
	// HTTP-01 challenges.
	Certwright, Solver *Process
	// Metrics and Health are the host:port of Certwright's two plain servers.
	Metrics, Health string

	kubeconfig string // of the development mode
	secure     int    // the port of its webhook
	solverHost int    // the N of 127.0.0.N and 192.0.2.N
	cancel     context.CancelFunc
}

// Up sets everything up.
func Up(ctx context.Context, o Options) (s *Stage, err error) {
	if o.Progress == nil {
		o.Progress = func(string, ...any) {}
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("make directory: %w", err)
	}
	s = &Stage{Options: o}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Down())
		}
	}()
	o.Progress("starting the control plane: etcd, kube-apiserver, kube-controller-manager")
	if s.Cluster, err = UpCluster(ctx, filepath.Join(o.Bin, "devcluster"), filepath.Join(o.Dir, "cluster")); err != nil {
		return s, err
	}
	if s.kubeconfig = s.Cluster.Kubeconfig; o.Proxied {
		if err := s.startProxy(ctx); err != nil {
			return s, err
		}
	}
	o.Progress("starting DNS server, ingress data plane and ACME server")
	if s.DNS, err = dns.Start(dns.Options{Zones: []string{Zone}, Records: []string{"*." + Zone + ". 1 IN A 127.0.0.1", Zone + ". 1 IN A 127.0.0.1"}}); err != nil {
		return s, fmt.Errorf("start DNS server: %w", err)
	}
	var background context.Context
	background, s.cancel = context.WithCancel(context.WithoutCancel(ctx))
	if s.DataPlane, err = ingress.Start(background, s.Cluster.Config, ingress.Options{}); err != nil {
		return s, fmt.Errorf("start data plane: %w", err)
	}
	s.Options.ACME.DNS, s.Options.ACME.HTTPPort, s.Options.ACME.TLSPort = s.DNS.Addr(), s.DataPlane.HTTPPort(), s.DataPlane.HTTPSPort()
	if s.ACME, err = acme.Start(s.Options.ACME); err != nil {
		return s, fmt.Errorf("start ACME server: %w", err)
	}
	if s.solverHost, err = freeSolverHost(); err != nil {
		return s, err
	}
	o.Progress("starting certwright: webhook, shim, issuance")
	if err := s.StartCertwright(ctx); err != nil {
		return s, err
	}
	o.Progress("starting acmesolver")
	return s, s.StartSolver(ctx)
}

// StartCertwright runs certwright in development mode, with further arguments,
// until it is ready: at the same addresses each time.
func (s *Stage) StartCertwright(ctx context.Context, more ...string) error {
	if s.Metrics == "" {
		ports, err := FreePorts(3)
		if err != nil {
			return err
		}
		s.Metrics, s.Health, s.secure = loopback(ports[0]), loopback(ports[1]), ports[2]
	}
	args := append([]string{
		"--dev", "--kubeconfig", s.kubeconfig, "--secure-port", strconv.Itoa(s.secure),
		"--metrics-listen-address", s.Metrics, "--internal-healthz-listen-address", s.Health,
	}, s.network()...)
	var err error
	s.Certwright, err = s.Run(ctx, "certwright", append(append(args, s.Args...), more...)...)
	return err
}

// network are the arguments that lead self-checks to what stands on this machine.
func (s *Stage) network() []string {
	return []string{
		"--dev-http-port", strconv.Itoa(s.DataPlane.HTTPPort()),
		"--acme-http01-solver-nameservers", s.DNS.Addr(),
		"--acme-http01-solver-addresses", fmt.Sprintf("192.0.2.%d", s.solverHost),
	}
}

// StartReplica runs one more replica with these roles, see ReplicaArgs, until it
// is ready.
func (s *Stage) StartReplica(ctx context.Context, name, roles string) (*Process, error) {
	args, err := s.ReplicaArgs(ctx, roles)
	if err != nil {
		return nil, err
	}
	return s.Run(ctx, name, args...)
}

// ReplicaArgs are the arguments of a replica with these roles, as in a cluster:
// under the shipped account, and, where it has a role that writes, waiting for
// the lease. Of an argument given twice the last counts.
func (s *Stage) ReplicaArgs(ctx context.Context, roles string) ([]string, error) {
	kubeconfig, err := s.accountKubeconfig(ctx, deploy.Namespace, deploy.ServiceAccount)
	if err != nil {
		return nil, err
	}
	return append([]string{
		"--kubeconfig", kubeconfig, "--roles", roles, "--secure-port", "0", "--cluster-resource-namespace", deploy.Namespace,
		"--leader-election-lease-duration", "15s", "--leader-election-renew-deadline", "10s", "--leader-election-retry-period", "1s",
		"--metrics-listen-address", loopback(0), "--internal-healthz-listen-address", loopback(0),
	}, s.network()...), nil
}

// Run runs bin/certwright until it is ready. Its log has that name.
func (s *Stage) Run(ctx context.Context, name string, args ...string) (*Process, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	return Start(ctx, s.Dir, name, "ready", append([]string{filepath.Join(s.Bin, "certwright"), "-v", cmp.Or(s.Verbosity, "1")}, args...)...)
}

// StartSolver runs acmesolver under its own shipped ServiceAccount.
func (s *Stage) StartSolver(ctx context.Context) error {
	kubeconfig, err := s.accountKubeconfig(ctx, deploy.Namespace, deploy.SolverServiceAccount)
	if err != nil {
		return err
	}
	ports, err := FreePorts(1)
	if err != nil {
		return err
	}
	health := loopback(ports[0])
	s.Solver, err = Start(ctx, s.Dir, "acmesolver", "", filepath.Join(s.Bin, "acmesolver"),
		"--kubeconfig", kubeconfig, "--listen-address", fmt.Sprintf("127.0.0.%d:8089", s.solverHost),
		"--health-listen-address", health)
	if err != nil {
		return err
	}
	err = wait.PollUntilContextTimeout(ctx, 20*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
		if !s.Solver.Running() {
			return false, errors.New("it ended")
		}
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+health+"/readyz", nil)
		if err != nil {
			return false, err
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return false, nil // not listening yet
		}
		return response.StatusCode == http.StatusOK, response.Body.Close()
	})
	if err != nil {
		return fmt.Errorf("acmesolver is not ready: %w\n%s", err, s.Solver.Tail(10))
	}
	return nil
}

// startProxy puts Proxy between our programs and the API server. It ends TLS, so
// the certificate of the administrator does not get through: the development
// mode gets an account with the same rights.
func (s *Stage) startProxy(ctx context.Context) error {
	var err error
	if s.Proxy, err = NewProxy(s.Cluster.Config); err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(s.Cluster.Config)
	if err != nil {
		return fmt.Errorf("client: %w", err)
	}
	account := metav1.ObjectMeta{Namespace: metav1.NamespaceSystem, Name: "stage-admin"}
	if _, err := client.CoreV1().ServiceAccounts(account.Namespace).Create(ctx, &corev1.ServiceAccount{ObjectMeta: account}, metav1.CreateOptions{}); err != nil {
		return fmt.Errorf("account of the administrator: %w", err)
	}
	if _, err := client.RbacV1().ClusterRoleBindings().Create(ctx, &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: account.Name},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "cluster-admin"},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: account.Namespace, Name: account.Name}},
	}, metav1.CreateOptions{}); err != nil {
		return fmt.Errorf("rights of the administrator: %w", err)
	}
	s.kubeconfig, err = s.accountKubeconfig(ctx, account.Namespace, account.Name)
	return err
}

// accountKubeconfig writes a kubeconfig with a token of a ServiceAccount.
func (s *Stage) accountKubeconfig(ctx context.Context, namespace, account string) (string, error) {
	client, err := kubernetes.NewForConfig(s.Cluster.Config)
	if err != nil {
		return "", fmt.Errorf("client: %w", err)
	}
	day := int64(24 * 3600)
	token, err := client.CoreV1().ServiceAccounts(namespace).CreateToken(ctx, account,
		&authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: &day}}, metav1.CreateOptions{})
	if err != nil {
		return "", fmt.Errorf("token of %s: %w", account, err)
	}
	config := clientcmdapi.NewConfig()
	config.Clusters["dev"] = &clientcmdapi.Cluster{Server: s.Cluster.Config.Host, CertificateAuthorityData: s.Cluster.Config.CAData}
	if s.Proxy != nil {
		config.Clusters["dev"] = &clientcmdapi.Cluster{Server: s.Proxy.URL(), CertificateAuthorityData: s.Proxy.CA()}
	}
	config.AuthInfos[account] = &clientcmdapi.AuthInfo{Token: token.Status.Token}
	config.Contexts["dev"] = &clientcmdapi.Context{Cluster: "dev", AuthInfo: account}
	config.CurrentContext = "dev"
	path := filepath.Join(s.Dir, account+".kubeconfig")
	if err := clientcmd.WriteToFile(*config, path); err != nil {
		return "", fmt.Errorf("write kubeconfig: %w", err)
	}
	return path, nil
}

// Down stops everything, in the order in which it depends on each other.
func (s *Stage) Down() error {
	var errs []error
	for _, p := range []*Process{s.Certwright, s.Solver} {
		if p != nil && p.Running() {
			_, err := p.Stop()
			errs = append(errs, err)
		}
	}
	if s.DataPlane != nil {
		errs = append(errs, s.DataPlane.Close())
	}
	if s.cancel != nil {
		s.cancel()
	}
	if s.ACME != nil {
		errs = append(errs, s.ACME.Close())
	}
	if s.DNS != nil {
		errs = append(errs, s.DNS.Close())
	}
	if s.Proxy != nil {
		s.Proxy.Close()
	}
	if s.Cluster != nil {
		errs = append(errs, s.Cluster.Down())
	}
	return errors.Join(errs...)
}

// freeSolverHost returns an N for which 127.0.0.N:8089 is free, so that several
// stages can stand side by side.
func freeSolverHost() (int, error) {
	for n := 2 + os.Getpid()%200; n < 255; n++ {
		if listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", fmt.Sprintf("127.0.0.%d:8089", n)); err == nil {
			return n, listener.Close()
		}
	}
	return 0, errors.New("no free address for the solver between 127.0.0.2 and 127.0.0.254")
}

// FreePorts returns n free ports of 127.0.0.1.
func FreePorts(n int) ([]int, error) {
	var ports []int
	for range n {
		listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", loopback(0))
		if err != nil {
			return nil, fmt.Errorf("find a free port: %w", err)
		}
		defer listener.Close()
		ports = append(ports, int(netip.MustParseAddrPort(listener.Addr().String()).Port()))
	}
	return ports, nil
}

func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }
