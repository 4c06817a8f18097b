package lint

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	cmmeta "github.com/certwright/certwright/certs/meta/v1"
)

// told is what is said of manifests, without the name of the file and the
// counts.
func told(t testing.TB, opts Options, manifests string) []string {
	t.Helper()
	var out strings.Builder
	if err := Files([]File{{Name: "f", Data: []byte(manifests)}}, opts).WriteText(&out); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	lines = lines[:len(lines)-1]
	for i := range lines {
		lines[i] = strings.TrimPrefix(lines[i], "f:")
	}
	return lines
}

// begins cuts what begins as it is wanted to: the wording of the rules is for
// their own tests.
func begins(got, want []string) []string {
	for i := range min(len(got), len(want)) {
		if strings.HasPrefix(got[i], want[i]) {
			got[i] = want[i]
		}
	}
	return got
}

// certificate is a good Certificate whose spec begins on line 4, with more
// lines in its spec. Those lines begin on line 8.
func certificate(name string, more ...string) string {
	return fmt.Sprintf(`apiVersion: cert-manager.io/v1
kind: Certificate
metadata: {name: %s, namespace: shop}
spec:
  secretName: %[1]s-tls
  issuerRef: {name: ca}
  dnsNames: [%[1]s.example]
`, name) + lines(more...)
}

func issuer(head, spec string) string {
	return fmt.Sprintf("apiVersion: cert-manager.io/v1\nkind: %s\nspec: %s\n", head, spec)
}

func lines(all ...string) string {
	var out strings.Builder
	for _, line := range all {
		out.WriteString("  " + line + "\n")
	}
	return out.String()
}

func together(manifests ...string) string { return strings.Join(manifests, "---\n") }

func TestForm(t *testing.T) {
	const unknown = "unknown field, which the API server drops"
	for name, tt := range map[string]struct {
		manifest string
		want     []string // without level and object
	}{
		"a good one": {certificate("web"), nil},
		"a slip in a field": {
			certificate("web", "dnsName: [b.example]"),
			[]string{"8: spec.dnsName: " + unknown + "; did you mean dnsNames?"},
		},
		"the case of a field": {
			certificate("web", "isCa: true"),
			[]string{"8: spec.isCa: " + unknown + "; did you mean isCA?"},
		},
		"a field that belongs deeper": {
			certificate("web", "rotationPolicy: Always"),
			[]string{"8: spec.rotationPolicy: " + unknown + "; did you mean spec.privateKey.rotationPolicy?"},
		},
		"a field of an old version": {
			certificate("web", "keySize: 2048"),
			[]string{"8: spec.keySize: " + unknown + "; did you mean privateKey.size?"},
		},
		"a field like none": {
			certificate("web", "replicas: 2"),
			[]string{"8: spec.replicas: " + unknown},
		},
		"a field that should be indented": {
			certificate("web") + "isCA: true\n",
			[]string{"8: isCA: " + unknown + "; did you mean spec.isCA?"},
		},
		"a field of the metadata": {
			strings.Replace(certificate("web"), "{name", "{annotation: {a: b}, name", 1),
			[]string{"3: metadata.annotation: " + unknown + "; did you mean annotations?"},
		},
		"a field deep inside": {
			issuer("Issuer\nmetadata: {name: i}", "{acme: {server: https://a, privateKeySecretRef: {name: k}, solvers: [{http01: {ingress: {className: nginx}}}]}}"),
			[]string{"4: spec.acme.solvers[0].http01.ingress.className: " + unknown + "; did you mean class?"},
		},
		"what is anything in a webhook's configuration": {
			issuer("Issuer\nmetadata: {name: i}", "{acme: {server: https://a, privateKeySecretRef: {name: k}, solvers: [{dns01: {webhook: {groupName: g, solverName: s, config: {any: thing}}}}]}}"),
			nil,
		},
		"days, and what follows from them": {
			certificate("web", "duration: 180d", "renewBefore: 2400h"),
			[]string{`8: spec.duration: "180d" is not a duration; write durations in hours, minutes and seconds, for example 2160h for 90 days`},
		},
		"a number as duration, which may be of anything": {
			certificate("web", "duration: 90", "renewBefore: 1s"),
			[]string{`8: spec.duration: 90 is not a duration; write durations in hours, minutes and seconds, for example 2160h for 90 days`},
		},
		"a boolean in quotes, and what follows from it": {
			certificate("web", `isCA: "true"`, "nameConstraints: {permitted: {dnsDomains: [example]}}"),
			[]string{"8: spec.isCA: must be true or false, not a string; take the quotes away"},
		},
		"a number in quotes, and what is wrong with it": {
			certificate("web", `privateKey: {size: "1024"}`),
			[]string{
				"8: spec.privateKey.size: must be a whole number, not a string; take the quotes away",
				"8: spec.privateKey.size: Invalid value: 1024: is not between 2048 and 8192",
			},
		},
		"a number with a fraction": {
			certificate("web", "revisionHistoryLimit: 1.5"),
			[]string{"8: spec.revisionHistoryLimit: must be a whole number"},
		},
		"a number beyond its type": {
			certificate("web", "revisionHistoryLimit: 3000000000"),
			[]string{"8: spec.revisionHistoryLimit: is too large a number"},
		},
		"a list that is a number": {
			certificate("web", "revisionHistoryLimit: [1]"),
			[]string{"8: spec.revisionHistoryLimit: must be a whole number, not a list"},
		},
		"what YAML takes for a boolean": {
			certificate("web", "literalSubject: no"),
			[]string{
				"8: spec.literalSubject: must be a string, not a boolean; put it in quotes",
				`8: spec.literalSubject: Invalid value: "false": is not a distinguished name`,
			},
		},
		"an annotation that is none": {
			strings.Replace(certificate("web"), "{name", "{annotations: {cert-manager.io/issue-temporary-certificate: true}, name", 1),
			[]string{"3: metadata.annotations[cert-manager.io/issue-temporary-certificate]: must be a string, not a boolean; put it in quotes"},
		},
		"one name instead of a list": {
			strings.Replace(certificate("web"), "[web.example]", "web.example", 1),
			[]string{"7: spec.dnsNames: must be a list, not a string"},
		},
		"a name instead of an object: nothing is said of the rest": {
			strings.Replace(certificate("web", "duration: 1s"), "{name: ca}", "ca", 1),
			[]string{"6: spec.issuerRef: must be an object (group, kind, name), not a string"},
		},
		"a list instead of an object": {
			certificate("web", "privateKey: [RSA]"),
			[]string{"8: spec.privateKey: must be an object (algorithm, encoding, rotationPolicy, size), not a list"},
		},
		"an object instead of a name": {
			certificate("web", "commonName: {a: b}"),
			[]string{"8: spec.commonName: must be a string, not an object"},
		},
		"nothing is absent": {certificate("web", "privateKey:", "duration: null", "uris: [null]"), []string{`10: spec.uris[0]: Invalid value: "": is empty`}},
		"a request that is no base64": {
			"apiVersion: cert-manager.io/v1\nkind: CertificateRequest\nmetadata: {name: r}\nspec: {issuerRef: {name: ca}, request: '-----BEGIN'}\n",
			[]string{"4: spec.request: must be base64"},
		},
		"a status is not looked at": {certificate("web") + "status: {conditions: none, x: y}\n", nil},
		"two that are the same": {
			certificate("web", "secretName: other"),
			[]string{"8: secretName is set twice, first on line 5; only one of them counts"},
		},
		"no name": {
			strings.Replace(certificate("web"), "name: web, ", "", 1),
			[]string{"3: metadata.name: Required value: name or generateName is required"},
		},
		"a name that is none": {
			strings.Replace(certificate("web"), "name: web,", "name: Web,", 1),
			[]string{`3: metadata.name: Invalid value: "Web": a lowercase RFC 1123 subdomain`},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got []string
			for _, line := range told(t, Options{}, tt.manifest) {
				number, rest, _ := strings.Cut(line, ": error: ")
				_, rest, _ = strings.Cut(rest, ": ")
				got = append(got, number+": "+rest)
			}
			if diff := cmp.Diff(tt.want, begins(got, tt.want)); diff != "" {
				t.Errorf("told (-want +got):\n%s", diff)
			}
		})
	}
}

func TestKinds(t *testing.T) {
	of := func(apiVersion, kind string) string {
		return fmt.Sprintf("metadata: {name: x}\nspec: {isCA: yes}\nkind: %s\napiVersion: %s\n", kind, apiVersion)
	}
	for name, tt := range map[string]struct {
		apiVersion, kind string
		want             string // the first thing that is said, "" if it is skipped
	}{
		"an old version":                    {"cert-manager.io/v1alpha2", "Certificate", "4: error: Certificate/x: apiVersion: cert-manager.io/v1alpha2 is not served; write cert-manager.io/v1, and see whether the fields are those of v1"},
		"an old version of ACME":            {"acme.cert-manager.io/v1beta1", "Order", "4: error: Order/x: apiVersion: acme.cert-manager.io/v1beta1 is not served; write acme.cert-manager.io/v1, and see whether the fields are those of v1"},
		"the group of old":                  {"certmanager.k8s.io/v1alpha1", "Issuer", "4: error: Issuer/x: apiVersion: certmanager.k8s.io/v1alpha1 has no kind Issuer; write cert-manager.io/v1"},
		"the other group":                   {"cert-manager.io/v1", "Order", "4: error: Order/x: apiVersion: cert-manager.io/v1 has no kind Order; write acme.cert-manager.io/v1"},
		"a group with a slip":               {"certmanager.io/v1", "Certificate", "4: error: Certificate/x: apiVersion: certmanager.io/v1 has no kind Certificate; write cert-manager.io/v1"},
		"a group without a version":         {"cert-manager.io", "Certificate", "4: error: Certificate/x: apiVersion: cert-manager.io has no kind Certificate; write cert-manager.io/v1"},
		"the group forgotten":               {"v1", "Certificate", "4: error: Certificate/x: apiVersion: v1 has no kind Certificate; write cert-manager.io/v1"},
		"no apiVersion":                     {"", "ClusterIssuer", "4: error: ClusterIssuer/x: apiVersion: is missing; write apiVersion: cert-manager.io/v1"},
		"a kind with a slip":                {"cert-manager.io/v1", "Certficate", "3: error: Certficate/x: kind: cert-manager.io/v1 has no kind Certficate; did you mean Certificate?"},
		"a kind like none":                  {"cert-manager.io/v1", "Pod", "3: error: Pod/x: kind: cert-manager.io/v1 has no kind Pod"},
		"no kind":                           {"cert-manager.io/v1", "", "3: error: x: kind: is missing; write one of Certificate, CertificateRequest, Challenge, ClusterIssuer, Issuer, Order"},
		"somebody else's Certificate":       {"networking.internal.knative.dev/v1alpha1", "Certificate", ""},
		"a project below us":                {"policy.cert-manager.io/v1alpha1", "CertificateRequestPolicy", ""},
		"a kind of ours of a project below": {"trust.cert-manager.io/v1", "Certificate", ""},
		"neither":                           {"", "", ""},
		"a core kind":                       {"v1", "Service", ""},
		"an Ingress that is not served":     {"extensions/v1beta1", "Ingress", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := ""
			if all := told(t, Options{}, of(tt.apiVersion, tt.kind)); len(all) > 0 {
				got = all[len(all)-1]
			}
			if got != tt.want {
				t.Errorf("told %q, want %q", got, tt.want)
			}
		})
	}
}

func TestDefaultIssuer(t *testing.T) {
	const unnamed = `apiVersion: cert-manager.io/v1
kind: Certificate
metadata: {name: web, namespace: shop}
spec: {dnsNames: [a.example]}
`
	const ingress = `apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web, namespace: shop, annotations: {certwright.dev/tls: "true"}}
spec: {tls: [{hosts: [a.example], secretName: t}]}
`
	marked := func(kind, namespace, name string) string {
		return issuer(fmt.Sprintf("%s\nmetadata: {name: %s, namespace: %s, annotations: {certwright.dev/default-issuer: \"true\"}}", kind, name, namespace), "{selfSigned: {}}")
	}
	noted := func(issuer string) []string {
		return []string{"4: note: Ingress/shop/web: makes the Certificate t: secret t, names a.example, issuer " + issuer}
	}
	house := Options{DefaultIssuer: cmmeta.IssuerReference{Name: "house", Kind: "ClusterIssuer", Group: "cert-manager.io"}}
	for name, tt := range map[string]struct {
		opts      Options
		manifests string
		want      []string
	}{
		"none is known": {
			manifests: unnamed,
			want: []string{
				"4: error: Certificate/shop/web: spec.issuerRef: Required value: name the Issuer or ClusterIssuer that signs: none of these manifests marks a default issuer; if the cluster has one, name it with --default-issuer-name",
				"4: error: Certificate/shop/web: spec.issuerRef.name: Required value: name the Issuer or ClusterIssuer that signs",
			},
		},
		"an empty reference is not a missing one": {
			manifests: strings.Replace(unnamed, "{dnsNames", "{issuerRef: {}, dnsNames", 1),
			want:      []string{"4: error: Certificate/shop/web: spec.issuerRef.name: Required value: name the Issuer or ClusterIssuer that signs"},
		},
		"none is known for an Ingress": {
			manifests: ingress,
			want:      []string{"3: error: Ingress/shop/web: metadata.annotations: Required value: default issuer: none of these manifests marks a default issuer; if the cluster has one, name it with --default-issuer-name"},
		},
		"that of the cluster":                  {opts: house, manifests: unnamed},
		"that of the cluster, for an Ingress":  {opts: house, manifests: ingress, want: noted("ClusterIssuer house")},
		"one is marked, later":                 {manifests: together(unnamed, marked("ClusterIssuer", "", "c"))},
		"one is marked, for an Ingress":        {manifests: together(ingress, marked("ClusterIssuer", "", "c")), want: noted("ClusterIssuer c")},
		"one of the namespace goes before":     {manifests: together(ingress, marked("ClusterIssuer", "", "c"), marked("Issuer", "shop", "i")), want: noted("Issuer i")},
		"one of another namespace is not ours": {manifests: together(ingress, marked("ClusterIssuer", "", "c"), marked("Issuer", "other", "i")), want: noted("ClusterIssuer c")},
		"the same in two files is one":         {manifests: together(ingress, marked("Issuer", "shop", "i"), marked("Issuer", "shop", "i")), want: noted("Issuer i")},
		"two are marked": {
			manifests: together(unnamed, ingress, marked("Issuer", "shop", "j"), marked("Issuer", "shop", "i")),
			want: []string{
				"4: error: Certificate/shop/web: spec.issuerRef: Required value: name the issuer: 2 of kind Issuer are marked certwright.dev/default-issuer (i, j), so none is the default; or leave the mark on one of them",
				"4: error: Certificate/shop/web: spec.issuerRef.name: Required value: name the Issuer or ClusterIssuer that signs",
				"8: error: Ingress/shop/web: metadata.annotations: Required value: default issuer: name the issuer: 2 of kind Issuer are marked certwright.dev/default-issuer (i, j), so none is the default; or leave the mark on one of them",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, begins(told(t, tt.opts, tt.manifests), tt.want), cmpNil); diff != "" {
				t.Errorf("told (-want +got):\n%s", diff)
			}
		})
	}
}

// cmpNil holds a nil and an empty list for equal.
var cmpNil = cmp.FilterValues(func(a, b []string) bool { return len(a) == 0 && len(b) == 0 }, cmp.Ignore())

func TestTogether(t *testing.T) {
	secret := func(kind string) string {
		return "apiVersion: v1\nkind: Secret\nmetadata: {name: web, namespace: shop}\ndata: {key: aHVzaA==}\n" + kind
	}
	const named = `apiVersion: cert-manager.io/v1
kind: Certificate
metadata: {name: web, namespace: shop}
spec: {dnsNames: [a.example], issuerRef: {name: ca}}
`
	ingress := func(name, secret string) string {
		return fmt.Sprintf(`apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: %s, namespace: shop, annotations: {cert-manager.io/issuer: ca}}
spec:
  tls:
  - hosts: [a.example]
    secretName: %s
`, name, secret)
	}
	shared := "secretName: both-tls"
	for name, tt := range map[string]struct {
		manifests string
		want      []string
	}{
		"two Certificates and one Secret": {
			together(strings.Replace(certificate("a"), "secretName: a-tls", shared, 1), strings.Replace(certificate("b"), "secretName: b-tls", shared, 1)),
			[]string{
				`5: warning: Certificate/shop/a: spec.secretName: the Secret "both-tls" is also that of the Certificate "b"; only one of them gets it`,
				`13: warning: Certificate/shop/b: spec.secretName: the Secret "both-tls" is also that of the Certificate "a"; only one of them gets it`,
			},
		},
		"three Certificates and one Secret": {
			together(strings.Replace(certificate("b"), "secretName: b-tls", shared, 1), strings.Replace(certificate("c"), "secretName: c-tls", shared, 1), strings.Replace(certificate("a"), "secretName: a-tls", shared, 1)),
			[]string{
				`5: warning: Certificate/shop/b: spec.secretName: the Secret "both-tls" is also that of the Certificate "a"; only one of them gets it`,
				`13: warning: Certificate/shop/c: spec.secretName: the Secret "both-tls" is also that of the Certificate "a"; only one of them gets it`,
				`21: warning: Certificate/shop/a: spec.secretName: the Secret "both-tls" is also that of the Certificate "b"; only one of them gets it`,
			},
		},
		"in two namespaces": {together(certificate("a"), strings.Replace(certificate("a"), "shop", "mall", 1)), nil},
		"one Certificate in two files, as with overlays": {together(certificate("a"), certificate("a")), nil},
		"one Ingress in two files":                       {together(ingress("web", "t"), ingress("web", "t")), []string{noteT(7, "web"), noteT(15, "web")}},
		"two Ingresses and one Secret": {
			together(ingress("web", "t"), ingress("api", "t")),
			[]string{
				"7: warning: Ingress/shop/web: spec.tls[0].secretName: the Certificate t is also that of Ingress/shop/api (f:15); only one of them gets its way",
				"15: warning: Ingress/shop/api: spec.tls[0].secretName: the Certificate t is also that of Ingress/shop/web (f:7); only one of them gets its way",
				noteT(7, "web"), noteT(15, "api"),
			},
		},
		"an Ingress and the Certificate that it would make": {
			together(ingress("web", "t"), strings.Replace(certificate("t"), "t-tls", "t", 1)),
			[]string{
				"7: warning: Ingress/shop/web: spec.tls[0].secretName: the Certificate t is also that of Certificate/shop/t (f:9); only one of them gets its way",
				noteT(7, "web"),
			},
		},
		"an Ingress and another Certificate": {
			together(ingress("web", "t"), strings.Replace(certificate("a"), "a-tls", "t", 1)),
			[]string{
				`7: warning: Ingress/shop/web: spec.tls[0].secretName: of the Certificate t: spec.secretName: the Secret "t" is also that of the Certificate "a"; only one of them gets it`,
				`13: warning: Certificate/shop/a: spec.secretName: the Secret "t" is also that of the Certificate "t"; only one of them gets it`,
				noteT(7, "web"),
			},
		},
		"a Secret in the way of a name that is filled in": {
			together(secret("type: kubernetes.io/dockerconfigjson\n"), named),
			[]string{`10: error: Certificate/shop/web: spec.secretName: Required value: name the Secret: one called "web" exists, is of type kubernetes.io/dockerconfigjson, and would be overwritten; set secretName to another name, or to this one if that is what you want`},
		},
		"a Secret without a type in the way": {
			together(secret(""), named),
			[]string{`9: error: Certificate/shop/web: spec.secretName: Required value: name the Secret: one called "web" exists, is of type Opaque, and would be overwritten; set secretName to another name, or to this one if that is what you want`},
		},
		"a Secret for a certificate":        {together(secret("type: kubernetes.io/tls\n"), named), nil},
		"an issuer that is not there":       {certificate("a"), nil},
		"a common name that nobody reads":   {certificate("a", "commonName: b.example"), []string{"8: warning: Certificate/shop/a: spec.commonName: is not among spec.dnsNames: TLS clients ignore it there and ACME issuers refuse it; add b.example to spec.dnsNames"}},
		"a password for everybody":          {certificate("a", "keystores:", "  jks:", "    create: true", "    password: hush"), []string{"11: warning: Certificate/shop/a: spec.keystores.jks.password: is readable by everybody who may read this Certificate; use passwordSecretRef instead"}},
		"an annotation that nobody reads":   {strings.Replace(certificate("a"), "{name", "{annotations: {cert-manager.io/cluster-issuer: x}, name", 1), []string{"3: warning: Certificate/shop/a: metadata.annotations[cert-manager.io/cluster-issuer]: means nothing on objects of kind Certificate"}},
		"an issuer with a doubtful setting": {issuer("ClusterIssuer\nmetadata: {name: i}", "{acme: {server: https://a, privateKeySecretRef: {name: k}, solvers: [{dns01: {route53: {accessKeyID: x}}}]}}"), []string{"4: warning: ClusterIssuer/i: spec.acme.solvers[0].dns01.route53: has half of an access key: set both its ID and secretAccessKeySecretRef, or neither"}},
		"an issuer with an old setting":     {issuer("Issuer\nmetadata: {name: i}", "{acme: {server: https://a, privateKeySecretRef: {name: k}, externalAccountBinding: {keyID: x, keySecretRef: {name: s, key: k}, keyAlgorithm: HS256}, solvers: [{http01: {ingress: {}}}]}}"), []string{"1: warning: Issuer/i: ACME issuer spec field 'externalAccount.keyAlgorithm' is deprecated. The value of this field will be ignored."}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, begins(told(t, Options{}, tt.manifests), tt.want), cmpNil); diff != "" {
				t.Errorf("told (-want +got):\n%s", diff)
			}
		})
	}
}

func noteT(line int, ingress string) string {
	return fmt.Sprintf("%d: note: Ingress/shop/%s: makes the Certificate t: secret t, names a.example, issuer Issuer ca", line, ingress)
}

// What a Certificate and its issuer say of each other is warned about where the
// Certificate is asked for.
func TestAboutIssuer(t *testing.T) {
	const elsewhere = "{acme: {server: https://a, privateKeySecretRef: {name: k}, solvers: [{selector: {dnsZones: [b.example]}, http01: {ingress: {}}}]}}"
	ca := issuer("Issuer\nmetadata: {name: ca, namespace: shop}", elsewhere)
	clusterCA := issuer("ClusterIssuer\nmetadata: {name: ca}", elsewhere)
	with := func(ref string) string { return strings.Replace(certificate("a"), "{name: ca}", ref, 1) }
	const ingress = `apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web, namespace: shop, annotations: {cert-manager.io/issuer: ca}}
spec: {tls: [{hosts: [i.example], secretName: t}]}
`
	for name, tt := range map[string]struct {
		manifests string
		want      []string
	}{
		"the issuer is among them, in whatever order":  {together(certificate("a"), ca), []string{"7: warning: Certificate/shop/a: spec.dnsNames[0]: the name a.example needs a solver, and the Issuer \"ca\" has none"}},
		"the issuer of the same name, of another kind": {together(clusterCA, certificate("a")), nil},
		"a ClusterIssuer":                 {together(with("{name: ca, kind: ClusterIssuer}"), clusterCA), []string{"7: warning: Certificate/shop/a: spec.dnsNames[0]: the name a.example needs a solver, and the ClusterIssuer \"ca\" has none"}},
		"the issuer of another namespace": {together(certificate("a"), strings.Replace(ca, "shop", "mall", 1)), nil},
		"an issuer of somebody else":      {together(with("{name: ca, group: example.com}"), ca), nil},
		"a Certificate of an Ingress": {together(ingress, ca), []string{
			"4: warning: Ingress/shop/web: spec.tls[0].secretName: of the Certificate t: spec.dnsNames[0]: the name i.example needs a solver, and the Issuer \"ca\" has none",
			"4: note: Ingress/shop/web: makes the Certificate t: secret t, names i.example, issuer Issuer ca",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, begins(told(t, Options{}, tt.manifests), tt.want), cmpNil); diff != "" {
				t.Errorf("told (-want +got):\n%s", diff)
			}
		})
	}
}
