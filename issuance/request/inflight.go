package request

import (
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"

	certsv1 "github.com/certwright/certwright/certs/v1"
)

// An InFlight is the set of requests that package certificate is answering in
// one pass. This controller leaves them alone meanwhile. A request is marked by
// its name before it is created, as its UID is not known then and the watch may
// be faster than the answer to the creation.
type InFlight struct {
	mu    sync.Mutex
	names map[types.NamespacedName]bool // true: it was asked for meanwhile
	wake  chan event.TypedGenericEvent[client.Object]
}

// NewInFlight returns an empty set.
func NewInFlight() *InFlight {
	return &InFlight{
		names: map[types.NamespacedName]bool{},
		wake:  make(chan event.TypedGenericEvent[client.Object], 1024),
	}
}

// Begin adds a request to the set.
func (f *InFlight) Begin(name types.NamespacedName) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.names[name] = false
}

// End takes a request out of the set. If it was asked for meanwhile, and is not
// answered, it is put before the controller now.
func (f *InFlight) End(name types.NamespacedName, answered bool) {
	f.mu.Lock()
	asked := f.names[name]
	delete(f.names, name)
	f.mu.Unlock()
	if !asked || answered {
		return
	}
	e := event.TypedGenericEvent[client.Object]{Object: &certsv1.CertificateRequest{
		ObjectMeta: metav1.ObjectMeta{Namespace: name.Namespace, Name: name.Name},
	}}
	select {
	case f.wake <- e:
	default: // a full channel must not hold up the issuance
		go func() { f.wake <- e }()
	}
}

// Has reports whether a request is in the set, and notes that it was asked for.
func (f *InFlight) Has(name types.NamespacedName) bool {
	if f == nil {
		return false
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	_, ok := f.names[name]
	if ok {
		f.names[name] = true
	}
	return ok
}
