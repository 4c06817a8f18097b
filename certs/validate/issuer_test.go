package validate_test

import (
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	certsv1 "github.com/certwright/certwright/certs/v1"
	"github.com/certwright/certwright/certs/validate"
	"github.com/certwright/certwright/test/examples"
)

func issuer(t testing.TB, text string) *certsv1.IssuerSpec {
	t.Helper()
	data, err := yaml.YAMLToJSON([]byte(text))
	if err != nil {
		t.Fatalf("read %q: %v", text, err)
	}
	spec := &certsv1.IssuerSpec{}
	if err := decode(data, spec); err != nil {
		t.Fatalf("decode %q: %v", text, err)
	}
	return spec
}

func TestIssuer(t *testing.T) {
	for _, e := range examples.Issuers() {
		t.Run(e.Name, func(t *testing.T) {
			t.Parallel()
			spec := issuer(t, e.Spec)
			expect(t, validate.Issuer(spec), e.Errors...)
			expect(t, validate.IssuerUpdate(spec, spec))
		})
	}
}

func TestIssuerUpdate(t *testing.T) {
	const (
		broken = `{dns01: {cloudflare: {apiKeySecretRef: {name: s, key: k}}}}`
		good   = `{http01: {ingress: {}}}`
	)
	with := examples.WithSolvers
	tests := map[string]struct {
		old, new string
		want     []string
	}{
		"a broken solver may stay, and move":   {with(broken), with(good, broken), nil},
		"a second broken solver is refused":    {with(broken), with(broken, broken), []string{"Required spec.acme.solvers[1].dns01.cloudflare.email"}},
		"what becomes broken is refused":       {with(good), with(broken), []string{"Required spec.acme.solvers[0].dns01.cloudflare.email"}},
		"a bundle of other noise is refused":   {`{acme: {server: s, privateKeySecretRef: {name: a}, caBundle: bm9pc2U=}}`, `{acme: {server: s, privateKeySecretRef: {name: a}, caBundle: bm9pc2Ux}}`, []string{"Invalid spec.acme.caBundle"}},
		"an issuer may become one of any type": {with(good), `{ca: {secretName: s}}`, nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			expect(t, validate.IssuerUpdate(issuer(t, tt.old), issuer(t, tt.new)), tt.want...)
		})
	}
}

func TestIssuerWarnings(t *testing.T) {
	acme := func(rest string) string {
		return `{acme: {server: s, privateKeySecretRef: {name: a}, ` + rest + `}}`
	}
	tests := map[string]struct {
		spec string
		want []string
	}{
		"nothing to say": {`{selfSigned: {}}`, nil},
		"the algorithm of an external account is ignored": {
			acme(`solvers: [{http01: {ingress: {}}}], externalAccountBinding: {keyID: k, keySecretRef: {name: s, key: k}, keyAlgorithm: HS384}`),
			[]string{"ACME issuer spec field 'externalAccount.keyAlgorithm' is deprecated. The value of this field will be ignored."},
		},
		"half a key and no role": {
			acme(`solvers: [{dns01: {route53: {accessKeyID: a}}}, {dns01: {route53: {auth: {kubernetes: {serviceAccountRef: {name: s}}}}}}, {dns01: {route53: {}}}]`),
			[]string{"spec.acme.solvers[0].dns01.route53 has half", "spec.acme.solvers[1].dns01.route53.auth needs role"},
		},
		"nobody proves anything": {acme(`email: a@a.example`), []string{"spec.acme.solvers is empty"}},
		"what others have given up": {
			acme(`profile: tlsclient, solvers: [{http01: {ingress: {class: nginx}}}, {dns01: {azureDNS: {environment: AzureGermanCloud}}}]`),
			[]string{"spec.acme.profile: tlsclient", "spec.acme.solvers[0].http01.ingress.class", "spec.acme.solvers[1].dns01.azureDNS.environment"},
		},
		"a server that is gone": {
			`{acme: {server: "https://acme-v01.api.letsencrypt.org/directory/", solvers: [{http01: {ingress: {}}}]}}`,
			[]string{"spec.acme.server: https://acme-v01.api.letsencrypt.org/directory/ does not issue any more; use https://acme-v02"},
		},
		"two ways to log in": {
			`{vault: {server: s, path: p, auth: {aws: {role: r}, tokenSecretRef: {name: s}}}}`,
			[]string{"spec.vault.auth has 2 ways"},
		},
		"credentials from nowhere": {`{venafi: {zone: z, tpp: {url: u}}}`, []string{"spec.venafi.tpp.credentialsRef names no Secret"}},
		"a token from nowhere":     {`{venafi: {zone: z, cloud: {}}}`, []string{"spec.venafi.cloud.apiTokenSecretRef names no Secret"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := validate.IssuerWarnings(issuer(t, tt.spec))
			if len(got) != len(tt.want) {
				t.Fatalf("got %q, want %q", got, tt.want)
			}
			for i := range got {
				if !strings.HasPrefix(got[i], tt.want[i]) {
					t.Errorf("got %q, want %q", got[i], tt.want[i])
				}
			}
		})
	}
}
