package schema

import (
	"encoding/json"
	"fmt"
	"strings"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
)

// maxApplied is what kubectl apply may keep of an object in its annotation
// last-applied-configuration: all annotations together may have 256 KiB, and a
// quarter is left for others.
const maxApplied = 192 << 10

// Complaints returns what a user of crd would stumble over: it cannot be applied
// with kubectl apply, or a field has nothing to show for kubectl explain.
func Complaints(crd *apiextensionsv1.CustomResourceDefinition) []string {
	var all []string
	applied, err := json.Marshal(crd)
	if err != nil {
		return []string{err.Error()}
	}
	if len(applied) > maxApplied {
		all = append(all, fmt.Sprintf("is %d bytes as JSON, more than %d", len(applied), maxApplied))
	}
	root := Root(crd)
	if root.Description == "" {
		all = append(all, "the kind has no description")
	}
	for path, field := range Fields(root, nil) {
		switch d := field.Schema.Description; {
		case foreign(path):
		case d == "":
			all = append(all, path+" has no description")
		case strings.Contains(d, "TODO"):
			all = append(all, path+" is described by a note to ourselves")
		}
	}
	return all
}

// foreign accepts what Kubernetes describes, or does not.
func foreign(path string) bool {
	_, below, ok := strings.Cut(path, ".podTemplate.spec.")
	return ok && strings.Contains(below, ".")
}
