package defaults_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"fmt"
	mathrand "math/rand/v2"
	"strings"
	"testing"

	jsonpatch "github.com/evanphx/json-patch/v5"
	"github.com/google/go-cmp/cmp"
	k8sjson "sigs.k8s.io/json"

	"github.com/certwright/certwright/certs"
	"github.com/certwright/certwright/certs/defaults"
	cmmeta "github.com/certwright/certwright/certs/meta/v1"
	certsv1 "github.com/certwright/certwright/certs/v1"
)

// apply applies ops to raw, and ops as they go over the wire.
func apply(t testing.TB, raw string, ops []defaults.PatchOp) string {
	t.Helper()
	data, err := json.Marshal(ops)
	if err != nil {
		t.Fatal(err)
	}
	patch, err := jsonpatch.DecodePatch(data)
	if err != nil {
		t.Fatal(err)
	}
	if len(ops) == 0 {
		return raw
	}
	out, err := patch.Apply([]byte(raw))
	if err != nil {
		t.Fatalf("apply %s to %s: %v", data, raw, err)
	}
	return string(out)
}

// wire writes ops one per line, as they go over the wire.
func wire(t testing.TB, ops []defaults.PatchOp) string {
	t.Helper()
	var lines []string
	for _, op := range ops {
		data, err := json.Marshal(op)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, string(data))
	}
	return strings.Join(lines, "\n")
}

func TestCertificateOnCreate(t *testing.T) {
	const (
		key   = `{"op":"add","path":"/spec/privateKey","value":{"algorithm":"RSA","encoding":"PKCS1","rotationPolicy":"Always"}}`
		limit = `{"op":"add","path":"/spec/revisionHistoryLimit","value":1}`
		kind  = `{"op":"add","path":"/spec/issuerRef/kind","value":"Issuer"}`
		group = `{"op":"add","path":"/spec/issuerRef/group","value":"cert-manager.io"}`
		name  = `{"op":"add","path":"/spec/secretName","value":"web"}`

		full    = `"issuerRef":{"name":"i","kind":"Issuer","group":"cert-manager.io"}`
		fullKey = `"privateKey":{"algorithm":"RSA","encoding":"PKCS1","rotationPolicy":"Always"}`
	)
	issuer := &cmmeta.IssuerReference{Name: "ca", Kind: "ClusterIssuer"}

	tests := map[string]struct {
		raw    string
		issuer *cmmeta.IssuerReference
		want   []string
		errs   []string
	}{
		"a bare Certificate gets everything": {
			raw:  `{"metadata":{"name":"web"},"spec":{"issuerRef":{"name":"i"}}}`,
			want: []string{name, key, limit, kind, group},
		},
		"a complete one gets nothing": {
			raw: `{"metadata":{"name":"web"},"spec":{"secretName":"s",` + full + `,` + fullKey + `,"revisionHistoryLimit":3}}`,
		},
		"a missing spec is made": {
			raw: `{"metadata":{"name":"web"}}`, issuer: issuer,
			want: []string{`{"op":"add","path":"/spec","value":{"issuerRef":{"name":"ca","kind":"ClusterIssuer","group":"cert-manager.io"},"privateKey":{"algorithm":"RSA","encoding":"PKCS1","rotationPolicy":"Always"},"revisionHistoryLimit":1,"secretName":"web"}}`},
		},
		"so is one that is null": {
			raw: `{"metadata":{"name":"web"},"spec":null}`, issuer: issuer,
			want: []string{`{"op":"add","path":"/spec","value":{"issuerRef":{"name":"ca","kind":"ClusterIssuer","group":"cert-manager.io"},"privateKey":{"algorithm":"RSA","encoding":"PKCS1","rotationPolicy":"Always"},"revisionHistoryLimit":1,"secretName":"web"}}`},
		},
		"an explicit empty secretName stays, to be refused": {
			raw:  `{"metadata":{"name":"web"},"spec":{"secretName":"",` + full + `,"revisionHistoryLimit":1}}`,
			want: []string{key},
		},
		"a secretName of null is missing": {
			raw:  `{"metadata":{"name":"web"},"spec":{"secretName": null ,` + full + `,` + fullKey + `,"revisionHistoryLimit":1}}`,
			want: []string{name},
		},
		"a generated name cannot be the secretName": {
			raw:  `{"metadata":{"generateName":"web-"},"spec":{` + full + `,` + fullKey + `,"revisionHistoryLimit":1}}`,
			errs: []string{"spec.secretName"},
		},
		"a name wins over generateName": {
			raw:  `{"metadata":{"generateName":"web-","name":"web"},"spec":{` + full + `,` + fullKey + `,"revisionHistoryLimit":1}}`,
			want: []string{name},
		},
		"without any name there is nothing to take": {
			raw:  `{"spec":{` + full + `,` + fullKey + `,"revisionHistoryLimit":1}}`,
			want: nil,
		},
		"without an issuer and a default one the remedy is said": {
			raw:  `{"metadata":{"name":"web"},"spec":{"secretName":"s",` + fullKey + `,"revisionHistoryLimit":1}}`,
			errs: []string{"spec.issuerRef"},
		},
		"the default issuer is written out": {
			raw:    `{"metadata":{"name":"web"},"spec":{"secretName":"s",` + fullKey + `,"revisionHistoryLimit":1}}`,
			issuer: &cmmeta.IssuerReference{Name: "ca"},
			want:   []string{`{"op":"add","path":"/spec/issuerRef","value":{"name":"ca","kind":"Issuer","group":"cert-manager.io"}}`},
		},
		"an empty issuerRef is not missing": {
			raw: `{"metadata":{"name":"web"},"spec":{"secretName":"s","issuerRef":{},` + fullKey + `,"revisionHistoryLimit":1}}`, issuer: issuer,
			want: []string{kind, group},
		},
		"a ClusterIssuer stays one": {
			raw:  `{"metadata":{"name":"web"},"spec":{"secretName":"s","issuerRef":{"name":"i","kind":"ClusterIssuer"},` + fullKey + `,"revisionHistoryLimit":1}}`,
			want: []string{group},
		},
		"the kind of an external issuer is unknown": {
			raw: `{"metadata":{"name":"web"},"spec":{"secretName":"s","issuerRef":{"name":"i","group":"certmanager.step.sm"},` + fullKey + `,"revisionHistoryLimit":1}}`,
		},
		"a foreign kind does not become ours by a group": {
			raw: `{"metadata":{"name":"web"},"spec":{"secretName":"s","issuerRef":{"name":"i","kind":"StepIssuer"},` + fullKey + `,"revisionHistoryLimit":1}}`,
		},
		"our own group needs a kind": {
			raw:  `{"metadata":{"name":"web"},"spec":{"secretName":"s","issuerRef":{"name":"i","group":"cert-manager.io"},` + fullKey + `,"revisionHistoryLimit":1}}`,
			want: []string{kind},
		},
		"a private key of which only the size is given": {
			raw: `{"metadata":{"name":"web"},"spec":{"secretName":"s",` + full + `,"privateKey":{"size":4096},"revisionHistoryLimit":1}}`,
			want: []string{
				`{"op":"add","path":"/spec/privateKey/algorithm","value":"RSA"}`,
				`{"op":"add","path":"/spec/privateKey/encoding","value":"PKCS1"}`,
				`{"op":"add","path":"/spec/privateKey/rotationPolicy","value":"Always"}`,
			},
		},
		"an Ed25519 key stays one": {
			raw: `{"metadata":{"name":"web"},"spec":{"secretName":"s",` + full + `,"privateKey":{"algorithm":"Ed25519","rotationPolicy":"Never"},"revisionHistoryLimit":1}}`,
			want: []string{
				`{"op":"add","path":"/spec/privateKey/encoding","value":"PKCS1"}`,
			},
		},
		"a private key of null is missing": {
			raw:  `{"metadata":{"name":"web"},"spec":{"secretName":"s",` + full + `,"privateKey":null,"revisionHistoryLimit":1}}`,
			want: []string{key},
		},
		"duration, usages and sizes are never filled in, and unknown fields stay": {
			raw:  `{"metadata":{"name":"web"},"spec":{"secretName":"s",` + full + `,"privateKey":{"algorithm":"ECDSA","encoding":"PKCS8","rotationPolicy":"Always"},"unknown":{"x":1}}}`,
			want: []string{limit},
		},
		"a spec that is no object":            {raw: `{"metadata":{"name":"web"},"spec":[]}`, errs: []string{"spec"}},
		"an issuerRef that is no object":      {raw: `{"spec":{"secretName":"s","issuerRef":"ca"}}`, errs: []string{"spec.issuerRef"}},
		"a private key that is no object":     {raw: `{"spec":{"secretName":"s",` + full + `,"privateKey":1}}`, errs: []string{"spec.privateKey"}},
		"metadata that are no object":         {raw: `{"metadata":1,"spec":{}}`, errs: []string{"metadata"}},
		"what is no object at all":            {raw: `null`, errs: []string{""}},
		"what is no JSON":                     {raw: `{`, errs: []string{""}},
		"what is too long to be looked at":    {raw: `{"spec":"` + strings.Repeat("x", 4<<20) + `"}`, errs: []string{""}},
		"a name that is no string is not one": {raw: `{"metadata":{"name":1},"spec":{` + full + `,` + fullKey + `,"revisionHistoryLimit":1}}`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ops, errs := defaults.Certificate([]byte(tt.raw), nil, defaults.Options{DefaultIssuer: tt.issuer})
			if diff := cmp.Diff(strings.Join(tt.want, "\n"), wire(t, ops)); diff != "" {
				t.Errorf("operations (-want +got):\n%s", diff)
			}
			var fields []string
			for _, e := range errs {
				fields = append(fields, e.Field)
				if e.Detail == "" {
					t.Errorf("%v says nothing about the remedy", e)
				}
			}
			if diff := cmp.Diff(tt.errs, fields); diff != "" {
				t.Errorf("errors (-want +got):\n%s", diff)
			}
			if len(errs) == 0 {
				again, _ := defaults.Certificate([]byte(apply(t, tt.raw, ops)), nil, defaults.Options{DefaultIssuer: tt.issuer})
				if len(again) > 0 {
					t.Errorf("a second time it changes %s", wire(t, again))
				}
			}
		})
	}
}

func TestCertificateOnUpdate(t *testing.T) {
	const stored = `{"spec":{"secretName":"web","issuerRef":{"name":"ca","kind":"ClusterIssuer","group":"cert-manager.io"},"privateKey":{"algorithm":"RSA"}}}`
	tests := map[string]struct {
		raw, old string
		want     []string
	}{
		"the manifest that created the object replaces it": {
			raw: `{"metadata":{"name":"web"},"spec":{"dnsNames":["a.example"]}}`, old: stored,
			want: []string{
				`{"op":"add","path":"/spec/secretName","value":"web"}`,
				`{"op":"add","path":"/spec/issuerRef","value":{"name":"ca","kind":"ClusterIssuer","group":"cert-manager.io"}}`,
			},
		},
		"nothing else is filled in": {raw: `{"spec":{"secretName":"s","issuerRef":{"name":"i"},"privateKey":{}}}`, old: stored},
		"what is emptied stays so, to be refused": {
			raw: `{"spec":{"secretName":"","issuerRef":{}}}`, old: stored,
		},
		"an old object without them gives nothing": {raw: `{"spec":{}}`, old: `{"spec":{"secretName":null}}`},
		"a missing spec is made": {
			raw: `{}`, old: `{"spec":{"secretName":"web"}}`,
			want: []string{`{"op":"add","path":"/spec","value":{"secretName":"web"}}`},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ops, errs := defaults.Certificate([]byte(tt.raw), []byte(tt.old), defaults.Options{DefaultIssuer: &cmmeta.IssuerReference{Name: "other"}})
			if len(errs) > 0 {
				t.Fatal(errs)
			}
			if diff := cmp.Diff(strings.Join(tt.want, "\n"), wire(t, ops)); diff != "" {
				t.Errorf("operations (-want +got):\n%s", diff)
			}
			apply(t, tt.raw, ops)
		})
	}
	for name, old := range map[string]string{"no JSON": `{`, "no object": `1`, "a spec that is none": `{"spec":1}`} {
		if _, errs := defaults.Certificate([]byte(`{}`), []byte(old), defaults.Options{}); len(errs) != 1 {
			t.Errorf("old is %s: %v", name, errs)
		}
	}
}

// meaning is what a spec asks for, with everything that may be absent written
// out by hand from spec/certificates.md section 1.3.
type meaning struct {
	Spec      certsv1.CertificateSpec
	Issuer    cmmeta.IssuerReference
	Algorithm certsv1.PrivateKeyAlgorithm
	Size      int
	Encoding  certsv1.PrivateKeyEncoding
	Rotation  certsv1.PrivateKeyRotationPolicy
	Limit     int32
}

func meaningOf(spec certsv1.CertificateSpec) meaning {
	m := meaning{Issuer: spec.IssuerRef, Algorithm: "RSA", Encoding: "PKCS1", Rotation: "Always", Limit: 1}
	// An external issuer knows best what it means without a kind.
	if m.Issuer.Group == "" || m.Issuer.Group == "cert-manager.io" {
		m.Issuer.Group = "cert-manager.io"
		if m.Issuer.Kind == "" {
			m.Issuer.Kind = "Issuer"
		}
	}
	if k := spec.PrivateKey; k != nil {
		m.Size = k.Size
		if k.Algorithm != "" {
			m.Algorithm = k.Algorithm
		}
		if k.Encoding != "" {
			m.Encoding = k.Encoding
		}
		if k.RotationPolicy != "" {
			m.Rotation = k.RotationPolicy
		}
	}
	if spec.RevisionHistoryLimit != nil {
		m.Limit = *spec.RevisionHistoryLimit
	}
	spec.IssuerRef, spec.PrivateKey, spec.RevisionHistoryLimit = cmmeta.IssuerReference{}, nil, nil
	m.Spec = spec
	return m
}

// anyCertificate is a Certificate in which each part is there or not.
func anyCertificate(r *mathrand.Rand) string {
	members := func(of ...string) string {
		var in []string
		for _, m := range of {
			if m != "" && r.IntN(2) == 0 {
				in = append(in, m)
			}
		}
		return strings.Join(in, ",")
	}
	one := func(of ...string) string { return of[r.IntN(len(of))] }
	ref := `"issuerRef":{"name":"i",` + members(`"kind":`+one(`"Issuer"`, `"ClusterIssuer"`, `"StepIssuer"`, `null`, `""`), `"group":`+one(`"cert-manager.io"`, `"certmanager.step.sm"`, `null`, `""`)) + `}`
	key := members(`"algorithm":`+one(`"RSA"`, `"ECDSA"`, `"Ed25519"`, `null`), `"size":`+one(`2048`, `384`, `0`, `-1`), `"encoding":`+one(`"PKCS1"`, `"PKCS8"`, `null`), `"rotationPolicy":`+one(`"Never"`, `"Always"`, `null`))
	spec := members(`"privateKey":`+one(`null`, `{`+key+`}`), `"revisionHistoryLimit":`+one(`1`, `5`, `null`), `"duration":"24h"`, `"isCA":true`,
		`"usages":["server auth"]`, `"unknown":[{"a":"b"}]`, `"encodeUsagesInRequest":false`)
	return strings.ReplaceAll(fmt.Sprintf(`{"metadata":{"name":"web"},"spec":{"secretName":"s","dnsNames":["a.example"],%s,%s}}`, ref, spec), ",}", "}")
}

func spec(t testing.TB, raw string) certsv1.CertificateSpec {
	t.Helper()
	var crt certsv1.Certificate
	if err := k8sjson.UnmarshalCaseSensitivePreserveInts([]byte(raw), &crt); err != nil {
		t.Fatalf("decode %s: %v", raw, err)
	}
	return crt.Spec
}

// Defaulting must never cause a re-issuance: an object means the same before
// and after, and a request made before fits after, and the other way round.
func TestDefaultingKeepsTheMeaning(t *testing.T) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	r := mathrand.New(mathrand.NewPCG(1, 2))
	changed := 0
	for range 2000 {
		raw := anyCertificate(r)
		ops, errs := defaults.Certificate([]byte(raw), nil, defaults.Options{})
		if len(errs) > 0 {
			t.Fatalf("%s: %v", raw, errs)
		}
		after := apply(t, raw, ops)
		if after != raw {
			changed++
		}
		if again, _ := defaults.Certificate([]byte(after), nil, defaults.Options{}); len(again) > 0 {
			t.Fatalf("%s: a second time it changes %s", after, wire(t, again))
		}
		if again, _ := defaults.Certificate([]byte(after), []byte(raw), defaults.Options{}); len(again) > 0 {
			t.Fatalf("%s: on update it changes %s", after, wire(t, again))
		}
		if strings.Contains(raw, "unknown") != strings.Contains(after, `"unknown":[{"a":"b"}]`) {
			t.Fatalf("%s lost a field that we do not know: %s", raw, after)
		}
		was, is := spec(t, raw), spec(t, after)
		if diff := cmp.Diff(meaningOf(was), meaningOf(is)); diff != "" {
			t.Fatalf("%s means something else afterwards (-before +after):\n%s", raw, diff)
		}
		algorithm, size := certs.KeyParameters(was.PrivateKey)
		if a, s := certs.KeyParameters(is.PrivateKey); a != algorithm || s != size {
			t.Fatalf("%s asks for another key afterwards", raw)
		}
		for _, pair := range [][2]certsv1.CertificateSpec{{was, is}, {is, was}} {
			if paths := mismatch(t, pair[0], pair[1], key); len(paths) > 0 {
				t.Fatalf("%s would be issued anew for %v", raw, paths)
			}
		}
	}
	if changed < 100 {
		t.Errorf("only %d were changed: this proves nothing", changed)
	}
}

// mismatch compares a request made for one spec with the other.
func mismatch(t testing.TB, made, wanted certsv1.CertificateSpec, key ed25519.PrivateKey) []string {
	t.Helper()
	request, err := certs.CreateCSR(&made, key)
	if err != nil {
		t.Fatal(err)
	}
	csr, err := certs.DecodeCSR(request)
	if err != nil {
		t.Fatal(err)
	}
	return certs.RequestMismatch(&wanted, &certsv1.CertificateRequestSpec{
		Request: request, IssuerRef: made.IssuerRef, IsCA: made.IsCA, Usages: made.Usages, Duration: made.Duration,
	}, csr)
}
