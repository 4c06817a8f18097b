package v1

import (
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"

	cmmeta "github.com/certwright/certwright/certs/meta/v1"
)

// CNAMEStrategy says whether CNAME records are followed to the place where the
// TXT record is written.
// +kubebuilder:validation:Enum=None;Follow
type CNAMEStrategy string

const (
	// CNAMEStrategyNone writes the record at _acme-challenge.<name> itself.
	CNAMEStrategyNone CNAMEStrategy = "None"
	// CNAMEStrategyFollow writes it where CNAME records lead to.
	CNAMEStrategyFollow CNAMEStrategy = "Follow"
)

// ACMEChallengeSolverDNS01 proves control by a TXT record. Exactly one provider
// is set.
type ACMEChallengeSolverDNS01 struct {
	// CNAMEStrategy is None (the default) or Follow.
	// +optional
	CNAMEStrategy CNAMEStrategy `json:"cnameStrategy,omitempty"`

	// Nameservers are asked instead of the system's: host:port, or an https
	// URL for DNS over HTTPS.
	// +optional
	// +listType=atomic
	Nameservers []string `json:"nameservers,omitempty"`

	// Akamai uses Akamai Edge DNS.
	// +optional
	Akamai *ACMEIssuerDNS01ProviderAkamai `json:"akamai,omitempty"`

	// CloudDNS uses Google Cloud DNS.
	// +optional
	CloudDNS *ACMEIssuerDNS01ProviderCloudDNS `json:"cloudDNS,omitempty"`

	// Cloudflare uses Cloudflare.
	// +optional
	Cloudflare *ACMEIssuerDNS01ProviderCloudflare `json:"cloudflare,omitempty"`

	// Route53 uses Amazon Route 53.
	// +optional
	Route53 *ACMEIssuerDNS01ProviderRoute53 `json:"route53,omitempty"`

	// AzureDNS uses Azure DNS.
	// +optional
	AzureDNS *ACMEIssuerDNS01ProviderAzureDNS `json:"azureDNS,omitempty"`

	// DigitalOcean uses DigitalOcean.
	// +optional
	DigitalOcean *ACMEIssuerDNS01ProviderDigitalOcean `json:"digitalocean,omitempty"`

	// AcmeDNS uses an acme-dns server.
	// +optional
	AcmeDNS *ACMEIssuerDNS01ProviderAcmeDNS `json:"acmeDNS,omitempty"`

	// RFC2136 sends dynamic updates to a name server.
	// +optional
	RFC2136 *ACMEIssuerDNS01ProviderRFC2136 `json:"rfc2136,omitempty"`

	// Webhook asks an external solver.
	// +optional
	Webhook *ACMEIssuerDNS01ProviderWebhook `json:"webhook,omitempty"`
}

// ACMEIssuerDNS01ProviderAkamai uses Akamai Edge DNS.
type ACMEIssuerDNS01ProviderAkamai struct {
	// ServiceConsumerDomain is the host of the API.
	ServiceConsumerDomain string `json:"serviceConsumerDomain"`
	// ClientToken of the API client.
	ClientToken cmmeta.SecretKeySelector `json:"clientTokenSecretRef"`
	// ClientSecret of the API client.
	ClientSecret cmmeta.SecretKeySelector `json:"clientSecretSecretRef"`
	// AccessToken of the API client.
	AccessToken cmmeta.SecretKeySelector `json:"accessTokenSecretRef"`
}

// ACMEIssuerDNS01ProviderCloudDNS uses Google Cloud DNS.
type ACMEIssuerDNS01ProviderCloudDNS struct {
	// ServiceAccount names the JSON key of a service account. The default are
	// the ambient credentials.
	// +optional
	ServiceAccount *cmmeta.SecretKeySelector `json:"serviceAccountSecretRef,omitempty"`
	// Project that the zone is in.
	Project string `json:"project"`
	// HostedZoneName is the name of the managed zone. The default is found by
	// the DNS name.
	// +optional
	HostedZoneName string `json:"hostedZoneName,omitempty"`
}

// ACMEIssuerDNS01ProviderCloudflare uses Cloudflare. One of apiTokenSecretRef
// and apiKeySecretRef is set.
type ACMEIssuerDNS01ProviderCloudflare struct {
	// Email of the account. Needed with apiKeySecretRef.
	// +optional
	Email string `json:"email,omitempty"`
	// APIKey names the global API key.
	// +optional
	APIKey *cmmeta.SecretKeySelector `json:"apiKeySecretRef,omitempty"`
	// APIToken names an API token with the permissions Zone:Read and DNS:Edit.
	// +optional
	APIToken *cmmeta.SecretKeySelector `json:"apiTokenSecretRef,omitempty"`
}

// ACMEIssuerDNS01ProviderRoute53 uses Amazon Route 53.
type ACMEIssuerDNS01ProviderRoute53 struct {
	// Auth says how to log in, instead of keys.
	// +optional
	Auth *Route53Auth `json:"auth,omitempty"`
	// AccessKeyID in clear.
	// +optional
	AccessKeyID string `json:"accessKeyID,omitempty"`
	// SecretAccessKeyID names the access key ID.
	// +optional
	SecretAccessKeyID *cmmeta.SecretKeySelector `json:"accessKeyIDSecretRef,omitempty"`
	// SecretAccessKey names the secret access key.
	// +optional
	SecretAccessKey cmmeta.SecretKeySelector `json:"secretAccessKeySecretRef,omitempty,omitzero"`
	// Role is an IAM role to assume.
	// +optional
	Role string `json:"role,omitempty"`
	// HostedZoneID is the zone. The default is found by the DNS name.
	// +optional
	HostedZoneID string `json:"hostedZoneID,omitempty"`
	// Region of AWS.
	// +optional
	Region string `json:"region,omitempty"`
}

// Route53Auth says how to log in to AWS.
type Route53Auth struct {
	// Kubernetes exchanges a ServiceAccount token for AWS credentials.
	Kubernetes *Route53KubernetesAuth `json:"kubernetes"`
}

// Route53KubernetesAuth exchanges a ServiceAccount token for AWS credentials.
type Route53KubernetesAuth struct {
	// ServiceAccountRef names the ServiceAccount.
	ServiceAccountRef *ServiceAccountRef `json:"serviceAccountRef"`
}

// ServiceAccountRef names a ServiceAccount that a token is requested for.
type ServiceAccountRef struct {
	// Name of the ServiceAccount.
	Name string `json:"name"`
	// TokenAudiences of the token.
	// +optional
	// +listType=atomic
	TokenAudiences []string `json:"audiences,omitempty"`
}

// AzureDNSEnvironment is a cloud of Azure.
// +kubebuilder:validation:Enum=AzurePublicCloud;AzureChinaCloud;AzureGermanCloud;AzureUSGovernmentCloud
type AzureDNSEnvironment string

// AzureZoneType says whether a zone is public or private.
// +kubebuilder:validation:Enum=AzurePublicZone;AzurePrivateZone
type AzureZoneType string

// ACMEIssuerDNS01ProviderAzureDNS uses Azure DNS.
type ACMEIssuerDNS01ProviderAzureDNS struct {
	// ClientID of a service principal, with clientSecretSecretRef and tenantID.
	// +optional
	ClientID string `json:"clientID,omitempty"`
	// ClientSecret names the secret of the service principal.
	// +optional
	ClientSecret *cmmeta.SecretKeySelector `json:"clientSecretSecretRef,omitempty"`
	// SubscriptionID that the zone is in.
	SubscriptionID string `json:"subscriptionID"`
	// TenantID of the service principal.
	// +optional
	TenantID string `json:"tenantID,omitempty"`
	// ResourceGroupName that the zone is in.
	ResourceGroupName string `json:"resourceGroupName"`
	// HostedZoneName is the zone. The default is found by the DNS name.
	// +optional
	HostedZoneName string `json:"hostedZoneName,omitempty"`
	// Environment is the cloud. The default is AzurePublicCloud.
	// +optional
	Environment AzureDNSEnvironment `json:"environment,omitempty"`
	// ManagedIdentity is used instead of a service principal.
	// +optional
	ManagedIdentity *AzureManagedIdentity `json:"managedIdentity,omitempty"`
	// ZoneType is AzurePublicZone (the default) or AzurePrivateZone.
	// +optional
	ZoneType AzureZoneType `json:"zoneType,omitempty"`
}

// AzureManagedIdentity is an identity that Azure gives to a workload.
type AzureManagedIdentity struct {
	// ClientID of the identity. Not together with resourceID.
	// +optional
	ClientID string `json:"clientID,omitempty"`
	// ResourceID of the identity.
	// +optional
	ResourceID string `json:"resourceID,omitempty"`
	// TenantID of the identity. Only with clientID.
	// +optional
	TenantID string `json:"tenantID,omitempty"`
}

// ACMEIssuerDNS01ProviderDigitalOcean uses DigitalOcean.
type ACMEIssuerDNS01ProviderDigitalOcean struct {
	// Token names an API token.
	Token cmmeta.SecretKeySelector `json:"tokenSecretRef"`
}

// ACMEIssuerDNS01ProviderAcmeDNS uses an acme-dns server.
type ACMEIssuerDNS01ProviderAcmeDNS struct {
	// Host is the URL of the server.
	Host string `json:"host"`
	// AccountSecret names a JSON document that maps domains to accounts.
	AccountSecret cmmeta.SecretKeySelector `json:"accountSecretRef"`
}

// RFC2136UpdateProtocol is what dynamic updates are sent over.
// +kubebuilder:validation:Enum=TCP;UDP
type RFC2136UpdateProtocol string

// ACMEIssuerDNS01ProviderRFC2136 sends dynamic updates to a name server.
type ACMEIssuerDNS01ProviderRFC2136 struct {
	// Nameserver is the address of the server, host or host:port. IPv6
	// addresses stand in brackets. The default port is 53.
	Nameserver string `json:"nameserver"`
	// TSIGSecret names the key, base64-encoded. Together with tsigKeyName.
	// +optional
	TSIGSecret cmmeta.SecretKeySelector `json:"tsigSecretSecretRef,omitempty,omitzero"`
	// TSIGKeyName is the name of the key.
	// +optional
	TSIGKeyName string `json:"tsigKeyName,omitempty"`
	// TSIGAlgorithm is HMACMD5 (the default), HMACSHA1, HMACSHA256 or
	// HMACSHA512.
	// +optional
	TSIGAlgorithm string `json:"tsigAlgorithm,omitempty"`
	// Protocol is UDP (the default) or TCP.
	// +optional
	Protocol RFC2136UpdateProtocol `json:"protocol,omitempty"`
}

// ACMEIssuerDNS01ProviderWebhook asks an external solver that the Kubernetes
// API server aggregates.
type ACMEIssuerDNS01ProviderWebhook struct {
	// GroupName is the API group of the solver.
	// +optional
	GroupName string `json:"groupName,omitempty"`
	// SolverName is the name of the solver in that group.
	SolverName string `json:"solverName"`
	// Config is passed to the solver as it is.
	// +optional
	// +kubebuilder:pruning:PreserveUnknownFields
	Config *apiextensionsv1.JSON `json:"config,omitempty"`
}
