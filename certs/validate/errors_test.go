package validate_test

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/util/validation/field"

	certsv1 "github.com/certwright/certwright/certs/v1"
	"github.com/certwright/certwright/certs/validate"
)

func TestErrorsQuoteAtMostAHundredCharacters(t *testing.T) {
	long := strings.Repeat("ü", 5000)
	crt := certificate(t, `{secretName: `+long+`, dnsNames: [`+long+`], literalSubject: "`+long+`=x", uris: [`+long+`], emailAddresses: [`+long+`]}`)
	errs := validate.CertificateNew(crt)
	if len(errs) < 5 {
		t.Fatalf("found only %v", verdict(errs))
	}
	for _, e := range errs {
		if n := strings.Count(e.Error(), "ü"); n > 2*100 { // as the value, and in the reason
			t.Errorf("%s repeats %d of 5000 characters", e.Field, n)
		}
		if strings.ContainsRune(e.Error(), '�') || strings.Contains(e.Error(), `\x`) {
			t.Errorf("%s cuts a character in two: %s", e.Field, e)
		}
	}
}

func TestErrorsShowNoSecrets(t *testing.T) {
	const secret = "hunter2-hunter2"
	spec := certificate(t, `{keystores: {
		jks: {create: true, password: `+secret+`, passwordSecretRef: {name: pw, key: k}},
		pkcs12: {create: true, password: `+secret+`, passwordSecretRef: {name: pw, key: k}, profile: none}}}`)
	issuer := &certsv1.IssuerSpec{Vault: &certsv1.VaultIssuer{CABundle: []byte(secret)}}
	for what, errs := range map[string]field.ErrorList{
		"keystore": validate.CertificateNew(spec),
		"caBundle": validate.Issuer(issuer),
	} {
		if len(errs) == 0 {
			t.Errorf("%s: nothing was refused", what)
		}
		for _, e := range errs {
			if strings.Contains(e.Error(), "hunter2") {
				t.Errorf("%s: %s", what, e)
			}
		}
	}
}

func TestMerge(t *testing.T) {
	path := field.NewPath("spec", "secretName")
	first := field.ErrorList{field.Required(path, "is made up later")}
	rest := field.ErrorList{field.Required(path, "name it"), field.Invalid(field.NewPath("spec"), "", "has no name")}
	expect(t, validate.Merge(first, rest), "Required spec.secretName", "Invalid spec")
	if got := validate.Merge(first, rest)[0].Detail; got != "is made up later" {
		t.Errorf("kept the wrong one of two: %q", got)
	}
	expect(t, validate.Merge(nil, rest), "Required spec.secretName", "Invalid spec")
	if got := validate.Merge(nil, nil); len(got) != 0 {
		t.Errorf("nothing and nothing is %v", got)
	}
}
