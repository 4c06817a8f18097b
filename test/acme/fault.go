package acme

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync/atomic"
	"time"
)

// A Fault may answer a request instead of Pebble. It returns false to leave it
// to Pebble. On a POST the response already has a usable Replay-Nonce, as RFC
// 8555 §6.5 demands of every answer; delete the header to be a bad server.
type Fault func(w http.ResponseWriter, r *http.Request) (handled bool)

// SetFault installs f for all requests from now on, in place of what was there.
// Nil takes it away.
func (s *Server) SetFault(f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = f
}

// On limits f to requests for one action, for example "new-order".
func (f Fault) On(action string) Fault {
	return func(w http.ResponseWriter, r *http.Request) bool {
		return Action(r.URL.Path) == action && f(w, r)
	}
}

// Times limits f to the first n requests that it handles. Put it last:
// RateLimited(time.Minute).On("new-order").Times(2).
func (f Fault) Times(n int) Fault {
	var used atomic.Int64
	return func(w http.ResponseWriter, r *http.Request) bool {
		if used.Load() >= int64(n) || !f(w, r) {
			return false
		}
		used.Add(1)
		return true
	}
}

// Problem answers with a problem document, for example status 403 and kind
// "unauthorized". A retryAfter of zero sends no Retry-After header.
func Problem(status int, kind, detail string, retryAfter time.Duration) Fault {
	document := struct {
		Type   string `json:"type"`
		Detail string `json:"detail"`
		Status int    `json:"status"`
	}{"urn:ietf:params:acme:error:" + kind, detail, status}
	return func(w http.ResponseWriter, _ *http.Request) bool {
		if retryAfter > 0 {
			seconds := (retryAfter + time.Second - 1) / time.Second
			w.Header().Set("Retry-After", strconv.FormatInt(int64(seconds), 10))
		}
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(document) // fails only if the client left
		return true
	}
}

// RateLimited answers 429 as Let's Encrypt does.
func RateLimited(retryAfter time.Duration) Fault {
	return Problem(http.StatusTooManyRequests, "rateLimited", "too many certificates already issued", retryAfter)
}

// Unavailable answers 503 as a load balancer does: without a problem document.
func Unavailable(retryAfter time.Duration) Fault {
	return func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Del("Replay-Nonce")
		if retryAfter > 0 {
			w.Header().Set("Retry-After", strconv.FormatInt(int64(retryAfter/time.Second), 10))
		}
		http.Error(w, "<html><body>503 Service Unavailable</body></html>", http.StatusServiceUnavailable)
		return true
	}
}

// Hang never answers; it ends when the client gives up or the server closes.
func Hang() Fault {
	return func(_ http.ResponseWriter, r *http.Request) bool {
		// Only with the body read does net/http notice that the client left.
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
		// Returning would answer 200, and a client that is closing can still read it.
		panic(http.ErrAbortHandler)
	}
}

// Cut drops the connection (in HTTP/2, the stream) before Pebble sees the request.
func Cut() Fault {
	return func(http.ResponseWriter, *http.Request) bool {
		panic(http.ErrAbortHandler)
	}
}

// LoseAnswer lets Pebble do what was asked, then drops the connection: the
// client cannot know whether its order exists.
func (s *Server) LoseAnswer() Fault {
	return func(w http.ResponseWriter, r *http.Request) bool {
		answer := httptest.NewRecorder()
		s.pebble.ServeHTTP(answer, r)
		if logged, ok := w.(*statusWriter); ok {
			logged.status = answer.Code
		}
		panic(http.ErrAbortHandler)
	}
}

// nonce fetches one from Pebble, past log and faults.
func (s *Server) nonce(ctx context.Context) string {
	r := httptest.NewRequestWithContext(ctx, http.MethodHead, noncePath, nil)
	r.Header.Set("User-Agent", "test/acme")
	w := httptest.NewRecorder()
	s.pebble.ServeHTTP(w, r)
	return w.Header().Get("Replay-Nonce")
}
