package certificate

import (
	"context"
	"crypto"
	"runtime"

	"github.com/certwright/certwright/certs"
	certsv1 "github.com/certwright/certwright/certs/v1"
)

// A keyMaker makes private keys, no more at a time than there are processors,
// so that many RSA keys do not hold up everything else.
type keyMaker struct {
	slots chan struct{}
}

func newKeyMaker() *keyMaker {
	return &keyMaker{slots: make(chan struct{}, runtime.GOMAXPROCS(0))}
}

func (m *keyMaker) make(ctx context.Context, p *certsv1.CertificatePrivateKey) (crypto.Signer, error) {
	select {
	case m.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	defer func() { <-m.slots }()
	return certs.GenerateKey(p)
}
