package signingrequest

import (
	certificatesv1 "k8s.io/api/certificates/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	certsv1 "github.com/certwright/certwright/certs/v1"
)

// Trim is a transform for the cache of CertificateSigningRequests, which holds
// those of all signers of the cluster. It leaves what tells whether a request
// is open and what could change that: everything else is read live. Of a
// certificate one byte is left. What is cached so must not be written back.
func Trim(obj any) (any, error) {
	full, ok := obj.(*certificatesv1.CertificateSigningRequest)
	if !ok {
		return obj, nil
	}
	small := &certificatesv1.CertificateSigningRequest{
		TypeMeta: full.TypeMeta,
		ObjectMeta: metav1.ObjectMeta{
			Name: full.Name, UID: full.UID, ResourceVersion: full.ResourceVersion, DeletionTimestamp: full.DeletionTimestamp,
		},
		Spec: certificatesv1.CertificateSigningRequestSpec{SignerName: full.Spec.SignerName},
	}
	if secret := full.Annotations[certsv1.SigningRequestPrivateKeySecretKey]; secret != "" && Open(full) {
		small.Annotations = map[string]string{certsv1.SigningRequestPrivateKeySecretKey: secret}
	}
	for _, c := range full.Status.Conditions {
		small.Status.Conditions = append(small.Status.Conditions, certificatesv1.CertificateSigningRequestCondition{Type: c.Type, Status: c.Status})
	}
	if len(full.Status.Certificate) > 0 {
		small.Status.Certificate = []byte{full.Status.Certificate[0]}
	}
	return small, nil
}
