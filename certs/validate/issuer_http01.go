package validate

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	acmev1 "github.com/certwright/certwright/certs/acme/v1"
)

func http01(h *acmev1.ACMEChallengeSolverHTTP01, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	switch {
	case h.Ingress == nil && h.GatewayHTTPRoute == nil:
		errs = append(errs, field.Required(path, "no HTTP01 solver type configured; set ingress or gatewayHTTPRoute"))
	case h.Ingress != nil && h.GatewayHTTPRoute != nil:
		errs = append(errs, field.Forbidden(path, "may not have both ingress and gatewayHTTPRoute; make two solvers of it"))
	}
	if h.Ingress != nil {
		errs = append(errs, http01Ingress(h.Ingress, path.Child("ingress"))...)
	}
	if h.GatewayHTTPRoute != nil {
		errs = append(errs, http01Gateway(h.GatewayHTTPRoute, path.Child("gatewayHTTPRoute"))...)
	}
	return errs
}

func http01Ingress(ingress *acmev1.ACMEChallengeSolverHTTP01Ingress, path *field.Path) field.ErrorList {
	errs := serviceType(ingress.ServiceType, path)
	var ways int
	for _, set := range []bool{ingress.Class != nil, ingress.IngressClassName != nil, ingress.Name != ""} {
		if set {
			ways++
		}
	}
	if ways > 1 {
		errs = append(errs, field.Forbidden(path, "may have only one of class, ingressClassName and name; keep ingressClassName"))
	}
	if class := ingress.IngressClassName; class != nil && len(validation.IsDNS1123Subdomain(*class)) > 0 {
		errs = append(errs, field.Invalid(path.Child("ingressClassName"), *class, "is not the name of an IngressClass; "+subdomain+", or use class for the old annotation"))
	}
	return errs
}

func http01Gateway(gateway *acmev1.ACMEChallengeSolverHTTP01GatewayHTTPRoute, path *field.Path) field.ErrorList {
	errs := serviceType(gateway.ServiceType, path)
	for i, ref := range gateway.ParentRefs {
		path := path.Child("parentRefs").Index(i)
		// An absent kind means Gateway.
		if ref.Name == "" {
			errs = append(errs, field.Required(path.Child("name"), "name the Gateway that the HTTPRoute is attached to"))
		}
		if ref.Kind != nil && *ref.Kind == "" {
			errs = append(errs, field.Required(path.Child("kind"), "may not be empty; leave it out for Gateway"))
		}
	}
	return errs
}

func serviceType(t corev1.ServiceType, path *field.Path) field.ErrorList {
	switch t {
	case "", corev1.ServiceTypeClusterIP, corev1.ServiceTypeNodePort:
		return nil
	default:
		return field.ErrorList{field.Invalid(path.Child("serviceType"), string(t), "must be ClusterIP or NodePort; leave it out for the default")}
	}
}
