package v1

// The effective issuer reference when a field is left out. An absent field and
// its effective default are equal in every comparison.
const (
	// DefaultIssuerKind is what an absent or empty issuerRef.kind means.
	DefaultIssuerKind = "Issuer"
	// DefaultIssuerGroup is what an absent or empty issuerRef.group means.
	DefaultIssuerGroup = "cert-manager.io"
)

// ConditionStatus is True, False or Unknown.
// +kubebuilder:validation:Enum=True;False;Unknown
type ConditionStatus string

const (
	// ConditionTrue says that the condition holds.
	ConditionTrue ConditionStatus = "True"
	// ConditionFalse says that the condition does not hold.
	ConditionFalse ConditionStatus = "False"
	// ConditionUnknown says that it could not be found out.
	ConditionUnknown ConditionStatus = "Unknown"
)

// IssuerReference names the issuer that signs.
type IssuerReference struct {
	// Name of the issuer.
	Name string `json:"name"`

	// Kind of the issuer: Issuer (the default; it lives in the namespace of
	// the object that refers to it), ClusterIssuer, or the kind of an external
	// issuer.
	// +optional
	Kind string `json:"kind,omitempty"`

	// Group is the API group of the issuer. The default is cert-manager.io;
	// external issuers have a group of their own.
	// +optional
	Group string `json:"group,omitempty"`
}

// WithDefaults returns r with absent fields replaced by what they mean.
func (r IssuerReference) WithDefaults() IssuerReference {
	if r.Kind == "" {
		r.Kind = DefaultIssuerKind
	}
	if r.Group == "" {
		r.Group = DefaultIssuerGroup
	}
	return r
}

// Equal reports whether r and other mean the same issuer.
func (r IssuerReference) Equal(other IssuerReference) bool {
	return r.WithDefaults() == other.WithDefaults()
}

// LocalObjectReference names an object whose namespace is known from the
// context: that of the referring object, or the cluster resource namespace
// when a ClusterIssuer refers.
type LocalObjectReference struct {
	// Name of the object.
	Name string `json:"name"`
}

// SecretKeySelector names one entry of a Secret.
type SecretKeySelector struct {
	LocalObjectReference `json:",inline"`

	// Key is the entry of the Secret's data. Some fields have a default for it.
	// +optional
	Key string `json:"key,omitempty"`
}
