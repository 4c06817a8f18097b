package exchange

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/go-acme/lego/v4/acme/api"
)

const (
	// maxBody is far above the longest chain or order.
	maxBody = 4 << 20
	// requestTimeout bounds one request, callTimeout one call with what lego
	// repeats for bad nonces.
	requestTimeout = 30 * time.Second
	callTimeout    = 90 * time.Second
	// maxRetryAfter is believed; what a server says beyond is a mistake.
	maxRetryAfter = 7 * 24 * time.Hour
)

// An answer is what the transport saw of the last response of a call.
type answer struct {
	status     int
	retryAfter time.Duration
	header     http.Header
}

// A wire is the transport of one line. It works for one call at a time.
type wire struct {
	client    *Client
	directory []byte
	nonceURL  string

	ctx    context.Context //nolint:containedctx // lego has no other way to carry it.
	action string
	last   answer
}

// begin makes w work for the call of ctx.
func (w *wire) begin(ctx context.Context, action string) {
	w.ctx, w.action, w.last = ctx, action, answer{}
}

// RoundTrip sends one request for the current call.
func (w *wire) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Method == http.MethodGet && req.URL.String() == w.client.account.Server {
		// lego asks for the directory whenever a line is made.
		return synthesize(req, w.directory), nil
	}
	action := w.action
	if req.Method == http.MethodHead && req.URL.String() == w.nonceURL {
		action = actionNonce
	}
	resp, seen, err := w.client.send(w.ctx, req, action)
	w.last = seen
	return resp, err
}

func synthesize(req *http.Request, body []byte) *http.Response {
	return &http.Response{
		Status: "200 OK", StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header:        http.Header{"Content-Type": {"application/json"}},
		Body:          io.NopCloser(bytes.NewReader(body)),
		ContentLength: int64(len(body)), Request: req,
	}
}

// send sends req within the limits on rate, time and size, and counts it.
func (c *Client) send(ctx context.Context, req *http.Request, action string) (*http.Response, answer, error) {
	if err := c.limiter.Wait(ctx); err != nil {
		return nil, answer{}, fmt.Errorf("wait for our own rate limit: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	start := time.Now()
	resp, seen, err := receive(c.transport, req.WithContext(ctx))
	c.limiter.learn(seen.status)
	c.metrics.observe(req.URL.Scheme, req.URL.Host, action, req.Method, seen.status, time.Since(start))
	return resp, seen, err
}

// receive reads the whole answer, so that its deadline counts for the body too
// and lego may forget to close it.
func receive(rt http.RoundTripper, req *http.Request) (*http.Response, answer, error) {
	resp, err := rt.RoundTrip(req)
	if err != nil {
		return nil, answer{}, err
	}
	defer resp.Body.Close()
	seen := answer{status: resp.StatusCode, header: resp.Header, retryAfter: retryAfter(resp.Header)}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
	if err != nil {
		return nil, answer{retryAfter: seen.retryAfter}, fmt.Errorf("read answer: %w", err)
	}
	if len(body) > maxBody {
		return nil, seen, fmt.Errorf("answer is longer than %d bytes", maxBody)
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return resp, seen, nil
}

func retryAfter(h http.Header) time.Duration {
	d, err := api.ParseRetryAfter(h.Get("Retry-After"))
	if err != nil {
		return 0
	}
	return min(max(d, 0), maxRetryAfter)
}
