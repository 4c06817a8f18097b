package ingress

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	discoveryv1client "k8s.io/client-go/kubernetes/typed/discovery/v1"
	networkingv1client "k8s.io/client-go/kubernetes/typed/networking/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
)

// syncTimeout bounds how long Start waits for the first lists.
const syncTimeout = 30 * time.Second

// watch fills a view and keeps it current until ctx ends. It returns once the
// view is complete.
func watch(ctx context.Context, config *rest.Config, class string, report func(error)) (*view, error) {
	config = rest.CopyConfig(config)
	config.ContentType = runtime.ContentTypeProtobuf
	config.AcceptContentTypes = runtime.ContentTypeProtobuf + "," + runtime.ContentTypeJSON
	rest.AddUserAgent(config, "test-ingress")

	core, err := corev1client.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("client: %w", err)
	}
	networking, err := networkingv1client.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("client: %w", err)
	}
	discovery, err := discoveryv1client.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("client: %w", err)
	}

	w := &watcher{ctx: ctx, report: report}
	v := &view{
		ingresses: w.follow(networking.RESTClient(), "ingresses", &networkingv1.Ingress{}, ingressIndexers(class)),
		services:  w.follow(core.RESTClient(), "services", &corev1.Service{}, cache.Indexers{}),
		slices:    w.follow(discovery.RESTClient(), "endpointslices", &discoveryv1.EndpointSlice{}, sliceIndexers()),
		secrets:   w.follow(core.RESTClient(), "secrets", &corev1.Secret{}, cache.Indexers{}),
	}
	return v, w.wait()
}

// A watcher starts informers and remembers what they complained about last.
type watcher struct {
	ctx    context.Context
	report func(error)
	synced []cache.InformerSynced

	mu   sync.Mutex
	last error
}

// follow starts an informer and returns its store.
func (w *watcher) follow(client rest.Interface, resource string, example runtime.Object, indexers cache.Indexers) cache.Indexer {
	lw := cache.NewListWatchFromClient(client, resource, "", fields.Everything())
	informer := cache.NewSharedIndexInformer(lw, example, 0, indexers)
	// Both setters refuse only an informer that already runs.
	_ = informer.SetTransform(trim)
	_ = informer.SetWatchErrorHandlerWithContext(func(_ context.Context, _ *cache.Reflector, err error) {
		w.mu.Lock()
		w.last = fmt.Errorf("watch %s: %w", resource, err)
		w.mu.Unlock()
		w.report(fmt.Errorf("watch %s: %w", resource, err))
	})
	w.synced = append(w.synced, informer.HasSynced)
	go informer.RunWithContext(w.ctx)
	return informer.GetIndexer()
}

// wait returns once all stores are complete.
func (w *watcher) wait() error {
	ctx, cancel := context.WithTimeout(w.ctx, syncTimeout)
	defer cancel()
	if cache.WaitForCacheSync(ctx.Done(), w.synced...) {
		return nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return errors.Join(fmt.Errorf("first lists: %w", ctx.Err()), w.last)
}

// trim drops what we never read, most of all other people's secrets.
func trim(obj any) (any, error) {
	if secret, ok := obj.(*corev1.Secret); ok {
		maps.DeleteFunc(secret.Data, func(key string, _ []byte) bool {
			return key != corev1.TLSCertKey && key != corev1.TLSPrivateKeyKey
		})
	}
	if m, err := meta.Accessor(obj); err == nil { // not for a tombstone
		m.SetManagedFields(nil)
	}
	return obj, nil
}
