// Package solver is the program acmesolver: it follows Challenges and answers
// HTTP-01 for them. It is the only part of Certwright that the internet
// reaches, so it may get, list and watch Challenges and nothing else, keeps of
// them only what is public once served, and listens with narrow limits.
//
// It is ready when it has seen every Challenge that there is. When the API
// server is away it goes on answering with what it knows.
package solver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/go-logr/logr"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"

	"github.com/certwright/certwright/issuance/acme/http01/answer"
)

// Config of a solver.
type Config struct {
	// REST is how the API server is reached.
	REST *rest.Config
	// Namespace restricts it to Challenges of one namespace.
	Namespace string
	// Answers is where challenges are answered, Health where /livez and /readyz
	// are; Health may be nil. Run closes both.
	Answers, Health net.Listener
	// Log may be left out.
	Log logr.Logger
}

var challenges = schema.GroupVersionResource{Group: "acme.cert-manager.io", Version: "v1", Resource: "challenges"}

// Run answers until ctx ends.
func Run(ctx context.Context, cfg Config) error {
	client, err := dynamic.NewForConfig(cfg.REST)
	if err != nil {
		return fmt.Errorf("client: %w", err)
	}
	s := &store{table: &answer.Table{}}
	go reflector(client.Resource(challenges).Namespace(cfg.Namespace), s).RunWithContext(ctx)

	servers := []*http.Server{answer.Server(s.table)}
	listeners := []net.Listener{cfg.Answers}
	if cfg.Health != nil {
		servers, listeners = append(servers, answer.Server(s.health())), append(listeners, cfg.Health)
	}
	failed := make(chan error, len(servers))
	for i, server := range servers {
		go func() { failed <- server.Serve(listeners[i]) }()
	}
	cfg.Log.Info("answering", "address", cfg.Answers.Addr().String())
	select {
	case err = <-failed:
	case <-ctx.Done():
		err = nil
	}
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Second)
	defer cancel()
	for _, server := range servers {
		// A connection that was opened and never used counts as busy for a
		// while: what has not ended by then is cut.
		if server.Shutdown(stop) != nil {
			err = errors.Join(err, server.Close())
		}
	}
	return err
}

func reflector(client dynamic.ResourceInterface, s *store) *cache.Reflector {
	return cache.NewReflectorWithOptions(&cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) { return client.List(ctx, o) },
		WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
			return client.Watch(ctx, o)
		},
	}, &unstructured.Unstructured{}, s, cache.ReflectorOptions{Name: "challenges", TypeDescription: "Challenge"})
}

// health tells whether all Challenges are known.
func (s *store) health() http.Handler {
	mux := http.NewServeMux()
	ok := func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok")) }
	mux.HandleFunc("/livez", ok)
	mux.HandleFunc("/healthz", ok)
	mux.HandleFunc("/readyz", func(w http.ResponseWriter, r *http.Request) {
		if !s.synced.Load() {
			http.Error(w, "the Challenges are not known yet", http.StatusServiceUnavailable)
			return
		}
		ok(w, r)
	})
	return mux
}
