package v1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	cmmeta "github.com/certwright/certwright/certs/meta/v1"
)

// ACMEIssuer obtains certificates from an ACME server (RFC 8555).
type ACMEIssuer struct {
	// Email address of the account's holder. The CA may send news there.
	// +optional
	Email string `json:"email,omitempty"`

	// Server is the URL of the directory, for example
	// https://acme-v02.api.letsencrypt.org/directory. It must be https.
	Server string `json:"server"`

	// PreferredChain is the common name of the issuer of the last certificate
	// of the wanted chain, where the CA offers several.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	PreferredChain string `json:"preferredChain,omitempty"`

	// CABundle holds the CAs, as PEM, that the server's certificate is checked
	// against. Not together with skipTLSVerify. The default are the CAs of the
	// system.
	// +optional
	CABundle []byte `json:"caBundle,omitempty"`

	// SkipTLSVerify leaves the server's certificate unchecked. For tests only.
	// +optional
	SkipTLSVerify bool `json:"skipTLSVerify,omitempty"`

	// ExternalAccountBinding ties the account to one that exists outside ACME
	// (RFC 8555 section 7.3.4). Some CAs demand it.
	// +optional
	ExternalAccountBinding *ACMEExternalAccountBinding `json:"externalAccountBinding,omitempty"`

	// PrivateKeySecretRef names the Secret with the account's private key. It
	// is made where it is missing. The default key is tls.key.
	PrivateKeySecretRef cmmeta.SecretKeySelector `json:"privateKeySecretRef"`

	// Solvers prove control over names. The most specific one is used. May be
	// empty where the CA has authorised the account beforehand.
	// +optional
	// +listType=atomic
	Solvers []ACMEChallengeSolver `json:"solvers,omitempty"`

	// DisableAccountKeyGeneration makes a missing account key an error instead
	// of making a new one.
	// +optional
	DisableAccountKeyGeneration bool `json:"disableAccountKeyGeneration,omitempty"`

	// EnableDurationFeature passes the duration of a Certificate on to the CA.
	// Many CAs refuse that.
	// +optional
	EnableDurationFeature bool `json:"enableDurationFeature,omitempty"`

	// Profile is a certificate profile that the CA offers, for example
	// tlsserver or shortlived.
	// +optional
	Profile string `json:"profile,omitempty"`

	// RenewalInformationSource says whether the CA is asked when to renew (RFC
	// 9773): ARI or None.
	// +optional
	// +kubebuilder:default=ARI
	RenewalInformationSource ACMERenewalInformationSource `json:"renewalInformationSource,omitempty"`
}

// ACMERenewalInformationSource says where advice on renewals comes from.
// +kubebuilder:validation:Enum=ARI;None
type ACMERenewalInformationSource string

const (
	// RenewalInformationARI asks the ACME server (RFC 9773).
	RenewalInformationARI ACMERenewalInformationSource = "ARI"
	// RenewalInformationNone asks nobody.
	RenewalInformationNone ACMERenewalInformationSource = "None"
)

// ACMEExternalAccountBinding ties an account to one that exists outside ACME.
type ACMEExternalAccountBinding struct {
	// KeyID that the CA gave.
	KeyID string `json:"keyID"`
	// KeySecretRef names the MAC key that the CA gave, base64url-encoded.
	KeySecretRef cmmeta.SecretKeySelector `json:"keySecretRef"`
	// KeyAlgorithm is ignored; it is always HS256.
	// +optional
	KeyAlgorithm HMACKeyAlgorithm `json:"keyAlgorithm,omitempty"`
}

// HMACKeyAlgorithm is a MAC algorithm of RFC 7518.
// +kubebuilder:validation:Enum=HS256;HS384;HS512
type HMACKeyAlgorithm string

// ACMEIssuerStatus is the account at the ACME server.
type ACMEIssuerStatus struct {
	// URI of the account.
	// +optional
	URI string `json:"uri,omitempty"`
	// LastRegisteredEmail is the address that the account was registered with.
	// +optional
	LastRegisteredEmail string `json:"lastRegisteredEmail,omitempty"`
	// LastPrivateKeyHash is the base64-encoded SHA-256 hash of the account key
	// (PKCS #1) that the account was registered with.
	// +optional
	LastPrivateKeyHash string `json:"lastPrivateKeyHash,omitempty"`
}

// ACMEChallengeSolver proves control over names, by HTTP-01 or DNS-01.
type ACMEChallengeSolver struct {
	// Selector restricts the names that this solver is used for. The default
	// is all.
	// +optional
	Selector *CertificateDNSNameSelector `json:"selector,omitempty"`

	// HTTP01 proves control by answering over HTTP (RFC 8555 section 8.3). It
	// cannot prove wildcards.
	// +optional
	HTTP01 *ACMEChallengeSolverHTTP01 `json:"http01,omitempty"`

	// DNS01 proves control by a TXT record (RFC 8555 section 8.4).
	// +optional
	DNS01 *ACMEChallengeSolverDNS01 `json:"dns01,omitempty"`

	// WaitInsteadOfSelfCheck waits this long after presenting, instead of
	// checking that the answer can be seen, before the CA is asked to look.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Pattern=`^([-+]?(([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))+|[-+]?0)$`
	WaitInsteadOfSelfCheck *metav1.Duration `json:"waitInsteadOfSelfCheck,omitempty"`
}

// CertificateDNSNameSelector restricts the names that a solver is used for.
// All that is set must match; the most specific solver wins.
type CertificateDNSNameSelector struct {
	// MatchLabels must all be on the Certificate.
	// +optional
	MatchLabels map[string]string `json:"matchLabels,omitempty"`
	// DNSNames are names to match exactly; a wildcard matches only itself.
	// +optional
	// +listType=atomic
	DNSNames []string `json:"dnsNames,omitempty"`
	// DNSZones are zones; each matches itself and everything below it.
	// +optional
	// +listType=atomic
	DNSZones []string `json:"dnsZones,omitempty"`
}

// ACMEChallengeType is a type of challenge.
// +kubebuilder:validation:Enum=HTTP-01;DNS-01
type ACMEChallengeType string

const (
	// ACMEChallengeTypeHTTP01 is http-01 of RFC 8555 section 8.3.
	ACMEChallengeTypeHTTP01 ACMEChallengeType = "HTTP-01"
	// ACMEChallengeTypeDNS01 is dns-01 of RFC 8555 section 8.4.
	ACMEChallengeTypeDNS01 ACMEChallengeType = "DNS-01"
)
