package secrets

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
	toolscache "k8s.io/client-go/tools/cache"

	"github.com/certwright/certwright/certs"
	certsv1 "github.com/certwright/certwright/certs/v1"
)

const (
	managedSelector = certsv1.SecretManagedKey + "=true"
	otherSelector   = certsv1.SecretManagedKey + "!=true"

	byOwner = "owner"

	// resync repeats every object once in that time, in case that we dropped
	// something.
	resync = 10 * time.Hour
	// memory is how long a Secret that we wrote is remembered until the watch
	// has delivered it.
	memory = 30 * time.Second
)

// A Store answers questions about Secrets from two watches. It is a Runnable of
// the manager, and runs on every replica.
type Store struct {
	client  kubernetes.Interface
	managed toolscache.SharedIndexInformer
	others  toolscache.SharedIndexInformer

	mu      sync.Mutex
	written map[types.NamespacedName]note
}

// A note is a Secret that we wrote and that the watch has perhaps not
// delivered yet.
type note struct {
	summary *certs.SecretSummary
	until   time.Time
}

// New returns a Store for the Secrets of namespace, of all namespaces if it is
// empty.
func New(config *rest.Config, namespace string) (*Store, error) {
	c := rest.CopyConfig(config)
	c.ContentType = runtime.ContentTypeProtobuf
	c.AcceptContentTypes = runtime.ContentTypeProtobuf + "," + runtime.ContentTypeJSON
	client, err := kubernetes.NewForConfig(c)
	if err != nil {
		return nil, fmt.Errorf("secrets: %w", err)
	}
	meta, err := metadata.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("secrets: %w", err)
	}
	return newStore(client, meta, namespace)
}

func newStore(client kubernetes.Interface, meta metadata.Interface, namespace string) (*Store, error) {
	s := &Store{client: client, written: map[types.NamespacedName]note{}}
	s.managed = toolscache.NewSharedIndexInformer(listWatch(client, namespace), &corev1.Secret{}, resync, toolscache.Indexers{
		toolscache.NamespaceIndex: toolscache.MetaNamespaceIndexFunc,
		byOwner:                   nextKeyOwner,
	})
	s.others = toolscache.NewSharedIndexInformer(listWatchMetadata(meta, namespace), &metav1.PartialObjectMetadata{}, resync, toolscache.Indexers{})
	if err := s.managed.SetTransform(summarize); err != nil {
		return nil, fmt.Errorf("secrets: %w", err)
	}
	if err := s.others.SetTransform(trim); err != nil {
		return nil, fmt.Errorf("secrets: %w", err)
	}
	return s, nil
}

func listWatch(client kubernetes.Interface, namespace string) toolscache.ListerWatcher {
	return toolscache.ToListWatcherWithWatchListSemantics(&toolscache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
			o.LabelSelector = managedSelector
			return client.CoreV1().Secrets(namespace).List(ctx, o)
		},
		WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
			o.LabelSelector = managedSelector
			return client.CoreV1().Secrets(namespace).Watch(ctx, o)
		},
	}, client)
}

func listWatchMetadata(client metadata.Interface, namespace string) toolscache.ListerWatcher {
	resource := corev1.SchemeGroupVersion.WithResource("secrets")
	return toolscache.ToListWatcherWithWatchListSemantics(&toolscache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
			o.LabelSelector = otherSelector
			return client.Resource(resource).Namespace(namespace).List(ctx, o)
		},
		WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
			o.LabelSelector = otherSelector
			return client.Resource(resource).Namespace(namespace).Watch(ctx, o)
		},
	}, client)
}

// summarize replaces a Secret by its summary before it is stored.
func summarize(obj any) (any, error) {
	if s, ok := obj.(*corev1.Secret); ok {
		return certs.Summarize(s), nil
	}
	return obj, nil
}

// trim leaves of a Secret's metadata what we look at.
func trim(obj any) (any, error) {
	m, ok := obj.(*metav1.PartialObjectMetadata)
	if !ok {
		return obj, nil
	}
	return &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{
		Name: m.Name, Namespace: m.Namespace, UID: m.UID, ResourceVersion: m.ResourceVersion,
	}}, nil
}

// nextKeyOwner indexes Secrets with a next private key by the UID of their
// controller.
func nextKeyOwner(obj any) ([]string, error) {
	s, ok := obj.(*certs.SecretSummary)
	if !ok || s.Labels[certsv1.NextPrivateKeyKey] != "true" {
		return nil, nil
	}
	if owner := metav1.GetControllerOf(s); owner != nil {
		return []string{string(owner.UID)}, nil
	}
	return nil, nil
}

// Start runs the watches until ctx ends.
func (s *Store) Start(ctx context.Context) error {
	for _, informer := range []toolscache.SharedIndexInformer{s.managed, s.others} {
		if _, err := informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{
			AddFunc:    s.delivered,
			UpdateFunc: func(_, obj any) { s.delivered(obj) },
			DeleteFunc: s.deleted,
		}); err != nil {
			return fmt.Errorf("secrets: %w", err)
		}
	}
	var wg sync.WaitGroup
	wg.Go(func() { s.managed.RunWithContext(ctx) })
	wg.Go(func() { s.others.RunWithContext(ctx) })
	wg.Wait()
	return nil
}

// NeedLeaderElection says that standby replicas keep their watches warm.
func (*Store) NeedLeaderElection() bool { return false }

// Synced reports whether both watches have delivered what was there at first.
func (s *Store) Synced() bool { return s.managed.HasSynced() && s.others.HasSynced() }

// WaitForSync waits until Synced.
func (s *Store) WaitForSync(ctx context.Context) error {
	if !toolscache.WaitForCacheSync(ctx.Done(), s.managed.HasSynced, s.others.HasSynced) {
		return fmt.Errorf("wait for the watches of Secrets: %w", context.Cause(ctx))
	}
	return nil
}

// Summary returns the summary of a Secret that we manage.
func (s *Store) Summary(namespace, name string) (*certs.SecretSummary, bool) {
	key := types.NamespacedName{Namespace: namespace, Name: name}
	s.mu.Lock()
	n, ok := s.written[key]
	s.mu.Unlock()
	if ok && time.Now().Before(n.until) {
		return n.summary, true
	}
	obj, found, err := s.managed.GetIndexer().GetByKey(key.String())
	if err != nil || !found {
		return nil, false
	}
	sum, ok := obj.(*certs.SecretSummary)
	return sum, ok
}

// Known reports whether there is a Secret of that name, managed by us or not.
func (s *Store) Known(namespace, name string) bool {
	_, _, ok := s.Version(namespace, name)
	return ok
}

// Version returns the UID and the resource version of a Secret, as far as the
// watches know.
func (s *Store) Version(namespace, name string) (types.UID, string, bool) {
	if sum, ok := s.Summary(namespace, name); ok {
		return sum.UID, sum.ResourceVersion, true
	}
	obj, found, err := s.others.GetIndexer().GetByKey(types.NamespacedName{Namespace: namespace, Name: name}.String())
	if err != nil || !found {
		return "", "", false
	}
	m, ok := obj.(*metav1.PartialObjectMetadata)
	if !ok {
		return "", "", false
	}
	return m.UID, m.ResourceVersion, true
}

// NextKeys returns the Secrets with a next private key whose controller has the
// given UID.
func (s *Store) NextKeys(owner types.UID) []*certs.SecretSummary {
	objs, err := s.managed.GetIndexer().ByIndex(byOwner, string(owner))
	if err != nil {
		return nil
	}
	keys := make([]*certs.SecretSummary, 0, len(objs))
	for _, obj := range objs {
		if sum, ok := obj.(*certs.SecretSummary); ok {
			keys = append(keys, sum)
		}
	}
	return keys
}

// Learn remembers a Secret that was just written or read live, so that Summary
// knows it before the watch has delivered it.
func (s *Store) Learn(secret *corev1.Secret) *certs.SecretSummary {
	sum := certs.Summarize(secret)
	key := types.NamespacedName{Namespace: secret.Namespace, Name: secret.Name}
	if secret.Labels[certsv1.SecretManagedKey] != "true" {
		return sum
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	// Looked at under the lock: what is delivered from now on removes the note.
	if obj, found, err := s.managed.GetIndexer().GetByKey(key.String()); err == nil && found {
		if stored, ok := obj.(*certs.SecretSummary); ok && !older(stored.ResourceVersion, sum.ResourceVersion) {
			return sum
		}
	}
	s.written[key] = note{sum, time.Now().Add(memory)}
	return sum
}

// deleted forgets a note about a Secret that is gone.
func (s *Store) deleted(obj any) {
	tombstone, ok := obj.(toolscache.DeletedFinalStateUnknown)
	if !ok {
		s.delivered(obj)
		return
	}
	// Its last version was missed, so it does not tell the age.
	if namespace, name, err := toolscache.SplitMetaNamespaceKey(tombstone.Key); err == nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.written, types.NamespacedName{Namespace: namespace, Name: name})
	}
}

// delivered forgets a note that the watch has caught up with.
func (s *Store) delivered(obj any) {
	m, ok := obj.(metav1.Object)
	if !ok {
		return
	}
	key := types.NamespacedName{Namespace: m.GetNamespace(), Name: m.GetName()}
	s.mu.Lock()
	defer s.mu.Unlock()
	if n, ok := s.written[key]; ok && !older(m.GetResourceVersion(), n.summary.ResourceVersion) {
		delete(s.written, key)
	}
}

// older reports whether resource version a is older than b. Versions that are
// no numbers count as the same age.
func older(a, b string) bool {
	x, errX := strconv.ParseUint(a, 10, 64)
	y, errY := strconv.ParseUint(b, 10, 64)
	return errX == nil && errY == nil && x < y
}
