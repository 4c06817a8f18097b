package rawjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	kjson "sigs.k8s.io/json"
)

// A Value is one JSON value as it came, without white space around it.
type Value []byte

// Null reports whether the value is absent or null.
func (v Value) Null() bool { return len(v) == 0 || string(v) == "null" }

// Decode reads v into the value that into points to. Names of fields must
// agree in case, as they must for the API server. Null leaves it as it is. A
// member that is there twice is refused: two would be merged, where the API
// server and Members take the last one.
func (v Value) Decode(into any) error {
	if v.Null() {
		return nil
	}
	twice, err := kjson.UnmarshalStrict(v, into, kjson.DisallowDuplicateFields)
	if err == nil && len(twice) > 0 {
		err = twice[0]
	}
	return err
}

// Text reads v as a string. Null is the empty string.
func (v Value) Text() (string, error) {
	b, err := v.text()
	return string(b), err
}

// Is reports whether v is the string s.
func (v Value) Is(s string) bool {
	b, err := v.text()
	return err == nil && string(b) == s
}

// text is Text, and aliases v if it can.
func (v Value) text() ([]byte, error) {
	if v.Null() {
		return nil, nil
	}
	if n := len(v); n >= 2 && v[0] == '"' && plain(v[1:n-1]) {
		return v[1 : n-1], nil
	}
	var s string
	if err := json.Unmarshal(v, &s); err != nil {
		return nil, err
	}
	return []byte(s), nil
}

// AppendText appends s, as a JSON string, to b.
func AppendText(b []byte, s string) ([]byte, error) {
	if plain([]byte(s)) {
		return append(append(append(b, '"'), s...), '"'), nil
	}
	encoded, err := json.Marshal(s)
	return append(b, encoded...), err
}

// plain reports whether s stands for itself inside a JSON string.
func plain(s []byte) bool {
	for _, c := range s {
		if c < ' ' || c == '"' || c == '\\' || c >= 0x80 {
			return false
		}
	}
	return true
}

// errObject says that something else stands where an object should.
var errObject = errors.New("not a JSON object")

// Members calls visit for each member of the object v, in order. The name and
// the value alias v.
func (v Value) Members(visit func(name []byte, value Value) error) error {
	i := space(v, 0)
	if i == len(v) || v[i] != '{' {
		return errObject
	}
	i = space(v, i+1)
	if i < len(v) && v[i] == '}' {
		return atEnd(v, i+1)
	}
	for {
		if i == len(v) || v[i] != '"' {
			return fmt.Errorf("no member name at byte %d", i)
		}
		end, err := skipString(v, i)
		if err != nil {
			return err
		}
		name, err := v[i:end].text()
		if err != nil {
			return err
		}
		i = space(v, end)
		if i == len(v) || v[i] != ':' {
			return fmt.Errorf("no colon at byte %d", i)
		}
		i = space(v, i+1)
		end, err = skip(v, i)
		if err != nil {
			return err
		}
		if err := visit(name, v[i:end]); err != nil {
			return err
		}
		i = space(v, end)
		if i == len(v) {
			return errEnd
		}
		switch v[i] {
		case ',':
			i = space(v, i+1)
		case '}':
			return atEnd(v, i+1)
		default:
			return fmt.Errorf("no comma at byte %d", i)
		}
	}
}

// Member returns the member of that name, nil if there is none.
func (v Value) Member(name string) (Value, error) {
	var found Value
	err := v.Members(func(n []byte, value Value) error {
		if string(n) == name {
			found = value
		}
		return nil
	})
	return found, err
}

// Values returns how many values v holds at any depth, less the first of each
// list and object: it counts the commas between them.
func (v Value) Values() int {
	n := 0
	for i := 0; i < len(v); i++ {
		switch v[i] {
		case ',':
			n++
		case '"':
			end, err := skipString(v, i)
			if err != nil {
				return n
			}
			i = end - 1
		}
	}
	return n
}

var errEnd = errors.New("unexpected end of JSON")

// atEnd refuses whatever follows after the value.
func atEnd(r Value, i int) error {
	if i = space(r, i); i != len(r) {
		return fmt.Errorf("something follows the object at byte %d", i)
	}
	return nil
}

// space returns the place of the first byte from i on that is not white space.
func space(r []byte, i int) int {
	for i < len(r) && (r[i] == ' ' || r[i] == '\n' || r[i] == '\t' || r[i] == '\r') {
		i++
	}
	return i
}

// skip returns the place behind the value that begins at i.
func skip(r []byte, i int) (int, error) {
	if i == len(r) {
		return 0, errEnd
	}
	switch r[i] {
	case '"':
		return skipString(r, i)
	case '{', '[':
		return skipNested(r, i)
	default:
		return skipLiteral(r, i)
	}
}

// skipString returns the place behind the string that begins at i.
func skipString(r []byte, i int) (int, error) {
	i++
	for {
		quote := bytes.IndexByte(r[i:], '"')
		if quote < 0 {
			return 0, errEnd
		}
		quote += i
		escapes := 0
		for quote-escapes > i && r[quote-escapes-1] == '\\' {
			escapes++
		}
		i = quote + 1
		if escapes%2 == 0 {
			return i, nil
		}
	}
}

// skipNested returns the place behind the object or list that begins at i.
func skipNested(r []byte, i int) (int, error) {
	depth := 0
	for i < len(r) {
		switch r[i] {
		case '{', '[':
			depth++
			i++
		case '}', ']':
			depth--
			i++
			if depth == 0 {
				return i, nil
			}
		case '"':
			end, err := skipString(r, i)
			if err != nil {
				return 0, err
			}
			i = end
		default:
			i++
		}
	}
	return 0, errEnd
}

// skipLiteral returns the place behind the number, true, false or null that
// begins at i.
func skipLiteral(r []byte, i int) (int, error) {
	end := i
	for end < len(r) && (r[end] >= '0' && r[end] <= '9' || r[end] >= 'a' && r[end] <= 'z' || r[end] == 'E' || r[end] == '-' || r[end] == '+' || r[end] == '.') {
		end++
	}
	if !json.Valid(r[i:end]) {
		return 0, fmt.Errorf("no value at byte %d", i)
	}
	return end, nil
}
