package v1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	cmmeta "github.com/certwright/certwright/certs/meta/v1"
)

// ChallengeFinalizer keeps a Challenge until what was presented for it has been
// taken away again.
const ChallengeFinalizer = "acme.cert-manager.io/finalizer"

// LegacyChallengeFinalizer is the finalizer of old releases. It is recognised
// and replaced.
const LegacyChallengeFinalizer = "finalizer.acme.cert-manager.io"

// Challenge proves control over one name to an ACME server. It is made for an
// Order; do not make one yourself.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:metadata:labels=app.kubernetes.io/name=cert-manager;app.kubernetes.io/instance=cert-manager;app.kubernetes.io/component=crds
// +kubebuilder:resource:categories=cert-manager;cert-manager-acme
// +kubebuilder:selectablefield:JSONPath=`.spec.issuerRef.group`
// +kubebuilder:selectablefield:JSONPath=`.spec.issuerRef.kind`
// +kubebuilder:selectablefield:JSONPath=`.spec.issuerRef.name`
// +kubebuilder:printcolumn:name="State",type=string,JSONPath=`.status.state`
// +kubebuilder:printcolumn:name="Domain",type=string,JSONPath=`.spec.dnsName`
// +kubebuilder:printcolumn:name="Reason",type=string,priority=1,JSONPath=`.status.reason`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`,description="When the object was created"
type Challenge struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// Spec is what has to be proven, and how.
	Spec ChallengeSpec `json:"spec"`

	// Status is how far the proof is.
	// +optional
	Status ChallengeStatus `json:"status,omitempty,omitzero"`
}

// ChallengeList is a list of Challenges.
//
// +kubebuilder:object:root=true
type ChallengeList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata"`

	// Items are the Challenges.
	Items []Challenge `json:"items"`
}

// ChallengeSpec is what has to be proven, and how. It cannot be changed.
type ChallengeSpec struct {
	// URL of the challenge.
	URL string `json:"url"`

	// AuthorizationURL of the authorization that the challenge belongs to.
	AuthorizationURL string `json:"authorizationURL"`

	// DNSName is the name, without "*." for wildcards, or an IP address.
	DNSName string `json:"dnsName"`

	// Wildcard says that the proof is for all names below dnsName.
	// +optional
	Wildcard bool `json:"wildcard"`

	// Type is HTTP-01 or DNS-01.
	Type ACMEChallengeType `json:"type"`

	// Token of the challenge.
	Token string `json:"token"`

	// Key is what has to be shown: the key authorization for HTTP-01, the
	// value of the TXT record for DNS-01.
	Key string `json:"key"`

	// Solver as it was chosen. For information: the solver is derived anew
	// from the issuer.
	Solver ACMEChallengeSolver `json:"solver"`

	// IssuerRef names the ACME issuer.
	IssuerRef cmmeta.IssuerReference `json:"issuerRef"`
}

// ChallengeStatus is how far a proof is.
type ChallengeStatus struct {
	// Processing says that the Challenge has been started.
	// +optional
	Processing bool `json:"processing"`

	// Presented says that the answer is in place.
	// +optional
	Presented bool `json:"presented"`

	// PresentedAt is when the answer was first put in place.
	// +optional
	PresentedAt *metav1.Time `json:"presentedAt,omitempty"`

	// Reason says in words why the Challenge is in this state.
	// +optional
	Reason string `json:"reason,omitempty"`

	// State of the challenge.
	// +optional
	State State `json:"state,omitempty"`
}
