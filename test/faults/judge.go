package main

import (
	"fmt"
	"regexp"
	"strings"
	"time"
)

// A want is an alert that a fault must raise.
type want struct {
	alert, severity string
	// about are labels that it must have; {ns} stands for the namespace of the
	// fault.
	about map[string]string
	// within is the time after the fault by which it must be delivered, as
	// shipped.
	within time.Duration
	// shows is what the command in its text must print. Empty where that cannot
	// be had here.
	shows string
}

// slack is what deliveries may be late by, in the time of the run: scrape,
// evaluation, and two processors for everything.
const slack = 20 * time.Second

// fits reports whether e is the alert that w speaks of.
func (w want) fits(e episode, namespace string) bool {
	if e.name() != w.alert || e.labels["severity"] != w.severity {
		return false
	}
	for label, value := range w.about {
		if e.labels[label] != strings.ReplaceAll(value, "{ns}", namespace) {
			return false
		}
	}
	return true
}

// judge says what is wrong with the episodes of faults that were made side by
// side, all of which should be over: what is missing, late, false or repeated.
func judge(made []*scene, episodes []episode) []string {
	var problems []string
	claimed := make([]bool, len(episodes))
	for _, s := range made {
		for _, w := range s.fault.wants {
			n := 0
			for i, e := range episodes {
				if !w.fits(e, s.namespace) {
					continue
				}
				claimed[i] = true
				n++
				if after := e.fired.Sub(s.struck); n == 1 && after > scaled(w.within)+slack {
					problems = append(problems, fmt.Sprintf("%s: %s came after %s, which is %s as shipped; it should within %s",
						s.fault.name, w.alert, after.Round(time.Second), asShipped(after), w.within))
				}
				if e.ended.IsZero() {
					problems = append(problems, fmt.Sprintf("%s: %s does not end", s.fault.name, w.alert))
				}
			}
			switch {
			case n == 0:
				problems = append(problems, fmt.Sprintf("%s: no %s (%s)", s.fault.name, w.alert, w.severity))
			case n > 1:
				problems = append(problems, fmt.Sprintf("%s: %s came %d times", s.fault.name, w.alert, n))
			}
		}
	}
	for i, e := range episodes {
		if !claimed[i] {
			problems = append(problems, fmt.Sprintf("false alarm: %s %v: %s", e.name(), e.labels, e.annotations["summary"]))
		}
	}
	return problems
}

// command is the command in an alert's text: all that follows its name.
var command = regexp.MustCompile(`: ((?:certctl|kubectl) .+)$`)

// commandIn returns the command that the text of an alert names.
func commandIn(e episode) (string, error) {
	m := command.FindStringSubmatch(e.annotations["description"])
	if m == nil {
		return "", fmt.Errorf("%s names no command: %s", e.name(), e.annotations["description"])
	}
	return m[1], nil
}

// line returns the first line of output with a match of pattern.
func line(output, pattern string) (string, bool) {
	m := regexp.MustCompile(pattern)
	for l := range strings.SplitSeq(output, "\n") {
		if m.MatchString(l) {
			return strings.Join(strings.Fields(l), " "), true
		}
	}
	return "", false
}
