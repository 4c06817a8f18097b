//go:build cluster

package alerts

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"
)

// root is the checkout, where people stand who follow its pages.
const root = "../.."

// TestThreeCommands follows the pages on a real API server that has the CRDs of
// the Prometheus operator. It leaves these and the namespace behind.
func TestThreeCommands(t *testing.T) {
	commands := threeCommands(t, "README.md")
	if diff := cmp.Diff(commands, threeCommands(t, "docs/monitoring.md")); diff != "" {
		t.Fatalf("commands (-README.md +docs/monitoring.md):\n%s", diff)
	}
	s := newShell(t)
	s.must("kubectl apply --server-side -f -", operatorCRDs(t, "servicemonitors", "prometheusrules"))
	s.must("kubectl wait --for=condition=Established --timeout=30s crd/servicemonitors.monitoring.coreos.com crd/prometheusrules.monitoring.coreos.com", "")
	s.must("kubectl get namespace cert-manager || kubectl create namespace cert-manager", "")
	t.Cleanup(func() {
		s.must("kubectl -n cert-manager delete --ignore-not-found servicemonitor,prometheusrule certwright", "")
	})

	// Else it would show nothing that the manifests are taken.
	for name, tt := range map[string]struct{ file, from, to, says string }{
		"a field that is misspelled, of a ServiceMonitor": {"servicemonitor", "interval: 30s", "intervall: 30s", `unknown field "spec.endpoints[0].intervall"`},
		"a field that is misspelled, of a PrometheusRule": {"prometheusrule", "    for: 1m", "    fore: 1m", `unknown field "spec.groups[0].rules[0].fore"`},
		"a time that is none, of a ServiceMonitor":        {"servicemonitor", "interval: 30s", "interval: 30 s", `spec.endpoints[0].interval: Invalid value: "30 s"`},
		"a time that is none, of a PrometheusRule":        {"prometheusrule", "    for: 1m", "    for: 1 m", `spec.groups[0].rules[0].for: Invalid value: "1 m"`},
		"a field that a PrometheusRule lacks":             {"prometheusrule", "      expr: |-", "      record: |-", `spec.groups[0].rules[0].expr: Required value`},
	} {
		shipped := read(t, "deploy/alerts/"+tt.file+".yaml")
		changed := strings.Replace(shipped, tt.from, tt.to, 1)
		if changed == shipped {
			t.Fatalf("%s: the file has no %q", name, tt.from)
		}
		if said, err := s.run("kubectl apply -f -", changed); err == nil || !strings.Contains(said, tt.says) {
			t.Errorf("%s: %v, and it says %q, want an error with %q", name, err, said, tt.says)
		}
	}

	follow := func(says ...string) {
		t.Helper()
		for i, command := range commands {
			if said := s.must(command, ""); !regexp.MustCompile("^" + says[i] + "$").MatchString(strings.TrimSpace(said)) {
				t.Errorf("%s: it says %q, want %q", command, said, says[i])
			}
		}
	}
	const monitor, rule = "servicemonitor.monitoring.coreos.com/certwright ", "prometheusrule.monitoring.coreos.com/certwright "
	follow(monitor+"created", rule+"created", monitor+"labeled\n"+rule+"labeled")
	for _, kind := range []string{"servicemonitor", "prometheusrule"} {
		want, got := manifest(t, read(t, "deploy/alerts/"+kind+".yaml")), manifest(t, s.must("kubectl -n cert-manager get "+kind+" certwright -o yaml", ""))
		want.Metadata.Labels["release"] = "kube-prometheus-stack"
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-shipped, and labeled +in the cluster):\n%s", kind, diff)
		}
	}
	// An update by the same commands changes what has changed; the label stays.
	follow(monitor+"unchanged", rule+"unchanged", monitor+"not labeled\n"+rule+"not labeled")
}

// threeCommands are the first commands below that title of a page.
func threeCommands(t *testing.T, page string) []string {
	t.Helper()
	_, text, found := strings.Cut(read(t, page), "\n## Alerts in three commands\n")
	_, text, fenced := strings.Cut(text, "\n```console\n")
	text, _, closed := strings.Cut(text, "\n```\n")
	if !found || !fenced || !closed {
		t.Fatalf("%s has no alerts in three commands", page)
	}
	var commands []string
	for line := range strings.Lines(text) {
		commands = append(commands, strings.TrimPrefix(strings.TrimSpace(line), "$ "))
	}
	if len(commands) != 3 {
		t.Fatalf("%s: %d commands: %q", page, len(commands), commands)
	}
	return commands
}

// operatorCRDs returns those of the kinds with these plural names, as YAML.
func operatorCRDs(t *testing.T, plurals ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "run", ".")
	cmd.Dir = filepath.Join(root, "test", "operator")
	cmd.Stderr = os.Stderr
	all, err := cmd.Output()
	if err != nil {
		t.Fatalf("print the CRDs of the operator: %v", err)
	}
	var wanted []string
	for _, crd := range strings.Split(string(all), "\n---\n") {
		for _, plural := range plurals {
			if strings.Contains(crd, "\n  name: "+plural+".monitoring.coreos.com\n") {
				wanted = append(wanted, crd)
			}
		}
	}
	if len(wanted) != len(plurals) {
		t.Fatalf("the operator has %d CRDs of %q", len(wanted), plurals)
	}
	return strings.Join(wanted, "\n---\n")
}

// A shell runs commands as people do in the checkout, with the cluster's own
// kubectl.
type shell struct {
	t *testing.T
	// tools has kubectl, and is where that keeps its cache.
	tools string
}

func newShell(t *testing.T) shell {
	t.Helper()
	if os.Getenv("KUBECONFIG") == "" {
		t.Fatal("KUBECONFIG is not set: run this by make test-cluster")
	}
	program, err := filepath.Abs(filepath.Join(root, "bin", "devcluster"))
	if err != nil {
		t.Fatal(err)
	}
	s := shell{t: t, tools: t.TempDir()}
	if err := os.Symlink(program, filepath.Join(s.tools, "kubectl")); err != nil {
		t.Fatal(err)
	}
	return s
}

// run returns what command says, given input.
func (s shell) run(command, input string) (string, error) {
	cmd := exec.Command("sh", "-c", command)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "PATH="+s.tools+":"+os.Getenv("PATH"), "KUBECACHEDIR="+s.tools)
	cmd.Stdin = strings.NewReader(input)
	said, err := cmd.CombinedOutput()
	if err != nil {
		err = fmt.Errorf("%s: %w", command, err)
	}
	return string(said), err
}

// must is run for what has to succeed.
func (s shell) must(command, input string) string {
	s.t.Helper()
	said, err := s.run(command, input)
	if err != nil {
		s.t.Fatalf("%v\n%s", err, said)
	}
	return said
}

// An operatorObject is what a manifest says of an object.
type operatorObject struct {
	APIVersion, Kind string
	Metadata         struct {
		Name, Namespace string
		Labels          map[string]string
	}
	Spec map[string]any
}

func manifest(t *testing.T, text string) operatorObject {
	t.Helper()
	var o operatorObject
	if err := yaml.Unmarshal([]byte(text), &o); err != nil {
		t.Fatal(err)
	}
	return o
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, file))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
