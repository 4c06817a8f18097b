package signingrequest

import (
	"strings"
	"testing"
	"time"

	certificatesv1 "k8s.io/api/certificates/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	cmmeta "github.com/certwright/certwright/certs/meta/v1"
	certsv1 "github.com/certwright/certwright/certs/v1"
	"github.com/certwright/certwright/issuance"
)

var noon = time.Date(2030, 1, 1, 12, 0, 0, 500, time.UTC)

const (
	ofIssuer  = "issuers.cert-manager.io/team.ca"
	ofCluster = "clusterissuers.cert-manager.io/ca"
)

func csr(signer string, conditions ...certificatesv1.RequestConditionType) *certificatesv1.CertificateSigningRequest {
	r := &certificatesv1.CertificateSigningRequest{
		ObjectMeta: metav1.ObjectMeta{Name: "web", UID: "u"},
		Spec:       certificatesv1.CertificateSigningRequestSpec{SignerName: signer},
	}
	for _, c := range conditions {
		r.Status.Conditions = append(r.Status.Conditions, certificatesv1.CertificateSigningRequestCondition{Type: c, Status: "True"})
	}
	return r
}

func with(r *certificatesv1.CertificateSigningRequest, change func(*certificatesv1.CertificateSigningRequest)) *certificatesv1.CertificateSigningRequest {
	change(r)
	return r
}

func issuer(ready cmmeta.ConditionStatus) certsv1.GenericIssuer {
	i := &certsv1.Issuer{}
	if ready != "" {
		i.Status.SetCondition(certsv1.IssuerCondition{Type: certsv1.IssuerConditionReady, Status: ready, Message: "no key pair"}, metav1.NewTime(noon))
	}
	return i
}

func TestDecide(t *testing.T) {
	ca, slow := issuance.Kind{Name: "ca", SigningRequests: true}, issuance.Kind{Name: "acme"}
	approved, denied, failed := certificatesv1.CertificateApproved, certificatesv1.CertificateDenied, certificatesv1.CertificateFailed
	annotated := func(signer, key, value string) *certificatesv1.CertificateSigningRequest {
		return with(csr(signer, approved), func(r *certificatesv1.CertificateSigningRequest) { r.Annotations = map[string]string{key: value} })
	}
	tests := map[string]struct {
		state State
		want  string
		says  string // part of the message
	}{
		"an approved request for a ready Issuer is signed": {
			State{Object: csr(ofIssuer, approved), Issuer: issuer("True"), Kind: ca, HasKind: true, MayReference: true}, "sign", "",
		},
		"a ClusterIssuer is for everybody": {
			State{Object: csr(ofCluster, approved), Issuer: issuer("True"), Kind: ca, HasKind: true}, "sign", "",
		},
		"another signer's request is left alone": {
			State{Object: csr("kubernetes.io/kubelet-serving", approved), Issuer: issuer("True"), Kind: ca, HasKind: true, MayReference: true}, "leave", "",
		},
		"a request with a certificate is left alone": {
			State{Object: with(csr(ofCluster, approved), func(r *certificatesv1.CertificateSigningRequest) { r.Status.Certificate = []byte("x") }), Issuer: issuer("True"), Kind: ca, HasKind: true}, "leave", "",
		},
		"a denied request is left alone": {
			State{Object: csr(ofCluster, denied), Issuer: issuer("True"), Kind: ca, HasKind: true}, "leave", "",
		},
		"a failed request is left alone, approved or not": {
			State{Object: csr(ofCluster, approved, failed), Issuer: issuer("True"), Kind: ca, HasKind: true}, "leave", "",
		},
		"a request that is going away is left alone": {
			State{Object: with(csr(ofCluster, approved), func(r *certificatesv1.CertificateSigningRequest) { r.DeletionTimestamp = &metav1.Time{Time: noon} }), Issuer: issuer("True"), Kind: ca, HasKind: true}, "leave", "",
		},
		"nothing is signed before it is approved": {
			State{Object: csr(ofIssuer), Issuer: issuer("True"), Kind: ca, HasKind: true, MayReference: true}, "wait: WaitingApproval", "until it is Approved",
		},
		"a request waits for an Issuer that is not there": {
			State{Object: csr(ofIssuer, approved)}, "wait: IssuerNotFound", `Issuer "ca" does not exist in namespace "team"`,
		},
		"a request waits for a ClusterIssuer that is not there": {
			State{Object: csr(ofCluster, approved)}, "wait: IssuerNotFound", `ClusterIssuer "ca" does not exist`,
		},
		"a signer name without a namespace is told how to have one": {
			State{Object: csr("issuers.cert-manager.io/ca", approved)}, "wait: IssuerNotFound", "issuers.cert-manager.io/<namespace>.<name>",
		},
		"an issuer of no type we know is told": {
			State{Object: csr(ofCluster, approved), Issuer: issuer("True")}, "wait: IssuerTypeMissing", "",
		},
		"an issuer type that cannot serve such requests is told": {
			State{Object: csr(ofCluster, approved), Issuer: issuer("True"), Kind: slow, HasKind: true}, "wait: IssuerTypeUnsupported", "type acme",
		},
		"an issuer type that is switched off is left to others": {
			State{Object: csr(ofCluster, approved), Issuer: issuer("True"), Kind: ca, HasKind: true, Off: true}, "leave", "",
		},
		"a creator who may not use the Issuer gets nothing, and is told the remedy": {
			State{Object: csr(ofIssuer, approved), Issuer: issuer("True"), Kind: ca, HasKind: true}, "fail: DeniedReference", `verb reference on signers.cert-manager.io named "ca" or "*"`,
		},
		"permission counts before readiness": {
			State{Object: csr(ofIssuer, approved), Issuer: issuer("False"), Kind: ca, HasKind: true}, "fail: DeniedReference", "",
		},
		"permission counts before the duration": {
			State{Object: annotated(ofIssuer, certsv1.SigningRequestDurationKey, "soon"), Issuer: issuer("True"), Kind: ca, HasKind: true}, "fail: DeniedReference", "",
		},
		"a duration that is none fails": {
			State{Object: annotated(ofCluster, certsv1.SigningRequestDurationKey, "soon"), Issuer: issuer("True"), Kind: ca, HasKind: true}, "fail: ErrorParseDuration", `"soon"`,
		},
		"a duration that is too short fails, whether the issuer is ready or not": {
			State{Object: annotated(ofCluster, certsv1.SigningRequestDurationKey, "599s"), Issuer: issuer("False"), Kind: ca, HasKind: true}, "fail: InvalidDuration", "9m59s",
		},
		"a request waits for an issuer that is not ready, and says why it is not": {
			State{Object: csr(ofCluster, approved), Issuer: issuer("False"), Kind: ca, HasKind: true}, "wait: IssuerNotReady", "no key pair",
		},
		"an issuer that nobody has looked at yet is not ready": {
			State{Object: csr(ofCluster, approved), Issuer: issuer(""), Kind: ca, HasKind: true}, "wait: IssuerNotReady", "",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tt.state.Signer, _ = ParseSigner(tt.state.Object.Spec.SignerName)
			d := Decide(tt.state)
			if d.String() != tt.want {
				t.Errorf("Decide() = %s, want %s", d, tt.want)
			}
			message, eventType := "", ""
			switch d := d.(type) {
			case Wait:
				message, eventType = d.Event.Message, d.Event.Type
			case Fail:
				message = d.Message
			default: // says nothing
			}
			if !strings.Contains(message, tt.says) {
				t.Errorf("message %q, want %q in it", message, tt.says)
			}
			if warning := eventType == "Warning"; eventType != "" && warning == (d.String() == "wait: WaitingApproval") {
				t.Errorf("%s is told as %s", d, eventType)
			}
		})
	}
}
