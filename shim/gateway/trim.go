package gateway

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// trim keeps of an object in the cache only what is read.
func trim(obj any) (any, error) {
	switch o := obj.(type) {
	case *gatewayv1.Gateway:
		o.ManagedFields = nil
		o.Spec = gatewayv1.GatewaySpec{Listeners: o.Spec.Listeners}
		o.Status = gatewayv1.GatewayStatus{}
	case *gatewayv1.ListenerSet:
		o.ManagedFields = nil
		o.Status = gatewayv1.ListenerSetStatus{}
	case *gatewayv1.HTTPRoute:
		return &gatewayv1.HTTPRoute{
			TypeMeta:   o.TypeMeta,
			ObjectMeta: small(&o.ObjectMeta),
			Spec: gatewayv1.HTTPRouteSpec{
				CommonRouteSpec: gatewayv1.CommonRouteSpec{ParentRefs: o.Spec.ParentRefs},
				Hostnames:       o.Spec.Hostnames,
			},
		}, nil
	case *metav1.PartialObjectMetadata:
		meta := small(&o.ObjectMeta)
		meta.Labels = o.Labels
		return &metav1.PartialObjectMetadata{TypeMeta: o.TypeMeta, ObjectMeta: meta}, nil
	}
	return obj, nil
}

// small is what is read of the metadata of what is no source.
func small(m *metav1.ObjectMeta) metav1.ObjectMeta {
	return metav1.ObjectMeta{
		Name: m.Name, Namespace: m.Namespace, UID: m.UID, ResourceVersion: m.ResourceVersion, Generation: m.Generation,
		CreationTimestamp: m.CreationTimestamp, DeletionTimestamp: m.DeletionTimestamp,
	}
}
