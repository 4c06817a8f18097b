package request

import "sync"

// maxTold bounds what is remembered of events that are told once.
const maxTold = 10_000

// A Told remembers what was told, so that an event that nothing in the API
// bears witness of is not repeated each time its object is looked at. It
// forgets with the process, and all at once when it is full.
type Told struct {
	mu   sync.Mutex
	what map[string]struct{}
}

// First reports whether what is told for the first time, and notes it.
func (t *Told) First(what string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, told := t.what[what]; told {
		return false
	}
	if t.what == nil || len(t.what) >= maxTold {
		t.what = map[string]struct{}{}
	}
	t.what[what] = struct{}{}
	return true
}
