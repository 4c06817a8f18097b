package certificate

import (
	"crypto"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	metav1ac "k8s.io/client-go/applyconfigurations/meta/v1"

	"github.com/certwright/certwright/certs"
	cmmeta "github.com/certwright/certwright/certs/meta/v1"
	certsv1 "github.com/certwright/certwright/certs/v1"
)

// Field managers of what is written, cert-manager's.
const (
	// FieldOwner applies the target Secret, and reports.
	FieldOwner = certs.SecretFieldOwner
	// FieldOwnerKey creates Secrets with a next private key.
	FieldOwnerKey = "cert-manager-certificates-key-manager"
	// FieldOwnerRequest creates CertificateRequests.
	FieldOwnerRequest = "cert-manager-certificates-request-manager"
)

// defaultCopiedAnnotations are the prefixes of the annotations that a
// CertificateRequest gets from its Certificate: all but those of tools that
// would take the request for their own.
var defaultCopiedAnnotations = []string{"*", "-kubectl.kubernetes.io/", "-fluxcd.io/", "-argocd.argoproj.io/"}

// RequestName is the name of the CertificateRequest of a revision.
func RequestName(certificate string, revision int) string {
	// The whole must stay a valid name, with room for the revision.
	const longest, kept = 233, 168
	if len(certificate) <= longest {
		return fmt.Sprintf("%s-%d", certificate, revision)
	}
	sum := sha256.Sum256([]byte(certificate))
	return fmt.Sprintf("%s-%s-%d", strings.TrimRight(certificate[:kept], "-."), hex.EncodeToString(sum[:]), revision)
}

// newRequest returns the CertificateRequest of a revision with the signing
// request csr, made with the key that is, or would be, in the Secret key.
func newRequest(crt *certsv1.Certificate, revision int, key string, csr []byte, copied []string) *certsv1.CertificateRequest {
	annotations := copiedAnnotations(crt.Annotations, copied)
	annotations[certsv1.CertificateNameKey] = crt.Name
	annotations[certsv1.CertificateRevisionKey] = strconv.Itoa(revision)
	annotations[certsv1.PrivateKeySecretKey] = key
	return &certsv1.CertificateRequest{
		ObjectMeta: metav1.ObjectMeta{
			Namespace:       crt.Namespace,
			Name:            RequestName(crt.Name, revision),
			Labels:          maps.Clone(crt.Labels),
			Annotations:     annotations,
			OwnerReferences: []metav1.OwnerReference{ownerOf(crt)},
		},
		Spec: certsv1.CertificateRequestSpec{
			Duration: crt.Spec.Duration, IssuerRef: crt.Spec.IssuerRef, Request: csr, IsCA: crt.Spec.IsCA, Usages: slices.Clone(crt.Spec.Usages),
		},
	}
}

// copiedAnnotations returns the entries of annotations that a prefix lets
// through and no prefix with a leading "-" holds back. "*" is every prefix.
func copiedAnnotations(annotations map[string]string, prefixes []string) map[string]string {
	out := map[string]string{}
	for key, value := range annotations {
		copied := false
		for _, p := range prefixes {
			if held, ok := strings.CutPrefix(p, "-"); ok {
				if strings.HasPrefix(key, held) {
					copied = false
					break
				}
				continue
			}
			copied = copied || p == "*" || strings.HasPrefix(key, p)
		}
		if copied {
			out[key] = value
		}
	}
	return out
}

func ownerOf(crt *certsv1.Certificate) metav1.OwnerReference {
	return *metav1.NewControllerRef(crt, certsv1.GroupVersion.WithKind(certsv1.CertificateKind))
}

// newKeySecret returns the Secret for a next private key.
func newKeySecret(crt *certsv1.Certificate, name string, key crypto.Signer) (*corev1.Secret, error) {
	data, err := certs.EncodeKey(key, certsv1.PKCS8)
	if err != nil {
		return nil, err
	}
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: crt.Namespace, Name: name,
			Labels:          map[string]string{certsv1.NextPrivateKeyKey: "true", certsv1.SecretManagedKey: "true"},
			OwnerReferences: []metav1.OwnerReference{ownerOf(crt)},
		},
		Data: map[string][]byte{cmmeta.TLSPrivateKeyKey: data},
	}, nil
}

// isNextKeyOf reports whether s is a Secret with a next private key that crt
// controls. Nothing else says which keys may be used: not a status, which
// others may write.
func isNextKeyOf(crt *certsv1.Certificate, s metav1.Object) bool {
	owner := metav1.GetControllerOf(s)
	return s.GetLabels()[certsv1.NextPrivateKeyKey] == "true" && owner != nil && owner.UID == crt.UID
}

// content is what goes into a target Secret.
type content struct {
	key, chain, ca []byte // PEM
	// annotations are those that do not come from the template.
	annotations map[string]string
	// keystores are entries of the data.
	keystores map[string][]byte
	// secretType is that of the Secret that is there, as it cannot be changed.
	secretType corev1.SecretType
	ownerRef   bool
}

// targetSecret returns exactly the fields of the target Secret that are ours.
func targetSecret(crt *certsv1.Certificate, c content) (*corev1ac.SecretApplyConfiguration, error) {
	labels, annotations := templateOf(&crt.Spec)
	labels[certsv1.SecretManagedKey] = "true"
	maps.Copy(annotations, c.annotations)
	data := map[string][]byte{cmmeta.TLSCertKey: c.chain, cmmeta.TLSPrivateKeyKey: c.key}
	if len(c.ca) > 0 {
		data[cmmeta.TLSCAKey] = c.ca
	}
	outputs, err := certs.OutputFormats(&crt.Spec, c.key, c.chain)
	if err != nil {
		return nil, err
	}
	maps.Copy(data, outputs)
	maps.Copy(data, c.keystores)
	out := corev1ac.Secret(crt.Spec.SecretName, crt.Namespace).
		WithLabels(labels).WithAnnotations(annotations).WithType(c.secretType).WithData(data)
	if c.ownerRef {
		out.WithOwnerReferences(metav1ac.OwnerReference().
			WithAPIVersion(certsv1.GroupVersion.String()).WithKind(certsv1.CertificateKind).
			WithName(crt.Name).WithUID(crt.UID).WithController(true).WithBlockOwnerDeletion(true))
	}
	return out, nil
}

// issuedContent is the answer to req with the key that it was made with.
func issuedContent(crt *certsv1.Certificate, req *certsv1.CertificateRequest, key crypto.Signer) (content, error) {
	chain, err := certs.DecodeChain(req.Status.Certificate)
	if err != nil {
		return content{}, err
	}
	if !certs.SamePublicKey(chain[0].PublicKey, key.Public()) {
		return content{}, fmt.Errorf("the certificate of CertificateRequest %s is for another key", req.Name)
	}
	encoded, err := certs.EncodeKey(key, encodingOf(crt))
	if err != nil {
		return content{}, err
	}
	annotations, err := certs.SecretAnnotations(crt.Name, &req.Spec.IssuerRef, chain[0])
	if err != nil {
		return content{}, err
	}
	return content{key: encoded, chain: req.Status.Certificate, ca: req.Status.CA, annotations: annotations}, nil
}

// encodingOf is the form in which the private key is stored.
func encodingOf(crt *certsv1.Certificate) certsv1.PrivateKeyEncoding {
	if p := crt.Spec.PrivateKey; p != nil && p.Encoding == certsv1.PKCS8 {
		return certsv1.PKCS8
	}
	return certsv1.PKCS1
}

// presentContent is what the target Secret holds already, but for keystores.
// Whose certificate it is stays as it says itself.
func (s State) presentContent(secret *corev1.Secret) (content, error) {
	chain, err := certs.DecodeChain(secret.Data[cmmeta.TLSCertKey])
	if err != nil {
		return content{}, err
	}
	annotations, err := certs.SecretAnnotations(s.Certificate.Name, nil, chain[0])
	if err != nil {
		return content{}, err
	}
	for _, key := range baseAnnotations {
		if value, ok := secret.Annotations[key]; ok {
			annotations[key] = value
		}
	}
	out := content{key: secret.Data[cmmeta.TLSPrivateKeyKey], chain: secret.Data[cmmeta.TLSCertKey], annotations: annotations}
	if slices.Contains(s.Secret.OwnedData, cmmeta.TLSCAKey) {
		out.ca = secret.Data[cmmeta.TLSCAKey]
	}
	if !s.encodingDiffers() {
		return out, nil
	}
	key, err := certs.DecodeKey(out.key)
	if err != nil {
		return content{}, err
	}
	out.key, err = certs.EncodeKey(key, encodingOf(s.Certificate))
	return out, err
}
