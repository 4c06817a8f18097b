package webhook

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
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

// Handler answers AdmissionReviews on /mutate, /validate and /advise.
func Handler(cfg Config) http.Handler {
	j := &judge{cfg: cfg, warnings: warnings{cached: cfg.Reader, live: cfg.Live, resources: cfg.Resources}}
	mux := http.NewServeMux()
	mux.Handle(mutatePath, &endpoint{concerns: concerns, verdict: j.mutate, metrics: cfg.Metrics})
	mux.Handle(validatePath, &endpoint{concerns: concerns, verdict: j.validate, metrics: cfg.Metrics})
	mux.Handle(advisePath, &endpoint{concerns: advised, verdict: j.advise, metrics: cfg.Metrics})
	return mux
}

// endpoint answers reviews on one path.
type endpoint struct {
	// concerns says which kind the request is about, none if it is not for this
	// endpoint to judge.
	concerns func(*review.Request) (kind string, refusal *review.Answer)
	verdict  verdict
	metrics  *Metrics
	buffers  sync.Pool // of *buffers
}

// buffers hold what came and what is answered, for one review after the other.
type buffers struct{ body, answer []byte }

// keepBuffer bounds the buffers that are kept for the next review.
const keepBuffer = 64 << 10

func (e *endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	defer e.answerPanic(w, r)
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		http.Error(w, "POST an AdmissionReview", http.StatusMethodNotAllowed)
		return
	}
	if !isJSON(r.Header.Get("Content-Type")) {
		http.Error(w, "the content type must be application/json", http.StatusUnsupportedMediaType)
		return
	}
	b, _ := e.buffers.Get().(*buffers)
	if b == nil {
		b = &buffers{}
	}
	defer e.keep(b)
	var err error
	if b.body, err = readBody(r, b.body[:0]); err != nil {
		code := http.StatusBadRequest
		if errors.Is(err, errTooLarge) {
			code = http.StatusRequestEntityTooLarge
		}
		http.Error(w, err.Error(), code)
		return
	}
	start := time.Now()
	req, err := review.Read(b.body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if b.answer, err = e.answer(r.Context(), &req, start, b.answer[:0]); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(b.answer)))
	_, _ = w.Write(b.answer) // whoever asked has gone
}

// answer appends to out what is to be said to req, which came at start.
func (e *endpoint) answer(ctx context.Context, req *review.Request, start time.Time, out []byte) ([]byte, error) {
	kind, refusal := e.concerns(req)
	a := review.Allow()
	switch {
	case refusal != nil:
		a = *refusal
	case kind != "":
		a = e.verdict(ctx, req, kind)
	}
	if !a.Allowed() {
		log.FromContext(ctx).V(1).Info("refused", "kind", kind, "operation", req.Operation, "namespace", req.Namespace, "code", a.Denial.Code)
	}
	out, err := a.AppendTo(out, req.UID)
	if err != nil {
		return nil, err
	}
	e.metrics.answered(kind, req.Operation, a.Allowed(), time.Since(start))
	return out, nil
}

// keep keeps the buffers for the next review, unless they have become large.
func (e *endpoint) keep(b *buffers) {
	if cap(b.body) <= keepBuffer && cap(b.answer) <= keepBuffer {
		e.buffers.Put(b)
	}
}

// isJSON reports whether a header announces JSON.
func isJSON(contentType string) bool {
	if contentType == "application/json" { // as API servers write it
		return true
	}
	media, _, err := mime.ParseMediaType(contentType)
	return err == nil && media == "application/json"
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
