package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	promapi "github.com/prometheus/client_golang/api"
	promv1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"
	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/certwright/certwright/deploy/alerts"
	"github.com/certwright/certwright/test/stage"
)

// A monitoring is a Prometheus and an Alertmanager of this machine.
type monitoring struct {
	programs
	receiver                 *receiver
	api                      promv1.API
	prometheus, alertmanager *stage.Process
}

// programs are where the two are found, and what they are.
type programs struct{ prometheus, alertmanager, versions string }

// findPrograms looks for both on the PATH.
func findPrograms(ctx context.Context) (programs, error) {
	prometheus, err := exec.LookPath("prometheus")
	alertmanager, amErr := exec.LookPath("prometheus-alertmanager") // Debian's name
	if amErr != nil {
		alertmanager, amErr = exec.LookPath("alertmanager")
	}
	if err := errors.Join(err, amErr); err != nil {
		return programs{}, fmt.Errorf("a Prometheus and an Alertmanager are needed on the PATH (apt-get install prometheus prometheus-alertmanager): %w", err)
	}
	var versions []string
	for _, program := range []string{prometheus, alertmanager} {
		out, err := exec.CommandContext(ctx, program, "--version").CombinedOutput()
		first, _, _ := strings.Cut(string(out), " (")
		if err != nil {
			return programs{}, fmt.Errorf("%s --version: %w", program, err)
		}
		versions = append(versions, strings.Replace(first, ", version", "", 1))
	}
	return programs{prometheus, alertmanager, strings.Join(versions, " and ")}, nil
}

const alertmanagerConfig = `
route:
  receiver: here
  group_by: ['...']
  group_wait: 0s
  group_interval: 1s
  repeat_interval: 4h
receivers:
- name: here
  webhook_configs:
  - url: %s
    send_resolved: true
`

// The job of the API server is there for the one metric of it that an alert
// looks at.
const prometheusConfig = `
global:
  scrape_interval: 1s
  scrape_timeout: 1s
  evaluation_interval: 1s
rule_files: [%s]
alerting:
  alertmanagers:
  - static_configs:
    - targets: [%q]
scrape_configs:
- job_name: %s
  static_configs:
  - targets: [%s]
    labels: {namespace: %s}
- job_name: apiserver
  scheme: https
  tls_config: {ca_file: %s, cert_file: %s, key_file: %s}
  static_configs:
  - targets: [%q]
  metric_relabel_configs:
  - {source_labels: [__name__], regex: apiserver_admission_webhook_rejection_count, action: keep}
`

// startMonitoring starts both, which look at the processes at targets and at the
// API server.
func startMonitoring(ctx context.Context, found programs, dir string, cluster *stage.Cluster, targets []string) (*monitoring, error) {
	m := &monitoring{programs: found, receiver: newReceiver()}
	ports, err := stage.FreePorts(2)
	if err != nil {
		return nil, err
	}
	prometheus, alertmanager := fmt.Sprintf("127.0.0.1:%d", ports[0]), fmt.Sprintf("127.0.0.1:%d", ports[1])
	rules, err := alerts.RuleFile(factor)
	if err != nil {
		return nil, fmt.Errorf("rules: %w", err)
	}
	file := func(name string) string { return filepath.Join(dir, name) }
	access := cluster.Config.TLSClientConfig
	for name, content := range map[string][]byte{
		"rules.yaml": rules, "ca.crt": access.CAData, "admin.crt": access.CertData, "admin.key": access.KeyData,
		"alertmanager.yaml": fmt.Appendf(nil, alertmanagerConfig, m.receiver.server.URL),
		"prometheus.yaml": fmt.Appendf(nil, prometheusConfig, file("rules.yaml"), alertmanager, alerts.Job, strings.Join(targets, ", "), alerts.Job,
			file("ca.crt"), file("admin.crt"), file("admin.key"), strings.TrimPrefix(cluster.Config.Host, "https://")),
	} {
		if err := os.WriteFile(file(name), content, 0o600); err != nil {
			return nil, fmt.Errorf("write %s: %w", name, err)
		}
	}
	if m.alertmanager, err = stage.Start(ctx, dir, "alertmanager", "", found.alertmanager, "--config.file", file("alertmanager.yaml"),
		"--storage.path", file("alertmanager"), "--web.listen-address", alertmanager, "--cluster.listen-address="); err != nil {
		return nil, err
	}
	if m.prometheus, err = stage.Start(ctx, dir, "prometheus", "", found.prometheus, "--config.file", file("prometheus.yaml"),
		"--storage.tsdb.path", file("prometheus"), "--web.listen-address", prometheus); err != nil {
		return nil, err
	}
	client, err := promapi.NewClient(promapi.Config{Address: "http://" + prometheus})
	if err != nil {
		return nil, fmt.Errorf("client of Prometheus: %w", err)
	}
	m.api = promv1.NewAPI(client)
	return m, nil
}

// until waits until query returns something.
func (m *monitoring) until(ctx context.Context, query string) error {
	var last error
	err := wait.PollUntilContextTimeout(ctx, 200*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
		for _, p := range []*stage.Process{m.prometheus, m.alertmanager} {
			if !p.Running() {
				return false, fmt.Errorf("it ended:\n%s", p.Tail(10))
			}
		}
		var value model.Value
		if value, _, _, last = m.api.Query(ctx, query, time.Now()); last != nil {
			return false, nil
		}
		vector, ok := value.(model.Vector)
		return ok && len(vector) > 0, nil
	})
	if err != nil {
		return fmt.Errorf("wait for %s: %w", query, errors.Join(err, last))
	}
	return nil
}

// shown counts the samples other than zero that query had between two times.
func (m *monitoring) shown(ctx context.Context, query string, from, to time.Time) (int, error) {
	value, _, _, err := m.api.QueryRange(ctx, query, promv1.Range{Start: from, End: to, Step: 5 * time.Second})
	if err != nil {
		return 0, fmt.Errorf("query %s: %w", query, err)
	}
	matrix, ok := value.(model.Matrix)
	if !ok {
		return 0, fmt.Errorf("query %s: the answer is a %T", query, value)
	}
	n := 0
	for _, series := range matrix {
		for _, sample := range series.Values {
			if sample.Value > 0 || sample.Value < 0 { // not NaN
				n++
			}
		}
	}
	return n, nil
}

func (m *monitoring) stop() error {
	var errs []error
	for _, p := range []*stage.Process{m.prometheus, m.alertmanager} {
		if p != nil && p.Running() {
			_, err := p.Stop()
			errs = append(errs, err)
		}
	}
	m.receiver.server.Close()
	return errors.Join(errs...)
}
