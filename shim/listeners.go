package shim

import (
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// listenerBlocks has one block for each listener of src. A listener that does
// not terminate TLS, or that the user wants ignored, still mentions its
// Secrets.
func listenerBlocks(src *Source, listeners []gatewayv1.Listener, routes *Routes, opts *Options) []Block {
	ignored := ignoredListeners(src)
	blocks := make([]Block, 0, len(listeners))
	for i := range listeners {
		l := &listeners[i]
		block := Block{Path: field.NewPath("spec", "listeners").Index(i)}
		if l.TLS != nil {
			for j, ref := range l.TLS.CertificateRefs {
				block.Secrets = append(block.Secrets, Name{Value: string(ref.Name), Path: refPath(block.Path.Child("tls"), j).Child("name")})
			}
		}
		if !opts.terminatesTLS(l) || ignored[string(l.Name)] {
			block.Ignored = true
		} else {
			block.nameHosts(src, l, routes)
			block.Problems = append(block.Problems, tlsProblems(src, l, block.Path.Child("tls"))...)
		}
		blocks = append(blocks, block)
	}
	return blocks
}

// terminatesTLS says whether a listener needs a certificate.
func (o *Options) terminatesTLS(l *gatewayv1.Listener) bool {
	if l.TLS != nil && l.TLS.Mode != nil && *l.TLS.Mode == gatewayv1.TLSModePassthrough {
		return false
	}
	return l.Protocol == gatewayv1.HTTPSProtocolType || l.Protocol == gatewayv1.TLSProtocolType ||
		slices.Contains(o.ListenerProtocols, string(l.Protocol))
}

func ignoredListeners(src *Source) map[string]bool {
	ignored := make(map[string]bool)
	for _, name := range strings.Split(src.Annotations[IgnoreListenersKey], ",") {
		ignored[strings.TrimSpace(name)] = true
	}
	return ignored
}

// nameHosts fills in the hosts of the listener: its own hostname or, if the
// user asks for it, those of the routes.
func (b *Block) nameHosts(src *Source, l *gatewayv1.Listener, routes *Routes) {
	at := b.Path.Child("hostname")
	if l.Hostname != nil && *l.Hostname != "" {
		b.Hosts = []Name{{Value: string(*l.Hostname), Path: at}}
		return
	}
	missing := "the hostname cannot be empty"
	if WantsRoutes(src) {
		if routes == nil {
			src.Dormant = true
			return
		}
		names, more := routes.hostnames(src, l)
		for _, name := range names {
			b.Hosts = append(b.Hosts, Name{Value: name, Path: at})
		}
		if more {
			b.Doubts = append(b.Doubts, field.Forbidden(at, tooManyRouteHostnames))
		}
		missing += ": no HTTPRoute that is attached to this listener has one"
	}
	if len(b.Hosts) == 0 {
		b.Problems = append(b.Problems, field.Required(at, missing))
	}
}

// tlsProblems say why a listener gets no certificate. Group, kind and mode have
// defaults in the CRDs; absent ones of a reference mean those.
func tlsProblems(src *Source, l *gatewayv1.Listener, path *field.Path) field.ErrorList {
	if l.TLS == nil {
		return field.ErrorList{field.Required(path, "the listener says nothing about its certificate")}
	}
	var errs field.ErrorList
	if len(l.TLS.CertificateRefs) == 0 {
		errs = append(errs, field.Required(path.Child("certificateRef"), "listener has no certificateRefs"))
	}
	for i, ref := range l.TLS.CertificateRefs {
		at := refPath(path, i)
		if ref.Group != nil && *ref.Group != "" && *ref.Group != "core" {
			errs = append(errs, field.NotSupported(at.Child("group"), *ref.Group, []string{"", "core"}))
		}
		if ref.Kind != nil && *ref.Kind != "" && *ref.Kind != "Secret" {
			errs = append(errs, field.NotSupported(at.Child("kind"), *ref.Kind, []string{"", "Secret"}))
		}
		if ref.Namespace != nil && string(*ref.Namespace) != src.Namespace {
			errs = append(errs, field.Invalid(at.Child("namespace"), string(*ref.Namespace),
				"a certificate is made in the namespace of the listener only"))
		}
	}
	switch {
	case l.TLS.Mode == nil:
		errs = append(errs, field.Required(path.Child("mode"), ""))
	case *l.TLS.Mode != gatewayv1.TLSModeTerminate:
		errs = append(errs, field.NotSupported(path.Child("mode"), *l.TLS.Mode, []gatewayv1.TLSModeType{gatewayv1.TLSModeTerminate}))
	}
	return errs
}

// refPath is where events find a reference. It is one letter short of the field,
// as in cert-manager, whose events users' alerts look at.
func refPath(tls *field.Path, i int) *field.Path { return tls.Child("certificateRef").Index(i) }

// isTrue reads the value of an annotation that switches something on.
func isTrue(value string) bool {
	yes, err := strconv.ParseBool(value)
	return err == nil && yes
}
