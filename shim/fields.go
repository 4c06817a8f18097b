package shim

import (
	"net/netip"
	"reflect"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"github.com/certwright/certwright/certs"
	cmmeta "github.com/certwright/certwright/certs/meta/v1"
	certsv1 "github.com/certwright/certwright/certs/v1"
)

// A specField is one field of the spec that a Source may set. It is kept as
// the Source says if an annotation of the Source sets it, if we have set it
// before, or always.
//
// Being kept is narrow on purpose: what cert-manager wrote in older versions,
// and never compares, must not lead to new certificates when we take over.
type specField struct {
	path []string
	// always: an edit by hand is reverted.
	always bool
	// implicit: set in every Certificate, whether or not anybody asked.
	implicit bool
	// keys are annotations that set the field beside those of the rows.
	keys []string
	// moot says that the field has no effect in a spec.
	moot func(want map[string]any) bool
	// absent is what an absent field means. Nil: nothing.
	absent func(spec map[string]any) any
	// same compares two values that are there. Nil: they are equal.
	same func(a, b any) bool
}

// specFields is every field that we may set but secretTemplate, whose entries
// are fields of their own. It never changes.
var specFields = []specField{
	{path: []string{"secretName"}, always: true},
	{path: []string{"issuerRef", "name"}, always: true},
	{path: []string{"issuerRef", "kind"}, always: true, absent: means(cmmeta.DefaultIssuerKind)},
	{path: []string{"issuerRef", "group"}, implicit: true, keys: []string{IssuerGroupKey, ClusterIssuerKey}, absent: means(cmmeta.DefaultIssuerGroup)},
	{path: []string{"commonName"}, always: true},
	{path: []string{"dnsNames"}, always: true, same: sameOrder},
	{path: []string{"ipAddresses"}, same: sameIPs},
	{path: []string{"uris"}, same: sameSet},
	{path: []string{"emailAddresses"}, same: sameSet},
	{path: []string{"subject", "organizations"}},
	{path: []string{"subject", "organizationalUnits"}},
	{path: []string{"subject", "countries"}},
	{path: []string{"subject", "provinces"}},
	{path: []string{"subject", "localities"}},
	{path: []string{"subject", "postalCodes"}},
	{path: []string{"subject", "streetAddresses"}},
	{path: []string{"subject", "serialNumber"}},
	{path: []string{"duration"}, always: true, absent: means(certs.DefaultDuration.String())},
	{path: []string{"renewBefore"}, always: true},
	{path: []string{"renewBeforePercentage"}},
	{path: []string{"usages"}, implicit: true, absent: means(defaultUsages()), same: sameSet},
	{path: []string{"revisionHistoryLimit"}, always: true, absent: means(int64(1))},
	{path: []string{"privateKey", "algorithm"}, always: true, absent: means(string(certsv1.RSAKeyAlgorithm))},
	{path: []string{"privateKey", "encoding"}, always: true, absent: means(string(certsv1.PKCS1))},
	{path: []string{"privateKey", "size"}, always: true, absent: defaultSize, moot: isEd25519},
	{path: []string{"privateKey", "rotationPolicy"}, always: true, absent: means(string(certsv1.RotationPolicyAlways))},
}

// differs says whether have must be changed for want. asked says that an
// annotation sets the field: then it has to stand there, even where its value
// is the default.
func (f *specField) differs(want, have map[string]any, asked bool) bool {
	w, wanted := lookup(want, f.path)
	h, held := lookup(have, f.path)
	switch {
	case f.moot != nil && f.moot(want):
		return false
	case wanted && held:
	case !wanted && !held:
		return false
	case wanted && asked:
		return true
	case f.absent == nil:
		return true
	case wanted:
		h = f.absent(have)
	default:
		w = f.absent(want)
	}
	if f.same != nil {
		return !f.same(w, h)
	}
	return !reflect.DeepEqual(w, h)
}

func (f *specField) String() string { return "spec." + strings.Join(f.path, ".") }

// managed is the path of the field as managed fields spell it.
func (f *specField) managed() fieldpath.Path { return managedPath("spec", f.path...) }

func managedPath(first string, rest ...string) fieldpath.Path {
	path := fieldpath.Path{{FieldName: &first}}
	for i := range rest {
		path = append(path, fieldpath.PathElement{FieldName: &rest[i]})
	}
	return path
}

func means(value any) func(map[string]any) any {
	return func(map[string]any) any { return value }
}

// defaultSize is the size of a key that has only an algorithm.
func defaultSize(spec map[string]any) any {
	if keyAlgorithm(spec) == string(certsv1.ECDSAKeyAlgorithm) {
		return int64(256)
	}
	return int64(2048)
}

// isEd25519 says that the key has one size whatever is written.
func isEd25519(spec map[string]any) bool {
	return keyAlgorithm(spec) == string(certsv1.Ed25519KeyAlgorithm)
}

func keyAlgorithm(spec map[string]any) any {
	algorithm, _ := lookup(spec, []string{"privateKey", "algorithm"})
	return algorithm
}

func defaultUsages() []any {
	var usages []any
	for _, u := range certs.DefaultUsages() {
		usages = append(usages, string(u))
	}
	return usages
}

// specMap is the spec as it stands in JSON: only what is set.
func specMap(crt *certsv1.Certificate) map[string]any {
	m, err := runtime.DefaultUnstructuredConverter.ToUnstructured(&crt.Spec)
	if err != nil {
		panic("shim: a spec that is no JSON: " + err.Error()) // its types all are
	}
	return m
}

func lookup(m map[string]any, path []string) (any, bool) {
	for _, name := range path[:len(path)-1] {
		m, _ = m[name].(map[string]any)
	}
	value, ok := m[path[len(path)-1]]
	return value, ok
}

// sameOrder ignores repetitions only: upstream keeps them.
func sameOrder(a, b any) bool { return slices.Equal(unique(texts(a)), unique(texts(b))) }

// sameSet ignores order, as issuance does.
func sameSet(a, b any) bool { return slices.Equal(sorted(texts(a)), sorted(texts(b))) }

func sameIPs(a, b any) bool { return slices.Equal(sorted(canonical(a)), sorted(canonical(b))) }

func canonical(ips any) []string {
	list := texts(ips)
	for i, text := range list {
		if ip, err := netip.ParseAddr(text); err == nil {
			list[i] = ip.Unmap().String()
		}
	}
	return list
}

func sorted(list []string) []string {
	slices.Sort(list)
	return slices.Compact(list)
}

// texts is a new list of the strings in list.
func texts(list any) []string {
	values, _ := list.([]any)
	out := make([]string, 0, len(values))
	for _, value := range values {
		text, _ := value.(string)
		out = append(out, text)
	}
	return out
}
