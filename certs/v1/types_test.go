package v1_test

import (
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"

	"github.com/certwright/certwright/test/schema"
)

func TestCRDShapes(t *testing.T) {
	ready := `.status.conditions[?(@.type == "Ready")]`
	tests := map[string]schema.Shape{
		"certificates.cert-manager.io": {
			Group: "cert-manager.io", Kind: "Certificate", ListKind: "CertificateList",
			Singular: "certificate", ShortNames: []string{"cert", "certs"},
			Categories: []string{"cert-manager"}, Scope: "Namespaced", Versions: []string{"v1"}, Subresources: []string{"status"},
			Selectable: []string{".spec.issuerRef.group", ".spec.issuerRef.kind", ".spec.issuerRef.name"},
			Columns: []string{
				"Ready string " + ready + ".status",
				"Secret string .spec.secretName",
				"Issuer string wide .spec.issuerRef.name",
				"Status string wide " + ready + ".message",
				"Expiration string wide .status.notAfter",
				"Age date .metadata.creationTimestamp",
			},
		},
		"certificaterequests.cert-manager.io": {
			Group: "cert-manager.io", Kind: "CertificateRequest", ListKind: "CertificateRequestList",
			Singular: "certificaterequest", ShortNames: []string{"cr", "crs"},
			Categories: []string{"cert-manager"}, Scope: "Namespaced", Versions: []string{"v1"}, Subresources: []string{"status"},
			Selectable: []string{".spec.issuerRef.group", ".spec.issuerRef.kind", ".spec.issuerRef.name"},
			Columns: []string{
				`Approved string .status.conditions[?(@.type == "Approved")].status`,
				`Denied string .status.conditions[?(@.type == "Denied")].status`,
				"Ready string " + ready + ".status",
				"Issuer string .spec.issuerRef.name",
				"Requester string .spec.username",
				"Status string wide " + ready + ".message",
				"Age date .metadata.creationTimestamp",
			},
		},
		"issuers.cert-manager.io": {
			Group: "cert-manager.io", Kind: "Issuer", ListKind: "IssuerList",
			Singular: "issuer", ShortNames: []string{"iss"},
			Categories: []string{"cert-manager"}, Scope: "Namespaced", Versions: []string{"v1"}, Subresources: []string{"status"},
			Columns: []string{
				"Ready string " + ready + ".status",
				"Status string wide " + ready + ".message",
				"Age date .metadata.creationTimestamp",
			},
		},
		"clusterissuers.cert-manager.io": {
			Group: "cert-manager.io", Kind: "ClusterIssuer", ListKind: "ClusterIssuerList",
			Singular: "clusterissuer", ShortNames: []string{"ciss"},
			Categories: []string{"cert-manager"}, Scope: "Cluster", Versions: []string{"v1"}, Subresources: []string{"status"},
			Columns: []string{
				"Ready string " + ready + ".status",
				"Status string wide " + ready + ".message",
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
	acme := func(path string) bool { return path == "spec.acme" }
	tests := map[string]struct {
		crd, table string
		skip       func(string) bool
	}{
		"Certificate":        {"certificates.cert-manager.io", certificateFields, nil},
		"CertificateRequest": {"certificaterequests.cert-manager.io", requestFields, nil},
		"Issuer":             {"issuers.cert-manager.io", issuerFields, acme},
		"ClusterIssuer":      {"clusterissuers.cert-manager.io", issuerFields, acme},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got := schema.Describe(schema.Root(crd(t, tt.crd)), tt.skip)
			delete(got, "spec.acme")
			if diff := cmp.Diff(schema.Table(tt.table), got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestCertificatesHaveNoDefaults(t *testing.T) {
	// A default in the schema appears in objects that exist already, and once
	// renewed every certificate of a cluster.
	for _, name := range []string{"certificates.cert-manager.io", "certificaterequests.cert-manager.io"} {
		for path, field := range schema.Fields(schema.Root(crd(t, name)), nil) {
			if strings.Contains(field.String(), "default(") {
				t.Errorf("%s: %s is %s", name, path, field)
			}
		}
	}
}

func TestIssuersAndClusterIssuersAreAlike(t *testing.T) {
	issuer := schema.Describe(schema.Root(crd(t, "issuers.cert-manager.io")), nil)
	cluster := schema.Describe(schema.Root(crd(t, "clusterissuers.cert-manager.io")), nil)
	if !maps.Equal(issuer, cluster) {
		t.Errorf("(-Issuer +ClusterIssuer):\n%s", cmp.Diff(issuer, cluster))
	}
}

func TestCRDsCanBeAppliedAndExplained(t *testing.T) {
	for _, name := range []string{
		"certificates.cert-manager.io", "certificaterequests.cert-manager.io", "issuers.cert-manager.io", "clusterissuers.cert-manager.io",
	} {
		for _, complaint := range schema.Complaints(crd(t, name)) {
			t.Errorf("%s: %s", name, complaint)
		}
	}
}

func crd(t *testing.T, name string) *apiextensionsv1.CustomResourceDefinition {
	t.Helper()
	crd, err := schema.CRD(name)
	if err != nil {
		t.Fatal(err)
	}
	return crd
}

// certificateFields is the table of Certificate: what users may write, what they
// read, and what the API server checks.
const certificateFields = `
spec                                           object rule(keep one of renewBefore and renewBeforePercentage) rule(write commonName as CN= in literalSubject) rule(nameConstraints are for CA certificates; set isCA)
spec.additionalOutputFormats                   []object atomic
spec.additionalOutputFormats[].type            string required enum(CombinedPEM,DER)
spec.commonName                                string
spec.dnsNames                                  []string atomic
spec.duration                                  string pattern(^([-+]?(([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))+|[-+]?0)$)
spec.emailAddresses                            []string atomic
spec.encodeUsagesInRequest                     boolean
spec.ipAddresses                               []string atomic
spec.isCA                                      boolean
spec.issuerRef                                 object required
spec.issuerRef.group                           string
spec.issuerRef.kind                            string
spec.issuerRef.name                            string required
spec.keystores                                 object
spec.keystores.jks                             object
spec.keystores.jks.alias                       string
spec.keystores.jks.create                      boolean required
spec.keystores.jks.password                    string
spec.keystores.jks.passwordSecretRef           object
spec.keystores.jks.passwordSecretRef.key       string
spec.keystores.jks.passwordSecretRef.name      string required
spec.keystores.pkcs12                          object
spec.keystores.pkcs12.create                   boolean required
spec.keystores.pkcs12.password                 string
spec.keystores.pkcs12.passwordSecretRef        object
spec.keystores.pkcs12.passwordSecretRef.key    string
spec.keystores.pkcs12.passwordSecretRef.name   string required
spec.keystores.pkcs12.profile                  string enum(LegacyDES,LegacyRC2,Modern2023,Modern2026)
spec.literalSubject                            string
spec.nameConstraints                           object
spec.nameConstraints.critical                  boolean
spec.nameConstraints.excluded                  object
spec.nameConstraints.excluded.dnsDomains       []string atomic
spec.nameConstraints.excluded.emailAddresses   []string atomic
spec.nameConstraints.excluded.ipRanges         []string atomic
spec.nameConstraints.excluded.uriDomains       []string atomic
spec.nameConstraints.permitted                 object
spec.nameConstraints.permitted.dnsDomains      []string atomic
spec.nameConstraints.permitted.emailAddresses  []string atomic
spec.nameConstraints.permitted.ipRanges        []string atomic
spec.nameConstraints.permitted.uriDomains      []string atomic
spec.otherNames                                []object atomic
spec.otherNames[].oid                          string
spec.otherNames[].utf8Value                    string
spec.privateKey                                object
spec.privateKey.algorithm                      string enum(ECDSA,Ed25519,RSA)
spec.privateKey.encoding                       string enum(PKCS1,PKCS8)
spec.privateKey.rotationPolicy                 string enum(Always,Never)
spec.privateKey.size                           integer
spec.renewBefore                               string pattern(^([-+]?(([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))+|[-+]?0)$)
spec.renewBeforePercentage                     int32 min(1) max(99)
spec.renewal                                   object
spec.renewal.policy                            string enum(Disabled,RenewBefore)
spec.renewal.windows                           []object atomic
spec.renewal.windows[].cron                    string required minLength(1)
spec.renewal.windows[].timezone                string minLength(1)
spec.renewal.windows[].windowDuration          string required pattern(^([0-9]+(\.[0-9]+)?(s|m|h))+$)
spec.revisionHistoryLimit                      int32
spec.secretName                                string required
spec.secretTemplate                            object
spec.secretTemplate.annotations                map[string]string
spec.secretTemplate.labels                     map[string]string
spec.signatureAlgorithm                        string enum(ECDSAWithSHA256,ECDSAWithSHA384,ECDSAWithSHA512,PureEd25519,SHA256WithRSA,SHA384WithRSA,SHA512WithRSA)
spec.subject                                   object
spec.subject.countries                         []string atomic
spec.subject.localities                        []string atomic
spec.subject.organizationalUnits               []string atomic
spec.subject.organizations                     []string atomic
spec.subject.postalCodes                       []string atomic
spec.subject.provinces                         []string atomic
spec.subject.serialNumber                      string
spec.subject.streetAddresses                   []string atomic
spec.uris                                      []string atomic
spec.usages                                    []string atomic enum(any,cert sign,client auth,code signing,content commitment,crl sign,data encipherment,decipher only,digital signature,email protection,encipher only,ipsec end system,ipsec tunnel,ipsec user,key agreement,key encipherment,microsoft sgc,netscape sgc,ocsp signing,s/mime,server auth,signing,timestamping)
status                                         object
status.acme                                    object
status.acme.ari                                object
status.acme.ari.explanationURL                 string
status.acme.ari.lastChecked                    time
status.acme.ari.lastError                      string
status.acme.ari.nextCheck                      time
status.acme.ari.suggestedWindow                object
status.acme.ari.suggestedWindow.end            time required
status.acme.ari.suggestedWindow.start          time required
status.conditions                              []object map(type)
status.conditions[].lastTransitionTime         time
status.conditions[].message                    string
status.conditions[].observedGeneration         int64
status.conditions[].reason                     string
status.conditions[].status                     string required enum(False,True,Unknown)
status.conditions[].type                       string required
status.failedIssuanceAttempts                  integer
status.lastFailureTime                         time
status.nextPrivateKeySecretName                string
status.notAfter                                time
status.notBefore                               time
status.renewalTime                             time
status.revision                                integer
`

// requestFields is the table of CertificateRequest.
const requestFields = `
spec                                    object
spec.duration                           string pattern(^([-+]?(([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))+|[-+]?0)$)
spec.extra                              map[string][]string
spec.groups                             []string atomic
spec.isCA                               boolean
spec.issuerRef                          object required
spec.issuerRef.group                    string
spec.issuerRef.kind                     string
spec.issuerRef.name                     string required
spec.request                            bytes required
spec.uid                                string
spec.usages                             []string atomic enum(any,cert sign,client auth,code signing,content commitment,crl sign,data encipherment,decipher only,digital signature,email protection,encipher only,ipsec end system,ipsec tunnel,ipsec user,key agreement,key encipherment,microsoft sgc,netscape sgc,ocsp signing,s/mime,server auth,signing,timestamping)
spec.username                           string
status                                  object
status.ca                               bytes
status.certificate                      bytes
status.conditions                       []object map(type)
status.conditions[].lastTransitionTime  time
status.conditions[].message             string
status.conditions[].reason              string
status.conditions[].status              string required enum(False,True,Unknown)
status.conditions[].type                string required
status.failureTime                      time
`

// issuerFields is the table of Issuer and ClusterIssuer but for spec.acme, which
// package acmev1 has.
const issuerFields = `
spec                                                    object required
spec.ca                                                 object
spec.ca.crlDistributionPoints                           []string atomic
spec.ca.issuingCertificateURLs                          []string atomic
spec.ca.ocspServers                                     []string atomic
spec.ca.secretName                                      string required
spec.selfSigned                                         object
spec.selfSigned.crlDistributionPoints                   []string atomic
spec.vault                                              object
spec.vault.auth                                         object required
spec.vault.auth.appRole                                 object
spec.vault.auth.appRole.path                            string
spec.vault.auth.appRole.roleId                          string required
spec.vault.auth.appRole.secretRef                       object required
spec.vault.auth.appRole.secretRef.key                   string
spec.vault.auth.appRole.secretRef.name                  string required
spec.vault.auth.aws                                     object
spec.vault.auth.aws.iamRoleArn                          string
spec.vault.auth.aws.mountPath                           string
spec.vault.auth.aws.region                              string
spec.vault.auth.aws.role                                string required
spec.vault.auth.aws.serviceAccountRef                   object
spec.vault.auth.aws.serviceAccountRef.audiences         []string atomic
spec.vault.auth.aws.serviceAccountRef.name              string required
spec.vault.auth.aws.vaultHeaderValue                    string
spec.vault.auth.clientCertificate                       object
spec.vault.auth.clientCertificate.mountPath             string
spec.vault.auth.clientCertificate.name                  string
spec.vault.auth.clientCertificate.secretName            string
spec.vault.auth.kubernetes                              object
spec.vault.auth.kubernetes.mountPath                    string
spec.vault.auth.kubernetes.role                         string required
spec.vault.auth.kubernetes.secretRef                    object
spec.vault.auth.kubernetes.secretRef.key                string
spec.vault.auth.kubernetes.secretRef.name               string required
spec.vault.auth.kubernetes.serviceAccountRef            object
spec.vault.auth.kubernetes.serviceAccountRef.audiences  []string atomic
spec.vault.auth.kubernetes.serviceAccountRef.name       string required
spec.vault.auth.tokenSecretRef                          object
spec.vault.auth.tokenSecretRef.key                      string
spec.vault.auth.tokenSecretRef.name                     string required
spec.vault.caBundle                                     bytes
spec.vault.caBundleSecretRef                            object
spec.vault.caBundleSecretRef.key                        string
spec.vault.caBundleSecretRef.name                       string required
spec.vault.clientCertSecretRef                          object
spec.vault.clientCertSecretRef.key                      string
spec.vault.clientCertSecretRef.name                     string required
spec.vault.clientKeySecretRef                           object
spec.vault.clientKeySecretRef.key                       string
spec.vault.clientKeySecretRef.name                      string required
spec.vault.namespace                                    string
spec.vault.path                                         string required
spec.vault.server                                       string required
spec.vault.serverName                                   string
spec.venafi                                             object rule(please supply one of: tpp, cloud, ngts)
spec.venafi.cloud                                       object
spec.venafi.cloud.apiTokenSecretRef                     object required
spec.venafi.cloud.apiTokenSecretRef.key                 string
spec.venafi.cloud.apiTokenSecretRef.name                string required
spec.venafi.cloud.url                                   string
spec.venafi.ngts                                        object
spec.venafi.ngts.credentialsRef                         object required
spec.venafi.ngts.credentialsRef.name                    string required
spec.venafi.ngts.tokenEndpoint                          string
spec.venafi.ngts.tsgID                                  string required
spec.venafi.ngts.url                                    string
spec.venafi.tpp                                         object
spec.venafi.tpp.caBundle                                bytes
spec.venafi.tpp.caBundleSecretRef                       object
spec.venafi.tpp.caBundleSecretRef.key                   string
spec.venafi.tpp.caBundleSecretRef.name                  string required
spec.venafi.tpp.credentialsRef                          object required
spec.venafi.tpp.credentialsRef.name                     string required
spec.venafi.tpp.url                                     string required
spec.venafi.zone                                        string required
status                                                  object
status.acme                                             object
status.acme.lastPrivateKeyHash                          string
status.acme.lastRegisteredEmail                         string
status.acme.uri                                         string
status.conditions                                       []object map(type)
status.conditions[].lastTransitionTime                  time
status.conditions[].message                             string
status.conditions[].observedGeneration                  int64
status.conditions[].reason                              string
status.conditions[].status                              string required enum(False,True,Unknown)
status.conditions[].type                                string required
`
