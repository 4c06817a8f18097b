package validate_test

import (
	"crypto/x509"
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/certwright/certwright/certs"
	certsv1 "github.com/certwright/certwright/certs/v1"
	"github.com/certwright/certwright/certs/validate"
)

// caPEM is the base64 of a CA as PEM.
func caPEM(t testing.TB) string {
	t.Helper()
	key := newKey(t)
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	csr, err := certs.CreateCSR(&certsv1.CertificateSpec{CommonName: "ca", IsCA: true}, key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := certs.DecodeCSR(csr)
	if err != nil {
		t.Fatal(err)
	}
	template, err := certs.Template(&certsv1.CertificateRequestSpec{IsCA: true}, parsed, now)
	if err != nil {
		t.Fatal(err)
	}
	ca, err := certs.Sign(template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(certs.EncodeChain([]*x509.Certificate{ca}...))
}

func issuer(t testing.TB, text string) *certsv1.IssuerSpec {
	t.Helper()
	if strings.Contains(text, "$CA") {
		text = strings.ReplaceAll(text, "$CA", caPEM(t))
	}
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
	const noise = "bm9pc2U="
	vault := func(rest string) string {
		return `{vault: {server: "https://vault.example.com", path: pki/sign/x, ` + rest + `}}`
	}
	auth := func(way string) string { return vault(`auth: {` + way + `}`) }
	acme := func(rest string) string {
		return `{acme: {server: "https://acme.example.com/dir", privateKeySecretRef: {name: account}, ` + rest + `}}`
	}
	token := `auth: {tokenSecretRef: {name: token}}`

	tests := map[string]struct {
		spec string
		want []string
	}{
		"some type is needed": {`{}`, []string{"Required spec"}},
		"one type is enough":  {`{ca: {secretName: s}, selfSigned: {}}`, []string{"Forbidden spec.selfSigned"}},
		"each type after the first is one too many": {
			`{venafi: {zone: z, cloud: {apiTokenSecretRef: {name: s}}}, ca: {secretName: s}, selfSigned: {}, vault: {server: s, path: p, auth: {tokenSecretRef: {name: s}}}, acme: {server: s, privateKeySecretRef: {name: s}}}`,
			[]string{"Forbidden spec.ca", "Forbidden spec.vault", "Forbidden spec.selfSigned", "Forbidden spec.venafi"},
		},

		"self-signed needs nothing":              {`{selfSigned: {}}`, nil},
		"its revocation lists are not looked at": {`{selfSigned: {crlDistributionPoints: [""]}}`, nil},

		"a CA":                       {`{ca: {secretName: s, issuingCertificateURLs: ["http://ca.example/ca.crt"], ocspServers: ["http://ocsp.example"], crlDistributionPoints: [""]}}`, nil},
		"a CA needs a Secret":        {`{ca: {}}`, []string{"Required spec.ca.secretName"}},
		"URLs of a CA are not empty": {`{ca: {secretName: s, issuingCertificateURLs: [x, ""], ocspServers: ["", x]}}`, []string{"Invalid spec.ca.issuingCertificateURLs[1]", "Invalid spec.ca.ocspServer[0]"}},

		"Vault": {vault(token), nil},
		"Vault needs a server, a path and a way to log in":   {`{vault: {}}`, []string{"Required spec.vault.server", "Required spec.vault.path", "Required spec.vault.auth"}},
		"Vault's path does not climb":                        {`{vault: {server: s, path: pki/../sys/seal, ` + token + `}}`, []string{"Invalid spec.vault.path"}},
		"nor with escaped dots":                              {`{vault: {server: s, path: pki/%2e%2E/sys/seal, ` + token + `}}`, []string{"Invalid spec.vault.path"}},
		"nor with escaped slashes":                           {`{vault: {server: s, path: pki/x%2f..%2Fsys, ` + token + `}}`, []string{"Invalid spec.vault.path"}},
		"two dots inside a word climb nowhere":               {`{vault: {server: s, path: pki/sign/a..b, ` + token + `}}`, nil},
		"a bundle of CAs for Vault":                          {vault(`caBundle: $CA, ` + token), nil},
		"a bundle without a certificate":                     {vault(`caBundle: ` + noise + `, ` + token), []string{"Invalid spec.vault.caBundle"}},
		"two bundles for Vault":                              {vault(`caBundle: $CA, caBundleSecretRef: {name: s}, ` + token), []string{"Forbidden spec.vault.caBundle", "Forbidden spec.vault.caBundleSecretRef"}},
		"a client certificate and its key":                   {vault(`clientCertSecretRef: {name: s}, clientKeySecretRef: {name: s}, ` + token), nil},
		"a client certificate without its key":               {vault(`clientCertSecretRef: {name: s}, ` + token), []string{"Required spec.vault.clientKeySecretRef"}},
		"a client key without its certificate":               {vault(`clientKeySecretRef: {name: s}, ` + token), []string{"Required spec.vault.clientCertSecretRef"}},
		"several ways to log in are allowed":                 {auth(`tokenSecretRef: {name: s}, aws: {role: r}`), nil},
		"a token needs the name of a Secret":                 {auth(`tokenSecretRef: {name: ""}`), []string{"Required spec.vault.auth.tokenSecretRef.name"}},
		"AppRole":                                            {auth(`appRole: {path: approle, roleId: r, secretRef: {name: s}}`), nil},
		"AppRole needs a role and a Secret":                  {auth(`appRole: {path: ../x, roleId: "", secretRef: {name: ""}}`), []string{"Invalid spec.vault.auth.appRole.path", "Required spec.vault.auth.appRole.roleId", "Required spec.vault.auth.appRole.secretRef.name"}},
		"a client certificate to log in with":                {auth(`clientCertificate: {}`), nil},
		"whose path does not climb":                          {auth(`clientCertificate: {mountPath: ../x}`), []string{"Invalid spec.vault.auth.clientCertificate.path"}},
		"a ServiceAccount":                                   {auth(`kubernetes: {role: r, serviceAccountRef: {name: s}, secretRef: {name: ""}}`), nil},
		"a token in a Secret":                                {auth(`kubernetes: {role: r, secretRef: {name: s}}`), nil},
		"two tokens":                                         {auth(`kubernetes: {role: r, secretRef: {name: s}, serviceAccountRef: {name: s}}`), []string{"Forbidden spec.vault.auth.kubernetes"}},
		"Kubernetes needs a role and a token":                {auth(`kubernetes: {mountPath: /v1/../x}`), []string{"Invalid spec.vault.auth.kubernetes.path", "Required spec.vault.auth.kubernetes.role", "Required spec.vault.auth.kubernetes"}},
		"a ServiceAccount has a name":                        {auth(`kubernetes: {role: r, serviceAccountRef: {name: ""}}`), []string{"Required spec.vault.auth.kubernetes.serviceAccountRef.name"}},
		"AWS":                                                {auth(`aws: {role: r}`), nil},
		"AWS with a ServiceAccount":                          {auth(`aws: {role: r, serviceAccountRef: {name: s}, iamRoleArn: a}`), nil},
		"AWS needs a role, and a ServiceAccount an IAM role": {auth(`aws: {mountPath: .., serviceAccountRef: {name: ""}}`), []string{"Invalid spec.vault.auth.aws.mountPath", "Required spec.vault.auth.aws.role", "Required spec.vault.auth.aws.serviceAccountRef.name", "Required spec.vault.auth.aws.iamRoleArn"}},

		"Venafi TPP":                        {`{venafi: {zone: z, tpp: {url: u, credentialsRef: {name: ""}}}}`, nil},
		"Venafi TPP needs a URL":            {`{venafi: {zone: z, tpp: {credentialsRef: {name: s}}}}`, []string{"Required spec.venafi.tpp.url"}},
		"TPP with two bundles":              {`{venafi: {zone: z, tpp: {url: u, caBundle: $CA, caBundleSecretRef: {name: s}}}}`, []string{"Forbidden spec.venafi.tpp"}},
		"TPP with a bundle of noise":        {`{venafi: {zone: z, tpp: {url: u, caBundle: ` + noise + `}}}`, []string{"Invalid spec.venafi.tpp.caBundle"}},
		"Venafi SaaS":                       {`{venafi: {zone: z, cloud: {apiTokenSecretRef: {name: s}}}}`, nil},
		"Venafi NGTS":                       {`{venafi: {zone: z, ngts: {tsgID: "1", credentialsRef: {name: s}}}}`, nil},
		"NGTS needs a group and a Secret":   {`{venafi: {zone: z, ngts: {}}}`, []string{"Required spec.venafi.ngts.tsgID", "Required spec.venafi.ngts.credentialsRef.name"}},
		"Venafi needs a zone and a product": {`{venafi: {}}`, []string{"Required spec.venafi.zone", "Required spec.venafi"}},
		"and only one product":              {`{venafi: {zone: z, tpp: {url: u}, cloud: {}}}`, []string{"Forbidden spec.venafi"}},

		"ACME without solvers, for authorised accounts": {acme(`email: not-looked-at`), nil},
		"ACME needs a server and a place for its key":   {`{acme: {}}`, []string{"Required spec.acme.server", "Required spec.acme.privateKeySecretRef.name"}},
		"a CA of one's own":                             {acme(`caBundle: $CA`), nil},
		"a bundle of noise":                             {acme(`caBundle: ` + noise), []string{"Invalid spec.acme.caBundle"}},
		"a CA that nobody looks at":                     {acme(`caBundle: $CA, skipTLSVerify: true`), []string{"Forbidden spec.acme.caBundle", "Forbidden spec.acme.skipTLSVerify"}},
		"an external account":                           {acme(`externalAccountBinding: {keyID: k, keySecretRef: {name: s, key: k}, keyAlgorithm: HS256}`), nil},
		"an external account needs all parts":           {acme(`externalAccountBinding: {keyAlgorithm: none}`), []string{"Required spec.acme.externalAccountBinding.keyID", "Required spec.acme.externalAccountBinding.keySecretRef.name", "Required spec.acme.externalAccountBinding.keySecretRef.key", "Unsupported spec.acme.externalAccountBinding.keyAlgorithm"}},
		"a preferred chain is counted in characters":    {acme(`preferredChain: ` + strings.Repeat("é", 64)), nil},
		"what the schema says about ACME":               {acme(`renewalInformationSource: Maybe, preferredChain: ` + strings.Repeat("x", 65)), []string{"TooLong spec.acme.preferredChain", "Unsupported spec.acme.renewalInformationSource"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			spec := issuer(t, tt.spec)
			expect(t, validate.Issuer(spec), tt.want...)
			expect(t, validate.IssuerUpdate(spec, spec))
		})
	}
}

func TestSolver(t *testing.T) {
	const at = "spec.acme.solvers[0]"
	tests := map[string]struct {
		solver string
		want   []string // "Kind .path" below the solver
	}{
		"some way is needed":                 {`{}`, []string{"Required "}},
		"one way is enough":                  {`{http01: {ingress: {}}, dns01: {webhook: {groupName: g, solverName: s}}}`, []string{"Forbidden "}},
		"waiting nought seconds is allowed":  {`{http01: {ingress: {}}, waitInsteadOfSelfCheck: 0s}`, nil},
		"waiting for the past is not":        {`{http01: {ingress: {}}, waitInsteadOfSelfCheck: -5s}`, []string{"Invalid .waitInsteadOfSelfCheck"}},
		"HTTP-01 needs a route":              {`{http01: {}}`, []string{"Required .http01"}},
		"and only one":                       {`{http01: {ingress: {}, gatewayHTTPRoute: {}}}`, []string{"Forbidden .http01"}},
		"an Ingress by class":                {`{http01: {ingress: {class: "azure/x", serviceType: ClusterIP}}}`, nil},
		"an Ingress by ingressClassName":     {`{http01: {ingress: {ingressClassName: nginx.internal, serviceType: NodePort}}}`, nil},
		"an existing Ingress":                {`{http01: {ingress: {name: web}}}`, nil},
		"a class and a name":                 {`{http01: {ingress: {class: a, name: a}}}`, []string{"Forbidden .http01.ingress"}},
		"a class and an ingressClassName":    {`{http01: {ingress: {class: a, ingressClassName: a}}}`, []string{"Forbidden .http01.ingress"}},
		"a name and an ingressClassName":     {`{http01: {ingress: {name: a, ingressClassName: a}}}`, []string{"Forbidden .http01.ingress"}},
		"an ingressClassName is a name":      {`{http01: {ingress: {ingressClassName: azure/application-gateway}}}`, []string{"Invalid .http01.ingress.ingressClassName"}},
		"no load balancer for an Ingress":    {`{http01: {ingress: {serviceType: LoadBalancer}}}`, []string{"Invalid .http01.ingress.serviceType"}},
		"a Gateway named by annotations":     {`{http01: {gatewayHTTPRoute: {}}}`, nil},
		"a Gateway":                          {`{http01: {gatewayHTTPRoute: {parentRefs: [{kind: Gateway, name: g}, {name: g}]}}}`, nil},
		"a Gateway without a name":           {`{http01: {gatewayHTTPRoute: {serviceType: ExternalName, parentRefs: [{name: g}, {kind: Gateway, name: ""}, {kind: "", name: g}]}}}`, []string{"Invalid .http01.gatewayHTTPRoute.serviceType", "Required .http01.gatewayHTTPRoute.parentRefs[1].name", "Required .http01.gatewayHTTPRoute.parentRefs[2].kind"}},
		"DNS-01 needs a provider":            {`{dns01: {cnameStrategy: Follow}}`, []string{"Required .dns01"}},
		"and only one, whichever it is":      {`{dns01: {cloudDNS: {project: p}, webhook: {solverName: s}}}`, []string{"Forbidden .dns01.cloudDNS", "Forbidden .dns01.webhook"}},
		"CNAMEs are followed or not":         {`{dns01: {cnameStrategy: follow, cloudDNS: {project: p}}}`, []string{"Unsupported .dns01.cnameStrategy"}},
		"name servers with ports and by DoH": {`{dns01: {nameservers: ["8.8.8.8:53", "[2001:db8::1]:53", "ns.example:5353", "https://dns.example/dns-query"], cloudDNS: {project: p}}}`, nil},
		"other name servers": {
			`{dns01: {nameservers: [8.8.8.8, "https://", "http://dns.example/", ":53", "ns:", "ns:0", "ns:65536", "2001:db8::1"], cloudDNS: {project: p}}}`,
			[]string{"Invalid .dns01.nameservers[0]", "Invalid .dns01.nameservers[1]", "Invalid .dns01.nameservers[2]", "Invalid .dns01.nameservers[3]",
				"Invalid .dns01.nameservers[4]", "Invalid .dns01.nameservers[5]", "Invalid .dns01.nameservers[6]", "Invalid .dns01.nameservers[7]"},
		},

		"akamai":                {`{dns01: {akamai: {serviceConsumerDomain: d, clientTokenSecretRef: {name: s, key: k}, clientSecretSecretRef: {name: s, key: k}, accessTokenSecretRef: {name: s, key: k}}}}`, nil},
		"akamai needs all":      {`{dns01: {akamai: {}}}`, []string{"Required .dns01.akamai.serviceConsumerDomain", "Required .dns01.akamai.clientToken.name", "Required .dns01.akamai.clientToken.key", "Required .dns01.akamai.clientSecret.name", "Required .dns01.akamai.clientSecret.key", "Required .dns01.akamai.accessToken.name", "Required .dns01.akamai.accessToken.key"}},
		"acmeDNS":               {`{dns01: {acmeDNS: {host: h, accountSecretRef: {name: s, key: k}}}}`, nil},
		"acmeDNS needs all":     {`{dns01: {acmeDNS: {}}}`, []string{"Required .dns01.acmeDNS.accountSecretRef.name", "Required .dns01.acmeDNS.accountSecretRef.key", "Required .dns01.acmeDNS.host"}},
		"digitalocean":          {`{dns01: {digitalocean: {tokenSecretRef: {name: s, key: k}}}}`, nil},
		"digitalocean's token":  {`{dns01: {digitalocean: {}}}`, []string{"Required .dns01.digitalocean.tokenSecretRef.name", "Required .dns01.digitalocean.tokenSecretRef.key"}},
		"cloudDNS, ambient":     {`{dns01: {cloudDNS: {project: p}}}`, nil},
		"cloudDNS with a key":   {`{dns01: {cloudDNS: {project: p, serviceAccountSecretRef: {name: s, key: k}}}}`, nil},
		"cloudDNS, incomplete":  {`{dns01: {cloudDNS: {serviceAccountSecretRef: {}}}}`, []string{"Required .dns01.cloudDNS.project", "Required .dns01.cloudDNS.serviceAccountSecretRef.name", "Required .dns01.cloudDNS.serviceAccountSecretRef.key"}},
		"cloudflare by token":   {`{dns01: {cloudflare: {apiTokenSecretRef: {name: s, key: k}}}}`, nil},
		"cloudflare by key":     {`{dns01: {cloudflare: {email: a@b, apiKeySecretRef: {name: s, key: k}}}}`, nil},
		"cloudflare by nothing": {`{dns01: {cloudflare: {email: a@b}}}`, []string{"Required .dns01.cloudflare"}},
		"cloudflare by both":    {`{dns01: {cloudflare: {apiKeySecretRef: {name: s}, apiTokenSecretRef: {key: k}}}}`, []string{"Forbidden .dns01.cloudflare", "Required .dns01.cloudflare.apiKeySecretRef.key", "Required .dns01.cloudflare.email", "Required .dns01.cloudflare.apiTokenSecretRef.name"}},

		"route53, ambient":          {`{dns01: {route53: {secretAccessKeySecretRef: {name: ""}}}}`, nil},
		"route53 with two key IDs":  {`{dns01: {route53: {accessKeyID: a, accessKeyIDSecretRef: {name: s, key: k}}}}`, []string{"Forbidden .dns01.route53"}},
		"route53 with half a name":  {`{dns01: {route53: {accessKeyIDSecretRef: {key: k}}}}`, []string{"Required .dns01.route53.accessKeyIDSecretRef.name"}},
		"route53 with half a place": {`{dns01: {route53: {accessKeyIDSecretRef: {name: s}}}}`, []string{"Required .dns01.route53.accessKeyIDSecretRef.key"}},

		"azureDNS, ambient":                                {`{dns01: {azureDNS: {subscriptionID: s, resourceGroupName: r, environment: AzureChinaCloud, zoneType: AzurePrivateZone}}}`, nil},
		"azureDNS needs a place":                           {`{dns01: {azureDNS: {}}}`, []string{"Required .dns01.azureDNS.subscriptionID", "Required .dns01.azureDNS.resourceGroupName"}},
		"azureDNS enumerations":                            {`{dns01: {azureDNS: {subscriptionID: s, resourceGroupName: r, environment: Mars, zoneType: Blue}}}`, []string{"Unsupported .dns01.azureDNS.environment", "Unsupported .dns01.azureDNS.zoneType"}},
		"azureDNS with a service principal":                {`{dns01: {azureDNS: {subscriptionID: s, resourceGroupName: r, clientID: c, tenantID: t, clientSecretSecretRef: {name: s, key: k}}}}`, nil},
		"azureDNS with a client only":                      {`{dns01: {azureDNS: {subscriptionID: s, resourceGroupName: r, clientID: c}}}`, []string{"Required .dns01.azureDNS.tenantID", "Required .dns01.azureDNS.clientSecretSecretRef"}},
		"azureDNS with a tenant only":                      {`{dns01: {azureDNS: {subscriptionID: s, resourceGroupName: r, tenantID: t}}}`, []string{"Required .dns01.azureDNS.clientID", "Required .dns01.azureDNS.clientSecretSecretRef"}},
		"azureDNS with a secret only":                      {`{dns01: {azureDNS: {subscriptionID: s, resourceGroupName: r, clientSecretSecretRef: {name: s}}}}`, []string{"Required .dns01.azureDNS.clientID", "Required .dns01.azureDNS.tenantID", "Required .dns01.azureDNS.clientSecretSecretRef.key"}},
		"azureDNS with both kinds of identity":             {`{dns01: {azureDNS: {subscriptionID: s, resourceGroupName: r, clientID: c, tenantID: t, clientSecretSecretRef: {name: s, key: k}, managedIdentity: {clientID: c}}}}`, []string{"Forbidden .dns01.azureDNS.managedIdentity"}},
		"azureDNS with a managed identity":                 {`{dns01: {azureDNS: {subscriptionID: s, resourceGroupName: r, managedIdentity: {clientID: c, tenantID: t}}}}`, nil},
		"azureDNS with the only managed identity there is": {`{dns01: {azureDNS: {subscriptionID: s, resourceGroupName: r, managedIdentity: {}}}}`, nil},
		"azureDNS with an identity named twice":            {`{dns01: {azureDNS: {subscriptionID: s, resourceGroupName: r, managedIdentity: {clientID: c, resourceID: r}}}}`, []string{"Forbidden .dns01.azureDNS.managedIdentity"}},
		"azureDNS with a tenant of a resource":             {`{dns01: {azureDNS: {subscriptionID: s, resourceGroupName: r, managedIdentity: {resourceID: r, tenantID: t}}}}`, []string{"Forbidden .dns01.azureDNS.managedIdentity"}},
		"azureDNS with a tenant of nobody":                 {`{dns01: {azureDNS: {subscriptionID: s, resourceGroupName: r, managedIdentity: {tenantID: t}}}}`, []string{"Forbidden .dns01.azureDNS.managedIdentity"}},

		"rfc2136 without a key":         {`{dns01: {rfc2136: {nameserver: 192.0.2.1, tsigAlgorithm: HmAcMd5, protocol: TCP}}}`, nil},
		"rfc2136 with a key":            {`{dns01: {rfc2136: {nameserver: "[2001:db8::1]:53", tsigKeyName: k, tsigSecretSecretRef: {name: s, key: k}}}}`, nil},
		"rfc2136 by a name":             {`{dns01: {rfc2136: {nameserver: dns}}}`, nil},
		"rfc2136 in brackets":           {`{dns01: {rfc2136: {nameserver: "[2001:db8::1]"}}}`, nil},
		"rfc2136 needs a server":        {`{dns01: {rfc2136: {}}}`, []string{"Required .dns01.rfc2136.nameserver"}},
		"rfc2136 without a host":        {`{dns01: {rfc2136: {nameserver: ":53"}}}`, []string{"Invalid .dns01.rfc2136.nameserver"}},
		"rfc2136 with empty brackets":   {`{dns01: {rfc2136: {nameserver: "[]:53"}}}`, []string{"Invalid .dns01.rfc2136.nameserver"}},
		"rfc2136 without brackets":      {`{dns01: {rfc2136: {nameserver: "2001:db8::1"}}}`, []string{"Invalid .dns01.rfc2136.nameserver"}},
		"rfc2136 with a foreign key":    {`{dns01: {rfc2136: {nameserver: dns, tsigAlgorithm: HMACSHA3, protocol: QUIC}}}`, []string{"Unsupported .dns01.rfc2136.tsigAlgorithm", "Unsupported .dns01.rfc2136.protocol"}},
		"rfc2136 with half a key":       {`{dns01: {rfc2136: {nameserver: dns, tsigKeyName: k}}}`, []string{"Required .dns01.rfc2136.tsigSecretSecretRef.name", "Required .dns01.rfc2136.tsigSecretSecretRef.key"}},
		"rfc2136 with the other half":   {`{dns01: {rfc2136: {nameserver: dns, tsigSecretSecretRef: {name: s, key: k}}}}`, []string{"Required .dns01.rfc2136.tsigKeyName"}},
		"an external solver":            {`{dns01: {webhook: {groupName: acme.example.com, solverName: s, config: {any: thing}}}}`, nil},
		"an external solver has a name": {`{dns01: {webhook: {groupName: acme.example.com}}}`, []string{"Required .dns01.webhook.solverName"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			spec := issuer(t, `{acme: {server: s, privateKeySecretRef: {name: a}, solvers: [`+tt.solver+`]}}`)
			var want []string
			for _, w := range tt.want {
				kind, path, _ := strings.Cut(w, " ")
				want = append(want, kind+" "+at+path)
			}
			expect(t, validate.Issuer(spec), want...)
			expect(t, validate.IssuerUpdate(spec, spec))
		})
	}
}

func TestIssuerUpdate(t *testing.T) {
	const (
		broken = `{dns01: {cloudflare: {apiKeySecretRef: {name: s, key: k}}}}`
		good   = `{http01: {ingress: {}}}`
	)
	with := func(solvers ...string) string {
		return `{acme: {server: s, privateKeySecretRef: {name: a}, solvers: [` + strings.Join(solvers, ", ") + `]}}`
	}
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
			acme(`externalAccountBinding: {keyID: k, keySecretRef: {name: s, key: k}, keyAlgorithm: HS384}`),
			[]string{"ACME issuer spec field 'externalAccount.keyAlgorithm' is deprecated. The value of this field will be ignored."},
		},
		"half a key and no role": {
			acme(`solvers: [{dns01: {route53: {accessKeyID: a}}}, {dns01: {route53: {auth: {kubernetes: {serviceAccountRef: {name: s}}}}}}, {dns01: {route53: {}}}]`),
			[]string{"spec.acme.solvers[0].dns01.route53 has half", "spec.acme.solvers[1].dns01.route53.auth needs role"},
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
