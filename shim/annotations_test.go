package shim_test

import (
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	certsv1 "github.com/certwright/certwright/certs/v1"
	"github.com/certwright/certwright/shim"
)

func TestAnnotations(t *testing.T) {
	set := func(change func(*certsv1.CertificateSpec)) *certsv1.Certificate {
		return certificate("t", []string{"a.ex"}, spec(change))
	}
	same := certificate("t", []string{"a.ex"})
	inSubject := func(s certsv1.X509Subject) *certsv1.Certificate {
		return set(func(spec *certsv1.CertificateSpec) { spec.Subject = &s })
	}
	inKey := func(k certsv1.CertificatePrivateKey) *certsv1.Certificate {
		return set(func(spec *certsv1.CertificateSpec) { spec.PrivateKey = &k })
	}
	tests := map[string]struct {
		annotations notes                // without the prefix cert-manager.io/
		want        *certsv1.Certificate // nil: refused
		blames      string               // the annotation that is told; empty: the only one
	}{
		"a common name of 64 bytes":                   {notes{"common-name": strings.Repeat("x", 64)}, set(func(s *certsv1.CertificateSpec) { s.CommonName = strings.Repeat("x", 64) }), ""},
		"a common name is counted in bytes":           {notes{"common-name": strings.Repeat("ü", 33)}, nil, ""},
		"an empty common name":                        {notes{"common-name": ""}, same, ""},
		"no alt-names":                                {notes{"alt-names": ""}, same, ""},
		"an alt-name that is no DNS name":             {notes{"alt-names": "b.ex,b ex"}, nil, ""},
		"an alt-name outside ASCII":                   {notes{"alt-names": "bücher.ex"}, nil, ""},
		"no ip-sans":                                  {notes{"ip-sans": ""}, same, ""},
		"a host name in ip-sans":                      {notes{"ip-sans": "10.0.0.1,b.ex"}, nil, ""},
		"an address with a zone":                      {notes{"ip-sans": "fe80::1%eth0"}, nil, ""},
		"an empty element of ip-sans":                 {notes{"ip-sans": "10.0.0.1,"}, nil, ""},
		"URIs":                                        {notes{"uri-sans": "spiffe://a/b, https://c.ex/d"}, set(func(s *certsv1.CertificateSpec) { s.URIs = []string{"spiffe://a/b", "https://c.ex/d"} }), ""},
		"no URIs":                                     {notes{"uri-sans": ""}, same, ""},
		"a URI without a scheme":                      {notes{"uri-sans": "a.ex/b"}, nil, ""},
		"e-mail addresses":                            {notes{"email-sans": "a@b.ex, c@d.ex"}, set(func(s *certsv1.CertificateSpec) { s.EmailAddresses = []string{"a@b.ex", "c@d.ex"} }), ""},
		"no e-mail addresses":                         {notes{"email-sans": ""}, same, ""},
		"an e-mail address with a name":               {notes{"email-sans": "A <a@b.ex>"}, nil, ""},
		"an e-mail address without a domain":          {notes{"email-sans": "a"}, nil, ""},
		"organizations":                               {notes{"subject-organizations": "A,B"}, inSubject(certsv1.X509Subject{Organizations: []string{"A", "B"}}), ""},
		"no organizations":                            {notes{"subject-organizations": ""}, nil, ""},
		"organizational units":                        {notes{"subject-organizationalunits": `"A,B"`}, inSubject(certsv1.X509Subject{OrganizationalUnits: []string{"A,B"}}), ""},
		"no organizational units blame the right one": {notes{"subject-organizationalunits": ""}, nil, ""},
		"countries":                                   {notes{"subject-countries": "DE"}, inSubject(certsv1.X509Subject{Countries: []string{"DE"}}), ""},
		"provinces":                                   {notes{"subject-provinces": "BY"}, inSubject(certsv1.X509Subject{Provinces: []string{"BY"}}), ""},
		"localities":                                  {notes{"subject-localities": "M"}, inSubject(certsv1.X509Subject{Localities: []string{"M"}}), ""},
		"postal codes":                                {notes{"subject-postalcodes": "80331"}, inSubject(certsv1.X509Subject{PostalCodes: []string{"80331"}}), ""},
		"an open quote":                               {notes{"subject-streetaddresses": `"1 A St`}, nil, ""},
		"two lines of CSV":                            {notes{"subject-localities": "A\nB"}, nil, ""},
		"a serial number is one string":               {notes{"subject-serialnumber": "1,2"}, inSubject(certsv1.X509Subject{SerialNumber: "1,2"}), ""},
		"an empty serial number":                      {notes{"subject-serialnumber": ""}, same, ""},
		"a duration":                                  {notes{"duration": "2160h"}, set(func(s *certsv1.CertificateSpec) { s.Duration = &metav1.Duration{Duration: 2160 * time.Hour} }), ""},
		"an empty duration":                           {notes{"duration": ""}, nil, ""},
		"renew-before":                                {notes{"renew-before": "5m"}, set(func(s *certsv1.CertificateSpec) { s.RenewBefore = &metav1.Duration{Duration: 5 * time.Minute} }), ""},
		"renew-before of less than five minutes":      {notes{"renew-before": "4m59s"}, nil, ""},
		"renewal before the certificate begins":       {notes{"duration": "1h", "renew-before": "1h"}, nil, "renew-before"},
		"a percentage":                                {notes{"renew-before-percentage": "25"}, set(func(s *certsv1.CertificateSpec) { s.RenewBeforePercentage = ptr(int32(25)) }), ""},
		"a percentage that is no number":              {notes{"renew-before-percentage": "25%"}, nil, ""},
		"a percentage out of range":                   {notes{"renew-before-percentage": "100"}, nil, ""},
		"both ways to say when":                       {notes{"renew-before-percentage": "25", "renew-before": "1h"}, nil, "renew-before-percentage"},
		"usages with spaces in and around them":       {notes{"usages": " server auth ,s/mime"}, set(func(s *certsv1.CertificateSpec) { s.Usages = []certsv1.KeyUsage{"server auth", "s/mime"} }), ""},
		"no usages":                                   {notes{"usages": ""}, nil, ""},
		"an empty element of usages":                  {notes{"usages": "server auth,"}, nil, ""},
		"a history of one":                            {notes{"revision-history-limit": "1"}, set(func(s *certsv1.CertificateSpec) { s.RevisionHistoryLimit = ptr(int32(1)) }), ""},
		"no history":                                  {notes{"revision-history-limit": "0"}, nil, ""},
		"a history that is no number":                 {notes{"revision-history-limit": "many"}, nil, ""},
		"a history beyond 32 bits":                    {notes{"revision-history-limit": "4294967296"}, nil, ""},
		"an algorithm in small letters":               {notes{"private-key-algorithm": "rsa"}, nil, ""},
		"an encoding":                                 {notes{"private-key-encoding": "PKCS8"}, inKey(certsv1.CertificatePrivateKey{Encoding: "PKCS8"}), ""},
		"an unknown encoding":                         {notes{"private-key-encoding": "PKCS7"}, nil, ""},
		"an unknown rotation policy":                  {notes{"private-key-rotation-policy": ""}, nil, ""},
		"any size of RSA between the limits":          {notes{"private-key-size": "3000"}, inKey(certsv1.CertificatePrivateKey{Size: 3000}), ""},
		"an RSA key that is too big":                  {notes{"private-key-size": "8193"}, nil, ""},
		"an ECDSA key of no curve":                    {notes{"private-key-algorithm": "ECDSA", "private-key-size": "2048"}, nil, "private-key-size"},
		"an Ed25519 key of any size":                  {notes{"private-key-algorithm": "Ed25519", "private-key-size": "5"}, inKey(certsv1.CertificatePrivateKey{Algorithm: "Ed25519", Size: 5}), ""},
		"a size that is no number":                    {notes{"private-key-size": "big"}, nil, ""},
		"an empty secret template":                    {notes{"secret-template": "{}"}, same, ""},
		"no secret template":                          {notes{"secret-template": ""}, nil, ""},
		"a secret template with other fields":         {notes{"secret-template": `{"data":{}}`}, nil, ""},
		"a secret template that is a list":            {notes{"secret-template": `[]`}, nil, ""},
		"two secret templates":                        {notes{"secret-template": `{}{}`}, nil, ""},
		"a label that is none in the secret template": {notes{"secret-template": `{"labels":{"a":"b c"}}`}, nil, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			annotations := notes{clusterIssuer: "le"}
			blames := tt.blames
			for key, value := range tt.annotations {
				annotations["cert-manager.io/"+key] = value
				if len(tt.annotations) == 1 {
					blames = key
				}
			}
			wanted := shim.Desired(shim.FromIngress(app(annotations, tls("t", "a.ex"))), shim.DefaultOptions())
			if tt.want != nil {
				if diff := cmp.Diff(crts(tt.want), wanted.Certificates, cmpopts.EquateEmpty()); diff != "" || len(wanted.Problems) > 0 {
					t.Errorf("problems %v; Certificates (-want +got):\n%s", wanted.Problems, diff)
				}
				return
			}
			if wanted.Act || len(wanted.Certificates) > 0 {
				t.Errorf("not refused: %v", wanted)
			}
			if len(wanted.Problems) != 1 || wanted.Problems[0].Reason != "BadConfig" ||
				!strings.Contains(wanted.Problems[0].Message, "metadata.annotations[cert-manager.io/"+blames+"]: ") {
				t.Errorf("does not blame %s: %v", blames, wanted.Problems)
			}
		})
	}
}

func TestBlame(t *testing.T) {
	le1 := notes{clusterIssuer: "le"}
	tests := map[string]struct {
		annotations notes
		blocks      []string // each: secret, hosts…
		names       []string // of the Certificates
		told        string
	}{
		"a bad Secret name skips its block only": {
			annotations: le1, blocks: []string{"T a.ex", "u b.ex"}, names: []string{"u"},
			told: "Skipped a TLS block: spec.tls[0].secretName: Invalid value",
		},
		"a bad host skips its block only": {
			annotations: le1, blocks: []string{"t a.ex b_.ex:", "u b.ex"}, names: []string{"u"},
			told: "Skipped a TLS block: spec.tls[0].hosts[1]: Invalid value",
		},
		"a bad annotation stops all blocks": {
			annotations: notes{clusterIssuer: "le", "cert-manager.io/alt-names": "x y"}, blocks: []string{"t a.ex", "u b.ex"},
			told: "Could not make Certificates due to bad annotations: metadata.annotations[cert-manager.io/alt-names]: Invalid value",
		},
		"an unknown kind of ours is blamed on its annotation": {
			annotations: notes{issuer: "le", "cert-manager.io/issuer-kind": "Foo"}, blocks: []string{"t a.ex"},
			told: "metadata.annotations[cert-manager.io/issuer-kind]: ",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wanted := shim.Desired(shim.FromIngress(ingress(tt.annotations, tt.blocks)), shim.DefaultOptions())
			var names []string
			for _, crt := range wanted.Certificates {
				names = append(names, crt.Name)
			}
			if diff := cmp.Diff(tt.names, names); diff != "" {
				t.Errorf("Certificates (-want +got):\n%s", diff)
			}
			if len(wanted.Problems) != 1 || !strings.Contains(wanted.Problems[0].Message, tt.told) {
				t.Errorf("told %v, want %q", wanted.Problems, tt.told)
			}
		})
	}
}

// TestGateways is what the shells of other kinds rely on.
func TestGateways(t *testing.T) {
	t.Parallel()
	name := func(value string) []shim.Name { return []shim.Name{{Value: value}} }
	src := &shim.Source{
		TypeMeta:   metav1.TypeMeta{APIVersion: "gateway.networking.k8s.io/v1", Kind: "Gateway"},
		ObjectMeta: metav1.ObjectMeta{Name: "app", Namespace: "ns", UID: "uid-app", Annotations: map[string]string{clusterIssuer: "le"}},
		Manager:    "cert-manager-gateway-shim",
		Blocks: []shim.Block{
			{Hosts: name("a.ex"), Secrets: name("t")},
			{Hosts: name("*.ex"), Secrets: append(name("t"), name("u")...)},
			{Hosts: name("*.ex"), Secrets: name("t")},
			{Hosts: name("b.ex"), Secrets: name("v"), Ignored: true},
		},
		CertificateAnnotations: map[string]string{"acme.cert-manager.io/http01-parentrefkind": "Gateway"},
	}
	gateway := func(crt *certsv1.Certificate) {
		crt.OwnerReferences[0].APIVersion, crt.OwnerReferences[0].Kind = src.APIVersion, src.Kind
		crt.Annotations = maps.Clone(src.CertificateAnnotations)
	}
	want := crts(certificate("t", []string{"a.ex", "*.ex"}, gateway), certificate("u", []string{"*.ex"}, gateway))
	wanted := shim.Desired(src, shim.DefaultOptions())
	if diff := cmp.Diff(want, wanted.Certificates, cmpopts.EquateEmpty()); diff != "" || len(wanted.Problems) > 0 {
		t.Errorf("problems %v; Certificates (-want +got):\n%s", wanted.Problems, diff)
	}
	changes := shim.Plan(src, shim.DefaultOptions(), wanted, append(want, certificate("v", []string{"b.ex"}, gateway)))
	if !changes.Empty() {
		t.Errorf("an ignored listener's Certificate is touched: %+v", changes)
	}
	src.Annotations = map[string]string{tlsACME: "true"}
	if shim.Triggered(src, shim.DefaultOptions()) {
		t.Error("tls-acme triggers a Gateway")
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	ing := app(notes{clusterIssuer: "le", "cert-manager.io/alt-names": strings.Repeat("a,", 60_000)}, tls("t", "a.ex"))
	if wanted := shim.Desired(shim.FromIngress(ing), shim.DefaultOptions()); len(wanted.Certificates) != 1 {
		t.Errorf("a repeated name counts: %v", wanted.Problems)
	}
	labels := map[string]string{}
	for _, c := range strings.Split(strings.Repeat("a", 1000), "") {
		labels[c+strings.Repeat("b", len(labels))] = ""
	}
	for i := range 101 {
		ing.Spec.TLS = append(ing.Spec.TLS, tls(strings.Repeat("s", i+1), "a.ex"))
	}
	delete(ing.Annotations, "cert-manager.io/alt-names")
	wanted := shim.Desired(shim.FromIngress(labelled(ing, labels)), shim.DefaultOptions())
	if wanted.Act || len(wanted.Problems) != 1 || !strings.Contains(wanted.Problems[0].Message, "more than 100000") {
		t.Errorf("an Ingress that multiplies its labels is not refused: %d Certificates, %v", len(wanted.Certificates), wanted.Problems)
	}
	long := app(notes{clusterIssuer: "le", "cert-manager.io/usages": strings.Repeat("ü", 4000)}, tls("t", "a.ex"))
	for _, p := range shim.Desired(shim.FromIngress(long), shim.DefaultOptions()).Problems {
		if len(p.Message) > 1024 || !strings.HasSuffix(p.Message, "…") {
			t.Errorf("a message of %d bytes ends in %q", len(p.Message), p.Message[len(p.Message)-8:])
		}
	}
}
