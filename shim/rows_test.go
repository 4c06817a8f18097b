package shim

import (
	"slices"
	"testing"
)

// What an annotation sets has to be compared, or an edit of it goes unseen.
func TestEveryAnnotationIsCompared(t *testing.T) {
	t.Parallel()
	comparedByEntry := []string{"metadata.annotations", "spec.secretTemplate"}
	seen := make(map[string]bool)
	for _, r := range rows {
		if seen[r.key] {
			t.Errorf("%s has two rows", r.key)
		}
		seen[r.key] = true
		if slices.Contains(comparedByEntry, r.path) {
			continue
		}
		if !slices.ContainsFunc(specFields, func(f specField) bool { return f.String() == r.path }) {
			t.Errorf("%s sets %s, which is not compared", r.key, r.path)
		}
	}
}
