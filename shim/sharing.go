package shim

import (
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
	"sigs.k8s.io/structured-merge-diff/v6/value"

	certsv1 "github.com/certwright/certwright/certs/v1"
)

// Several Sources of a kind may share one Certificate: they name the same
// Secret, bring their own names (DNSNamesKey), and ask for the same. One of them
// is its controller; the others own it beside. When the controller goes, the
// garbage collector leaves to the others what they own; when it stops naming the
// Secret, it lets go. Then the first of the others that notices becomes the
// controller. The Certificate stays through all of this, and with it what was
// issued.

// An Ownership changes who owns Current, and nothing else about it.
type Ownership struct {
	Current *certsv1.Certificate
	// Owners are all that it has from now on.
	Owners []metav1.OwnerReference
}

// shares says whether src wants to share Certificates with others.
func (s *Source) shares() bool {
	_, ok := s.Annotations[DNSNamesKey]
	return ok
}

// Owns says whether crt is controlled by src, or shared with it.
func Owns(src *Source, crt *certsv1.Certificate) bool {
	return controls(src, crt) || src.joined(crt, src.UID)
}

// joined says whether the Source with that UID, of the kind of s, shares crt
// without being its controller. An owner that somebody else has put there does
// not.
func (s *Source) joined(crt *certsv1.Certificate, uid types.UID) bool {
	if crt.Namespace != s.Namespace {
		return false
	}
	i := slices.IndexFunc(crt.OwnerReferences, func(ref metav1.OwnerReference) bool { return ref.UID == uid })
	if i < 0 || !s.isLike(&crt.OwnerReferences[i]) || isController(&crt.OwnerReferences[i]) {
		return false
	}
	mine := fieldsOf{crt: crt, manager: s.Manager}
	return mine.has(ownerPath(uid))
}

// isLike says whether ref is to an object of the kind of s.
func (s *Source) isLike(ref *metav1.OwnerReference) bool {
	return ref.Kind == s.Kind &&
		schema.FromAPIVersionAndKind(ref.APIVersion, ref.Kind).Group == schema.FromAPIVersionAndKind(s.APIVersion, s.Kind).Group
}

func isController(ref *metav1.OwnerReference) bool { return ref.Controller != nil && *ref.Controller }

func ownerPath(uid types.UID) fieldpath.Path {
	key := value.FieldList{{Name: "uid", Value: value.NewValueInterface(string(uid))}}
	return append(managedPath("metadata", "ownerReferences"), fieldpath.PathElement{Key: &key})
}

// sharers are the owners of crt beside s that share it.
func (s *Source) sharers(crt *certsv1.Certificate) []metav1.OwnerReference {
	var refs []metav1.OwnerReference
	for _, ref := range crt.OwnerReferences {
		if ref.UID != s.UID && s.joined(crt, ref.UID) {
			refs = append(refs, ref)
		}
	}
	return refs
}

// without are the owners of crt but for src.
func without(src *Source, crt *certsv1.Certificate) []metav1.OwnerReference {
	return slices.DeleteFunc(slices.Clone(crt.OwnerReferences), func(ref metav1.OwnerReference) bool { return ref.UID == src.UID })
}

// share says what becomes of existing, which stands where want belongs and is
// not controlled by src.
func (c *Changes) share(src *Source, opts *Options, want, existing *certsv1.Certificate) {
	controller := metav1.GetControllerOfNoCopy(existing)
	joined := src.joined(existing, src.UID)
	switch {
	case existing.DeletionTimestamp != nil:
		c.Left = append(c.Left, existing)
	case joined && controller == nil:
		c.Own = append(c.Own, Ownership{Current: existing, Owners: append(without(src, existing), owner(src))})
	case controller == nil || !src.shares() || !src.isLike(controller) || existing.Namespace != src.Namespace:
		c.Left = append(c.Left, existing)
	default:
		if other := disagreement(src, opts, want, existing); len(other) > 0 {
			c.Left = append(c.Left, existing)
			c.Problems = append(c.Problems, problem(ReasonBadConfig, fmt.Sprintf(
				"Certificate %q cannot be shared: it is kept for %s %q, which asks for another %s; ask for the same, or use another secret name",
				existing.Name, controller.Kind, controller.Name, strings.Join(other, ", "))))
		} else if !joined {
			ref := metav1.OwnerReference{APIVersion: src.APIVersion, Kind: src.Kind, Name: src.Name, UID: src.UID}
			c.Own = append(c.Own, Ownership{Current: existing, Owners: append(without(src, existing), ref)})
		}
	}
}

// disagreement are the fields of the spec that src would change.
func disagreement(src *Source, opts *Options, want, existing *certsv1.Certificate) []string {
	u := update(src, opts, want, existing)
	return slices.DeleteFunc(u.Fields, func(path string) bool { return !strings.HasPrefix(path, "spec.") })
}

// drop says what becomes of crt, which src names no longer.
func (c *Changes) drop(src *Source, crt *certsv1.Certificate) {
	switch {
	case crt.DeletionTimestamp != nil:
	case controls(src, crt) && len(src.sharers(crt)) == 0:
		c.Delete = append(c.Delete, crt)
	case Owns(src, crt):
		c.Own = append(c.Own, Ownership{Current: crt, Owners: without(src, crt)})
	}
}
