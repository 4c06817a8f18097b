package lint

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/yaml"

	certsv1 "github.com/certwright/certwright/certs/v1"
	"github.com/certwright/certwright/deploy"
)

// schemas are the schemas of our kinds that have been needed, by kind. To read
// one takes longer than to judge a hundred objects by it.
type schemas map[string]*apiextensionsv1.JSONSchemaProps

// of returns the schema of a kind of ours.
func (s schemas) of(kind string) (*apiextensionsv1.JSONSchemaProps, error) {
	if known := s[kind]; known != nil {
		return known, nil
	}
	name := strings.ToLower(kind) + "s." + ownKinds[kind].group
	file, err := deploy.CRD(name)
	if err != nil {
		return nil, fmt.Errorf("schema of %s: %w", kind, err)
	}
	var crd apiextensionsv1.CustomResourceDefinition
	if err := yaml.Unmarshal(file, &crd); err != nil {
		return nil, fmt.Errorf("schema of %s: %w", kind, err)
	}
	schema := crd.Spec.Versions[0].Schema.OpenAPIV3Schema
	if kind == certsv1.CertificateKind {
		// Admission fills in both before the schema is asked, or refuses with
		// more to say.
		spec := schema.Properties["spec"]
		spec.Required = slices.DeleteFunc(spec.Required, func(name string) bool { return name == "secretName" || name == "issuerRef" })
		schema.Properties["spec"] = spec
	}
	s[kind] = schema
	return schema, nil
}

// offences returns what the API server refuses by a schema, as far as the types
// have not shown it. Rules in CEL are repeated in package validate.
func offences(value any, s *apiextensionsv1.JSONSchemaProps, path *field.Path) field.ErrorList {
	switch v := value.(type) {
	case map[string]any:
		return memberOffences(v, s, path)
	case []any:
		if s.Items == nil || s.Items.Schema == nil {
			return nil
		}
		var errs field.ErrorList
		for i := range v {
			errs = append(errs, offences(v[i], s.Items.Schema, path.Index(i))...)
		}
		return errs
	case string:
		return textOffences(v, s, path)
	case int64:
		return numberOffences(v, s, path)
	default:
		return nil
	}
}

func memberOffences(members map[string]any, s *apiextensionsv1.JSONSchemaProps, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for _, name := range s.Required {
		property := s.Properties[name]
		if members[name] == nil && property.Default == nil {
			errs = append(errs, field.Required(path.Child(name), firstSentence(property.Description)))
		}
	}
	for name, value := range members {
		if property, ok := s.Properties[name]; ok {
			errs = append(errs, offences(value, &property, path.Child(name))...)
		} else if s.AdditionalProperties != nil && s.AdditionalProperties.Schema != nil {
			errs = append(errs, offences(value, s.AdditionalProperties.Schema, path.Key(name))...)
		}
	}
	return errs
}

func textOffences(text string, s *apiextensionsv1.JSONSchemaProps, path *field.Path) field.ErrorList {
	length := int64(utf8.RuneCountInString(text))
	switch allowed := words(s.Enum); {
	case len(allowed) > 0 && !slices.Contains(allowed, text):
		return field.ErrorList{field.NotSupported(path, text, allowed)}
	case s.MinLength != nil && length < *s.MinLength:
		return field.ErrorList{field.Invalid(path, text, "must have at least "+count(int(*s.MinLength), "character"))}
	case s.MaxLength != nil && length > *s.MaxLength:
		return field.ErrorList{field.TooLong(path, text, int(*s.MaxLength))}
	case s.Pattern == "":
		return nil
	}
	if pattern, err := regexp.Compile(s.Pattern); err == nil && !pattern.MatchString(text) {
		return field.ErrorList{field.Invalid(path, text, "must match "+s.Pattern)}
	}
	return nil
}

// words returns the texts among the values of an enumeration.
func words(enum []apiextensionsv1.JSON) []string {
	var all []string
	for _, value := range enum {
		var word string
		if json.Unmarshal(value.Raw, &word) == nil {
			all = append(all, word)
		}
	}
	return all
}

func numberOffences(n int64, s *apiextensionsv1.JSONSchemaProps, path *field.Path) field.ErrorList {
	if s.Minimum != nil && float64(n) < *s.Minimum {
		return field.ErrorList{field.Invalid(path, n, fmt.Sprintf("must be at least %v", *s.Minimum))}
	}
	if s.Maximum != nil && float64(n) > *s.Maximum {
		return field.ErrorList{field.Invalid(path, n, fmt.Sprintf("must be at most %v", *s.Maximum))}
	}
	return nil
}

// firstSentence returns the first sentence of a description, on one line.
func firstSentence(description string) string {
	text := strings.Join(strings.Fields(description), " ")
	if end := strings.Index(text, ". "); end >= 0 {
		return text[:end]
	}
	return strings.TrimSuffix(text, ".")
}

// element is the end of the path of an element of a list.
var element = regexp.MustCompile(`\[\d+\]$`)

// besides returns the offences that rules have not told of: neither of the same
// field, nor of a field in it, nor of the list that it is in.
func besides(errs, offences field.ErrorList) field.ErrorList {
	return slices.DeleteFunc(slices.Clone(offences), func(offence *field.Error) bool {
		return slices.ContainsFunc(errs, func(told *field.Error) bool {
			// Some paths of the rules leave out the end of a name, as
			// cert-manager does.
			o, t := strings.ReplaceAll(offence.Field, "SecretRef", ""), strings.ReplaceAll(told.Field, "SecretRef", "")
			return o == t || strings.HasPrefix(t, o+".") || element.ReplaceAllLiteralString(o, "") == t
		})
	})
}
