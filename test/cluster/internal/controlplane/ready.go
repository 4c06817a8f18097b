//go:build linux

package controlplane

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"
)

// A prober asks an API server, as its administrator, whether it is ready.
type prober struct {
	server string
	client http.Client
}

func newProber(d dir, server string) (*prober, error) {
	ca, err := os.ReadFile(d.pki("ca.crt"))
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	login, err := tls.LoadX509KeyPair(d.pki("admin.crt"), d.pki("admin.key"))
	if err != nil {
		return nil, err
	}
	return &prober{server: server, client: http.Client{
		Timeout: 5 * time.Second,
		Transport: &http.Transport{TLSClientConfig: &tls.Config{
			RootCAs:      roots,
			Certificates: []tls.Certificate{login},
		}},
	}}, nil
}

// serving says whether the API server is ready. Its readyz covers its own
// bootstrap: RBAC, priority and fairness, system namespaces.
func (p *prober) serving(ctx context.Context) error { return p.get(ctx, "/readyz", nil) }

// caBundle is what the controller manager makes anew when it is missing.
const caBundle = "/api/v1/namespaces/default/configmaps/kube-root-ca.crt"

// removeTraces deletes what an earlier controller manager left, so that complete
// speaks of the one that is about to start.
func (p *prober) removeTraces(ctx context.Context) error {
	err := p.do(ctx, http.MethodDelete, caBundle, nil)
	if status := (*statusError)(nil); errors.As(err, &status) && status.code == http.StatusNotFound {
		return nil
	}
	return err
}

// complete says whether there is also what the controller manager makes and
// clients count on.
func (p *prober) complete(ctx context.Context) error {
	for _, path := range []string{
		"/api/v1/namespaces/default",
		"/api/v1/namespaces/default/serviceaccounts/default",
		caBundle,
	} {
		if err := p.get(ctx, path, nil); err != nil {
			return err
		}
	}
	for _, role := range []string{"view", "edit", "admin"} {
		var r struct {
			Rules []json.RawMessage `json:"rules"`
		}
		if err := p.get(ctx, "/apis/rbac.authorization.k8s.io/v1/clusterroles/"+role, &r); err != nil {
			return err
		}
		if len(r.Rules) == 0 {
			return fmt.Errorf("ClusterRole %s is not aggregated yet", role)
		}
	}
	return nil
}

func (p *prober) get(ctx context.Context, path string, into any) error {
	return p.do(ctx, http.MethodGet, path, into)
}

func (p *prober) do(ctx context.Context, method, path string, into any) error {
	request, err := http.NewRequestWithContext(ctx, method, p.server+path, nil)
	if err != nil {
		return err
	}
	response, err := p.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s %s: %w", method, path, &statusError{response.StatusCode})
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(body, into)
}

// A statusError is an answer that is not 200 OK.
type statusError struct{ code int }

func (e *statusError) Error() string { return fmt.Sprintf("%d %s", e.code, http.StatusText(e.code)) }

// await asks until the answer is nil or ctx ends, then returns why it ended and
// the last answer.
func await(ctx context.Context, ask func(context.Context) error) error {
	const pause = 50 * time.Millisecond
	for {
		err := ask(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w (last answer: %v)", context.Cause(ctx), err)
		case <-time.After(pause):
		}
	}
}

// etcdServing says whether etcd answers.
func etcdServing(e endpoints) func(context.Context) error {
	p := prober{server: e.etcdURL()}
	return func(ctx context.Context) error { return p.get(ctx, "/health", nil) }
}
