// Package selfsigned signs every certificate with its own private key. That key
// is taken from memory where the caller has it, else from the Secret that the
// request names: in the namespace of a CertificateRequest; in that of the
// issuer's Secrets for a Kubernetes CertificateSigningRequest, which has none.
package selfsigned

import (
	"context"
	"crypto"
	"crypto/x509"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/utils/clock"

	"github.com/certwright/certwright/certs"
	cmmeta "github.com/certwright/certwright/certs/meta/v1"
	certsv1 "github.com/certwright/certwright/certs/v1"
	"github.com/certwright/certwright/issuance"
)

// Reasons of the Ready condition of an Issuer, and of events.
const (
	ReasonReady = "IsReady"

	ReasonMissingAnnotation = "MissingAnnotation"
	ReasonMissingSecret     = "MissingSecret"
	ReasonSecretNotFound    = "SecretNotFound" // the same, of a CertificateSigningRequest
	ReasonGettingSecret     = "ErrorGettingSecret"
	ReasonParsingKey        = "ErrorParsingKey"
	ReasonGenerating        = "ErrorGenerating"
	ReasonPublicKey         = "ErrorPublicKey"
	ReasonKeyMatch          = "ErrorKeyMatch"
	ReasonSigning           = "ErrorSigning"
	ReasonBadConfig         = "BadConfig"
)

// again is how long to wait after the API server did not answer.
const again = 10 * time.Second

// Secrets reads Secrets.
type Secrets interface {
	// Get reads a Secret live.
	Get(ctx context.Context, namespace, name string) (*corev1.Secret, error)
}

// Events tells users about their objects.
type Events interface {
	Event(object runtime.Object, eventType, reason, message string)
}

// Kind returns the self-signing issuer.
func Kind(secrets Secrets, events Events, now clock.PassiveClock) issuance.Kind {
	i := &Issuer{Secrets: secrets, Events: events, Clock: now}
	return issuance.Kind{
		Name:            "selfSigned",
		Configured:      func(spec *certsv1.IssuerSpec) bool { return spec.SelfSigned != nil },
		Secrets:         func(*certsv1.IssuerSpec) []string { return nil },
		AtOnce:          true,
		SigningRequests: true,
		Issuer:          i,
		Checker:         i,
	}
}

// An Issuer signs each request with the request's own key.
type Issuer struct {
	Secrets Secrets
	Events  Events
	Clock   clock.PassiveClock
}

// Check finds that a self-signing issuer is always ready.
func (*Issuer) Check(context.Context, certsv1.GenericIssuer, string) (issuance.Readiness, error) {
	return issuance.Readiness{Status: cmmeta.ConditionTrue, Reason: ReasonReady}, nil
}

// Sign signs req with its own private key.
func (i *Issuer) Sign(ctx context.Context, req issuance.Request) (issuance.Outcome, error) {
	key := req.Key
	if key == nil {
		var outcome issuance.Outcome
		if key, outcome = i.key(ctx, req); outcome != nil {
			return outcome, nil
		}
	}
	template, err := certs.Template(&req.Object.Spec, req.CSR, i.Clock.Now())
	if err != nil {
		return issuance.Refused{Reason: ReasonGenerating, Message: "Error generating certificate template: " + err.Error()}, nil
	}
	if algorithm, _ := certs.DescribeKey(key.Public()); algorithm == "" {
		return issuance.Refused{Reason: ReasonPublicKey, Message: fmt.Sprintf("Failed to get public key from private key: keys of type %T are not supported", key)}, nil
	}
	if !certs.SamePublicKey(key.Public(), req.CSR.PublicKey) {
		return issuance.Refused{Reason: ReasonKeyMatch, Message: "Error generating certificate template: the private key in the referenced Secret is not the one that made the signing request"}, nil
	}
	template.CRLDistributionPoints = req.Issuer.GetSpec().SelfSigned.CRLDistributionPoints
	certificate, err := certs.Sign(template, template, key.Public(), key)
	if err != nil {
		return issuance.Refused{Reason: ReasonSigning, Message: "Error signing certificate: " + err.Error()}, nil
	}
	if len(certificate.Subject.Names) == 0 {
		i.Events.Event(req.Asker(), corev1.EventTypeWarning, ReasonBadConfig,
			"The certificate has an empty subject, so its issuer name is empty too, which contravenes RFC 5280 section 4.1.2.4; some programs refuse it. Set spec.commonName or spec.subject")
	}
	return issuance.Issued{Chain: []*x509.Certificate{certificate}, CA: certificate}, nil
}

// A reference names the Secret with the private key of a request.
type reference struct {
	namespace, name string
	// annotation is where the name comes from.
	annotation string
	// missing is the reason that is given if there is no such Secret.
	missing string
}

func referenceOf(req issuance.Request) reference {
	r := reference{namespace: req.Object.Namespace, annotation: certsv1.PrivateKeySecretKey, missing: ReasonMissingSecret}
	if req.Origin != nil {
		r = reference{namespace: req.Namespace, annotation: certsv1.SigningRequestPrivateKeySecretKey, missing: ReasonSecretNotFound}
	}
	r.name = req.Asker().GetAnnotations()[r.annotation]
	return r
}

// key reads the private key of req from the Secret that it names, or says why
// it cannot.
func (i *Issuer) key(ctx context.Context, req issuance.Request) (crypto.Signer, issuance.Outcome) {
	ref := referenceOf(req)
	if ref.name == "" {
		return nil, issuance.Refused{
			Reason:  ReasonMissingAnnotation,
			Message: fmt.Sprintf("Annotation %q missing or reference empty: a self-signing issuer needs to know the private key", ref.annotation),
		}
	}
	if len(validation.NameIsDNSSubdomain(ref.name, false)) > 0 {
		return nil, issuance.Refused{
			Reason:  ReasonMissingAnnotation,
			Message: fmt.Sprintf("Annotation %q does not name a Secret: there can be none called %.100q", ref.annotation, ref.name),
		}
	}
	secret, err := i.Secrets.Get(ctx, ref.namespace, ref.name)
	switch {
	case apierrors.IsNotFound(err):
		return nil, issuance.Pending{Reason: ref.missing, Message: fmt.Sprintf("Referenced secret %s/%s not found", ref.namespace, ref.name)}
	case err != nil:
		return nil, issuance.Pending{Reason: ReasonGettingSecret, Message: "Failed to get the private key: " + err.Error(), After: again}
	}
	key, err := certs.DecodeKey(secret.Data[cmmeta.TLSPrivateKeyKey])
	if err != nil {
		return nil, issuance.Pending{Reason: ReasonParsingKey, Message: fmt.Sprintf("Failed to parse %s of Secret %s/%s: %s", cmmeta.TLSPrivateKeyKey, ref.namespace, ref.name, err)}
	}
	return key, nil
}
