package certificate

import (
	"context"
	"errors"
	"testing"
	"time"

	certsv1 "github.com/certwright/certwright/certs/v1"
)

// TestSlowKeysDoNotHoldUpQuickOnes: RSA keys of one tenant take minutes.
func TestSlowKeysDoNotHoldUpQuickOnes(t *testing.T) {
	t.Parallel()
	m := newKeyMaker()
	for range cap(m.slots) {
		m.slots <- struct{}{} // all are making RSA keys
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for _, algorithm := range []certsv1.PrivateKeyAlgorithm{certsv1.ECDSAKeyAlgorithm, certsv1.Ed25519KeyAlgorithm} {
		if _, err := m.make(ctx, &certsv1.CertificatePrivateKey{Algorithm: algorithm}); err != nil {
			t.Errorf("%s: %v", algorithm, err)
		}
	}
}

// TestKeysAreNotWaitedForAtTheEnd: the program stops within seconds.
func TestKeysAreNotWaitedForAtTheEnd(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		// Long enough for the test, and not much longer: it goes on beside the others.
		_, err := newKeyMaker().make(ctx, &certsv1.CertificatePrivateKey{Algorithm: certsv1.RSAKeyAlgorithm, Size: 4096})
		done <- err
	}()
	time.AfterFunc(10*time.Millisecond, cancel)
	select {
	case err := <-done:
		if !errors.Is(err, context.Canceled) {
			t.Errorf("error is %v", err)
		}
	case <-time.After(time.Second):
		t.Error("still waiting a second later")
	}
}
