package certificate

import (
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

// A memory keeps, for each Certificate, what is worth knowing and not worth
// writing down. Losing it costs nothing but a little extra work.
type memory struct {
	mu      sync.Mutex
	entries map[types.NamespacedName]*recollection
	echoes  map[echo]struct{}
}

// A recollection is what is remembered of one Certificate.
type recollection struct {
	uid types.UID
	// written is the resource version of our last report. What the cache holds
	// before that is out of date.
	written string
	// generation of the spec that successes, misfits and restored are about.
	generation         int64
	successes, misfits []time.Time
	restored           string
	// firstOrigin is that of keystores that another program made, whatever the
	// generation.
	firstOrigin string
	// gone are the objects that we deleted last. The caches may still hold them.
	gone []types.UID
}

// of returns a copy of what is remembered of a Certificate.
func (m *memory) of(name types.NamespacedName, uid types.UID, generation int64) recollection {
	m.mu.Lock()
	defer m.mu.Unlock()
	e := m.entries[name]
	if e == nil || e.uid != uid {
		return recollection{}
	}
	out := *e
	if e.generation != generation {
		out.successes, out.misfits, out.restored = nil, nil, ""
	}
	return out
}

// change changes what is remembered of a Certificate.
func (m *memory) change(name types.NamespacedName, uid types.UID, generation int64, f func(*recollection)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.entries == nil {
		m.entries = map[types.NamespacedName]*recollection{}
	}
	e := m.entries[name]
	if e == nil || e.uid != uid {
		e = &recollection{uid: uid}
		m.entries[name] = e
	}
	if e.generation != generation {
		e.generation, e.successes, e.misfits, e.restored = generation, nil, nil, ""
	}
	f(e)
}

// forget drops a Certificate that is gone.
func (m *memory) forget(name types.NamespacedName) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.entries, name)
}

// remembered bounds each list that is kept of one Certificate.
const remembered = maxAnHour + 1

func (r *recollection) succeeded(at time.Time) { r.successes = latest(r.successes, at) }

func (r *recollection) misfitted(at time.Time) { r.misfits = latest(r.misfits, at) }

// discarded notes that we deleted an object.
func (r *recollection) discarded(uid types.UID) { r.gone = latest(r.gone, uid) }

// latest returns list with one more, and only as many as are worth knowing.
// Whoever has a copy of list keeps it.
func latest[T any](list []T, one T) []T {
	return append(slices.Clone(list[max(0, len(list)+1-remembered):]), one)
}

// An echo is a version of an object that we wrote and whose event is to come.
type echo struct {
	uid     types.UID
	version string
}

// maxEchoes bounds the writes whose events are awaited.
const maxEchoes = 10_000

// wrote notes that a version of an object is our own work.
func (m *memory) wrote(uid types.UID, version string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.echoes == nil || len(m.echoes) >= maxEchoes {
		m.echoes = map[echo]struct{}{}
	}
	m.echoes[echo{uid, version}] = struct{}{}
}

// isEcho reports whether an event only repeats what we wrote ourselves and
// have taken into account already.
func (m *memory) isEcho(uid types.UID, version string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	e := echo{uid, version}
	_, ok := m.echoes[e]
	delete(m.echoes, e)
	return ok
}
