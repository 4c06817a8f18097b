package shim

import (
	"slices"
	"strings"

	cmmeta "github.com/certwright/certwright/certs/meta/v1"
)

// Options say how annotations are read. The flag that sets a field is named
// beside it.
type Options struct {
	// DefaultIssuerName, Kind and Group name the issuer of objects that name
	// none: --default-issuer-name, --default-issuer-kind, --default-issuer-group.
	DefaultIssuerName  string
	DefaultIssuerKind  string
	DefaultIssuerGroup string
	// DefaultIssuer finds the issuer of a namespace for objects that name none:
	// the one that is marked as the default. It comes before DefaultIssuerName,
	// which counts where it finds none (nil, nil). Only new Certificates follow
	// it: one that exists keeps its issuer.
	DefaultIssuer func(namespace string) (*cmmeta.IssuerReference, error)
	// IngressClasses are the classes of the Ingresses that are read, by
	// spec.ingressClassName or the annotation that it replaced:
	// --ingress-class. Empty: all Ingresses, with and without a class.
	IngressClasses []string
	// AutoAnnotations are the annotations of an Ingress that, when true, ask
	// for certificates: --auto-certificate-annotations.
	AutoAnnotations []string
	// ExtraAnnotations are copied to the Certificates:
	// --extra-certificate-annotations.
	ExtraAnnotations []string
	// ExcludedLabelPrefixes are the labels that are not copied to the
	// Certificates: --shim-excluded-label-prefixes.
	ExcludedLabelPrefixes []string
	// ListenerProtocols are the protocols of listeners that terminate TLS,
	// beside HTTPS and TLS: --gateway-api-extra-protocols.
	ListenerProtocols []string
}

// DefaultOptions are the options without any flag.
func DefaultOptions() Options {
	return Options{
		DefaultIssuerKind:  cmmeta.DefaultIssuerKind,
		DefaultIssuerGroup: cmmeta.DefaultIssuerGroup,
		AutoAnnotations:    []string{TLSACMEKey},
	}
}

// applySetPartOf ties an object to an ApplySet. A copy of it would make
// kubectl prune the Certificate.
const applySetPartOf = "applyset.kubernetes.io/part-of"

// Reads says whether src is of a class that is read.
func (o *Options) Reads(src *Source) bool {
	return len(o.IngressClasses) == 0 || src.Kind != IngressKind || slices.Contains(o.IngressClasses, src.Class)
}

// copiesLabel says whether the label key of a Source belongs on Certificates.
func (o *Options) copiesLabel(key string) bool {
	return key != applySetPartOf && !slices.ContainsFunc(o.ExcludedLabelPrefixes, func(prefix string) bool {
		return strings.HasPrefix(key, prefix)
	})
}
