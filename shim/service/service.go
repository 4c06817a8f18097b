// Package service keeps the Certificate of each annotated Service of type
// LoadBalancer in step with it: it says to package follow how Services are read
// and watched.
//
// Of a Service, only what is read is cached, and only of those of that type.
package service

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/fields"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/certwright/certwright/shim"
	"github.com/certwright/certwright/shim/follow"
)

// Name of the controller, as metrics and --controllers have it.
const Name = "service-shim"

var services = &follow.Kind[*corev1.Service]{
	Controller: Name,
	Name:       shim.ServiceKind,
	Manager:    shim.ServiceManager,
	New:        func() *corev1.Service { return &corev1.Service{} },
	NewList:    func() client.ObjectList { return &corev1.ServiceList{} },
	Secrets:    secrets,
	Source:     shim.FromService,
}

// Cached says what the cache of the manager that Add is given may leave out.
func Cached() cache.ByObject {
	return cache.ByObject{
		Field: fields.OneTermEqualSelector("spec.type", string(corev1.ServiceTypeLoadBalancer)),
		Transform: func(obj any) (any, error) {
			if svc, ok := obj.(*corev1.Service); ok {
				svc.ManagedFields = nil
				svc.Spec, svc.Status = corev1.ServiceSpec{Type: svc.Spec.Type}, corev1.ServiceStatus{}
			}
			return obj, nil
		},
	}
}

// Add starts the controller with mgr, whose cache has been indexed by
// follow.Index.
func Add(mgr manager.Manager, cfg follow.Config) error { return services.Add(mgr, cfg) }

func secrets(svc *corev1.Service) []string {
	if secret := svc.Annotations[shim.SecretNameKey]; secret != "" {
		return []string{secret}
	}
	return nil
}
