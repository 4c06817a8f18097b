package defaults_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/certwright/certwright/certs/defaults"
	cmmeta "github.com/certwright/certwright/certs/meta/v1"
	certsv1 "github.com/certwright/certwright/certs/v1"
)

func TestAdoption(t *testing.T) {
	for name, tt := range map[string]struct {
		kind    corev1.SecretType
		owner   string
		refused bool
	}{
		"made for certificates":        {kind: corev1.SecretTypeTLS},
		"of another, for certificates": {kind: corev1.SecretTypeTLS, owner: "other"},
		"already ours":                 {kind: corev1.SecretTypeOpaque, owner: "web"},
		"another's":                    {kind: corev1.SecretTypeOpaque, owner: "other", refused: true},
		"nobody's":                     {kind: corev1.SecretTypeOpaque, refused: true},
	} {
		secret := &corev1.Secret{Type: tt.kind}
		if tt.owner != "" {
			secret.Annotations = map[string]string{"cert-manager.io/certificate-name": tt.owner}
		}
		if got := defaults.Adoption("web", secret); (got != nil) != tt.refused {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestFill(t *testing.T) {
	house := cmmeta.IssuerReference{Name: "house", Kind: "ClusterIssuer", Group: "cert-manager.io"}
	for name, tt := range map[string]struct {
		raw  string
		spec certsv1.CertificateSpec
		want certsv1.CertificateSpec
	}{
		"all of a spec that is not there": {
			raw:  `{"metadata":{"name":"web"}}`,
			want: certsv1.CertificateSpec{SecretName: "web", IssuerRef: house},
		},
		"what is missing in a spec": {
			raw:  `{"metadata":{"name":"web"},"spec":{"secretName":"s"}}`,
			spec: certsv1.CertificateSpec{SecretName: "s"},
			want: certsv1.CertificateSpec{SecretName: "s", IssuerRef: house},
		},
		"nothing that is there": {
			raw:  `{"metadata":{"name":"web"},"spec":{"secretName":"s","issuerRef":{"name":"i"}}}`,
			spec: certsv1.CertificateSpec{SecretName: "s", IssuerRef: cmmeta.IssuerReference{Name: "i"}},
			want: certsv1.CertificateSpec{SecretName: "s", IssuerRef: cmmeta.IssuerReference{Name: "i"}},
		},
	} {
		patch, errs := defaults.Certificate([]byte(tt.raw), nil, defaults.Options{DefaultIssuer: &house})
		if len(errs) > 0 {
			t.Errorf("%s: %v", name, errs)
		}
		if err := defaults.Fill(&tt.spec, patch); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		// Whatever else is filled in means the same as its absence.
		got := certsv1.CertificateSpec{SecretName: tt.spec.SecretName, IssuerRef: tt.spec.IssuerRef}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
