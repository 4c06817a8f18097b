package validate_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	certsv1 "github.com/certwright/certwright/certs/v1"
	"github.com/certwright/certwright/certs/validate"
	"github.com/certwright/certwright/test/examples"
)

// elsewhere are the rows that are not decided by a spec alone.
var elsewhere = map[int]string{
	84: "TestCertificateUpdate", 85: "TestCertificateUpdate (package webhook passes status writes by)",
	86: "package webhook, by the entry that obeys the label",
	87: "TestCertificateRequest", 88: "TestCertificateRequest", 89: "TestCertificateRequest", 90: "TestCertificateRequest",
	91: "TestCertificateRequest", 92: "TestCertificateRequest", 93: "TestCertificateRequest",
	94: "package defaults, TestRequester", 95: "TestRequester",
	96: "TestCertificateRequestUpdate", 97: "TestCertificateRequestUpdate", 98: "TestCertificateRequestUpdate",
	99: "TestApprovalAdded", 100: "TestApprovalAdded", 101: "TestApprovalAdded (package webhook/approval asks who may)",
	102: "TestCertificateRequestUpdate", 103: "TestCertificateRequestUpdate", 104: "TestCertificateRequestUpdate",
	105: "TestApprovalAdded", 106: "package webhook/approval",
}

func TestCertificateExamples(t *testing.T) {
	seen := map[int]bool{}
	for _, e := range examples.Certificates {
		seen[e.Row] = true
		t.Run(fmt.Sprintf("row %d %s", e.Row, e.Change), func(t *testing.T) {
			t.Parallel()
			if e.Unreadable {
				if err := decode(asJSON(t, e.Spec()), &certsv1.CertificateSpec{}); err == nil {
					t.Error("was read")
				}
				return
			}
			crt := certificate(t, "{"+e.Change+"}")
			expect(t, validate.CertificateNew(crt), e.Errors...)
			expect(t, validate.Certificate(crt), e.Reference...)
		})
	}
	for row := 1; row <= 106; row++ {
		if seen[row] == (elsewhere[row] != "") {
			t.Errorf("row %d of the specification is to be tested once, here or elsewhere", row)
		}
	}
}

func TestCertificateNew(t *testing.T) {
	tests := map[string]struct {
		change    string
		want      []string
		reference []string
	}{
		"a part of a literal subject may be empty (RFC 4514 section 3)": {
			change: `{literalSubject: "CN=svc,OU="}`,
		},
		"but an empty CN is no name": {
			change:    `{dnsNames: null, literalSubject: "CN=,O=Example"}`,
			want:      []string{"Invalid spec"},
			reference: []string{"Invalid spec"},
		},
		"object identifiers may be as long as 31 bits in each part": {
			change: `{otherNames: [{oid: 2.25.2147483647, utf8Value: v}, {oid: 2.25.2147483648, utf8Value: v}]}`,
			want:   []string{"Invalid spec.otherNames[1].oid"},
		},
		"underscores, a dot at the end and wildcards anywhere are for the issuer to judge": {
			change: `{dnsNames: [_acme.a.example, a.example., "a.*.example", "*"]}`,
		},
		"a label may be longer than DNS allows, as cert-manager signs such names": {
			change: `{dnsNames: [` + strings.Repeat("a", 70) + `.example]}`,
		},
		"a URL, a port, an empty name and an empty label are no DNS names": {
			change: `{dnsNames: ["https://a.example/", "a.example:443", "", a..example, .example]}`,
			want: []string{"Invalid spec.dnsNames[0]", "Invalid spec.dnsNames[1]", "Invalid spec.dnsNames[2]",
				"Invalid spec.dnsNames[3]", "Invalid spec.dnsNames[4]"},
		},
		"a relative URI is allowed": {
			change: `{uris: [foo.bar, "spiffe://cluster.local/ns/a/sa/b", "https://[2001:db8::1]:8443/"]}`,
		},
		"a URI that we could not read again is refused": {
			change: `{uris: ["", "spiffe://bücher/x", "https://a..b/", "https://a.example./"]}`,
			want:   []string{"Invalid spec.uris[0]", "Invalid spec.uris[1]", "Invalid spec.uris[2]", "Invalid spec.uris[3]"},
		},
		"an e-mail address outside ASCII is refused": {
			change: `{emailAddresses: ["jürgen@example.org"]}`,
			want:   []string{"Invalid spec.emailAddresses[0]"},
		},
		"an object identifier with an impossible beginning is refused": {
			change: `{otherNames: [{oid: 3.1.2, utf8Value: v}, {oid: "1.40", utf8Value: v}, {oid: "1", utf8Value: v}, {oid: "2.999", utf8Value: v}]}`,
			want:   []string{"Invalid spec.otherNames[0].oid", "Invalid spec.otherNames[1].oid", "Invalid spec.otherNames[2].oid"},
		},
		"name constraints that we could not read again are refused": {
			change: `{isCA: true, nameConstraints: {permitted: {dnsDomains: [.example.com, example.com., ""], emailAddresses: ["a b", ops@example.com, example.com]},
				excluded: {uriDomains: [10.0.0.1, example.com], dnsDomains: ["bücher.example"]}}}`,
			want: []string{"Invalid spec.nameConstraints.permitted.dnsDomains[1]", "Invalid spec.nameConstraints.permitted.emailAddresses[0]",
				"Invalid spec.nameConstraints.excluded.dnsDomains[0]", "Invalid spec.nameConstraints.excluded.uriDomains[0]"},
		},
		"the labels by which we find Secrets are reserved": {
			change: `{secretTemplate: {labels: {controller.cert-manager.io/fao: "false", cert-manager.io/next-private-key: "true", team: a}}}`,
			want:   []string{"Invalid spec.secretTemplate.labels", "Invalid spec.secretTemplate.labels"},
		},
		"a time zone cannot be smuggled into cron": {
			change:    `{renewal: {policy: RenewBefore, windows: [{cron: "TZ=UTC 0 2 * * *", windowDuration: 1h}, {cron: "CRON_TZ=UTC", windowDuration: 1h}, {cron: "  TZ=UTC @daily", windowDuration: 1h}]}}`,
			want:      []string{"Invalid spec.renewal.windows[0].cron", "Invalid spec.renewal.windows[1].cron", "Invalid spec.renewal.windows[2].cron"},
			reference: []string{"Invalid spec.renewal.windows[0].cron", "Invalid spec.renewal.windows[1].cron", "Invalid spec.renewal.windows[2].cron"},
		},
		"nor a cron into a time zone, and the zone of this machine is none": {
			change: `{renewal: {policy: RenewBefore, windows: [{cron: "@daily", windowDuration: 1h, timezone: "UTC 0 0 * * *"}, {cron: "@daily", windowDuration: 1h, timezone: Local}]}}`,
			want: []string{"Invalid spec.renewal.windows[0].timezone", "Invalid spec.renewal.windows[0].cron",
				"Invalid spec.renewal.windows[1].timezone", "Invalid spec.renewal.windows[1].cron"},
			reference: []string{"Invalid spec.renewal.windows[0].timezone", "Invalid spec.renewal.windows[0].cron",
				"Invalid spec.renewal.windows[1].timezone", "Invalid spec.renewal.windows[1].cron"},
		},
		"names of months and days are allowed in cron": {
			change: `{` + examples.Window(`cron: "0 2 * jan-mar sun", windowDuration: 1h`) + `}`,
		},
		"every descriptor is allowed in cron": {
			change: `{renewal: {policy: RenewBefore, windows: [{cron: "@hourly", windowDuration: 1h0m0s}, {cron: "@weekly", windowDuration: 1h}, {cron: "@midnight", windowDuration: 1h}, {cron: "@every 24h", windowDuration: 1h}]}}`,
		},
		"an unknown descriptor and an interval in days are not": {
			change:    `{renewal: {policy: RenewBefore, windows: [{cron: "@sometimes", windowDuration: 1h}, {cron: "@every 1d", windowDuration: 1h}, {cron: "0 2 * *", windowDuration: 1h}, {cron: "", windowDuration: 1h}]}}`,
			want:      []string{"Invalid spec.renewal.windows[0].cron", "Invalid spec.renewal.windows[1].cron", "Invalid spec.renewal.windows[2].cron", "Invalid spec.renewal.windows[3].cron"},
			reference: []string{"Invalid spec.renewal.windows[0].cron", "Invalid spec.renewal.windows[1].cron", "Invalid spec.renewal.windows[2].cron", "Invalid spec.renewal.windows[3].cron"},
		},
		"a window has a length, and not a negative one": {
			change: `{renewal: {policy: RenewBefore, windows: [{cron: "@daily"}, {cron: "@daily", windowDuration: -1h}]}}`,
			want:   []string{"Required spec.renewal.windows[0].windowDuration", "Invalid spec.renewal.windows[1].windowDuration"},
		},
		"both kinds of keystore are judged": {
			change:    `{keystores: {jks: {create: true, passwordSecretRef: {name: ""}}, pkcs12: {create: true, profile: Modern2030, passwordSecretRef: {name: pw, key: k}}}}`,
			want:      []string{"Forbidden spec.keystores.jks", "Unsupported spec.keystores.pkcs12.profile"},
			reference: []string{"Forbidden spec.keystores.jks", "Unsupported spec.keystores.pkcs12.profile"},
		},
		"an empty password beside a reference is a second one": {
			change:    `{keystores: {jks: {create: true, password: "", passwordSecretRef: {name: pw, key: k}}}}`,
			want:      []string{"Forbidden spec.keystores.jks", "Forbidden spec.keystores.jks.password"},
			reference: []string{"Forbidden spec.keystores.jks", "Forbidden spec.keystores.jks.password"},
		},
		"what the schema enumerates is named together with everything else": {
			change: `{secretName: "", privateKey: {rotationPolicy: Sometimes, encoding: DER}, additionalOutputFormats: [{type: PEM}, {}], signatureAlgorithm: MD5WithRSA}`,
			want: []string{"Required spec.secretName", "Unsupported spec.privateKey.rotationPolicy", "Unsupported spec.privateKey.encoding",
				"Invalid spec.signatureAlgorithm", "Unsupported spec.additionalOutputFormats[0].type", "Required spec.additionalOutputFormats[1].type"},
			reference: []string{"Required spec.secretName", "Unsupported spec.privateKey.rotationPolicy", "Unsupported spec.privateKey.encoding",
				"Invalid spec.signatureAlgorithm", "Unsupported spec.additionalOutputFormats[0].type", "Required spec.additionalOutputFormats[1].type"},
		},
		"annotations of 256 KiB and more are too long": {
			change:    `{secretTemplate: {annotations: {a: ` + strings.Repeat("x", 256<<10) + `}}}`,
			want:      []string{"TooLong spec.secretTemplate.annotations"},
			reference: []string{"TooLong spec.secretTemplate.annotations"},
		},
		"a label has to be a label in both parts": {
			change:    `{secretTemplate: {labels: {a: "b=c"}, annotations: {"a b": c}}}`,
			want:      []string{"Invalid spec.secretTemplate.labels", "Invalid spec.secretTemplate.annotations"},
			reference: []string{"Invalid spec.secretTemplate.labels", "Invalid spec.secretTemplate.annotations"},
		},
		"a percentage of a hundred years does not overflow": {
			change: `{duration: 876000h, renewBeforePercentage: 70}`,
		},
		"a percentage is judged without a duration too": {
			change: `{renewBeforePercentage: 0}`,
			want:   []string{"Invalid spec.renewBeforePercentage"},
		},
		"a negative renewBefore is too short": {
			change:    `{renewBefore: -1h}`,
			want:      []string{"Invalid spec.renewBefore"},
			reference: []string{"Invalid spec.renewBefore"},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			crt := certificate(t, tt.change)
			expect(t, validate.CertificateNew(crt), tt.want...)
			expect(t, validate.Certificate(crt), tt.reference...)
		})
	}
}

func TestIssuerKindHint(t *testing.T) {
	for name, tt := range map[string]struct {
		change string
		want   bool
	}{
		"row 8: a foreign kind without a group may be a forgotten group": {`{issuerRef: {name: i, kind: StepIssuer}}`, true},
		"row 10: a foreign kind in our group is a mistake":               {`{issuerRef: {name: i, kind: StepIssuer, group: cert-manager.io}}`, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			errs := validate.CertificateNew(certificate(t, tt.change))
			if len(errs) != 1 || strings.Contains(errs[0].Detail, "issuerRef.group") != tt.want {
				t.Errorf("got %v, a hint at the group: %v", errs, tt.want)
			}
		})
	}
}

func TestCertificateWarnings(t *testing.T) {
	tests := map[string]struct {
		change string
		want   []string // what each says
	}{
		"nothing to say about an ordinary Certificate": {change: `{commonName: a.example}`},
		"literal passwords can be read by many": {
			change: `{keystores: {jks: {create: true, password: hunter2}, pkcs12: {create: true, password: hunter2}}}`,
			want:   []string{"spec.keystores.jks.password", "spec.keystores.pkcs12.password"},
		},
		"an IP address among the DNS names is of no use": {
			change: `{dnsNames: [a.example, 10.0.0.1]}`,
			want:   []string{"spec.dnsNames[1]"},
		},
		"a host name that is only the common name is of no use": {
			change: `{commonName: b.example}`,
			want:   []string{"spec.commonName"},
		},
		"a CA and a person have other common names": {change: `{commonName: "Example Root 1.0", isCA: true}`},
		"an IP address may be the common name":      {change: `{commonName: 10.0.0.1, ipAddresses: [10.0.0.1]}`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := validate.CertificateWarnings(certificate(t, tt.change))
			if len(got) != len(tt.want) {
				t.Fatalf("got %q, want %d", got, len(tt.want))
			}
			for i, w := range got {
				if !strings.HasPrefix(w, tt.want[i]+" ") || strings.Contains(w, "hunter2") {
					t.Errorf("warning %q does not begin with %s, or gives the password away", w, tt.want[i])
				}
			}
		})
	}
}

func TestCertificateSecretWarnings(t *testing.T) {
	t.Parallel()
	crt := certificate(t, `{secretName: web-tls}`)
	if got := validate.CertificateSecretWarnings(crt, nil); got != nil {
		t.Errorf("nobody shares it: %q", got)
	}
	got := validate.CertificateSecretWarnings(crt, []string{"a", "b"})
	want := []string{`spec.secretName: the Secret "web-tls" is also that of the Certificate "a"; only one of them gets it`}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("CertificateSecretWarnings() (-want +got):\n%s", diff)
	}
}
