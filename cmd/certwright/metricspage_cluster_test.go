//go:build cluster

package main

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"
)

var update = flag.Bool("update", false, "write docs/metrics.md")

const metricsPage = "../../docs/metrics.md"

const metricsHead = `# Metrics

What ` + "`/metrics`" + ` on port 9402 tells, except for Go's own ` + "`go_*`" + `. Those that begin with ` + "`certmanager_`" + ` are cert-manager's, with
its names and labels. Series of single objects come from the leader only. This page is checked against the program:
alerts and dashboard use nothing that is not here.

| Name | Labels | What it is |
|---|---|---|
`

// description takes apart what prometheus.Desc prints, which has no other way.
var description = regexp.MustCompile(`^Desc{fqName: "(\w+)", help: (".*"), constLabels: {(.*)}, variableLabels: {(.*)}}$`)

// TestMetricsPage: the page has what the program registers, and nothing else.
func TestMetricsPage(t *testing.T) {
	descs := make(chan *prometheus.Desc)
	go func() {
		defer close(descs)
		program.registry.Describe(descs)
		ctrlmetrics.Registry.(*prometheus.Registry).Describe(descs)
	}()
	var rows []string
	for desc := range descs {
		m := description.FindStringSubmatch(desc.String())
		if m == nil {
			t.Fatalf("cannot read %s", desc)
		}
		name, labels := m[1], strings.FieldsFunc(m[4], func(r rune) bool { return r == ',' || r == ' ' })
		if strings.HasPrefix(name, "go_") {
			continue
		}
		if fixed, _, found := strings.Cut(m[3], "="); found {
			labels = append(labels, fixed)
		}
		var help string
		if _, err := fmt.Sscanf(m[2], "%q", &help); err != nil {
			t.Fatalf("%s: %v", desc, err)
		}
		rows = append(rows, fmt.Sprintf("| `%s` | %s | %s |\n", name, strings.Join(labels, ", "), strings.ReplaceAll(strings.Join(strings.Fields(help), " "), "|", `\|`)))
	}
	slices.Sort(rows)
	want := metricsHead + strings.Join(slices.Compact(rows), "")
	if *update {
		if err := os.WriteFile(metricsPage, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(metricsPage)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("the page (-program +page), see -update:\n%s", diff)
	}
}
