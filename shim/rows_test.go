package shim

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	certsv1 "github.com/certwright/certwright/certs/v1"
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

// TestDocumentation holds the table of docs/annotations.md to what is read.
func TestDocumentation(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../docs/annotations.md")
	if err != nil {
		t.Fatal(err)
	}
	sources := []string{IngressKind, GatewayKind, ListenerSetKind, ServiceKind}
	documented := make(map[string][]string) // by kind
	for _, line := range strings.Split(string(page), "\n") {
		cells := strings.Split(line, " | ")
		key, isRow := strings.CutPrefix(cells[0], "| `")
		if !isRow || len(cells) < 4 {
			continue
		}
		on := strings.Split(cells[1], ", ")
		if cells[1] == "all" {
			on = sources
		}
		for _, kind := range on {
			documented[kind] = append(documented[kind], strings.TrimSuffix(key, "`"))
		}
	}
	for _, kind := range append(sources, certsv1.CertificateKind) {
		known := knownAnnotations(kind, DefaultOptions())
		slices.Sort(known)
		slices.Sort(documented[kind])
		if diff := cmp.Diff(known, documented[kind]); diff != "" {
			t.Errorf("annotations of %s (-read +documented):\n%s", kind, diff)
		}
	}
}
