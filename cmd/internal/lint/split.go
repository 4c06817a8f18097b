package lint

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"

	"go.yaml.in/yaml/v3"
	kyaml "sigs.k8s.io/yaml"
)

// maxExpanded bounds what aliases may make of one document, in nodes and bytes
// of text.
const maxExpanded = MaxFile

// A chunk is one document as it stands in its file.
type chunk struct {
	text []byte
	// line is the line on which text begins, from 1.
	line int
	// isJSON says that text is a JSON value already.
	isJSON bool
	// problem says why there is no document in text.
	problem string
}

// A broken is what of a file cannot be read.
type broken struct {
	line    int
	message string
}

// split divides a file as kubectl does: into JSON values, one after the other,
// and where that ends, or from the beginning, into YAML documents between lines
// that begin with "---".
func split(data []byte) []chunk {
	var chunks []chunk
	at := 0
	lineOf := lineCounter(data)
	if first := bytes.TrimLeft(data, " \t\r\n"); len(first) > 0 && first[0] == '{' {
		values := json.NewDecoder(bytes.NewReader(data))
		for {
			var value json.RawMessage
			if values.Decode(&value) != nil {
				break
			}
			at = int(values.InputOffset())
			chunks = append(chunks, chunk{text: value, line: lineOf(at - len(value)), isJSON: true})
		}
	}
	return append(chunks, splitYAML(data[at:], lineOf(at))...)
}

// lineCounter returns a function that counts the line of an offset in data,
// which must not be less than the one before.
func lineCounter(data []byte) func(offset int) int {
	counted, line := 0, 1
	return func(offset int) int {
		line += bytes.Count(data[counted:offset], []byte("\n"))
		counted = offset
		return line
	}
}

var separator = []byte("---")

func splitYAML(data []byte, line int) []chunk {
	var chunks []chunk
	begin, beginLine := 0, line
	end := func(at int) {
		if len(bytes.TrimSpace(data[begin:at])) > 0 {
			chunks = append(chunks, chunk{text: data[begin:at], line: beginLine})
		}
	}
	for at := 0; at < len(data); line++ {
		next := len(data)
		if i := bytes.IndexByte(data[at:], '\n'); i >= 0 {
			next = at + i + 1
		}
		if rest, ok := bytes.CutPrefix(data[at:next], separator); ok {
			end(at)
			if rest = bytes.TrimSpace(rest); len(rest) > 0 && rest[0] != '#' {
				chunks = append(chunks, chunk{line: line, problem: "kubectl takes nothing but a comment behind --- on its line; begin the document on the next line"})
			}
			begin, beginLine = next, line+1
		}
		at = next
	}
	end(len(data))
	return chunks
}

// json returns the document as JSON, read as kubectl reads it.
func (c *chunk) json() (json.RawMessage, *broken) {
	switch {
	case c.problem != "":
		return nil, &broken{line: c.line, message: c.problem}
	case c.isJSON:
		return c.text, nil
	}
	if c.explodes() {
		return nil, &broken{line: c.line, message: fmt.Sprintf("aliases make more than %d MiB of this document", maxExpanded>>20)}
	}
	raw, err := kyaml.YAMLToJSON(c.text)
	if err != nil {
		return nil, c.broken(err)
	}
	return raw, nil
}

var (
	template = []byte("{{")
	// yamlError finds the line, and what may be shown: never a value.
	yamlError = regexp.MustCompile(`^(?:error converting YAML to JSON: )?yaml: (?:line (\d+): )?((?:':'|[^:\n]){1,200})`)
)

// broken says in which line what is wrong. err is of one of the YAML parsers.
func (c *chunk) broken(err error) *broken {
	if i := bytes.Index(c.text, template); i >= 0 {
		return &broken{line: c.line + bytes.Count(c.text[:i], []byte("\n")),
			message: "is a template, not a manifest; lint what comes of it, for example: helm template . | certctl lint -f -"}
	}
	if bytes.HasPrefix(bytes.TrimSpace(c.text), []byte("{")) {
		var value any
		if syntax := (*json.SyntaxError)(nil); errors.As(json.Unmarshal(c.text, &value), &syntax) {
			offset := min(int(syntax.Offset), len(c.text))
			return &broken{line: c.line + bytes.Count(c.text[:offset], []byte("\n")), message: "is neither JSON nor YAML: " + syntax.Error()}
		}
	}
	found := yamlError.FindStringSubmatch(err.Error())
	if found == nil {
		return &broken{line: c.line, message: "is not YAML that can be read as JSON"}
	}
	at := c.line
	if n, err := strconv.Atoi(found[1]); err == nil {
		// The parsers may have stopped behind the last line.
		at += min(n-1, bytes.Count(bytes.TrimRight(c.text, "\r\n"), []byte("\n")))
	}
	return &broken{line: at, message: "is not YAML: " + found[2]}
}

// explodes reports whether the aliases of a document stand for more than can be
// meant: each may stand for many more.
func (c *chunk) explodes() bool {
	if !bytes.Contains(c.text, []byte("*")) || !bytes.Contains(c.text, []byte("&")) {
		return false
	}
	var document yaml.Node
	if yaml.Unmarshal(c.text, &document) != nil {
		return false // it is refused for that
	}
	return expanded(&document, map[*yaml.Node]int{}) > maxExpanded
}

// expanded returns how large a node is with its aliases replaced by what they
// stand for, or more than maxExpanded. sizes remembers what has been counted,
// so that each node is counted once.
func expanded(node *yaml.Node, sizes map[*yaml.Node]int) int {
	if node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	if size, counted := sizes[node]; counted {
		return size
	}
	sizes[node] = maxExpanded + 1 // for an alias of what it is a part of
	size := 1 + len(node.Value)
	for _, c := range node.Content {
		size = min(size+expanded(c, sizes), maxExpanded+1)
	}
	sizes[node] = size
	return size
}
