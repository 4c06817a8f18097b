package review

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	admissionv1 "k8s.io/api/admission/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	kjson "sigs.k8s.io/json"

	"github.com/certwright/certwright/certs/rawjson"
)

// recorded returns reviews as a real API server sent them.
func recorded(t testing.TB) map[string][]byte {
	t.Helper()
	paths, err := filepath.Glob("../testdata/*.json")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no recorded reviews: %v", err)
	}
	bodies := map[string][]byte{}
	for _, path := range paths {
		if bodies[path], err = os.ReadFile(path); err != nil {
			t.Fatal(err)
		}
	}
	return bodies
}

func TestReadAgreesWithTheTypes(t *testing.T) {
	for path, body := range recorded(t) {
		t.Run(filepath.Base(path), func(t *testing.T) {
			t.Parallel()
			got, err := Read(body)
			if err != nil {
				t.Fatal(err)
			}
			var want admissionv1.AdmissionReview
			if err := json.Unmarshal(body, &want); err != nil {
				t.Fatal(err)
			}
			r := want.Request
			if diff := cmp.Diff(Request{
				UID: string(r.UID), Kind: GroupVersionKind(r.Kind), Resource: GroupVersionResource(r.Resource), SubResource: r.SubResource,
				Namespace: r.Namespace, Operation: string(r.Operation),
				User: got.User, Object: rawjson.Value(r.Object.Raw), OldObject: oldRaw(r.OldObject.Raw, got.OldObject),
			}, got); diff != "" {
				t.Errorf("Read() (-want +got):\n%s", diff)
			}
			user, err := got.UserInfo()
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(r.UserInfo, user); diff != "" {
				t.Errorf("UserInfo() (-want +got):\n%s", diff)
			}
		})
	}
}

// oldRaw: encoding/json leaves an old object that is null empty.
func oldRaw(want []byte, got rawjson.Value) rawjson.Value {
	if got.Null() && (len(want) == 0 || string(want) == "null") {
		return got
	}
	return want
}

func TestRead(t *testing.T) {
	const good = `{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"u","operation":"CREATE","resource":{"group":"g","version":"v1","resource":"things"}}}`
	tests := map[string]struct {
		body string
		want string // in the error; empty for none
	}{
		"the least that is understood":                 {body: good},
		"white space does not count":                   {body: " \n\t" + strings.ReplaceAll(good, `:`, " :\r\n ") + "\n"},
		"members that we do not know are stepped over": {body: strings.Replace(good, `"uid"`, `"more":[{"a":"]}\\\""},null,-1.5e+3,true],"uid"`, 1)},
		"a name may be written with escapes":           {body: strings.Replace(good, `"uid"`, `"\u0075id"`, 1)},
		"nothing":                                      {body: ``, want: "not a JSON object"},
		"no JSON":                                      {body: `hello`, want: "not a JSON object"},
		"a list":                                       {body: `[]`, want: "not a JSON object"},
		"an empty object":                              {body: `{}`, want: "apiVersion"},
		"half of it":                                   {body: good[:len(good)/2], want: "end of JSON"},
		"without its last byte":                        {body: good[:len(good)-1], want: "end of JSON"},
		"something behind it":                          {body: good + `{}`, want: "follows"},
		"an older version":                             {body: strings.Replace(good, "k8s.io/v1", "k8s.io/v1beta1", 1), want: `"admission.k8s.io/v1beta1"`},
		"another kind":                                 {body: strings.Replace(good, "AdmissionReview", "Pod", 1), want: `"Pod"`},
		"no request":                                   {body: `{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview"}`, want: "no request"},
		"a request that is null":                       {body: `{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":null}`, want: "no request"},
		"a request that is a string":                   {body: `{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":"x"}`, want: "not a JSON object"},
		"no uid":                                       {body: strings.Replace(good, `"uid":"u",`, "", 1), want: "no uid"},
		"no operation":                                 {body: strings.Replace(good, `"operation":"CREATE",`, "", 1), want: "no operation"},
		"no resource":                                  {body: strings.Replace(good, `"things"`, `""`, 1), want: "no resource"},
		"a uid that is a number":                       {body: strings.Replace(good, `"u"`, `1`, 1), want: "uid"},
		"a word that is no value":                      {body: strings.Replace(good, `"u"`, `nonsense`, 1), want: "no value"},
		"a colon is missing":                           {body: `{"apiVersion" "x"}`, want: "no colon"},
		"a comma is missing":                           {body: `{"a":1 "b":2}`, want: "no comma"},
		"a name is missing":                            {body: `{"a":1,}`, want: "no member name"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			req, err := Read([]byte(tt.body))
			switch {
			case tt.want == "" && err != nil:
				t.Errorf("Read() = %v", err)
			case tt.want == "" && (req.UID != "u" || req.Resource.Resource != "things"):
				t.Errorf("Read() = %+v", req)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("Read() = %v, want an error with %q", err, tt.want)
			}
		})
	}
}

// FuzzRead: what we read of a body is what the types read, and nothing makes us
// panic or read on for ever.
func FuzzRead(f *testing.F) {
	for _, body := range recorded(f) {
		f.Add(body)
	}
	f.Add([]byte(`{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"u","uid":"v","operation":"CREATE","resource":{"resource":"x"},"object":{},"object":null}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		got, err := Read(body)
		if err != nil {
			return
		}
		var want admissionv1.AdmissionReview
		if kjson.UnmarshalCaseSensitivePreserveInts(body, &want) != nil || want.Request == nil {
			return // we may be more lenient about what we step over
		}
		r := want.Request
		if got.UID != string(r.UID) || got.Operation != string(r.Operation) || got.Namespace != r.Namespace || got.SubResource != r.SubResource {
			t.Fatalf("%q: Read() = %+v, want %+v", body, got, r)
		}
		if string(got.Object) != string(r.Object.Raw) && !got.Object.Null() {
			t.Fatalf("%q: object is %q, want %q", body, got.Object, r.Object.Raw)
		}
	})
}

func TestAnswerAgreesWithTheTypes(t *testing.T) {
	path := field.NewPath("spec")
	tests := map[string]struct {
		answer Answer
		want   string // of the message; empty for allowed
		code   int32
	}{
		"allowed":                {answer: Allow()},
		"allowed with a warning": {answer: Allow(`mind the "gap"`, "zweite")},
		"allowed with a patch":   {answer: Answer{Patch: []byte(`[{"op":"add","path":"/spec","value":"\n"}]`)}},
		"one error is printed alone": {
			answer: Forbid(field.ErrorList{field.Required(path.Child("secretName"), "set it")}), code: 403,
			want: "spec.secretName: Required value: set it",
		},
		"several are printed as a list": {
			answer: Forbid(field.ErrorList{field.Required(path.Child("a"), ""), field.Forbidden(path.Child("b"), "no")}), code: 403,
			want: "[spec.a: Required value, spec.b: Forbidden: no]",
		},
		"a reason that is no field's": {answer: Refuse(400, "BadRequest", "no %s", "way"), code: 400, want: "no way"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out, err := tt.answer.AppendTo(nil, `u"1`)
			if err != nil {
				t.Fatal(err)
			}
			var got admissionv1.AdmissionReview
			if err := json.Unmarshal(out, &got); err != nil {
				t.Fatalf("%s: %v", out, err)
			}
			r := got.Response
			if got.APIVersion != "admission.k8s.io/v1" || got.Kind != "AdmissionReview" || r.UID != `u"1` {
				t.Errorf("AppendTo() = %s", out)
			}
			if r.Allowed != (tt.want == "") {
				t.Errorf("allowed = %v", r.Allowed)
			}
			if diff := cmp.Diff(tt.answer.Warnings, r.Warnings); diff != "" {
				t.Errorf("warnings (-want +got):\n%s", diff)
			}
			if string(r.Patch) != string(tt.answer.Patch) || (r.PatchType != nil) != (len(tt.answer.Patch) > 0) {
				t.Errorf("patch = %s of type %v", r.Patch, r.PatchType)
			}
			if tt.want == "" {
				return
			}
			if r.Result == nil || r.Result.Message != tt.want || r.Result.Code != tt.code {
				t.Fatalf("result = %+v", r.Result)
			}
		})
	}
}

func TestForbidNamesTheFieldsForMachines(t *testing.T) {
	a := Forbid(field.ErrorList{field.Duplicate(field.NewPath("spec", "additionalOutputFormats").Key("type"), "DER")})
	causes := a.Denial.Details.Causes
	if len(causes) != 1 || causes[0].Field != "spec.additionalOutputFormats[type]" || string(causes[0].Type) != "FieldValueDuplicate" {
		t.Errorf("causes = %+v", causes)
	}
}
