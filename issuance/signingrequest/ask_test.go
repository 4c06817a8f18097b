package signingrequest

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	certificatesv1 "k8s.io/api/certificates/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/certwright/certwright/certs"
	cmmeta "github.com/certwright/certwright/certs/meta/v1"
	certsv1 "github.com/certwright/certwright/certs/v1"
)

func TestAsk(t *testing.T) {
	full := certificatesv1.CertificateSigningRequest{
		ObjectMeta: metav1.ObjectMeta{Annotations: map[string]string{certsv1.SigningRequestIsCAKey: "true", certsv1.SigningRequestDurationKey: "24h"}},
		Spec: certificatesv1.CertificateSigningRequestSpec{
			Request: []byte("PEM"), Usages: []certificatesv1.KeyUsage{"cert sign", "server auth"},
			Username: "jane", UID: "7", Groups: []string{"dev"}, Extra: map[string]certificatesv1.ExtraValue{"scope": {"a", "b"}},
		},
	}
	spec, fail := Ask(&full, Signer{certsv1.IssuerKind, "team", "ca"})
	want := certsv1.CertificateRequestSpec{
		Request: []byte("PEM"), Usages: []certsv1.KeyUsage{certsv1.UsageCertSign, certsv1.UsageServerAuth}, IsCA: true,
		Duration:  &metav1.Duration{Duration: 24 * time.Hour},
		IssuerRef: cmmeta.IssuerReference{Name: "ca", Kind: "Issuer", Group: "cert-manager.io"},
		Username:  "jane", UID: "7", Groups: []string{"dev"}, Extra: map[string][]string{"scope": {"a", "b"}},
	}
	if diff := cmp.Diff(want, spec); diff != "" || fail != nil {
		t.Errorf("Ask() fails with %v (-want +got):\n%s", fail, diff)
	}
}

func TestDurationsAndCAs(t *testing.T) {
	seconds := func(n int32) *int32 { return &n }
	tests := map[string]struct {
		field  *int32
		notes  map[string]string
		want   time.Duration
		isCA   bool
		reason string
	}{
		"90 days if nothing is said":            {nil, nil, 90 * 24 * time.Hour, false, ""},
		"spec.expirationSeconds":                {seconds(3600), nil, time.Hour, false, ""},
		"the least that is signed":              {seconds(600), nil, 10 * time.Minute, false, ""},
		"less is refused":                       {seconds(599), nil, 0, false, ReasonInvalidDuration},
		"the annotation wins over the field":    {seconds(3600), map[string]string{certsv1.SigningRequestDurationKey: "48h"}, 48 * time.Hour, false, ""},
		"the annotation wins though it is less": {seconds(3600), map[string]string{certsv1.SigningRequestDurationKey: "1m"}, 0, false, ReasonInvalidDuration},
		"a negative duration is refused":        {nil, map[string]string{certsv1.SigningRequestDurationKey: "-24h"}, 0, false, ReasonInvalidDuration},
		"days are no unit":                      {nil, map[string]string{certsv1.SigningRequestDurationKey: "90d"}, 0, false, ReasonParseDuration},
		"an empty annotation is no duration":    {seconds(3600), map[string]string{certsv1.SigningRequestDurationKey: ""}, 0, false, ReasonParseDuration},
		"a CA is asked for with true":           {nil, map[string]string{certsv1.SigningRequestIsCAKey: "true"}, 90 * 24 * time.Hour, true, ""},
		"and with nothing else":                 {nil, map[string]string{certsv1.SigningRequestIsCAKey: "True"}, 90 * 24 * time.Hour, false, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			spec, fail := Ask(&certificatesv1.CertificateSigningRequest{
				ObjectMeta: metav1.ObjectMeta{Annotations: tt.notes}, Spec: certificatesv1.CertificateSigningRequestSpec{ExpirationSeconds: tt.field},
			}, Signer{})
			switch {
			case tt.reason != "":
				if fail == nil || fail.Reason != tt.reason {
					t.Errorf("Ask() fails with %v, want %s", fail, tt.reason)
				}
			case fail != nil:
				t.Errorf("Ask() fails with %v", fail)
			case spec.Duration.Duration != tt.want || spec.IsCA != tt.isCA:
				t.Errorf("Ask() = %s, CA %t, want %s, CA %t", spec.Duration.Duration, spec.IsCA, tt.want, tt.isCA)
			}
		})
	}
}

func TestAMessageStaysShortWhateverAnAnnotationHolds(t *testing.T) {
	_, fail := Ask(&certificatesv1.CertificateSigningRequest{ObjectMeta: metav1.ObjectMeta{
		Annotations: map[string]string{certsv1.SigningRequestDurationKey: strings.Repeat("x", 100_000)},
	}}, Signer{})
	if fail == nil || len(fail.Message) > 400 {
		t.Errorf("%.500v", fail)
	}
}

// The names are those of the Kubernetes API, so that what a CertificateRequest
// can ask for, a CertificateSigningRequest can too.
func TestEveryUsageOfKubernetesIsOurs(t *testing.T) {
	all := []certificatesv1.KeyUsage{
		certificatesv1.UsageSigning, certificatesv1.UsageDigitalSignature, certificatesv1.UsageContentCommitment,
		certificatesv1.UsageKeyEncipherment, certificatesv1.UsageKeyAgreement, certificatesv1.UsageDataEncipherment,
		certificatesv1.UsageCertSign, certificatesv1.UsageCRLSign, certificatesv1.UsageEncipherOnly, certificatesv1.UsageDecipherOnly,
		certificatesv1.UsageAny, certificatesv1.UsageServerAuth, certificatesv1.UsageClientAuth, certificatesv1.UsageCodeSigning,
		certificatesv1.UsageEmailProtection, certificatesv1.UsageSMIME, certificatesv1.UsageIPsecEndSystem,
		certificatesv1.UsageIPsecTunnel, certificatesv1.UsageIPsecUser, certificatesv1.UsageTimestamping,
		certificatesv1.UsageOCSPSigning, certificatesv1.UsageMicrosoftSGC, certificatesv1.UsageNetscapeSGC,
	}
	for i, u := range usages(all) {
		if !certs.ValidUsage(u) || string(u) != string(all[i]) {
			t.Errorf("%q becomes %q, which is not known", all[i], u)
		}
	}
}
