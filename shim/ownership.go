package shim

import (
	"fmt"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/client-go/util/csaupgrade"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	certsv1 "github.com/certwright/certwright/certs/v1"
)

// fieldsOf knows which fields of a Certificate its manager has set. It looks
// only when it is asked: most comparisons end before.
type fieldsOf struct {
	crt     *certsv1.Certificate
	manager string
	set     *fieldpath.Set
}

func (f *fieldsOf) has(path fieldpath.Path) bool {
	if f.set == nil {
		f.set = fieldpath.NewSet()
		for _, entry := range f.crt.ManagedFields {
			if entry.Manager != f.manager || entry.Subresource != "" {
				continue
			}
			// A record that cannot be read says nothing.
			if set, err := fieldSet(entry); err == nil {
				f.set = f.set.Union(set)
			}
		}
	}
	return f.set.Has(path)
}

func fieldSet(entry metav1.ManagedFieldsEntry) (*fieldpath.Set, error) {
	set := fieldpath.NewSet()
	if entry.FieldsV1 == nil {
		return set, nil
	}
	if err := set.FromJSON(entry.FieldsV1.GetRawReader()); err != nil {
		return nil, fmt.Errorf("decode managed fields of %q: %w", entry.Manager, err)
	}
	return set, nil
}

// Claim returns the managed fields with which an Apply of u.Desired by manager
// also removes what has to go: fields that manager wrote by Update become its
// own by Apply, and u.Removed is taken from whoever has it. changed is false
// if they are like that already.
//
// They have to be written before the Apply. Nobody but the API server reads
// them, so the spec still goes from old to new in one step.
func Claim(u Update, manager string) (entries []metav1.ManagedFieldsEntry, changed bool, err error) {
	upgraded := &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{ManagedFields: u.Current.ManagedFields}}
	if err := csaupgrade.UpgradeManagedFields(upgraded, sets.New(manager), manager); err != nil {
		return nil, false, fmt.Errorf("migrate managed fields: %w", err)
	}
	changed = !equality.Semantic.DeepEqual(u.Current.ManagedFields, upgraded.ManagedFields)
	removed := fieldpath.NewSet(u.Removed...)
	if removed.Empty() {
		return upgraded.ManagedFields, changed, nil
	}

	claimed := false
	for _, entry := range upgraded.ManagedFields {
		if entry.Subresource != "" {
			entries = append(entries, entry)
			continue
		}
		before, err := fieldSet(entry)
		if err != nil {
			return nil, false, err
		}
		after := before.Difference(removed)
		if entry.Manager == manager && entry.Operation == metav1.ManagedFieldsOperationApply {
			after, claimed = before.Union(removed), true
		}
		if !after.Equals(before) {
			changed = true
			if entry.FieldsV1, err = fieldsV1(after); err != nil {
				return nil, false, err
			}
		}
		if !after.Empty() {
			entries = append(entries, entry)
		}
	}
	if !claimed {
		fields, err := fieldsV1(removed)
		if err != nil {
			return nil, false, err
		}
		changed = true
		entries = append(entries, metav1.ManagedFieldsEntry{
			Manager: manager, Operation: metav1.ManagedFieldsOperationApply,
			APIVersion: certsv1.GroupVersion.String(), FieldsType: "FieldsV1", FieldsV1: fields,
		})
	}
	return entries, changed, nil
}

func fieldsV1(set *fieldpath.Set) (*metav1.FieldsV1, error) {
	raw, err := set.ToJSON()
	if err != nil {
		return nil, fmt.Errorf("encode managed fields: %w", err)
	}
	return metav1.NewFieldsV1(string(raw)), nil
}

// ApplyMap is what an Apply of crt sends: only the fields that are set.
func ApplyMap(crt *certsv1.Certificate) (map[string]any, error) {
	spec, err := runtime.DefaultUnstructuredConverter.ToUnstructured(&crt.Spec)
	if err != nil {
		return nil, fmt.Errorf("encode spec: %w", err)
	}
	metadata := map[string]any{"name": crt.Name, "namespace": crt.Namespace}
	if len(crt.Labels) > 0 {
		metadata["labels"] = anyMap(crt.Labels)
	}
	if len(crt.Annotations) > 0 {
		metadata["annotations"] = anyMap(crt.Annotations)
	}
	var owners []any
	for i := range crt.OwnerReferences {
		owner, err := runtime.DefaultUnstructuredConverter.ToUnstructured(&crt.OwnerReferences[i])
		if err != nil {
			return nil, fmt.Errorf("encode owner: %w", err)
		}
		owners = append(owners, owner)
	}
	metadata["ownerReferences"] = owners
	return map[string]any{
		"apiVersion": certsv1.GroupVersion.String(),
		"kind":       certsv1.CertificateKind,
		"metadata":   metadata,
		"spec":       spec,
	}, nil
}

func anyMap(m map[string]string) map[string]any {
	out := make(map[string]any, len(m))
	for key, value := range m {
		out[key] = value
	}
	return out
}
