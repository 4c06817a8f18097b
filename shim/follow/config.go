package follow

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/record"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/certwright/certwright/shim"
	"github.com/certwright/certwright/shim/apply"
)

const (
	defaultWorkers = 5
	// Errors and refused writes are retried after minBackoff, doubling up to maxBackoff.
	minBackoff, maxBackoff = 5 * time.Second, 5 * time.Minute
	// staleAfter is how long the cache gets to catch up.
	staleAfter = time.Second
	// unresolvedAfter is when a default issuer is looked for again.
	unresolvedAfter = time.Minute
)

// Scope says which sources are ours.
type Scope interface{ Mine(obj metav1.Object) bool }

// Config is what the controllers of all kinds need.
type Config struct {
	// Recorder returns who emits events on sources as that component.
	Recorder func(component string) record.EventRecorder
	// Options say how annotations are read.
	Options shim.Options
	// Workers is how many sources of a kind are looked at at a time; 0 means 5.
	Workers int
	// Scope says which sources are ours; nil means all.
	Scope Scope
	// Metrics counts the writes; nil counts nothing.
	Metrics *apply.Metrics
}

// Controller returns the options of a controller.
func (c *Config) Controller() controller.Options {
	workers := c.Workers
	if workers == 0 {
		workers = defaultWorkers
	}
	return controller.Options{
		MaxConcurrentReconciles: workers,
		RateLimiter:             workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](minBackoff, maxBackoff),
	}
}
