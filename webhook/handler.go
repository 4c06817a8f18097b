package webhook

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime/debug"
	"strconv"
	"sync"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/certwright/certwright/webhook/review"
)

// maxBody bounds a request. The API server takes objects of at most 3 MiB, and
// a review holds two.
const maxBody = 7 << 20

// Handler answers AdmissionReviews on /mutate and /validate.
func Handler(cfg Config) http.Handler {
	j := &judge{cfg: cfg, warnings: warnings{cached: cfg.Reader, live: cfg.Live, resources: cfg.Resources}}
	mux := http.NewServeMux()
	mux.Handle(mutatePath, &endpoint{verdict: j.mutate, metrics: cfg.Metrics})
	mux.Handle(validatePath, &endpoint{verdict: j.validate, metrics: cfg.Metrics})
	return mux
}

// endpoint answers reviews on one path.
type endpoint struct {
	verdict verdict
	metrics *Metrics
	buffers sync.Pool // of *[]byte
}

// keepBuffer bounds the buffers that are kept for the next review.
const keepBuffer = 64 << 10

func (e *endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	defer e.answerPanic(w, r)
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		http.Error(w, "POST an AdmissionReview", http.StatusMethodNotAllowed)
		return
	}
	buffer, _ := e.buffers.Get().(*[]byte)
	if buffer == nil {
		buffer = new([]byte)
	}
	defer func() {
		if cap(*buffer) <= keepBuffer {
			e.buffers.Put(buffer)
		}
	}()
	body, err := readBody(r, (*buffer)[:0])
	*buffer = body
	if err != nil {
		code := http.StatusBadRequest
		if errors.Is(err, errTooLarge) {
			code = http.StatusRequestEntityTooLarge
		}
		http.Error(w, err.Error(), code)
		return
	}

	start := time.Now()
	req, err := review.Read(body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	kind, refusal := concerns(&req)
	a := review.Allow()
	switch {
	case refusal != nil:
		a = *refusal
	case kind != "":
		a = e.verdict(r.Context(), &req, kind)
	}
	if !a.Allowed() {
		log.FromContext(r.Context()).V(1).Info("refused", "kind", kind, "operation", req.Operation, "namespace", req.Namespace, "code", a.Denial.Code)
	}
	out, err := a.AppendTo(make([]byte, 0, 512), req.UID)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	e.metrics.answered(kind, req.Operation, a.Allowed(), time.Since(start))
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(out)))
	_, _ = w.Write(out) // whoever asked has gone
}

// answerPanic, deferred, turns a panic into one HTTP 500.
func (e *endpoint) answerPanic(w http.ResponseWriter, r *http.Request) {
	cause := recover()
	if cause == nil {
		return
	}
	if err, ok := cause.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		panic(cause) // the way to give up on a connection
	}
	e.metrics.panicked()
	log.FromContext(r.Context()).Error(fmt.Errorf("panic: %v", cause), "a review panicked", "path", r.URL.Path, "stack", string(debug.Stack()))
	http.Error(w, "the webhook panicked; see its log", http.StatusInternalServerError)
}

var errTooLarge = fmt.Errorf("the body is longer than %d bytes", maxBody)

// readBody appends the body to b.
func readBody(r *http.Request, b []byte) ([]byte, error) {
	if r.ContentLength > maxBody {
		return b, errTooLarge
	}
	if n := int(r.ContentLength); n >= cap(b) {
		b = make([]byte, 0, n+1)
	}
	for {
		if len(b) == cap(b) {
			b = append(b, 0)[:len(b)]
		}
		n, err := r.Body.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		switch {
		case len(b) > maxBody:
			return b, errTooLarge
		case err == io.EOF:
			return b, nil
		case err != nil:
			return b, fmt.Errorf("read body: %w", err)
		}
	}
}
