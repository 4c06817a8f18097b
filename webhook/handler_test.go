package webhook

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	jsonpatch "github.com/evanphx/json-patch/v5"
	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	admissionv1 "k8s.io/api/admission/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"

	cmmeta "github.com/certwright/certwright/certs/meta/v1"
)

// ask is a review in the making. Objects are JSON without apiVersion and kind.
type ask struct {
	resource, sub, operation, object, old string
	user                                  authenticationv1.UserInfo
}

var kinds = map[string][2]string{ // resource → group, kind
	"certificates":        {"cert-manager.io", "Certificate"},
	"certificaterequests": {"cert-manager.io", "CertificateRequest"},
	"issuers":             {"cert-manager.io", "Issuer"},
	"clusterissuers":      {"cert-manager.io", "ClusterIssuer"},
	"orders":              {"acme.cert-manager.io", "Order"},
	"challenges":          {"acme.cert-manager.io", "Challenge"},
	"things":              {"cert-manager.io", "Thing"},
}

func (a ask) body(t testing.TB) []byte {
	t.Helper()
	group, kind := kinds[a.resource][0], kinds[a.resource][1]
	typed := func(object string) runtime.RawExtension {
		if object == "" {
			return runtime.RawExtension{}
		}
		return runtime.RawExtension{Raw: []byte(strings.Replace(object, "{", fmt.Sprintf(`{"apiVersion":"%s/v1","kind":%q,`, group, kind), 1))}
	}
	body, err := json.Marshal(admissionv1.AdmissionReview{
		TypeMeta: metav1.TypeMeta{APIVersion: "admission.k8s.io/v1", Kind: "AdmissionReview"},
		Request: &admissionv1.AdmissionRequest{
			UID: "1", Kind: metav1.GroupVersionKind{Group: group, Version: "v1", Kind: kind},
			Resource:    metav1.GroupVersionResource{Group: group, Version: "v1", Resource: a.resource},
			SubResource: a.sub, Namespace: "team", Name: "x", Operation: admissionv1.Operation(a.operation), UserInfo: a.user,
			Object: typed(a.object), OldObject: typed(a.old),
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// send sends a body as JSON.
func send(handler http.Handler, method, path string, body io.Reader) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, body)
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	return w
}

// post sends a body and returns the answer.
func post(t testing.TB, handler http.Handler, path string, body []byte) *admissionv1.AdmissionResponse {
	t.Helper()
	recorder := send(handler, http.MethodPost, path, bytes.NewReader(body))
	if recorder.Code != http.StatusOK {
		t.Fatalf("HTTP %d: %s", recorder.Code, recorder.Body)
	}
	var answer admissionv1.AdmissionReview
	if err := json.Unmarshal(recorder.Body.Bytes(), &answer); err != nil || answer.Response == nil {
		t.Fatalf("%s: %v", recorder.Body, err)
	}
	return answer.Response
}

// patched returns what the patch in an answer makes of an object, and nothing
// else than its spec.
func patchedSpec(t testing.TB, body []byte, answer *admissionv1.AdmissionResponse) string {
	t.Helper()
	var sent admissionv1.AdmissionReview
	if err := json.Unmarshal(body, &sent); err != nil {
		t.Fatal(err)
	}
	object := sent.Request.Object.Raw
	if len(answer.Patch) > 0 {
		patch, err := jsonpatch.DecodePatch(answer.Patch)
		if err == nil {
			object, err = patch.Apply(object)
		}
		if err != nil {
			t.Fatalf("patch %s: %v", answer.Patch, err)
		}
	}
	var out struct{ Spec any }
	if err := json.Unmarshal(object, &out); err != nil {
		t.Fatal(err)
	}
	spec, err := json.Marshal(out.Spec)
	if err != nil {
		t.Fatal(err)
	}
	return string(spec)
}

// grant allows or refuses every approval, or fails.
type grant struct {
	refuse *field.Error
	err    error
	asked  *[]string
}

func (g grant) Check(_ context.Context, user authenticationv1.UserInfo, namespace string, ref cmmeta.IssuerReference) (*field.Error, error) {
	if g.asked != nil {
		*g.asked = append(*g.asked, user.Username+" "+namespace+"/"+ref.Name)
	}
	return g.refuse, g.err
}

var bob = authenticationv1.UserInfo{Username: "bob", UID: "7", Groups: []string{"dev", "ops"}, Extra: map[string]authenticationv1.ExtraValue{"k": {"v", "w"}}}

const bobSpec = `"username":"bob","uid":"7","groups":["dev","ops"],"extra":{"k":["v","w"]}`

// signingRequest is a CSR without extensions, as it stands in JSON.
var signingRequest = func() string {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key)
	if err != nil {
		panic(err)
	}
	encoded, err := json.Marshal(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}))
	if err != nil {
		panic(err)
	}
	return string(encoded)
}()

func certificateRequest(spec, status string) string {
	return `{"metadata":{"name":"x","namespace":"team","annotations":{"cert-manager.io/certificate-name":"web"}},"spec":{"issuerRef":{"name":"i"},"request":` +
		signingRequest + spec + `},"status":{"conditions":[` + status + `]}}`
}

const (
	approved = `{"type":"Approved","status":"True","reason":"r","lastTransitionTime":"2026-01-01T00:00:00Z"}`
	denied   = `{"type":"Denied","status":"True"}`
	issued   = `{"type":"Ready","status":"True","reason":"Issued"}`
)

func TestMutate(t *testing.T) {
	const full = `{"metadata":{"name":"web"},"spec":{"secretName":"s","issuerRef":{"name":"i","kind":"Issuer","group":"cert-manager.io"},"dnsNames":["a.example"],` +
		`"privateKey":{"algorithm":"ECDSA","encoding":"PKCS8","rotationPolicy":"Never"},"revisionHistoryLimit":3}}`
	tests := map[string]struct {
		ask       ask
		fallback  string // the configured default issuer
		want      string // the spec afterwards, or what the denial says
		code      int32
		untouched bool
	}{
		"what is missing is filled in": {
			ask:      ask{resource: "certificates", operation: "CREATE", object: `{"metadata":{"name":"web"},"spec":{"dnsNames":["a.example"]}}`},
			fallback: "house",
			want: `{"dnsNames":["a.example"],"issuerRef":{"group":"cert-manager.io","kind":"Issuer","name":"house"},` +
				`"privateKey":{"algorithm":"RSA","encoding":"PKCS1","rotationPolicy":"Always"},"revisionHistoryLimit":1,"secretName":"web"}`,
		},
		"what is complete is left alone": {
			ask:  ask{resource: "certificates", operation: "CREATE", object: full},
			want: full[strings.Index(full, `"spec":`)+7 : len(full)-1], untouched: true,
		},
		"fields that we do not know survive": {
			ask: ask{resource: "certificates", operation: "CREATE", object: `{"metadata":{"name":"web"},"spec":{"secretName":"s","issuerRef":{"name":"i","new":1},"dnsNames":["a.example"],"novel":{"a":[1]}}}`},
			want: `{"dnsNames":["a.example"],"issuerRef":{"group":"cert-manager.io","kind":"Issuer","name":"i","new":1},"novel":{"a":[1]},` +
				`"privateKey":{"algorithm":"RSA","encoding":"PKCS1","rotationPolicy":"Always"},"revisionHistoryLimit":1,"secretName":"s"}`,
		},
		"our words come before those of the schema, all of them": {
			ask:  ask{resource: "certificates", operation: "CREATE", object: `{"metadata":{"generateName":"web-"},"spec":{"usages":["serverAuth"]}}`},
			code: 403, want: "spec.secretName: Required value",
		},
		"without a default issuer the remedy is named": {
			ask:  ask{resource: "certificates", operation: "CREATE", object: `{"metadata":{"name":"web"},"spec":{"dnsNames":["a.example"]}}`},
			code: 403, want: "certwright.dev/default-issuer",
		},
		"an explicit empty name is refused": {
			ask:      ask{resource: "certificates", operation: "CREATE", object: `{"metadata":{"name":"web"},"spec":{"secretName":"","issuerRef":{"name":""},"dnsNames":["a.example"]}}`},
			fallback: "house", code: 403, want: "spec.secretName",
		},
		"no spec at all": {
			ask:      ask{resource: "certificates", operation: "CREATE", object: `{"metadata":{"name":"web"}}`},
			fallback: "house", code: 403, want: "spec: Invalid value",
		},
		"a bad duration is named with the remedy": {
			ask:  ask{resource: "certificates", operation: "CREATE", object: strings.Replace(full, `"secretName"`, `"duration":"90d","secretName"`, 1)},
			code: 400, want: `spec.duration: time: unknown unit "d" in duration "90d"; write durations in hours`,
		},
		"an update carries over what the manifest never had": {
			ask:  ask{resource: "certificates", operation: "UPDATE", object: `{"metadata":{"name":"web"},"spec":{"dnsNames":["b.example"]}}`, old: full},
			want: `{"dnsNames":["b.example"],"issuerRef":{"group":"cert-manager.io","kind":"Issuer","name":"i"},"secretName":"s"}`,
		},
		"an update is refused only for what it makes worse": {
			ask: ask{resource: "certificates", operation: "UPDATE",
				object: `{"metadata":{"name":"web"},"spec":{"secretName":"s","issuerRef":{"name":"i"},"dnsNames":["bücher.example","b.example"],"revisionHistoryLimit":0}}`,
				old:    `{"metadata":{"name":"web"},"spec":{"secretName":"s","issuerRef":{"name":"i"},"dnsNames":["bücher.example"],"revisionHistoryLimit":0}}`},
			want: `{"dnsNames":["bücher.example","b.example"],"issuerRef":{"name":"i"},"revisionHistoryLimit":0,"secretName":"s"}`, untouched: true,
		},
		"a new error in an old object is refused, and only that": {
			ask: ask{resource: "certificates", operation: "UPDATE",
				object: `{"metadata":{"name":"web"},"spec":{"secretName":"S","issuerRef":{"name":"i"},"dnsNames":["a.example"],"revisionHistoryLimit":0}}`,
				old:    `{"metadata":{"name":"web"},"spec":{"secretName":"s","issuerRef":{"name":"i"},"dnsNames":["a.example"],"revisionHistoryLimit":0}}`},
			code: 403, want: `spec.secretName: Invalid value: "S"`,
		},
		"an old object that cannot be read can be mended": {
			ask:  ask{resource: "certificates", operation: "UPDATE", object: full, old: strings.Replace(full, `"secretName"`, `"duration":"90d","secretName"`, 1)},
			want: full[strings.Index(full, `"spec":`)+7 : len(full)-1], untouched: true,
		},
		"a request is stamped with its creator": {
			ask:  ask{resource: "certificaterequests", operation: "CREATE", user: bob, object: certificateRequest(`,"username":"root","groups":["system:masters"]`, "")},
			want: `{"extra":{"k":["v","w"]},"groups":["dev","ops"],"issuerRef":{"name":"i"},"request":` + signingRequest + `,"uid":"7","username":"bob"}`,
		},
		"a garbage request is stamped, and left to the other entry": {
			ask:  ask{resource: "certificaterequests", operation: "CREATE", user: bob, object: `{"metadata":{"name":"x"},"spec":{"request":"AA=="}}`},
			want: `{"extra":{"k":["v","w"]},"groups":["dev","ops"],"request":"AA==","uid":"7","username":"bob"}`,
		},
		"a stamp is never changed": {
			ask:  ask{resource: "certificaterequests", operation: "UPDATE", user: bob, object: certificateRequest(`,"username":"eve"`, ""), old: certificateRequest(`,"username":"eve"`, "")},
			want: `{"issuerRef":{"name":"i"},"request":` + signingRequest + `,"username":"eve"}`, untouched: true,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			handler := Handler(Config{DefaultIssuer: cmmeta.IssuerReference{Name: tt.fallback}})
			body := tt.ask.body(t)
			answer := post(t, handler, "/mutate", body)
			if tt.code != 0 {
				if answer.Allowed || answer.Result.Code != tt.code || !strings.Contains(answer.Result.Message, tt.want) || len(answer.Patch) > 0 {
					t.Errorf("allowed=%v result=%+v, want %d with %q", answer.Allowed, answer.Result, tt.code, tt.want)
				}
				return
			}
			if !answer.Allowed {
				t.Fatalf("refused: %s", answer.Result.Message)
			}
			if diff := cmp.Diff(tt.want, patchedSpec(t, body, answer), jsonEqual); diff != "" {
				t.Errorf("spec (-want +got):\n%s", diff)
			}
			if tt.untouched != (len(answer.Patch) == 0) {
				t.Errorf("patch = %s", answer.Patch)
			}
			// Asked again, as after another mutator, there is nothing to add.
			if again := post(t, handler, "/mutate", withPatched(t, body, answer)); !again.Allowed || len(again.Patch) > 0 {
				t.Errorf("the second time: allowed=%v patch=%s", again.Allowed, again.Patch)
			}
		})
	}
}

// jsonEqual compares texts as JSON.
var jsonEqual = cmp.Comparer(func(a, b string) bool {
	var x, y any
	if json.Unmarshal([]byte(a), &x) != nil || json.Unmarshal([]byte(b), &y) != nil {
		return a == b
	}
	return cmp.Equal(x, y)
})

// withPatched returns the review of the object as it is after the patch.
func withPatched(t testing.TB, body []byte, answer *admissionv1.AdmissionResponse) []byte {
	t.Helper()
	var sent admissionv1.AdmissionReview
	if err := json.Unmarshal(body, &sent); err != nil {
		t.Fatal(err)
	}
	var object map[string]json.RawMessage
	if err := json.Unmarshal(sent.Request.Object.Raw, &object); err != nil {
		t.Fatal(err)
	}
	object["spec"] = json.RawMessage(patchedSpec(t, body, answer))
	raw, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	sent.Request.Object.Raw = raw
	if body, err = json.Marshal(sent); err != nil {
		t.Fatal(err)
	}
	return body
}

func TestValidate(t *testing.T) {
	const (
		good   = `{"metadata":{"name":"x"},"spec":{"secretName":"s","issuerRef":{"name":"i"},"dnsNames":["a.example"]}}`
		bad    = `{"metadata":{"name":"x"},"spec":{"secretName":"s","issuerRef":{"name":"i"}}}`
		order  = `{"metadata":{"name":"x"},"spec":{"request":"b25l","issuerRef":{"name":"i"}},"status":{"url":"one"}}`
		order2 = `{"metadata":{"name":"x"},"spec":{"request":"b25l","issuerRef":{"name":"i"}},"status":{"url":"two"}}`
	)
	no := field.Forbidden(field.NewPath("status", "conditions"), "may not")
	tests := map[string]struct {
		ask    ask
		grant  grant
		fields []string // that a denial names
		code   int32    // of a denial that names none
		says   string
		asks   []string // whose permission is asked
	}{
		"a good Certificate": {ask: ask{resource: "certificates", operation: "CREATE", object: good}},
		"a bad Certificate":  {ask: ask{resource: "certificates", operation: "CREATE", object: bad}, fields: []string{"spec"}},
		"an update that leaves a Certificate as bad as it was": {ask: ask{resource: "certificates", operation: "UPDATE", object: bad, old: bad}},
		"the status of a Certificate is never judged":          {ask: ask{resource: "certificates", sub: "status", operation: "UPDATE", object: bad, old: good}},
		"a Certificate that another mutator has spoiled":       {ask: ask{resource: "certificates", operation: "CREATE", object: `{"metadata":{"name":"x"},"spec":{"secretName":"","issuerRef":{"name":""},"dnsNames":["a.example"]}}`}, fields: []string{"spec.secretName", "spec.issuerRef.name"}},

		"a good request by its creator":        {ask: ask{resource: "certificaterequests", operation: "CREATE", user: bob, object: certificateRequest(`,`+bobSpec, "")}},
		"the order of groups has no meaning":   {ask: ask{resource: "certificaterequests", operation: "CREATE", user: bob, object: certificateRequest(`,"username":"bob","uid":"7","groups":["ops","dev"],"extra":{"k":["w","v"]}`, "")}},
		"a request without stamp fails closed": {ask: ask{resource: "certificaterequests", operation: "CREATE", user: bob, object: certificateRequest("", "")}, fields: []string{"spec.uid", "spec.username", "spec.groups", "spec.extra"}},
		"a request in another's name":          {ask: ask{resource: "certificaterequests", operation: "CREATE", user: bob, object: certificateRequest(`,"username":"root","uid":"7","groups":["dev","ops"],"extra":{"k":["v","w"]}`, "")}, fields: []string{"spec.username"}},
		"a garbage signing request":            {ask: ask{resource: "certificaterequests", operation: "CREATE", object: `{"spec":{"issuerRef":{"name":"i"},"request":"Z2FyYmFnZQ=="}}`}, fields: []string{"spec.request"}},
		"everything that is wrong at once":     {ask: ask{resource: "certificaterequests", operation: "CREATE", user: bob, object: `{"spec":{"issuerRef":{"name":""},"request":""}}`}, fields: []string{"spec.issuerRef.name", "spec.request", "spec.uid", "spec.username", "spec.groups", "spec.extra"}},

		"a request is immutable": {ask: ask{resource: "certificaterequests", operation: "UPDATE", user: bob, object: certificateRequest(`,"duration":"1h"`, ""), old: certificateRequest("", "")}, fields: []string{"spec"}},
		"its annotations of ours are, too": {ask: ask{resource: "certificaterequests", operation: "UPDATE", user: bob,
			object: strings.Replace(certificateRequest("", ""), "certificate-name", "foo", 1), old: certificateRequest("", "")},
			fields: []string{"metadata.annotations.cert-manager.io/certificate-name", "metadata.annotations.cert-manager.io/foo"}},
		"another's update of a label is none of our business": {ask: ask{resource: "certificaterequests", operation: "UPDATE", user: bob,
			object: strings.Replace(certificateRequest(`,"username":"eve"`, approved), `"name":"x"`, `"name":"x","labels":{"a":"b"}`, 1), old: certificateRequest(`,"username":"eve"`, approved)}},

		"approving takes permission": {ask: ask{resource: "certificaterequests", sub: "status", operation: "UPDATE", user: bob, object: certificateRequest("", approved), old: certificateRequest("", "")},
			asks: []string{"bob team/i"}},
		"so does denying": {ask: ask{resource: "certificaterequests", sub: "status", operation: "UPDATE", user: bob, object: certificateRequest("", denied), old: certificateRequest("", "")},
			asks: []string{"bob team/i"}},
		"without permission it is refused": {ask: ask{resource: "certificaterequests", sub: "status", operation: "UPDATE", user: bob, object: certificateRequest("", approved), old: certificateRequest("", "")},
			grant: grant{refuse: no}, fields: []string{"status.conditions"}, asks: []string{"bob team/i"}},
		"if nobody can say it is refused": {ask: ask{resource: "certificaterequests", sub: "status", operation: "UPDATE", user: bob, object: certificateRequest("", approved), old: certificateRequest("", "")},
			grant: grant{err: errors.New("the API server is away")}, code: 500, says: "away", asks: []string{"bob team/i"}},
		"answering takes none":       {ask: ask{resource: "certificaterequests", sub: "status", operation: "UPDATE", user: bob, object: certificateRequest("", approved+","+issued), old: certificateRequest("", approved)}},
		"Approved is True or absent": {ask: ask{resource: "certificaterequests", sub: "status", operation: "UPDATE", user: bob, object: certificateRequest("", strings.Replace(approved, "True", "False", 1)), old: certificateRequest("", "")}, fields: []string{"status.conditions.Approved"}, asks: []string{"bob team/i"}},
		"a decision is final":        {ask: ask{resource: "certificaterequests", sub: "status", operation: "UPDATE", user: bob, object: certificateRequest("", ""), old: certificateRequest("", approved)}, fields: []string{"status.conditions"}},
		"to its last letter":         {ask: ask{resource: "certificaterequests", sub: "status", operation: "UPDATE", user: bob, object: certificateRequest("", strings.Replace(approved, `"r"`, `"s"`, 1)), old: certificateRequest("", approved)}, fields: []string{"status.conditions"}},
		"there is only one of them":  {ask: ask{resource: "certificaterequests", sub: "status", operation: "UPDATE", user: bob, object: certificateRequest("", approved+","+denied), old: certificateRequest("", approved)}, fields: []string{"status.conditions"}, asks: []string{"bob team/i"}},

		"a good Issuer":                                   {ask: ask{resource: "issuers", operation: "CREATE", object: `{"spec":{"selfSigned":{}}}`}},
		"an Issuer of no kind":                            {ask: ask{resource: "issuers", operation: "CREATE", object: `{"spec":{}}`}, fields: []string{"spec"}},
		"a ClusterIssuer of no kind":                      {ask: ask{resource: "clusterissuers", operation: "CREATE", object: `{"spec":{}}`}, fields: []string{"spec"}},
		"an update of an Issuer that was of no kind":      {ask: ask{resource: "issuers", operation: "UPDATE", object: `{"metadata":{"labels":{}},"spec":{}}`, old: `{"spec":{}}`}},
		"the status of an Issuer is never judged":         {ask: ask{resource: "issuers", sub: "status", operation: "UPDATE", object: `{"spec":{}}`, old: `{"spec":{}}`}},
		"any Order may be made":                           {ask: ask{resource: "orders", operation: "CREATE", object: order}},
		"what the ACME server said to an Order is kept":   {ask: ask{resource: "orders", sub: "status", operation: "UPDATE", object: order2, old: order}, fields: []string{"status.url"}},
		"a Challenge is immutable":                        {ask: ask{resource: "challenges", operation: "UPDATE", object: `{"spec":{"token":"b"}}`, old: `{"spec":{"token":"a"}}`}, fields: []string{"spec"}},
		"the status of a Challenge is never judged":       {ask: ask{resource: "challenges", sub: "status", operation: "UPDATE", object: `{"spec":{"token":"b"}}`, old: `{"spec":{"token":"a"}}`}},
		"resources that are not ours are let through":     {ask: ask{resource: "things", operation: "CREATE", object: `{"spec":{}}`}},
		"deletions are let through":                       {ask: ask{resource: "certificates", operation: "DELETE", old: bad}},
		"other subresources are let through":              {ask: ask{resource: "certificates", sub: "scale", operation: "UPDATE", object: `{"spec":{}}`}},
		"a create without an object":                      {ask: ask{resource: "certificates", operation: "CREATE"}, code: 400, says: "object"},
		"an update without an old object":                 {ask: ask{resource: "certificates", operation: "UPDATE", object: good}, code: 400, says: "oldObject"},
		"a list where a text should be":                   {ask: ask{resource: "certificates", operation: "CREATE", object: strings.Replace(good, `"s"`, `["s"]`, 1)}, code: 400, says: "spec.secretName"},
		"a request whose approval is no list":             {ask: ask{resource: "certificaterequests", operation: "CREATE", user: bob, object: `{"spec":{},"status":{"conditions":{}}}`}, code: 400, says: "status.conditions"},
		"annotations that are no map":                     {ask: ask{resource: "certificaterequests", operation: "CREATE", user: bob, object: `{"metadata":{"annotations":1},"spec":{}}`}, code: 400, says: "metadata.annotations"},
		"an old request that cannot be read fails closed": {ask: ask{resource: "certificaterequests", sub: "status", operation: "UPDATE", user: bob, object: certificateRequest("", approved), old: certificateRequest(`,"duration":"90d"`, "")}, code: 400, says: "oldObject: spec.duration"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var asked []string
			tt.grant.asked = &asked
			answer := post(t, Handler(Config{Permissions: tt.grant}), "/validate", tt.ask.body(t))
			if diff := cmp.Diff(tt.asks, asked); diff != "" {
				t.Errorf("permissions asked (-want +got):\n%s", diff)
			}
			if want := len(tt.fields) == 0 && tt.code == 0; answer.Allowed != want {
				t.Fatalf("allowed = %v, want %v: %+v", answer.Allowed, want, answer.Result)
			}
			if answer.Allowed {
				return
			}
			if tt.code != 0 {
				if answer.Result.Code != tt.code || !strings.Contains(answer.Result.Message, tt.says) {
					t.Errorf("result = %+v", answer.Result)
				}
				return
			}
			named := map[string]bool{}
			for _, cause := range answer.Result.Details.Causes {
				named[cause.Field] = true
			}
			want := map[string]bool{}
			for _, f := range tt.fields {
				want[f] = true
			}
			if diff := cmp.Diff(want, named); diff != "" || answer.Result.Code != http.StatusForbidden || answer.Result.Reason != metav1.StatusReasonForbidden {
				t.Errorf("%+v: fields (-want +got):\n%s", answer.Result, diff)
			}
		})
	}
}

func TestContradictionsAreRefused(t *testing.T) {
	good := ask{resource: "certificates", operation: "CREATE", object: `{"metadata":{"name":"x"},"spec":{"secretName":"s","issuerRef":{"name":"i"},"dnsNames":["a.example"]}}`}
	tests := map[string]struct{ from, to string }{
		"the object is of another kind":      {`"apiVersion":"cert-manager.io/v1","kind":"Certificate"`, `"apiVersion":"cert-manager.io/v1","kind":"Issuer"`},
		"the object is of another group":     {`"apiVersion":"cert-manager.io/v1","kind"`, `"apiVersion":"v1","kind"`},
		"the object has no kind":             {`"apiVersion":"cert-manager.io/v1","kind":"Certificate",`, ``},
		"the kind does not fit the resource": {`"kind":{"group":"cert-manager.io","version":"v1","kind":"Certificate"}`, `"kind":{"group":"cert-manager.io","version":"v1","kind":"Issuer"}`},
		"the resource does not fit the kind": {`"resource":"certificates"`, `"resource":"issuers"`},
		"the object is a list":               {`"object":{`, `"object":[],"ignored":{`},
		"the versions differ":                {`"kind":{"group":"cert-manager.io","version":"v1"`, `"kind":{"group":"cert-manager.io","version":"v2"`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			body := string(good.body(t))
			if !strings.Contains(body, tt.from) {
				t.Fatalf("%s is not in %s", tt.from, body)
			}
			for _, path := range []string{"/mutate", "/validate"} {
				answer := post(t, Handler(Config{}), path, []byte(strings.Replace(body, tt.from, tt.to, 1)))
				if path == "/mutate" && strings.Contains(tt.to, `"resource":"issuers"`) && answer.Allowed {
					t.Errorf("%s allowed it", path)
				}
				if answer.Allowed || answer.Result.Code != http.StatusBadRequest {
					t.Errorf("%s: allowed=%v %+v", path, answer.Allowed, answer.Result)
				}
			}
		})
	}
}

// TestMembersThatAreThereTwice: API servers never send them, but whoever does
// must not be able to show one to one of our rules and another to the next.
func TestMembersThatAreThereTwice(t *testing.T) {
	const good, bad = `{"secretName":"s","issuerRef":{"name":"i"},"dnsNames":["a.example"]}`, `{"secretName":"S","issuerRef":{"name":"i"},"dnsNames":["a.example"]}`
	object := func(spec string) string { return `{"metadata":{"name":"x"},` + spec + `}` }
	tests := map[string]struct {
		object  string
		allowed bool
		says    string
	}{
		"the last spec counts":             {object: object(`"spec":` + bad + `,"spec":` + good), allowed: true},
		"whatever was before":              {object: object(`"spec":` + good + `,"spec":` + bad), says: "spec.secretName"},
		"and if it is null":                {object: object(`"spec":` + good + `,"spec":null`), says: "spec.issuerRef"},
		"a field that is there twice":      {object: object(`"spec":` + strings.Replace(good, "{", `{"secretName":"s",`, 1)), says: `duplicate field "secretName"`},
		"an issuerRef that is there twice": {object: object(`"spec":` + strings.Replace(good, "{", `{"issuerRef":{},`, 1)), says: `duplicate field "issuerRef"`},
		"a name in the issuerRef":          {object: object(`"spec":` + strings.Replace(good, `"name":"i"`, `"name":"i","name":""`, 1)), says: `duplicate field "issuerRef.name"`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, path := range []string{"/mutate", "/validate"} {
				answer := post(t, Handler(Config{}), path, ask{resource: "certificates", operation: "CREATE", object: tt.object}.body(t))
				if answer.Allowed != tt.allowed || !tt.allowed && !strings.Contains(answer.Result.Message, tt.says) {
					t.Errorf("%s: allowed = %v, %+v", path, answer.Allowed, answer.Result)
				}
			}
		})
	}
}

func TestRecordedReviewsAreAllowed(t *testing.T) {
	for file, path := range map[string]string{
		"certificate-create.json":         "/mutate",
		"certificate-replace.json":        "/mutate",
		"certificaterequest-create.json":  "/mutate",
		"certificaterequest-approve.json": "/validate",
	} {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			body, err := os.ReadFile("testdata/" + file)
			if err != nil {
				t.Fatal(err)
			}
			answer := post(t, Handler(Config{Permissions: grant{}, DefaultIssuer: cmmeta.IssuerReference{Name: "ca"}}), path, body)
			if !answer.Allowed {
				t.Errorf("refused: %s", answer.Result.Message)
			}
		})
	}
}

func TestHTTP(t *testing.T) {
	registry := prometheus.NewRegistry()
	metrics, err := NewMetrics(registry)
	if err != nil {
		t.Fatal(err)
	}
	good := ask{resource: "certificates", operation: "CREATE", object: `{"metadata":{"name":"x"},"spec":{"secretName":"s","issuerRef":{"name":"i"},"dnsNames":["a.example"]}}`}.body(t)
	approval := ask{resource: "certificaterequests", sub: "status", operation: "UPDATE", object: certificateRequest("", approved), old: certificateRequest("", "")}.body(t)
	handler := Handler(Config{Metrics: metrics, Permissions: panicking{}})
	for _, tt := range []struct {
		name, method, path string
		body               io.Reader
		length             int64
		contentType        string
		code               int
	}{
		{name: "a review is answered", method: "POST", path: "/validate", body: bytes.NewReader(good), code: 200},
		{name: "only POST will do", method: "GET", path: "/validate", body: http.NoBody, code: 405},
		{name: "another path", method: "POST", path: "/convert", body: bytes.NewReader(good), code: 404},
		{name: "JSON with a character set", method: "POST", path: "/validate", contentType: "application/json; charset=utf-8", body: bytes.NewReader(good), code: 200},
		{name: "another content type", method: "POST", path: "/validate", contentType: "application/vnd.kubernetes.protobuf", body: bytes.NewReader(good), code: 415},
		{name: "a form from somebody's browser", method: "POST", path: "/validate", contentType: "text/plain", body: bytes.NewReader(good), code: 415},
		{name: "a content type that is none", method: "POST", path: "/validate", contentType: ";", body: bytes.NewReader(good), code: 415},
		{name: "no review", method: "POST", path: "/mutate", body: strings.NewReader("hello"), code: 400},
		{name: "no body", method: "POST", path: "/mutate", body: http.NoBody, code: 400},
		{name: "a version of the review that we do not know", method: "POST", path: "/mutate", body: strings.NewReader(strings.Replace(string(good), "admission.k8s.io/v1", "admission.k8s.io/v1beta1", 1)), code: 400},
		{name: "a review without a request", method: "POST", path: "/mutate", body: strings.NewReader(`{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1"}`), code: 400},
		{name: "half a review", method: "POST", path: "/mutate", body: bytes.NewReader(good[:len(good)/2]), code: 400},
		{name: "brackets without end", method: "POST", path: "/mutate", body: strings.NewReader(strings.Repeat("[", 1<<20)), code: 400},
		{name: "objects in each other without end", method: "POST", path: "/mutate", body: strings.NewReader(strings.Repeat(`{"request":`, 1<<18)), code: 400},
		{name: "a body that says it is too long", method: "POST", path: "/mutate", body: bytes.NewReader(good), length: maxBody + 1, code: 413},
		{name: "a body that is too long and does not say so", method: "POST", path: "/mutate", body: endless{}, length: -1, code: 413},
		{name: "a body that breaks off", method: "POST", path: "/mutate", body: io.MultiReader(strings.NewReader("{"), brokenPipe{}), length: -1, code: 400},
		{name: "a panic", method: "POST", path: "/validate", body: bytes.NewReader(approval), code: 500},
		{name: "another review after the panic", method: "POST", path: "/validate", body: bytes.NewReader(good), code: 200},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequest(tt.method, tt.path, tt.body)
			if tt.contentType == "" {
				tt.contentType = "application/json"
			}
			r.Header.Set("Content-Type", tt.contentType)
			if tt.length != 0 {
				r.ContentLength = tt.length
			}
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, r)
			if w.Code != tt.code {
				t.Errorf("HTTP %d, want %d: %s", w.Code, tt.code, w.Body)
			}
		})
	}
	if got := testutil.ToFloat64(metrics.panics); got != 1 {
		t.Errorf("panics = %v", got)
	}
	if got := testutil.ToFloat64(metrics.reviews[subject{"Certificate", "CREATE"}].allowed); got != 3 {
		t.Errorf("reviews = %v", got)
	}
}

type panicking struct{}

func (panicking) Check(context.Context, authenticationv1.UserInfo, string, cmmeta.IssuerReference) (*field.Error, error) {
	panic("on purpose")
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

type brokenPipe struct{}

func (brokenPipe) Read([]byte) (int, error) { return 0, errors.New("connection reset") }
