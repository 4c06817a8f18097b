package v1

import (
	corev1 "k8s.io/api/core/v1"
)

// ACMEChallengeSolverHTTP01 proves control by answering over HTTP. Exactly one
// field is set.
type ACMEChallengeSolverHTTP01 struct {
	// Ingress routes the challenge by an Ingress.
	// +optional
	Ingress *ACMEChallengeSolverHTTP01Ingress `json:"ingress,omitempty"`

	// GatewayHTTPRoute routes the challenge by an HTTPRoute of the Gateway API.
	// +optional
	GatewayHTTPRoute *ACMEChallengeSolverHTTP01GatewayHTTPRoute `json:"gatewayHTTPRoute,omitempty"`
}

// ACMEChallengeSolverHTTP01Ingress routes a challenge by an Ingress. At most
// one of class, ingressClassName and name is set.
type ACMEChallengeSolverHTTP01Ingress struct {
	// ServiceType of the Service behind the Ingress: ClusterIP or NodePort.
	// +optional
	ServiceType corev1.ServiceType `json:"serviceType,omitempty"`

	// IngressClassName is the spec.ingressClassName of the Ingress.
	// +optional
	IngressClassName *string `json:"ingressClassName,omitempty"`

	// Class is the value of the annotation kubernetes.io/ingress.class of the
	// Ingress. Prefer ingressClassName.
	// +optional
	Class *string `json:"class,omitempty"`

	// Name of an existing Ingress that the challenge's path is added to.
	// +optional
	Name string `json:"name,omitempty"`

	// PodTemplate adapts the solver's Pod, in the mode that uses one.
	// +optional
	PodTemplate *ACMEChallengeSolverHTTP01PodTemplate `json:"podTemplate,omitempty"`

	// IngressTemplate adapts the Ingress.
	// +optional
	IngressTemplate *ACMEChallengeSolverHTTP01IngressTemplate `json:"ingressTemplate,omitempty"`
}

// ACMEChallengeSolverHTTP01GatewayHTTPRoute routes a challenge by an HTTPRoute.
type ACMEChallengeSolverHTTP01GatewayHTTPRoute struct {
	// ServiceType of the Service behind the HTTPRoute: ClusterIP or NodePort.
	// +optional
	ServiceType corev1.ServiceType `json:"serviceType,omitempty"`

	// Labels of the HTTPRoute.
	// +optional
	Labels map[string]string `json:"labels,omitempty"`

	// ParentRefs are the Gateways that the HTTPRoute is attached to. May be
	// empty where annotations of the Certificate name them.
	// +optional
	// +listType=atomic
	ParentRefs []ParentReference `json:"parentRefs,omitempty"`

	// PodTemplate adapts the solver's Pod, in the mode that uses one.
	// +optional
	PodTemplate *ACMEChallengeSolverHTTP01PodTemplate `json:"podTemplate,omitempty"`
}

// ParentReference names what an HTTPRoute is attached to, in the form of the
// Gateway API.
type ParentReference struct {
	// Group of the parent. The default is gateway.networking.k8s.io.
	// +optional
	// +kubebuilder:default=gateway.networking.k8s.io
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^$|^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`
	Group *string `json:"group,omitempty"`
	// Kind of the parent. The default is Gateway.
	// +optional
	// +kubebuilder:default=Gateway
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-zA-Z]([-a-zA-Z0-9]*[a-zA-Z0-9])?$`
	Kind *string `json:"kind,omitempty"`
	// Namespace of the parent. The default is that of the HTTPRoute.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	Namespace *string `json:"namespace,omitempty"`
	// Name of the parent.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name"`
	// SectionName is one listener of the parent.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`
	SectionName *string `json:"sectionName,omitempty"`
	// Port is one port of the parent.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	Port *int32 `json:"port,omitempty"`
}

// ACMEChallengeSolverHTTP01PodTemplate adapts a solver's Pod.
type ACMEChallengeSolverHTTP01PodTemplate struct {
	// Metadata holds labels and annotations.
	// +optional
	ACMEChallengeSolverHTTP01ObjectMeta `json:"metadata,omitempty,omitzero"`
	// Spec holds what may be adapted.
	// +optional
	Spec ACMEChallengeSolverHTTP01PodSpec `json:"spec,omitempty,omitzero"`
}

// ACMEChallengeSolverHTTP01IngressTemplate adapts a solver's Ingress.
type ACMEChallengeSolverHTTP01IngressTemplate struct {
	// Metadata holds labels and annotations.
	// +optional
	ACMEChallengeSolverHTTP01ObjectMeta `json:"metadata,omitempty,omitzero"`
}

// ACMEChallengeSolverHTTP01ObjectMeta holds labels and annotations.
type ACMEChallengeSolverHTTP01ObjectMeta struct {
	// Annotations to add.
	// +optional
	Annotations map[string]string `json:"annotations,omitempty"`
	// Labels to add.
	// +optional
	Labels map[string]string `json:"labels,omitempty"`
}

// ACMEChallengeSolverHTTP01PodSpec is what of a solver's Pod may be adapted.
type ACMEChallengeSolverHTTP01PodSpec struct {
	// NodeSelector is merged into that of the Pod.
	// +optional
	NodeSelector map[string]string `json:"nodeSelector,omitempty"`
	// Affinity of the Pod.
	// +optional
	Affinity *corev1.Affinity `json:"affinity,omitempty"`
	// Tolerations are added to those of the Pod.
	// +optional
	// +listType=atomic
	Tolerations []corev1.Toleration `json:"tolerations,omitempty"`
	// PriorityClassName of the Pod.
	// +optional
	PriorityClassName string `json:"priorityClassName,omitempty"`
	// ServiceAccountName of the Pod.
	// +optional
	ServiceAccountName string `json:"serviceAccountName,omitempty"`
	// ImagePullSecrets are added to those of the Pod.
	// +optional
	// +patchMergeKey=name
	// +patchStrategy=merge
	// +listType=map
	// +listMapKey=name
	ImagePullSecrets []corev1.LocalObjectReference `json:"imagePullSecrets,omitempty"`
	// SecurityContext replaces that of the Pod.
	// +optional
	SecurityContext *ACMEChallengeSolverHTTP01PodSecurityContext `json:"securityContext,omitempty"`
	// Resources of the solver's container.
	// +optional
	Resources *ACMEChallengeSolverHTTP01PodResources `json:"resources,omitempty"`
}

// ACMEChallengeSolverHTTP01PodResources are the resources of a solver's
// container.
type ACMEChallengeSolverHTTP01PodResources struct {
	// Limits on resources.
	// +optional
	Limits corev1.ResourceList `json:"limits,omitempty"`
	// Requests for resources.
	// +optional
	Requests corev1.ResourceList `json:"requests,omitempty"`
}

// ACMEChallengeSolverHTTP01PodSecurityContext is the security context of a
// solver's Pod.
type ACMEChallengeSolverHTTP01PodSecurityContext struct {
	// SELinuxOptions of all containers.
	// +optional
	SELinuxOptions *corev1.SELinuxOptions `json:"seLinuxOptions,omitempty"`
	// RunAsUser is the user ID of the process.
	// +optional
	RunAsUser *int64 `json:"runAsUser,omitempty"`
	// RunAsGroup is the group ID of the process.
	// +optional
	RunAsGroup *int64 `json:"runAsGroup,omitempty"`
	// RunAsNonRoot refuses to run as root.
	// +optional
	RunAsNonRoot *bool `json:"runAsNonRoot,omitempty"`
	// SupplementalGroups of the process.
	// +optional
	// +listType=atomic
	SupplementalGroups []int64 `json:"supplementalGroups,omitempty"`
	// FSGroup owns the volumes.
	// +optional
	FSGroup *int64 `json:"fsGroup,omitempty"`
	// Sysctls of the Pod.
	// +optional
	// +listType=atomic
	Sysctls []corev1.Sysctl `json:"sysctls,omitempty"`
	// FSGroupChangePolicy says when the ownership of volumes is changed.
	// +optional
	FSGroupChangePolicy *corev1.PodFSGroupChangePolicy `json:"fsGroupChangePolicy,omitempty"`
	// SeccompProfile of all containers.
	// +optional
	SeccompProfile *corev1.SeccompProfile `json:"seccompProfile,omitempty"`
}
