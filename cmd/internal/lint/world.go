package lint

import (
	"cmp"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	kjson "sigs.k8s.io/json"

	"github.com/certwright/certwright/certs/defaults"
	cmmeta "github.com/certwright/certwright/certs/meta/v1"
	certsv1 "github.com/certwright/certwright/certs/v1"
)

// A world is what the manifests of a run know of each other: it stands for the
// cluster. An object without a namespace is in one of its own.
type world struct {
	issuers map[issuerKey]certsv1.GenericIssuer
	// marks are the names of those that are marked as the default, by what is
	// left of their keys.
	marks   map[issuerKey][]string
	secrets map[types.NamespacedName]*corev1.Secret
	// asked are the Certificates, in order, and bySecret those that ask for one.
	asked    []*asked
	bySecret map[types.NamespacedName]*sharing
}

type issuerKey struct{ kind, namespace, name string }

func newWorld() *world {
	return &world{
		issuers:  map[issuerKey]certsv1.GenericIssuer{},
		marks:    map[issuerKey][]string{},
		secrets:  map[types.NamespacedName]*corev1.Secret{},
		bySecret: map[types.NamespacedName]*sharing{},
	}
}

func (w *world) add(o *object) {
	issuer, ok := o.value.(certsv1.GenericIssuer)
	if !ok {
		return
	}
	key := issuerKey{issuer.IssuerKind(), issuer.GetNamespace(), issuer.GetName()}
	if key.kind == certsv1.ClusterIssuerKind {
		key.namespace = ""
	}
	if _, again := w.issuers[key]; !again && defaults.IsMarked(issuer) {
		level := issuerKey{kind: key.kind, namespace: key.namespace}
		w.marks[level] = append(w.marks[level], key.name)
	}
	w.issuers[key] = issuer
}

// addSecret notes a Secret, if d is one: nothing of it but what tells whether a
// Certificate may have it.
func (w *world) addSecret(d *document) {
	if d.apiVersion != "v1" || d.kind != "Secret" {
		return
	}
	var head struct {
		Metadata metav1.ObjectMeta `json:"metadata"`
		Type     corev1.SecretType `json:"type"`
	}
	if kjson.UnmarshalCaseSensitivePreserveInts(d.json, &head) != nil {
		return // whoever applies it is told
	}
	w.secrets[types.NamespacedName{Namespace: d.namespace, Name: d.name}] = &corev1.Secret{
		ObjectMeta: head.Metadata, Type: cmp.Or(head.Type, corev1.SecretTypeOpaque),
	}
}

// marked returns the issuers that are marked as the default for a namespace.
func (w *world) marked(namespace string) defaults.Marked {
	return defaults.Marked{
		Issuers:        w.marks[issuerKey{kind: certsv1.IssuerKind, namespace: namespace}],
		ClusterIssuers: w.marks[issuerKey{kind: certsv1.ClusterIssuerKind}],
	}
}

// issuer returns the issuer that ref names, nil if it is not among the
// manifests.
func (w *world) issuer(ref cmmeta.IssuerReference, namespace string) certsv1.GenericIssuer {
	ref = ref.WithDefaults()
	if ref.Group != ownGroup {
		return nil
	}
	if ref.Kind == certsv1.ClusterIssuerKind {
		namespace = ""
	}
	return w.issuers[issuerKey{ref.Kind, namespace, ref.Name}]
}

// An asked is a Certificate that somebody asks for: by itself, or by annotations.
type asked struct {
	crt *certsv1.Certificate
	by  *object
	// at is the field of by that leads to it; empty for the Certificate itself.
	at string
}

// repeats reports whether a and other are one: overlays have an object in
// several files.
func (a *asked) repeats(other *asked) bool {
	return a.crt.Name == other.crt.Name && a.by.kind == other.by.kind && a.by.name == other.by.name
}

// ask adds a Certificate.
func (w *world) ask(a asked) {
	w.asked = append(w.asked, &a)
	secret := types.NamespacedName{Namespace: a.crt.Namespace, Name: a.crt.Spec.SecretName}
	if w.bySecret[secret] == nil {
		w.bySecret[secret] = &sharing{twins: map[string][2]*asked{}}
	}
	w.bySecret[secret].add(&a)
}

// sharers returns who else asks for the Secret of a: the first, by its name, of
// the other Certificates, and the first other object that asks for a
// Certificate of the same name. Each is empty if there is none.
func (w *world) sharers(a *asked) (other string, twin *asked) {
	s := w.bySecret[types.NamespacedName{Namespace: a.crt.Namespace, Name: a.crt.Spec.SecretName}]
	for _, name := range s.names {
		if name != "" && name != a.crt.Name {
			other = name
			break
		}
	}
	for _, twin := range s.twins[a.crt.Name] {
		if twin != nil && !twin.repeats(a) {
			return other, twin
		}
	}
	return other, nil
}

// A sharing is who asks for one Secret. Only what has to be told is kept: there
// may be thousands.
type sharing struct {
	// names are the first two names of Certificates, in alphabetical order.
	names [2]string
	// twins are, by the name of the Certificate, the first two objects.
	twins map[string][2]*asked
}

func (s *sharing) add(a *asked) {
	switch name := a.crt.Name; {
	case name == s.names[0] || name == s.names[1]:
	case s.names[0] == "" || name < s.names[0]:
		s.names = [2]string{name, s.names[0]}
	case s.names[1] == "" || name < s.names[1]:
		s.names[1] = name
	}
	twins := s.twins[a.crt.Name]
	switch {
	case twins[0] == nil:
		twins[0] = a
	case twins[1] == nil && !a.repeats(twins[0]):
		twins[1] = a
	}
	s.twins[a.crt.Name] = twins
}
