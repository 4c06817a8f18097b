package validate_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/util/validation/field"
	k8sjson "sigs.k8s.io/json"

	certsv1 "github.com/certwright/certwright/certs/v1"
	"github.com/certwright/certwright/test/examples"
)

// decode reads JSON as the webhook does: names are case-sensitive.
func decode(data []byte, into any) error {
	return k8sjson.UnmarshalCaseSensitivePreserveInts(data, into)
}

// asJSON writes v, which is made of maps.
func asJSON(t testing.TB, v any) []byte {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// certificate is the Certificate B of the specification's examples, changed.
func certificate(t testing.TB, change string) *certsv1.Certificate {
	t.Helper()
	crt := &certsv1.Certificate{}
	if err := decode(asJSON(t, examples.Spec(change)), &crt.Spec); err != nil {
		t.Fatalf("decode %q: %v", change, err)
	}
	return crt
}

// verdict writes errs as "Kind path".
func verdict(errs field.ErrorList) []string {
	var out []string
	for _, e := range errs {
		out = append(out, examples.Error(e.Type, e.Field))
	}
	return out
}

func expect(t testing.TB, errs field.ErrorList, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, verdict(errs)); diff != "" {
		t.Errorf("errors (-want +got):\n%s\n%v", diff, errs.ToAggregate())
	}
	for _, e := range errs {
		if e.Detail == "" {
			t.Errorf("%s says nothing about the remedy", e)
		}
	}
}
