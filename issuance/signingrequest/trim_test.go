package signingrequest

import (
	"testing"

	certificatesv1 "k8s.io/api/certificates/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestTrim(t *testing.T) {
	open := with(csr(ofCluster, certificatesv1.CertificateApproved), func(r *certificatesv1.CertificateSigningRequest) {
		r.Annotations = map[string]string{"experimental.cert-manager.io/private-key-secret-name": "key", "else": "bulky"}
		r.Labels = map[string]string{"bulky": ""}
		r.Spec.Request, r.Spec.Groups = []byte("bulky"), []string{"bulky"}
		r.Status.Conditions[0].Message = "bulky"
	})
	done := with(open.DeepCopy(), func(r *certificatesv1.CertificateSigningRequest) { r.Status.Certificate = []byte("bulky") })
	foreign := with(open.DeepCopy(), func(r *certificatesv1.CertificateSigningRequest) { r.Spec.SignerName = "kubernetes.io/kubelet-serving" })
	for name, tt := range map[string]struct {
		full        *certificatesv1.CertificateSigningRequest
		open        bool
		annotations int
	}{
		"an open request keeps what wakes it":     {open, true, 1},
		"a signed one keeps that it is":           {done, false, 0},
		"another signer's keeps whose it is":      {foreign, false, 0},
		"a denied one keeps that it is":           {with(open.DeepCopy(), func(r *certificatesv1.CertificateSigningRequest) { r.Status.Conditions[0].Type = "Denied" }), false, 0},
		"one that is going away keeps that it is": {with(open.DeepCopy(), func(r *certificatesv1.CertificateSigningRequest) { r.DeletionTimestamp = &metav1.Time{Time: noon} }), false, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			trimmed, err := Trim(tt.full)
			small, ok := trimmed.(*certificatesv1.CertificateSigningRequest)
			if err != nil || !ok {
				t.Fatal(trimmed, err)
			}
			if Open(small) != Open(tt.full) || Open(small) != tt.open || len(small.Annotations) != tt.annotations {
				t.Errorf("open %t before, %t after, annotations %v", Open(tt.full), Open(small), small.Annotations)
			}
			if small.Name != tt.full.Name || small.UID != tt.full.UID || small.Spec.SignerName != tt.full.Spec.SignerName {
				t.Errorf("%+v", small)
			}
			if len(small.Spec.Request)+len(small.Spec.Groups)+len(small.Labels) > 0 || len(small.Status.Certificate) > 1 || small.Status.Conditions[0].Message != "" {
				t.Errorf("bulky: %+v", small)
			}
		})
	}
	if got, err := Trim("a tombstone"); got != "a tombstone" || err != nil {
		t.Errorf("what is not a request becomes %v, %v", got, err)
	}
}
