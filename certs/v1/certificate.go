package v1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	cmmeta "github.com/certwright/certwright/certs/meta/v1"
)

// Certificate asks for an X.509 certificate and names the Secret that holds it
// together with its private key. It is renewed before it expires, for as long
// as this object exists.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:metadata:labels=app.kubernetes.io/name=cert-manager;app.kubernetes.io/instance=cert-manager;app.kubernetes.io/component=crds
// +kubebuilder:resource:shortName=cert;certs,categories=cert-manager
// +kubebuilder:selectablefield:JSONPath=`.spec.issuerRef.group`
// +kubebuilder:selectablefield:JSONPath=`.spec.issuerRef.kind`
// +kubebuilder:selectablefield:JSONPath=`.spec.issuerRef.name`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type == "Ready")].status`
// +kubebuilder:printcolumn:name="Secret",type=string,JSONPath=`.spec.secretName`
// +kubebuilder:printcolumn:name="Issuer",type=string,priority=1,JSONPath=`.spec.issuerRef.name`
// +kubebuilder:printcolumn:name="Status",type=string,priority=1,JSONPath=`.status.conditions[?(@.type == "Ready")].message`
// +kubebuilder:printcolumn:name="Expiration",type=string,priority=1,JSONPath=`.status.notAfter`,description="When the certificate expires"
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`,description="When the object was created"
type Certificate struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// Spec is what the certificate shall be.
	// +optional
	Spec CertificateSpec `json:"spec,omitempty"`

	// Status is what the certificate is at the moment. Written by the
	// controller.
	// +optional
	Status CertificateStatus `json:"status,omitempty,omitzero"`
}

// CertificateList is a list of Certificates.
//
// +kubebuilder:object:root=true
type CertificateList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata"`

	// Items are the Certificates.
	Items []Certificate `json:"items"`
}

// CertificateSpec is what a certificate shall be. At least one name is needed:
// commonName, dnsNames, ipAddresses, uris, emailAddresses, otherNames, or a CN
// in literalSubject.
//
// +kubebuilder:validation:XValidation:rule="!(has(self.renewBefore) && has(self.renewBeforePercentage))",message="keep one of renewBefore and renewBeforePercentage"
// +kubebuilder:validation:XValidation:rule="!(has(self.literalSubject) && size(self.literalSubject) > 0 && has(self.commonName) && size(self.commonName) > 0)",message="write commonName as CN= in literalSubject"
// +kubebuilder:validation:XValidation:rule="!has(self.nameConstraints) || (has(self.isCA) && self.isCA)",message="nameConstraints are for CA certificates; set isCA"
type CertificateSpec struct {
	// Subject holds the parts of the subject's distinguished name beside the
	// common name. Not together with literalSubject.
	// +optional
	Subject *X509Subject `json:"subject,omitempty"`

	// LiteralSubject is the whole subject as an RFC 4514 string, for example
	// "CN=svc,OU=Team,O=Example". It replaces subject and commonName and keeps
	// the given order. Known attribute names are C, O, OU, CN, SERIALNUMBER,
	// L, ST, STREET, DC and UID, in capitals; others are written as OIDs.
	// +optional
	LiteralSubject string `json:"literalSubject,omitempty"`

	// CommonName is the CN of the subject, at most 64 bytes. TLS clients look
	// at dnsNames instead, so most certificates need none.
	// +optional
	CommonName string `json:"commonName,omitempty"`

	// Duration is the requested lifetime, for example 2160h. The default is 90
	// days, the least is one hour. The issuer may give a different lifetime.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Pattern=`^([-+]?(([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))+|[-+]?0)$`
	Duration *metav1.Duration `json:"duration,omitempty"`

	// RenewBefore is how long before expiry the certificate is renewed, at
	// least 5m and less than the duration. The default is a third of the
	// lifetime of the certificate that was issued. Not together with
	// renewBeforePercentage.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Pattern=`^([-+]?(([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))+|[-+]?0)$`
	RenewBefore *metav1.Duration `json:"renewBefore,omitempty"`

	// RenewBeforePercentage is renewBefore as a percentage of the lifetime of
	// the certificate that was issued: 25 renews when a quarter of the lifetime
	// is left. Between 1 and 99.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=99
	RenewBeforePercentage *int32 `json:"renewBeforePercentage,omitempty"`

	// Renewal says whether, and in which windows of time, the certificate is
	// renewed.
	// +optional
	Renewal *CertificateRenewal `json:"renewal,omitempty"`

	// DNSNames are the DNS names of the certificate. A leading "*." makes a
	// wildcard.
	// +optional
	// +listType=atomic
	DNSNames []string `json:"dnsNames,omitempty"`

	// IPAddresses are the IPv4 and IPv6 addresses of the certificate.
	// +optional
	// +listType=atomic
	IPAddresses []string `json:"ipAddresses,omitempty"`

	// URIs are the uniform resource identifiers of the certificate, for
	// example spiffe://cluster.local/ns/a/sa/b.
	// +optional
	// +listType=atomic
	URIs []string `json:"uris,omitempty"`

	// OtherNames are names of other kinds, such as a user principal name.
	// +optional
	// +listType=atomic
	OtherNames []OtherName `json:"otherNames,omitempty"`

	// EmailAddresses are the e-mail addresses of the certificate.
	// +optional
	// +listType=atomic
	EmailAddresses []string `json:"emailAddresses,omitempty"`

	// SecretName is the Secret, in the same namespace, that holds the private
	// key and the certificate. It is created and kept up to date.
	SecretName string `json:"secretName"`

	// SecretTemplate holds labels and annotations for the Secret.
	// +optional
	SecretTemplate *CertificateSecretTemplate `json:"secretTemplate,omitempty"`

	// Keystores asks for a JKS or PKCS#12 keystore in the Secret.
	// +optional
	Keystores *CertificateKeystores `json:"keystores,omitempty"`

	// IssuerRef names the Issuer or ClusterIssuer that signs the certificate.
	IssuerRef cmmeta.IssuerReference `json:"issuerRef"`

	// IsCA asks for a certificate that may sign other certificates. It adds
	// the usage "cert sign".
	// +optional
	IsCA bool `json:"isCA,omitempty"`

	// Usages are the key usages and extended key usages. The default is
	// "digital signature" and "key encipherment".
	// +optional
	// +listType=atomic
	Usages []KeyUsage `json:"usages,omitempty"`

	// PrivateKey says which kind of private key is made, and when a new one is.
	// +optional
	PrivateKey *CertificatePrivateKey `json:"privateKey,omitempty"`

	// SignatureAlgorithm of the certificate signing request. It must fit the
	// algorithm of the private key. The default follows from the key.
	// +optional
	SignatureAlgorithm SignatureAlgorithm `json:"signatureAlgorithm,omitempty"`

	// EncodeUsagesInRequest says whether the usages are also written into the
	// certificate signing request. The default is true.
	// +optional
	EncodeUsagesInRequest *bool `json:"encodeUsagesInRequest,omitempty"`

	// RevisionHistoryLimit is how many CertificateRequests are kept. The least
	// and the default is 1.
	// +optional
	RevisionHistoryLimit *int32 `json:"revisionHistoryLimit,omitempty"`

	// AdditionalOutputFormats asks for the key or the chain in further formats
	// in the Secret.
	// +optional
	// +listType=atomic
	AdditionalOutputFormats []CertificateAdditionalOutputFormat `json:"additionalOutputFormats,omitempty"`

	// NameConstraints restrict, in a CA certificate, the names that it may
	// sign (RFC 5280 section 4.2.1.10). Only with isCA.
	// +optional
	NameConstraints *NameConstraints `json:"nameConstraints,omitempty"`
}

// X509Subject holds the parts of a distinguished name (RFC 5280 section
// 4.1.2.6) beside the common name.
type X509Subject struct {
	// Organizations (O).
	// +optional
	// +listType=atomic
	Organizations []string `json:"organizations,omitempty"`
	// Countries (C), usually two letters.
	// +optional
	// +listType=atomic
	Countries []string `json:"countries,omitempty"`
	// OrganizationalUnits (OU).
	// +optional
	// +listType=atomic
	OrganizationalUnits []string `json:"organizationalUnits,omitempty"`
	// Localities (L), usually cities.
	// +optional
	// +listType=atomic
	Localities []string `json:"localities,omitempty"`
	// Provinces (ST), states or provinces.
	// +optional
	// +listType=atomic
	Provinces []string `json:"provinces,omitempty"`
	// StreetAddresses (STREET).
	// +optional
	// +listType=atomic
	StreetAddresses []string `json:"streetAddresses,omitempty"`
	// PostalCodes.
	// +optional
	// +listType=atomic
	PostalCodes []string `json:"postalCodes,omitempty"`
	// SerialNumber of the subject; not the serial number of the certificate.
	// +optional
	SerialNumber string `json:"serialNumber,omitempty"`
}

// OtherName is a subject alternative name of the kind otherName (RFC 5280
// section 4.2.1.6) whose value is a UTF8String.
type OtherName struct {
	// OID is the type of the name in dotted form, for example
	// 1.3.6.1.4.1.311.20.2.3 for a user principal name.
	// +optional
	OID string `json:"oid,omitempty"`
	// UTF8Value is the value of the name.
	// +optional
	UTF8Value string `json:"utf8Value,omitempty"`
}

// RenewalPolicy says whether a certificate is renewed by time.
// +kubebuilder:validation:Enum=RenewBefore;Disabled
type RenewalPolicy string

const (
	// RenewalPolicyRenewBefore renews before expiry, in a window if there are any.
	RenewalPolicyRenewBefore RenewalPolicy = "RenewBefore"
	// RenewalPolicyDisabled never renews by time. A changed spec or a lost
	// Secret still leads to a new certificate.
	RenewalPolicyDisabled RenewalPolicy = "Disabled"
)

// CertificateRenewal says whether and when a certificate is renewed.
type CertificateRenewal struct {
	// Policy is RenewBefore or Disabled.
	// +optional
	Policy RenewalPolicy `json:"policy,omitempty"`

	// Windows are the maintenance windows that renewals are moved into. A
	// renewal is only ever moved to a later time, and never past the expiry.
	// +optional
	// +listType=atomic
	Windows []CertificateRenewalWindow `json:"windows,omitempty"`
}

// CertificateRenewalWindow is a repeating span of time.
type CertificateRenewalWindow struct {
	// Cron is when the window opens: minute, hour, day of month, month and day
	// of week (0 is Sunday), or a descriptor such as @daily.
	// +kubebuilder:validation:MinLength=1
	Cron string `json:"cron"`

	// WindowDuration is how long the window stays open, for example 2h30m.
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Pattern=`^([0-9]+(\.[0-9]+)?(s|m|h))+$`
	WindowDuration metav1.Duration `json:"windowDuration"`

	// Timezone of cron, a name of the IANA database such as Europe/Paris. The
	// default is UTC.
	// +optional
	// +kubebuilder:validation:MinLength=1
	Timezone string `json:"timezone,omitempty"`
}

// PrivateKeyRotationPolicy says when a new private key is made.
// +kubebuilder:validation:Enum=Never;Always
type PrivateKeyRotationPolicy string

const (
	// RotationPolicyNever keeps the private key that is in the Secret.
	RotationPolicyNever PrivateKeyRotationPolicy = "Never"
	// RotationPolicyAlways makes a new private key for every issuance.
	RotationPolicyAlways PrivateKeyRotationPolicy = "Always"
)

// PrivateKeyEncoding is how the private key is written into the Secret.
// +kubebuilder:validation:Enum=PKCS1;PKCS8
type PrivateKeyEncoding string

const (
	// PKCS1 writes RSA keys as PKCS #1 and ECDSA keys as SEC 1.
	PKCS1 PrivateKeyEncoding = "PKCS1"
	// PKCS8 writes every key as PKCS #8.
	PKCS8 PrivateKeyEncoding = "PKCS8"
)

// PrivateKeyAlgorithm is the kind of a private key.
// +kubebuilder:validation:Enum=RSA;ECDSA;Ed25519
type PrivateKeyAlgorithm string

const (
	// RSAKeyAlgorithm makes RSA keys.
	RSAKeyAlgorithm PrivateKeyAlgorithm = "RSA"
	// ECDSAKeyAlgorithm makes keys on the curves P-256, P-384 and P-521.
	ECDSAKeyAlgorithm PrivateKeyAlgorithm = "ECDSA"
	// Ed25519KeyAlgorithm makes Ed25519 keys.
	Ed25519KeyAlgorithm PrivateKeyAlgorithm = "Ed25519"
)

// CertificatePrivateKey says which kind of private key is made.
type CertificatePrivateKey struct {
	// RotationPolicy is Always (the default: every issuance makes a new key)
	// or Never (the key in the Secret is kept).
	// +optional
	RotationPolicy PrivateKeyRotationPolicy `json:"rotationPolicy,omitempty"`

	// Encoding is PKCS1 (the default) or PKCS8.
	// +optional
	Encoding PrivateKeyEncoding `json:"encoding,omitempty"`

	// Algorithm is RSA (the default), ECDSA or Ed25519.
	// +optional
	Algorithm PrivateKeyAlgorithm `json:"algorithm,omitempty"`

	// Size of the key in bits. RSA: 2048 (the default) to 8192. ECDSA: 256
	// (the default), 384 or 521. Ignored for Ed25519.
	// +optional
	Size int `json:"size,omitempty"`
}

// SignatureAlgorithm of a certificate signing request.
// +kubebuilder:validation:Enum=SHA256WithRSA;SHA384WithRSA;SHA512WithRSA;ECDSAWithSHA256;ECDSAWithSHA384;ECDSAWithSHA512;PureEd25519
type SignatureAlgorithm string

// The signature algorithms.
const (
	SHA256WithRSA   SignatureAlgorithm = "SHA256WithRSA"
	SHA384WithRSA   SignatureAlgorithm = "SHA384WithRSA"
	SHA512WithRSA   SignatureAlgorithm = "SHA512WithRSA"
	ECDSAWithSHA256 SignatureAlgorithm = "ECDSAWithSHA256"
	ECDSAWithSHA384 SignatureAlgorithm = "ECDSAWithSHA384"
	ECDSAWithSHA512 SignatureAlgorithm = "ECDSAWithSHA512"
	PureEd25519     SignatureAlgorithm = "PureEd25519"
)

// CertificateSecretTemplate holds labels and annotations that are copied to
// the Secret and kept there.
type CertificateSecretTemplate struct {
	// Annotations for the Secret. Keys under cert-manager.io/ are reserved,
	// but for cert-manager.io/allow-direct-injection.
	// +optional
	Annotations map[string]string `json:"annotations,omitempty"`

	// Labels for the Secret.
	// +optional
	Labels map[string]string `json:"labels,omitempty"`
}

// CertificateKeystores asks for keystores in the Secret.
type CertificateKeystores struct {
	// JKS adds keystore.jks, and truststore.jks where the CA is known.
	// +optional
	JKS *JKSKeystore `json:"jks,omitempty"`

	// PKCS12 adds keystore.p12, and truststore.p12 where the CA is known.
	// +optional
	PKCS12 *PKCS12Keystore `json:"pkcs12,omitempty"`
}

// JKSKeystore asks for a Java keystore.
type JKSKeystore struct {
	// Create says whether the keystore is made.
	Create bool `json:"create"`

	// Alias of the private key entry. The default is "certificate".
	// +optional
	Alias *string `json:"alias,omitempty"`

	// PasswordSecretRef names the entry of a Secret, in the same namespace,
	// that holds the password of the keystore.
	// +optional
	PasswordSecretRef *cmmeta.SecretKeySelector `json:"passwordSecretRef,omitempty"`

	// Password of the keystore in clear. Everybody who may read this
	// Certificate can read it: prefer passwordSecretRef.
	// +optional
	Password *string `json:"password,omitempty"`
}

// PKCS12Profile names the algorithms that protect a PKCS#12 keystore.
// +kubebuilder:validation:Enum=LegacyRC2;LegacyDES;Modern2023;Modern2026
type PKCS12Profile string

const (
	// LegacyRC2PKCS12Profile uses RC2 and 3DES with SHA-1. The default.
	LegacyRC2PKCS12Profile PKCS12Profile = "LegacyRC2"
	// LegacyDESPKCS12Profile uses 3DES with SHA-1.
	LegacyDESPKCS12Profile PKCS12Profile = "LegacyDES"
	// Modern2023PKCS12Profile uses AES-256 and SHA-256.
	Modern2023PKCS12Profile PKCS12Profile = "Modern2023"
	// Modern2026PKCS12Profile is Modern2023 with PBMAC1 (RFC 9579).
	Modern2026PKCS12Profile PKCS12Profile = "Modern2026"
)

// PKCS12Keystore asks for a PKCS#12 keystore.
type PKCS12Keystore struct {
	// Create says whether the keystore is made.
	Create bool `json:"create"`

	// Profile names the algorithms: LegacyRC2 (the default), LegacyDES,
	// Modern2023 or Modern2026.
	// +optional
	Profile PKCS12Profile `json:"profile,omitempty"`

	// PasswordSecretRef names the entry of a Secret, in the same namespace,
	// that holds the password of the keystore.
	// +optional
	PasswordSecretRef *cmmeta.SecretKeySelector `json:"passwordSecretRef,omitempty"`

	// Password of the keystore in clear. Everybody who may read this
	// Certificate can read it: prefer passwordSecretRef.
	// +optional
	Password *string `json:"password,omitempty"`
}

// CertificateOutputFormatType is a further format of key and chain.
// +kubebuilder:validation:Enum=DER;CombinedPEM
type CertificateOutputFormatType string

const (
	// CertificateOutputFormatDER writes the private key as DER under key.der.
	CertificateOutputFormatDER CertificateOutputFormatType = "DER"
	// CertificateOutputFormatCombinedPEM writes key and chain, in this order,
	// under tls-combined.pem.
	CertificateOutputFormatCombinedPEM CertificateOutputFormatType = "CombinedPEM"
)

// CertificateAdditionalOutputFormat asks for one further format.
type CertificateAdditionalOutputFormat struct {
	// Type is DER (key.der) or CombinedPEM (tls-combined.pem).
	Type CertificateOutputFormatType `json:"type"`
}

// NameConstraints restrict the names that a CA certificate may sign.
type NameConstraints struct {
	// Critical marks the extension as critical.
	// +optional
	Critical bool `json:"critical,omitempty"`
	// Permitted names: only these may be signed.
	// +optional
	Permitted *NameConstraintItem `json:"permitted,omitempty"`
	// Excluded names may not be signed.
	// +optional
	Excluded *NameConstraintItem `json:"excluded,omitempty"`
}

// NameConstraintItem is a set of names.
type NameConstraintItem struct {
	// DNSDomains, each with all names below it.
	// +optional
	// +listType=atomic
	DNSDomains []string `json:"dnsDomains,omitempty"`
	// IPRanges in CIDR form, for example 10.0.0.0/8.
	// +optional
	// +listType=atomic
	IPRanges []string `json:"ipRanges,omitempty"`
	// EmailAddresses: whole addresses, hosts, or domains with a leading dot.
	// +optional
	// +listType=atomic
	EmailAddresses []string `json:"emailAddresses,omitempty"`
	// URIDomains: hosts, or domains with a leading dot.
	// +optional
	// +listType=atomic
	URIDomains []string `json:"uriDomains,omitempty"`
}

// CertificateStatus is what a certificate is at the moment.
type CertificateStatus struct {
	// Conditions are Ready (the Secret holds a certificate that fits the spec
	// and has not expired) and Issuing (a new certificate is being made).
	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []CertificateCondition `json:"conditions,omitempty"`

	// LastFailureTime is when the last attempt failed. Absent after a success.
	// +optional
	LastFailureTime *metav1.Time `json:"lastFailureTime,omitempty"`

	// NotBefore is the start of validity of the certificate in the Secret.
	// +optional
	NotBefore *metav1.Time `json:"notBefore,omitempty"`

	// NotAfter is the end of validity of the certificate in the Secret.
	// +optional
	NotAfter *metav1.Time `json:"notAfter,omitempty"`

	// RenewalTime is when the certificate is going to be renewed.
	// +optional
	RenewalTime *metav1.Time `json:"renewalTime,omitempty"`

	// Revision counts the certificates that were issued, from 1.
	// +optional
	Revision *int `json:"revision,omitempty"`

	// NextPrivateKeySecretName names the Secret with the next private key
	// while an issuance is under way. For information only: it is never read.
	// +optional
	NextPrivateKeySecretName *string `json:"nextPrivateKeySecretName,omitempty"`

	// FailedIssuanceAttempts counts the failures since the last success.
	// +optional
	FailedIssuanceAttempts *int `json:"failedIssuanceAttempts,omitempty"`

	// ACME holds what the ACME server said about the certificate.
	// +optional
	ACME *CertificateACMEStatus `json:"acme,omitempty"`
}

// CertificateACMEStatus holds what an ACME server said about a certificate.
type CertificateACMEStatus struct {
	// ARI is the renewal information of RFC 9773.
	// +optional
	ARI *ACMERenewalInformation `json:"ari,omitempty"`
}

// ACMERenewalInformation is what an ACME server advises about a renewal (RFC
// 9773).
type ACMERenewalInformation struct {
	// SuggestedWindow is the span of time to renew in.
	// +optional
	SuggestedWindow *ACMERenewalWindow `json:"suggestedWindow,omitempty"`
	// ExplanationURL is a page for humans that says why.
	// +optional
	ExplanationURL string `json:"explanationURL,omitempty"`
	// LastChecked is when the server was last asked.
	// +optional
	LastChecked *metav1.Time `json:"lastChecked,omitempty"`
	// NextCheck is when the server is asked again.
	// +optional
	NextCheck *metav1.Time `json:"nextCheck,omitempty"`
	// LastError is why the server could not be asked.
	// +optional
	LastError string `json:"lastError,omitempty"`
}

// ACMERenewalWindow is the span of time in which a server wants a renewal.
type ACMERenewalWindow struct {
	// Start of the window.
	Start metav1.Time `json:"start"`
	// End of the window.
	End metav1.Time `json:"end"`
}

// CertificateConditionType is the type of a Certificate's condition.
type CertificateConditionType string

const (
	// CertificateConditionReady says that the Secret holds a certificate that
	// fits the spec and has not expired.
	CertificateConditionReady CertificateConditionType = "Ready"
	// CertificateConditionIssuing says that a new certificate is being made.
	// Setting it to True by hand starts an issuance at once.
	CertificateConditionIssuing CertificateConditionType = "Issuing"
)

// CertificateCondition is one observation about a Certificate.
type CertificateCondition struct {
	// Type is Ready or Issuing.
	Type CertificateConditionType `json:"type"`
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
