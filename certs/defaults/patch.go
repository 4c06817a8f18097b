package defaults

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/certwright/certwright/certs/rawjson"
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
type object map[string]rawjson.Value

// readObject reads data, which must be an object, and not its members.
func readObject(data []byte) (object, error) {
	if len(data) > maxObject {
		return nil, fmt.Errorf("is %d bytes long, the limit is %d", len(data), maxObject)
	}
	if !json.Valid(data) {
		return nil, errNoObject
	}
	return readMembers(data)
}

var errNoObject = errors.New("is not a JSON object")

// readMembers is readObject for what is known to be JSON.
func readMembers(value rawjson.Value) (object, error) {
	o := object{}
	err := value.Members(func(name []byte, value rawjson.Value) error {
		o[string(name)] = value
		return nil
	})
	if err != nil {
		return nil, errNoObject
	}
	return o, nil
}

// has reports whether the member is there; null counts as absent, which is what
// the API server makes of it.
func (o object) has(name string) bool { return !o[name].Null() }

// object returns the member, or nil if it is absent.
func (o object) object(name string) (object, error) {
	if !o.has(name) {
		return nil, nil
	}
	return readMembers(o[name])
}

// text returns the member if it is a string, else "".
func (o object) text(name string) string {
	s, err := o[name].Text()
	if err != nil {
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
