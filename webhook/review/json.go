package review

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	kjson "sigs.k8s.io/json"
)

// Raw is one JSON value as it came.
type Raw []byte

// Null reports whether the value is absent or null.
func (r Raw) Null() bool { return len(r) == 0 || string(r) == "null" }

// Decode reads r into the value that into points to. Names of fields must
// agree in case, as they must for the API server. Null leaves it as it is.
func (r Raw) Decode(into any) error {
	if r.Null() {
		return nil
	}
	return kjson.UnmarshalCaseSensitivePreserveInts(r, into)
}

// Text reads r as a string. Null is the empty string.
func (r Raw) Text() (string, error) {
	b, err := r.text()
	return string(b), err
}

// text is Text, and aliases r if it can.
func (r Raw) text() ([]byte, error) {
	if r.Null() {
		return nil, nil
	}
	if n := len(r); n >= 2 && r[0] == '"' && plain(r[1:n-1]) {
		return r[1 : n-1], nil
	}
	var s string
	if err := json.Unmarshal(r, &s); err != nil {
		return nil, err
	}
	return []byte(s), nil
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

// Members calls visit for each member of the object r, in order. The name and
// the value alias r.
func (r Raw) Members(visit func(name []byte, value Raw) error) error {
	i := space(r, 0)
	if i == len(r) || r[i] != '{' {
		return errObject
	}
	i = space(r, i+1)
	if i < len(r) && r[i] == '}' {
		return atEnd(r, i+1)
	}
	for {
		if i == len(r) || r[i] != '"' {
			return fmt.Errorf("no member name at byte %d", i)
		}
		end, err := skipString(r, i)
		if err != nil {
			return err
		}
		name, err := r[i:end].text()
		if err != nil {
			return err
		}
		i = space(r, end)
		if i == len(r) || r[i] != ':' {
			return fmt.Errorf("no colon at byte %d", i)
		}
		i = space(r, i+1)
		end, err = skip(r, i)
		if err != nil {
			return err
		}
		if err := visit(name, r[i:end]); err != nil {
			return err
		}
		i = space(r, end)
		if i == len(r) {
			return errEnd
		}
		switch r[i] {
		case ',':
			i = space(r, i+1)
		case '}':
			return atEnd(r, i+1)
		default:
			return fmt.Errorf("no comma at byte %d", i)
		}
	}
}

// Member returns the member of that name, nil if there is none.
func (r Raw) Member(name string) (Raw, error) {
	var found Raw
	err := r.Members(func(n []byte, value Raw) error {
		if string(n) == name {
			found = value
		}
		return nil
	})
	return found, err
}

// Values returns how many values r holds at any depth, less the first of each
// list and object: it counts the commas between them.
func (r Raw) Values() int {
	n := 0
	for i := 0; i < len(r); i++ {
		switch r[i] {
		case ',':
			n++
		case '"':
			end, err := skipString(r, i)
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
func atEnd(r Raw, i int) error {
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
