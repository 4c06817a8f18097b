package validate

import (
	"fmt"
	"regexp"
	"slices"
	"unicode/utf8"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Inside this package an error carries the whole value, so that updates can be
// compared; bytes stand for values that are never shown.

// What of a value is quoted, and of an explanation repeated, in bytes.
const (
	maxQuoted = 100
	maxDetail = 500
)

// presentable returns errs with long values shortened and bytes left out.
func presentable(errs field.ErrorList) field.ErrorList {
	for i, e := range errs {
		shown := *e
		shown.Detail = shorten(e.Detail, maxDetail)
		switch v := e.BadValue.(type) {
		case string:
			shown.BadValue = shorten(v, maxQuoted)
		case []byte:
			shown.BadValue = field.OmitValueType{}
		}
		errs[i] = &shown
	}
	return errs
}

// shorten cuts s to n bytes, or a little less so that no character is cut.
func shorten(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "…"
}

var listIndex = regexp.MustCompile(`\[\d+\]`)

// introduced returns the errors of new that old does not have. The place in a
// list does not count: a bad element that was there before may be moved.
func introduced(old, new field.ErrorList) field.ErrorList {
	identity := func(e *field.Error) string {
		return fmt.Sprintf("%s %s %q %s", e.Type, listIndex.ReplaceAllLiteralString(e.Field, "[]"), e.BadValue, e.Detail)
	}
	known := map[string]int{}
	for _, e := range old {
		known[identity(e)]++
	}
	var errs field.ErrorList
	for _, e := range new {
		if id := identity(e); known[id] > 0 {
			known[id]--
			continue
		}
		errs = append(errs, e)
	}
	return errs
}

// Merge returns first and then those errors of rest whose field first does not
// name. The webhook uses it to join what defaulting could not fill in with the
// errors of the object that still lacks it.
func Merge(first, rest field.ErrorList) field.ErrorList {
	errs := slices.Clone(first)
	for _, e := range rest {
		if !names(first, e.Field) {
			errs = append(errs, e)
		}
	}
	return errs
}

// names reports whether an error of errs is about path.
func names(errs field.ErrorList, path string) bool {
	return slices.ContainsFunc(errs, func(e *field.Error) bool { return e.Field == path })
}

// oneOf refuses a value that is neither empty nor allowed.
func oneOf[T ~string](path *field.Path, value T, allowed ...T) field.ErrorList {
	if value == "" || slices.Contains(allowed, value) {
		return nil
	}
	return field.ErrorList{field.NotSupported(path, string(value), allowed)}
}

// tooLong is field.TooLong with the value, to be compared, and with a remedy.
func tooLong(path *field.Path, value, detail string) *field.Error {
	return &field.Error{Type: field.ErrorTypeTooLong, Field: path.String(), BadValue: value, Detail: detail}
}
