package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"time"
)

// An episode is one alert from its first delivery to its end.
type episode struct {
	labels, annotations map[string]string
	// fired and ended are when we heard of it; ended is zero while it goes on.
	fired, ended time.Time
}

func (e episode) name() string { return e.labels["alertname"] }

// A receiver is where Alertmanager delivers.
type receiver struct {
	server *httptest.Server

	mu       sync.Mutex
	active   map[string]int // index of the episode by fingerprint
	episodes []episode
}

func newReceiver() *receiver {
	r := &receiver{active: map[string]int{}}
	r.server = httptest.NewServer(r)
	return r
}

// ServeHTTP takes a delivery.
func (r *receiver) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	var message struct {
		Alerts []struct {
			Status, Fingerprint string
			Labels, Annotations map[string]string
		}
	}
	if err := json.NewDecoder(io.LimitReader(request.Body, 1<<20)).Decode(&message); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	now := time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, a := range message.Alerts {
		at, active := r.active[a.Fingerprint]
		switch {
		case a.Status == "firing" && !active:
			r.active[a.Fingerprint] = len(r.episodes)
			r.episodes = append(r.episodes, episode{labels: a.Labels, annotations: a.Annotations, fired: now})
		case a.Status == "resolved" && active:
			r.episodes[at].ended = now
			delete(r.active, a.Fingerprint)
		}
	}
}

// from returns the episodes from the one numbered first on.
func (r *receiver) from(first int) []episode {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.episodes[first:])
}

// count is how many episodes there have been.
func (r *receiver) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.episodes)
}
