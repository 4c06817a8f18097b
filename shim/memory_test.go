package shim_test

import (
	"encoding/json"
	"maps"
	"slices"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/managedfields"
	"k8s.io/apimachinery/pkg/util/managedfields/managedfieldstest"

	spec3 "k8s.io/kube-openapi/pkg/validation/spec"

	certsv1 "github.com/certwright/certwright/certs/v1"
	"github.com/certwright/certwright/shim"
	"github.com/certwright/certwright/test/schema"
)

// memory holds Certificates as an API server does: who set which field is kept
// by Kubernetes' own field manager.
type memory struct {
	t     *testing.T
	types managedfields.TypeConverter
	crts  map[string]managedfieldstest.TestFieldManager
	// manager is the field manager of whoever takes changes.
	manager string
}

func newMemory(t *testing.T) *memory {
	t.Helper()
	return &memory{t: t, types: knowledge(t), crts: make(map[string]managedfieldstest.TestFieldManager), manager: shim.IngressManager}
}

// knowledge is what an API server knows about Certificates from the CRD.
func knowledge(t *testing.T) managedfields.TypeConverter {
	t.Helper()
	crd, err := schema.CRD("certificates.cert-manager.io")
	if err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(crd.Spec.Versions[0].Schema.OpenAPIV3Schema)
	if err != nil {
		t.Fatal(err)
	}
	certificate := &spec3.Schema{}
	if err := json.Unmarshal(data, certificate); err != nil {
		t.Fatal(err)
	}
	certificate.Properties["metadata"] = *spec3.RefSchema("#/definitions/metadata")
	certificate.AddExtension("x-kubernetes-group-version-kind", []any{
		map[string]any{"group": certsv1.GroupName, "version": "v1", "kind": certsv1.CertificateKind},
	})
	schemas := map[string]*spec3.Schema{"certificate": certificate}
	schemas["metadata"] = &spec3.Schema{SchemaProps: spec3.SchemaProps{
		Type: []string{"object"},
		Properties: map[string]spec3.Schema{
			"name":              *spec3.StringProperty(),
			"namespace":         *spec3.StringProperty(),
			"labels":            *spec3.MapProperty(spec3.StringProperty()),
			"annotations":       *spec3.MapProperty(spec3.StringProperty()),
			"ownerReferences":   ownerReferences(),
			"managedFields":     *spec3.ArrayProperty(&spec3.Schema{}),
			"creationTimestamp": {},
		},
	}}
	converter, err := managedfields.NewTypeConverter(schemas, false)
	if err != nil {
		t.Fatal(err)
	}
	return converter
}

// ownerReferences is a list of objects that are told apart by uid and written
// whole.
func ownerReferences() spec3.Schema {
	owner := &spec3.Schema{SchemaProps: spec3.SchemaProps{Type: []string{"object"}, Properties: map[string]spec3.Schema{}}}
	for _, name := range []string{"apiVersion", "kind", "name", "uid"} {
		owner.Properties[name] = *spec3.StringProperty()
	}
	for _, name := range []string{"controller", "blockOwnerDeletion"} {
		owner.Properties[name] = *spec3.BoolProperty()
	}
	owner.AddExtension("x-kubernetes-map-type", "atomic")
	list := spec3.ArrayProperty(owner)
	list.AddExtension("x-kubernetes-list-type", "map")
	list.AddExtension("x-kubernetes-list-map-keys", []any{"uid"})
	return *list
}

// list is in the order of names.
func (m *memory) list() []*certsv1.Certificate {
	var all []*certsv1.Certificate
	for _, name := range slices.Sorted(maps.Keys(m.crts)) {
		all = append(all, m.get(name))
	}
	return all
}

func (m *memory) get(name string) *certsv1.Certificate {
	m.t.Helper()
	live, ok := m.crts[name].Live().(*unstructured.Unstructured)
	if !ok {
		m.t.Fatalf("Certificate %s is held as %T", name, m.crts[name].Live())
	}
	crt := &certsv1.Certificate{}
	m.must(runtime.DefaultUnstructuredConverter.FromUnstructured(live.Object, crt))
	return crt
}

func (m *memory) must(err error) {
	m.t.Helper()
	if err != nil {
		m.t.Fatal(err)
	}
}

// write is what a client does that writes whole objects.
func (m *memory) write(crt *certsv1.Certificate, manager string) {
	m.t.Helper()
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(crt)
	m.must(err)
	obj := &unstructured.Unstructured{Object: content}
	obj.SetGroupVersionKind(certsv1.GroupVersion.WithKind(certsv1.CertificateKind))
	if m.crts[crt.Name] == nil {
		m.crts[crt.Name] = managedfieldstest.NewTestFieldManager(m.types, obj.GroupVersionKind())
	}
	m.must(m.crts[crt.Name].Update(obj, manager))
}

// edit changes one Certificate as manager.
func (m *memory) edit(name, manager string, change func(*certsv1.Certificate)) {
	m.t.Helper()
	crt := m.get(name)
	change(crt)
	m.write(crt, manager)
}

// take makes changes.
func (m *memory) take(changes shim.Changes) {
	m.t.Helper()
	for _, crt := range changes.Create {
		m.write(crt, m.manager)
	}
	for _, u := range changes.Update {
		fields, changed, err := shim.Claim(u, m.manager)
		m.must(err)
		if changed {
			m.edit(u.Current.Name, m.manager, func(crt *certsv1.Certificate) { crt.ManagedFields = fields })
		}
		content, err := shim.ApplyMap(u.Desired)
		m.must(err)
		m.must(m.crts[u.Current.Name].Apply(&unstructured.Unstructured{Object: content}, m.manager, true))
	}
	for _, o := range changes.Own {
		m.edit(o.Current.Name, shim.IngressManager, func(crt *certsv1.Certificate) { crt.OwnerReferences = o.Owners })
	}
	for _, crt := range changes.Delete {
		delete(m.crts, crt.Name)
	}
}

// plan is what one pass over src would do.
func (m *memory) plan(src *shim.Source, opts shim.Options) (shim.Wanted, shim.Changes) {
	wanted := shim.Desired(src, opts)
	return wanted, shim.Plan(src, opts, wanted, m.list())
}

// without are the fields that a server adds.
func without(crt *certsv1.Certificate) *certsv1.Certificate {
	crt = crt.DeepCopy()
	crt.TypeMeta = metav1.TypeMeta{}
	crt.ManagedFields = nil
	return crt
}
