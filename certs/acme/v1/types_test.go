package v1_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"

	"github.com/certwright/certwright/test/schema"
)

func TestCRDShapes(t *testing.T) {
	tests := map[string]schema.Shape{
		"orders.acme.cert-manager.io": {
			Group: "acme.cert-manager.io", Kind: "Order", ListKind: "OrderList", Singular: "order",
			Categories: []string{"cert-manager", "cert-manager-acme"}, Scope: "Namespaced", Versions: []string{"v1"}, Subresources: []string{"status"},
			Selectable: []string{".spec.issuerRef.group", ".spec.issuerRef.kind", ".spec.issuerRef.name"},
			Columns: []string{
				"State string .status.state",
				"Issuer string wide .spec.issuerRef.name",
				"Reason string wide .status.reason",
				"Age date .metadata.creationTimestamp",
			},
		},
		"challenges.acme.cert-manager.io": {
			Group: "acme.cert-manager.io", Kind: "Challenge", ListKind: "ChallengeList", Singular: "challenge",
			Categories: []string{"cert-manager", "cert-manager-acme"}, Scope: "Namespaced", Versions: []string{"v1"}, Subresources: []string{"status"},
			Selectable: []string{".spec.issuerRef.group", ".spec.issuerRef.kind", ".spec.issuerRef.name"},
			Columns: []string{
				"State string .status.state",
				"Domain string .spec.dnsName",
				"Reason string wide .status.reason",
				"Age date .metadata.creationTimestamp",
			},
		},
	}
	for name, want := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(want, schema.ShapeOf(crd(t, name))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestCRDFields(t *testing.T) {
	t.Run("Order", func(t *testing.T) {
		got := schema.Describe(schema.Root(crd(t, "orders.acme.cert-manager.io")), nil)
		if diff := cmp.Diff(schema.Table(orderFields), got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
	t.Run("Challenge", func(t *testing.T) {
		got := schema.Describe(schema.Root(crd(t, "challenges.acme.cert-manager.io")), foreign)
		want := schema.Table(challengeFields)
		addSolver(want, "spec.solver.")
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
	for _, name := range []string{"issuers.cert-manager.io", "clusterissuers.cert-manager.io"} {
		t.Run("spec.acme of "+name, func(t *testing.T) {
			got := map[string]string{}
			for path, description := range schema.Describe(schema.Root(crd(t, name)), foreign) {
				if path == "spec.acme" || strings.HasPrefix(path, "spec.acme.") {
					got[path] = description
				}
			}
			want := schema.Table(issuerFields)
			addSolver(want, "spec.acme.solvers[].")
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestCRDsCanBeAppliedAndExplained(t *testing.T) {
	for _, name := range []string{"orders.acme.cert-manager.io", "challenges.acme.cert-manager.io"} {
		for _, complaint := range schema.Complaints(crd(t, name)) {
			t.Errorf("%s: %s", name, complaint)
		}
	}
}

// addSolver adds the fields of a solver below prefix.
func addSolver(to map[string]string, prefix string) {
	for path, description := range schema.Table(solverFields) {
		to[prefix+path] = description
	}
	for path, description := range schema.Table(podTemplateFields) {
		to[prefix+"http01.ingress.podTemplate"+path] = description
		to[prefix+"http01.gatewayHTTPRoute.podTemplate"+path] = description
	}
}

// foreign accepts what Kubernetes defines and we pass on.
func foreign(path string) bool {
	return strings.HasSuffix(path, ".affinity") || strings.HasSuffix(path, ".tolerations")
}

func crd(t *testing.T, name string) *apiextensionsv1.CustomResourceDefinition {
	t.Helper()
	crd, err := schema.CRD(name)
	if err != nil {
		t.Fatal(err)
	}
	return crd
}

// issuerFields is the table of spec.acme of an issuer but for its solvers.
const issuerFields = `
spec.acme                                           object
spec.acme.caBundle                                  bytes
spec.acme.disableAccountKeyGeneration               boolean
spec.acme.email                                     string
spec.acme.enableDurationFeature                     boolean
spec.acme.externalAccountBinding                    object
spec.acme.externalAccountBinding.keyAlgorithm       string enum(HS256,HS384,HS512)
spec.acme.externalAccountBinding.keyID              string required
spec.acme.externalAccountBinding.keySecretRef       object required
spec.acme.externalAccountBinding.keySecretRef.key   string
spec.acme.externalAccountBinding.keySecretRef.name  string required
spec.acme.preferredChain                            string maxLength(64)
spec.acme.privateKeySecretRef                       object required
spec.acme.privateKeySecretRef.key                   string
spec.acme.privateKeySecretRef.name                  string required
spec.acme.profile                                   string
spec.acme.renewalInformationSource                  string enum(ARI,None) default(ARI)
spec.acme.server                                    string required
spec.acme.skipTLSVerify                             boolean
spec.acme.solvers                                   []object atomic
`

// solverFields is the table of one solver but for its podTemplate.
const solverFields = `
dns01                                                      object
dns01.acmeDNS                                              object
dns01.acmeDNS.accountSecretRef                             object required
dns01.acmeDNS.accountSecretRef.key                         string
dns01.acmeDNS.accountSecretRef.name                        string required
dns01.acmeDNS.host                                         string required
dns01.akamai                                               object
dns01.akamai.accessTokenSecretRef                          object required
dns01.akamai.accessTokenSecretRef.key                      string
dns01.akamai.accessTokenSecretRef.name                     string required
dns01.akamai.clientSecretSecretRef                         object required
dns01.akamai.clientSecretSecretRef.key                     string
dns01.akamai.clientSecretSecretRef.name                    string required
dns01.akamai.clientTokenSecretRef                          object required
dns01.akamai.clientTokenSecretRef.key                      string
dns01.akamai.clientTokenSecretRef.name                     string required
dns01.akamai.serviceConsumerDomain                         string required
dns01.azureDNS                                             object
dns01.azureDNS.clientID                                    string
dns01.azureDNS.clientSecretSecretRef                       object
dns01.azureDNS.clientSecretSecretRef.key                   string
dns01.azureDNS.clientSecretSecretRef.name                  string required
dns01.azureDNS.environment                                 string enum(AzureChinaCloud,AzureGermanCloud,AzurePublicCloud,AzureUSGovernmentCloud)
dns01.azureDNS.hostedZoneName                              string
dns01.azureDNS.managedIdentity                             object
dns01.azureDNS.managedIdentity.clientID                    string
dns01.azureDNS.managedIdentity.resourceID                  string
dns01.azureDNS.managedIdentity.tenantID                    string
dns01.azureDNS.resourceGroupName                           string required
dns01.azureDNS.subscriptionID                              string required
dns01.azureDNS.tenantID                                    string
dns01.azureDNS.zoneType                                    string enum(AzurePrivateZone,AzurePublicZone)
dns01.cloudDNS                                             object
dns01.cloudDNS.hostedZoneName                              string
dns01.cloudDNS.project                                     string required
dns01.cloudDNS.serviceAccountSecretRef                     object
dns01.cloudDNS.serviceAccountSecretRef.key                 string
dns01.cloudDNS.serviceAccountSecretRef.name                string required
dns01.cloudflare                                           object
dns01.cloudflare.apiKeySecretRef                           object
dns01.cloudflare.apiKeySecretRef.key                       string
dns01.cloudflare.apiKeySecretRef.name                      string required
dns01.cloudflare.apiTokenSecretRef                         object
dns01.cloudflare.apiTokenSecretRef.key                     string
dns01.cloudflare.apiTokenSecretRef.name                    string required
dns01.cloudflare.email                                     string
dns01.cnameStrategy                                        string enum(Follow,None)
dns01.digitalocean                                         object
dns01.digitalocean.tokenSecretRef                          object required
dns01.digitalocean.tokenSecretRef.key                      string
dns01.digitalocean.tokenSecretRef.name                     string required
dns01.nameservers                                          []string atomic
dns01.rfc2136                                              object
dns01.rfc2136.nameserver                                   string required
dns01.rfc2136.protocol                                     string enum(TCP,UDP)
dns01.rfc2136.tsigAlgorithm                                string
dns01.rfc2136.tsigKeyName                                  string
dns01.rfc2136.tsigSecretSecretRef                          object
dns01.rfc2136.tsigSecretSecretRef.key                      string
dns01.rfc2136.tsigSecretSecretRef.name                     string required
dns01.route53                                              object
dns01.route53.accessKeyID                                  string
dns01.route53.accessKeyIDSecretRef                         object
dns01.route53.accessKeyIDSecretRef.key                     string
dns01.route53.accessKeyIDSecretRef.name                    string required
dns01.route53.auth                                         object
dns01.route53.auth.kubernetes                              object required
dns01.route53.auth.kubernetes.serviceAccountRef            object required
dns01.route53.auth.kubernetes.serviceAccountRef.audiences  []string atomic
dns01.route53.auth.kubernetes.serviceAccountRef.name       string required
dns01.route53.hostedZoneID                                 string
dns01.route53.region                                       string
dns01.route53.role                                         string
dns01.route53.secretAccessKeySecretRef                     object
dns01.route53.secretAccessKeySecretRef.key                 string
dns01.route53.secretAccessKeySecretRef.name                string required
dns01.webhook                                              object
dns01.webhook.config                                       any keeps-unknown
dns01.webhook.groupName                                    string
dns01.webhook.solverName                                   string required
http01                                                     object
http01.gatewayHTTPRoute                                    object
http01.gatewayHTTPRoute.labels                             map[string]string
http01.gatewayHTTPRoute.parentRefs                         []object atomic
http01.gatewayHTTPRoute.parentRefs[].group                 string maxLength(253) pattern(^$|^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$) default(gateway.networking.k8s.io)
http01.gatewayHTTPRoute.parentRefs[].kind                  string minLength(1) maxLength(63) pattern(^[a-zA-Z]([-a-zA-Z0-9]*[a-zA-Z0-9])?$) default(Gateway)
http01.gatewayHTTPRoute.parentRefs[].name                  string required minLength(1) maxLength(253)
http01.gatewayHTTPRoute.parentRefs[].namespace             string minLength(1) maxLength(63) pattern(^[a-z0-9]([-a-z0-9]*[a-z0-9])?$)
http01.gatewayHTTPRoute.parentRefs[].port                  int32 min(1) max(65535)
http01.gatewayHTTPRoute.parentRefs[].sectionName           string minLength(1) maxLength(253) pattern(^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$)
http01.gatewayHTTPRoute.podTemplate                        object
http01.gatewayHTTPRoute.serviceType                        string
http01.ingress                                             object
http01.ingress.class                                       string
http01.ingress.ingressClassName                            string
http01.ingress.ingressTemplate                             object
http01.ingress.ingressTemplate.metadata                    object
http01.ingress.ingressTemplate.metadata.annotations        map[string]string
http01.ingress.ingressTemplate.metadata.labels             map[string]string
http01.ingress.name                                        string
http01.ingress.podTemplate                                 object
http01.ingress.serviceType                                 string
selector                                                   object
selector.dnsNames                                          []string atomic
selector.dnsZones                                          []string atomic
selector.matchLabels                                       map[string]string
waitInsteadOfSelfCheck                                     string pattern(^([-+]?(([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))+|[-+]?0)$)
`

// podTemplateFields is the table of a podTemplate of a solver.
const podTemplateFields = `
.metadata                                              object
.metadata.annotations                                  map[string]string
.metadata.labels                                       map[string]string
.spec                                                  object
.spec.affinity                                         object
.spec.imagePullSecrets                                 []object map(name)
.spec.imagePullSecrets[].name                          string default()
.spec.nodeSelector                                     map[string]string
.spec.priorityClassName                                string
.spec.resources                                        object
.spec.resources.limits                                 map[string]int-or-string
.spec.resources.requests                               map[string]int-or-string
.spec.securityContext                                  object
.spec.securityContext.fsGroup                          int64
.spec.securityContext.fsGroupChangePolicy              string
.spec.securityContext.runAsGroup                       int64
.spec.securityContext.runAsNonRoot                     boolean
.spec.securityContext.runAsUser                        int64
.spec.securityContext.seLinuxOptions                   object
.spec.securityContext.seLinuxOptions.level             string
.spec.securityContext.seLinuxOptions.role              string
.spec.securityContext.seLinuxOptions.type              string
.spec.securityContext.seLinuxOptions.user              string
.spec.securityContext.seccompProfile                   object
.spec.securityContext.seccompProfile.localhostProfile  string
.spec.securityContext.seccompProfile.type              string required
.spec.securityContext.supplementalGroups               []int64 atomic
.spec.securityContext.sysctls                          []object atomic
.spec.securityContext.sysctls[].name                   string required
.spec.securityContext.sysctls[].value                  string required
.spec.serviceAccountName                               string
.spec.tolerations                                      []object atomic
`

// orderFields is the table of Order.
const orderFields = `
spec                                        object required
spec.commonName                             string
spec.dnsNames                               []string atomic
spec.duration                               string pattern(^([-+]?(([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))+|[-+]?0)$)
spec.ipAddresses                            []string atomic
spec.issuerRef                              object required
spec.issuerRef.group                        string
spec.issuerRef.kind                         string
spec.issuerRef.name                         string required
spec.profile                                string
spec.replaces                               string
spec.request                                bytes required
status                                      object
status.authorizations                       []object atomic
status.authorizations[].challenges          []object atomic
status.authorizations[].challenges[].token  string required
status.authorizations[].challenges[].type   string required
status.authorizations[].challenges[].url    string required
status.authorizations[].identifier          string
status.authorizations[].initialState        string enum(errored,expired,invalid,pending,processing,ready,valid)
status.authorizations[].url                 string required
status.authorizations[].wildcard            boolean
status.certificate                          bytes
status.failureTime                          time
status.finalizeURL                          string
status.reason                               string
status.state                                string enum(errored,expired,invalid,pending,processing,ready,valid)
status.url                                  string
`

// challengeFields is the table of Challenge but for its solver.
const challengeFields = `
spec                   object required
spec.authorizationURL  string required
spec.dnsName           string required
spec.issuerRef         object required
spec.issuerRef.group   string
spec.issuerRef.kind    string
spec.issuerRef.name    string required
spec.key               string required
spec.solver            object required
spec.token             string required
spec.type              string required enum(DNS-01,HTTP-01)
spec.url               string required
spec.wildcard          boolean
status                 object
status.presented       boolean
status.presentedAt     time
status.processing      boolean
status.reason          string
status.state           string enum(errored,expired,invalid,pending,processing,ready,valid)
`
