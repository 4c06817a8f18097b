package shim

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// HTTPRouteKind is the kind of route that names hosts.
const HTTPRouteKind = "HTTPRoute"

// maxRouteHostnames is how many hosts routes can name for one listener. Let's
// Encrypt takes no more in a certificate.
const maxRouteHostnames = 100

var tooManyRouteHostnames = fmt.Sprintf("HTTPRoutes name more than %d hosts for this listener; those of the newest routes are left out", maxRouteHostnames)

// Routes are what may name hosts for a listener that has no hostname. Whoever
// may attach a route to the listener has a say in its certificate, nobody else.
type Routes struct {
	// HTTPRoutes are all that have the object among their parents. Others do no
	// harm, nor does the order.
	HTTPRoutes []*gatewayv1.HTTPRoute
	// NamespaceLabels are those of the namespaces of HTTPRoutes. A namespace
	// that is not there is chosen by no selector.
	NamespaceLabels map[string]labels.Set
}

// WantsRoutes says whether listeners of an object without a hostname take those of
// HTTPRoutes.
func WantsRoutes(obj metav1.Object) bool { return isTrue(obj.GetAnnotations()[RouteHostnamesKey]) }

// hostnames are the names of the routes that are attached to a listener without
// a hostname: then every name of a route is one of the listener. The names of
// the oldest routes come first, and win if there are too many: nobody gets
// another's name off a certificate.
func (r *Routes) hostnames(src *Source, l *gatewayv1.Listener) (names []string, more bool) {
	for _, route := range oldestFirst(r.HTTPRoutes) {
		if route.DeletionTimestamp != nil || !r.attached(route, src, l) {
			continue
		}
		for _, name := range route.Spec.Hostnames {
			if certifiable(string(name)) {
				names = append(names, string(name))
			}
		}
	}
	names = unique(names)
	if len(names) > maxRouteHostnames {
		names, more = names[:maxRouteHostnames], true
	}
	return withoutCovered(names), more
}

func oldestFirst(routes []*gatewayv1.HTTPRoute) []*gatewayv1.HTTPRoute {
	return slices.SortedFunc(slices.Values(routes), func(a, b *gatewayv1.HTTPRoute) int {
		return cmp.Or(a.CreationTimestamp.Compare(b.CreationTimestamp.Time),
			strings.Compare(a.Namespace, b.Namespace), strings.Compare(a.Name, b.Name))
	})
}

// attached says whether route and listener want each other.
func (r *Routes) attached(route *gatewayv1.HTTPRoute, src *Source, l *gatewayv1.Listener) bool {
	return takesHTTPRoutes(l) && r.admits(l, src.Namespace, route.Namespace) &&
		slices.ContainsFunc(route.Spec.ParentRefs, func(ref gatewayv1.ParentReference) bool {
			kind, parent := RouteParent(route, ref)
			return kind == src.Kind && parent.Namespace == src.Namespace && parent.Name == src.Name &&
				(ref.SectionName == nil || *ref.SectionName == l.Name) &&
				(ref.Port == nil || *ref.Port == l.Port)
		})
}

// RouteParent is what a reference of route leads to; kind is empty if that is
// nothing of the Gateway API.
func RouteParent(route *gatewayv1.HTTPRoute, ref gatewayv1.ParentReference) (kind string, parent types.NamespacedName) {
	if ref.Group != nil && *ref.Group != gatewayv1.GroupName {
		return "", types.NamespacedName{}
	}
	kind, parent = GatewayKind, types.NamespacedName{Namespace: route.Namespace, Name: string(ref.Name)}
	if ref.Kind != nil {
		kind = string(*ref.Kind)
	}
	if ref.Namespace != nil {
		parent.Namespace = string(*ref.Namespace)
	}
	return kind, parent
}

// takesHTTPRoutes says whether the listener lets HTTPRoutes attach: those with
// HTTPS do if nothing is said.
func takesHTTPRoutes(l *gatewayv1.Listener) bool {
	if l.AllowedRoutes == nil || len(l.AllowedRoutes.Kinds) == 0 {
		return l.Protocol == gatewayv1.HTTPSProtocolType
	}
	return slices.ContainsFunc(l.AllowedRoutes.Kinds, func(k gatewayv1.RouteGroupKind) bool {
		return k.Kind == HTTPRouteKind && (k.Group == nil || *k.Group == gatewayv1.GroupName)
	})
}

// admits says whether the listener, whose object is in the namespace own, lets
// routes of a namespace attach.
func (r *Routes) admits(l *gatewayv1.Listener, own, namespace string) bool {
	from := gatewayv1.NamespacesFromSame
	var selector *metav1.LabelSelector
	if l.AllowedRoutes != nil && l.AllowedRoutes.Namespaces != nil {
		selector = l.AllowedRoutes.Namespaces.Selector
		if l.AllowedRoutes.Namespaces.From != nil {
			from = *l.AllowedRoutes.Namespaces.From
		}
	}
	switch from {
	case gatewayv1.NamespacesFromAll:
		return true
	case gatewayv1.NamespacesFromSame:
		return namespace == own
	case gatewayv1.NamespacesFromSelector:
		chosen, err := metav1.LabelSelectorAsSelector(selector) // nil chooses nothing
		has, known := r.NamespaceLabels[namespace]
		return err == nil && known && chosen.Matches(has)
	default:
		return false
	}
}

// certifiable says whether a CA can put the name of a route into a certificate.
// One that is not must not keep the others out.
func certifiable(name string) bool {
	if _, err := netip.ParseAddr(name); err == nil {
		return false
	}
	labels := strings.Split(strings.TrimPrefix(name, "*."), ".")
	return !slices.ContainsFunc(labels, func(label string) bool { return len(validation.IsDNS1123Label(label)) > 0 })
}

// withoutCovered drops the names that a wildcard among them stands for: CAs
// refuse such a pair.
func withoutCovered(names []string) []string {
	has := make(map[string]bool, len(names))
	for _, name := range names {
		has[name] = true
	}
	return slices.DeleteFunc(names, func(name string) bool {
		_, rest, below := strings.Cut(name, ".")
		return below && !strings.HasPrefix(name, "*.") && has["*."+rest]
	})
}
