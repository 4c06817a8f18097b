package explain

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/duration"
)

// A Node is one object of the chain.
type Node struct {
	// Kind and Name of the object.
	Kind, Name string
	// State in a word or two.
	State string
	// Created is zero if there is no such object.
	Created time.Time
	// Lines are what there is to say.
	Lines []Line
	// Cause says, as the end of a sentence with "because", what this object
	// itself keeps from being done; empty if nothing does.
	Cause string
	// Hint says what a person can do about it.
	Hint string
	// Children are what it waits for.
	Children []Node
}

// A Line says one thing about an object.
type Line struct{ Label, Text string }

// Labels of Lines.
const (
	says  = "says"
	last  = "last attempt"
	next  = "next"
	waits = "waits"
	about = "of"
)

func (n *Node) say(label, text string) {
	if text != "" {
		n.Lines = append(n.Lines, Line{label, text})
	}
}

// sayOwner names what controls object, before everything else.
func (n *Node) sayOwner(object metav1.Object) {
	if owner := metav1.GetControllerOf(object); owner != nil {
		n.Lines = append([]Line{{about, owner.Kind + " " + owner.Name}}, n.Lines...)
	}
}

// A Report is the answer to one question.
type Report struct {
	// Bad begins the sentence that ends in the innermost cause, Good is the
	// sentence if there is none.
	Bad, Good string
	Root      Node
	Now       time.Time
	// Program is what the user calls certctl.
	Program string
}

// A trouble is why something is not done, what to do about it, and how deep in
// the chain that is.
type trouble struct {
	cause, hint string
	depth       int
}

// innermost returns the deepest trouble at n or below, the first of several;
// its cause is empty if there is none. Who has no hint has that of whoever
// waits for it.
func innermost(n *Node, hint string, depth int) trouble {
	hint = cmp.Or(n.Hint, hint)
	found := trouble{cause: n.Cause, hint: hint, depth: depth}
	for i := range n.Children {
		if t := innermost(&n.Children[i], hint, depth+1); t.cause != "" && (found.cause == "" || t.depth > found.depth) {
			found = t
		}
	}
	return found
}

// Write writes the report: one sentence, what to do, and the chain.
func (r Report) Write(w io.Writer) error {
	var b strings.Builder
	if worst := innermost(&r.Root, "", 0); worst.cause != "" {
		fmt.Fprintf(&b, "%s because %s\n", r.Bad, sentence(worst.cause))
		if worst.hint != "" {
			fmt.Fprintf(&b, "What to do: %s\n", sentence(strings.ReplaceAll(worst.hint, "certctl ", r.Program+" ")))
		}
	} else {
		fmt.Fprintln(&b, sentence(r.Good))
	}
	b.WriteByte('\n')
	r.write(&b, &r.Root, "")
	_, err := io.WriteString(w, b.String())
	return err
}

func (r Report) write(b *strings.Builder, n *Node, indent string) {
	fmt.Fprintf(b, "%s%s %s: %s", indent, n.Kind, n.Name, n.State)
	if !n.Created.IsZero() {
		fmt.Fprintf(b, ", %s old", age(r.Now.Sub(n.Created)))
	}
	b.WriteByte('\n')
	below := texts(n.Children)
	for _, l := range n.Lines {
		fmt.Fprintf(b, "%s    %s: %s\n", indent, l.Label, shorten(oneLine(l.Text), below))
	}
	for i := range n.Children {
		r.write(b, &n.Children[i], indent+"  ")
	}
}

// texts are what nodes and those below them say, the outer ones first.
func texts(nodes []Node) []string {
	var out []string
	for i := range nodes {
		for _, l := range nodes[i].Lines {
			if l.Label == says {
				out = append(out, oneLine(l.Text))
			}
		}
	}
	for i := range nodes {
		out = append(out, texts(nodes[i].Children)...)
	}
	return out
}

// shorten leaves out of text what is said again below: the controllers carry
// causes up.
func shorten(text string, below []string) string {
	const worth = 30
	for _, t := range below {
		if len(t) > worth {
			text = strings.Replace(text, t, "…", 1)
		}
	}
	return text
}

// sentence is text with a full stop.
func sentence(text string) string {
	text = oneLine(text)
	if strings.HasSuffix(text, ".") || strings.HasSuffix(text, "?") {
		return text
	}
	return text + "."
}

// oneLine keeps what others wrote from moving the cursor, or looking like lines
// of ours.
func oneLine(text string) string {
	return strings.Join(strings.FieldsFunc(text, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }), " ")
}

func age(d time.Duration) string { return duration.HumanDuration(max(d, 0)) }

// moment names a time, and how far away it is.
func moment(now, t time.Time) string {
	text := t.UTC().Format(time.RFC3339)
	if d := t.Sub(now); d > 0 {
		return fmt.Sprintf("%s (in %s)", text, age(d))
	}
	return fmt.Sprintf("%s (%s ago)", text, age(now.Sub(t)))
}

// undone is the cause where nothing is wrong but a step that is not taken yet.
func undone(step string) string { return "the controller has still to " + step }

// soon is the hint that goes with it.
const soon = "wait a moment; if it stays like this, look whether the controller runs, and at its log"
