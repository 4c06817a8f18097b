package certificate

import (
	"context"
	"crypto"
	"runtime"

	"github.com/certwright/certwright/certs"
	certsv1 "github.com/certwright/certwright/certs/v1"
)

// A keyMaker makes private keys; RSA keys, which take from a tenth of a second
// to minutes, no more at a time than there are processors, so that they do not
// hold up everything else. Other keys take no time.
type keyMaker struct {
	slots chan struct{}
}

func newKeyMaker() *keyMaker {
	return &keyMaker{slots: make(chan struct{}, runtime.GOMAXPROCS(0))}
}

func (m *keyMaker) make(ctx context.Context, p *certsv1.CertificatePrivateKey) (crypto.Signer, error) {
	if algorithm, _ := certs.KeyParameters(p); algorithm != certsv1.RSAKeyAlgorithm {
		return certs.GenerateKey(p)
	}
	select {
	case m.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	type result struct {
		key crypto.Signer
		err error
	}
	made := make(chan result, 1)
	go func() { // nothing stops it once it has begun; a program that ends must not wait
		defer func() { <-m.slots }()
		key, err := certs.GenerateKey(p)
		made <- result{key, err}
	}()
	select {
	case r := <-made:
		return r.key, r.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}
