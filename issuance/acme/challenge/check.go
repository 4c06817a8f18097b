package challenge

import (
	"context"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"

	acmev1 "github.com/certwright/certwright/certs/acme/v1"
)

// A data plane learns of a new route in a moment. The self-check looks often
// at first, and gives up, until it is started again, after checkFor.
const (
	checkFor   = 4 * time.Second
	firstPause = 50 * time.Millisecond
	maxPause   = time.Second
)

// check looks at ch beside the workers. The result wakes the Challenge. There
// are no more of these than places in the queue.
func (r *reconciler) check(ctx context.Context, ch *acmev1.Challenge) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), checkFor)
	stop := context.AfterFunc(r.life, cancel) //nolint:contextcheck // whichever ends first
	go func() {
		defer cancel()
		defer stop()
		err := r.checkUntil(ctx, ch)
		key := client.ObjectKeyFromObject(ch)
		r.mu.Lock()
		r.results[key] = result{uid: ch.UID, err: err}
		r.mu.Unlock()
		r.wake(key)
	}()
}

// checkUntil repeats the check until it passes or the time is over, and returns
// what it last said.
func (r *reconciler) checkUntil(ctx context.Context, ch *acmev1.Challenge) error {
	pause := firstPause
	var last error
	for {
		err := r.SelfCheck.Check(ctx, ch)
		if err == nil {
			return nil
		}
		if last == nil || ctx.Err() == nil {
			last = err // not the one that says that the time is over
		}
		select {
		case <-time.After(pause):
			pause = min(pause*2, maxPause)
		case <-ctx.Done():
			return last
		}
	}
}

// collect takes over the result of a self-check.
func (r *reconciler) collect(key types.NamespacedName, n *notes, uid types.UID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	got, ok := r.results[key]
	if !ok {
		return
	}
	delete(r.results, key)
	if got.uid != uid || !n.known.Check.Running {
		return
	}
	n.known.Check.Running = false
	if got.err == nil {
		n.known.Check = Check{Passed: true}
		return
	}
	n.known.Check.Problem = got.err.Error()
}

// wake makes a worker look at key.
func (r *reconciler) wake(key types.NamespacedName) {
	ch := &acmev1.Challenge{}
	ch.Namespace, ch.Name = key.Namespace, key.Name
	select {
	case r.wakes <- event.GenericEvent{Object: ch}:
	default:
		// The channel is full: rather wait in a goroutine than lose it.
		go func() {
			select {
			case r.wakes <- event.GenericEvent{Object: ch}:
			case <-r.life.Done():
			}
		}()
	}
}
