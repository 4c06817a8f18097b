package signingrequest

import (
	"context"
	"fmt"

	authorizationv1 "k8s.io/api/authorization/v1"
	certificatesv1 "k8s.io/api/certificates/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	certsv1 "github.com/certwright/certwright/certs/v1"
)

// Reviews asks the API server what users may do.
type Reviews interface {
	Create(context.Context, *authorizationv1.SubjectAccessReview, metav1.CreateOptions) (*authorizationv1.SubjectAccessReview, error)
}

// mayReference asks whether the creator of csr may use the Issuer signer. The
// answer is not remembered: a request is answered once.
func mayReference(ctx context.Context, reviews Reviews, csr *certificatesv1.CertificateSigningRequest, signer Signer) (bool, error) {
	for _, name := range []string{signer.Name, "*"} {
		review, err := reviews.Create(ctx, accessReview(csr, signer.Namespace, name), metav1.CreateOptions{})
		if err != nil {
			return false, fmt.Errorf("ask whether the creator may use the issuer: %w", err)
		}
		if review.Status.Allowed && !review.Status.Denied {
			return true, nil
		}
	}
	return false, nil
}

// accessReview asks whether the creator of csr may use the issuers of that name.
func accessReview(csr *certificatesv1.CertificateSigningRequest, namespace, name string) *authorizationv1.SubjectAccessReview {
	review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
		User: csr.Spec.Username, UID: csr.Spec.UID, Groups: csr.Spec.Groups,
		ResourceAttributes: &authorizationv1.ResourceAttributes{
			Group: certsv1.GroupName, Version: "*", Resource: "signers", Verb: "reference", Namespace: namespace, Name: name,
		},
	}}
	if len(csr.Spec.Extra) > 0 {
		review.Spec.Extra = make(map[string]authorizationv1.ExtraValue, len(csr.Spec.Extra))
		for key, values := range csr.Spec.Extra {
			review.Spec.Extra[key] = authorizationv1.ExtraValue(values)
		}
	}
	return review
}
