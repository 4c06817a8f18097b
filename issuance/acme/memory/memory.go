// Package memory keeps, for each object that is being worked on, what this
// process knows beyond the object's status: a report that is held back, the
// answer to a question that need not be asked twice. Nothing in it is needed
// for correctness; whoever loses it (a restart) asks again.
package memory

import (
	"sync"

	"k8s.io/apimachinery/pkg/types"
)

// A Memory holds one *T per object. The zero value is empty.
type Memory[T any] struct {
	mu sync.Mutex
	by map[types.NamespacedName]note[T]
}

type note[T any] struct {
	uid types.UID
	of  *T
}

// Of returns what is known about the object, which is nothing at first. Another
// object of the same name starts with nothing again. The result belongs to the
// one worker that works on the object.
func (m *Memory[T]) Of(key types.NamespacedName, uid types.UID) *T {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.by == nil {
		m.by = map[types.NamespacedName]note[T]{}
	}
	n, ok := m.by[key]
	if !ok || n.uid != uid {
		n = note[T]{uid: uid, of: new(T)}
		m.by[key] = n
	}
	return n.of
}

// Forget drops what is known about the object.
func (m *Memory[T]) Forget(key types.NamespacedName) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.by, key)
}

// Len is the number of objects that something is known about.
func (m *Memory[T]) Len() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.by)
}
