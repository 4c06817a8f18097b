package signingrequest

import (
	"fmt"

	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"

	certsv1 "github.com/certwright/certwright/certs/v1"
	"github.com/certwright/certwright/issuance/request"
)

// Reasons of events, and of the Failed condition, beside those of package
// request and of the issuers.
const (
	ReasonWaiting         = "WaitingApproval"
	ReasonTypeUnsupported = "IssuerTypeUnsupported"
	ReasonDeniedReference = "DeniedReference"
	ReasonParseDuration   = "ErrorParseDuration"
	ReasonInvalidDuration = "InvalidDuration"
	// ReasonNotPermitted says that this program may not sign for the issuer:
	// verb sign on signers.certificates.k8s.io.
	ReasonNotPermitted = "SigningNotPermitted"
)

// Decide passes a request through the gates, in order; the first that applies
// decides.
func Decide(s State) Decision {
	switch {
	case !Open(s.Object):
		return Leave{}
	case !has(s.Object, certificatesv1.CertificateApproved):
		return Wait{request.Event{Type: corev1.EventTypeNormal, Reason: ReasonWaiting, Message: "Not signing CertificateSigningRequest until it is Approved"}}
	case s.Issuer == nil:
		return warn(request.EventNotFound, missing(s.Signer))
	case !s.HasKind:
		return warn(request.EventTypeMissing, "Missing issuer type: the referenced issuer has none that this program knows")
	case s.Off:
		return Leave{}
	case !s.Kind.SigningRequests:
		return warn(ReasonTypeUnsupported, fmt.Sprintf("Issuers of type %s do not sign CertificateSigningRequests here; a CertificateRequest for the same issuer is signed", s.Kind.Name))
	case s.Signer.Kind == certsv1.IssuerKind && !s.MayReference:
		return Fail{ReasonDeniedReference, fmt.Sprintf(
			"The creator of this request may not use the Issuer %s in namespace %s: grant the verb reference on signers.%s named %q or \"*\" there",
			s.Signer.Name, s.Signer.Namespace, certsv1.GroupName, s.Signer.Name)}
	}
	spec, fail := Ask(s.Object, s.Signer)
	switch {
	case fail != nil:
		return *fail
	case !request.IssuerReady(s.Issuer):
		return warn(request.EventNotReady, request.NotReadyMessage(s.Issuer))
	default:
		return Sign{spec}
	}
}

func warn(reason, message string) Wait {
	return Wait{request.Event{Type: corev1.EventTypeWarning, Reason: reason, Message: message}}
}

// missing says that there is no such issuer, and where it should be.
func missing(s Signer) string {
	switch {
	case s.Kind == certsv1.ClusterIssuerKind:
		return fmt.Sprintf("Referenced %q not found: ClusterIssuer %q does not exist", s.Kind, s.Name)
	case s.Namespace == "":
		return fmt.Sprintf("Referenced %q not found: the signer name of an Issuer is %s<namespace>.<name>", s.Kind, issuers)
	default:
		return fmt.Sprintf("Referenced %q not found: Issuer %q does not exist in namespace %q", s.Kind, s.Name, s.Namespace)
	}
}
