// Package issuance says what an issuer is. Every way to sign (ca, selfsigned,
// acme, later vault and venafi) implements Issuer and Checker and is one Kind
// in the slice that cmd/certwright lists; package request asks it to sign,
// package readiness asks it whether it could, package certificate keeps
// Certificates supplied.
package issuance

import (
	"context"
	"crypto"
	"crypto/x509"
	"time"

	certificatesv1 "k8s.io/api/certificates/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	acmev1 "github.com/certwright/certwright/certs/acme/v1"
	cmmeta "github.com/certwright/certwright/certs/meta/v1"
	certsv1 "github.com/certwright/certwright/certs/v1"
)

// An Issuer signs requests.
type Issuer interface {
	// Sign answers req with Issued, Pending or Refused. It is called again with
	// the same req until it answers Issued or Refused, so it must be safe to
	// repeat: ordering twice at the CA because we crashed once is a bug. An
	// error means that the answer is unknown; the caller retries with backoff.
	Sign(ctx context.Context, req Request) (Outcome, error)
}

// A Request is one approved CertificateRequest, or Kubernetes
// CertificateSigningRequest, together with the issuer that it names. All of it
// is read-only.
type Request struct {
	// Object is the CertificateRequest. With an Origin it is not in the API and
	// has no more than a spec, which says what Origin asks for.
	Object *certsv1.CertificateRequest
	// Origin is the CertificateSigningRequest that asks, nil if it is Object.
	// Only issuers of a Kind with SigningRequests see one.
	Origin *certificatesv1.CertificateSigningRequest
	// CSR is Object.Spec.Request, parsed, its signature checked.
	CSR *x509.CertificateRequest
	// Issuer is the Ready Issuer or ClusterIssuer.
	Issuer certsv1.GenericIssuer
	// Namespace is where the issuer's Secrets are: its own, or the cluster
	// resource namespace.
	Namespace string
	// Key is the private key of the CSR where the caller holds it in memory,
	// else nil. Only a self-signing issuer has a use for it.
	Key crypto.Signer
}

// Asker returns the object in the API that asks: events are about it, and its
// annotations count.
func (r Request) Asker() client.Object {
	if r.Origin != nil {
		return r.Origin
	}
	return r.Object
}

// An Outcome is one of Issued, Pending or Refused.
type Outcome interface{ outcome() }

type (
	// Issued is the signed chain.
	Issued struct {
		// Chain is the certificate and its intermediates, leaf first, without
		// a self-signed root.
		Chain []*x509.Certificate
		// CA is the top of the chain where the issuer knows it; may be nil.
		CA *x509.Certificate
	}
	// Pending says that there is no answer yet.
	Pending struct {
		// Reason is the event's reason, Message what the user sees.
		Reason, Message string
		// After is how long to wait until Sign is called again. Zero waits for
		// an event: the issuer or something that the request owns changes.
		After time.Duration
	}
	// Refused is final: the same request fails again.
	Refused struct{ Reason, Message string }
)

func (Issued) outcome()  {}
func (Pending) outcome() {}
func (Refused) outcome() {}

// A Checker finds out whether an issuer could sign.
type Checker interface {
	// Check looks at issuer, whose Secrets are in namespace. It takes at most
	// two minutes. An error means that the answer is unknown.
	Check(ctx context.Context, issuer certsv1.GenericIssuer, namespace string) (Readiness, error)
}

// A Readiness is what Check found.
type Readiness struct {
	// Status, Reason and Message make up the Ready condition.
	Status          cmmeta.ConditionStatus
	Reason, Message string
	// ACME replaces status.acme where it is not nil.
	ACME *acmev1.ACMEIssuerStatus
	// Event, where not empty, is the reason of an event with Message: Warning
	// unless Status is True.
	Event string
	// Retry asks for another check after a back-off. Without it, only a change
	// of the issuer or of a Secret that it names leads to one, or After.
	Retry bool
	// After is how long to wait at least (Retry-After), with Retry. Without it,
	// when to check again though nothing changes; zero is never.
	After time.Duration
	// CA is what the issuer signs with, where it has a CA of its own that could
	// be read, whatever Status is. Its dates are told as metrics.
	CA *x509.Certificate
}

// A Kind is one way to sign.
type Kind struct {
	// Name is the field of IssuerSpec: acme, ca, vault, selfSigned or venafi.
	Name string
	// Configured reports whether spec is of this kind.
	Configured func(spec *certsv1.IssuerSpec) bool
	// Secrets lists the names of the Secrets that spec refers to.
	Secrets func(spec *certsv1.IssuerSpec) []string
	// AtOnce says that Sign never answers Pending for a request of a ready
	// issuer, so that a Certificate can be issued in one pass.
	AtOnce bool
	// SigningRequests says that Sign needs nothing of a CertificateRequest but
	// its spec, so that it can serve Kubernetes CertificateSigningRequests too:
	// it owns nothing through one and remembers nothing in one.
	SigningRequests bool
	// Issuer signs.
	Issuer Issuer
	// Checker checks.
	Checker Checker
}

// KindOf returns the first of kinds that spec is configured for.
func KindOf(kinds []Kind, spec *certsv1.IssuerSpec) (Kind, bool) {
	for _, k := range kinds {
		if k.Configured(spec) {
			return k, true
		}
	}
	return Kind{}, false
}
