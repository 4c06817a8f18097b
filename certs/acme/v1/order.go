package v1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	cmmeta "github.com/certwright/certwright/certs/meta/v1"
)

// State is the state of an order, an authorization or a challenge (RFC 8555
// section 7.1.6), or errored.
// +kubebuilder:validation:Enum=valid;ready;pending;processing;invalid;expired;errored
type State string

const (
	// Unknown says that the server was not asked yet.
	Unknown State = ""
	// Valid is the good end: the server is satisfied, or has issued.
	Valid State = "valid"
	// Ready says that an order can be finalized.
	Ready State = "ready"
	// Pending says that the server waits for us.
	Pending State = "pending"
	// Processing says that the server works.
	Processing State = "processing"
	// Invalid is a bad end: the server is not satisfied.
	Invalid State = "invalid"
	// Expired is a bad end: it took too long.
	Expired State = "expired"
	// Errored is a bad end: the server refused to answer as it should.
	Errored State = "errored"
)

// Failed reports whether s is a bad end.
func (s State) Failed() bool { return s == Invalid || s == Expired || s == Errored }

// Final reports whether s is an end, good or bad.
func (s State) Final() bool { return s == Valid || s.Failed() }

// Order is one order at an ACME server (RFC 8555 section 7.1.3). It is made
// for a CertificateRequest; do not make one yourself.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:metadata:labels=app.kubernetes.io/name=cert-manager;app.kubernetes.io/instance=cert-manager;app.kubernetes.io/component=crds
// +kubebuilder:resource:categories=cert-manager;cert-manager-acme
// +kubebuilder:selectablefield:JSONPath=`.spec.issuerRef.group`
// +kubebuilder:selectablefield:JSONPath=`.spec.issuerRef.kind`
// +kubebuilder:selectablefield:JSONPath=`.spec.issuerRef.name`
// +kubebuilder:printcolumn:name="State",type=string,JSONPath=`.status.state`
// +kubebuilder:printcolumn:name="Issuer",type=string,priority=1,JSONPath=`.spec.issuerRef.name`
// +kubebuilder:printcolumn:name="Reason",type=string,priority=1,JSONPath=`.status.reason`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`,description="When the object was created"
type Order struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// Spec is what is ordered.
	Spec OrderSpec `json:"spec"`

	// Status is how far the order is.
	// +optional
	Status OrderStatus `json:"status,omitempty,omitzero"`
}

// OrderList is a list of Orders.
//
// +kubebuilder:object:root=true
type OrderList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata"`

	// Items are the Orders.
	Items []Order `json:"items"`
}

// OrderSpec is what is ordered.
type OrderSpec struct {
	// Request is the certificate signing request: PKCS #10 as PEM or DER.
	Request []byte `json:"request"`

	// IssuerRef names the ACME issuer.
	IssuerRef cmmeta.IssuerReference `json:"issuerRef"`

	// CommonName of the request.
	// +optional
	CommonName string `json:"commonName,omitempty"`

	// DNSNames of the request.
	// +optional
	// +listType=atomic
	DNSNames []string `json:"dnsNames,omitempty"`

	// IPAddresses of the request.
	// +optional
	// +listType=atomic
	IPAddresses []string `json:"ipAddresses,omitempty"`

	// Duration is the requested lifetime, where the issuer passes it on.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Pattern=`^([-+]?(([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))+|[-+]?0)$`
	Duration *metav1.Duration `json:"duration,omitempty"`

	// Profile of the CA to order from.
	// +optional
	Profile string `json:"profile,omitempty"`

	// Replaces is the identifier of the certificate that this order renews
	// (RFC 9773 section 5).
	// +optional
	Replaces string `json:"replaces,omitempty"`
}

// OrderStatus is how far an order is.
type OrderStatus struct {
	// URL of the order at the server.
	// +optional
	URL string `json:"url,omitempty"`

	// FinalizeURL is where the certificate signing request is sent.
	// +optional
	FinalizeURL string `json:"finalizeURL,omitempty"`

	// Authorizations that the server wants.
	// +optional
	// +listType=atomic
	Authorizations []ACMEAuthorization `json:"authorizations,omitempty"`

	// Certificate is the issued chain as PEM, leaf first.
	// +optional
	Certificate []byte `json:"certificate,omitempty"`

	// State of the order.
	// +optional
	State State `json:"state,omitempty"`

	// Reason says in words why the order is in this state.
	// +optional
	Reason string `json:"reason,omitempty"`

	// FailureTime is when the order failed.
	// +optional
	FailureTime *metav1.Time `json:"failureTime,omitempty"`
}

// ACMEAuthorization is the server's wish to see control over one name proven
// (RFC 8555 section 7.1.4).
type ACMEAuthorization struct {
	// URL of the authorization.
	URL string `json:"url"`
	// Identifier is the name, without "*." for wildcards.
	// +optional
	Identifier string `json:"identifier,omitempty"`
	// Wildcard says that the authorization is for all names below.
	// +optional
	Wildcard *bool `json:"wildcard,omitempty"`
	// InitialState is the state in which the authorization was first seen. A
	// valid one needs no proof.
	// +optional
	InitialState State `json:"initialState,omitempty"`
	// Challenges that the server offers; one must be met.
	// +optional
	// +listType=atomic
	Challenges []ACMEChallenge `json:"challenges,omitempty"`
}

// ACMEChallenge is one offered way to prove control (RFC 8555 section 8).
type ACMEChallenge struct {
	// URL of the challenge.
	URL string `json:"url"`
	// Token of the challenge.
	Token string `json:"token"`
	// Type in the server's words, for example http-01.
	Type string `json:"type"`
}
