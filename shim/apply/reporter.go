package apply

import (
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/tools/record"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/certwright/certwright/shim"
)

// A Reporter tells each problem of an object once: again only if it went away
// and came back, or after a restart. What keeps a Certificate from being issued
// is told once for each cause, however often it is tried again, until the
// Certificate is well.
type Reporter struct {
	Recorder record.EventRecorder

	mu   sync.Mutex
	told map[client.ObjectKey]map[shim.Problem]bool
	// ailing are the causes that were told, by the name of the Certificate.
	ailing map[client.ObjectKey]map[string]map[string]bool
}

// maxCauses is how many causes are told before a Certificate is well again.
const maxCauses = 20

// Report emits a warning event for each of problems, which are all that obj
// has, unless it is known already.
func (r *Reporter) Report(obj client.Object, problems []shim.Problem) {
	for _, p := range r.news(client.ObjectKeyFromObject(obj), problems) {
		r.Recorder.Event(obj, corev1.EventTypeWarning, p.Reason, p.Message)
	}
}

// Follow tells how the Certificates of obj fare, which are all that it has.
func (r *Reporter) Follow(obj client.Object, fares []shim.Fare) {
	for _, e := range r.turns(client.ObjectKeyFromObject(obj), fares) {
		kind := corev1.EventTypeWarning
		if e.Reason == shim.ReasonReady {
			kind = corev1.EventTypeNormal
		}
		r.Recorder.Event(obj, kind, e.Reason, e.Message)
	}
}

// turns are what is new about fares.
func (r *Reporter) turns(key client.ObjectKey, fares []shim.Fare) []shim.Problem {
	r.mu.Lock()
	defer r.mu.Unlock()
	before, now := r.ailing[key], make(map[string]map[string]bool)
	var news []shim.Problem
	for _, f := range fares {
		causes := before[f.Certificate]
		switch {
		case f.Well && len(causes) > 0:
			news = append(news, shim.Recovered(f.Certificate))
			causes = nil
		case f.Trouble != nil:
			cause := f.Trouble.Reason + shim.Cause(f.Trouble.Message)
			if causes[cause] || len(causes) >= maxCauses {
				break
			}
			news = append(news, *f.Trouble)
			if causes == nil {
				causes = make(map[string]bool)
			}
			causes[cause] = true
		}
		if len(causes) > 0 {
			now[f.Certificate] = causes
		}
	}
	if len(now) == 0 {
		delete(r.ailing, key)
		return news
	}
	if r.ailing == nil {
		r.ailing = make(map[client.ObjectKey]map[string]map[string]bool)
	}
	r.ailing[key] = now
	return news
}

// Forget drops what is known about an object that is gone.
func (r *Reporter) Forget(key client.ObjectKey) {
	r.news(key, nil)
	r.turns(key, nil)
}

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
