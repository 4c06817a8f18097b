package v1

// Labels and annotations that are part of the API. Lists in annotations of a
// Secret are one CSV record (RFC 4180), in the order of the certificate.
const (
	// CertificateNameKey names the Certificate, on its Secret and requests.
	CertificateNameKey = "cert-manager.io/certificate-name"
	// CertificateRevisionKey is the revision, on a CertificateRequest.
	CertificateRevisionKey = "cert-manager.io/certificate-revision"
	// PrivateKeySecretKey names the Secret whose tls.key made the request, on a
	// CertificateRequest.
	PrivateKeySecretKey = "cert-manager.io/private-key-secret-name"

	// IssuerNameKey, IssuerKindKey and IssuerGroupKey name the issuer, on a
	// Secret.
	IssuerNameKey  = "cert-manager.io/issuer-name"
	IssuerKindKey  = "cert-manager.io/issuer-kind"
	IssuerGroupKey = "cert-manager.io/issuer-group"

	// What the certificate in a Secret says.
	CommonNameKey          = "cert-manager.io/common-name"
	AltNamesKey            = "cert-manager.io/alt-names"
	IPSANsKey              = "cert-manager.io/ip-sans"
	URISANsKey             = "cert-manager.io/uri-sans"
	EmailSANsKey           = "cert-manager.io/email-sans"
	OrganizationsKey       = "cert-manager.io/subject-organizations"
	OrganizationalUnitsKey = "cert-manager.io/subject-organizationalunits"
	CountriesKey           = "cert-manager.io/subject-countries"
	ProvincesKey           = "cert-manager.io/subject-provinces"
	LocalitiesKey          = "cert-manager.io/subject-localities"
	PostalCodesKey         = "cert-manager.io/subject-postalcodes"
	StreetAddressesKey     = "cert-manager.io/subject-streetaddresses"
	SerialNumberKey        = "cert-manager.io/subject-serialnumber"

	// IssueTemporaryCertificateKey asks, on a Certificate, for a temporary
	// certificate until the real one is there.
	IssueTemporaryCertificateKey = "cert-manager.io/issue-temporary-certificate"
	// AllowDirectInjectionKey allows, on a Secret, its CA to be injected.
	AllowDirectInjectionKey = "cert-manager.io/allow-direct-injection"
	// DisableValidationKey is the label of namespaces whose objects skip the
	// field rules of the webhook.
	DisableValidationKey = "cert-manager.io/disable-validation"

	// SecretManagedKey is the label, with the value "true", of every Secret
	// that we keep an eye on.
	SecretManagedKey = "controller.cert-manager.io/fao"
	// NextPrivateKeyKey is the label, with the value "true", of the Secret that
	// holds the next private key while an issuance is under way.
	NextPrivateKeyKey = "cert-manager.io/next-private-key"

	// DefaultIssuerKey marks, with the value "true", the issuer that is used
	// where none is named.
	DefaultIssuerKey = "certwright.dev/default-issuer"

	// What a Kubernetes CertificateSigningRequest has no field for.
	// SigningRequestDurationKey is a duration such as 2160h, and wins over
	// spec.expirationSeconds; SigningRequestIsCAKey asks, with the value "true",
	// for a certificate that may sign others.
	SigningRequestDurationKey = "experimental.cert-manager.io/request-duration"
	SigningRequestIsCAKey     = "experimental.cert-manager.io/request-is-ca"
	// SigningRequestPrivateKeySecretKey names the Secret whose tls.key made the
	// request, in the namespace of the issuer's Secrets.
	SigningRequestPrivateKeySecretKey = "experimental.cert-manager.io/private-key-secret-name"
)
