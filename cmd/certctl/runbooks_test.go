package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/certwright/certwright/deploy"
	"github.com/certwright/certwright/deploy/alerts"
)

// At night people copy what an alert, or its page, tells them to run.
func TestCommandsOfAlertsExist(t *testing.T) {
	t.Parallel()
	texts := map[string]string{}
	for _, a := range alerts.All() {
		description := template.ReplaceAllString(strings.ReplaceAll(a.Description, "{{ toLower $labels.kind }}", "issuer"), "NAME")
		for _, program := range []string{"certctl", "kubectl"} {
			if _, command, found := strings.Cut(description, ": "+program+" "); found {
				texts["alert "+a.Name] += "$ " + program + " " + command + "\n"
			}
		}
	}
	pages, err := filepath.Glob("../../docs/runbooks/*.md")
	if err != nil || len(pages) == 0 {
		t.Fatal("no pages", err)
	}
	for _, page := range append(pages, "../../docs/monitoring.md") {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		texts[filepath.Base(page)] = string(text)
	}
	for from, text := range texts {
		commands := commandsOf(text)
		if len(commands) == 0 {
			t.Errorf("%s: no command", from)
		}
		for _, c := range commands {
			if problem := wrong(strings.Fields(c)); problem != "" {
				t.Errorf("%s: %s: %s", from, c, problem)
			}
		}
	}
}

var (
	template = regexp.MustCompile(`{{.*?}}`)
	// inCommand is a command whose output is part of another one.
	inCommand = regexp.MustCompile(`\$\(([^)]*)\)`)
	inText    = regexp.MustCompile("(?m)(?:^\\$ |`)((?:kubectl|certctl) [^`\n]*)")
)

// commandsOf returns the commands in text, and those that give them a name.
func commandsOf(text string) []string {
	var all []string
	for _, m := range inText.FindAllStringSubmatch(text, -1) {
		for _, inner := range inCommand.FindAllStringSubmatch(m[1], -1) {
			all = append(all, inner[1])
		}
		all = append(all, inCommand.ReplaceAllString(m[1], "NAME"))
	}
	return all
}

// wrong says why a command cannot be meant, or nothing.
func wrong(words []string) string {
	if words[0] == "kubectl" {
		return wrongForKubectl(words[1:])
	}
	cmd, rest, err := command().Find(words[1:])
	if err != nil {
		return err.Error()
	}
	if !cmd.Runnable() {
		return "it does nothing"
	}
	if err := cmd.ParseFlags(rest); err != nil {
		return err.Error()
	}
	if err := cmd.ValidateArgs(cmd.Flags().Args()); err != nil {
		return err.Error()
	}
	return ""
}

func wrongForKubectl(words []string) string {
	var plain []string
	for i := 0; i < len(words); i++ {
		switch {
		case slices.Contains([]string{"-n", "-l", "-o", "-f", "--raw"}, words[i]):
			i++ // its value
		case !strings.HasPrefix(words[i], "-"):
			plain = append(plain, words[i])
		}
	}
	switch plain[0] {
	case "logs", "apply", "port-forward":
		return ""
	case "create":
		if len(plain) < 2 || plain[1] != "secret" {
			return "create what?"
		}
		return ""
	case "rollout", "top":
		if len(plain) < 2 {
			return "what?"
		}
		return ""
	case "get":
		if len(plain) == 1 && slices.Contains(words, "--raw") {
			return ""
		}
	case "describe", "delete", "scale", "label":
	default:
		return "the test does not know this verb"
	}
	if len(plain) < 2 {
		return plain[0] + " what?"
	}
	known := kinds()
	for kind := range strings.SplitSeq(plain[1], ",") {
		if !slices.Contains(known, kind) {
			return "no kind " + kind
		}
	}
	return ""
}

// kinds are what kubectl knows, as far as the pages need it.
func kinds() []string {
	known := []string{
		"pods", "secret", "secrets", "events", "lease", "deployment", "endpointslices",
		"validatingwebhookconfigurations", "mutatingwebhookconfigurations", "prometheusrule", "servicemonitor",
	}
	crds, err := deploy.CRDs()
	if err != nil {
		panic(err) // they are embedded
	}
	for _, crd := range crds {
		plural, _, _ := strings.Cut(crd.GetName(), ".")
		known = append(known, plural, strings.TrimSuffix(plural, "s"))
	}
	return known
}
