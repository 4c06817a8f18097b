package ca

import (
	"bytes"
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/certwright/certwright/certs"
	cmmeta "github.com/certwright/certwright/certs/meta/v1"
)

// Secrets is what a CA needs to know of the cluster's Secrets.
type Secrets interface {
	// Version returns the UID and the resource version of a Secret as far as
	// the watch knows.
	Version(namespace, name string) (types.UID, string, bool)
	// Get reads a Secret live.
	Get(ctx context.Context, namespace, name string) (*corev1.Secret, error)
}

// errInvalid says that a Secret holds no usable key pair.
var errInvalid = errors.New("invalid key pair")

// A signer is a parsed CA key pair.
type signer struct {
	certificate *x509.Certificate
	key         crypto.Signer
	// above is what follows a leaf in its chain: certificate and its own chain,
	// without a self-signed root.
	above []*x509.Certificate
	// top is the root if it is known, else the highest certificate.
	top *x509.Certificate
	// broken says why there is no chain.
	broken error
}

// parse reads the key pair in s. Its errors wrap errInvalid and never quote
// what the Secret holds.
func parse(s *corev1.Secret) (*signer, error) {
	for _, key := range []string{cmmeta.TLSCertKey, cmmeta.TLSPrivateKeyKey} {
		if len(s.Data[key]) == 0 {
			return nil, fmt.Errorf("%w: Secret %s/%s has no %s", errInvalid, s.Namespace, s.Name, key)
		}
	}
	chain, err := certs.DecodeChain(s.Data[cmmeta.TLSCertKey])
	if err != nil {
		return nil, fmt.Errorf("%w: %s of Secret %s/%s: %w", errInvalid, cmmeta.TLSCertKey, s.Namespace, s.Name, err)
	}
	key, err := certs.DecodeKey(s.Data[cmmeta.TLSPrivateKeyKey])
	if err != nil {
		return nil, fmt.Errorf("%w: %s of Secret %s/%s: %w", errInvalid, cmmeta.TLSPrivateKeyKey, s.Namespace, s.Name, err)
	}
	if !certs.SamePublicKey(key.Public(), chain[0].PublicKey) {
		return nil, fmt.Errorf("%w: Secret %s/%s: the private key is not that of the certificate", errInvalid, s.Namespace, s.Name)
	}
	out := &signer{certificate: chain[0], key: key}
	if data := s.Data[cmmeta.TLSCAKey]; len(data) > 0 {
		roots, err := certs.DecodeChain(data)
		if err != nil {
			return nil, fmt.Errorf("%w: %s of Secret %s/%s: %w", errInvalid, cmmeta.TLSCAKey, s.Namespace, s.Name, err)
		}
		chain = append(chain, roots[0])
	}
	out.link(chain)
	return out, nil
}

// unusable says why s must not sign at now: nobody could verify what it signs.
func (s *signer) unusable(now time.Time) string {
	switch {
	case !s.certificate.IsCA:
		return "certificate is not a CA"
	case now.After(s.certificate.NotAfter):
		return "certificate has expired on " + s.certificate.NotAfter.UTC().Format(time.RFC3339)
	default:
		return ""
	}
}

// link puts the chain of s in order, once for all leaves: their own link is
// known, as s makes it.
func (s *signer) link(certificates []*x509.Certificate) {
	chain, top, err := certs.BuildChain(certificates)
	switch {
	case err != nil:
		s.broken = err
	case !bytes.Equal(lowest(chain, top).Raw, s.certificate.Raw):
		s.broken = certs.ErrBrokenChain
	case top == nil: // an intermediate whose issuer is not known
		s.above, s.top = chain, chain[0]
	case len(chain) == 1 && chain[0] == top: // a root alone
		s.top = top
	default:
		s.above, s.top = chain, top
	}
}

func lowest(chain []*x509.Certificate, top *x509.Certificate) *x509.Certificate {
	if len(chain) > 0 {
		return chain[0]
	}
	return top
}

// maxSigners bounds the cache. More CAs than that are parsed anew each time.
const maxSigners = 256

// A cache holds parsed signers by the name of their Secret.
type cache struct {
	mu      sync.Mutex
	entries map[types.NamespacedName]entry
}

type entry struct {
	uid     types.UID
	version string
	signer  *signer
}

func (c *cache) get(name types.NamespacedName, uid types.UID, version string) (*signer, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.entries[name]
	if !ok || e.uid != uid || e.version != version {
		return nil, false
	}
	return e.signer, true
}

func (c *cache) put(name types.NamespacedName, e entry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.entries == nil {
		c.entries = map[types.NamespacedName]entry{}
	}
	if _, ok := c.entries[name]; !ok && len(c.entries) >= maxSigners {
		for evicted := range c.entries { // any one: the order of a map is random
			delete(c.entries, evicted)
			break
		}
	}
	c.entries[name] = e
}

// forget drops the key pair of a Secret that is gone or has become unusable.
func (c *cache) forget(name types.NamespacedName) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.entries, name)
}
