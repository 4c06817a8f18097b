package acme

import (
	"crypto/x509"
	"encoding/json"
	"fmt"
	"time"
)

// SetRenewalInfo makes the server suggest to renew cert between start and end
// (ARI, RFC 9773). A window in the past means: now.
func (s *Server) SetRenewalInfo(cert *x509.Certificate, start, end time.Time) error {
	type window struct {
		Start time.Time `json:"start"`
		End   time.Time `json:"end"`
	}
	raw, err := json.Marshal(map[string]window{"suggestedWindow": {start.UTC(), end.UTC()}})
	if err != nil {
		return fmt.Errorf("encode: %w", err)
	}
	return s.SetRawRenewalInfo(cert, string(raw))
}

// SetRawRenewalInfo makes the server answer raw, well-formed or not, when it is
// asked for the renewal information of cert.
func (s *Server) SetRawRenewalInfo(cert *x509.Certificate, raw string) error {
	if err := s.store.SetARIResponse(cert.SerialNumber, raw); err != nil {
		return fmt.Errorf("set renewal info: %w", err)
	}
	return nil
}
