package ca

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"

	"github.com/certwright/certwright/certs"
	cmmeta "github.com/certwright/certwright/certs/meta/v1"
	certsv1 "github.com/certwright/certwright/certs/v1"
	"github.com/certwright/certwright/issuance"
)

// Reasons of the Ready condition of an Issuer, and of events.
const (
	ReasonVerified       = "KeyPairVerified"
	ReasonGetKeyPair     = "ErrGetKeyPair"
	ReasonInvalidKeyPair = "ErrInvalidKeyPair"

	ReasonSecretMissing     = "SecretMissing"
	ReasonSecretInvalidData = "SecretInvalidData"
	ReasonSecretGetError    = "SecretGetError"
	ReasonSigning           = "SigningError"
)

const (
	keyPairPrefix = "Error getting keypair for CA issuer: "
	parsePrefix   = "Failed to parse signing CA keypair: "
	// again is how long to wait after the API server did not answer, or until
	// the Secret of an issuer that counts as ready is looked at again.
	again = 10 * time.Second
)

// Kind returns the CA issuer, which reads its key pairs through secrets.
func Kind(secrets Secrets, now clock.PassiveClock) issuance.Kind {
	i := &Issuer{Secrets: secrets, Clock: now}
	return issuance.Kind{
		Name:            "ca",
		Configured:      func(spec *certsv1.IssuerSpec) bool { return spec.CA != nil },
		Secrets:         func(spec *certsv1.IssuerSpec) []string { return []string{spec.CA.SecretName} },
		AtOnce:          true,
		SigningRequests: true,
		Issuer:          i,
		Checker:         i,
	}
}

// An Issuer signs with, and checks, the CA key pairs of all CA issuers.
type Issuer struct {
	Secrets Secrets
	Clock   clock.PassiveClock

	cache cache
}

// load returns the key pair in the Secret of that name.
func (i *Issuer) load(ctx context.Context, namespace, name string) (*signer, error) {
	key := types.NamespacedName{Namespace: namespace, Name: name}
	if uid, version, ok := i.Secrets.Version(namespace, name); ok {
		if s, ok := i.cache.get(key, uid, version); ok {
			return s, nil
		}
	}
	secret, err := i.Secrets.Get(ctx, namespace, name)
	if err != nil {
		i.cache.forget(key)
		return nil, err
	}
	s, err := parse(secret)
	if err != nil {
		i.cache.forget(key)
		return nil, err
	}
	i.cache.put(key, entry{secret.UID, secret.ResourceVersion, s})
	return s, nil
}

// Check reports whether the Secret of issuer holds the key pair of a CA that has
// not expired, and asks for another look when it does.
func (i *Issuer) Check(ctx context.Context, issuer certsv1.GenericIssuer, namespace string) (issuance.Readiness, error) {
	s, err := i.load(ctx, namespace, issuer.GetSpec().CA.SecretName)
	switch {
	case apierrors.IsNotFound(err), errors.Is(err, errInvalid):
		return issuance.Readiness{
			Status: cmmeta.ConditionFalse, Reason: ReasonGetKeyPair, Message: keyPairPrefix + err.Error(),
			Event: ReasonGetKeyPair, Retry: true,
		}, nil
	case err != nil:
		return issuance.Readiness{}, fmt.Errorf("read the key pair of the CA: %w", err)
	}
	found := issuance.Readiness{Status: cmmeta.ConditionTrue, Reason: ReasonVerified, Message: "Signing CA verified", Event: ReasonVerified}
	if s.certificate.IsCA {
		found.CA = s.certificate
	}
	now := i.Clock.Now()
	if why := s.unusable(now); why != "" {
		found.Status, found.Reason, found.Message, found.Event = cmmeta.ConditionFalse, ReasonInvalidKeyPair, keyPairPrefix+why, ReasonInvalidKeyPair
		return found, nil
	}
	// A timer that ends too early leads to one more look.
	found.After = max(s.certificate.NotAfter.Sub(now), time.Second)
	return found, nil
}

// Sign signs req with the CA of its issuer.
func (i *Issuer) Sign(ctx context.Context, req issuance.Request) (issuance.Outcome, error) {
	spec := req.Issuer.GetSpec().CA
	s, err := i.load(ctx, req.Namespace, spec.SecretName)
	switch {
	case apierrors.IsNotFound(err):
		return issuance.Pending{
			Reason:  ReasonSecretMissing,
			Message: fmt.Sprintf("Referenced secret %s/%s not found", req.Namespace, spec.SecretName),
			After:   again,
		}, nil
	case errors.Is(err, errInvalid):
		return issuance.Pending{Reason: ReasonSecretInvalidData, Message: parsePrefix + err.Error(), After: again}, nil
	case err != nil:
		return issuance.Pending{Reason: ReasonSecretGetError, Message: "Failed to get the signing CA keypair: " + err.Error(), After: again}, nil
	}
	now := i.Clock.Now()
	if why := s.unusable(now); why != "" {
		// The Secret has changed, or the CA has expired, since the issuer was
		// found to be ready. With a good CA in the Secret, req is signed.
		return issuance.Pending{Reason: ReasonSecretInvalidData, Message: parsePrefix + why, After: again}, nil
	}
	template, err := certs.Template(&req.Object.Spec, req.CSR, now)
	if err != nil {
		return issuance.Refused{Reason: ReasonSigning, Message: "Error generating certificate template: " + err.Error()}, nil
	}
	template.CRLDistributionPoints = spec.CRLDistributionPoints
	template.OCSPServer = spec.OCSPServers
	template.IssuingCertificateURL = spec.IssuingCertificateURLs
	chain, root, err := s.sign(template)
	if err != nil {
		return issuance.Refused{Reason: ReasonSigning, Message: "Error signing certificate: " + err.Error()}, nil
	}
	return issuance.Issued{Chain: chain, CA: root}, nil
}

// sign signs template and puts the certificate under its chain.
func (s *signer) sign(template *x509.Certificate) (chain []*x509.Certificate, root *x509.Certificate, err error) {
	if s.broken != nil {
		return nil, nil, s.broken
	}
	leaf, err := certs.Sign(template, s.certificate, template.PublicKey, s.key)
	if err != nil {
		return nil, nil, err
	}
	return append([]*x509.Certificate{leaf}, s.above...), s.top, nil
}
