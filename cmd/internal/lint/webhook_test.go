package lint

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	jsonpatch "github.com/evanphx/json-patch/v5"
	"github.com/google/go-cmp/cmp"
	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/certwright/certwright/webhook"
)

// webhookAnswer is what the webhook says to the creation of the one object in a
// manifest: its errors, and its warnings if there are none.
func webhookAnswer(t *testing.T, manifest string) (errs, warnings []string) {
	t.Helper()
	documents, bad := documents(File{Data: []byte(manifest)})
	if len(documents) != 1 || len(bad) > 0 {
		t.Fatalf("not one document: %v", bad)
	}
	d := documents[0]
	group, version, _ := strings.Cut(d.apiVersion, "/")
	object := []byte(d.json)
	for _, path := range []string{"/mutate", "/validate"} {
		body, err := json.Marshal(admissionv1.AdmissionReview{
			TypeMeta: metav1.TypeMeta{APIVersion: "admission.k8s.io/v1", Kind: "AdmissionReview"},
			Request: &admissionv1.AdmissionRequest{
				UID: "1", Kind: metav1.GroupVersionKind{Group: group, Version: version, Kind: d.kind},
				Resource:  metav1.GroupVersionResource{Group: group, Version: version, Resource: strings.ToLower(d.kind) + "s"},
				Namespace: "shop", Name: d.name, Operation: admissionv1.Create,
				Object: runtime.RawExtension{Raw: object},
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		recorder := httptest.NewRecorder()
		post := httptest.NewRequest(http.MethodPost, path, bytes.NewReader(body))
		post.Header.Set("Content-Type", "application/json")
		webhook.Handler(webhook.Config{}).ServeHTTP(recorder, post)
		var answer admissionv1.AdmissionReview
		if err := json.Unmarshal(recorder.Body.Bytes(), &answer); err != nil || answer.Response == nil {
			t.Fatalf("%s: %v", recorder.Body, err)
		}
		warnings = answer.Response.Warnings
		if answer.Response.Allowed {
			if len(answer.Response.Patch) > 0 {
				patch, err := jsonpatch.DecodePatch(answer.Response.Patch)
				if err == nil {
					object, err = patch.Apply(object)
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			continue
		}
		if answer.Response.Result.Details == nil {
			t.Fatalf("it is no good to compare: %s", answer.Response.Result.Message)
		}
		for _, cause := range answer.Response.Result.Details.Causes {
			errs = append(errs, cause.Field+": "+cause.Message)
		}
		return errs, nil
	}
	return nil, warnings
}

// TestSameAsWebhook: one object alone gets the same errors and warnings from
// both, whatever of it is wrong.
func TestSameAsWebhook(t *testing.T) {
	acme := func(more string) string {
		return issuer("ClusterIssuer\nmetadata: {name: i}", "{acme: {server: https://a, privateKeySecretRef: {name: k}, "+more+"}}")
	}
	request := func(spec string) string {
		return "apiVersion: cert-manager.io/v1\nkind: CertificateRequest\nmetadata: {name: r, namespace: shop}\nspec: " + spec + "\n"
	}
	for name, manifest := range map[string]string{
		"a good Certificate":      certificate("web"),
		"many mistakes":           certificate("web", "duration: 1s", "renewBefore: 9h", "renewBeforePercentage: 0", "usages: [a, b]", "revisionHistoryLimit: 0", "signatureAlgorithm: MD5"),
		"no names":                strings.Replace(certificate("web"), "dnsNames", "dnsNames: []\n  uris", 1),
		"no issuer's name":        strings.Replace(certificate("web"), "{name: ca}", "{kind: Foo}", 1),
		"an explicit empty name":  strings.Replace(certificate("web"), "web-tls", `""`, 1),
		"a name to be made up":    strings.Replace(strings.Replace(certificate("web"), "name: web,", "generateName: web-,", 1), "  secretName: web-tls\n", "", 1),
		"names outside ASCII":     certificate("web", "commonName: ü", "emailAddresses: [ü@a.example]", "uris: ['%zz']"),
		"a subject":               certificate("web", "subject: {countries: [DE]}", "literalSubject: CN=x"),
		"keys":                    certificate("web", "privateKey: {algorithm: ECDSA, size: 2048, encoding: X, rotationPolicy: Z}"),
		"a CA":                    certificate("web", "nameConstraints: {permitted: {ipRanges: [x]}}"),
		"keystores":               certificate("web", "keystores: {jks: {create: true, password: p}, pkcs12: {create: true, profile: X}}"),
		"a reserved annotation":   certificate("web", "secretTemplate: {annotations: {cert-manager.io/x: z}, labels: {a: 'b c'}}"),
		"windows":                 certificate("web", "renewal: {windows: [{cron: x, windowDuration: 0s}]}"),
		"doubts":                  certificate("web", "commonName: b.example", "keystores: {pkcs12: {create: true, password: p}}"),
		"an address as DNS name":  strings.Replace(certificate("web"), "web.example", "192.0.2.1", 1),
		"a good issuer":           acme("solvers: [{http01: {ingress: {}}}]"),
		"no issuer":               issuer("Issuer\nmetadata: {name: i, namespace: shop}", "{}"),
		"two issuers":             issuer("Issuer\nmetadata: {name: i, namespace: shop}", "{ca: {secretName: ''}, vault: {server: '', path: ''}}"),
		"solvers":                 acme("solvers: [{}, {http01: {}}, {dns01: {cloudflare: {}, route53: {region: ''}}}, {dns01: {acmeDNS: {}}}]"),
		"a doubtful issuer":       acme("solvers: [{dns01: {route53: {accessKeyID: x}}}]"),
		"a request of nothing":    request("{issuerRef: {name: ca}}"),
		"a request of noise":      request("{issuerRef: {name: ca, kind: Foo}, request: bm9pc2U=, usages: [x]}"),
		"a request with an owner": request("{issuerRef: {name: ca}, request: bm9pc2U=, username: bob}"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wantErrors, wantWarnings := webhookAnswer(t, manifest)
			report := Files([]File{{Name: "f", Data: []byte(manifest)}}, Options{})
			var errs, warnings []string
			for _, f := range report.Findings {
				if f.Level == Error {
					errs = append(errs, f.Field+": "+f.Message)
				} else {
					warnings = append(warnings, f.Field+": "+f.Message)
				}
			}
			for i, w := range wantWarnings {
				p := located(w)
				wantWarnings[i] = p.field + ": " + p.message
			}
			for _, list := range [][]string{errs, wantErrors, warnings, wantWarnings} {
				slices.Sort(list)
			}
			if diff := cmp.Diff(wantErrors, errs, cmpNil); diff != "" {
				t.Errorf("errors (-webhook +lint):\n%s", diff)
			}
			if len(wantErrors) > 0 {
				return // the webhook does not warn of what it refuses
			}
			if diff := cmp.Diff(wantWarnings, warnings, cmpNil); diff != "" {
				t.Errorf("warnings (-webhook +lint):\n%s", diff)
			}
		})
	}
}
