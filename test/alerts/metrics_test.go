package alerts

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
)

// metricsPage is compared with what the program registers, by a test of
// cmd/certwright.
const metricsPage = "../../docs/metrics.md"

// targetLabels are what Prometheus adds to every series.
var targetLabels = []string{"job", "instance", "namespace", "pod", "exported_namespace"}

// foreign metrics and their labels come from others than the program: up from
// Prometheus, the other from the Kubernetes API server.
var foreign = map[string][]string{
	"up": nil,
	"apiserver_admission_webhook_rejection_count": {"name", "type", "operation", "error_type", "rejection_code"},
}

// metrics returns the labels of every metric by its name.
func metrics(t *testing.T) map[string][]string {
	t.Helper()
	page, err := os.ReadFile(metricsPage)
	if err != nil {
		t.Fatal(err)
	}
	known := map[string][]string{}
	for name, of := range foreign {
		known[name] = of
	}
	for _, m := range regexp.MustCompile("(?m)^\\| `(\\w+)` \\| ([^|]*) \\|").FindAllStringSubmatch(string(page), -1) {
		known[m[1]] = strings.FieldsFunc(m[2], func(r rune) bool { return r == ',' || r == ' ' })
	}
	if len(known) < 20 {
		t.Fatalf("%s has %d metrics only", metricsPage, len(known))
	}
	return known
}

// unknown says which metrics, or labels of them, a query asks for that do not
// exist: such a query is silent for ever.
func unknown(expr parser.Expr, known map[string][]string) []string {
	var problems []string
	parser.Inspect(expr, func(node parser.Node, _ []parser.Node) error {
		selector, ok := node.(*parser.VectorSelector)
		if !ok {
			return nil
		}
		of, ok := known[selector.Name]
		histogram := false
		for _, suffix := range []string{"_bucket", "_sum", "_count"} {
			if base, found := strings.CutSuffix(selector.Name, suffix); found && !ok {
				of, ok = known[base]
				histogram = true
			}
		}
		if !ok {
			problems = append(problems, "no metric "+selector.Name)
			return nil
		}
		for _, m := range selector.LabelMatchers {
			if m.Name == labels.MetricName || slices.Contains(of, m.Name) || slices.Contains(targetLabels, m.Name) || histogram && m.Name == "le" {
				continue
			}
			problems = append(problems, selector.Name+" has no label "+m.Name)
		}
		return nil
	})
	return problems
}

func TestUnknown(t *testing.T) {
	t.Parallel()
	for query, want := range map[string]int{
		`rate(certwright_admission_duration_seconds_bucket{le="1"}[5m])`: 0,
		`certmanager_certificate_ready_status{ready="True"}`:             1,
		`sum(certmanager_gone) + up`:                                     1,
	} {
		expr, err := promParser().ParseExpr(query)
		if err != nil {
			t.Fatal(err)
		}
		if got := unknown(expr, metrics(t)); len(got) != want {
			t.Errorf("%s: %v, want %d problems", query, got, want)
		}
	}
	if _, err := promParser().ParseExpr("sort_by_label(up, \"job\")"); err == nil {
		t.Error("a function that Prometheus 2.42 does not have is taken")
	}
}

// Every alert asks for what the program tells.
func TestAlertsUseMetricsThatExist(t *testing.T) {
	t.Parallel()
	known := metrics(t)
	for _, g := range load(t, nil) {
		for _, r := range g.AlertingRules() {
			for _, problem := range unknown(r.Query(), known) {
				t.Errorf("%s: %s", r.Name(), problem)
			}
		}
	}
}

// Pages name metrics that exist.
func TestRunbooksNameMetricsThatExist(t *testing.T) {
	t.Parallel()
	known := metrics(t)
	pages, err := filepath.Glob("../../docs/runbooks/*.md")
	if err != nil || len(pages) == 0 {
		t.Fatal("no pages", err)
	}
	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range regexp.MustCompile(`\b(certmanager|certwright|workqueue|rest_client|controller_runtime|apiserver)_\w+`).FindAllString(string(text), -1) {
			if _, ok := known[name]; !ok {
				t.Errorf("%s: no metric %s", page, name)
			}
		}
	}
}
