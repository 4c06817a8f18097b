package examples

import (
	"maps"
	"strings"

	"sigs.k8s.io/yaml"
)

// BaseCertificate is the spec of the Certificate B that the examples change.
const BaseCertificate = `{secretName: s, issuerRef: {name: i}, dnsNames: [a.example]}`

// A Certificate is an example of a Certificate that is created: one of the rows
// 1 to 83.
type Certificate struct {
	Row int
	// Change is what differs from BaseCertificate: members of its spec, as YAML
	// without the braces. Null takes one out.
	Change string
	// Errors of a Certificate that is new, each as "Kind path".
	Errors []string
	// Reference are those that an old one has too, as cert-manager refuses it.
	Reference []string
	// Unreadable says that no Certificate can be made of it.
	Unreadable bool
}

// Spec is the spec of the example.
func (c Certificate) Spec() map[string]any { return Spec("{" + c.Change + "}") }

// Spec is BaseCertificate with the members of change, a YAML mapping.
func Spec(change string) map[string]any {
	var spec, changes map[string]any
	check(yaml.Unmarshal([]byte(BaseCertificate), &spec))
	check(yaml.Unmarshal([]byte(change), &changes))
	maps.Copy(spec, changes)
	maps.DeleteFunc(spec, func(_ string, value any) bool { return value == nil })
	return spec
}

func refused(row int, change string, errs ...string) Certificate {
	return Certificate{Row: row, Change: change, Errors: errs, Reference: errs}
}

func accepted(row int, change string) Certificate { return Certificate{Row: row, Change: change} }

// ours is refused where it is new, although cert-manager accepts it.
func ours(row int, change string, errs ...string) Certificate {
	return Certificate{Row: row, Change: change, Errors: errs}
}

func unreadable(row int, change string) Certificate {
	return Certificate{Row: row, Change: change, Unreadable: true}
}

// Window is a change that adds one renewal window, as YAML without the braces.
func Window(window string) string {
	return "renewal: {policy: RenewBefore, windows: [{" + window + "}]}"
}

const dnsGone = "dnsNames: null, "

var longCN = strings.Repeat("a", 65)

// Certificates are the rows 1 to 83 of the specification.
var Certificates = []Certificate{
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
	refused(48, `privateKey: {algorithm: DSA}`, "Invalid spec.privateKey.algorithm"),
	refused(49, `signatureAlgorithm: ECDSAWithSHA256`, "Invalid spec.signatureAlgorithm"),
	refused(50, `privateKey: {algorithm: ECDSA}, signatureAlgorithm: SHA256WithRSA`, "Invalid spec.signatureAlgorithm"),
	accepted(51, `duration: 1h`),
	refused(51, `duration: 59m59s`, "Invalid spec.duration"),
	unreadable(52, `duration: 90d`),
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
	accepted(64, Window(`cron: "0 2 * * 1-5", windowDuration: 2h, timezone: Europe/Paris`)),
	refused(65, Window(`cron: "0 2 * * 7", windowDuration: 2h`), "Invalid spec.renewal.windows[0].cron"),
	refused(65, Window(`cron: "0 0 2 * * 1", windowDuration: 2h`), "Invalid spec.renewal.windows[0].cron"),
	accepted(66, Window(`cron: "@daily", windowDuration: 2h`)),
	refused(67, Window(`cron: "@daily", windowDuration: 2h, timezone: Mars/Base`),
		"Invalid spec.renewal.windows[0].timezone", "Invalid spec.renewal.windows[0].cron"),
	unreadable(68, Window(`cron: "@daily", windowDuration: 1d`)),
	ours(69, Window(`cron: "@daily", windowDuration: 0s`), "Required spec.renewal.windows[0].windowDuration"),
	refused(70, `usages: [serverAuth]`, "Invalid spec.usages[0]"),
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
