package certificate

import (
	"crypto"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/certwright/certwright/certs"
	cmmeta "github.com/certwright/certwright/certs/meta/v1"
	certsv1 "github.com/certwright/certwright/certs/v1"
)

// TemporaryKey marks, with the value "true", a Secret that holds a temporary
// certificate. Without the mark one could not tell it from an imported one.
const TemporaryKey = "certwright.dev/temporary-certificate"

// temporary returns the step that stores a temporary certificate while r is
// pending, if the user wants one and there is nothing usable in the Secret. An
// issuer that answers at once never needs one.
func (s State) temporary(r KnownRequest) (StoreTemporary, bool) {
	if s.Certificate.Annotations[certsv1.IssueTemporaryCertificateKey] != "true" || s.Signer == AtOnce {
		return StoreTemporary{}, false
	}
	if r.CSR == nil || !r.Object.DeletionTimestamp.IsZero() || !s.hasKeyOf(r) || s.usable() {
		return StoreTemporary{}, false
	}
	if _, err := certs.Template(&r.Object.Spec, r.CSR, s.Now); err != nil {
		return StoreTemporary{}, false // nothing can be made of it; whoever signs will say so
	}
	if _, bad := s.passwordProblem(); bad {
		return StoreTemporary{}, false // its keystores could not be made
	}
	key, _ := s.keyOf(r)
	return StoreTemporary{Request: r.Object.Name, Key: key.Name}, true
}

// usable reports whether the Secret holds a key and a certificate that belong
// together, whatever they are.
func (s State) usable() bool {
	sec := s.Secret
	return sec != nil && sec.Has(cmmeta.TLSCertKey) && sec.Has(cmmeta.TLSPrivateKeyKey) &&
		sec.KeyError == "" && sec.CertificateError == "" && sec.PublicKey == sec.LeafPublicKey && sec.PublicKey != certs.Digest{}
}

// isTemporary says that the certificate in the Secret does not count, if it is a
// temporary one. A mark that somebody else has set means nothing: it would stay
// when the real certificate comes.
func (s State) isTemporary() (finding, bool) {
	if s.Secret.Annotations[TemporaryKey] != "true" || !slices.Contains(s.Secret.OwnedAnnotations, TemporaryKey) {
		return finding{}, false
	}
	return finding{ReasonIncorrectIssuer, fmt.Sprintf("Secret %q holds a temporary certificate until that of %s arrives",
		s.Secret.Name, refString(s.Certificate.Spec.IssuerRef))}, true
}

// temporaryContent is a temporary certificate for req and its key. It names no
// issuer.
func temporaryContent(crt *certsv1.Certificate, req KnownRequest, key crypto.Signer, now time.Time) (content, error) {
	leaf, err := certs.Temporary(&req.Object.Spec, req.CSR, now)
	if err != nil {
		return content{}, err
	}
	encoded, err := certs.EncodeKey(key, encodingOf(crt))
	if err != nil {
		return content{}, err
	}
	annotations, err := certs.SecretAnnotations(crt.Name, nil, leaf)
	if err != nil {
		return content{}, err
	}
	annotations[TemporaryKey] = "true"
	return content{key: encoded, chain: certs.EncodeChain(leaf), annotations: annotations}, nil
}

// storedTemporary is the event of a temporary certificate.
func storedTemporary(secret string) Event {
	return Event{corev1.EventTypeNormal, EventIssuing, fmt.Sprintf("Stored a temporary certificate in Secret %q", secret)}
}
