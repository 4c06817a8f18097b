// Package bell has controllers look at all their objects again. They wait with
// timers, which follow the monotonic clock; dates follow the wall clock. When
// the two come apart, as after a machine was suspended, somebody must ring.
package bell

import (
	"context"
	"sync"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"
)

// A Bell wakes the controllers that have a Source of it. A nil Bell never rings.
type Bell struct {
	mu        sync.Mutex
	listeners []chan struct{}
}

// Ring has them look at all their objects. It does not wait until they have.
func (b *Bell) Ring() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, l := range b.listeners {
		select {
		case l <- struct{}{}:
		default: // it has not begun with the last one
		}
	}
}

func (b *Bell) listen() <-chan struct{} {
	rung := make(chan struct{}, 1)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.listeners = append(b.listeners, rung)
	return rung
}

// Source puts every object of the kind of list that reader knows before a
// controller, each time the bell rings. Reader should be the cache.
func (b *Bell) Source(reader client.Reader, list client.ObjectList) source.Source {
	return source.Func(func(ctx context.Context, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) error {
		if b == nil {
			return nil
		}
		rung := b.listen()
		go func() {
			for {
				select {
				case <-ctx.Done():
					return
				case <-rung:
					if err := addAll(ctx, reader, list, queue); err != nil {
						log.FromContext(ctx).Error(err, "look at everything again")
					}
				}
			}
		}()
		return nil
	})
}

func addAll(ctx context.Context, reader client.Reader, list client.ObjectList, queue workqueue.TypedInterface[reconcile.Request]) error {
	if err := reader.List(ctx, list, client.UnsafeDisableDeepCopyOption(true)); err != nil {
		return err
	}
	return meta.EachListItem(list, func(o runtime.Object) error {
		m, err := meta.Accessor(o)
		if err != nil {
			return err
		}
		queue.Add(reconcile.Request{NamespacedName: client.ObjectKey{Namespace: m.GetNamespace(), Name: m.GetName()}})
		return nil
	})
}
