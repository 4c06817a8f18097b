package signingrequest

import (
	certificatesv1 "k8s.io/api/certificates/v1"

	certsv1 "github.com/certwright/certwright/certs/v1"
	"github.com/certwright/certwright/issuance"
	"github.com/certwright/certwright/issuance/request"
)

// A State is all that is known about a request.
type State struct {
	// Object was read live.
	Object *certificatesv1.CertificateSigningRequest
	// Signer is what its signer name means.
	Signer Signer
	// Issuer is nil if there is none of that name.
	Issuer certsv1.GenericIssuer
	// Kind is the way in which Issuer signs, if HasKind.
	Kind    issuance.Kind
	HasKind bool
	// Off says that we were told to leave requests of that Kind to others.
	Off bool
	// MayReference says that the creator may use Issuer. It is only known, and
	// only looked at, where everything up to that gate is fine.
	MayReference bool
}

// A Decision is one of Leave, Wait, Fail and Sign.
type Decision interface {
	// String says what is decided, for the log.
	String() string
}

type (
	// Leave has nothing left to do.
	Leave struct{}
	// Wait tells Event, once. Whatever ends the wait comes by a watch.
	Wait struct{ Event request.Event }
	// Fail ends the request for good.
	Fail struct{ Reason, Message string }
	// Sign asks the issuer.
	Sign struct {
		Spec certsv1.CertificateRequestSpec
	}
)

func (Leave) String() string  { return "leave" }
func (w Wait) String() string { return "wait: " + w.Event.Reason }
func (f Fail) String() string { return "fail: " + f.Reason }
func (Sign) String() string   { return "sign" }

// Open reports whether csr is for an issuer of ours and not answered.
func Open(csr *certificatesv1.CertificateSigningRequest) bool {
	_, ours := ParseSigner(csr.Spec.SignerName)
	return ours && csr.DeletionTimestamp.IsZero() && len(csr.Status.Certificate) == 0 &&
		!has(csr, certificatesv1.CertificateDenied) && !has(csr, certificatesv1.CertificateFailed)
}

// has reports whether csr has the condition, which is never there but True.
func has(csr *certificatesv1.CertificateSigningRequest, condition certificatesv1.RequestConditionType) bool {
	for _, c := range csr.Status.Conditions {
		if c.Type == condition {
			return true
		}
	}
	return false
}
