package acme

import (
	"net/http"
	"strings"
	"time"
)

const noncePath = "/nonce-plz"

// actions name the paths that Pebble chose; it exports only the directory's.
var actions = []struct{ prefix, name string }{
	{"/dir", "directory"},
	{noncePath, "new-nonce"},
	{"/sign-me-up", "new-account"},
	{"/my-account/", "account"},
	{"/order-plz", "new-order"},
	{"/my-order/", "order"},
	{"/finalize-order/", "finalize"},
	{"/authZ/", "authz"},
	{"/chalZ/", "challenge"},
	{"/certZ/", "certificate"},
	{"/revoke-cert", "revoke-cert"},
	{"/rollover-account-key", "key-change"},
	{"/list-orderz/", "orders"},
	{"/draft-ietf-acme-ari-03/renewalInfo/", "renewal-info"},
}

// Action names what a request path asks for: directory, new-nonce, new-account,
// account, new-order, order, finalize, authz, challenge, certificate,
// revoke-cert, key-change, orders, renewal-info, or other.
func Action(path string) string {
	for _, a := range actions {
		if strings.HasPrefix(path, a.prefix) {
			return a.name
		}
	}
	return "other"
}

// An Exchange is one request and how it ended.
type Exchange struct {
	Action, Method, Path string
	// Status is zero while there is no answer, and stays so when the connection
	// was cut before Pebble saw the request.
	Status int
	// Fault tells that the client did not get Pebble's answer.
	Fault bool
	// UserAgent of the client.
	UserAgent string
	// Start and End of the exchange; End is zero while it goes on.
	Start, End time.Time
}

// Requests counts the requests that arrived, by action, whatever their answer.
func (s *Server) Requests() map[string]int {
	counts := map[string]int{}
	for _, e := range s.Log() {
		counts[e.Action]++
	}
	return counts
}

// Orders counts the orders that Pebble accepted, also those whose answer got
// lost: what the CA would count against our limits.
func (s *Server) Orders() int {
	n := 0
	for _, e := range s.Log() {
		if e.Action == "new-order" && e.Status == http.StatusCreated {
			n++
		}
	}
	return n
}

// Log lists the requests in the order in which they arrived.
func (s *Server) Log() []Exchange {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]Exchange, 0, len(s.log))
	for _, e := range s.log {
		out = append(out, *e)
	}
	return out
}

// serve asks the fault, then Pebble, and writes the log.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	rec := &statusWriter{ResponseWriter: w}
	e := &Exchange{Action: Action(r.URL.Path), Method: r.Method, Path: r.URL.Path, UserAgent: r.UserAgent(), Start: time.Now()}
	s.mu.Lock()
	s.log = append(s.log, e)
	fault := s.fault
	s.mu.Unlock()
	byFault := false
	defer func() { // also while a fault's panic cuts the connection
		s.mu.Lock()
		defer s.mu.Unlock()
		e.Status, e.Fault, e.End = rec.status, byFault, time.Now()
	}()

	if fault != nil {
		if r.Method == http.MethodPost {
			rec.Header().Set("Replay-Nonce", s.nonce(r.Context()))
		}
		byFault = true // until it declines; it may panic
		if fault(rec, r) {
			return
		}
		byFault = false
		rec.Header().Del("Replay-Nonce") // Pebble sets its own
	}
	s.pebble.ServeHTTP(rec, r)
	if rec.status == 0 {
		rec.status = http.StatusOK
	}
}

// statusWriter remembers the status.
type statusWriter struct {
	http.ResponseWriter
	status int
}

// WriteHeader notes the status before it is sent.
func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

func (w *statusWriter) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach the connection.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
