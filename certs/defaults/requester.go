package defaults

import (
	"fmt"
	"reflect"

	authenticationv1 "k8s.io/api/authentication/v1"

	"github.com/certwright/certwright/certs/rawjson"
)

// Requester returns what to write into a CertificateRequest, raw as it was
// sent, so that it says who user, its creator, is. What the creator wrote there
// is overwritten, or removed where the user has no such attribute.
func Requester(raw []byte, user authenticationv1.UserInfo) ([]PatchOp, error) {
	top, err := readObject(raw)
	if err != nil {
		return nil, fmt.Errorf("read CertificateRequest: %w", err)
	}
	spec, err := top.object("spec")
	if err != nil {
		return nil, fmt.Errorf("read CertificateRequest: spec %w", err)
	}
	extra := map[string][]string{}
	for key, values := range user.Extra {
		extra[key] = values
	}
	var members []member
	var ops []PatchOp
	for _, part := range []struct {
		name  string
		value any
		empty bool
	}{
		{"username", user.Username, user.Username == ""},
		{"uid", user.UID, user.UID == ""},
		{"groups", user.Groups, len(user.Groups) == 0},
		{"extra", extra, len(extra) == 0},
	} {
		_, there := spec[part.name]
		switch {
		case part.empty && there:
			ops = append(ops, PatchOp{Op: "remove", Path: "/spec/" + part.name})
		case !part.empty && (!there || !holds(spec[part.name], part.value)):
			members = append(members, member{part.name, part.value})
		}
	}
	return append(fill(spec, "/spec", members), ops...), nil
}

// holds reports whether data is the JSON of value.
func holds(data rawjson.Value, value any) bool {
	got := reflect.New(reflect.TypeOf(value))
	if err := data.Decode(got.Interface()); err != nil {
		return false
	}
	return reflect.DeepEqual(got.Elem().Interface(), value)
}
