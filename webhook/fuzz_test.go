package webhook

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	jsonpatch "github.com/evanphx/json-patch/v5"
	admissionv1 "k8s.io/api/admission/v1"
	kjson "sigs.k8s.io/json"

	cmmeta "github.com/certwright/certwright/certs/meta/v1"
)

// FuzzHandler: whatever is posted, the answer is a review for the same request
// or HTTP 400, never a panic, and a patch fits the object.
func FuzzHandler(f *testing.F) {
	paths, err := filepath.Glob("testdata/*.json")
	if err != nil || len(paths) == 0 {
		f.Fatalf("no recorded reviews: %v", err)
	}
	for _, path := range paths {
		body, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(body)
	}
	for _, a := range []ask{
		{resource: "certificates", operation: "UPDATE", object: `{"spec":{}}`, old: `{"spec":{"issuerRef":{"name":"i"},"secretName":"s"}}`},
		{resource: "issuers", operation: "CREATE", object: `{"spec":{"acme":{"server":"s","solvers":[{"http01":{}}]}}}`},
		{resource: "orders", sub: "status", operation: "UPDATE", object: `{"status":{"url":"a"}}`, old: `{"status":{"url":"b"}}`},
		{resource: "challenges", operation: "UPDATE", object: `{"spec":{"token":"b"}}`, old: `{"spec":{"token":"a"}}`},
	} {
		f.Add(a.body(f))
	}
	handler := Handler(Config{Permissions: grant{}, DefaultIssuer: cmmeta.IssuerReference{Name: "ca"}})
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, path := range []string{mutatePath, validatePath} {
			w := send(handler, http.MethodPost, path, bytes.NewReader(body))
			if w.Code == http.StatusBadRequest {
				continue
			}
			var answer admissionv1.AdmissionReview
			if err := json.Unmarshal(w.Body.Bytes(), &answer); w.Code != http.StatusOK || err != nil || answer.Response == nil {
				t.Fatalf("%s: HTTP %d: %s: %v", path, w.Code, w.Body, err)
			}
			var sent admissionv1.AdmissionReview
			if kjson.UnmarshalCaseSensitivePreserveInts(body, &sent) != nil || sent.Request == nil {
				continue // not what an API server sends
			}
			if answer.Response.UID != sent.Request.UID {
				t.Fatalf("%s: uid %q, want %q", path, answer.Response.UID, sent.Request.UID)
			}
			if len(answer.Response.Patch) > 0 {
				patch, err := jsonpatch.DecodePatch(answer.Response.Patch)
				if err == nil {
					_, err = patch.Apply(sent.Request.Object.Raw)
				}
				if err != nil {
					t.Fatalf("%s: patch %s: %v", path, answer.Response.Patch, err)
				}
			}
		}
	})
}
