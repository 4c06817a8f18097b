package certificate

import (
	"cmp"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math"
	"slices"
	"strconv"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/certwright/certwright/certs"
	cmmeta "github.com/certwright/certwright/certs/meta/v1"
	certsv1 "github.com/certwright/certwright/certs/v1"
)

// A State is all that is known about a Certificate at one moment. It is
// read-only.
type State struct {
	Now time.Time
	// Live says that Secret, the requests of the next revision and their keys
	// were read past the cache. Only then a step that writes is taken.
	Live        bool
	Certificate *certsv1.Certificate
	// Secret is the target Secret, nil if there is none.
	Secret *certs.SecretSummary
	// Requests are the CertificateRequests that the Certificate controls.
	Requests []KnownRequest
	// Keys are the Secrets with a next private key that it controls.
	Keys []KnownKey
	// Rivals are the other Certificates with the same target Secret.
	Rivals []Rival
	// Signer says how the issuer answers.
	Signer Signer
	// Successes are the times of the last issuances of the present spec.
	Successes []time.Time
	// Misfits are the times at which a request for the present spec was given up
	// because it was not what had been asked for.
	Misfits []time.Time
	// Restored says what the Secret, and all that keystores are made from, were
	// like when it was last put right in place, for the present generation:
	// doing it again would change nothing.
	Restored string
	// Passwords are those of the keystores that are wanted, in their order.
	Passwords []Password
	// FirstOrigin is the origin of the keystores when a Secret without a mark
	// was first seen.
	FirstOrigin string
	Policy      Policy
}

// A Policy is what the operator has configured.
type Policy struct {
	// MinBackoff and MaxBackoff bound the wait after a failed issuance.
	MinBackoff, MaxBackoff time.Duration
	// OwnerRef lets the Certificate own its Secret.
	OwnerRef bool
}

// A Signer says how an issuer answers.
type Signer int

const (
	// Slow says that an answer takes time, or is not ours to approve.
	Slow Signer = iota
	// AtOnce says that the issuer is ready and answers at once, and we may approve.
	AtOnce
)

// A KnownRequest is a CertificateRequest that the Certificate controls.
type KnownRequest struct {
	// Object lacks the signed chain unless the State is Live.
	Object *certsv1.CertificateRequest
	// CSR is its signing request, nil if it does not parse.
	CSR *x509.CertificateRequest
	// PublicKey is the digest of the key that made the signing request.
	PublicKey certs.Digest
}

// NewRequest reads the signing request in object.
func NewRequest(object *certsv1.CertificateRequest) KnownRequest {
	csr, err := parseCSR(object.Spec.Request)
	if err != nil {
		return KnownRequest{Object: object}
	}
	return KnownRequest{Object: object, CSR: csr, PublicKey: certs.PublicKeyDigest(csr.PublicKey)}
}

// parseCSR parses a signing request without checking its signature again: the
// webhook has, and whoever signs does.
func parseCSR(data []byte) (*x509.CertificateRequest, error) {
	if len(data) > certs.MaxCertificateSize {
		return nil, errors.New("signing request is too long")
	}
	block, _ := pem.Decode(data)
	if block == nil {
		return nil, errors.New("signing request is not PEM")
	}
	return x509.ParseCertificateRequest(block.Bytes)
}

// revision returns the revision of r, or false if it has none.
func (r KnownRequest) revision() (int, bool) {
	n, err := strconv.Atoi(r.Object.Annotations[certsv1.CertificateRevisionKey])
	return n, err == nil && n > 0
}

// A KnownKey is a Secret with a next private key.
type KnownKey struct {
	Name            string
	Namespace       string
	UID             types.UID
	ResourceVersion string
	Created         time.Time
	// Algorithm, Size and PublicKey are zero if the key does not parse.
	Algorithm certsv1.PrivateKeyAlgorithm
	Size      int
	PublicKey certs.Digest
}

// NewKey returns what is known of the key in s.
func NewKey(s *certs.SecretSummary) KnownKey {
	return KnownKey{
		Name: s.Name, Namespace: s.Namespace, UID: s.UID, ResourceVersion: s.ResourceVersion, Created: s.CreationTimestamp.Time,
		Algorithm: s.KeyAlgorithm, Size: s.KeySize, PublicKey: s.PublicKey,
	}
}

// A Rival is another Certificate with the same target Secret.
type Rival struct {
	Name    string
	Created time.Time
}

// next is the revision that is issued next. A status that others may write does
// not make it overflow.
func (s State) next() int {
	if r := s.Certificate.Status.Revision; r != nil && *r > 0 && *r < math.MaxInt {
		return *r + 1
	}
	return 1
}

// ofRevision returns the requests of a revision, oldest first.
func (s State) ofRevision(revision int) []KnownRequest {
	var out []KnownRequest
	for _, r := range s.Requests {
		if n, ok := r.revision(); ok && n == revision {
			out = append(out, r)
		}
	}
	slices.SortFunc(out, func(a, b KnownRequest) int {
		return cmp.Or(
			a.Object.CreationTimestamp.Compare(b.Object.CreationTimestamp.Time),
			cmp.Compare(a.Object.Name, b.Object.Name))
	})
	return out
}

// current returns the request of the certificate that was issued last.
func (s State) current() (KnownRequest, bool) {
	if s.Certificate.Status.Revision == nil {
		return KnownRequest{}, false
	}
	found := s.ofRevision(*s.Certificate.Status.Revision)
	if len(found) == 0 {
		return KnownRequest{}, false
	}
	return found[0], true
}

// keyOf returns the stored key that made r's signing request.
func (s State) keyOf(r KnownRequest) (KnownKey, bool) {
	for _, k := range s.Keys {
		if r.CSR != nil && k.PublicKey == r.PublicKey {
			return k, true
		}
	}
	return KnownKey{}, false
}

// mismatch returns the paths of the spec from which r, which has a CSR, differs.
func (s State) mismatch(r KnownRequest) []string {
	paths := certs.RequestMismatch(&s.Certificate.Spec, &r.Object.Spec, r.CSR)
	if !certs.KeyFits(r.CSR.PublicKey, s.Certificate.Spec.PrivateKey) {
		paths = append(paths, "spec.privateKey")
	}
	return paths
}

// keepsKey reports whether the key in the Secret is used again.
func (s State) keepsKey() bool {
	p := s.Certificate.Spec.PrivateKey
	return p != nil && p.RotationPolicy == certsv1.RotationPolicyNever
}

// hasKeyOf reports whether the private key of r's signing request is at hand,
// stored for the purpose or, if it is used again, in the Secret.
func (s State) hasKeyOf(r KnownRequest) bool {
	if _, ok := s.keyOf(r); ok {
		return true
	}
	return s.keepsKey() && s.Secret != nil && r.CSR != nil && s.Secret.PublicKey == r.PublicKey
}

// delivered reports whether the Secret holds the certificate of r. It takes a
// live State to tell.
func (s State) delivered(r KnownRequest) bool {
	if s.Secret == nil || len(r.Object.Status.Certificate) == 0 || s.Secret.PublicKey != r.PublicKey {
		return false
	}
	return s.Secret.Digest(cmmeta.TLSCertKey) == sha256.Sum256(r.Object.Status.Certificate)
}

// fits reports whether a key has the algorithm and size that the spec asks for.
func (s State) fits(algorithm certsv1.PrivateKeyAlgorithm, size int) bool {
	wantAlgorithm, wantSize := certs.KeyParameters(s.Certificate.Spec.PrivateKey)
	return algorithm == wantAlgorithm && size == wantSize
}

// issuing reports whether the Issuing condition is True.
func (s State) issuing() bool {
	c := s.Certificate.Status.Condition(certsv1.CertificateConditionIssuing)
	return c != nil && c.Status == "True"
}
