// Command acmesolver answers HTTP-01 challenges for every Challenge in the
// cluster. It is all of Certwright that the internet reaches, and can read
// Challenges and nothing else.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"strconv"
	"syscall"

	"github.com/go-logr/logr"
	"github.com/spf13/pflag"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"

	"github.com/certwright/certwright/issuance/acme/http01/solver"
)

// flags of the program.
type flags struct {
	kubeconfig, listen, health, namespace string
	port                                  int
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil && !errors.Is(err, pflag.ErrHelp) {
		_, _ = fmt.Fprintln(os.Stderr, "acmesolver:", err)
		os.Exit(1)
	}
}

func parse(args []string) (flags, error) {
	f := flags{}
	set := pflag.NewFlagSet("acmesolver", pflag.ContinueOnError)
	set.StringVar(&f.kubeconfig, "kubeconfig", "", "file with the address of and the credentials for the API server; empty in a cluster")
	set.StringVar(&f.listen, "listen-address", ":8089", "where challenges are answered")
	set.IntVar(&f.port, "listen-port", 0, "the same as --listen-address on all addresses")
	set.StringVar(&f.health, "health-listen-address", ":9403", "where /livez and /readyz are served; empty switches them off")
	set.StringVar(&f.health, "internal-healthz-listen-address", ":9403", "the same as --health-listen-address")
	set.StringVar(&f.namespace, "namespace", "", "answer for Challenges of this namespace only")
	if err := set.Parse(args); err != nil {
		return f, err
	}
	if f.port != 0 {
		f.listen = ":" + strconv.Itoa(f.port)
	}
	return f, nil
}

func run(ctx context.Context, args []string) error {
	f, err := parse(args)
	if err != nil {
		return err
	}
	log := logr.FromSlogHandler(slog.NewJSONHandler(os.Stderr, nil))
	klog.SetLogger(log)
	config, err := restConfig(f.kubeconfig)
	if err != nil {
		return fmt.Errorf("reach the API server: %w", err)
	}
	config.UserAgent = "acmesolver"
	cfg := solver.Config{REST: config, Namespace: f.namespace, Log: log}
	var listen net.ListenConfig
	if cfg.Answers, err = listen.Listen(ctx, "tcp", f.listen); err != nil {
		return err
	}
	if f.health != "" {
		if cfg.Health, err = listen.Listen(ctx, "tcp", f.health); err != nil {
			return errors.Join(err, cfg.Answers.Close())
		}
		log.Info("health", "address", cfg.Health.Addr().String())
	}
	return solver.Run(ctx, cfg)
}

func restConfig(kubeconfig string) (*rest.Config, error) {
	if kubeconfig == "" {
		return rest.InClusterConfig()
	}
	return clientcmd.BuildConfigFromFlags("", kubeconfig)
}
