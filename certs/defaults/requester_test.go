package defaults_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	authenticationv1 "k8s.io/api/authentication/v1"

	"github.com/certwright/certwright/certs/defaults"
)

func TestRequester(t *testing.T) {
	bob := authenticationv1.UserInfo{Username: "bob", UID: "1", Groups: []string{"dev"}, Extra: map[string]authenticationv1.ExtraValue{"scopes": {"a"}}}
	plain := authenticationv1.UserInfo{Username: "bob"}
	const asBob = `"username":"bob","uid":"1","groups":["dev"],"extra":{"scopes":["a"]}`

	tests := map[string]struct {
		raw  string
		user authenticationv1.UserInfo
		want []string
	}{
		"all four are filled in": {
			raw: `{"spec":{"request":"eA=="}}`, user: bob,
			want: []string{
				`{"op":"add","path":"/spec/username","value":"bob"}`, `{"op":"add","path":"/spec/uid","value":"1"}`,
				`{"op":"add","path":"/spec/groups","value":["dev"]}`, `{"op":"add","path":"/spec/extra","value":{"scopes":["a"]}}`,
			},
		},
		"row 94: what the creator claims is overwritten": {
			raw: `{"spec":{"username":"admin","uid":"1","groups":["system:masters"],"extra":{"scopes":["a"],"x":["y"]}}}`, user: bob,
			want: []string{
				`{"op":"add","path":"/spec/username","value":"bob"}`, `{"op":"add","path":"/spec/groups","value":["dev"]}`,
				`{"op":"add","path":"/spec/extra","value":{"scopes":["a"]}}`,
			},
		},
		"what the user does not have is removed": {
			raw: `{"spec":{` + asBob + `}}`, user: plain,
			want: []string{`{"op":"remove","path":"/spec/uid"}`, `{"op":"remove","path":"/spec/groups"}`, `{"op":"remove","path":"/spec/extra"}`},
		},
		"even if it is null":   {raw: `{"spec":{"username":"bob","extra":null}}`, user: plain, want: []string{`{"op":"remove","path":"/spec/extra"}`}},
		"the truth is left":    {raw: `{"spec":{` + asBob + `}}`, user: bob},
		"claims of wrong type": {raw: `{"spec":{"username":1}}`, user: plain, want: []string{`{"op":"add","path":"/spec/username","value":"bob"}`}},
		"a missing spec is made": {
			raw: `{}`, user: plain, want: []string{`{"op":"add","path":"/spec","value":{"username":"bob"}}`},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ops, err := defaults.Requester([]byte(tt.raw), tt.user)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(strings.Join(tt.want, "\n"), wire(t, ops)); diff != "" {
				t.Errorf("operations (-want +got):\n%s", diff)
			}
			if again, err := defaults.Requester([]byte(apply(t, tt.raw, ops)), tt.user); err != nil || len(again) > 0 {
				t.Errorf("a second time it changes %s (%v)", wire(t, again), err)
			}
		})
	}
	for name, raw := range map[string]string{"no JSON": `{`, "no object": `[]`, "a spec that is none": `{"spec":1}`} {
		if _, err := defaults.Requester([]byte(raw), bob); err == nil {
			t.Errorf("%s was read", name)
		}
	}
}
