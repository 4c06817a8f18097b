package apply

import (
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/tools/record"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/certwright/certwright/shim"
)

// A Reporter tells each problem of an object once: again only if it went away
// and came back, or after a restart.
type Reporter struct {
	Recorder record.EventRecorder

	mu   sync.Mutex
	told map[client.ObjectKey]map[shim.Problem]bool
}

// Report emits a warning event for each of problems, which are all that obj
// has, unless it is known already.
func (r *Reporter) Report(obj client.Object, problems []shim.Problem) {
	for _, p := range r.news(client.ObjectKeyFromObject(obj), problems) {
		r.Recorder.Event(obj, corev1.EventTypeWarning, p.Reason, p.Message)
	}
}

// Forget drops what is known about an object that is gone.
func (r *Reporter) Forget(key client.ObjectKey) { r.news(key, nil) }

func (r *Reporter) news(key client.ObjectKey, problems []shim.Problem) []shim.Problem {
	r.mu.Lock()
	defer r.mu.Unlock()
	before := r.told[key]
	if len(problems) == 0 {
		delete(r.told, key)
		return nil
	}
	now := make(map[shim.Problem]bool, len(problems))
	var news []shim.Problem
	for _, p := range problems {
		if !before[p] && !now[p] {
			news = append(news, p)
		}
		now[p] = true
	}
	if r.told == nil {
		r.told = make(map[client.ObjectKey]map[shim.Problem]bool)
	}
	r.told[key] = now
	return news
}
