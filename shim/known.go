package shim

import (
	"maps"
	"slices"
	"strings"

	"github.com/certwright/certwright/certs/spelling"
	certsv1 "github.com/certwright/certwright/certs/v1"
)

// formerDomain is what annotations began with before cert-manager 0.11.
const formerDomain = "certmanager.k8s.io"

// ownDomains are the domains whose annotations are ours to know. Domains below
// them belong to other projects.
var ownDomains = []string{certsv1.GroupName, "acme." + certsv1.GroupName, "certwright.dev"}

// certificateAnnotations are read on Certificates.
var certificateAnnotations = []string{
	certsv1.IssueTemporaryCertificateKey,
	OverrideIngressNameKey, OverrideIngressClassKey, OverrideIngressClassNameKey,
	parentRefKindKey, parentRefNameKey, parentRefNamespaceKey,
}

// knownAnnotations are the annotations that mean something on an object of a
// kind; nil for a kind that we do not read.
func knownAnnotations(kind string, opts Options) []string {
	switch kind {
	case certsv1.CertificateKind:
		return certificateAnnotations
	case IngressKind:
		known := []string{IssuerKey, ClusterIssuerKey, IssuerKindKey, IssuerGroupKey, TLSKey, RuleHostsKey}
		for _, r := range rows {
			known = append(known, r.key)
		}
		return append(append(known, opts.AutoAnnotations...), opts.ExtraAnnotations...)
	case ServiceKind:
		known := []string{IssuerKey, ClusterIssuerKey, IssuerKindKey, IssuerGroupKey, SecretNameKey}
		for _, r := range rows {
			if r.key != HTTP01EditInPlaceKey {
				known = append(known, r.key)
			}
		}
		return append(known, opts.ExtraAnnotations...)
	case GatewayKind:
		opts.AutoAnnotations = nil // are read on Ingresses only
		own := slices.DeleteFunc(knownAnnotations(IngressKind, opts), func(key string) bool { return key == RuleHostsKey })
		return append(own, IgnoreListenersKey, RouteHostnamesKey)
	case ListenerSetKind:
		return append(knownAnnotations(GatewayKind, opts), ParentFallbackKey)
	default:
		return nil
	}
}

// An UnknownAnnotation has a key of ours that nobody reads.
type UnknownAnnotation struct {
	Key string
	// Nearest is the key that it was most likely meant to be; empty if there is
	// none.
	Nearest string
}

// UnknownAnnotations returns, in order, the annotations of an object of a kind,
// an Ingress or a Certificate, that look like ours but mean nothing there.
func UnknownAnnotations(kind string, annotations map[string]string, opts Options) []UnknownAnnotation {
	var unknown []UnknownAnnotation
	known := knownAnnotations(kind, opts)
	for _, key := range slices.Sorted(maps.Keys(annotations)) {
		domain, name, _ := strings.Cut(key, "/")
		if slices.Contains(known, key) || (domain != formerDomain && !slices.Contains(ownDomains, domain)) {
			continue
		}
		unknown = append(unknown, UnknownAnnotation{Key: key, Nearest: nearestAnnotation(name, known)})
	}
	return unknown
}

// nearestAnnotation compares names alone: the domain may be what is wrong.
func nearestAnnotation(name string, known []string) string {
	var names []string
	byName := make(map[string]string)
	for _, key := range known {
		_, n, _ := strings.Cut(key, "/")
		if _, twice := byName[n]; !twice {
			byName[n] = key
			names = append(names, n)
		}
	}
	return byName[spelling.Nearest(name, names)]
}
