package acme

import (
	"crypto/x509"
	"fmt"
	"maps"
	"net"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	acmev1 "github.com/certwright/certwright/certs/acme/v1"
	certsv1 "github.com/certwright/certwright/certs/v1"
)

// AccountKey is the annotation of an Order that holds the URI of the account
// that the issuer had when the Order was made. An Order of another account can
// only fail; this tells why.
const AccountKey = "certwright.dev/acme-account"

// desiredOrder is the Order for one request. It is the same whenever it is
// asked for.
func desiredOrder(req *certsv1.CertificateRequest, csr *x509.CertificateRequest, issuer certsv1.GenericIssuer) (*acmev1.Order, error) {
	spec := issuer.GetSpec().ACME
	o := &acmev1.Order{
		ObjectMeta: metav1.ObjectMeta{
			Namespace:   req.Namespace,
			Labels:      maps.Clone(req.Labels),
			Annotations: maps.Clone(req.Annotations),
			OwnerReferences: []metav1.OwnerReference{
				*metav1.NewControllerRef(req, certsv1.GroupVersion.WithKind(certsv1.CertificateRequestKind)),
			},
		},
		Spec: acmev1.OrderSpec{
			Request:    req.Spec.Request,
			IssuerRef:  req.Spec.IssuerRef.WithDefaults(),
			CommonName: csr.Subject.CommonName,
			DNSNames:   csr.DNSNames,
			Profile:    spec.Profile,
		},
	}
	for _, ip := range csr.IPAddresses {
		o.Spec.IPAddresses = append(o.Spec.IPAddresses, ip.String())
	}
	if spec.EnableDurationFeature {
		o.Spec.Duration = req.Spec.Duration
	}
	name, err := OrderName(req.Name, o.Spec)
	if err != nil {
		return nil, err
	}
	o.Name = name
	delete(o.Annotations, corev1.LastAppliedConfigAnnotation)
	if status := issuer.GetStatus().ACME; status != nil && status.URI != "" {
		if o.Annotations == nil {
			o.Annotations = map[string]string{}
		}
		o.Annotations[AccountKey] = status.URI
	}
	return o, nil
}

// checkCommonName: the CA takes the common name from the names that it checked.
func checkCommonName(csr *x509.CertificateRequest) error {
	cn := csr.Subject.CommonName
	if cn == "" || slices.Contains(csr.DNSNames, cn) {
		return nil
	}
	if ip := net.ParseIP(cn); ip != nil && slices.ContainsFunc(csr.IPAddresses, ip.Equal) {
		return nil
	}
	return fmt.Errorf("the CSR PEM requests a commonName that is not present in the list of dnsNames or ipAddresses. "+
		"If a commonName is set, ACME requires that the value is also present in the list of dnsNames or ipAddresses: %q does not exist in %v or %v",
		cn, csr.DNSNames, csr.IPAddresses)
}
