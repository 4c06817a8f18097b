package schema

import (
	"strings"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
)

// A Shape is what a CRD says beside its fields.
type Shape struct {
	Group, Kind, ListKind, Singular, Scope string
	ShortNames, Categories                 []string
	Versions                               []string // served and stored; another one is "v2 (not served)" …
	Subresources                           []string
	Selectable                             []string // the paths of field selectors
	Columns                                []string // "Name type path", "Name type wide path"
	Conversion                             string   // "" for none
}

// ShapeOf returns the shape of crd; what depends on the version is that of the
// first one.
func ShapeOf(crd *apiextensionsv1.CustomResourceDefinition) Shape {
	s := Shape{
		Group: crd.Spec.Group, Kind: crd.Spec.Names.Kind, ListKind: crd.Spec.Names.ListKind,
		Singular: crd.Spec.Names.Singular, Scope: string(crd.Spec.Scope),
		ShortNames: crd.Spec.Names.ShortNames, Categories: crd.Spec.Names.Categories,
	}
	if c := crd.Spec.Conversion; c != nil && c.Strategy != apiextensionsv1.NoneConverter {
		s.Conversion = string(c.Strategy)
	}
	for _, v := range crd.Spec.Versions {
		name := v.Name
		if !v.Served {
			name += " (not served)"
		}
		if !v.Storage {
			name += " (not stored)"
		}
		s.Versions = append(s.Versions, name)
	}
	v := crd.Spec.Versions[0]
	if sub := v.Subresources; sub != nil {
		if sub.Status != nil {
			s.Subresources = append(s.Subresources, "status")
		}
		if sub.Scale != nil {
			s.Subresources = append(s.Subresources, "scale")
		}
	}
	for _, f := range v.SelectableFields {
		s.Selectable = append(s.Selectable, f.JSONPath)
	}
	for _, c := range v.AdditionalPrinterColumns {
		said := []string{c.Name, c.Type}
		if c.Priority > 0 {
			said = append(said, "wide")
		}
		s.Columns = append(s.Columns, strings.Join(append(said, c.JSONPath), " "))
	}
	return s
}
