package webhook

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	stdlog "log"
	"net"
	"net/http"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/log"
)

// limits say how long a connection may take. Whoever can reach us may open
// one, and say nothing or little.
type limits struct {
	headers time.Duration
	// request is for headers and body.
	request time.Duration
	// answer is from the end of the headers to the end of the answer.
	answer time.Duration
	// idle is between two requests.
	idle time.Duration
}

var serverLimits = limits{
	headers: 5 * time.Second,
	request: 15 * time.Second,
	// More than the API server waits.
	answer: (timeoutSeconds + 10) * time.Second,
	// Longer than API servers keep idle connections (90 s), so that they close
	// them, never we under a request.
	idle: 3 * time.Minute,
}

const (
	maxHeaderBytes = 64 << 10
	// stopTimeout bounds how long requests under way may keep us from stopping.
	stopTimeout = 4 * time.Second
)

// Server serves the webhook over TLS.
type Server struct {
	// Handler answers, see Handler.
	Handler http.Handler
	// GetCertificate returns the current serving certificate; it is asked for
	// every connection, so a new one is used at once.
	GetCertificate func(*tls.ClientHelloInfo) (*tls.Certificate, error)
	// TLS, if set, is used with GetCertificate filled in: for cipher suites,
	// the least version, or client certificates.
	TLS *tls.Config

	limits limits // serverLimits if zero
}

// Serve answers requests on l until ctx ends, finishes those under way and
// closes l.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if s.TLS != nil {
		config = s.TLS.Clone()
	}
	config.GetCertificate = s.GetCertificate
	limits := cmp.Or(s.limits, serverLimits)
	logger := log.FromContext(ctx).WithName("webhook")
	server := &http.Server{
		Handler:           s.Handler,
		TLSConfig:         config,
		ReadHeaderTimeout: limits.headers,
		ReadTimeout:       limits.request,
		WriteTimeout:      limits.answer,
		IdleTimeout:       limits.idle,
		MaxHeaderBytes:    maxHeaderBytes,
		// A refused handshake is news only to whoever looks for it.
		ErrorLog:    stdlog.New(logWriter{log: func(text string) { logger.V(1).Info("connection", "err", text) }}, "", 0),
		BaseContext: func(net.Listener) context.Context { return log.IntoContext(context.WithoutCancel(ctx), logger) },
	}
	stopped := make(chan error, 1)
	go func() {
		<-ctx.Done()
		stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
		defer cancel()
		err := server.Shutdown(stop)
		if err != nil {
			_ = server.Close() // those who have not finished by now do not
		}
		stopped <- err
	}()
	if err := server.ServeTLS(l, "", ""); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve webhook: %w", err)
	}
	if err := <-stopped; err != nil {
		return fmt.Errorf("stop webhook: %w", err)
	}
	return nil
}

// logWriter passes what the server logs on, without the line end.
type logWriter struct{ log func(text string) }

func (w logWriter) Write(p []byte) (int, error) {
	text := p
	if n := len(text); n > 0 && text[n-1] == '\n' {
		text = text[:n-1]
	}
	w.log(string(text))
	return len(p), nil
}
