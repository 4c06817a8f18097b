// Generate writes the manifest of the webhook configurations, whose only source
// is webhook.Configurations:
//
//	go run ./deploy/generate >deploy/manifests/70-webhook.yaml
package main

import (
	"bytes"
	"fmt"
	"os"

	"sigs.k8s.io/yaml"

	"github.com/certwright/certwright/deploy"
	"github.com/certwright/certwright/webhook"
)

const header = `# When the API server asks the webhook, and what it does without an answer.
# Generated from package webhook by "make generate". The caBundle is missing on
# purpose: the webhook writes and renews it, and applying this file again leaves
# it as it is.
`

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

func run() error {
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
			return fmt.Errorf("marshal: %w", err)
		}
		out.Write(document)
	}
	_, err := os.Stdout.Write(out.Bytes())
	return err
}
