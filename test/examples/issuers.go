package examples

import (
	"encoding/base64"
	"encoding/pem"
	"strings"
	"sync"
)

// An Issuer is an example of the spec of an Issuer or a ClusterIssuer that is
// created.
type Issuer struct {
	Name string
	// Spec as YAML.
	Spec   string
	Errors []string
	// Schema says that the schema of the CRD refuses it, too, and is asked first.
	Schema bool
}

func fine(name, spec string) Issuer { return Issuer{Name: name, Spec: spec} }

func wrong(name, spec string, errs ...string) Issuer {
	return Issuer{Name: name, Spec: spec, Errors: errs}
}

func refusedBySchema(name, spec string, errs ...string) Issuer {
	return Issuer{Name: name, Spec: spec, Errors: errs, Schema: true}
}

// ca is the base64 of a CA as PEM.
var ca = sync.OnceValue(func() string {
	return base64.StdEncoding.EncodeToString(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: authority()}))
})

// Issuers are a case for every rule about issuers and solvers.
func Issuers() []Issuer {
	const noise = "bm9pc2U="
	vault := func(rest string) string {
		return `{vault: {server: "https://vault.example.com", path: pki/sign/x, ` + rest + `}}`
	}
	auth := func(way string) string { return vault(`auth: {` + way + `}`) }
	acme := func(rest string) string {
		return `{acme: {server: "https://acme.example.com/dir", privateKeySecretRef: {name: account}, ` + rest + `}}`
	}
	token := `auth: {tokenSecretRef: {name: token}}`

	cases := []Issuer{
		wrong("some type is needed", `{}`, "Required spec"),
		wrong("one type is enough", `{ca: {secretName: s}, selfSigned: {}}`, "Forbidden spec.selfSigned"),
		wrong("each type after the first is one too many",
			`{venafi: {zone: z, cloud: {apiTokenSecretRef: {name: s}}}, ca: {secretName: s}, selfSigned: {}, vault: {server: s, path: p, auth: {tokenSecretRef: {name: s}}}, acme: {server: s, privateKeySecretRef: {name: s}}}`,
			"Forbidden spec.ca", "Forbidden spec.vault", "Forbidden spec.selfSigned", "Forbidden spec.venafi"),

		fine("self-signed needs nothing", `{selfSigned: {}}`),
		fine("its revocation lists are not looked at", `{selfSigned: {crlDistributionPoints: [""]}}`),

		fine("a CA", `{ca: {secretName: s, issuingCertificateURLs: ["http://ca.example/ca.crt"], ocspServers: ["http://ocsp.example"], crlDistributionPoints: [""]}}`),
		wrong("a CA needs a Secret", `{ca: {secretName: ""}}`, "Required spec.ca.secretName"),
		wrong("URLs of a CA are not empty", `{ca: {secretName: s, issuingCertificateURLs: [x, ""], ocspServers: ["", x]}}`, "Invalid spec.ca.issuingCertificateURLs[1]", "Invalid spec.ca.ocspServer[0]"),

		fine("Vault", vault(token)),
		wrong("Vault needs a server, a path and a way to log in", `{vault: {server: "", path: "", auth: {}}}`, "Required spec.vault.server", "Required spec.vault.path", "Required spec.vault.auth"),
		wrong("Vault's path does not climb", `{vault: {server: s, path: pki/../sys/seal, `+token+`}}`, "Invalid spec.vault.path"),
		wrong("nor with escaped dots", `{vault: {server: s, path: pki/%2e%2E/sys/seal, `+token+`}}`, "Invalid spec.vault.path"),
		wrong("nor with escaped slashes", `{vault: {server: s, path: pki/x%2f..%2Fsys, `+token+`}}`, "Invalid spec.vault.path"),
		wrong("nor with dots that are escaped in part", `{vault: {server: s, path: pki/.%2e/sys/seal, `+token+`}}`, "Invalid spec.vault.path"),
		wrong("nor with dots that are escaped twice", `{vault: {server: s, path: pki/%252e%252e%252fsys/seal, `+token+`}}`, "Invalid spec.vault.path"),
		wrong("nor at its end", `{vault: {server: s, path: pki/.., `+token+`}}`, "Invalid spec.vault.path"),
		fine("two dots inside a word climb nowhere", `{vault: {server: s, path: pki/sign/a..b, `+token+`}}`),
		fine("a bundle of CAs for Vault", vault(`caBundle: $CA, `+token)),
		wrong("a bundle without a certificate", vault(`caBundle: `+noise+`, `+token), "Invalid spec.vault.caBundle"),
		wrong("two bundles for Vault", vault(`caBundle: $CA, caBundleSecretRef: {name: s}, `+token), "Forbidden spec.vault.caBundle", "Forbidden spec.vault.caBundleSecretRef"),
		fine("a client certificate and its key", vault(`clientCertSecretRef: {name: s}, clientKeySecretRef: {name: s}, `+token)),
		wrong("a client certificate without its key", vault(`clientCertSecretRef: {name: s}, `+token), "Required spec.vault.clientKeySecretRef"),
		wrong("a client key without its certificate", vault(`clientKeySecretRef: {name: s}, `+token), "Required spec.vault.clientCertSecretRef"),
		fine("several ways to log in are allowed", auth(`tokenSecretRef: {name: s}, aws: {role: r}`)),
		wrong("a token needs the name of a Secret", auth(`tokenSecretRef: {name: ""}`), "Required spec.vault.auth.tokenSecretRef.name"),
		fine("AppRole", auth(`appRole: {path: approle, roleId: r, secretRef: {name: s}}`)),
		wrong("AppRole needs a role and a Secret", auth(`appRole: {path: ../x, roleId: "", secretRef: {name: ""}}`), "Invalid spec.vault.auth.appRole.path", "Required spec.vault.auth.appRole.roleId", "Required spec.vault.auth.appRole.secretRef.name"),
		fine("a client certificate to log in with", auth(`clientCertificate: {}`)),
		wrong("whose path does not climb", auth(`clientCertificate: {mountPath: ../x}`), "Invalid spec.vault.auth.clientCertificate.path"),
		fine("a ServiceAccount", auth(`kubernetes: {role: r, serviceAccountRef: {name: s}, secretRef: {name: ""}}`)),
		fine("a token in a Secret", auth(`kubernetes: {role: r, secretRef: {name: s}}`)),
		wrong("two tokens", auth(`kubernetes: {role: r, secretRef: {name: s}, serviceAccountRef: {name: s}}`), "Forbidden spec.vault.auth.kubernetes"),
		wrong("Kubernetes needs a role and a token", auth(`kubernetes: {mountPath: /v1/../x, role: ""}`), "Invalid spec.vault.auth.kubernetes.path", "Required spec.vault.auth.kubernetes.role", "Required spec.vault.auth.kubernetes"),
		wrong("a ServiceAccount has a name", auth(`kubernetes: {role: r, serviceAccountRef: {name: ""}}`), "Required spec.vault.auth.kubernetes.serviceAccountRef.name"),
		fine("AWS", auth(`aws: {role: r}`)),
		fine("AWS with a ServiceAccount", auth(`aws: {role: r, serviceAccountRef: {name: s}, iamRoleArn: a}`)),
		wrong("AWS needs a role, and a ServiceAccount an IAM role", auth(`aws: {mountPath: .., role: "", serviceAccountRef: {name: ""}}`), "Invalid spec.vault.auth.aws.mountPath", "Required spec.vault.auth.aws.role", "Required spec.vault.auth.aws.serviceAccountRef.name", "Required spec.vault.auth.aws.iamRoleArn"),

		fine("Venafi TPP", `{venafi: {zone: z, tpp: {url: u, credentialsRef: {name: ""}}}}`),
		wrong("Venafi TPP needs a URL", `{venafi: {zone: z, tpp: {url: "", credentialsRef: {name: s}}}}`, "Required spec.venafi.tpp.url"),
		wrong("TPP with two bundles", `{venafi: {zone: z, tpp: {url: u, credentialsRef: {name: s}, caBundle: $CA, caBundleSecretRef: {name: s}}}}`, "Forbidden spec.venafi.tpp"),
		wrong("TPP with a bundle of noise", `{venafi: {zone: z, tpp: {url: u, credentialsRef: {name: s}, caBundle: `+noise+`}}}`, "Invalid spec.venafi.tpp.caBundle"),
		wrong("Venafi needs a zone", `{venafi: {zone: "", tpp: {url: u, credentialsRef: {name: s}}}}`, "Required spec.venafi.zone"),
		fine("Venafi SaaS", `{venafi: {zone: z, cloud: {apiTokenSecretRef: {name: s}}}}`),
		fine("Venafi NGTS", `{venafi: {zone: z, ngts: {tsgID: "1", credentialsRef: {name: s}}}}`),
		wrong("NGTS needs a group and a Secret", `{venafi: {zone: z, ngts: {tsgID: "", credentialsRef: {name: ""}}}}`, "Required spec.venafi.ngts.tsgID", "Required spec.venafi.ngts.credentialsRef.name"),
		refusedBySchema("Venafi needs a zone and a product", `{venafi: {zone: ""}}`, "Required spec.venafi.zone", "Required spec.venafi"),
		refusedBySchema("and only one product", `{venafi: {zone: z, tpp: {url: u, credentialsRef: {name: s}}, cloud: {apiTokenSecretRef: {name: s}}}}`, "Forbidden spec.venafi"),

		fine("ACME without solvers, for authorised accounts", acme(`email: not-looked-at`)),
		wrong("ACME needs a server and a place for its key", `{acme: {server: "", privateKeySecretRef: {name: ""}}}`, "Required spec.acme.server", "Required spec.acme.privateKeySecretRef.name"),
		fine("a CA of one's own", acme(`caBundle: $CA`)),
		wrong("a bundle of noise", acme(`caBundle: `+noise), "Invalid spec.acme.caBundle"),
		wrong("a CA that nobody looks at", acme(`caBundle: $CA, skipTLSVerify: true`), "Forbidden spec.acme.caBundle", "Forbidden spec.acme.skipTLSVerify"),
		fine("an external account", acme(`externalAccountBinding: {keyID: k, keySecretRef: {name: s, key: k}, keyAlgorithm: HS256}`)),
		wrong("an external account needs all parts", acme(`externalAccountBinding: {keyID: "", keySecretRef: {name: ""}}`), "Required spec.acme.externalAccountBinding.keyID", "Required spec.acme.externalAccountBinding.keySecretRef.name", "Required spec.acme.externalAccountBinding.keySecretRef.key"),
		fine("a preferred chain is counted in characters", acme(`preferredChain: `+strings.Repeat("é", 64))),
		refusedBySchema("what the schema says about ACME", acme(`renewalInformationSource: Maybe, preferredChain: `+strings.Repeat("x", 65)), "TooLong spec.acme.preferredChain", "Unsupported spec.acme.renewalInformationSource"),
		refusedBySchema("an algorithm of an external account that does not exist", acme(`externalAccountBinding: {keyID: k, keySecretRef: {name: s, key: k}, keyAlgorithm: none}`), "Unsupported spec.acme.externalAccountBinding.keyAlgorithm"),
	}
	for _, s := range solvers {
		c := Issuer{Name: "a solver: " + s.Name, Spec: WithSolvers(s.Spec), Schema: s.Schema}
		for _, e := range s.Errors {
			kind, path, _ := strings.Cut(e, " ")
			c.Errors = append(c.Errors, kind+" spec.acme.solvers[0]"+path)
		}
		cases = append(cases, c)
	}
	for i := range cases {
		cases[i].Spec = strings.ReplaceAll(cases[i].Spec, "$CA", ca())
	}
	return cases
}

// WithSolvers is the spec of an ACME issuer with those solvers.
func WithSolvers(solvers ...string) string {
	return `{acme: {server: s, privateKeySecretRef: {name: a}, solvers: [` + strings.Join(solvers, ", ") + `]}}`
}

// solvers are the cases of solvers, with the paths below the solver.
var solvers = []Issuer{
	wrong("some way is needed", `{}`, "Required "),
	wrong("one way is enough", `{http01: {ingress: {}}, dns01: {webhook: {groupName: g, solverName: s}}}`, "Forbidden "),
	fine("waiting nought seconds is allowed", `{http01: {ingress: {}}, waitInsteadOfSelfCheck: 0s}`),
	wrong("waiting for the past is not", `{http01: {ingress: {}}, waitInsteadOfSelfCheck: -5s}`, "Invalid .waitInsteadOfSelfCheck"),
	wrong("HTTP-01 needs a route", `{http01: {}}`, "Required .http01"),
	wrong("and only one", `{http01: {ingress: {}, gatewayHTTPRoute: {}}}`, "Forbidden .http01"),
	fine("an Ingress by class", `{http01: {ingress: {class: "azure/x", serviceType: ClusterIP}}}`),
	fine("an Ingress by ingressClassName", `{http01: {ingress: {ingressClassName: nginx.internal, serviceType: NodePort}}}`),
	fine("an existing Ingress", `{http01: {ingress: {name: web}}}`),
	wrong("a class and a name", `{http01: {ingress: {class: a, name: a}}}`, "Forbidden .http01.ingress"),
	wrong("a class and an ingressClassName", `{http01: {ingress: {class: a, ingressClassName: a}}}`, "Forbidden .http01.ingress"),
	wrong("a name and an ingressClassName", `{http01: {ingress: {name: a, ingressClassName: a}}}`, "Forbidden .http01.ingress"),
	wrong("an ingressClassName is a name", `{http01: {ingress: {ingressClassName: azure/application-gateway}}}`, "Invalid .http01.ingress.ingressClassName"),
	wrong("no load balancer for an Ingress", `{http01: {ingress: {serviceType: LoadBalancer}}}`, "Invalid .http01.ingress.serviceType"),
	fine("a Gateway named by annotations", `{http01: {gatewayHTTPRoute: {}}}`),
	fine("a Gateway", `{http01: {gatewayHTTPRoute: {parentRefs: [{kind: Gateway, name: g}, {name: g}]}}}`),
	refusedBySchema("a Gateway without a name", `{http01: {gatewayHTTPRoute: {serviceType: ExternalName, parentRefs: [{name: g}, {kind: Gateway, name: ""}, {kind: "", name: g}]}}}`, "Invalid .http01.gatewayHTTPRoute.serviceType", "Required .http01.gatewayHTTPRoute.parentRefs[1].name", "Required .http01.gatewayHTTPRoute.parentRefs[2].kind"),
	wrong("DNS-01 needs a provider", `{dns01: {cnameStrategy: Follow}}`, "Required .dns01"),
	wrong("and only one, whichever it is", `{dns01: {cloudDNS: {project: p}, webhook: {solverName: s}}}`, "Forbidden .dns01.cloudDNS", "Forbidden .dns01.webhook"),
	refusedBySchema("CNAMEs are followed or not", `{dns01: {cnameStrategy: follow, cloudDNS: {project: p}}}`, "Unsupported .dns01.cnameStrategy"),
	fine("name servers with ports and by DoH", `{dns01: {nameservers: ["8.8.8.8:53", "[2001:db8::1]:53", "ns.example:5353", "https://dns.example/dns-query"], cloudDNS: {project: p}}}`),

	wrong("other name servers",
		`{dns01: {nameservers: [8.8.8.8, "https://", "http://dns.example/", ":53", "ns:", "ns:0", "ns:65536", "2001:db8::1", "tls://1.1.1.1:853", " ns:53", ""], cloudDNS: {project: p}}}`,
		"Invalid .dns01.nameservers[0]", "Invalid .dns01.nameservers[1]", "Invalid .dns01.nameservers[2]", "Invalid .dns01.nameservers[3]",
		"Invalid .dns01.nameservers[4]", "Invalid .dns01.nameservers[5]", "Invalid .dns01.nameservers[6]", "Invalid .dns01.nameservers[7]",
		"Invalid .dns01.nameservers[8]", "Invalid .dns01.nameservers[9]", "Invalid .dns01.nameservers[10]"),

	fine("akamai", `{dns01: {akamai: {serviceConsumerDomain: d, clientTokenSecretRef: {name: s, key: k}, clientSecretSecretRef: {name: s, key: k}, accessTokenSecretRef: {name: s, key: k}}}}`),
	wrong("akamai needs all", `{dns01: {akamai: {serviceConsumerDomain: "", clientTokenSecretRef: {name: ""}, clientSecretSecretRef: {name: ""}, accessTokenSecretRef: {name: ""}}}}`, "Required .dns01.akamai.serviceConsumerDomain", "Required .dns01.akamai.clientToken.name", "Required .dns01.akamai.clientToken.key", "Required .dns01.akamai.clientSecret.name", "Required .dns01.akamai.clientSecret.key", "Required .dns01.akamai.accessToken.name", "Required .dns01.akamai.accessToken.key"),
	fine("acmeDNS", `{dns01: {acmeDNS: {host: h, accountSecretRef: {name: s, key: k}}}}`),
	wrong("acmeDNS needs all", `{dns01: {acmeDNS: {host: "", accountSecretRef: {name: ""}}}}`, "Required .dns01.acmeDNS.accountSecretRef.name", "Required .dns01.acmeDNS.accountSecretRef.key", "Required .dns01.acmeDNS.host"),
	fine("digitalocean", `{dns01: {digitalocean: {tokenSecretRef: {name: s, key: k}}}}`),
	wrong("digitalocean's token", `{dns01: {digitalocean: {tokenSecretRef: {name: ""}}}}`, "Required .dns01.digitalocean.tokenSecretRef.name", "Required .dns01.digitalocean.tokenSecretRef.key"),
	fine("cloudDNS, ambient", `{dns01: {cloudDNS: {project: p}}}`),
	fine("cloudDNS with a key", `{dns01: {cloudDNS: {project: p, serviceAccountSecretRef: {name: s, key: k}}}}`),
	wrong("cloudDNS, incomplete", `{dns01: {cloudDNS: {project: "", serviceAccountSecretRef: {name: ""}}}}`, "Required .dns01.cloudDNS.project", "Required .dns01.cloudDNS.serviceAccountSecretRef.name", "Required .dns01.cloudDNS.serviceAccountSecretRef.key"),
	fine("cloudflare by token", `{dns01: {cloudflare: {apiTokenSecretRef: {name: s, key: k}}}}`),
	fine("cloudflare by key", `{dns01: {cloudflare: {email: a@b, apiKeySecretRef: {name: s, key: k}}}}`),
	wrong("cloudflare by nothing", `{dns01: {cloudflare: {email: a@b}}}`, "Required .dns01.cloudflare"),
	wrong("cloudflare by both", `{dns01: {cloudflare: {apiKeySecretRef: {name: s}, apiTokenSecretRef: {name: "", key: k}}}}`, "Forbidden .dns01.cloudflare", "Required .dns01.cloudflare.apiKeySecretRef.key", "Required .dns01.cloudflare.email", "Required .dns01.cloudflare.apiTokenSecretRef.name"),

	fine("route53, ambient", `{dns01: {route53: {secretAccessKeySecretRef: {name: ""}}}}`),
	wrong("route53 with two key IDs", `{dns01: {route53: {accessKeyID: a, accessKeyIDSecretRef: {name: s, key: k}}}}`, "Forbidden .dns01.route53"),
	wrong("route53 with half a name", `{dns01: {route53: {accessKeyIDSecretRef: {name: "", key: k}}}}`, "Required .dns01.route53.accessKeyIDSecretRef.name"),
	wrong("route53 with half a place", `{dns01: {route53: {accessKeyIDSecretRef: {name: s}}}}`, "Required .dns01.route53.accessKeyIDSecretRef.key"),

	fine("azureDNS, ambient", `{dns01: {azureDNS: {subscriptionID: s, resourceGroupName: r, environment: AzureChinaCloud, zoneType: AzurePrivateZone}}}`),
	wrong("azureDNS needs a place", `{dns01: {azureDNS: {subscriptionID: "", resourceGroupName: ""}}}`, "Required .dns01.azureDNS.subscriptionID", "Required .dns01.azureDNS.resourceGroupName"),
	refusedBySchema("azureDNS enumerations", `{dns01: {azureDNS: {subscriptionID: s, resourceGroupName: r, environment: Mars, zoneType: Blue}}}`, "Unsupported .dns01.azureDNS.environment", "Unsupported .dns01.azureDNS.zoneType"),
	fine("azureDNS with a service principal", `{dns01: {azureDNS: {subscriptionID: s, resourceGroupName: r, clientID: c, tenantID: t, clientSecretSecretRef: {name: s, key: k}}}}`),
	wrong("azureDNS with a client only", `{dns01: {azureDNS: {subscriptionID: s, resourceGroupName: r, clientID: c}}}`, "Required .dns01.azureDNS.tenantID", "Required .dns01.azureDNS.clientSecretSecretRef"),
	wrong("azureDNS with a tenant only", `{dns01: {azureDNS: {subscriptionID: s, resourceGroupName: r, tenantID: t}}}`, "Required .dns01.azureDNS.clientID", "Required .dns01.azureDNS.clientSecretSecretRef"),
	wrong("azureDNS with a secret only", `{dns01: {azureDNS: {subscriptionID: s, resourceGroupName: r, clientSecretSecretRef: {name: s}}}}`, "Required .dns01.azureDNS.clientID", "Required .dns01.azureDNS.tenantID", "Required .dns01.azureDNS.clientSecretSecretRef.key"),
	wrong("azureDNS with both kinds of identity", `{dns01: {azureDNS: {subscriptionID: s, resourceGroupName: r, clientID: c, tenantID: t, clientSecretSecretRef: {name: s, key: k}, managedIdentity: {clientID: c}}}}`, "Forbidden .dns01.azureDNS.managedIdentity"),
	fine("azureDNS with a managed identity", `{dns01: {azureDNS: {subscriptionID: s, resourceGroupName: r, managedIdentity: {clientID: c, tenantID: t}}}}`),
	fine("azureDNS with the only managed identity there is", `{dns01: {azureDNS: {subscriptionID: s, resourceGroupName: r, managedIdentity: {}}}}`),
	wrong("azureDNS with an identity named twice", `{dns01: {azureDNS: {subscriptionID: s, resourceGroupName: r, managedIdentity: {clientID: c, resourceID: r}}}}`, "Forbidden .dns01.azureDNS.managedIdentity"),
	wrong("azureDNS with a tenant of a resource", `{dns01: {azureDNS: {subscriptionID: s, resourceGroupName: r, managedIdentity: {resourceID: r, tenantID: t}}}}`, "Forbidden .dns01.azureDNS.managedIdentity"),
	wrong("azureDNS with a tenant of nobody", `{dns01: {azureDNS: {subscriptionID: s, resourceGroupName: r, managedIdentity: {tenantID: t}}}}`, "Forbidden .dns01.azureDNS.managedIdentity"),

	fine("rfc2136 without a key", `{dns01: {rfc2136: {nameserver: 192.0.2.1, tsigAlgorithm: HmAcMd5, protocol: TCP}}}`),
	fine("rfc2136 with a key", `{dns01: {rfc2136: {nameserver: "[2001:db8::1]:53", tsigKeyName: k, tsigSecretSecretRef: {name: s, key: k}}}}`),
	fine("rfc2136 by a name", `{dns01: {rfc2136: {nameserver: dns}}}`),
	fine("rfc2136 in brackets", `{dns01: {rfc2136: {nameserver: "[2001:db8::1]"}}}`),
	wrong("rfc2136 needs a server", `{dns01: {rfc2136: {nameserver: ""}}}`, "Required .dns01.rfc2136.nameserver"),
	wrong("rfc2136 without a host", `{dns01: {rfc2136: {nameserver: ":53"}}}`, "Invalid .dns01.rfc2136.nameserver"),
	wrong("rfc2136 with empty brackets", `{dns01: {rfc2136: {nameserver: "[]:53"}}}`, "Invalid .dns01.rfc2136.nameserver"),
	wrong("rfc2136 without brackets", `{dns01: {rfc2136: {nameserver: "2001:db8::1"}}}`, "Invalid .dns01.rfc2136.nameserver"),
	wrong("rfc2136 with a foreign key", `{dns01: {rfc2136: {nameserver: dns, tsigAlgorithm: HMACSHA3}}}`, "Unsupported .dns01.rfc2136.tsigAlgorithm"),
	wrong("rfc2136 with half a key", `{dns01: {rfc2136: {nameserver: dns, tsigKeyName: k}}}`, "Required .dns01.rfc2136.tsigSecretSecretRef.name", "Required .dns01.rfc2136.tsigSecretSecretRef.key"),
	wrong("rfc2136 with the other half", `{dns01: {rfc2136: {nameserver: dns, tsigSecretSecretRef: {name: s, key: k}}}}`, "Required .dns01.rfc2136.tsigKeyName"),
	fine("an external solver", `{dns01: {webhook: {groupName: acme.example.com, solverName: s, config: {any: thing}}}}`),
	wrong("an external solver has a name", `{dns01: {webhook: {groupName: acme.example.com, solverName: ""}}}`, "Required .dns01.webhook.solverName"),

	wrong("rfc2136 with a port that is none", `{dns01: {rfc2136: {nameserver: "dns:65536"}}}`, "Invalid .dns01.rfc2136.nameserver"),
	wrong("rfc2136 by a URL", `{dns01: {rfc2136: {nameserver: "https://dns/"}}}`, "Invalid .dns01.rfc2136.nameserver"),
	refusedBySchema("rfc2136 over something else", `{dns01: {rfc2136: {nameserver: dns, protocol: QUIC}}}`, "Unsupported .dns01.rfc2136.protocol"),
}
