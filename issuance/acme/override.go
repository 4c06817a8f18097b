package acme

import (
	"errors"
	"slices"

	"k8s.io/utils/ptr"

	acmev1 "github.com/certwright/certwright/certs/acme/v1"
)

// Annotations of a Certificate that adapt the solver; they reach the Order by
// way of the CertificateRequest.
const (
	OverrideIngressNameKey      = "acme.cert-manager.io/http01-override-ingress-name"
	OverrideIngressClassKey     = "acme.cert-manager.io/http01-override-ingress-class"
	OverrideIngressClassNameKey = "acme.cert-manager.io/http01-override-ingress-ingressclassname"
	ParentRefKindKey            = "acme.cert-manager.io/http01-parentrefkind"
	ParentRefNameKey            = "acme.cert-manager.io/http01-parentrefname"
	ParentRefNamespaceKey       = "acme.cert-manager.io/http01-parentrefnamespace"
)

// Sentences that users search for.
var (
	errTwoOverrides = errors.New("may not specify more than one of: name, class, ingressClassName override annotations")
	errHalfParent   = errors.New("must specify both " + ParentRefKindKey + " and " + ParentRefNameKey + ", or neither")
	errNoParent     = errors.New("must specify parentRefs either through annotations or solver config")
)

// override applies w's annotations to solver, which it changes.
func override(solver *acmev1.ACMEChallengeSolver, w Wish) error {
	if solver.HTTP01 == nil {
		return nil
	}
	if in := solver.HTTP01.Ingress; in != nil {
		return overrideIngress(in, w.Annotations)
	}
	if route := solver.HTTP01.GatewayHTTPRoute; route != nil {
		return overrideRoute(route, w)
	}
	return nil
}

func overrideIngress(in *acmev1.ACMEChallengeSolverHTTP01Ingress, annotations map[string]string) error {
	name, class, className := annotations[OverrideIngressNameKey], annotations[OverrideIngressClassKey], annotations[OverrideIngressClassNameKey]
	set := 0
	for _, v := range []string{name, class, className} {
		if v != "" {
			set++
		}
	}
	switch {
	case set == 0:
		return nil
	case set > 1:
		return errTwoOverrides
	}
	in.Name, in.Class, in.IngressClassName = name, nil, nil
	if class != "" {
		in.Class = ptr.To(class)
	}
	if className != "" {
		in.IngressClassName = ptr.To(className)
	}
	return nil
}

func overrideRoute(route *acmev1.ACMEChallengeSolverHTTP01GatewayHTTPRoute, w Wish) error {
	kind, name := w.Annotations[ParentRefKindKey], w.Annotations[ParentRefNameKey]
	if (kind == "") != (name == "") {
		return errHalfParent
	}
	if name != "" {
		namespace := w.Annotations[ParentRefNamespaceKey]
		if namespace == "" {
			namespace = w.Namespace
		}
		route.ParentRefs = slices.DeleteFunc(route.ParentRefs, func(p acmev1.ParentReference) bool {
			return p.Name == name && ptr.Deref(p.Namespace, w.Namespace) == namespace && (p.Kind == nil || *p.Kind == kind)
		})
		route.ParentRefs = append(route.ParentRefs, acmev1.ParentReference{
			Kind: ptr.To(kind), Name: name, Namespace: ptr.To(namespace),
			Group: ptr.To("gateway.networking.k8s.io"),
		})
	}
	if len(route.ParentRefs) == 0 {
		return errNoParent
	}
	return nil
}
