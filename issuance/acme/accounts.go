package acme

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/certwright/certwright/certs"
	acmev1 "github.com/certwright/certwright/certs/acme/v1"
	cmmeta "github.com/certwright/certwright/certs/meta/v1"
	certsv1 "github.com/certwright/certwright/certs/v1"
	"github.com/certwright/certwright/issuance/acme/exchange"
)

// ErrNotRegistered says that an issuer has no usable account yet, or that its
// key is just being changed. The issuer's Checker takes care of it.
var ErrNotRegistered = errors.New("the issuer's ACME account is not registered yet")

// Accounts gives every registered issuer the client of its account. The Secret
// with the key is read once for as long as issuer and account stay the same.
type Accounts struct {
	// Secrets reads Secrets past the cache.
	Secrets client.Reader
	// Clients holds the clients.
	Clients *exchange.Clients
}

// Client returns the client of issuer's account. Secrets are in namespace.
func (a *Accounts) Client(ctx context.Context, issuer certsv1.GenericIssuer, namespace string) (*exchange.Client, error) {
	if _, err := Registered(issuer); err != nil {
		return nil, err
	}
	spec, status := issuer.GetSpec().ACME, issuer.GetStatus().ACME
	account := accountOf(spec, status.URI)
	identity := exchange.Identity(account, status.LastPrivateKeyHash)
	if c, ok := a.Clients.Find(issuer.GetUID(), identity); ok {
		return c, nil
	}
	key, err := readKey(ctx, a.Secrets, accountKey(spec), namespace)
	if err != nil {
		return nil, err
	}
	if hash, err := keyHash(key); err != nil || hash != status.LastPrivateKeyHash {
		return nil, errors.Join(ErrNotRegistered, err)
	}
	account.Key = key
	return a.Clients.Keep(issuer.GetUID(), identity, account)
}

// Registered returns the URI of issuer's account, or why it has none.
func Registered(issuer certsv1.GenericIssuer) (string, error) {
	if issuer.GetSpec().ACME == nil {
		return "", errors.New("the issuer is not an ACME issuer")
	}
	status := issuer.GetStatus().ACME
	if status == nil || status.URI == "" || status.LastPrivateKeyHash == "" {
		return "", ErrNotRegistered
	}
	return status.URI, nil
}

func accountOf(spec *acmev1.ACMEIssuer, uri string) exchange.Account {
	return exchange.Account{Server: spec.Server, CABundle: spec.CABundle, SkipTLSVerify: spec.SkipTLSVerify, URI: uri}
}

// errNoKey and errBadKey tell the states of an account Secret apart.
var (
	errNoKey  = errors.New("holds no such entry")
	errBadKey = errors.New("holds no usable private key")
)

// readKey reads an account key.
func readKey(ctx context.Context, from client.Reader, ref cmmeta.SecretKeySelector, namespace string) (crypto.Signer, error) {
	var secret corev1.Secret
	if err := from.Get(ctx, types.NamespacedName{Namespace: namespace, Name: ref.Name}, &secret); err != nil {
		return nil, fmt.Errorf("account key: %w", err)
	}
	data, ok := secret.Data[ref.Key]
	if !ok {
		return nil, fmt.Errorf("account key: Secret %q, entry %q: %w", ref.Name, ref.Key, errNoKey)
	}
	key, err := certs.DecodeKey(data)
	if err != nil {
		return nil, fmt.Errorf("account key: Secret %q, entry %q: %w: %w", ref.Name, ref.Key, errBadKey, err)
	}
	if err := exchange.CheckKey(key); err != nil {
		return nil, fmt.Errorf("account key: Secret %q, entry %q: %w: %w", ref.Name, ref.Key, errBadKey, err)
	}
	return key, nil
}

// keyHash is what status.acme.lastPrivateKeyHash holds.
func keyHash(key crypto.Signer) (string, error) {
	var der []byte
	switch k := key.(type) {
	case *rsa.PrivateKey:
		der = x509.MarshalPKCS1PrivateKey(k)
	case *ecdsa.PrivateKey:
		var err error
		if der, err = x509.MarshalECPrivateKey(k); err != nil {
			return "", fmt.Errorf("encode account key: %w", err)
		}
	default:
		return "", fmt.Errorf("account key of type %T", key)
	}
	sum := sha256.Sum256(der)
	return base64.StdEncoding.EncodeToString(sum[:]), nil
}

// ResourceNamespace is where the Secrets of an issuer are.
func ResourceNamespace(issuer certsv1.GenericIssuer, clusterResourceNamespace string) string {
	if issuer.GetNamespace() != "" {
		return issuer.GetNamespace()
	}
	return clusterResourceNamespace
}
