package shim

import (
	"slices"
	"sort"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	certsv1 "github.com/certwright/certwright/certs/v1"
)

// Changes bring the Certificates of a Source in step with it.
type Changes struct {
	Create []*certsv1.Certificate
	Update []Update
	Delete []*certsv1.Certificate
	// Own are those of which only the owners change.
	Own []Ownership
	// Left are the Certificates that stand where a wanted one belongs but are
	// controlled by nobody (that is how users take over) or by somebody else.
	Left []*certsv1.Certificate
	// Problems that the user has to be told.
	Problems []Problem
}

// Empty says that there is nothing to do.
func (c *Changes) Empty() bool {
	return len(c.Create) == 0 && len(c.Update) == 0 && len(c.Delete) == 0 && len(c.Own) == 0
}

// An Update changes Current to what Desired says, and leaves alone what
// Desired does not mention.
type Update struct {
	Current *certsv1.Certificate
	Desired *certsv1.Certificate
	// Fields that differ, as a reason for people.
	Fields []string
	// Removed are the fields of Current that have to go, whoever set them.
	Removed []fieldpath.Path
}

// Plan says what to do so that the Certificates of src are the wanted ones.
// current holds every Certificate that src owns, and whatever else has the name
// of a wanted one.
func Plan(src *Source, opts Options, wanted Wanted, current []*certsv1.Certificate) Changes {
	var changes Changes
	if !wanted.Act {
		return changes
	}
	have := make(map[string]*certsv1.Certificate, len(current))
	for _, crt := range current {
		have[crt.Name] = crt
	}
	want := make(map[string]bool, len(wanted.Certificates))
	for _, crt := range wanted.Certificates {
		want[crt.Name] = true
		existing := have[crt.Name]
		if existing != nil && wanted.foundIssuer {
			crt = crt.DeepCopy()
			crt.Spec.IssuerRef = existing.Spec.IssuerRef
		}
		switch {
		case existing == nil:
			changes.Create = append(changes.Create, crt)
		case !controls(src, existing):
			changes.share(src, &opts, crt, existing)
		case existing.DeletionTimestamp != nil: // created anew once it is gone
		default:
			if u := update(src, &opts, crt, existing); len(u.Fields) > 0 {
				u.Desired = u.Desired.DeepCopy()
				u.Desired.OwnerReferences = append(u.Desired.OwnerReferences, src.sharers(existing)...)
				changes.Update = append(changes.Update, u)
			}
		}
	}
	mentioned := src.mentions()
	for _, crt := range current {
		if !want[crt.Name] && !mentioned[crt.Name] && !mentioned[crt.Spec.SecretName] {
			changes.drop(src, crt)
		}
	}
	return changes
}

// controls says whether crt belongs to src: by UID, so that an object that was
// made again under the same name does not inherit.
func controls(src *Source, crt *certsv1.Certificate) bool {
	controller := metav1.GetControllerOfNoCopy(crt)
	return controller != nil && controller.UID == src.UID && crt.Namespace == src.Namespace
}

// update compares crt with what exists. Its Fields are empty if they agree.
func update(src *Source, opts *Options, crt, existing *certsv1.Certificate) Update {
	u := Update{Current: existing, Desired: crt}
	mine := fieldsOf{crt: existing, manager: src.Manager}

	u.compareMap(managedPath("metadata", "labels"), crt.Labels, existing.Labels, func(path fieldpath.Path, key string) bool {
		return opts.copiesLabel(key) || mine.has(path)
	})
	ours := func(path fieldpath.Path, _ string) bool { return mine.has(path) }
	u.leaveImplied(src, &mine)
	u.compareMap(managedPath("metadata", "annotations"), u.Desired.Annotations, existing.Annotations, ours)

	var want, have certsv1.CertificateSecretTemplate
	if crt.Spec.SecretTemplate != nil {
		want = *crt.Spec.SecretTemplate
	}
	if existing.Spec.SecretTemplate != nil {
		have = *existing.Spec.SecretTemplate
	}
	u.compareMap(managedPath("spec", "secretTemplate", "annotations"), want.Annotations, have.Annotations, ours)
	u.compareMap(managedPath("spec", "secretTemplate", "labels"), want.Labels, have.Labels, ours)

	u.compareSpec(src, &mine)
	return u
}

// leaveImplied drops from Desired the annotations that src implies only, where
// Current has none or others, and not from us.
func (u *Update) leaveImplied(src *Source, mine *fieldsOf) {
	at := managedPath("metadata", "annotations")
	for _, key := range keys(src.ImpliedAnnotations) {
		if _, asked := src.CertificateAnnotations[key]; asked ||
			u.Current.Annotations[key] == u.Desired.Annotations[key] || mine.has(entry(at, key)) {
			continue
		}
		u.Desired = u.Desired.DeepCopy()
		delete(u.Desired.Annotations, key)
	}
}

// compareMap compares one map entry by entry. removable says whether an entry
// that nobody wants may be taken away.
func (u *Update) compareMap(path fieldpath.Path, want, have map[string]string, removable func(fieldpath.Path, string) bool) {
	for _, key := range keys(want) {
		if value, ok := have[key]; !ok || value != want[key] {
			u.Fields = append(u.Fields, readable(entry(path, key)))
		}
	}
	for _, key := range keys(have) {
		if _, ok := want[key]; ok {
			continue
		}
		if at := entry(path, key); removable(at, key) {
			u.Fields = append(u.Fields, readable(at))
			u.Removed = append(u.Removed, at)
		}
	}
}

// compareSpec compares specFields.
func (u *Update) compareSpec(src *Source, mine *fieldsOf) {
	want, have := specMap(u.Desired), specMap(u.Current)
	for i := range specFields {
		f := &specFields[i]
		asked := src.asks(f.String())
		if !f.differs(want, have, asked) {
			continue
		}
		_, wanted := lookup(want, f.path)
		switch {
		case f.always, asked, src.annotated(f.keys), wanted && !f.implicit, mine.has(f.managed()):
			u.Fields = append(u.Fields, f.String())
			if !wanted {
				u.Removed = append(u.Removed, f.managed())
			}
		case f.String() == "spec.usages":
			// Somebody else's, and nobody asked us for others.
			u.Desired = u.Desired.DeepCopy()
			u.Desired.Spec.Usages = nil
		}
	}
}

// asks says whether an annotation of src sets the field.
func (s *Source) asks(path string) bool {
	return slices.ContainsFunc(rows, func(r row) bool {
		if r.path != path {
			return false
		}
		_, ok := s.Annotations[r.key]
		return ok
	})
}

func (s *Source) annotated(keys []string) bool {
	return slices.ContainsFunc(keys, func(key string) bool {
		_, ok := s.Annotations[key]
		return ok
	})
}

func entry(path fieldpath.Path, key string) fieldpath.Path {
	return append(slices.Clone(path), fieldpath.PathElement{FieldName: &key})
}

// readable is path without the leading dot that its own String has.
func readable(path fieldpath.Path) string { return strings.TrimPrefix(path.String(), ".") }

func keys(m map[string]string) []string {
	list := make([]string, 0, len(m))
	for key := range m {
		list = append(list, key)
	}
	sort.Strings(list)
	return list
}
