// Package keystore writes what is in a target Secret, the key, its chain and
// the CAs, as keystores and trust stores for programs that do not read PEM:
// Java's JKS, and PKCS#12 (RFC 7292).
//
// What it writes is never the same twice, as it is salted: whoever compares
// compares what it was made from.
package keystore

import (
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"strconv"

	"github.com/certwright/certwright/certs"
	cmmeta "github.com/certwright/certwright/certs/meta/v1"
	certsv1 "github.com/certwright/certwright/certs/v1"
)

// Keys of a target Secret's data. The trust stores are there only if ca.crt is.
const (
	JKSKey         = "keystore.jks"
	JKSTrustKey    = "truststore.jks"
	PKCS12Key      = "keystore.p12"
	PKCS12TrustKey = "truststore.p12"
)

// A Format is a file format.
type Format string

// The formats.
const (
	JKS    Format = "jks"
	PKCS12 Format = "pkcs12"
)

// Formats returns all formats.
func Formats() []Format { return []Format{JKS, PKCS12} }

// Keys returns where in the Secret's data keystore and trust store go.
func (f Format) Keys() (store, trust string) {
	if f == JKS {
		return JKSKey, JKSTrustKey
	}
	return PKCS12Key, PKCS12TrustKey
}

// DefaultAlias is the name of the private key in a JKS.
const DefaultAlias = "certificate"

const (
	// maxPassword bounds a password in bytes, which is hashed thousands of
	// times over.
	maxPassword = 1024
	// maxAlias bounds the name of a key in bytes.
	maxAlias = 1024
)

// A Wish is a keystore that a Certificate asks for.
type Wish struct {
	Format Format
	// Alias is the name of the private key in a JKS.
	Alias string
	// Profile names the algorithms of a PKCS#12 file.
	Profile certsv1.PKCS12Profile
	// PasswordRef names the entry of the Secret with the password. Without a
	// name, the password is Literal.
	PasswordRef cmmeta.SecretKeySelector
	Literal     string
}

// Wishes returns the keystores that spec asks for, one of a format at most,
// with defaults filled in.
func Wishes(spec *certsv1.CertificateSpec) []Wish {
	if spec.Keystores == nil {
		return nil
	}
	var out []Wish
	if k := spec.Keystores.JKS; k != nil && k.Create {
		w := Wish{Format: JKS, Alias: DefaultAlias}
		if k.Alias != nil && *k.Alias != "" {
			w.Alias = *k.Alias
		}
		w.setPassword(k.PasswordSecretRef, k.Password)
		out = append(out, w)
	}
	if k := spec.Keystores.PKCS12; k != nil && k.Create {
		w := Wish{Format: PKCS12, Profile: certsv1.LegacyRC2PKCS12Profile}
		if k.Profile != "" {
			w.Profile = k.Profile
		}
		w.setPassword(k.PasswordSecretRef, k.Password)
		out = append(out, w)
	}
	return out
}

func (w *Wish) setPassword(ref *cmmeta.SecretKeySelector, literal *string) {
	switch {
	case ref != nil && ref.Name != "":
		w.PasswordRef = *ref
	case literal != nil:
		w.Literal = *literal
	}
}

// Check reports why the keystore cannot be made with password, however good key
// and certificates are. The error never quotes the password.
func (w Wish) Check(password []byte) error {
	switch {
	case len(password) == 0:
		return errors.New("the password is empty")
	case len(password) > maxPassword:
		return fmt.Errorf("the password is longer than %d bytes", maxPassword)
	}
	if w.Format == JKS {
		return checkJKS(w.Alias, password)
	}
	return checkPKCS12(w.Profile, password)
}

// A Content is what goes into keystores, as PEM.
type Content struct {
	// Key is tls.key, Chain tls.crt, CA ca.crt, which may be empty.
	Key, Chain, CA []byte
}

// content is a Content, parsed.
type content struct {
	key       crypto.Signer
	chain, ca []*x509.Certificate
}

func (c Content) parse() (content, error) {
	key, err := certs.DecodeKey(c.Key)
	if err != nil {
		return content{}, err
	}
	chain, err := certs.DecodeChain(c.Chain)
	if err != nil {
		return content{}, err
	}
	out := content{key: key, chain: chain}
	if len(c.CA) > 0 {
		if out.ca, err = certs.DecodeChain(c.CA); err != nil {
			return content{}, fmt.Errorf("CA: %w", err)
		}
	}
	return out, nil
}

// Build makes keystore and, where the CA is known, trust store. It returns them
// under their keys in the Secret's data.
func (w Wish) Build(c Content, password []byte) (map[string][]byte, error) {
	if err := w.Check(password); err != nil {
		return nil, err
	}
	parsed, err := c.parse()
	if err != nil {
		return nil, err
	}
	build := buildPKCS12
	if w.Format == JKS {
		build = buildJKS
	}
	store, trust, err := build(w, parsed, password)
	if err != nil {
		return nil, fmt.Errorf("%s keystore: %w", w.Format, err)
	}
	storeKey, trustKey := w.Format.Keys()
	out := map[string][]byte{storeKey: store}
	if trust != nil {
		out[trustKey] = trust
	}
	return out, nil
}

// caAliases returns n names for CAs, of which none is taken.
func caAliases(n int, taken string) []string {
	var out []string
	for i := 0; len(out) < n; i++ {
		name := "ca"
		if i > 0 {
			name += "-" + strconv.Itoa(i)
		}
		if name != taken {
			out = append(out, name)
		}
	}
	return out
}
