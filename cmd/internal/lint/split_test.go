package lint

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// read is each document of data as "line: JSON", or "line! message".
func read(data string) []string {
	var all []string
	for _, c := range split([]byte(data)) {
		raw, problem := c.json()
		if problem != nil {
			all = append(all, fmt.Sprintf("%d! %s", problem.line, problem.message))
		} else {
			all = append(all, fmt.Sprintf("%d: %s", c.line, raw))
		}
	}
	return all
}

func TestSplit(t *testing.T) {
	for name, tt := range map[string]struct {
		data string
		want []string
	}{
		"nothing":                               {"", nil},
		"nothing but space":                     {"\n \n", nil},
		"one document":                          {"a: 1\n", []string{`1: {"a":1}`}},
		"two documents":                         {"a: 1\n---\nb: 2\n", []string{`1: {"a":1}`, `3: {"b":2}`}},
		"a line of dashes at both ends":         {"---\na: 1\n---\n", []string{`2: {"a":1}`}},
		"empty documents count as lines only":   {"---\n---\n\n---\na: 1", []string{`5: {"a":1}`}},
		"comments are null":                     {"# a\n---\na: 1", []string{`1: null`, `3: {"a":1}`}},
		"a comment behind the dashes":           {"a: 1\n--- # next\nb: 2", []string{`1: {"a":1}`, `3: {"b":2}`}},
		"something else behind the dashes":      {"a: 1\n--- b: 2\nc: 3\n", []string{`1: {"a":1}`, "2! kubectl takes nothing but a comment behind --- on its line; begin the document on the next line", `3: {"c":3}`}},
		"lines that end as on Windows":          {"a: 1\r\n---\r\nb: 2\r\n", []string{`1: {"a":1}`, `3: {"b":2}`}},
		"dashes inside a text":                  {"a: |\n  ---\n", []string{`1: {"a":"---\n"}`}},
		"YAML 1.1 as kubectl has it":            {"a: yes\nb: 010\nc: on\nd: null\n", []string{`1: {"a":true,"b":8,"c":true,"d":null}`}},
		"the last of two keys":                  {"a: 1\na: 2\n", []string{`1: {"a":2}`}},
		"JSON":                                  {`{"a": 1}`, []string{`1: {"a": 1}`}},
		"JSON keeps its numbers":                {`{"a": 12345678901234567890, "b": 1.0}`, []string{`1: {"a": 12345678901234567890, "b": 1.0}`}},
		"JSON values behind each other":         {"{\"a\": 1}{\"b\": 2}\n\n{\"c\":\n3}\n", []string{`1: {"a": 1}`, `1: {"b": 2}`, "3: {\"c\":\n3}"}},
		"JSON, and YAML behind it":              {"{\"a\": 1}\n---\nb: 2\n", []string{`1: {"a": 1}`, `3: {"b":2}`}},
		"YAML that begins like JSON":            {"{a: 1}\n", []string{`1: {"a":1}`}},
		"JSON with a comma too many":            {"{\"a\": 1,\n}\n", []string{`1: {"a":1}`}},
		"broken JSON":                           {"{\n\"a\": 1,\n\"b\" 2\n}", []string{"3! is neither JSON nor YAML: invalid character '2' after object key"}},
		"JSON that ends too early":              {"{\n\"a\": [1,", []string{"2! is neither JSON nor YAML: unexpected end of JSON input"}},
		"broken YAML":                           {"x: 1\n---\na: 1\nb: [1\nc: 2\n", []string{`1: {"x":1}`, "4! is not YAML: did not find expected ',' or ']'"}},
		"broken at the end of the text":         {"a: 1\nb\n", []string{"2! is not YAML: could not find expected ':'"}},
		"a tab":                                 {"a:\n\tb: 1\n", []string{"2! is not YAML: found character that cannot start any token"}},
		"a key that is a map":                   {"a: 1\n? {b: secret}\n: 2\n", []string{"1! is not YAML: invalid map key"}},
		"an alias of nothing":                   {"a: *b\n", []string{"1! is not YAML: unknown anchor 'b' referenced"}},
		"an alias of what it is in":             {"a: &a [*a]\n", []string{"1! aliases make more than 8 MiB of this document"}},
		"a template, which is no YAML":          {"a: 1\n---\nb: 2\n{{- if .c }}\nd: 4\n{{- end }}\n", []string{`1: {"a":1}`, "4! is a template, not a manifest; lint what comes of it, for example: helm template . | certctl lint -f -"}},
		"a template where a value should be":    {"a: {{ .b }}\n", []string{"1! is a template, not a manifest; lint what comes of it, for example: helm template . | certctl lint -f -"}},
		"a template as the first":               {"{{- if .c }}\nd: 4\n{{- end }}\n", []string{"1! is a template, not a manifest; lint what comes of it, for example: helm template . | certctl lint -f -"}},
		"a template as text is text":            {"a: \"{{ .b }}\"\n", []string{`1: {"a":"{{ .b }}"}`}},
		"bytes that are no text":                {"a: \xff\xfe\n", []string{"1! is not YAML: invalid leading UTF-8 octet"}},
		"a document that is broken, and a good": {"a: [\n---\nb: 2\n", []string{"1! is not YAML: did not find expected node content", `3: {"b":2}`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, read(tt.data)); diff != "" {
				t.Errorf("documents (-want +got):\n%s", diff)
			}
		})
	}
}

// A few hundred bytes must not become gigabytes.
func TestAliasesAreBounded(t *testing.T) {
	t.Parallel()
	var bomb strings.Builder
	bomb.WriteString("a0: &a0 [" + strings.Repeat("lol,", 9) + "lol]\n")
	for i := 1; i < 12; i++ {
		fmt.Fprintf(&bomb, "a%d: &a%d [%s*a%d]\n", i, i, strings.Repeat(fmt.Sprintf("*a%d,", i-1), 9), i-1)
	}
	// One that the decoder does not count as excessive: it is long, not many.
	long := "a: &a " + strings.Repeat("x", 100_000) + "\nb: [" + strings.Repeat("*a,", 1000) + "*a]\n"
	for name, text := range map[string]string{"many": bomb.String(), "long": long} {
		if got := read(text); len(got) != 1 || got[0] != "1! aliases make more than 8 MiB of this document" {
			t.Errorf("%s: %.200s", name, got)
		}
	}
	if got := read("a: &a [1, 2]\nb: [*a, *a]\n"); len(got) != 1 || got[0] != `1: {"a":[1,2],"b":[[1,2],[1,2]]}` {
		t.Errorf("aliases as they are meant: %v", got)
	}
}

func TestDocuments(t *testing.T) {
	for name, tt := range map[string]struct {
		data string
		want []string // "line apiVersion kind namespace name"
	}{
		"an object":                                {"kind: A\napiVersion: v1\nmetadata: {name: x, namespace: m}\n", []string{"1 v1 A m x"}},
		"a name that is to be made up":             {"kind: A\nmetadata: {generateName: n-}\n", []string{"1  A  n-"}},
		"what is no object":                        {"just text\n---\n- 1\n---\n{}\n", nil},
		"an object without a kind":                 {"replicas: 1\n", []string{"1    "}},
		"a kind that is no text":                   {"kind: {a: b}\nmetadata: [1]\n", []string{"1    "}},
		"a List":                                   {"kind: List\napiVersion: v1\nitems:\n- kind: A\n- kind: B\n  metadata: {name: x}\n", []string{"4  A  ", "5  B  x"}},
		"a typed list":                             {"kind: AList\napiVersion: g/v1\nitems:\n- metadata: {name: x}\n", []string{"4 g/v1 A  x"}},
		"a List in a List":                         {"kind: List\nitems:\n- kind: List\n  items:\n  - kind: A\n", []string{"5  A  "}},
		"a kind that ends like a list but is none": {"kind: DenyList\napiVersion: v1\nspec: {}\n", []string{"1 v1 DenyList  "}},
		"an empty List":                            {"kind: List\nitems: []\n", nil},
		"Lists without end":                        {strings.Repeat("{\"kind\":\"List\",\"items\":[", 6) + strings.Repeat("]}", 6), []string{"1  List  "}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			all, bad := documents(File{Name: "f", Data: []byte(tt.data)})
			var got []string
			for _, d := range all {
				got = append(got, fmt.Sprintf("%d %s %s %s %s", d.line(""), d.apiVersion, d.kind, d.namespace, d.name))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" || len(bad) > 0 {
				t.Errorf("broken: %v, documents (-want +got):\n%s", bad, diff)
			}
		})
	}
}
