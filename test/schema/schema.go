// Package schema tells, in one line for each field, what a CRD promises, so
// that a test can put it beside the table that a specification has. Only tests
// import it.
package schema

import (
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/certwright/certwright/deploy"
)

// CRD returns the shipped CRD of a name such as "issuers.cert-manager.io".
func CRD(name string) (*apiextensionsv1.CustomResourceDefinition, error) {
	all, err := deploy.CRDs()
	if err != nil {
		return nil, err
	}
	for _, o := range all {
		if o.GetName() != name {
			continue
		}
		crd := &apiextensionsv1.CustomResourceDefinition{}
		if err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(o.Object, crd, true); err != nil {
			return nil, fmt.Errorf("read CRD %s: %w", name, err)
		}
		return crd, nil
	}
	return nil, fmt.Errorf("no CRD %s", name)
}

// Root returns the schema of the only version of crd.
func Root(crd *apiextensionsv1.CustomResourceDefinition) *apiextensionsv1.JSONSchemaProps {
	return crd.Spec.Versions[0].Schema.OpenAPIV3Schema
}

// Describe describes every field of spec and status by its path, such as
// "spec.renewal.windows[].cron"; see Field.String. It does not enter a field
// whose path skip accepts, but still describes it.
func Describe(root *apiextensionsv1.JSONSchemaProps, skip func(path string) bool) map[string]string {
	all := map[string]string{}
	for path, field := range Fields(root, skip) {
		all[path] = field.String()
	}
	return all
}

// Table reads lines of a path and a description, divided by spaces, as Describe
// returns them.
func Table(text string) map[string]string {
	all := map[string]string{}
	for line := range strings.Lines(text) {
		path, description, ok := strings.Cut(strings.TrimSpace(line), " ")
		if ok {
			all[path] = strings.TrimSpace(description)
		}
	}
	return all
}

// Fields walks over every field of spec and status by its path, in alphabetical
// order. It does not enter a field whose path skip accepts, but still yields it.
func Fields(root *apiextensionsv1.JSONSchemaProps, skip func(path string) bool) iter.Seq2[string, Field] {
	return func(yield func(string, Field) bool) {
		for _, name := range []string{"spec", "status"} {
			s, ok := root.Properties[name]
			if ok && !walk(name, Field{s, slices.Contains(root.Required, name)}, skip, yield) {
				return
			}
		}
	}
}

func walk(path string, f Field, skip func(string) bool, yield func(string, Field) bool) bool {
	if !yield(path, f) {
		return false
	}
	if skip != nil && skip(path) {
		return true
	}
	below, prefix := f.Schema, path+"."
	if s := f.Schema.Items; s != nil && s.Schema != nil {
		below, prefix = *s.Schema, path+"[]."
	}
	for _, name := range slices.Sorted(maps.Keys(below.Properties)) {
		if !walk(prefix+name, Field{below.Properties[name], slices.Contains(below.Required, name)}, skip, yield) {
			return false
		}
	}
	return true
}

// A Field is one property and whether the object that has it must have it.
type Field struct {
	Schema   apiextensionsv1.JSONSchemaProps
	Required bool
}

// String says what may be in the field: its type, then what restricts it, as in
// "string required enum(A,B) default(A)" or "[]object map(type)".
func (f Field) String() string {
	said := []string{typeOf(f.Schema)}
	if f.Required {
		said = append(said, "required")
	}
	switch list := f.Schema.XListType; {
	case list == nil && f.Schema.Type == "array":
		said = append(said, "atomic") // the API server's default
	case list != nil && *list == "map":
		said = append(said, "map("+strings.Join(f.Schema.XListMapKeys, ",")+")")
	case list != nil:
		said = append(said, *list)
	}
	if f.Schema.Type == "object" && f.Schema.XMapType != nil {
		said = append(said, *f.Schema.XMapType)
	}
	value := f.Schema
	if f.Schema.Items != nil && f.Schema.Items.Schema != nil {
		value = *f.Schema.Items.Schema
	}
	if len(value.Enum) > 0 {
		var values []string
		for _, e := range value.Enum {
			values = append(values, strings.Trim(string(e.Raw), `"`))
		}
		slices.Sort(values)
		said = append(said, "enum("+strings.Join(values, ",")+")")
	}
	for _, n := range []struct {
		name  string
		value *int64
	}{{"minLength", value.MinLength}, {"maxLength", value.MaxLength}, {"minItems", value.MinItems}, {"maxItems", value.MaxItems}} {
		if n.value != nil {
			said = append(said, fmt.Sprintf("%s(%d)", n.name, *n.value))
		}
	}
	if value.Minimum != nil {
		said = append(said, fmt.Sprintf("min(%v)", *value.Minimum))
	}
	if value.Maximum != nil {
		said = append(said, fmt.Sprintf("max(%v)", *value.Maximum))
	}
	if value.Pattern != "" {
		said = append(said, "pattern("+value.Pattern+")")
	}
	if f.Schema.Default != nil {
		said = append(said, "default("+strings.Trim(string(f.Schema.Default.Raw), `"`)+")")
	}
	for _, rule := range value.XValidations {
		said = append(said, "rule("+rule.Message+")")
	}
	if keep := value.XPreserveUnknownFields; keep != nil && *keep {
		said = append(said, "keeps-unknown")
	}
	return strings.Join(said, " ")
}

func typeOf(s apiextensionsv1.JSONSchemaProps) string {
	switch {
	case s.XIntOrString:
		return "int-or-string"
	case s.Type == "" && s.Ref == nil:
		return "any"
	case s.Type == "array" && s.Items != nil && s.Items.Schema != nil:
		return "[]" + typeOf(*s.Items.Schema)
	case s.Type == "object" && s.AdditionalProperties != nil && s.AdditionalProperties.Schema != nil:
		return "map[string]" + typeOf(*s.AdditionalProperties.Schema)
	case s.Format == "byte":
		return "bytes"
	case s.Format == "date-time":
		return "time"
	case s.Format == "int32" || s.Format == "int64":
		return s.Format
	default:
		return s.Type
	}
}
