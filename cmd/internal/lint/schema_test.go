package lint

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func TestSchema(t *testing.T) {
	acme := func(solver string) string {
		return issuer("Issuer\nmetadata: {name: i}", "{acme: {server: https://a, privateKeySecretRef: {name: k}, solvers: ["+solver+"]}}")
	}
	order := func(spec string) string {
		return "apiVersion: acme.cert-manager.io/v1\nkind: Order\nmetadata: {name: o}\nspec: " + spec + "\n"
	}
	challenge := func(change string) string {
		return `apiVersion: acme.cert-manager.io/v1
kind: Challenge
metadata: {name: c}
spec: {authorizationURL: u, url: v, dnsName: a.example, wildcard: false, token: t, key: k, type: HTTP-01, solver: {}, issuerRef: {name: i}` + change + "}\n"
	}
	for name, tt := range map[string]struct {
		manifest string
		want     []string
	}{
		"a good Order":                         {order("{request: aGk=, issuerRef: {name: i}}"), nil},
		"an Order without what it needs":       {order("{dnsNames: [a.example]}"), []string{"4: error: Order/o: spec.issuerRef: Required value: ", "4: error: Order/o: spec.request: Required value: "}},
		"a good Challenge":                     {challenge(""), nil},
		"a word that is none of the list":      {challenge(", type: TLS-ALPN-01"), []string{"4: error: Challenge/c: type is set twice", `4: error: Challenge/c: spec.type: Unsupported value: "TLS-ALPN-01": supported values: "HTTP-01", "DNS-01"`}},
		"something below a list":               {acme("{http01: {gatewayHTTPRoute: {parentRefs: [{name: g, port: 0}]}}}"), []string{"4: error: Issuer/i: spec.acme.solvers[0].http01.gatewayHTTPRoute.parentRefs[0].port: Invalid value: 0: must be at least 1"}},
		"a text that does not match":           {acme("{http01: {gatewayHTTPRoute: {parentRefs: [{name: g, kind: '-'}]}}}"), []string{`4: error: Issuer/i: spec.acme.solvers[0].http01.gatewayHTTPRoute.parentRefs[0].kind: Invalid value: "-": must match ^`}},
		"a text that is too short":             {acme("{http01: {gatewayHTTPRoute: {parentRefs: [{name: g, namespace: ''}]}}}"), []string{`4: error: Issuer/i: spec.acme.solvers[0].http01.gatewayHTTPRoute.parentRefs[0].namespace: Invalid value: "": must have at least 1 character`}},
		"what a rule says is not said again":   {acme("{dns01: {akamai: {serviceConsumerDomain: d, clientTokenSecretRef: {key: k}, clientSecretSecretRef: {name: s, key: k}, accessTokenSecretRef: {name: s, key: k}}}}"), []string{"4: error: Issuer/i: spec.acme.solvers[0].dns01.akamai.clientToken.name: Required value: name the Secret in clientTokenSecretRef"}},
		"what is filled in is not asked for":   {"apiVersion: cert-manager.io/v1\nkind: Certificate\nmetadata: {name: c}\nspec: {dnsNames: [a.example], issuerRef: {name: i}}\n", nil},
		"what a Certificate needs deep inside": {certificate("c", "keystores: {jks: {passwordSecretRef: {name: s, key: k}}}"), []string{"8: error: Certificate/shop/c: spec.keystores.jks.create: Required value: Create says whether the keystore is made"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, begins(told(t, Options{}, tt.manifest), tt.want), cmpNil); diff != "" {
				t.Errorf("told (-want +got):\n%s", diff)
			}
		})
	}
}

// Every kind of ours has a schema to be found.
func TestSchemas(t *testing.T) {
	known := schemas{}
	for kind := range ownKinds {
		schema, err := known.of(kind)
		if err != nil {
			t.Error(err)
			continue
		}
		if _, ok := schema.Properties["spec"]; !ok {
			t.Errorf("the schema of %s has no spec", kind)
		}
		if again, _ := known.of(kind); again != schema {
			t.Errorf("the schema of %s is read twice", kind)
		}
	}
}

func TestBesides(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		offence, told string
		dropped       bool
	}{
		"of another field":            {"spec.a", "spec.b", false},
		"of the same":                 {"spec.a", "spec.a", true},
		"of a field in it":            {"spec.a", "spec.a.name", true},
		"of the object that it is in": {"spec.a.name", "spec.a", false},
		"of the list that it is in":   {"spec.a[0]", "spec.a", true},
		"of a list further up":        {"spec.a[0].b[1]", "spec.a", false},
		"of a name that it begins":    {"spec.a", "spec.ab", false},
		"without the end of a name":   {"spec.aSecretRef.name", "spec.a.name", true},
	} {
		errs := field.ErrorList{field.Required(field.NewPath(tt.told), "")}
		left := besides(errs, field.ErrorList{field.Required(field.NewPath(tt.offence), "")})
		if (len(left) == 0) != tt.dropped {
			t.Errorf("%s: %v is left beside %v", name, left, errs)
		}
	}
}
