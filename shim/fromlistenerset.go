package shim

import (
	"maps"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// ListenerSetManager is the field manager of Certificates made for
// ListenerSets, and the component of the events.
const ListenerSetManager = "cert-manager-listenerset"

// ListenerSetKind is the Kind of a Source that is a ListenerSet.
const ListenerSetKind = "ListenerSet"

// ParentOf is the Gateway that a ListenerSet adds its listeners to.
func ParentOf(set *gatewayv1.ListenerSet) types.NamespacedName {
	ref := set.Spec.ParentRef
	parent := types.NamespacedName{Namespace: set.Namespace, Name: string(ref.Name)}
	if ref.Namespace != nil && *ref.Namespace != "" {
		parent.Namespace = string(*ref.Namespace)
	}
	return parent
}

// FromListenerSet reads a ListenerSet: one block for each listener. parent is
// its Gateway; nil: there is none, and the ListenerSet is left alone. routes
// are as in FromGateway.
func FromListenerSet(set *gatewayv1.ListenerSet, parent *gatewayv1.Gateway, routes *Routes, opts Options) *Source {
	src := &Source{
		TypeMeta:   metav1.TypeMeta{APIVersion: gatewayv1.GroupVersion.String(), Kind: ListenerSetKind},
		ObjectMeta: set.ObjectMeta,
		Manager:    ListenerSetManager,
	}
	if parent == nil || parent.DeletionTimestamp != nil {
		src.Dormant = true
		return src
	}
	src.Annotations = inheritIssuer(set.Annotations, parent.Annotations)
	src.ImpliedAnnotations = map[string]string{
		parentRefKindKey: ListenerSetKind,
		parentRefNameKey: set.Name,
	}
	if isTrue(set.Annotations[ParentFallbackKey]) {
		src.CertificateAnnotations = map[string]string{
			parentRefKindKey:      GatewayKind,
			parentRefNameKey:      parent.Name,
			parentRefNamespaceKey: parent.Namespace,
		}
	}
	listeners := make([]gatewayv1.Listener, 0, len(set.Spec.Listeners))
	for _, entry := range set.Spec.Listeners {
		listeners = append(listeners, gatewayv1.Listener(entry))
	}
	src.Blocks = listenerBlocks(src, listeners, routes, &opts)
	return src
}

// inheritIssuer has a ListenerSet that names no issuer take what its Gateway
// says about it: all of it, so that the parts fit.
func inheritIssuer(own, parents map[string]string) map[string]string {
	names := func(annotations map[string]string) bool {
		_, issuer := annotations[IssuerKey]
		_, cluster := annotations[ClusterIssuerKey]
		return issuer || cluster
	}
	if names(own) || !names(parents) {
		return own
	}
	merged := maps.Clone(own)
	if merged == nil {
		merged = make(map[string]string)
	}
	for _, key := range []string{IssuerKey, ClusterIssuerKey, IssuerKindKey, IssuerGroupKey} {
		if value, ok := parents[key]; ok {
			merged[key] = value
		} else {
			delete(merged, key)
		}
	}
	return merged
}
