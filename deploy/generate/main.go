// Generate writes what is made from Go values into the checkout, or into a
// directory that is laid out like it:
//
//	go run ./deploy/generate DIRECTORY
package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"

	"sigs.k8s.io/yaml"

	"github.com/certwright/certwright/deploy"
	"github.com/certwright/certwright/deploy/alerts"
	"github.com/certwright/certwright/deploy/dashboards"
	"github.com/certwright/certwright/webhook"
)

const header = `# When the API server asks the webhook, and what it does without an answer.
# Generated from package webhook by "make generate". The caBundle is missing on
# purpose: the webhook writes and renews it, and applying this file again leaves
# it as it is.
`

// files are made by a function each.
var files = []struct {
	name string
	make func() ([]byte, error)
}{
	{"deploy/manifests/70-webhook.yaml", webhookConfigurations},
	{"deploy/alerts/rules.yaml", func() ([]byte, error) { return alerts.RuleFile(1) }},
	{"deploy/alerts/prometheusrule.yaml", func() ([]byte, error) { return alerts.PrometheusRule(deploy.Namespace) }},
	{"deploy/dashboards/certwright.json", dashboards.JSON},
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: generate DIRECTORY")
		os.Exit(2)
	}
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

func run(dir string) error {
	for _, f := range files {
		content, err := f.make()
		if err != nil {
			return fmt.Errorf("%s: %w", f.name, err)
		}
		path := filepath.Join(dir, f.name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, content, 0o644); err != nil {
			return err
		}
	}
	return nil
}

func webhookConfigurations() ([]byte, error) {
	mutating, validating := webhook.Configurations(webhook.Options{
		Namespace: deploy.Namespace,
		Labels: map[string]string{
			"app.kubernetes.io/name":       "cert-manager",
			"app.kubernetes.io/instance":   "cert-manager",
			"app.kubernetes.io/component":  "webhook",
			"app.kubernetes.io/version":    "dev",
			"app.kubernetes.io/managed-by": "certwright",
		},
	})
	out := bytes.NewBufferString(header)
	for i, o := range []any{mutating, validating} {
		if i > 0 {
			out.WriteString("---\n")
		}
		document, err := yaml.Marshal(o)
		if err != nil {
			return nil, fmt.Errorf("marshal: %w", err)
		}
		out.Write(document)
	}
	return out.Bytes(), nil
}
