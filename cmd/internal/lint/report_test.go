package lint

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestWriteText(t *testing.T) {
	t.Parallel()
	report := &Report{
		Findings: []Finding{
			{File: "a.yaml", Line: 3, Level: Error, Kind: "Certificate", Namespace: "shop", Name: "web", Field: "spec", Message: "has no name"},
			{File: "a.yaml", Line: 9, Level: Error, Message: "is not YAML"},
			// A name may not begin a line of its own, which a build server may obey.
			{File: "b.yaml", Line: 1, Level: Warning, Kind: "ClusterIssuer", Name: "x\n::set-env::\x1b[2J", Message: "of no use"},
		},
		Certificates: []Made{{
			File: "b.yaml", Line: 4, Kind: "Ingress", Name: "web",
			Certificate: MadeCertificate{Name: "t", SecretName: "t", Names: []string{"a", "b"}, IssuerRef: IssuerRef{"i", "Issuer", "cert-manager.io"}},
		}},
		Checked: 1, Skipped: 2,
	}
	var out strings.Builder
	if err := report.WriteText(&out); err != nil {
		t.Fatal(err)
	}
	want := `a.yaml:3: error: Certificate/shop/web: spec: has no name
a.yaml:9: error: is not YAML
b.yaml:1: warning: ClusterIssuer/x ::set-env:: [2J: of no use
b.yaml:4: note: Ingress/web: makes the Certificate t: secret t, names a b, issuer Issuer i
1 object checked, 2 skipped: 2 errors, 1 warning
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("text (-want +got):\n%s", diff)
	}
}

// The names in JSON are an interface.
func TestWriteJSON(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		report Report
		want   string
	}{
		"nothing": {Report{}, `{"findings":[],"certificates":[],"checked":0,"skipped":0,"errors":0,"warnings":0}`},
		"all": {
			Report{
				Findings: []Finding{{File: "a<b", Line: 3, Level: Warning, Kind: "Certificate", Namespace: "shop", Name: "web", Field: "spec", Message: "m"}},
				Certificates: []Made{{
					File: "b", Line: 4, Kind: "Ingress", Namespace: "shop", Name: "web",
					Certificate: MadeCertificate{Name: "t", SecretName: "s", Names: []string{"a"}, IssuerRef: IssuerRef{"i", "Issuer", "g"}},
				}},
				Checked: 1, Skipped: 2,
			},
			`{"findings":[{"file":"a<b","line":3,"level":"warning","kind":"Certificate","namespace":"shop","name":"web","field":"spec","message":"m"}],` +
				`"certificates":[{"file":"b","line":4,"kind":"Ingress","namespace":"shop","name":"web","certificate":{"name":"t","secretName":"s","names":["a"],` +
				`"issuerRef":{"name":"i","kind":"Issuer","group":"g"}}}],"checked":1,"skipped":2,"errors":0,"warnings":1}`,
		},
	} {
		var out strings.Builder
		if err := tt.report.WriteJSON(&out); err != nil {
			t.Fatal(err)
		}
		var want, got any
		if json.Unmarshal([]byte(tt.want), &want) != nil || json.Unmarshal([]byte(out.String()), &got) != nil {
			t.Fatalf("%s: no JSON", name)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestOrder(t *testing.T) {
	t.Parallel()
	broken := "a: [\n"
	files := []File{
		{Name: "z", Data: []byte(together(certificate("a", "replicas: 1"), broken))},
		{Name: "a", Data: []byte(broken)},
	}
	var got []string
	for _, f := range Files(files, Options{}).Findings {
		got = append(got, f.File+" "+f.Field)
	}
	if diff := cmp.Diff([]string{"z spec.replicas", "z ", "a "}, got); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
}
