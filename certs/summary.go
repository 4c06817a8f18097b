package certs

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"

	cmmeta "github.com/certwright/certwright/certs/meta/v1"
	certsv1 "github.com/certwright/certwright/certs/v1"
)

// SecretFieldOwner is the field manager under which the Secret of a Certificate
// is applied.
const SecretFieldOwner = "cert-manager-certificates-issuing"

// A Digest is the SHA-256 hash of some bytes.
type Digest [sha256.Size]byte

// A SecretSummary is what is remembered of a Secret: enough to decide whether
// it fits its Certificate, and neither a private key nor a certificate. It
// cannot be taken for a Secret and written back.
type SecretSummary struct {
	metav1.TypeMeta
	// ObjectMeta holds names, UID, version, owners, labels, and the annotations
	// that do not follow from the certificate.
	metav1.ObjectMeta

	Type corev1.SecretType
	// Data has one entry for each key of the Secret's data, sorted by key.
	Data []DataDigest

	// KeyError and CertificateError say why tls.key or tls.crt does not parse.
	KeyError, CertificateError string
	// KeyAlgorithm and KeySize (in bits) of tls.key.
	KeyAlgorithm certsv1.PrivateKeyAlgorithm
	KeySize      int
	// KeyEncoding is the form of tls.key.
	KeyEncoding certsv1.PrivateKeyEncoding
	// PublicKey of tls.key and LeafPublicKey of the certificate, as digests of
	// their SubjectPublicKeyInfo. Zero where there is none.
	PublicKey, LeafPublicKey Digest
	// NotBefore and NotAfter of the certificate.
	NotBefore, NotAfter time.Time
	// Names in the certificate.
	Names Names
	// Described says that the annotations that follow from the certificate are
	// there and right.
	Described bool
	// OwnedAnnotations, OwnedLabels and OwnedData are the keys that were
	// applied under SecretFieldOwner, or written by Update under that name as
	// old programs did, sorted.
	OwnedAnnotations, OwnedLabels, OwnedData []string
	// OwnedOwners are the UIDs of the owner references that were applied under
	// SecretFieldOwner, sorted.
	OwnedOwners []types.UID
	// OwnershipUnknown says that the managed fields do not parse.
	OwnershipUnknown bool
}

// A DataDigest stands for one entry of a Secret's data.
type DataDigest struct {
	Key    string
	Digest Digest
	// Empty says that the entry has no content.
	Empty bool
}

// Summarize returns the summary of s. Sizes are checked before parsing.
func Summarize(s *corev1.Secret) *SecretSummary {
	sum := &SecretSummary{
		ObjectMeta: metav1.ObjectMeta{
			Name: s.Name, Namespace: s.Namespace, UID: s.UID, ResourceVersion: s.ResourceVersion,
			CreationTimestamp: s.CreationTimestamp, DeletionTimestamp: s.DeletionTimestamp,
			Labels: maps.Clone(s.Labels), OwnerReferences: slices.Clone(s.OwnerReferences),
		},
		Type: s.Type,
	}
	for key, value := range s.Data {
		sum.Data = append(sum.Data, DataDigest{Key: key, Digest: sha256.Sum256(value), Empty: len(value) == 0})
	}
	slices.SortFunc(sum.Data, func(a, b DataDigest) int { return strings.Compare(a.Key, b.Key) })

	if data := s.Data[cmmeta.TLSPrivateKeyKey]; len(data) > 0 {
		if key, encoding, err := decodeKey(data); err != nil {
			sum.KeyError = err.Error()
		} else {
			sum.KeyEncoding = encoding
			sum.KeyAlgorithm, sum.KeySize = DescribeKey(key.Public())
			sum.PublicKey = PublicKeyDigest(key.Public())
		}
	}
	var leaf *x509.Certificate
	if data := s.Data[cmmeta.TLSCertKey]; len(data) > 0 {
		if chain, err := DecodeChain(data); err != nil {
			sum.CertificateError = err.Error()
		} else {
			leaf = chain[0]
			sum.LeafPublicKey = PublicKeyDigest(leaf.PublicKey)
			sum.NotBefore, sum.NotAfter = leaf.NotBefore, leaf.NotAfter
			sum.Names = cloneNames(NamesOf(leaf))
		}
	}
	want := map[string]string{}
	if leaf != nil {
		if annotations, err := LeafAnnotations(leaf); err == nil {
			want = annotations
		}
	}
	sum.Described = leaf != nil
	for key, value := range s.Annotations {
		if !IsLeafAnnotation(key) {
			if key == corev1.LastAppliedConfigAnnotation {
				continue // may quote the Secret's data
			}
			if sum.Annotations == nil {
				sum.Annotations = map[string]string{}
			}
			sum.Annotations[key] = value
			continue
		}
		if expected, ok := want[key]; !ok || expected != value {
			sum.Described = false
		}
		delete(want, key)
	}
	if len(want) > 0 {
		sum.Described = false
	}
	sum.readManagedFields(s.ManagedFields)
	return sum
}

// readManagedFields notes which keys were written under SecretFieldOwner.
func (s *SecretSummary) readManagedFields(entries []metav1.ManagedFieldsEntry) {
	for _, entry := range entries {
		if entry.Manager != SecretFieldOwner || entry.FieldsV1 == nil {
			continue
		}
		var fields struct {
			Data     map[string]json.RawMessage `json:"f:data"`
			Metadata struct {
				Annotations map[string]json.RawMessage `json:"f:annotations"`
				Labels      map[string]json.RawMessage `json:"f:labels"`
				Owners      map[string]json.RawMessage `json:"f:ownerReferences"`
			} `json:"f:metadata"`
		}
		if err := json.NewDecoder(bytes.NewReader(entry.FieldsV1.GetRawBytes())).Decode(&fields); err != nil {
			s.OwnershipUnknown = true
			return
		}
		s.OwnedData = union(s.OwnedData, fieldNames(fields.Data))
		s.OwnedLabels = union(s.OwnedLabels, fieldNames(fields.Metadata.Labels))
		s.OwnedAnnotations = union(s.OwnedAnnotations, slices.DeleteFunc(fieldNames(fields.Metadata.Annotations), IsLeafAnnotation))
		s.OwnedOwners = union(s.OwnedOwners, ownerUIDs(fields.Metadata.Owners))
	}
}

// ownerUIDs returns the UIDs in a FieldsV1 list, "k:{"uid":…}" each.
func ownerUIDs(m map[string]json.RawMessage) []types.UID {
	var uids []types.UID
	for key := range m {
		var owner struct {
			UID types.UID `json:"uid"`
		}
		if text, ok := strings.CutPrefix(key, "k:"); ok && json.Unmarshal([]byte(text), &owner) == nil {
			uids = append(uids, owner.UID)
		}
	}
	return uids
}

// union returns what is in a or in b, sorted.
func union[T ~string](a, b []T) []T {
	all := slices.Concat(a, b)
	slices.Sort(all)
	return slices.Compact(all)
}

// fieldNames returns the names in a FieldsV1 map, "f:name" each, sorted.
func fieldNames(m map[string]json.RawMessage) []string {
	var names []string
	for key := range m {
		if name, ok := strings.CutPrefix(key, "f:"); ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// Has reports whether the Secret's data has content under key.
func (s *SecretSummary) Has(key string) bool { return s.Digest(key) != Digest{} }

// Digest returns the digest of the content under key, or zero if there is none.
func (s *SecretSummary) Digest(key string) Digest {
	i := slices.IndexFunc(s.Data, func(d DataDigest) bool { return d.Key == key })
	if i < 0 || s.Data[i].Empty {
		return Digest{}
	}
	return s.Data[i].Digest
}

// PublicKeyDigest returns the digest of a public key's SubjectPublicKeyInfo,
// or zero for a key of a kind that is not supported.
func PublicKeyDigest(pub any) Digest {
	der, err := x509.MarshalPKIXPublicKey(pub)
	if err != nil {
		return Digest{}
	}
	return sha256.Sum256(der)
}

// cloneNames cuts the ties to the parsed certificate, so that it can be freed.
func cloneNames(n Names) Names {
	clone := func(list []string) []string {
		var out []string
		for _, s := range list {
			out = append(out, strings.Clone(s))
		}
		return out
	}
	return Names{
		CommonName: strings.Clone(n.CommonName), DNSNames: clone(n.DNSNames), IPAddresses: clone(n.IPAddresses),
		URIs: clone(n.URIs), EmailAddresses: clone(n.EmailAddresses),
	}
}

// DeepCopyObject copies s, so that it can pass as a Kubernetes object.
func (s *SecretSummary) DeepCopyObject() runtime.Object {
	out := *s
	out.ObjectMeta = *s.ObjectMeta.DeepCopy() //nolint:staticcheck // s.DeepCopy() would read as a copy of all of s
	out.Data = slices.Clone(s.Data)
	out.Names = cloneNames(s.Names)
	out.OwnedAnnotations = slices.Clone(s.OwnedAnnotations)
	out.OwnedLabels = slices.Clone(s.OwnedLabels)
	out.OwnedData = slices.Clone(s.OwnedData)
	out.OwnedOwners = slices.Clone(s.OwnedOwners)
	return &out
}
