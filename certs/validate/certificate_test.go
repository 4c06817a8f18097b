package validate_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	certsv1 "github.com/certwright/certwright/certs/v1"
	"github.com/certwright/certwright/certs/validate"
)

// An example is one row of spec/certificates.md section 10.
type example struct {
	row    int
	change string
	want   []string
	// reference is what Certificate says where it differs from CertificateNew.
	reference []string
}

func refused(row int, change string, want ...string) example {
	return example{row: row, change: change, want: want, reference: want}
}

func accepted(row int, change string) example { return example{row: row, change: change} }

// ours is refused where it is new, although cert-manager accepts it.
func ours(row int, change string, want ...string) example {
	return example{row: row, change: change, want: want}
}

var (
	window  = func(w string) string { return "renewal: {policy: RenewBefore, windows: [{" + w + "}]}" }
	longCN  = strings.Repeat("a", 65)
	dnsGone = "dnsNames: null, "
)

// The rows about CertificateRequests are in certificaterequest_test.go, those
// about updates in update_test.go.
var certificateExamples = []example{
	accepted(1, ``),
	refused(2, `secretName: ""`, "Required spec.secretName"),
	refused(3, `secretName: My_Secret`, "Invalid spec.secretName"),
	accepted(4, `secretName: a.b-c`),
	refused(5, `issuerRef: {kind: Issuer}`, "Required spec.issuerRef.name"),
	accepted(6, `issuerRef: {name: i, kind: ClusterIssuer}`),
	refused(7, `issuerRef: {name: i, kind: clusterissuer}`, "Invalid spec.issuerRef.kind"),
	refused(8, `issuerRef: {name: i, kind: StepIssuer}`, "Invalid spec.issuerRef.kind"),
	accepted(9, `issuerRef: {name: i, kind: StepIssuer, group: certmanager.step.sm}`),
	refused(10, `issuerRef: {name: i, kind: StepIssuer, group: cert-manager.io}`, "Invalid spec.issuerRef.kind"),
	refused(11, dnsGone, "Invalid spec"),
	accepted(12, dnsGone+`commonName: x`),
	accepted(13, dnsGone+`emailAddresses: [ops@example.org]`),
	accepted(14, dnsGone+`ipAddresses: [10.0.0.1]`),
	accepted(15, dnsGone+`otherNames: [{oid: 1.3.6.1.4.1.311.20.2.3, utf8Value: u@x}]`),
	accepted(16, `commonName: `+longCN[:64]),
	refused(16, `commonName: `+longCN, "TooLong spec.commonName"),
	refused(17, `commonName: `+strings.Repeat("é", 33), "TooLong spec.commonName"),
	accepted(18, dnsGone+`literalSubject: "CN=svc,O=Example"`),
	refused(19, dnsGone+`literalSubject: "O=Example"`, "Invalid spec"),
	accepted(20, `literalSubject: "O=Example"`),
	refused(21, `literalSubject: "CN=svc", commonName: svc`, "Invalid spec.commonName"),
	accepted(22, `literalSubject: "CN=svc", subject: {}`),
	refused(23, `literalSubject: "CN=svc", subject: {organizations: [O]}`, "Invalid spec.subject"),
	refused(23, `literalSubject: "CN=svc", subject: {serialNumber: "1"}`, "Invalid spec.subject"),
	refused(24, `literalSubject: "cn=svc"`, "Invalid spec.literalSubject"),
	accepted(25, `literalSubject: "2.5.4.42=Ann,CN=svc"`),
	refused(26, `literalSubject: "EMAIL=x,CN=svc"`, "Invalid spec.literalSubject"),
	refused(27, `literalSubject: "CN=svc,,O=x"`, "Invalid spec.literalSubject"),
	refused(28, `literalSubject: "CN=`+longCN+`"`, "TooLong spec.commonName"),
	refused(29, `ipAddresses: [10.0.0.1, 10.0.0.256]`, "Invalid spec.ipAddresses[1]"),
	refused(30, `ipAddresses: [10.0.0.0/8]`, "Invalid spec.ipAddresses[0]"),
	refused(31, `ipAddresses: ["fe80::1%eth0"]`, "Invalid spec.ipAddresses[0]"),
	accepted(32, `ipAddresses: ["::ffff:192.0.2.1"]`),
	refused(33, `emailAddresses: ["Ann <ann@example.org>"]`, "Invalid spec.emailAddresses[0]"),
	refused(34, `emailAddresses: [nobody]`, "Invalid spec.emailAddresses[0]"),
	accepted(35, `dnsNames: ["*.example"]`),
	ours(36, `dnsNames: ["bücher.example"]`, "Invalid spec.dnsNames[0]"),
	ours(37, `dnsNames: ["not a name"]`, "Invalid spec.dnsNames[0]"),
	ours(38, `uris: ["::bad"]`, "Invalid spec.uris[0]"),
	refused(39, `otherNames: [{oid: "", utf8Value: v}]`, "Required spec.otherNames[0].oid", "Invalid spec.otherNames[0].oid"),
	refused(40, `otherNames: [{oid: 1.2.x, utf8Value: v}]`, "Invalid spec.otherNames[0].oid"),
	refused(41, `otherNames: [{oid: 1.2.3}]`, "Required spec.otherNames[0].utf8Value"),
	refused(42, `privateKey: {size: 1024}`, "Invalid spec.privateKey.size"),
	accepted(43, `privateKey: {algorithm: RSA, size: 3000}`),
	refused(44, `privateKey: {algorithm: RSA, size: 8193}`, "Invalid spec.privateKey.size"),
	accepted(45, `privateKey: {size: -1}`),
	refused(46, `privateKey: {algorithm: ECDSA, size: 512}`, "Unsupported spec.privateKey.size"),
	accepted(47, `privateKey: {algorithm: Ed25519, size: 99999}`),
	refused(48, `privateKey: {algorithm: DSA}`, "Invalid spec.privateKey.algorithm"), // schema
	refused(49, `signatureAlgorithm: ECDSAWithSHA256`, "Invalid spec.signatureAlgorithm"),
	refused(50, `privateKey: {algorithm: ECDSA}, signatureAlgorithm: SHA256WithRSA`, "Invalid spec.signatureAlgorithm"),
	accepted(51, `duration: 1h`),
	refused(51, `duration: 59m59s`, "Invalid spec.duration"),
	accepted(53, `renewBefore: 5m`),
	refused(53, `renewBefore: 4m59s`, "Invalid spec.renewBefore"),
	refused(54, `renewBefore: 2160h`, "Invalid spec.renewBefore"),
	refused(55, `duration: 1h, renewBefore: 1h`, "Invalid spec.renewBefore"),
	refused(56, `renewBefore: 1h, renewBeforePercentage: 50`, "Invalid spec.renewBefore", "Invalid spec.renewBeforePercentage"),
	refused(57, `duration: 24h, renewBeforePercentage: 0`, "Invalid spec.renewBeforePercentage"),
	refused(57, `duration: 24h, renewBeforePercentage: 100`, "Invalid spec.renewBeforePercentage"),
	refused(57, `duration: 24h, renewBeforePercentage: -5`, "Invalid spec.renewBeforePercentage"),
	ours(58, `renewBeforePercentage: 150`, "Invalid spec.renewBeforePercentage"),
	accepted(59, `duration: 1h, renewBeforePercentage: 95`), // cert-manager refuses it
	ours(60, `duration: 1h, renewBeforePercentage: 5`, "Invalid spec.renewBeforePercentage"),
	accepted(61, `renewal: {policy: Disabled}`),
	refused(62, `renewal: {policy: Disabled, windows: [{cron: "0 2 * * *", windowDuration: 1h}]}`, "Forbidden spec.renewal.windows"),
	refused(63, `renewal: {}`, "Unsupported spec.renewal.policy"),
	accepted(64, window(`cron: "0 2 * * 1-5", windowDuration: 2h, timezone: Europe/Paris`)),
	refused(65, window(`cron: "0 2 * * 7", windowDuration: 2h`), "Invalid spec.renewal.windows[0].cron"),
	refused(65, window(`cron: "0 0 2 * * 1", windowDuration: 2h`), "Invalid spec.renewal.windows[0].cron"),
	accepted(66, window(`cron: "@daily", windowDuration: 2h`)),
	refused(67, window(`cron: "@daily", windowDuration: 2h, timezone: Mars/Base`),
		"Invalid spec.renewal.windows[0].timezone", "Invalid spec.renewal.windows[0].cron"),
	ours(69, window(`cron: "@daily", windowDuration: 0s`), "Invalid spec.renewal.windows[0].windowDuration"),
	refused(70, `usages: [serverAuth]`, "Invalid spec.usages[0]"), // schema
	refused(71, `revisionHistoryLimit: 0`, "Invalid spec.revisionHistoryLimit"),
	refused(72, `secretTemplate: {annotations: {cert-manager.io/x: "y"}}`, "Invalid spec.secretTemplate.annotations"),
	accepted(73, `secretTemplate: {annotations: {cert-manager.io/allow-direct-injection: "true"}}`),
	refused(74, `secretTemplate: {labels: {"a b": c}}`, "Invalid spec.secretTemplate.labels"),
	refused(75, `keystores: {jks: {create: true}}`, "Forbidden spec.keystores.jks"),
	refused(76, `keystores: {jks: {create: false}}`, "Forbidden spec.keystores.jks"),
	refused(77, `keystores: {pkcs12: {create: true, password: ""}}`, "Forbidden spec.keystores.pkcs12.password"),
	refused(78, `keystores: {pkcs12: {create: true, password: p, passwordSecretRef: {name: pw, key: k}}}`, "Forbidden spec.keystores.pkcs12"),
	accepted(79, `keystores: {jks: {create: true, passwordSecretRef: {name: pw}}}`),
	refused(80, `additionalOutputFormats: [{type: DER}, {type: DER}]`, "Duplicate spec.additionalOutputFormats[type]"),
	refused(81, `nameConstraints: {permitted: {dnsDomains: [x]}}`, "Invalid spec.nameConstraints"),
	refused(82, `isCA: true, nameConstraints: {critical: true}`, "Invalid spec.nameConstraints"),
	refused(83, `isCA: true, nameConstraints: {excluded: {ipRanges: [10.0.0.0]}}`, "Invalid spec.nameConstraints.excluded.ipRanges[0]"),
}

// elsewhere are the rows that are not decided by a spec alone.
var elsewhere = map[int]string{
	52: "TestUndecodableCertificate", 68: "TestUndecodableCertificate",
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
	for _, e := range certificateExamples {
		seen[e.row] = true
		t.Run(fmt.Sprintf("row %d %s", e.row, e.change), func(t *testing.T) {
			t.Parallel()
			crt := certificate(t, "{"+e.change+"}")
			expect(t, validate.CertificateNew(crt), e.want...)
			expect(t, validate.Certificate(crt), e.reference...)
		})
	}
	for row := 1; row <= 106; row++ {
		if seen[row] == (elsewhere[row] != "") {
			t.Errorf("row %d of the specification is to be tested once, here or elsewhere", row)
		}
	}
}

func TestUndecodableCertificate(t *testing.T) {
	for name, change := range map[string]string{
		"row 52: days are not a unit of durations": `{duration: 90d}`,
		"row 68: nor of windows":                   `{` + window(`cron: "@daily", windowDuration: 1d`) + `}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if err := decode(changed(t, base, change), &certsv1.CertificateSpec{}); err == nil {
				t.Error("was read")
			}
		})
	}
}

func TestCertificateNew(t *testing.T) {
	tests := map[string]struct {
		change    string
		want      []string
		reference []string
	}{
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
			change: `{` + window(`cron: "0 2 * jan-mar sun", windowDuration: 1h`) + `}`,
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
