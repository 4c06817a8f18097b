package lint

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestLine(t *testing.T) {
	const manifest = `# a comment
apiVersion: cert-manager.io/v1
kind: Certificate
metadata:
  name: web
  annotations:
    cert-manager.io/issue-temporary-certificate: "true"
    "quoted/key": x
spec:
  dnsNames:
  - a.example
  # between
  - b.example
  issuerRef: {name: ca, kind: Issuer}
  privateKey: &key
    algorithm: RSA
  other:
    <<: *key
    size: 2048
  alias: *key
  solvers:
  - dns01:
      cloudflare:
        apiTokenSecretRef:
          name: x
  secretName: first
  secretName: second
`
	for name, tt := range map[string]struct {
		path string
		want int
	}{
		"the whole is where it begins":                  {"", 2},
		"a field":                                       {"spec.issuerRef", 14},
		"a field on the line of its parent":             {"spec.issuerRef.kind", 14},
		"an element of a list":                          {"spec.dnsNames[1]", 13},
		"an element that is not there is its list":      {"spec.dnsNames[2]", 10},
		"an annotation":                                 {"metadata.annotations[cert-manager.io/issue-temporary-certificate]", 7},
		"a quoted key":                                  {"metadata.annotations[quoted/key]", 8},
		"an annotation that is not there":               {"metadata.annotations[cert-manager.io/x]", 6},
		"a field that is not there is its parent":       {"spec.duration", 9},
		"a field below one that is not there":           {"spec.keystores.jks.password", 9},
		"nothing of it is there":                        {"status.conditions", 2},
		"a field that is merged in, where it is":        {"spec.other.algorithm", 16},
		"a field beside what is merged in":              {"spec.other.size", 19},
		"a field of an alias, where it is":              {"spec.alias.algorithm", 16},
		"a field below a list":                          {"spec.solvers[0].dns01.cloudflare", 23},
		"a path that leaves out the end of a name":      {"spec.solvers[0].dns01.cloudflare.apiToken.name", 25},
		"of two with one name, the one that counts":     {"spec.secretName", 27},
		"what is no path":                               {"[[..", 2},
		"an index into a map, and a name into a list":   {"spec[0]", 9},
		"a name into a list":                            {"spec.dnsNames.x", 10},
		"an index that is none":                         {"spec.dnsNames[-1]", 10},
		"a path that ends in the middle of an index":    {"spec.dnsNames[1", 13},
		"a path that goes on below a value":             {"spec.issuerRef.name.first", 14},
		"a merge is no field":                           {"spec.other.<<", 18},
		"an empty step":                                 {"spec..dnsNames", 9},
		"the name of a field twice, as in a long chain": {"spec.spec.spec", 9},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			of := tree{text: []byte(manifest), first: 1}
			if got := of.line(tt.path); got != tt.want {
				t.Errorf("line(%q) = %d, want %d", tt.path, got, tt.want)
			}
			later := tree{text: []byte(manifest), first: 101}
			if got := later.line(tt.path); got != tt.want+100 {
				t.Errorf("line(%q) = %d in a document that begins on line 101, want %d", tt.path, got, tt.want+100)
			}
		})
	}
}

func TestLineOfOtherText(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		text, path string
		want       int
	}{
		"JSON":                                 {"{\n\t\"spec\": {\n\t\t\"dnsNames\": [\n\t\t\t\"a\",\n\t\t\t\"b\"]}}", "spec.dnsNames[1]", 5},
		"JSON that is no YAML":                 {"{\n\"a\": \"\\ud83d\\ude00\",\n\"spec\": 1}", "spec", 1},
		"lines that end as on Windows":         {"a: 1\r\nspec:\r\n  b: 2\r\n", "spec.b", 3},
		"line breaks that editors do not know": {"a: 1\r\r\rb: 2\rc: 3\nd: 4\n", "d", 3},
		"no document":                          {"# nothing\n", "spec", 1},
		"a map that is merged into itself":     {"a: &a\n  <<: *a\n  b: 1\n", "a.c", 1},
	} {
		of := tree{text: []byte(tt.text), first: 1}
		if got := of.line(tt.path); got != tt.want {
			t.Errorf("%s: line(%q) = %d, want %d", name, tt.path, got, tt.want)
		}
	}
}

func TestRepeated(t *testing.T) {
	t.Parallel()
	of := tree{first: 10, text: []byte(`items:
- a: 1
  b: {c: 1, c: 2}
  a: 2
- a: 1
  list:
  - x: 1
  - x: 1
  - x: 1
    y: 2
    x: 3
`)}
	for path, want := range map[string][]repeated{
		"items[0]": {{"a", 13, 11}, {"c", 12, 12}},
		"items[1]": {{"x", 20, 18}},
		"":         {{"a", 13, 11}, {"c", 12, 12}, {"x", 20, 18}},
		"items[2]": nil,
	} {
		if diff := cmp.Diff(want, of.repeated(path), cmp.AllowUnexported(repeated{})); diff != "" {
			t.Errorf("repeated(%q) (-want +got):\n%s", path, diff)
		}
	}
}
