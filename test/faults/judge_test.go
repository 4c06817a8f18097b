package main

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/certwright/certwright/deploy/alerts"
)

func TestJudge(t *testing.T) {
	t.Parallel()
	struck := time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	expiry := fault{name: "it expires", wants: []want{{alert: "Expiry", severity: "warning", within: 16 * time.Minute, about: map[string]string{"exported_namespace": "{ns}"}}}}
	silent := fault{name: "nothing", hold: time.Hour}
	alert := func(name, namespace string, after, lasts time.Duration) episode {
		e := episode{labels: map[string]string{"alertname": name, "severity": "warning", "exported_namespace": namespace}, fired: struck.Add(after)}
		if lasts > 0 {
			e.ended = e.fired.Add(lasts)
		}
		return e
	}
	tests := map[string]struct {
		fault    fault
		episodes []episode
		want     []string
	}{
		"the alert in time, and its end":    {expiry, []episode{alert("Expiry", "ns", 16*time.Second, time.Second)}, nil},
		"no alert at all":                   {expiry, nil, []string{"no Expiry (warning)"}},
		"an alert about another object":     {expiry, []episode{alert("Expiry", "elsewhere", 16*time.Second, time.Second)}, []string{"no Expiry", "false alarm: Expiry"}},
		"an alert that comes twice":         {expiry, []episode{alert("Expiry", "ns", time.Second, 1), alert("Expiry", "ns", time.Minute, 1)}, []string{"came 2 times"}},
		"an alert that comes late":          {expiry, []episode{alert("Expiry", "ns", 40*time.Second, 1)}, []string{"it should within 16m"}},
		"an alert that does not end":        {expiry, []episode{alert("Expiry", "ns", 16*time.Second, 0)}, []string{"does not end"}},
		"another alert beside it":           {expiry, []episode{alert("Expiry", "ns", 16*time.Second, 1), alert("Other", "ns", 1, 1)}, []string{"false alarm: Other"}},
		"silence where there should be":     {silent, nil, nil},
		"an alert where it should be still": {silent, []episode{alert("Expiry", "ns", 1, 1)}, []string{"false alarm: Expiry"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := judge([]*scene{{fault: tt.fault, namespace: "ns", struck: struck}}, tt.episodes)
			if len(got) != len(tt.want) {
				t.Fatalf("problems: %q, want %q", got, tt.want)
			}
			for i, want := range tt.want {
				if !strings.Contains(got[i], want) {
					t.Errorf("problem %q, want %q", got[i], want)
				}
			}
		})
	}
}

func TestCommandIn(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"It is so. See why: certctl explain certificate web -n shop":                                             "certctl explain certificate web -n shop",
		"Note: this. See who: kubectl get secret -n a -o yaml $(kubectl get certificate web -o jsonpath='{.a}')": "kubectl get secret -n a -o yaml $(kubectl get certificate web -o jsonpath='{.a}')",
		"Nobody knows": "",
	} {
		got, err := commandIn(episode{annotations: map[string]string{"description": text}})
		if got != want || (err == nil) != (want != "") {
			t.Errorf("commandIn(%q) = %q, %v", text, got, err)
		}
	}
}

// However long a certificate lasts, it is renewed after as long as one of an
// hour, and what is left then is in proportion.
func TestLife(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	for _, l := range lives {
		notBefore, notAfter := life(l.lasts, now)
		if got := notAfter.Sub(notBefore); got != l.lasts/factor {
			t.Errorf("%s lasts %s", l.name, got)
		}
		renewal := notBefore.Add(notAfter.Sub(notBefore) * 2 / 3)
		if in := renewal.Sub(now).Round(time.Second); in != 40*time.Second {
			t.Errorf("%s is renewed after %s", l.name, in)
		}
	}
}

func TestPage(t *testing.T) {
	t.Parallel()
	var r report
	for _, act := range acts() {
		for _, f := range act {
			o := outcome{fault: f}
			for _, w := range f.wants {
				o.heard = append(o.heard, heard{
					after: 17 * time.Second, command: "kubectl get x", shown: "a|b",
					episode: episode{
						labels:      map[string]string{"alertname": w.alert, "severity": w.severity},
						annotations: map[string]string{"summary": "It is bad.", "description": "See: kubectl get x"},
					},
				})
			}
			r.outcomes = append(r.outcomes, o)
		}
	}
	text := string(r.page("abc", time.Now()))
	if problem := compare(text); problem != "" {
		t.Error(problem)
	}
	if !strings.Contains(text, "| 17 s (17 min) | It is bad. See: `kubectl get x`<br>It shows: `a\\|b` |") {
		t.Errorf("the page:\n%s", text)
	}
	first := acts()[0][0].name
	for what, broken := range map[string]string{
		"a fault that is missing":  strings.Replace(text, first, "something else", 1),
		"an alert that is missing": strings.Replace(text, "[CertwrightCAExpirySoon]", "[Another]", 1),
	} {
		if compare(broken) == "" {
			t.Errorf("%s is not noticed", what)
		}
	}
}

// Faults are told apart by their names and namespaces, and each says either what
// is heard of it or why nothing is.
func TestFaults(t *testing.T) {
	t.Parallel()
	var names []string
	n, raised := 0, map[string]bool{}
	for _, act := range acts() {
		for _, f := range act {
			n++
			names = append(names, f.name)
			if got := slug(n, f.name); len(got) > 40 || strings.Trim(got, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
				t.Errorf("%s: namespace %q", f.name, got)
			}
			if (len(f.wants) == 0) != (f.hold > 0 && f.because != "") {
				t.Errorf("%s: neither alerts nor a reason for silence", f.name)
			}
			for _, w := range f.wants {
				raised[w.alert] = true
			}
		}
	}
	seen := map[string]int{}
	for _, name := range names {
		seen[name]++
		if seen[name] > 1 {
			t.Errorf("two faults are called %q", name)
		}
	}
	// Every alert that is shipped is raised by a fault.
	if diff := cmp.Diff(shipped(), raised); diff != "" {
		t.Errorf("alerts (-shipped +raised):\n%s", diff)
	}
}

func shipped() map[string]bool {
	all := map[string]bool{}
	for _, a := range alerts.All() {
		all[a.Name] = true
	}
	return all
}
