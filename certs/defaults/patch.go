package defaults

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// A PatchOp is one operation of a JSON patch (RFC 6902).
type PatchOp struct {
	// Op is add or remove. An add replaces what is there.
	Op string `json:"op"`
	// Path is a JSON pointer (RFC 6901).
	Path string `json:"path"`
	// Value to add.
	Value any `json:"value,omitempty"`
}

// maxObject bounds the JSON that is looked at, in bytes. The API server takes
// less.
const maxObject = 4 << 20

// An object is a JSON object whose members are still unread.
type object map[string]json.RawMessage

// readObject reads data, which must be an object, and not its members.
func readObject(data []byte) (object, error) {
	if len(data) > maxObject {
		return nil, fmt.Errorf("is %d bytes long, the limit is %d", len(data), maxObject)
	}
	var o object
	if err := json.Unmarshal(data, &o); err != nil || o == nil {
		return nil, errors.New("is not a JSON object")
	}
	return o, nil
}

// has reports whether the member is there; null counts as absent, which is what
// the API server makes of it.
func (o object) has(name string) bool {
	value, ok := o[name]
	return ok && !bytes.Equal(bytes.TrimSpace(value), []byte("null"))
}

// object returns the member, or nil if it is absent.
func (o object) object(name string) (object, error) {
	if !o.has(name) {
		return nil, nil
	}
	return readObject(o[name])
}

// text returns the member if it is a string, else "".
func (o object) text(name string) string {
	var s string
	if json.Unmarshal(o[name], &s) != nil {
		return ""
	}
	return s
}

// A member is a value to fill in.
type member struct {
	name  string
	value any
}

// fill returns the operations that add members to the object at path, which is
// created if it is absent.
func fill(o object, path string, members []member) []PatchOp {
	if len(members) == 0 {
		return nil
	}
	if o == nil {
		whole := map[string]any{}
		for _, m := range members {
			whole[m.name] = m.value
		}
		return []PatchOp{{Op: "add", Path: path, Value: whole}}
	}
	var ops []PatchOp
	for _, m := range members {
		ops = append(ops, PatchOp{Op: "add", Path: path + "/" + pointerEscape(m.name), Value: m.value})
	}
	return ops
}

// pointerEscape writes name as a token of a JSON pointer (RFC 6901 section 3).
func pointerEscape(name string) string {
	return strings.ReplaceAll(strings.ReplaceAll(name, "~", "~0"), "/", "~1")
}
