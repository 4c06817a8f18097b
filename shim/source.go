package shim

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// A Source is an Ingress-like object in neutral form: who it is, what its
// annotations say and which TLS blocks it has. Its maps may be shared with a
// cache, so nobody writes to them.
type Source struct {
	metav1.TypeMeta
	metav1.ObjectMeta

	// Manager is the field manager of its Certificates.
	Manager string
	// Class of an Ingress; empty if it has none.
	Class string
	// Blocks are its TLS blocks (or listeners), in order.
	Blocks []Block
	// Refused says why the object as a whole is left alone. Empty: it is not.
	Refused field.ErrorList
	// Dormant says that something which it depends on is not there, so that it
	// is left alone for now, without a word.
	Dormant bool
	// CertificateAnnotations are put on every Certificate.
	CertificateAnnotations map[string]string
	// ImpliedAnnotations are as well, though nobody asked for them. A Certificate
	// that lacks them, or has others that we did not put there, stays so: that
	// is how cert-manager treats those of its older versions, and users' own.
	ImpliedAnnotations map[string]string
}

// A Block is one TLS block of an Ingress, or one listener. Several blocks that
// name the same Secret share one Certificate.
type Block struct {
	// Path of the block in the object, for example spec.tls[0].
	Path *field.Path
	// Hosts are the names that the certificate is for.
	Hosts []Name
	// Secrets are the Secrets that the block mentions, each a Certificate.
	Secrets []Name
	// Problems say why the block is skipped. It still counts as a mention.
	Problems field.ErrorList
	// Doubts are told as well, and the block is used.
	Doubts field.ErrorList
	// Ignored blocks are skipped without a word. They still count as a mention.
	Ignored bool
}

// A Name is a host or the name of a Secret, and where it stands in the object.
type Name struct {
	Value string
	Path  *field.Path
}

// mentions is every Secret that a block names, however bad the block is.
func (s *Source) mentions() map[string]bool {
	names := make(map[string]bool)
	for _, b := range s.Blocks {
		for _, secret := range b.Secrets {
			names[secret.Value] = true
		}
	}
	return names
}

// Mention is the field that names a Secret; empty if there is none.
func (s *Source) Mention(secret string) string {
	for _, b := range s.Blocks {
		for _, name := range b.Secrets {
			if name.Value == secret {
				return name.Path.String()
			}
		}
	}
	return ""
}

// leaving says whether the object is being deleted. The garbage collector
// takes its Certificates along; re-creating one meanwhile would fight it.
func (s *Source) leaving() bool {
	if s.DeletionTimestamp != nil {
		return true
	}
	for _, f := range s.Finalizers {
		if f == metav1.FinalizerDeleteDependents {
			return true
		}
	}
	return false
}

// blockNoun is what events call a block.
func (s *Source) blockNoun() string {
	switch s.Kind {
	case IngressKind:
		return "TLS block"
	case ServiceKind:
		return "certificate"
	default:
		return "listener block"
	}
}
