package main

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/go-logr/logr"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	acmev1 "github.com/certwright/certwright/certs/acme/v1"
	certsv1 "github.com/certwright/certwright/certs/v1"
)

const (
	// fieldOwner is the field manager of what is written here.
	fieldOwner = "certctl"
	// patience bounds each request to the API server, unless --request-timeout
	// says otherwise.
	patience = 30 * time.Second
)

// A connection is how a command reaches the cluster: kubectl's flags and
// kubectl's files.
type connection struct {
	rules     *clientcmd.ClientConfigLoadingRules
	overrides clientcmd.ConfigOverrides
}

// connect adds the flags of a connection to cmd. All of kubectl's work; the
// help names the ones that people use.
func connect(cmd *cobra.Command) *connection {
	c := &connection{rules: clientcmd.NewDefaultClientConfigLoadingRules()}
	flags := cmd.Flags()
	clientcmd.BindOverrideFlags(&c.overrides, flags, clientcmd.RecommendedConfigOverrideFlags(""))
	flags.VisitAll(func(f *pflag.Flag) { f.Hidden = f.Name != "context" && f.Name != "namespace" })
	flags.Lookup("context").Usage = "context of the kubeconfig file to use"
	flags.Lookup("namespace").Usage = "namespace to look in"
	flags.StringVar(&c.rules.ExplicitPath, "kubeconfig", "", "kubeconfig file; else $KUBECONFIG, else ~/.kube/config")
	return c
}

// A cluster is where a command works.
type cluster struct {
	client.Client
	// namespace is the one to look in where a command names none.
	namespace string
}

// open connects.
func (c *connection) open() (*cluster, error) {
	config := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(c.rules, &c.overrides)
	namespace, _, err := config.Namespace()
	if err != nil {
		return nil, err
	}
	access, err := config.ClientConfig()
	if err != nil {
		return nil, err
	}
	access.QPS = -1 // the API server's priority and fairness rules
	if access.Timeout == 0 {
		access.Timeout = patience
	}
	log.SetLogger(logr.Discard()) // what went wrong is in the errors
	access.WarningHandler = rest.NewWarningWriter(os.Stderr, rest.WarningWriterOptions{Deduplicate: true})
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{corev1.AddToScheme, networkingv1.AddToScheme, certsv1.AddToScheme, acmev1.AddToScheme} {
		if err := add(scheme); err != nil {
			return nil, err
		}
	}
	to, err := client.New(access, client.Options{Scheme: scheme})
	if err != nil {
		return nil, err
	}
	return &cluster{Client: to, namespace: namespace}, nil
}

// remedy adds to err what to do about it: no kubeconfig, or an API server that
// does not know our kinds.
func remedy(err error) error {
	if clientcmd.IsEmptyConfig(err) {
		return errors.New("no cluster is configured; use --kubeconfig, or set KUBECONFIG")
	}
	var groups *discovery.ErrGroupDiscoveryFailed
	if meta.IsNoMatchError(err) || errors.As(err, &groups) {
		return fmt.Errorf("%w\nThe CRDs are not installed: %s crds | kubectl apply --server-side -f -", err, programName())
	}
	return err
}
