//go:build cluster

package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"

	acmev1 "github.com/certwright/certwright/certs/acme/v1"
	certsv1 "github.com/certwright/certwright/certs/v1"
	"github.com/certwright/certwright/test/stage"
)

// The stage that all tests share, and cluster-admin access to it. Set once,
// before the tests.
var (
	world *stage.Stage
	admin client.Client
)

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "certwright-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	bin, err := filepath.Abs(filepath.Join("..", "..", "bin"))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	world, err = stage.Up(ctx, stage.Options{Dir: dir, Bin: bin, Args: []string{"--feature-gates=ExperimentalCertificateSigningRequestControllers=true"}})
	if err != nil {
		fmt.Fprintln(os.Stderr, "set the stage:", err)
		return 1
	}
	code := 1
	if admin, err = client.New(world.Cluster.Config, client.Options{Scheme: scheme()}); err == nil {
		code = m.Run()
	}
	if code != 0 {
		fmt.Fprintf(os.Stderr, "the last lines of certwright's log:\n%s\n", world.Certwright.Tail(12))
	}
	if err := world.Down(); err != nil {
		fmt.Fprintln(os.Stderr, "clear the stage:", err)
		code = 1
	}
	if code == 0 {
		_ = os.RemoveAll(dir)
	} else {
		fmt.Fprintln(os.Stderr, "logs are in", dir)
	}
	return code
}

func scheme() *runtime.Scheme {
	s := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, certsv1.AddToScheme, acmev1.AddToScheme} {
		if err := add(s); err != nil {
			panic(err)
		}
	}
	return s
}
