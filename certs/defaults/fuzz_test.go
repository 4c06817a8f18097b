package defaults_test

import (
	"testing"
	"unicode/utf8"

	authenticationv1 "k8s.io/api/authentication/v1"

	"github.com/certwright/certwright/certs/defaults"
	cmmeta "github.com/certwright/certwright/certs/meta/v1"
)

// FuzzCertificate: whatever is sent, the patch can be applied, and a second
// time there is nothing to fill in.
func FuzzCertificate(f *testing.F) {
	const old = `{"metadata":{"name":"web"},"spec":{"secretName":"s","issuerRef":{"name":"i"}}}`
	for _, raw := range []string{
		old, `{"metadata":{"name":"web"}}`, `{"metadata":{"generateName":"web-"},"spec":null}`, `{"spec":{"issuerRef":{},"privateKey":{"algorithm":null}}}`,
		`{"spec":{"issuerRef":[],"privateKey":1}}`, `{"spec":{"secretName":"a","secretName":null}}`, `{"metadata":{"name":"w\u0065b\"/~"}}`, `null`, `[`,
	} {
		f.Add([]byte(raw), []byte(old), true)
		f.Add([]byte(raw), []byte(raw), false)
	}
	options := defaults.Options{DefaultIssuer: &cmmeta.IssuerReference{Name: "i", Kind: "ClusterIssuer"}}
	f.Fuzz(func(t *testing.T, raw, old []byte, update bool) {
		if !update {
			old = nil
		}
		ops, errs := defaults.Certificate(raw, old, options)
		if len(errs) > 0 {
			return
		}
		if again, _ := defaults.Certificate([]byte(apply(t, string(raw), ops)), old, options); len(again) > 0 {
			t.Errorf("a second time it fills in %s", wire(t, again))
		}
	})
}

// FuzzRequester: the same for who creates a CertificateRequest.
func FuzzRequester(f *testing.F) {
	for _, raw := range []string{`{}`, `{"spec":null}`, `{"spec":{"username":1,"uid":null,"groups":{},"extra":[]}}`, `{"spec":{"username":"bob","groups":["dev"],"groups":["ops"]}}`, `[]`} {
		f.Add([]byte(raw), "bob", "", "dev")
		f.Add([]byte(raw), "", "7", "")
	}
	f.Fuzz(func(t *testing.T, raw []byte, name, uid, group string) {
		if !utf8.ValidString(name) || !utf8.ValidString(uid) || !utf8.ValidString(group) {
			return // cannot come out of JSON
		}
		user := authenticationv1.UserInfo{Username: name, UID: uid, Groups: []string{group}, Extra: map[string]authenticationv1.ExtraValue{name: {group}}}
		ops, err := defaults.Requester(raw, user)
		if err != nil {
			return
		}
		if again, err := defaults.Requester([]byte(apply(t, string(raw), ops)), user); err != nil || len(again) > 0 {
			t.Errorf("a second time it fills in %s (%v)", wire(t, again), err)
		}
	})
}
