package request

import (
	"context"
	"fmt"

	"github.com/certwright/certwright/certs"
	"github.com/certwright/certwright/issuance"
)

// Fulfil asks the issuer of req to sign, and refuses an answer that is not a
// certificate for the key of the signing request.
func Fulfil(ctx context.Context, kinds []issuance.Kind, req issuance.Request) (issuance.Outcome, error) {
	kind, ok := issuance.KindOf(kinds, req.Issuer.GetSpec())
	if !ok {
		return issuance.Pending{Reason: EventTypeMissing, Message: "Missing issuer type: the referenced issuer has none that this program knows"}, nil
	}
	outcome, err := kind.Issuer.Sign(ctx, req)
	if err != nil {
		return nil, fmt.Errorf("%s issuer: %w", kind.Name, err)
	}
	issued, ok := outcome.(issuance.Issued)
	if !ok {
		return outcome, nil
	}
	if len(issued.Chain) == 0 {
		return issuance.Refused{Reason: EventDecodeError, Message: "Failed to decode returned certificate: the issuer returned none"}, nil
	}
	if !certs.SamePublicKey(issued.Chain[0].PublicKey, req.CSR.PublicKey) {
		return issuance.Refused{Reason: EventDecodeError, Message: "Failed to decode returned certificate: its public key is not that of the signing request"}, nil
	}
	return issued, nil
}
