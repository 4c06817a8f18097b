package lint

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"
)

// Level says how bad a Finding is.
type Level string

// The levels.
const (
	// Error is what admission refuses.
	Error Level = "error"
	// Warning is what admission takes, but seldom wanted.
	Warning Level = "warning"
)

// maxMessage bounds the message of a Finding, in bytes.
const maxMessage = 1000

// A Finding is one thing that is wrong with a manifest. Its names in JSON are
// part of the interface of certctl lint.
type Finding struct {
	File string `json:"file"`
	// Line of the field, or of its nearest parent that is there; from 1.
	Line  int   `json:"line"`
	Level Level `json:"level"`
	// Kind, Namespace and Name of the object; empty where it could not be read.
	Kind      string `json:"kind"`
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	// Field is the path of the field; empty if it is about the whole object.
	Field   string `json:"field"`
	Message string `json:"message"`
}

// A Made is a Certificate that the annotations of an object ask for.
type Made struct {
	File string `json:"file"`
	// Line of the name of its Secret in the object.
	Line int `json:"line"`
	// Kind, Namespace and Name of the object that asks. The Certificate is in
	// the same namespace.
	Kind        string          `json:"kind"`
	Namespace   string          `json:"namespace"`
	Name        string          `json:"name"`
	Certificate MadeCertificate `json:"certificate"`
}

// A MadeCertificate is what is told of a Certificate that is asked for.
type MadeCertificate struct {
	Name       string `json:"name"`
	SecretName string `json:"secretName"`
	// Names are all names of the certificate, DNS names first.
	Names     []string  `json:"names"`
	IssuerRef IssuerRef `json:"issuerRef"`
}

// An IssuerRef names an issuer in full.
type IssuerRef struct {
	Name  string `json:"name"`
	Kind  string `json:"kind"`
	Group string `json:"group"`
}

// A Report is what a run found, in the order of the files and their lines.
type Report struct {
	Findings     []Finding `json:"findings"`
	Certificates []Made    `json:"certificates"`
	// Checked and Skipped are the numbers of objects that were judged, and of
	// those that are of other kinds.
	Checked int `json:"checked"`
	Skipped int `json:"skipped"`
}

// Count returns how many findings are of that level.
func (r *Report) Count(level Level) int {
	n := 0
	for i := range r.Findings {
		if r.Findings[i].Level == level {
			n++
		}
	}
	return n
}

// sort brings the report into the order of files, in which they were read, and
// lines.
func (r *Report) sort(files []File) {
	order := make(map[string]int, len(files))
	for i := len(files) - 1; i >= 0; i-- {
		order[files[i].Name] = i
	}
	slices.SortStableFunc(r.Findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(order[a.File], order[b.File]), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Level, b.Level), cmp.Compare(a.Field, b.Field))
	})
	slices.SortStableFunc(r.Certificates, func(a, b Made) int {
		return cmp.Or(cmp.Compare(order[a.File], order[b.File]), cmp.Compare(a.Line, b.Line))
	})
}

// WriteJSON writes the report as one JSON document. Lists are never null.
func (r *Report) WriteJSON(w io.Writer) error {
	whole := struct {
		Report
		Errors   int `json:"errors"`
		Warnings int `json:"warnings"`
	}{*r, r.Count(Error), r.Count(Warning)}
	if whole.Findings == nil {
		whole.Findings = []Finding{}
	}
	if whole.Certificates == nil {
		whole.Certificates = []Made{}
	}
	out := json.NewEncoder(w)
	out.SetEscapeHTML(false)
	out.SetIndent("", "  ")
	return out.Encode(whole)
}

// WriteText writes a line for each finding, one for each Certificate that would
// be made, and one with the counts.
func (r *Report) WriteText(w io.Writer) error {
	var out strings.Builder
	for _, f := range r.Findings {
		line(&out, f.File, f.Line, string(f.Level), joined(f.Kind, f.Namespace, f.Name), f.Field, f.Message)
	}
	for _, m := range r.Certificates {
		c := m.Certificate
		line(&out, m.File, m.Line, "note", joined(m.Kind, m.Namespace, m.Name), fmt.Sprintf("makes the Certificate %s: secret %s, names %s, issuer %s",
			c.Name, c.SecretName, strings.Join(c.Names, " "), issuerText(c.IssuerRef)))
	}
	fmt.Fprintf(&out, "%s checked, %d skipped: %s, %s\n", count(r.Checked, "object"), r.Skipped, count(r.Count(Error), "error"), count(r.Count(Warning), "warning"))
	_, err := io.WriteString(w, out.String())
	return err
}

// line writes parts that are not empty on one line, whatever is in them: in the
// log of a build server, a line of its own may be a command.
func line(out *strings.Builder, file string, number int, level string, parts ...string) {
	parts = slices.DeleteFunc(parts, func(part string) bool { return part == "" })
	text := fmt.Sprintf("%s:%d: %s: %s", file, number, level, strings.Join(parts, ": "))
	out.WriteString(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, text))
	out.WriteByte('\n')
}

func joined(parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(part string) bool { return part == "" }), "/")
}

func issuerText(ref IssuerRef) string {
	if ref.Group != ownGroup {
		return fmt.Sprintf("%s.%s %s", ref.Kind, ref.Group, ref.Name)
	}
	return ref.Kind + " " + ref.Name
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
