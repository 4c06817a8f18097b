package certs

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
)

const pemCertificate = "CERTIFICATE"

// DecodeChain reads all certificates in data, which is PEM. Blocks of another
// type are refused: a private key in the wrong place must be noticed.
func DecodeChain(data []byte) ([]*x509.Certificate, error) {
	if err := checkSize("certificate chain", data, MaxBundleSize); err != nil {
		return nil, err
	}
	var chain []*x509.Certificate
	for rest := data; ; {
		var block *pem.Block
		block, rest = pem.Decode(rest)
		if block == nil {
			if len(chain) == 0 {
				return nil, errors.New("no certificate found: not PEM")
			}
			return chain, nil
		}
		if block.Type != pemCertificate {
			return nil, fmt.Errorf("PEM block %.40q is not a certificate", block.Type)
		}
		if len(chain) == MaxChainLength {
			return nil, fmt.Errorf("more than %d certificates", MaxChainLength)
		}
		if err := checkSize("certificate", block.Bytes, MaxCertificateSize); err != nil {
			return nil, err
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("parse certificate: %w", err)
		}
		chain = append(chain, certificate)
	}
}

// EncodeChain writes certificates as PEM, in the given order.
func EncodeChain(chain ...*x509.Certificate) []byte {
	var out bytes.Buffer
	for _, certificate := range chain {
		// A bytes.Buffer does not fail.
		_ = pem.Encode(&out, &pem.Block{Type: pemCertificate, Bytes: certificate.Raw})
	}
	return out.Bytes()
}

// ErrBrokenChain says that certificates do not link to one single chain.
var ErrBrokenChain = errors.New("certificate chain is malformed or broken")

// BuildChain puts certificates, given in any order and perhaps twice, into the
// order in which they sign each other. The chain begins with the leaf and ends
// before a self-signed root. The CA is the top: the root if it is among them,
// else the highest certificate if there are several, else nil. A self-signed
// certificate alone is both.
func BuildChain(certificates []*x509.Certificate) (chain []*x509.Certificate, ca *x509.Certificate, err error) {
	if len(certificates) > MaxChainLength {
		return nil, nil, fmt.Errorf("more than %d certificates", MaxChainLength)
	}
	var set []*x509.Certificate
	seen := make(map[string]bool, len(certificates))
	for _, certificate := range certificates {
		if raw := string(certificate.Raw); !seen[raw] {
			seen[raw] = true
			set = append(set, certificate)
		}
	}
	if len(set) == 0 {
		return nil, nil, ErrBrokenChain
	}
	bySubject := make(map[string][]*x509.Certificate, len(set))
	for _, certificate := range set {
		bySubject[string(certificate.RawSubject)] = append(bySubject[string(certificate.RawSubject)], certificate)
	}
	issuer := make(map[*x509.Certificate]*x509.Certificate, len(set))
	signs := make(map[*x509.Certificate]bool, len(set))
	for _, certificate := range set {
		for _, candidate := range bySubject[string(certificate.RawIssuer)] {
			if !signed(candidate, certificate) {
				continue
			}
			if issuer[certificate] != nil {
				return nil, nil, ErrBrokenChain // two ways up
			}
			issuer[certificate] = candidate
			if candidate != certificate {
				signs[candidate] = true
			}
		}
	}
	var leaf *x509.Certificate
	for _, certificate := range set {
		if !signs[certificate] {
			if leaf != nil {
				return nil, nil, ErrBrokenChain // two leaves
			}
			leaf = certificate
		}
	}
	if leaf == nil {
		return nil, nil, ErrBrokenChain // they sign each other in a circle
	}
	for top := leaf; ; top = issuer[top] {
		chain = append(chain, top)
		if issuer[top] == nil || issuer[top] == top {
			break
		}
	}
	if len(chain) != len(set) {
		return nil, nil, ErrBrokenChain
	}
	top := chain[len(chain)-1]
	switch {
	case len(chain) == 1 && issuer[top] == nil:
		return chain, nil, nil
	case len(chain) > 1 && issuer[top] == top:
		return chain[:len(chain)-1], top, nil
	default:
		return chain, top, nil
	}
}

// signed reports whether parent's key made child's signature.
func signed(parent, child *x509.Certificate) bool {
	return bytes.Equal(child.RawIssuer, parent.RawSubject) &&
		parent.CheckSignature(child.SignatureAlgorithm, child.RawTBSCertificate, child.Signature) == nil
}
