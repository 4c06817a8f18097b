package lint

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kjson "sigs.k8s.io/json"

	"github.com/certwright/certwright/certs/spelling"
)

// maxElsewhere is how deep a misplaced field is looked for.
const maxElsewhere = 4

// A problem is what is wrong with a field.
type problem struct{ field, message string }

// A structure compares a document with the type that it is decoded into.
type structure struct {
	root reflect.Type
	// unknown are fields that the type does not have, malformed those whose
	// value has another type.
	unknown, malformed []problem
	// unclear says that it cannot be told what a malformed value was to be, so
	// that the rest cannot be judged.
	unclear bool
}

// A decoded is what came of a document.
type decoded struct {
	structure
	// members is the document as generic JSON.
	members map[string]any
	// json is the document as it was read.
	json json.RawMessage
}

// decode reads raw into the object that into points to, and returns all that
// does not fit. What a malformed value means, where that is clear, takes its
// place, so that the rest can be judged. The status is left out, which the API
// server drops when an object is created.
func decode(raw json.RawMessage, into any) (decoded, error) {
	d := decoded{structure: structure{root: reflect.TypeOf(into).Elem()}, json: raw}
	if err := kjson.UnmarshalCaseSensitivePreserveInts(raw, &d.members); err != nil {
		return d, err
	}
	_, reported := d.members["status"]
	delete(d.members, "status")
	d.object(d.members, d.root, "")
	if reported || len(d.malformed) > 0 {
		changed, err := json.Marshal(d.members)
		if err != nil {
			return d, err
		}
		d.json = changed
	}
	return d, kjson.UnmarshalCaseSensitivePreserveInts(d.json, into)
}

// object compares the members of an object with the fields of t.
func (s *structure) object(members map[string]any, t reflect.Type, path string) {
	known := fields(t)
	for _, name := range slices.Sorted(maps.Keys(members)) {
		at := name
		if path != "" {
			at = path + "." + name
		}
		if of, ok := known[name]; ok {
			members[name] = s.value(members[name], of, at)
		} else {
			s.unknown = append(s.unknown, problem{at, s.unknownField(name, known)})
		}
	}
}

func (s *structure) unknownField(name string, known map[string]reflect.Type) string {
	const unknown = "unknown field, which the API server drops"
	meant := spelling.Nearest(name, slices.Sorted(maps.Keys(known)))
	if meant == "" {
		meant = former[name]
	}
	if meant == "" {
		meant = elsewhere(name, s.root)
	}
	if meant == "" {
		return unknown
	}
	return unknown + "; did you mean " + meant + "?"
}

// former are fields of cert-manager's old API versions, and where they are now.
var former = map[string]string{
	"organization": "subject.organizations",
	"keyAlgorithm": "privateKey.algorithm",
	"keyEncoding":  "privateKey.encoding",
	"keySize":      "privateKey.size",
	"uriSANs":      "uris",
	"emailSANs":    "emailAddresses",
	"csr":          "request",
}

// value compares a value with t and returns it, what it means, or nothing. Null
// is absent.
func (s *structure) value(value any, t reflect.Type, path string) any {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if value == nil {
		return nil
	}
	var wrong string
	if reflect.PointerTo(t).Implements(reflect.TypeFor[json.Unmarshaler]()) {
		wrong = refusedBy(value, t)
	} else {
		wrong = s.kind(value, t, path)
	}
	if wrong == "" {
		return value
	}
	s.malformed = append(s.malformed, problem{path, wrong})
	meant, sure := meaning(value, t)
	s.unclear = s.unclear || !sure
	return meant
}

// kind says what value should be to be a t, "" if it is.
func (s *structure) kind(value any, t reflect.Type, path string) string {
	switch t.Kind() {
	case reflect.Struct:
		members, ok := value.(map[string]any)
		if !ok {
			return "must be an object" + fieldNames(t) + insteadOf(value)
		}
		s.object(members, t, path)
	case reflect.Map:
		members, ok := value.(map[string]any)
		if !ok {
			return "must be an object" + insteadOf(value)
		}
		for _, key := range slices.Sorted(maps.Keys(members)) {
			members[key] = s.value(members[key], t.Elem(), path+"["+key+"]")
		}
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return base64Problem(value)
		}
		elements, ok := value.([]any)
		if !ok {
			return "must be a list" + insteadOf(value)
		}
		for i := range elements {
			elements[i] = s.value(elements[i], t.Elem(), fmt.Sprintf("%s[%d]", path, i))
		}
	case reflect.String:
		if _, ok := value.(string); !ok {
			return "must be a string" + insteadOf(value) + quote(value)
		}
	case reflect.Bool:
		if _, ok := value.(bool); !ok {
			return "must be true or false" + insteadOf(value) + unquote(value)
		}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return integerProblem(value, t)
	default: // our types have no others, but for what may be anything
	}
	return ""
}

var days = regexp.MustCompile(`^([0-9]{1,5})d$`)

// meaning returns what a value of another type must have been meant to be as a
// t. It is not sure if there is more than one answer.
func meaning(value any, t reflect.Type) (meant any, sure bool) {
	text, isText := value.(string)
	switch {
	case t == reflect.TypeFor[metav1.Duration]():
		if found := days.FindStringSubmatch(text); found != nil {
			n, _ := strconv.Atoi(found[1]) // it has digits only
			return (time.Duration(n) * 24 * time.Hour).String(), true
		}
	case t.Kind() == reflect.String && !isText:
		switch value.(type) {
		case bool, int64, float64:
			return fmt.Sprint(value), true
		}
	case !isText:
	case t.Kind() == reflect.Bool:
		b, err := strconv.ParseBool(text)
		return b, err == nil
	case t.Kind() == reflect.Int, t.Kind() == reflect.Int32, t.Kind() == reflect.Int64:
		n, err := strconv.ParseInt(text, 10, t.Bits())
		return n, err == nil
	case t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.String:
		return []any{text}, true
	}
	return nil, false
}

// insteadOf says what value is. Values are not shown: any could be a secret.
func insteadOf(value any) string {
	switch value.(type) {
	case string:
		return ", not a string"
	case bool:
		return ", not a boolean"
	case int64, float64:
		return ", not a number"
	case []any:
		return ", not a list"
	default:
		return ", not an object"
	}
}

// quote and unquote say how YAML's idea of a value is changed.
func quote(value any) string {
	switch value.(type) {
	case bool, int64, float64:
		return "; put it in quotes"
	}
	return ""
}

func unquote(value any) string {
	if _, quoted := value.(string); quoted {
		return "; take the quotes away"
	}
	return ""
}

// fieldNames names the fields of t if they are few.
func fieldNames(t reflect.Type) string {
	names := slices.Sorted(maps.Keys(fields(t)))
	if len(names) == 0 || len(names) > 5 {
		return ""
	}
	return " (" + strings.Join(names, ", ") + ")"
}

func integerProblem(value any, t reflect.Type) string {
	n, ok := value.(int64)
	_, fraction := value.(float64)
	switch {
	case fraction:
		return "must be a whole number"
	case !ok:
		return "must be a whole number" + insteadOf(value) + unquote(value)
	case reflect.Zero(t).OverflowInt(n):
		return "is too large a number"
	default:
		return ""
	}
}

func base64Problem(value any) string {
	encoded, ok := value.(string)
	if !ok {
		return "must be a string" + insteadOf(value)
	}
	// As encoding/json reads it: line breaks are fine.
	if _, err := base64.StdEncoding.DecodeString(encoded); err != nil {
		return "must be base64"
	}
	return ""
}

// refusedBy asks t itself, which has its own way to be decoded.
func refusedBy(value any, t reflect.Type) string {
	raw, err := json.Marshal(value)
	if err != nil {
		return "cannot be read"
	}
	err = kjson.UnmarshalCaseSensitivePreserveInts(raw, reflect.New(t).Interface())
	switch {
	case err == nil:
		return ""
	case t == reflect.TypeFor[metav1.Duration]():
		return fmt.Sprintf("%.100s is not a duration; write durations in hours, minutes and seconds, for example 2160h for 90 days", raw)
	case t == reflect.TypeFor[metav1.Time]():
		return "must be a time such as 2026-01-31T12:00:00Z"
	case t == reflect.TypeFor[resource.Quantity]():
		return "must be a quantity such as 100m or 64Mi"
	default:
		return "cannot be read as " + t.Name()
	}
}

// fields returns the fields of a struct by their names in JSON.
func fields(t reflect.Type) map[string]reflect.Type {
	all := make(map[string]reflect.Type, t.NumField())
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case name == "-" || !f.IsExported():
		case name != "":
			all[name] = f.Type
		case f.Anonymous && f.Type.Kind() == reflect.Struct:
			maps.Copy(all, fields(f.Type))
		}
	}
	return all
}

// elsewhere returns the path of a field of that name somewhere in t, the least
// deep one, and "" if there is none.
func elsewhere(name string, t reflect.Type) string {
	type place struct {
		path string
		of   reflect.Type
	}
	level := []place{{"", t}}
	for range maxElsewhere {
		var next []place
		for _, p := range level {
			known := fields(p.of)
			for _, n := range slices.Sorted(maps.Keys(known)) {
				path := strings.TrimPrefix(p.path+"."+n, ".")
				if strings.EqualFold(n, name) {
					return path
				}
				if of := structInside(known[n]); of != nil && path != "metadata" && path != "status" {
					next = append(next, place{path, of})
				}
			}
		}
		level = next
	}
	return ""
}

// structInside returns the struct that t points to, or of which it is a list;
// nil if it is something else.
func structInside(t reflect.Type) reflect.Type {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct {
		return nil
	}
	return t
}
