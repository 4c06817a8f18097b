package v1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	cmmeta "github.com/certwright/certwright/certs/meta/v1"
)

// CertificateRequest hands one certificate signing request to an issuer. It is
// made for a Certificate, or by a user or another program, is never changed,
// and ends signed, failed or denied.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:metadata:labels=app.kubernetes.io/name=cert-manager;app.kubernetes.io/instance=cert-manager;app.kubernetes.io/component=crds
// +kubebuilder:resource:shortName=cr;crs,categories=cert-manager
// +kubebuilder:selectablefield:JSONPath=`.spec.issuerRef.group`
// +kubebuilder:selectablefield:JSONPath=`.spec.issuerRef.kind`
// +kubebuilder:selectablefield:JSONPath=`.spec.issuerRef.name`
// +kubebuilder:printcolumn:name="Approved",type=string,JSONPath=`.status.conditions[?(@.type == "Approved")].status`
// +kubebuilder:printcolumn:name="Denied",type=string,JSONPath=`.status.conditions[?(@.type == "Denied")].status`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type == "Ready")].status`
// +kubebuilder:printcolumn:name="Issuer",type=string,JSONPath=`.spec.issuerRef.name`
// +kubebuilder:printcolumn:name="Requester",type=string,JSONPath=`.spec.username`
// +kubebuilder:printcolumn:name="Status",type=string,priority=1,JSONPath=`.status.conditions[?(@.type == "Ready")].message`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`,description="When the object was created"
type CertificateRequest struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// Spec is what is asked of the issuer. It cannot be changed.
	// +optional
	Spec CertificateRequestSpec `json:"spec,omitempty"`

	// Status is the answer.
	// +optional
	Status CertificateRequestStatus `json:"status,omitempty,omitzero"`
}

// CertificateRequestList is a list of CertificateRequests.
//
// +kubebuilder:object:root=true
type CertificateRequestList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata"`

	// Items are the CertificateRequests.
	Items []CertificateRequest `json:"items"`
}

// CertificateRequestSpec is what is asked of an issuer.
type CertificateRequestSpec struct {
	// Duration is the requested lifetime. The default is 90 days.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Pattern=`^([-+]?(([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))+|[-+]?0)$`
	Duration *metav1.Duration `json:"duration,omitempty"`

	// IssuerRef names the Issuer or ClusterIssuer that signs.
	IssuerRef cmmeta.IssuerReference `json:"issuerRef"`

	// Request is the certificate signing request: PKCS #10 as PEM.
	Request []byte `json:"request"`

	// IsCA asks for a certificate that may sign others. It must agree with the
	// basic constraints of the request, if it has any.
	// +optional
	IsCA bool `json:"isCA,omitempty"`

	// Usages are the key usages and extended key usages. They must agree with
	// those in the request, if it has any. The default is "digital signature"
	// and "key encipherment".
	// +optional
	// +listType=atomic
	Usages []KeyUsage `json:"usages,omitempty"`

	// Username of whoever created the request. Filled in by the webhook.
	// +optional
	Username string `json:"username,omitempty"`

	// UID of whoever created the request. Filled in by the webhook.
	// +optional
	UID string `json:"uid,omitempty"`

	// Groups of whoever created the request. Filled in by the webhook.
	// +optional
	// +listType=atomic
	Groups []string `json:"groups,omitempty"`

	// Extra attributes of whoever created the request. Filled in by the
	// webhook.
	// +optional
	Extra map[string][]string `json:"extra,omitempty"`
}

// CertificateRequestStatus is an issuer's answer.
type CertificateRequestStatus struct {
	// Conditions are Approved or Denied, Ready, and InvalidRequest.
	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []CertificateRequestCondition `json:"conditions,omitempty"`

	// Certificate is the signed chain as PEM, leaf first.
	// +optional
	Certificate []byte `json:"certificate,omitempty"`

	// CA is the certificate of the CA as PEM, where the issuer knows it.
	// +optional
	CA []byte `json:"ca,omitempty"`

	// FailureTime is when the request failed or was denied.
	// +optional
	FailureTime *metav1.Time `json:"failureTime,omitempty"`
}

// CertificateRequestConditionType is the type of a CertificateRequest's
// condition.
type CertificateRequestConditionType string

const (
	// CertificateRequestConditionReady is True once the certificate is there.
	// Its reason is one of Pending, Issued, Failed and Denied.
	CertificateRequestConditionReady CertificateRequestConditionType = "Ready"
	// CertificateRequestConditionInvalidRequest says that the issuer found the
	// request itself to be wrong. Set by external issuers.
	CertificateRequestConditionInvalidRequest CertificateRequestConditionType = "InvalidRequest"
	// CertificateRequestConditionApproved says that the request may be signed.
	CertificateRequestConditionApproved CertificateRequestConditionType = "Approved"
	// CertificateRequestConditionDenied says that the request must not be signed.
	CertificateRequestConditionDenied CertificateRequestConditionType = "Denied"
)

// The reasons of a CertificateRequest's Ready condition. There are no others.
const (
	CertificateRequestReasonPending = "Pending"
	CertificateRequestReasonIssued  = "Issued"
	CertificateRequestReasonFailed  = "Failed"
	CertificateRequestReasonDenied  = "Denied"
)

// CertificateRequestCondition is one observation about a CertificateRequest.
type CertificateRequestCondition struct {
	// Type is Ready, Approved, Denied or InvalidRequest.
	Type CertificateRequestConditionType `json:"type"`
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
}
