package main

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"time"
)

// A report is what a run found.
type report struct {
	versions string
	outcomes []outcome
	panels   []panel
	took     time.Duration
}

// An outcome is what came of a fault.
type outcome struct {
	fault fault
	heard []heard
}

// heard is an alert that was delivered.
type heard struct {
	episode
	// after is how long after the fault.
	after time.Duration
	// command is what its text says to run, and shown the line of the output
	// with the cause.
	command, shown string
}

// write writes the page.
func (r report) write(path string) error {
	if err := os.WriteFile(path, r.page(commit(), time.Now().UTC()), 0o644); err != nil {
		return fmt.Errorf("write the page: %w", err)
	}
	return nil
}

// commit is what this program, and with it the one that it ran, was built from.
func commit() string {
	revision, modified := "unknown", ""
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			switch {
			case s.Key == "vcs.revision":
				revision = s.Value[:min(len(s.Value), 12)]
			case s.Key == "vcs.modified" && s.Value == "true":
				modified = ", changed"
			}
		}
	}
	return revision + modified
}

const intro = `# Faults, and what is heard of them

Written by "make test-faults" on %s, from commit %s, with %s, in %s.

Each fault was made on the running program, with a control plane, an ACME server and a DNS server, under the shipped
permissions; what is quoted was delivered by Alertmanager to a receiver. An hour took a minute (rules, back-offs and lifetimes
come from one source and were divided by %d), so every time has two figures: as measured, and as shipped. "It shows" is a
line that the command in the alert's text printed while the fault lasted. No other alert was raised by any of the faults, each
came once and was resolved after the fault. The package doc of test/faults says how it is done.

In the quiet run before, of %s as shipped, certificates of an hour, 6, 45 and 90 days and a year were issued and renewed twice
each, and one came by ACME. Nothing was heard.

`

// page is the page, as Markdown.
func (r report) page(commit string, at time.Time) []byte {
	var out bytes.Buffer
	fmt.Fprintf(&out, intro, at.Format("2006-01-02 15:04 UTC"), commit, r.versions, r.took.Round(time.Second), factor, inWords(quiet))
	out.WriteString("| Fault | Alert | After | What is delivered, and what it shows |\n|---|---|---|---|\n")
	for _, o := range r.outcomes {
		if len(o.fault.wants) == 0 {
			fmt.Fprintf(&out, "| %s | none | watched for %s (%s) | Nothing: %s. |\n",
				o.fault.name, scaled(o.fault.hold), inWords(o.fault.hold), o.fault.because)
			continue
		}
		for i, h := range o.heard {
			name := o.fault.name
			if i > 0 {
				name = ""
			}
			fmt.Fprintf(&out, "| %s | [%s](runbooks/%s.md), %s | %.0f s (%s) | %s |\n",
				name, h.name(), h.name(), h.labels["severity"], h.after.Seconds(), inWords(asShipped(h.after)), h.text())
		}
	}
	out.WriteString("\n## The dashboard in this run\n\nSamples other than zero that each query had, of one every five seconds.\n\n" +
		"| Panel | Samples | If there are none |\n|---|---|---|\n")
	for _, p := range r.panels {
		fmt.Fprintf(&out, "| %s | %d | %s |\n", p.title, p.samples, p.idle)
	}
	return out.Bytes()
}

// text is what was delivered, and what its command showed.
func (h heard) text() string {
	text := h.annotations["summary"] + " " + h.annotations["description"]
	if command := h.command; command != "" {
		text = strings.Replace(text, command, "`"+command+"`", 1)
	}
	if h.shown != "" {
		text += "<br>It shows: `" + h.shown + "`"
	}
	return strings.ReplaceAll(text, "|", "\\|")
}

// inWords is a time as shipped.
func inWords(d time.Duration) string {
	if d < time.Hour {
		return fmt.Sprintf("%d min", d/time.Minute)
	}
	return fmt.Sprintf("%d h %d min", d/time.Hour, d%time.Hour/time.Minute)
}

// row is one of the first table: a fault, or nothing where it is that of the row
// before, and an alert.
var row = regexp.MustCompile(`(?m)^\| ([^|]*?) ?\| (none|\[(\w+)\]\([^)]*\), (\w+)) \|`)

// verifyPage compares a page with the list of faults.
func verifyPage(path string) error {
	page, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read the page: %w", err)
	}
	if problem := compare(string(page)); problem != "" {
		return fmt.Errorf("%s is not of these faults, run \"make test-faults\":\n%s", path, problem)
	}
	return nil
}

// compare says how the rows of a page differ from the faults and the alerts
// that they must raise.
func compare(page string) string {
	var want, got []string
	for _, act := range acts() {
		for _, f := range act {
			if len(f.wants) == 0 {
				want = append(want, f.name+": none")
			}
			for _, w := range f.wants {
				want = append(want, f.name+": "+w.alert+", "+w.severity)
			}
		}
	}
	name := ""
	for _, m := range row.FindAllStringSubmatch(page, -1) {
		name = cmp.Or(m[1], name)
		if m[2] == "none" {
			got = append(got, name+": none")
		} else {
			got = append(got, name+": "+m[3]+", "+m[4])
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	var differ []string
	for _, line := range want {
		if !slices.Contains(got, line) {
			differ = append(differ, "missing: "+line)
		}
	}
	for _, line := range got {
		if !slices.Contains(want, line) {
			differ = append(differ, "not so any more: "+line)
		}
	}
	return strings.Join(differ, "\n")
}
