package validate_test

import (
	"encoding/json"
	"testing"

	jsonpatch "github.com/evanphx/json-patch/v5"
	authenticationv1 "k8s.io/api/authentication/v1"

	"github.com/certwright/certwright/certs/defaults"
	cmmeta "github.com/certwright/certwright/certs/meta/v1"
	certsv1 "github.com/certwright/certwright/certs/v1"
	"github.com/certwright/certwright/certs/validate"
	"github.com/certwright/certwright/test/examples"
)

// patched applies ops to raw.
func patched(t testing.TB, raw []byte, ops []defaults.PatchOp) []byte {
	t.Helper()
	if len(ops) == 0 {
		return raw
	}
	data, err := json.Marshal(ops)
	if err != nil {
		t.Fatal(err)
	}
	patch, err := jsonpatch.DecodePatch(data)
	if err != nil {
		t.Fatal(err)
	}
	out, err := patch.Apply(raw)
	if err != nil {
		t.Fatalf("apply %s to %q: %v", data, raw, err)
	}
	return out
}

// FuzzCertificate does what the webhook does with a Certificate.
func FuzzCertificate(f *testing.F) {
	f.Add([]byte(`{"metadata":{"name":"web"}}`))
	f.Add([]byte(`{"metadata":{"generateName":"web-"},"spec":null}`))
	for _, e := range examples.Certificates {
		f.Add([]byte(`{"metadata":{"name":"web"},"spec":` + string(asJSON(f, e.Spec())) + `}`))
	}
	options := defaults.Options{DefaultIssuer: &cmmeta.IssuerReference{Name: "i", Kind: "ClusterIssuer"}}
	f.Fuzz(func(t *testing.T, raw []byte) {
		ops, errs := defaults.Certificate(raw, nil, options)
		if len(errs) == 0 || len(ops) > 0 {
			raw = patched(t, raw, ops)
		}
		var crt certsv1.Certificate
		if decode(raw, &crt) != nil {
			return
		}
		for _, e := range validate.Merge(errs, validate.CertificateNew(&crt)) {
			if len(e.Error()) > 4096 {
				t.Errorf("%s is %d bytes long", e.Field, len(e.Error()))
			}
		}
		validate.CertificateWarnings(&crt)
		if errs := validate.CertificateUpdate(&crt, &crt); len(errs) > 0 {
			t.Errorf("cannot stay as it is: %v", errs)
		}
		if _, errs := defaults.Certificate(raw, raw, options); len(errs) > 0 && len(ops) > 0 {
			t.Errorf("carry over: %v", errs)
		}
	})
}

// FuzzCertificateRequest does what the webhook does with a CertificateRequest.
func FuzzCertificateRequest(f *testing.F) {
	bob := authenticationv1.UserInfo{Username: "bob", Groups: []string{"dev"}}
	for _, cr := range []*certsv1.CertificateRequest{
		certificateRequest(examples.SigningRequest(nil), nil),
		certificateRequest(examples.SigningRequest([]certsv1.KeyUsage{certsv1.UsageServerAuth}, examples.BasicConstraints(true)), nil),
		certificateRequest([]byte("noise"), func(cr *certsv1.CertificateRequest) {
			cr.Status.Conditions = []certsv1.CertificateRequestCondition{decided("Approved", "True"), decided("Denied", "False")}
		}),
	} {
		raw, err := json.Marshal(cr)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Add([]byte(`{"spec":{"extra":null,"groups":"x"}}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		ops, err := defaults.Requester(raw, bob)
		if err != nil {
			return
		}
		raw = patched(t, raw, ops)
		var cr certsv1.CertificateRequest
		if decode(raw, &cr) != nil {
			return
		}
		validate.CertificateRequest(&cr)
		if errs := validate.Requester(&cr, bob); len(errs) > 0 {
			t.Errorf("the requester was filled in, but: %v", errs)
		}
		if errs := validate.CertificateRequestUpdate(&cr, &cr); len(errs) > 0 {
			t.Errorf("cannot stay as it is: %v", errs)
		}
		if validate.ApprovalAdded(&cr, &cr) {
			t.Error("an approval was added by no change")
		}
	})
}

// FuzzIssuer does what the webhook does with an Issuer.
func FuzzIssuer(f *testing.F) {
	f.Add([]byte(`{"spec":{"acme":{"server":"s","caBundle":"bm9pc2U=","solvers":[{"dns01":{"nameservers":["[::1]:53"],"rfc2136":{"nameserver":"[::1]"}}}]}}}`))
	f.Add([]byte(`{"spec":{"vault":{"path":"%2e%2e/x","auth":{"kubernetes":{}}}}}`))
	f.Add([]byte(`{"spec":{"venafi":{"tpp":{}},"ca":{"ocspServers":[""]}}}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		var issuer certsv1.ClusterIssuer
		if decode(raw, &issuer) != nil {
			return
		}
		validate.Issuer(&issuer.Spec)
		validate.IssuerWarnings(&issuer.Spec)
		if errs := validate.IssuerUpdate(&issuer.Spec, &issuer.Spec); len(errs) > 0 {
			t.Errorf("cannot stay as it is: %v", errs)
		}
	})
}
