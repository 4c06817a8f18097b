package certificate

import (
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/certwright/certwright/certs"
	cmmeta "github.com/certwright/certwright/certs/meta/v1"
	certsv1 "github.com/certwright/certwright/certs/v1"
)

// Reasons of the conditions of a Certificate.
const (
	ReasonReady                = "Ready"
	ReasonDoesNotExist         = "DoesNotExist"
	ReasonMissingData          = "MissingData"
	ReasonInvalidKeyPair       = "InvalidKeyPair"
	ReasonInvalidCertificate   = "InvalidCertificate"
	ReasonIncorrectIssuer      = "IncorrectIssuer"
	ReasonIncorrectCertificate = "IncorrectCertificate"
	ReasonSecretMismatch       = "SecretMismatch"
	ReasonRequestChanged       = "RequestChanged"
	ReasonRenewing             = "Renewing"
	ReasonExpired              = "Expired"
)

// A finding says what is wrong with a Certificate's Secret.
type finding struct {
	Reason, Message string
}

// check returns the first of the things that may be wrong with the Secret, but
// for its age. Their order is part of the API: it decides the reason.
func (s State) check() (finding, bool) {
	crt := s.Certificate
	name := crt.Spec.SecretName
	if s.Secret == nil {
		return finding{ReasonDoesNotExist, fmt.Sprintf("Secret %q does not exist", name)}, true
	}
	sec := s.Secret
	switch {
	case len(sec.Data) == 0:
		return finding{ReasonMissingData, fmt.Sprintf("Secret %q has no data", name)}, true
	case !sec.Has(cmmeta.TLSPrivateKeyKey):
		return finding{ReasonMissingData, fmt.Sprintf("Secret %q has no private key under %s", name, cmmeta.TLSPrivateKeyKey)}, true
	case !sec.Has(cmmeta.TLSCertKey):
		return finding{ReasonMissingData, fmt.Sprintf("Secret %q has no certificate under %s", name, cmmeta.TLSCertKey)}, true
	case sec.KeyError != "":
		return finding{ReasonInvalidKeyPair, fmt.Sprintf("The private key in Secret %q cannot be read: %s", name, sec.KeyError)}, true
	case sec.CertificateError != "":
		return finding{ReasonInvalidCertificate, fmt.Sprintf("The certificate in Secret %q cannot be read: %s", name, sec.CertificateError)}, true
	case sec.PublicKey != sec.LeafPublicKey || sec.PublicKey == certs.Digest{}:
		return finding{ReasonInvalidKeyPair, fmt.Sprintf("The private key and the certificate in Secret %q do not belong together", name)}, true
	}
	if f, ok := s.isTemporary(); ok {
		return f, true
	}
	if got, ok := s.issuerDiffers(); ok {
		return finding{ReasonIncorrectIssuer, fmt.Sprintf("Secret %q holds a certificate of %s, the spec asks for %s", name, got, refString(crt.Spec.IssuerRef))}, true
	}
	if other, ok := sec.Annotations[certsv1.CertificateNameKey]; ok && other != crt.Name {
		return finding{ReasonIncorrectCertificate, fmt.Sprintf("Secret %q was issued for Certificate %q", name, other)}, true
	}
	if !s.fits(sec.KeyAlgorithm, sec.KeySize) {
		return finding{ReasonSecretMismatch, fmt.Sprintf("The private key in Secret %q is %s, the spec asks for %s", name,
			keyString(sec.KeyAlgorithm, sec.KeySize), keyString(certs.KeyParameters(crt.Spec.PrivateKey)))}, true
	}
	// A signing request that no longer parses is no reason to issue: newer
	// parsers are stricter with what older ones made.
	if current, ok := s.current(); ok && current.CSR != nil {
		if current.PublicKey != sec.PublicKey {
			return finding{ReasonSecretMismatch, fmt.Sprintf("The private key in Secret %q is not the one of CertificateRequest %q", name, current.Object.Name)}, true
		}
		if paths := certs.RequestMismatch(&crt.Spec, &current.Object.Spec, current.CSR); len(paths) > 0 {
			return finding{ReasonRequestChanged, fmt.Sprintf("Fields on the Certificate differ from CertificateRequest %q: %s", current.Object.Name, strings.Join(paths, ", "))}, true
		}
		return finding{}, false
	}
	if paths := certs.NamesMismatch(&crt.Spec, sec.Names); len(paths) > 0 {
		return finding{ReasonSecretMismatch, fmt.Sprintf("The names of the certificate in Secret %q differ from the spec: %s", name, strings.Join(paths, ", "))}, true
	}
	return finding{}, false
}

// issuerDiffers compares the issuer named on the Secret with the spec. The name
// is compared only if one of the annotations is there.
func (s State) issuerDiffers() (string, bool) {
	a := s.Secret.Annotations
	got := cmmeta.IssuerReference{Name: a[certsv1.IssuerNameKey], Kind: a[certsv1.IssuerKindKey], Group: a[certsv1.IssuerGroupKey]}
	_, hasName := a[certsv1.IssuerNameKey]
	_, hasKind := a[certsv1.IssuerKindKey]
	_, hasGroup := a[certsv1.IssuerGroupKey]
	if !hasName && !hasKind && !hasGroup {
		got.Name = s.Certificate.Spec.IssuerRef.Name
	}
	return refString(got), !got.Equal(s.Certificate.Spec.IssuerRef)
}

func refString(ref cmmeta.IssuerReference) string {
	ref = ref.WithDefaults()
	if ref.Group == cmmeta.DefaultIssuerGroup {
		return fmt.Sprintf("%s %q", ref.Kind, ref.Name)
	}
	return fmt.Sprintf("%s.%s %q", ref.Kind, ref.Group, ref.Name)
}

func keyString(algorithm certsv1.PrivateKeyAlgorithm, size int) string {
	if size == 0 {
		return string(algorithm)
	}
	return fmt.Sprintf("%s %d", algorithm, size)
}

// minInterval is the least time between two renewals of one Certificate, for an
// issuer whose certificates are due for renewal as soon as they are issued.
const minInterval = 5 * time.Minute

// A schedule says when a certificate is renewed.
type schedule struct {
	// At is the time for the status.
	At time.Time
	// Due is when it is really done, which is later only if the certificate
	// was issued a moment ago.
	Due time.Time
	// Never says that it is not renewed by time.
	Never bool
	// Problem says why a window is not kept.
	Problem string
}

// renewal returns when the certificate in the Secret is renewed, or false if
// there is none.
func (s State) renewal() (schedule, bool) {
	if s.Secret == nil || s.Secret.NotAfter.IsZero() {
		return schedule{}, false
	}
	notBefore, notAfter := s.Secret.NotBefore, s.Secret.NotAfter
	at, ok, err := certs.RenewAt(notBefore, notAfter, &s.Certificate.Spec)
	if !ok {
		return schedule{Never: true}, true
	}
	out := schedule{At: at, Due: at}
	if err != nil {
		out.Problem = err.Error()
	}
	if current, ok := s.current(); ok {
		floor := current.Object.CreationTimestamp.Add(max(minInterval, notAfter.Sub(notBefore)/10))
		if floor.After(out.Due) && floor.Before(notAfter) {
			out.Due = floor
		}
	}
	return out, true
}

// trigger returns why a new certificate is needed, if one is.
func (s State) trigger() (finding, bool) {
	if f, ok := s.check(); ok {
		return f, true
	}
	if plan, ok := s.renewal(); ok && !plan.Never && !s.Now.Before(plan.Due) {
		return finding{ReasonRenewing, fmt.Sprintf("Renewing certificate as renewal was scheduled at %s", plan.At.UTC().Format(time.RFC3339))}, true
	}
	return finding{}, false
}

// unready returns why the Certificate is not ready, if it is not. Being due for
// renewal is no reason.
func (s State) unready() (finding, bool) {
	if f, ok := s.check(); ok {
		return f, true
	}
	if s.Now.After(s.Secret.NotAfter) {
		return finding{ReasonExpired, fmt.Sprintf("Certificate expired on %s", s.Secret.NotAfter.UTC().Format(time.RFC3339))}, true
	}
	return finding{}, false
}

// winner returns the rival that owns the target Secret, if one does: the one
// that the Secret names, else the oldest.
func (s State) winner() (string, bool) {
	if len(s.Rivals) == 0 {
		return "", false
	}
	self := s.Certificate.Name
	candidates := append([]Rival{{self, s.Certificate.CreationTimestamp.Time}}, s.Rivals...)
	if s.Secret != nil {
		named := s.Secret.Annotations[certsv1.CertificateNameKey]
		if slices.ContainsFunc(candidates, func(r Rival) bool { return r.Name == named }) {
			return named, named != self
		}
	}
	oldest := slices.MinFunc(candidates, func(a, b Rival) int {
		if c := a.Created.Compare(b.Created); c != 0 {
			return c
		}
		return strings.Compare(a.Name, b.Name)
	})
	return oldest.Name, oldest.Name != self
}

// AdoptKey is an annotation that allows, with the value "true", to take over a
// Secret that would be left alone else.
const AdoptKey = "certwright.dev/adopt"

// foreign returns why the target Secret must not be written, if it must not: it
// belongs to something else.
func (s State) foreign() (finding, bool) {
	if s.Secret == nil {
		return finding{}, false
	}
	sec, crt := s.Secret, s.Certificate
	if _, ours := sec.Annotations[certsv1.CertificateNameKey]; ours || sec.Annotations[AdoptKey] == "true" {
		return finding{}, false
	}
	const remedy = `use another secretName, or annotate the Secret with ` + AdoptKey + `: "true" to have its content replaced`
	switch sec.Type {
	case corev1.SecretTypeTLS, corev1.SecretTypeOpaque, "":
	default:
		return finding{ReasonIncorrectCertificate, fmt.Sprintf("Secret %q is of type %s and not ours; %s", sec.Name, sec.Type, remedy)}, true
	}
	if owner := metav1.GetControllerOf(sec); owner != nil && owner.UID != crt.UID && (owner.Kind != certsv1.CertificateKind || owner.Name != crt.Name) {
		return finding{ReasonIncorrectCertificate, fmt.Sprintf("Secret %q is controlled by %s %q; %s", sec.Name, owner.Kind, owner.Name, remedy)}, true
	}
	return finding{}, false
}

// misplaced reports whether the Secret holds the right certificate, but not in
// the form that the spec asks for, so that it has to be put right in place.
func (s State) misplaced() bool {
	if !s.restorable() || s.Restored == s.likeness() {
		return false // or we have tried, and it changed nothing
	}
	if s.keystoresWrong() {
		if _, bad := s.passwordProblem(); !bad {
			return true
		}
	}
	sec, spec := s.Secret, &s.Certificate.Spec
	if sec.Labels[certsv1.SecretManagedKey] != "true" || !sec.Described {
		return true
	}
	labels, annotations := templateOf(spec)
	return entriesDiffer(labels, sec.Labels, sec.OwnedLabels, []string{certsv1.SecretManagedKey}) ||
		entriesDiffer(annotations, sec.Annotations, sec.OwnedAnnotations, baseAnnotations) ||
		outputsDiffer(outputKeys(spec), sec) ||
		s.encodingDiffers() ||
		s.ownerDiffers()
}

// restorable reports whether there is something in the Secret that could be put
// right.
func (s State) restorable() bool {
	sec := s.Secret
	return sec != nil && sec.Has(cmmeta.TLSCertKey) && sec.Has(cmmeta.TLSPrivateKeyKey) &&
		sec.CertificateError == "" && sec.KeyError == "" && !sec.OwnershipUnknown
}

// likeness tells the Secret, and all that its keystores are made from, from any
// other.
func (s State) likeness() string {
	return s.Secret.ResourceVersion + " " + s.origin(inputsOf(s.Secret))
}

// keystoresWrong reports whether keystores are missing, too many, or made from
// something else than what is asked for.
func (s State) keystoresWrong() bool {
	return s.keystoresDiffer() || outputsDiffer(keystoreKeys(s.wishes(), inputsOf(s.Secret).CA != certs.Digest{}), s.Secret)
}

// encodingDiffers reports whether the private key has another form than the spec
// asks for. A pair that somebody imported stays as it came.
func (s State) encodingDiffers() bool {
	_, issued := s.Secret.Annotations[certsv1.IssuerNameKey]
	return issued && s.Secret.KeyAlgorithm != certsv1.Ed25519KeyAlgorithm && s.Secret.KeyEncoding != encodingOf(s.Certificate)
}

// baseAnnotations are ours to set on a target Secret, whatever the template
// says.
var baseAnnotations = []string{certsv1.CertificateNameKey, certsv1.IssuerNameKey, certsv1.IssuerKindKey, certsv1.IssuerGroupKey, TemporaryKey, KeystoresKey}

// templateOf returns the labels and annotations of the Secret that the user
// asks for, without those that are ours to say.
func templateOf(spec *certsv1.CertificateSpec) (labels, annotations map[string]string) {
	labels, annotations = map[string]string{}, map[string]string{}
	if spec.SecretTemplate == nil {
		return labels, annotations
	}
	for k, v := range spec.SecretTemplate.Labels {
		if k != certsv1.SecretManagedKey {
			labels[k] = v
		}
	}
	for k, v := range spec.SecretTemplate.Annotations {
		if !slices.Contains(baseAnnotations, k) && !certs.IsLeafAnnotation(k) {
			annotations[k] = v
		}
	}
	return labels, annotations
}

// entriesDiffer reports whether got lacks something of want, or whether
// something that we own, but for base, is no longer wanted.
func entriesDiffer(want, got map[string]string, owned, base []string) bool {
	for k, v := range want {
		if have, ok := got[k]; !ok || have != v || !slices.Contains(owned, k) {
			return true
		}
	}
	return slices.ContainsFunc(owned, func(k string) bool {
		_, wanted := want[k]
		return !wanted && !slices.Contains(base, k)
	})
}

// outputKeys are the keys of the Secret's data for output formats, and whether
// the spec asks for them.
func outputKeys(spec *certsv1.CertificateSpec) map[string]bool {
	out := map[string]bool{certs.CombinedPEMKey: false, certs.DERKey: false}
	for _, f := range spec.AdditionalOutputFormats {
		switch f.Type {
		case certsv1.CertificateOutputFormatCombinedPEM:
			out[certs.CombinedPEMKey] = true
		case certsv1.CertificateOutputFormatDER:
			out[certs.DERKey] = true
		}
	}
	return out
}

// outputsDiffer reports whether the Secret lacks an entry that is wanted, or
// holds one of ours that is not. Whoever changes one of them takes it from us,
// so what we own is also right.
func outputsDiffer(keys map[string]bool, sec *certs.SecretSummary) bool {
	for key, wanted := range keys {
		if wanted != slices.Contains(sec.OwnedData, key) || (wanted && !sec.Has(key)) {
			return true
		}
	}
	return false
}

// wantsOwner reports whether the Certificate is to own the Secret. A Secret that
// something else controls cannot have a second controller.
func (s State) wantsOwner() bool {
	if !s.Policy.OwnerRef || s.Secret == nil {
		return s.Policy.OwnerRef
	}
	controller := metav1.GetControllerOf(s.Secret)
	return controller == nil || controller.UID == s.Certificate.UID || slices.Contains(s.Secret.OwnedOwners, controller.UID)
}

// ownerDiffers reports whether the Secret's owner is not what the operator
// wants. Only references that we have applied are ours to take away.
func (s State) ownerDiffers() bool {
	if !s.wantsOwner() {
		return len(s.Secret.OwnedOwners) > 0
	}
	want := ownerOf(s.Certificate)
	return !slices.Equal(s.Secret.OwnedOwners, []types.UID{want.UID}) || !slices.ContainsFunc(s.Secret.OwnerReferences, func(r metav1.OwnerReference) bool {
		return equality.Semantic.DeepEqual(r, want)
	})
}
