package run

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
)

// A Health answers the probes /livez and /readyz, each with all its checks, and
// /livez/NAME and /readyz/NAME with one. It can be used while checks are added.
type Health struct {
	mu    sync.RWMutex
	live  map[string]func() error
	ready map[string]func() error
}

// AddLive adds a check without which the process had better be restarted.
func (h *Health) AddLive(name string, check func() error) { h.add(&h.live, name, check) }

// AddReady adds a check without which the process gets no requests.
func (h *Health) AddReady(name string, check func() error) { h.add(&h.ready, name, check) }

func (h *Health) add(to *map[string]func() error, name string, check func() error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if *to == nil {
		*to = map[string]func() error{}
	}
	(*to)[name] = check
}

// Ready runs all checks of readiness.
func (h *Health) Ready() error {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return run(h.ready, "")
}

// ServeHTTP answers 200 with ok, or 500 with what is wrong.
func (h *Health) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	probe, name, _ := strings.Cut(strings.Trim(r.URL.Path, "/"), "/")
	h.mu.RLock()
	defer h.mu.RUnlock()
	var err error
	switch probe {
	case "livez":
		err = run(h.live, name)
	case "readyz", "healthz":
		err = run(h.ready, name)
	default:
		http.NotFound(w, r)
		return
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	_, _ = fmt.Fprintln(w, "ok")
}

// run runs all checks, or the one of that name.
func run(checks map[string]func() error, only string) error {
	names := make([]string, 0, len(checks))
	for name := range checks {
		if only == "" || name == only {
			names = append(names, name)
		}
	}
	if only != "" && len(names) == 0 {
		return fmt.Errorf("no check %q", only)
	}
	slices.Sort(names)
	var wrong []string
	for _, name := range names {
		if err := checks[name](); err != nil {
			wrong = append(wrong, name+": "+err.Error())
		}
	}
	if len(wrong) > 0 {
		return fmt.Errorf("%s", strings.Join(wrong, "; "))
	}
	return nil
}
