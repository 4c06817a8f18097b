package lint

import (
	"bytes"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxMerges bounds how deep maps that are merged into maps ("<<") are searched.
const maxMerges = 3

// A tree finds the lines of the fields of one document.
type tree struct {
	text []byte
	// first is the line of the file on which text begins, from 1.
	first int

	parsed bool
	top    *yaml.Node
	// last is the last line of text, from 1. YAML knows more line breaks than
	// editors do.
	last int
}

// root returns the outermost node, nil if there is none. JSON is parsed as the
// YAML that it nearly always is: all that can be lost is a line.
func (t *tree) root() *yaml.Node {
	if !t.parsed {
		t.parsed = true
		t.last = 1 + bytes.Count(t.text, []byte("\n"))
		var document yaml.Node
		if yaml.Unmarshal(t.text, &document) == nil && len(document.Content) > 0 {
			t.top = document.Content[0]
		}
	}
	return t.top
}

// line returns the line in the file of the field at path, or of the nearest
// parent that is there. Paths are written as field.Path writes them.
func (t *tree) line(path string) int {
	node := t.root()
	if node == nil {
		return t.first
	}
	at := node.Line
	for _, step := range steps(path) {
		key, value := child(node, step, maxMerges)
		if key == nil {
			break
		}
		at, node = key.Line, value
	}
	return t.first - 1 + min(at, t.last)
}

// steps takes a path apart: "spec.dnsNames[1]" is spec, dnsNames and 1.
func steps(path string) []string {
	var all []string
	for path != "" {
		var step string
		if path[0] == '[' {
			step, path, _ = strings.Cut(path[1:], "]")
		} else {
			end := strings.IndexAny(path, ".[")
			if end < 0 {
				end = len(path)
			}
			step, path = path[:end], path[end:]
		}
		path = strings.TrimPrefix(path, ".")
		all = append(all, step)
	}
	return all
}

// child returns the node that stands for the step from node, and its value. In
// a list both are the element.
func child(node *yaml.Node, step string, merges int) (key, value *yaml.Node) {
	if node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	switch node.Kind {
	case yaml.SequenceNode:
		if i, err := strconv.Atoi(step); err == nil && i >= 0 && i < len(node.Content) {
			return node.Content[i], node.Content[i]
		}
	case yaml.MappingNode:
		if i := member(node, step); i >= 0 {
			return node.Content[i], node.Content[i+1]
		}
		// Some paths leave out the end of a name, as cert-manager does.
		if i := member(node, step+"SecretRef"); i >= 0 {
			return node.Content[i], node.Content[i+1]
		}
		return merged(node, step, merges)
	default: // a value has nothing inside
	}
	return nil, nil
}

// member returns where the key of that name is in a map, -1 if it is not. The
// last of two is the one that counts.
func member(node *yaml.Node, name string) int {
	for i := len(node.Content) - 2; i >= 0; i -= 2 {
		if node.Content[i].Kind == yaml.ScalarNode && node.Content[i].Value == name {
			return i
		}
	}
	return -1
}

// merged looks for the step in the maps that are merged into node.
func merged(node *yaml.Node, step string, merges int) (key, value *yaml.Node) {
	if merges == 0 {
		return nil, nil
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		if node.Content[i].Tag != "!!merge" {
			continue
		}
		from := []*yaml.Node{node.Content[i+1]}
		if from[0].Kind == yaml.SequenceNode {
			from = from[0].Content
		}
		for _, m := range from {
			if key, value := child(m, step, merges-1); key != nil {
				return key, value
			}
		}
	}
	return nil, nil
}

// A repeated is a key that stands twice in one map.
type repeated struct {
	key           string
	line, earlier int
}

// repeated returns the keys of the part at path that stand in their map more
// than once. Aliases are not followed: what they stand for is looked at where
// it is written.
func (t *tree) repeated(path string) []repeated {
	node := t.root()
	for _, step := range steps(path) {
		if node == nil {
			break
		}
		_, node = child(node, step, maxMerges)
	}
	if node == nil {
		return nil
	}
	var all []repeated
	t.repeats(node, &all)
	return all
}

func (t *tree) repeats(node *yaml.Node, all *[]repeated) {
	if node.Kind == yaml.MappingNode {
		seen := make(map[string]int, len(node.Content)/2)
		for i := 0; i+1 < len(node.Content); i += 2 {
			key := node.Content[i]
			if key.Kind != yaml.ScalarNode || key.Tag == "!!merge" {
				continue
			}
			if earlier, twice := seen[key.Value]; twice {
				*all = append(*all, repeated{key: key.Value, line: t.first - 1 + min(key.Line, t.last), earlier: t.first - 1 + min(earlier, t.last)})
			}
			seen[key.Value] = key.Line
		}
	}
	for _, c := range node.Content {
		t.repeats(c, all)
	}
}
