package alerts

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"

	"github.com/certwright/certwright/deploy"
)

func TestScale(t *testing.T) {
	t.Parallel()
	shipped := []Alert{{
		Name: "A", For: 90 * time.Second,
		Expr: `rate(a[5m]) > seconds(1h) and b offset 30m > 0.25 * c{d=~"[5]"}`,
	}}
	tests := map[string]struct {
		factor float64
		want   Alert
	}{
		"factor one changes nothing but the notation of seconds": {1, Alert{
			Name: "A", For: 90 * time.Second, Expr: `rate(a[5m]) > 3600 and b offset 30m > 0.25 * c{d=~"[5]"}`}},
		"every time is divided, fractions are not": {60, Alert{
			Name: "A", For: 1500 * time.Millisecond, Expr: `rate(a[5s]) > 60 and b offset 30s > 0.25 * c{d=~"[5]"}`}},
		"what has no whole seconds is in milliseconds": {3600, Alert{
			Name: "A", For: 25 * time.Millisecond, Expr: `rate(a[83ms]) > 1 and b offset 500ms > 0.25 * c{d=~"[5]"}`}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := Scale(shipped, tt.factor)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]Alert{tt.want}, got); diff != "" {
				t.Errorf("Scale() (-want +got):\n%s", diff)
			}
		})
	}
	for name, factor := range map[string]float64{"zero": 0, "less than zero": -1} {
		if _, err := Scale(shipped, factor); err == nil {
			t.Errorf("a factor of %s is taken", name)
		}
	}
	if _, err := Scale([]Alert{{Expr: "a > seconds(soon)"}}, 1); err == nil {
		t.Error("a time that is none is taken")
	}
}

// No time stands in an expression in a way that Scale does not see.
func TestEveryTimeIsScaled(t *testing.T) {
	t.Parallel()
	scaled, err := Scale(All(), 60)
	if err != nil {
		t.Fatal(err)
	}
	for i, a := range All() {
		if strings.Contains(a.Expr, "[") && a.Expr == scaled[i].Expr {
			t.Errorf("%s: its windows stay as they are:\n%s", a.Name, a.Expr)
		}
		if a.For > 0 && scaled[i].For*60 != a.For {
			t.Errorf("%s: for %s becomes %s", a.Name, a.For, scaled[i].For)
		}
	}
}

func TestAlerts(t *testing.T) {
	t.Parallel()
	type rule struct {
		name     string
		severity Severity
	}
	seen := map[rule]bool{}
	for _, a := range All() {
		r := rule{a.Name, a.Severity}
		if seen[r] {
			t.Errorf("%s: two rules with the same labels", a.Name)
		}
		seen[r] = true
		if a.Severity != Critical && a.Severity != Warning {
			t.Errorf("%s: severity %q", a.Name, a.Severity)
		}
		if a.Summary == "" || !strings.HasSuffix(a.Summary, ".") {
			t.Errorf("%s: the summary is no sentence: %q", a.Name, a.Summary)
		}
		if !strings.Contains(a.Description, ": certctl ") && !strings.Contains(a.Description, ": kubectl ") {
			t.Errorf("%s: no command shows the cause", a.Name)
		}
		if strings.Contains(a.Expr, "max by (name, namespace, exported_namespace)") && !strings.Contains(a.Summary, "$labels.name") && !strings.Contains(a.Summary, "$labels.domain") {
			t.Errorf("%s: the summary does not say which object it is about", a.Name)
		}
	}
	// Routes and silences made for the community's rules know these.
	for _, name := range []string{"CertManagerAbsent", "CertManagerCertExpirySoon", "CertManagerCertNotReady", "CertManagerHittingRateLimits"} {
		if !slices.ContainsFunc(All(), func(a Alert) bool { return a.Name == name }) {
			t.Errorf("no %s", name)
		}
	}
}

// urgency is how a page begins to tell what an alert of a severity is about.
var urgency = map[Severity]string{Critical: "\nCritical: now", Warning: "\nWarning: the next working day will do"}

// Every alert has a page, every page is that of an alert and begins with its
// name, says how urgent it is, and shows one command.
func TestRunbooks(t *testing.T) {
	t.Parallel()
	var want, got []string
	severities := map[string][]Severity{}
	for _, a := range All() {
		page := filepath.Base(a.Runbook())
		want = append(want, page)
		severities[page] = append(severities[page], a.Severity)
	}
	slices.Sort(want)
	want = slices.Compact(want)
	pages, err := filepath.Glob("../../docs/runbooks/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range pages {
		got = append(got, filepath.Base(page))
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		if name := strings.TrimSuffix(filepath.Base(page), ".md"); !strings.HasPrefix(string(text), "# "+name+"\n") {
			t.Errorf("%s: the title is not the alert's name", page)
		}
		if n := strings.Count(string(text), "\n$ "); n != 1 {
			t.Errorf("%s: %d commands show the cause, want one", page, n)
		}
		for severity, says := range urgency {
			if n := strings.Count(string(text), says); (n == 1) != slices.Contains(severities[filepath.Base(page)], severity) {
				t.Errorf("%s: it says %d times that it is %s, which its alert is or is not", page, n, severity)
			}
		}
		for _, part := range []string{"## See the cause\n", "## What to do\n", "(../monitoring.md#woken-by-an-alert)"} {
			if !strings.Contains(string(text), part) {
				t.Errorf("%s: no %q", page, part)
			}
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("pages (-want +got):\n%s", diff)
	}
}

// The table of the page is what is shipped.
func TestMonitoringPage(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/monitoring.md")
	if err != nil {
		t.Fatal(err)
	}
	want := "| Alert | Severity | After | What it says |\n|---|---|---|---|\n"
	for _, a := range All() {
		after := "at once"
		if a.For > 0 {
			after = promDuration(a.For)
		}
		summary := strings.NewReplacer(left, "expires soon", refused, "expires soon; clients refuse it after that", calledIssuer, "… …").Replace(a.Summary)
		want += fmt.Sprintf("| [%s](runbooks/%s.md) | %s | %s | %s |\n", a.Name, a.Name, a.Severity, after, anyTemplate.ReplaceAllString(summary, "…"))
	}
	for _, part := range []string{want, "\n## Woken by an alert\n"} { // the title is where the runbooks lead
		if !strings.Contains(string(page), part) {
			t.Errorf("docs/monitoring.md should have:\n%s", part)
		}
	}
}

var anyTemplate = regexp.MustCompile(`{{.*?}}`)

// The ServiceMonitor selects one Service, by whose name Prometheus calls the
// job, and a port of it.
func TestServiceMonitor(t *testing.T) {
	t.Parallel()
	file, err := os.ReadFile("servicemonitor.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var monitor struct {
		Metadata struct{ Namespace string }
		Spec     struct {
			Selector  metav1.LabelSelector
			Endpoints []struct{ Port string }
		}
	}
	if err := yaml.Unmarshal(file, &monitor); err != nil {
		t.Fatal(err)
	}
	selector, err := metav1.LabelSelectorAsSelector(&monitor.Spec.Selector)
	if err != nil {
		t.Fatal(err)
	}
	objects, err := deploy.Manifests()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, o := range objects {
		if o.GetKind() != "Service" || o.GetNamespace() != monitor.Metadata.Namespace || !selector.Matches(labels.Set(o.GetLabels())) {
			continue
		}
		var service corev1.Service
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, &service); err != nil {
			t.Fatal(err)
		}
		for _, port := range service.Spec.Ports {
			for _, e := range monitor.Spec.Endpoints {
				if e.Port == port.Name {
					got = append(got, fmt.Sprintf("%s:%d", service.Name, port.Port))
				}
			}
		}
	}
	if diff := cmp.Diff([]string{Job + ":9402"}, got); diff != "" {
		t.Errorf("what is scraped (-want +got):\n%s", diff)
	}
}
