package rawjson_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/certwright/certwright/certs/rawjson"
)

func TestMember(t *testing.T) {
	tests := map[string]struct {
		object string
		want   string // of the member a
		fails  string // what the error says
	}{
		"a member":                             {object: `{"b":1,"a":2}`, want: `2`},
		"no such member":                       {object: `{"b":1}`},
		"no member at all":                     {object: ` { } `},
		"the last of two counts":               {object: `{"a":1,"a":[2]}`, want: `[2]`},
		"names differ in case":                 {object: `{"A":1}`},
		"a name with an escape":                {object: `{"\u0061":1}`, want: `1`},
		"brackets and quotes inside of text":   {object: `{"b":"}]\"{\\","a":"\\"}`, want: `"\\"`},
		"what is stepped over is not checked":  {object: `{"b":[1 2,],"a":1}`, want: `1`},
		"but has an end":                       {object: `{"b":[1`, fails: "end of JSON"},
		"a million lists in each other":        {object: `{"b":` + strings.Repeat("[", 1e6) + strings.Repeat("]", 1e6) + `,"a":1}`, want: `1`},
		"a million lists that are never ended": {object: `{"b":` + strings.Repeat("[", 1e6), fails: "end of JSON"},
		"a text that never ends":               {object: `{"b":"` + strings.Repeat(`\`, 1e6), fails: "end of JSON"},
		"a list is no object":                  {object: `[]`, fails: "not a JSON object"},
		"null is none":                         {object: `null`, fails: "not a JSON object"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := rawjson.Value(tt.object).Member("a")
			if string(got) != tt.want {
				t.Errorf("Member() = %s, want %s", got, tt.want)
			}
			if (err != nil) != (tt.fails != "") || err != nil && !strings.Contains(err.Error(), tt.fails) {
				t.Errorf("Member() = %v, want an error with %q", err, tt.fails)
			}
		})
	}
}

func TestText(t *testing.T) {
	for _, text := range []string{"", "plain", `with "quotes" and \`, "line\n", "ümlaut", "\u2028", "<&>"} {
		encoded, err := rawjson.AppendText(nil, text)
		if err != nil {
			t.Fatal(err)
		}
		var want string
		if err := json.Unmarshal(encoded, &want); err != nil || want != text {
			t.Errorf("AppendText(%q) = %s", text, encoded)
		}
		v := rawjson.Value(encoded)
		if got, err := v.Text(); err != nil || got != text || !v.Is(text) || v.Is(text+"x") {
			t.Errorf("%s is read as %q, %v", encoded, got, err)
		}
	}
	if v := rawjson.Value(`1`); v.Is("1") {
		t.Error("a number is no text")
	}
}

func TestValues(t *testing.T) {
	for object, want := range map[string]int{``: 0, `{}`: 0, `{"a":1}`: 0, `{"a":[1,2,{"b":3,"c":4}],",,":",\","}`: 4, `["`: 0} {
		if got := rawjson.Value(object).Values(); got != want {
			t.Errorf("Values() of %s = %d, want %d", object, got, want)
		}
	}
}

// FuzzMembers: what encoding/json takes for an object has the same members
// here, and nothing makes us panic or read on for ever.
func FuzzMembers(f *testing.F) {
	for _, seed := range []string{`{}`, `{"a":"\\\"}","b":[{}],"c":-1e9,"d":null,"":""}`, `{"a":{`, `{"a":"\`, "{\"\x80\":1}", `{"a":{"b":[1,"x"]},"a":true}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		got := map[string]string{}
		err := rawjson.Value(data).Members(func(name []byte, value rawjson.Value) error {
			got[string(name)] = string(value)
			return nil
		})
		rawjson.Value(data).Values()
		var want map[string]json.RawMessage
		if json.Unmarshal(data, &want) != nil || want == nil {
			return // we may be more lenient, but must come back
		}
		if err != nil {
			t.Fatalf("%q: %v", data, err)
		}
		if len(got) != len(want) {
			t.Fatalf("%q: %d members, want %d", data, len(got), len(want))
		}
		for name, value := range want {
			if got[name] != string(value) {
				t.Fatalf("%q: member %q is %q, want %q", data, name, got[name], value)
			}
		}
	})
}
