// Package deploy holds what a cluster needs before Certwright can run in it:
// the CRDs, generated from the API types, and the manifests, which kubectl
// apply takes in the order of their names. They are embedded, so that certctl
// can print them and "certwright --dev" can install them, and so that tests and
// the demo run with the permissions that are shipped.
package deploy

import (
	"bufio"
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"
)

// Namespace is where everything that has a namespace lives.
const Namespace = "cert-manager"

// The accounts that the manifests make in Namespace, and give their rights to.
const (
	// ServiceAccount is that of bin/certwright.
	ServiceAccount = "cert-manager"
	// SolverServiceAccount is that of bin/acmesolver.
	SolverServiceAccount = "cert-manager-acmesolver"
)

var (
	//go:embed crds/*.yaml
	crds embed.FS
	//go:embed manifests/*.yaml
	manifests embed.FS
)

// CRDs returns the six CustomResourceDefinitions.
func CRDs() ([]*unstructured.Unstructured, error) {
	return objects(crds, "crds/*.yaml")
}

// CRD returns the CustomResourceDefinition of a name such as
// "issuers.cert-manager.io", as YAML. It reads no other.
func CRD(name string) ([]byte, error) {
	plural, group, _ := strings.Cut(name, ".")
	return crds.ReadFile(fmt.Sprintf("crds/%s_%s.yaml", group, plural))
}

// Manifests returns the objects of an installation in the order in which they
// are applied, CRDs not included.
func Manifests() ([]*unstructured.Unstructured, error) {
	return objects(manifests, "manifests/*.yaml")
}

// RBAC returns those of Manifests that say who may do what: the namespace, the
// accounts, the roles and their bindings. A process that runs outside of the
// cluster needs these and nothing else of them.
func RBAC() ([]*unstructured.Unstructured, error) {
	all, err := Manifests()
	if err != nil {
		return nil, err
	}
	kinds := []string{"Namespace", "ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"}
	return slices.DeleteFunc(all, func(o *unstructured.Unstructured) bool {
		return !slices.Contains(kinds, o.GetKind())
	}), nil
}

// WriteCRDs writes the CRDs as YAML documents, as kubectl apply reads them.
func WriteCRDs(w io.Writer) error {
	names, err := fs.Glob(crds, "crds/*.yaml")
	if err != nil {
		return fmt.Errorf("list CRDs: %w", err)
	}
	for _, name := range names {
		file, err := crds.ReadFile(name) // begins with "---"
		if err != nil {
			return fmt.Errorf("read %s: %w", name, err)
		}
		if _, err := w.Write(file); err != nil {
			return fmt.Errorf("write %s: %w", name, err)
		}
	}
	return nil
}

// objects reads the YAML documents of the files that match pattern, in the
// order of their names.
func objects(files fs.FS, pattern string) ([]*unstructured.Unstructured, error) {
	names, err := fs.Glob(files, pattern)
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", pattern, err)
	}
	var all []*unstructured.Unstructured
	for _, name := range names {
		file, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
		in, err := decode(file)
		if err != nil {
			return nil, fmt.Errorf("decode %s: %w", name, err)
		}
		all = append(all, in...)
	}
	return all, nil
}

func decode(file []byte) ([]*unstructured.Unstructured, error) {
	var all []*unstructured.Unstructured
	documents := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(file)))
	for {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		json, err := yaml.YAMLToJSONStrict(document)
		if err != nil {
			return nil, err
		}
		if string(json) == "null" { // a document of comments only
			continue
		}
		o := &unstructured.Unstructured{}
		if err := o.UnmarshalJSON(json); err != nil {
			return nil, err
		}
		all = append(all, o)
	}
}
