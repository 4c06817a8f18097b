package v1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	acmev1 "github.com/certwright/certwright/certs/acme/v1"
	cmmeta "github.com/certwright/certwright/certs/meta/v1"
)

// Issuer signs certificates for its own namespace. The Secrets that it names
// are read from its own namespace.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:metadata:labels=app.kubernetes.io/name=cert-manager;app.kubernetes.io/instance=cert-manager;app.kubernetes.io/component=crds
// +kubebuilder:resource:shortName=iss,categories=cert-manager
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type == "Ready")].status`
// +kubebuilder:printcolumn:name="Status",type=string,priority=1,JSONPath=`.status.conditions[?(@.type == "Ready")].message`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`,description="When the object was created"
type Issuer struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// Spec says how certificates are signed: exactly one of acme, ca, vault,
	// selfSigned and venafi.
	Spec IssuerSpec `json:"spec"`

	// Status says whether the issuer can sign.
	// +optional
	Status IssuerStatus `json:"status,omitempty,omitzero"`
}

// IssuerList is a list of Issuers.
//
// +kubebuilder:object:root=true
type IssuerList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata"`

	// Items are the Issuers.
	Items []Issuer `json:"items"`
}

// ClusterIssuer signs certificates for every namespace. The Secrets that it
// names are read from the cluster resource namespace.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:metadata:labels=app.kubernetes.io/name=cert-manager;app.kubernetes.io/instance=cert-manager;app.kubernetes.io/component=crds
// +kubebuilder:resource:scope=Cluster,shortName=ciss,categories=cert-manager
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type == "Ready")].status`
// +kubebuilder:printcolumn:name="Status",type=string,priority=1,JSONPath=`.status.conditions[?(@.type == "Ready")].message`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`,description="When the object was created"
type ClusterIssuer struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// Spec says how certificates are signed: exactly one of acme, ca, vault,
	// selfSigned and venafi.
	Spec IssuerSpec `json:"spec"`

	// Status says whether the issuer can sign.
	// +optional
	Status IssuerStatus `json:"status,omitempty,omitzero"`
}

// ClusterIssuerList is a list of ClusterIssuers.
//
// +kubebuilder:object:root=true
type ClusterIssuerList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata"`

	// Items are the ClusterIssuers.
	Items []ClusterIssuer `json:"items"`
}

// IssuerSpec says how certificates are signed. Exactly one field is set.
type IssuerSpec struct {
	// ACME obtains certificates from an ACME server (RFC 8555) such as Let's
	// Encrypt.
	// +optional
	ACME *acmev1.ACMEIssuer `json:"acme,omitempty"`

	// CA signs with a CA key pair from a Secret.
	// +optional
	CA *CAIssuer `json:"ca,omitempty"`

	// Vault asks the PKI engine of HashiCorp Vault or OpenBao.
	// +optional
	Vault *VaultIssuer `json:"vault,omitempty"`

	// SelfSigned signs every certificate with its own private key.
	// +optional
	SelfSigned *SelfSignedIssuer `json:"selfSigned,omitempty"`

	// Venafi asks CyberArk Certificate Manager, formerly Venafi.
	// +optional
	Venafi *VenafiIssuer `json:"venafi,omitempty"`
}

// SelfSignedIssuer signs every certificate with its own private key.
type SelfSignedIssuer struct {
	// CRLDistributionPoints are URLs of revocation lists, written into every
	// certificate (RFC 5280 section 4.2.1.13).
	// +optional
	// +listType=atomic
	CRLDistributionPoints []string `json:"crlDistributionPoints,omitempty"`
}

// CAIssuer signs with a CA key pair from a Secret.
type CAIssuer struct {
	// SecretName is the Secret with the CA: tls.crt (its chain, the CA itself
	// first), tls.key and, optionally, ca.crt (the root).
	SecretName string `json:"secretName"`

	// CRLDistributionPoints are URLs of revocation lists, written into every
	// certificate (RFC 5280 section 4.2.1.13).
	// +optional
	// +listType=atomic
	CRLDistributionPoints []string `json:"crlDistributionPoints,omitempty"`

	// OCSPServers are URLs of OCSP responders, written into every certificate
	// (RFC 5280 section 4.2.2.1).
	// +optional
	// +listType=atomic
	OCSPServers []string `json:"ocspServers,omitempty"`

	// IssuingCertificateURLs are URLs of the CA's own certificate, written into
	// every certificate (RFC 5280 section 4.2.2.1).
	// +optional
	// +listType=atomic
	IssuingCertificateURLs []string `json:"issuingCertificateURLs,omitempty"`
}

// VaultIssuer asks the PKI engine of HashiCorp Vault or OpenBao.
type VaultIssuer struct {
	// Auth says how to log in. Exactly one way is set.
	Auth VaultAuth `json:"auth"`

	// Server is the URL of Vault, for example https://vault.example.com:8200.
	Server string `json:"server"`

	// ServerName is the name in the server's certificate, where it differs
	// from the host in server.
	// +optional
	ServerName string `json:"serverName,omitempty"`

	// Path of the signing endpoint, for example pki_int/sign/web.
	Path string `json:"path"`

	// Namespace of Vault Enterprise or OpenBao.
	// +optional
	Namespace string `json:"namespace,omitempty"`

	// CABundle holds the CAs, as PEM, that the server's certificate is checked
	// against. Not together with caBundleSecretRef. The default are the CAs of
	// the system.
	// +optional
	CABundle []byte `json:"caBundle,omitempty"`

	// CABundleSecretRef names a Secret with those CAs. The default key is
	// ca.crt.
	// +optional
	CABundleSecretRef *cmmeta.SecretKeySelector `json:"caBundleSecretRef,omitempty"`

	// ClientCertSecretRef names the certificate that we present to the server.
	// The default key is tls.crt. Together with clientKeySecretRef.
	// +optional
	ClientCertSecretRef *cmmeta.SecretKeySelector `json:"clientCertSecretRef,omitempty"`

	// ClientKeySecretRef names the key of that certificate. The default key is
	// tls.key.
	// +optional
	ClientKeySecretRef *cmmeta.SecretKeySelector `json:"clientKeySecretRef,omitempty"`
}

// VaultAuth says how to log in to Vault. Exactly one field is set.
type VaultAuth struct {
	// TokenSecretRef names a token. The default key is token.
	// +optional
	TokenSecretRef *cmmeta.SecretKeySelector `json:"tokenSecretRef,omitempty"`

	// AppRole logs in with a role ID and a secret ID.
	// +optional
	AppRole *VaultAppRole `json:"appRole,omitempty"`

	// ClientCertificate logs in with a TLS client certificate.
	// +optional
	ClientCertificate *VaultClientCertificateAuth `json:"clientCertificate,omitempty"`

	// Kubernetes logs in with a ServiceAccount token.
	// +optional
	Kubernetes *VaultKubernetesAuth `json:"kubernetes,omitempty"`

	// AWS logs in with AWS credentials.
	// +optional
	AWS *VaultAWSAuth `json:"aws,omitempty"`
}

// VaultAppRole logs in with a role ID and a secret ID.
type VaultAppRole struct {
	// Path of the auth method. The default is approle.
	// +optional
	Path string `json:"path,omitempty"`
	// RoleID of the role.
	RoleID string `json:"roleId"`
	// SecretRef names the secret ID.
	SecretRef cmmeta.SecretKeySelector `json:"secretRef"`
}

// VaultClientCertificateAuth logs in with a TLS client certificate.
type VaultClientCertificateAuth struct {
	// Path of the auth method. The default is /v1/auth/cert.
	// +optional
	Path string `json:"mountPath,omitempty"`
	// Name of the role to log in to.
	// +optional
	Name string `json:"name,omitempty"`
	// SecretName is a Secret of type kubernetes.io/tls with the client
	// certificate. The default is the one that is presented to the server
	// anyway.
	// +optional
	SecretName string `json:"secretName,omitempty"`
}

// VaultKubernetesAuth logs in with a ServiceAccount token. One of secretRef
// and serviceAccountRef is set.
type VaultKubernetesAuth struct {
	// Path of the auth method. The default is /v1/auth/kubernetes.
	// +optional
	Path string `json:"mountPath,omitempty"`
	// SecretRef names a token. The default key is token.
	// +optional
	SecretRef *cmmeta.SecretKeySelector `json:"secretRef,omitempty"`
	// ServiceAccountRef names a ServiceAccount that a token is requested for.
	// +optional
	ServiceAccountRef *ServiceAccountRef `json:"serviceAccountRef,omitempty"`
	// Role of Vault to log in to.
	Role string `json:"role"`
}

// VaultAWSAuth logs in with AWS credentials.
type VaultAWSAuth struct {
	// Path of the auth method. The default is /v1/auth/aws.
	// +optional
	Path string `json:"mountPath,omitempty"`
	// Role of Vault to log in to.
	Role string `json:"role"`
	// Region of AWS. The default is us-east-1.
	// +optional
	Region string `json:"region,omitempty"`
	// ServiceAccountRef names a ServiceAccount whose token is exchanged for
	// AWS credentials. The default are the ambient credentials.
	// +optional
	ServiceAccountRef *ServiceAccountRef `json:"serviceAccountRef,omitempty"`
	// IAMRoleARN is the role to assume with that token. Needed together with
	// serviceAccountRef.
	// +optional
	IAMRoleARN string `json:"iamRoleArn,omitempty"`
	// VaultHeaderValue is sent as X-Vault-AWS-IAM-Server-ID.
	// +optional
	VaultHeaderValue string `json:"vaultHeaderValue,omitempty"`
}

// ServiceAccountRef names a ServiceAccount that a token is requested for.
type ServiceAccountRef struct {
	// Name of the ServiceAccount.
	Name string `json:"name"`
	// TokenAudiences are added to the audiences of the token.
	// +optional
	// +listType=atomic
	TokenAudiences []string `json:"audiences,omitempty"`
}

// VenafiIssuer asks CyberArk Certificate Manager, formerly Venafi. Exactly one
// of tpp, cloud and ngts is set.
//
// +kubebuilder:validation:XValidation:rule="[has(self.tpp), has(self.cloud), has(self.ngts)].filter(x, x).size() == 1",message="please supply one of: tpp, cloud, ngts"
type VenafiIssuer struct {
	// Zone is the policy folder (self-hosted), "application\issuing template"
	// (SaaS), or the issuing template (NGTS).
	Zone string `json:"zone"`
	// TPP is the self-hosted product.
	// +optional
	TPP *VenafiTPP `json:"tpp,omitempty"`
	// Cloud is the SaaS product.
	// +optional
	Cloud *VenafiCloud `json:"cloud,omitempty"`
	// NGTS is the product in Palo Alto Networks' Strata.
	// +optional
	NGTS *VenafiNGTS `json:"ngts,omitempty"`
}

// VenafiTPP is the self-hosted product.
type VenafiTPP struct {
	// URL of the API, for example https://tpp.example.com/vedsdk.
	URL string `json:"url"`
	// CredentialsRef is a Secret with access-token, or with username and
	// password, and optionally client-id.
	CredentialsRef cmmeta.LocalObjectReference `json:"credentialsRef"`
	// CABundle holds the CAs, as PEM, that the server's certificate is checked
	// against. Not together with caBundleSecretRef.
	// +optional
	CABundle []byte `json:"caBundle,omitempty"`
	// CABundleSecretRef names a Secret with those CAs. The default key is
	// ca.crt.
	// +optional
	CABundleSecretRef *cmmeta.SecretKeySelector `json:"caBundleSecretRef,omitempty"`
}

// VenafiCloud is the SaaS product.
type VenafiCloud struct {
	// URL of the API. The default is https://api.venafi.cloud/.
	// +optional
	URL string `json:"url,omitempty"`
	// APITokenSecretRef names the API key. The default key is api-key.
	APITokenSecretRef cmmeta.SecretKeySelector `json:"apiTokenSecretRef"`
}

// VenafiNGTS is the product in Palo Alto Networks' Strata.
type VenafiNGTS struct {
	// URL of the API. The default is
	// https://api.strata.paloaltonetworks.com/ngts.
	// +optional
	URL string `json:"url,omitempty"`
	// TokenEndpoint is where OAuth tokens come from. The default is
	// https://auth.apps.paloaltonetworks.com/oauth2/access_token.
	// +optional
	TokenEndpoint string `json:"tokenEndpoint,omitempty"`
	// TSGID is the tenant service group.
	TSGID string `json:"tsgID"`
	// CredentialsRef is a Secret with client-id and client-secret.
	CredentialsRef cmmeta.LocalObjectReference `json:"credentialsRef"`
}

// IssuerStatus says whether an issuer can sign.
type IssuerStatus struct {
	// Conditions hold Ready.
	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []IssuerCondition `json:"conditions,omitempty"`

	// ACME is the account at the ACME server.
	// +optional
	ACME *acmev1.ACMEIssuerStatus `json:"acme,omitempty"`
}

// IssuerConditionType is the type of an issuer's condition.
type IssuerConditionType string

// IssuerConditionReady says that the issuer can sign.
const IssuerConditionReady IssuerConditionType = "Ready"

// IssuerCondition is one observation about an issuer.
type IssuerCondition struct {
	// Type is Ready.
	Type IssuerConditionType `json:"type"`
	// Status is True, False or Unknown.
	Status cmmeta.ConditionStatus `json:"status"`
	// LastTransitionTime is when the status last changed.
	// +optional
	LastTransitionTime *metav1.Time `json:"lastTransitionTime,omitempty"`
	// Reason is one word for machines.
	// +optional
	Reason string `json:"reason,omitempty"`
	// Message is a sentence for people.
	// +optional
	Message string `json:"message,omitempty"`
	// ObservedGeneration is the metadata.generation that was looked at.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
}

// GenericIssuer is an Issuer or a ClusterIssuer.
//
// +kubebuilder:object:generate=false
type GenericIssuer interface {
	metav1.Object
	// GetSpec returns the spec, to be read.
	GetSpec() *IssuerSpec
	// GetStatus returns the status, to be read or, in a copy, written.
	GetStatus() *IssuerStatus
	// IssuerKind returns Issuer or ClusterIssuer.
	IssuerKind() string
}

// GetSpec returns the spec.
func (i *Issuer) GetSpec() *IssuerSpec { return &i.Spec }

// GetStatus returns the status.
func (i *Issuer) GetStatus() *IssuerStatus { return &i.Status }

// IssuerKind returns Issuer.
func (i *Issuer) IssuerKind() string { return IssuerKind }

// GetSpec returns the spec.
func (i *ClusterIssuer) GetSpec() *IssuerSpec { return &i.Spec }

// GetStatus returns the status.
func (i *ClusterIssuer) GetStatus() *IssuerStatus { return &i.Status }

// IssuerKind returns ClusterIssuer.
func (i *ClusterIssuer) IssuerKind() string { return ClusterIssuerKind }
