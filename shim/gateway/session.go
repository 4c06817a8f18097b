package gateway

import (
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	certsv1 "github.com/certwright/certwright/certs/v1"
	"github.com/certwright/certwright/shim/follow"
)

// A session follows the kinds of its scope until it ends. A nil session has
// ended, and looks at nothing.
type session struct {
	scope  scope
	cancel context.CancelFunc
	done   chan struct{}
}

// begin starts a session in the background. One that fails ends itself.
func (k *keeper) begin(ctx context.Context, want scope) *session {
	logger := log.FromContext(ctx)
	if want == (scope{}) {
		logger.Info("the Gateway API is not served")
		return nil
	}
	logger.Info("following the Gateway API", "gateways", want.gateways, "listenerSets", want.listenerSets, "routes", want.routes == routesWatched)
	ctx, cancel := context.WithCancel(ctx)
	s := &session{scope: want, cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(s.done)
		defer cancel()
		if err := k.follow(ctx, want); err != nil && ctx.Err() == nil {
			logger.Error(err, "cannot follow the Gateway API")
		}
	}()
	return s
}

// end waits until nothing of the session is left.
func (s *session) end() {
	if s != nil {
		s.cancel()
		<-s.done
	}
}

// has says whether the session still looks at just that.
func (s *session) has(want scope) bool {
	if s == nil {
		return want == (scope{})
	}
	select {
	case <-s.done:
		return false
	default:
		return s.scope == want
	}
}

// follow runs the controllers of scope, on a cache of their own.
func (k *keeper) follow(ctx context.Context, scope scope) error {
	v, err := k.newView(ctx, scope)
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	certificates := leavingCache{k.manager.GetCache(), ctx}
	run := func(c controller.Controller, err error) {
		group.Go(func() error {
			if err != nil {
				return err
			}
			return c.Start(ctx)
		})
	}
	group.Go(func() error { return v.cache.Start(ctx) })
	if scope.gateways {
		run(newController(k, v, certificates, gateways(v)))
	}
	if scope.listenerSets {
		run(newController(k, v, certificates, listenerSets(v)))
	}
	return group.Wait()
}

// A kind is how sources of a kind are read and woken.
type kind[T client.Object] struct {
	// controller is its name.
	controller string
	// kind and manager are those of the sources.
	kind, manager string
	empty         T
	list          func() client.ObjectList
	read          follow.Read
	// more wakes it, beside what wakes every kind.
	more []source.Source
}

// newController returns a controller for a session. There may be another of its
// name later.
func newController[T client.Object](k *keeper, v *view, certificates cache.Cache, of kind[T]) (controller.Controller, error) {
	options := k.cfg.Controller()
	options.DefaultFromConfig(k.manager.GetControllerOptions())
	options.Reconciler = follow.NewReconciler(k.manager.GetClient(), k.cfg.Config, of.manager, of.read)
	options.Logger = k.manager.GetLogger()
	again := true
	options.SkipNameValidation = &again
	c, err := controller.NewUnmanaged(of.controller, options)
	if err != nil {
		return nil, fmt.Errorf("controller %s: %w", of.controller, err)
	}
	waiting := func(ctx context.Context, crt *certsv1.Certificate) ([]reconcile.Request, error) {
		return follow.Requests(ctx, v.cache, of.list(), client.InNamespace(crt.Namespace), client.MatchingFields{bySecret: crt.Name})
	}
	sources := []source.Source{
		source.Kind(v.cache, of.empty, &handler.TypedEnqueueRequestForObject[T]{}, follow.Changed[T]()),
		source.Kind(certificates, &certsv1.Certificate{}, follow.Certificates(of.kind, waiting)),
	}
	sources = append(sources, of.more...)
	if v.scope.routes == routesWatched {
		sources = append(sources, v.routeSources(of.kind, of.list)...)
	}
	for _, src := range sources {
		if err := c.Watch(src); err != nil {
			return nil, fmt.Errorf("controller %s: %w", of.controller, err)
		}
	}
	return c, nil
}

// leavingCache is a cache that outlives a session. What the session hears from
// it ends with ctx.
type leavingCache struct {
	cache.Cache
	ctx context.Context
}

// GetInformer implements cache.Informers.
func (c leavingCache) GetInformer(ctx context.Context, obj client.Object, opts ...cache.InformerGetOption) (cache.Informer, error) {
	informer, err := c.Cache.GetInformer(ctx, obj, opts...)
	if err != nil {
		return nil, err
	}
	return leavingInformer{informer, c.ctx}, nil
}

type leavingInformer struct {
	cache.Informer
	ctx context.Context
}

// AddEventHandlerWithOptions implements cache.Informer.
func (i leavingInformer) AddEventHandlerWithOptions(h toolscache.ResourceEventHandler, opts toolscache.HandlerOptions) (toolscache.ResourceEventHandlerRegistration, error) {
	registration, err := i.Informer.AddEventHandlerWithOptions(h, opts)
	if err == nil {
		context.AfterFunc(i.ctx, func() { _ = i.RemoveEventHandler(registration) }) // fails if it is gone
	}
	return registration, err
}
