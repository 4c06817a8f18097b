package lint

import (
	"encoding/json"
	"fmt"
	"strings"
)

// maxNested is how deep Lists may lie in Lists.
const maxNested = 4

// A document is one object of a file.
type document struct {
	file string
	tree *tree
	// within is the path of the object in the tree: empty, or that of an item
	// of a List.
	within string
	json   json.RawMessage

	apiVersion, kind, namespace, name string
}

// line returns the line of the field at path, see tree.line.
func (d *document) line(path string) int {
	if d.within != "" && path != "" {
		path = "." + path
	}
	return d.tree.line(d.within + path)
}

// documents returns the objects in a file, in order, and what cannot be read.
func documents(file File) ([]*document, []broken) {
	var (
		all []*document
		bad []broken
	)
	for _, c := range split(file.Data) {
		raw, problem := c.json()
		if problem != nil {
			bad = append(bad, *problem)
			continue
		}
		d := &document{file: file.Name, tree: &tree{text: c.text, first: c.line}, json: raw}
		all = d.flatten(all, maxNested)
	}
	return all, bad
}

// flatten appends d to all, or its items if it is a List of whatever. What is
// no object is left out.
func (d *document) flatten(all []*document, nested int) []*document {
	var members map[string]json.RawMessage
	if json.Unmarshal(d.json, &members) != nil || len(members) == 0 {
		return all
	}
	d.apiVersion, d.kind = text(members, "apiVersion", d.apiVersion), text(members, "kind", d.kind)
	itemKind, isList := strings.CutSuffix(d.kind, "List")
	var items []json.RawMessage
	if isList && nested > 0 && json.Unmarshal(members["items"], &items) == nil {
		for i, raw := range items {
			item := &document{file: d.file, tree: d.tree, within: fmt.Sprintf("items[%d]", i), json: raw}
			if d.within != "" {
				item.within = d.within + "." + item.within
			}
			if itemKind != "" {
				// Items of a typed list need not repeat what they are.
				item.apiVersion, item.kind = d.apiVersion, itemKind
			}
			all = item.flatten(all, nested-1)
		}
		return all
	}
	var metadata map[string]json.RawMessage
	_ = json.Unmarshal(members["metadata"], &metadata) // what is none has no names
	d.namespace, d.name = text(metadata, "namespace", ""), text(metadata, "name", text(metadata, "generateName", ""))
	return append(all, d)
}

// text returns the member of that name, or instead if it is no string.
func text(members map[string]json.RawMessage, name, instead string) string {
	var s string
	if json.Unmarshal(members[name], &s) != nil || s == "" {
		return instead
	}
	return s
}
