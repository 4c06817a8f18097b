package challenge

import (
	"slices"
	"strings"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

// startsPerSecond is how many Challenges are started within one second.
const startsPerSecond = 20

// An entry is one Challenge that wants a place.
type entry struct {
	key types.NamespacedName
	// what is proven, by which type: two of the same would disturb each other.
	what    string
	created time.Time
	// parked entries have a place of a slower kind, that does not count.
	parked bool
}

// pick chooses from waiting which to start now: the oldest first, never two
// that prove the same, at most so many that active has no more than limit, of
// which a namespace gets more than half only if nobody else wants it.
func pick(active, waiting []entry, limit int) []entry {
	busy, perNamespace, free := map[string]bool{}, map[string]int{}, limit
	for _, e := range active {
		busy[e.what] = true
		if !e.parked {
			perNamespace[e.key.Namespace]++
			free--
		}
	}
	queue := slices.Clone(waiting)
	slices.SortStableFunc(queue, func(a, b entry) int {
		if c := a.created.Compare(b.created); c != 0 {
			return c
		}
		return strings.Compare(a.key.String(), b.key.String())
	})
	var out []entry
	for _, fair := range []bool{true, false} {
		for i := range queue {
			e := &queue[i]
			if free <= 0 {
				return out
			}
			if busy[e.what] || fair && perNamespace[e.key.Namespace] >= max(limit/2, 1) {
				continue
			}
			busy[e.what] = true
			perNamespace[e.key.Namespace]++
			free--
			out = append(out, *e)
		}
	}
	return out
}

// A queue gives places to Challenges.
type queue struct {
	limit int
	wake  func(types.NamespacedName)

	now func() time.Time

	mu      sync.Mutex
	ticking bool // a timer runs because of the limit on starts
	active  map[types.NamespacedName]entry
	waiting map[types.NamespacedName]entry
	starts  []time.Time
}

func newQueue(limit int, now func() time.Time, wake func(types.NamespacedName)) *queue {
	return &queue{limit: limit, now: now, wake: wake, active: map[types.NamespacedName]entry{}, waiting: map[types.NamespacedName]entry{}}
}

// hold gives e a place without asking: it had one before we came.
func (q *queue) hold(e entry) {
	q.mu.Lock()
	defer q.mu.Unlock()
	delete(q.waiting, e.key)
	q.active[e.key] = e
}

// admit reports whether e has a place. If not, e is woken when it gets one.
func (q *queue) admit(e entry) bool {
	q.mu.Lock()
	if _, ok := q.active[e.key]; ok {
		q.mu.Unlock()
		return true
	}
	q.waiting[e.key] = e
	started := q.fill()
	_, ok := q.active[e.key]
	q.mu.Unlock()
	q.wakeAll(started, e.key)
	return ok
}

// leave gives the place of key up.
func (q *queue) leave(key types.NamespacedName) {
	q.mu.Lock()
	delete(q.waiting, key)
	_, had := q.active[key]
	delete(q.active, key)
	var started []entry
	if had {
		started = q.fill()
	}
	q.mu.Unlock()
	q.wakeAll(started, key)
}

// park moves key to the slower places.
func (q *queue) park(key types.NamespacedName) {
	q.mu.Lock()
	e, ok := q.active[key]
	var started []entry
	if ok && !e.parked {
		e.parked = true
		q.active[key] = e
		started = q.fill()
	}
	q.mu.Unlock()
	q.wakeAll(started, key)
}

// fill gives free places away.
func (q *queue) fill() []entry {
	taken := 0
	for _, e := range q.active {
		if !e.parked {
			taken++
		}
	}
	if len(q.waiting) == 0 || taken >= q.limit {
		return nil
	}
	now := q.now()
	q.starts = slices.DeleteFunc(q.starts, func(t time.Time) bool { return !t.After(now.Add(-time.Second)) })
	started := pick(values(q.active), values(q.waiting), q.limit)
	if budget := startsPerSecond - len(q.starts); len(started) > budget {
		started = started[:budget]
		q.tickLater()
	}
	for _, e := range started {
		delete(q.waiting, e.key)
		q.active[e.key] = e
		q.starts = append(q.starts, now)
	}
	return started
}

// tickLater fills again when more may be started.
func (q *queue) tickLater() {
	if q.ticking {
		return
	}
	q.ticking = true
	time.AfterFunc(time.Second+10*time.Millisecond, func() {
		q.mu.Lock()
		q.ticking = false
		started := q.fill()
		q.mu.Unlock()
		q.wakeAll(started, types.NamespacedName{})
	})
}

func (q *queue) wakeAll(started []entry, but types.NamespacedName) {
	for _, e := range started {
		if e.key != but {
			q.wake(e.key)
		}
	}
}

func values(m map[types.NamespacedName]entry) []entry {
	out := make([]entry, 0, len(m))
	for _, e := range m {
		out = append(out, e)
	}
	return out
}
