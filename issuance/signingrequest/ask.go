package signingrequest

import (
	"fmt"
	"time"

	certificatesv1 "k8s.io/api/certificates/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/certwright/certwright/certs"
	cmmeta "github.com/certwright/certwright/certs/meta/v1"
	certsv1 "github.com/certwright/certwright/certs/v1"
)

// MinDuration is the shortest lifetime that is signed. Kubernetes has the same
// bound for spec.expirationSeconds.
const MinDuration = 600 * time.Second

// Ask returns what csr asks for in the terms of a CertificateRequest, or why
// that can never be signed.
func Ask(csr *certificatesv1.CertificateSigningRequest, signer Signer) (certsv1.CertificateRequestSpec, *Fail) {
	duration, fail := duration(csr)
	if fail != nil {
		return certsv1.CertificateRequestSpec{}, fail
	}
	return certsv1.CertificateRequestSpec{
		Request:   csr.Spec.Request,
		Duration:  &metav1.Duration{Duration: duration},
		IsCA:      csr.Annotations[certsv1.SigningRequestIsCAKey] == "true",
		Usages:    usages(csr.Spec.Usages),
		IssuerRef: cmmeta.IssuerReference{Name: signer.Name, Kind: signer.Kind, Group: certsv1.GroupName},
		Username:  csr.Spec.Username,
		UID:       csr.Spec.UID,
		Groups:    csr.Spec.Groups,
		Extra:     extra(csr.Spec.Extra),
	}, nil
}

// duration returns the lifetime that csr asks for. The annotation wins, as it
// can say more than the field.
func duration(csr *certificatesv1.CertificateSigningRequest) (time.Duration, *Fail) {
	d, from := certs.DefaultDuration, "spec.expirationSeconds"
	if seconds := csr.Spec.ExpirationSeconds; seconds != nil {
		d = time.Duration(*seconds) * time.Second
	}
	if text, ok := csr.Annotations[certsv1.SigningRequestDurationKey]; ok {
		from = "annotation " + certsv1.SigningRequestDurationKey
		var err error
		if d, err = time.ParseDuration(text); err != nil {
			return 0, &Fail{ReasonParseDuration, fmt.Sprintf("Failed to parse requested duration: %s is %.100q, which is no duration such as 2160h", from, text)}
		}
	}
	if d < MinDuration {
		return 0, &Fail{ReasonInvalidDuration, fmt.Sprintf("Invalid requested duration: %s asks for %s, the least is %s", from, d, MinDuration)}
	}
	return d, nil
}

// usages translates key usages: both APIs have the same names.
func usages(in []certificatesv1.KeyUsage) []certsv1.KeyUsage {
	var out []certsv1.KeyUsage
	for _, u := range in {
		out = append(out, certsv1.KeyUsage(u))
	}
	return out
}

func extra(in map[string]certificatesv1.ExtraValue) map[string][]string {
	out := make(map[string][]string, len(in))
	for key, values := range in {
		out[key] = values
	}
	return out
}
