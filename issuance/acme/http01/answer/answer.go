// Package answer is what the internet sees of HTTP-01: a table of challenges
// and a handler that looks requests up in it. It imports nothing but the
// standard library, so that the program that is exposed is small and knows
// nothing worth stealing.
//
// A request is answered with 200 only if its path is exactly the one of a
// challenge and its Host that challenge's name; everything else is a 404 that
// does not tell why.
package answer

import (
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// PathPrefix is that of every challenge (RFC 8555 section 8.3).
const PathPrefix = "/.well-known/acme-challenge/"

// An Entry is one challenge that waits for its question.
type Entry struct {
	// Host is the name or address that is asked, Token the end of the path.
	Host, Token string
	// Key is the answer.
	Key string
}

func (e Entry) place() place { return place{strings.ToLower(e.Host), e.Token} }

type place struct{ host, token string }

// A Table holds challenges by the object that they come from. The zero value
// is empty.
type Table struct {
	mu   sync.RWMutex
	by   map[string]Entry
	find map[place]map[string]string // object → key: two objects may agree
}

// Put makes entry the challenge of object.
func (t *Table) Put(object string, entry Entry) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.put(object, entry)
}

func (t *Table) put(object string, entry Entry) {
	if t.by == nil {
		t.by, t.find = map[string]Entry{}, map[place]map[string]string{}
	}
	t.drop(object)
	t.by[object] = entry
	if t.find[entry.place()] == nil {
		t.find[entry.place()] = map[string]string{}
	}
	t.find[entry.place()][object] = entry.Key
}

// Drop takes the challenge of object away.
func (t *Table) Drop(object string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.drop(object)
}

func (t *Table) drop(object string) {
	old, ok := t.by[object]
	if !ok {
		return
	}
	delete(t.by, object)
	delete(t.find[old.place()], object)
	if len(t.find[old.place()]) == 0 {
		delete(t.find, old.place())
	}
}

// Replace makes entries all that there is.
func (t *Table) Replace(entries map[string]Entry) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.by, t.find = nil, nil
	for object, e := range entries {
		t.put(object, e)
	}
}

// Len is the number of challenges.
func (t *Table) Len() int {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return len(t.by)
}

func (t *Table) key(host, token string) (string, bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	for _, key := range t.find[place{strings.ToLower(host), token}] {
		return key, true
	}
	return "", false
}

// ServeHTTP answers a CA, and nobody else.
func (t *Table) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	// RequestURI, not URL.Path: no other spelling of the path will do.
	path, _, _ := strings.Cut(r.RequestURI, "?")
	if path == "/" || path == "/healthz" {
		// Load balancers ask for these before they send anything on.
		w.WriteHeader(http.StatusOK)
		return
	}
	token, ok := strings.CutPrefix(path, PathPrefix)
	key, found := t.key(bare(r.Host), token)
	if !ok || !found || (r.Method != http.MethodGet && r.Method != http.MethodHead) {
		http.NotFound(w, r)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-cache, no-store, must-revalidate")
	_, _ = io.WriteString(w, key)
}

// bare is host without port and brackets.
func bare(host string) string {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	return strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
}

// Server serves h within limits that suit an exposed port.
func Server(h http.Handler) *http.Server {
	return &http.Server{
		Handler: h, ReadHeaderTimeout: 32 * time.Second, ReadTimeout: 40 * time.Second,
		WriteTimeout: 40 * time.Second, IdleTimeout: 60 * time.Second, MaxHeaderBytes: 16 << 10,
	}
}
