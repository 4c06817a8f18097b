package shim

import (
	"cmp"
	"fmt"

	"k8s.io/apimachinery/pkg/util/validation/field"

	cmmeta "github.com/certwright/certwright/certs/meta/v1"
	certsv1 "github.com/certwright/certwright/certs/v1"
)

// Annotations that name the issuer.
const (
	IssuerKey        = "cert-manager.io/issuer"
	ClusterIssuerKey = "cert-manager.io/cluster-issuer"
	IssuerKindKey    = certsv1.IssuerKindKey
	IssuerGroupKey   = certsv1.IssuerGroupKey
)

const noIssuer = "no issuer is named by " + IssuerKey + " or " + ClusterIssuerKey + ", and there is no default issuer"

// choice is the issuer of a Source. A found one comes from
// Options.DefaultIssuer, a fact about today and not a wish of the user.
type choice struct {
	ref   cmmeta.IssuerReference
	found bool
}

// NamesNoIssuer says whether the issuer of src is that of Options.DefaultIssuer,
// if there is one.
func NamesNoIssuer(src *Source) bool {
	return !src.annotated([]string{IssuerKey, ClusterIssuerKey, IssuerKindKey, IssuerGroupKey})
}

// chooseIssuer reads the issuer from the annotations of src, else from opts.
// unresolved says that asking again later may help.
func chooseIssuer(src *Source, opts *Options) (c choice, unresolved bool, problems field.ErrorList) {
	annotations := field.NewPath("metadata", "annotations")
	issuer, hasIssuer := src.Annotations[IssuerKey]
	cluster, hasCluster := src.Annotations[ClusterIssuerKey]
	kind, hasKind := src.Annotations[IssuerKindKey]
	group, hasGroup := src.Annotations[IssuerGroupKey]

	marked := opts.DefaultIssuer != nil && NamesNoIssuer(src)
	if marked {
		ref, err := opts.DefaultIssuer(src.Namespace)
		switch {
		case err != nil:
			return choice{}, true, field.ErrorList{field.Required(annotations, fmt.Sprintf("default issuer: %v", err))}
		case ref != nil && ref.Name != "":
			return choice{ref: ref.WithDefaults(), found: true}, false, nil
		}
	}

	ref := cmmeta.IssuerReference{
		Name:  opts.DefaultIssuerName,
		Kind:  cmp.Or(opts.DefaultIssuerKind, cmmeta.DefaultIssuerKind),
		Group: cmp.Or(opts.DefaultIssuerGroup, cmmeta.DefaultIssuerGroup),
	}
	if hasIssuer {
		ref.Name, ref.Kind = issuer, certsv1.IssuerKind
	}
	if hasCluster {
		// Whatever the default group is: the annotation says ClusterIssuer,
		// and that kind is ours.
		ref = cmmeta.IssuerReference{Name: cluster, Kind: certsv1.ClusterIssuerKind, Group: certsv1.GroupName}
	}
	if hasKind {
		ref.Kind = kind
	}
	if hasGroup {
		ref.Group = group
	}

	if ref.Name == "" {
		problems = append(problems, field.Required(annotations, noIssuer))
	}
	for _, other := range []struct {
		key     string
		present bool
	}{{IssuerKey, hasIssuer}, {IssuerGroupKey, hasGroup}, {IssuerKindKey, hasKind}} {
		if hasCluster && other.present {
			problems = append(problems, field.Forbidden(annotations.Key(other.key), fmt.Sprintf("%s and %s may not be set together", ClusterIssuerKey, other.key)))
		}
	}
	return choice{ref: ref.WithDefaults()}, ref.Name == "" && marked, problems
}
