// Package gatewayapi has the CRDs of the Gateway API for tests. They are those
// of the Go module whose types we use, so they need no copy here.
package gatewayapi

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
	"sigs.k8s.io/yaml"
)

// CRDs returns those of the experimental channel, by the plural names of their
// kinds. It needs the go command.
func CRDs(ctx context.Context, plurals ...string) ([]*apiextensionsv1.CustomResourceDefinition, error) {
	dir, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", "sigs.k8s.io/gateway-api").Output()
	if err != nil {
		return nil, fmt.Errorf("find the module of the Gateway API: %w", err)
	}
	var crds []*apiextensionsv1.CustomResourceDefinition
	for _, plural := range plurals {
		data, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(dir)), "config", "crd", "experimental", gatewayv1.GroupName+"_"+plural+".yaml"))
		if err != nil {
			return nil, fmt.Errorf("read CRD: %w", err)
		}
		crd := &apiextensionsv1.CustomResourceDefinition{}
		if err := yaml.Unmarshal(data, crd); err != nil {
			return nil, fmt.Errorf("decode CRD of %s: %w", plural, err)
		}
		crds = append(crds, crd)
	}
	return crds, nil
}

// Served reports whether the API server has said that it serves crd.
func Served(crd *apiextensionsv1.CustomResourceDefinition) bool {
	for _, c := range crd.Status.Conditions {
		if c.Type == apiextensionsv1.Established && c.Status == apiextensionsv1.ConditionTrue {
			return true
		}
	}
	return false
}
