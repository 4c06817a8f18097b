package acme

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"strings"

	acmev1 "github.com/certwright/certwright/certs/acme/v1"
)

// maxPrefix leaves room for a dash and ten digits in 63 characters.
const maxPrefix = 52

// OrderName is the name of the Order for the CertificateRequest named request:
// the same for the same spec.
func OrderName(request string, spec acmev1.OrderSpec) (string, error) {
	spec.Request = nil
	var hashed any = spec
	if len(request) >= maxPrefix {
		hashed = struct {
			CertificateRequestName string           `json:"certificateRequestName"`
			Spec                   acmev1.OrderSpec `json:"spec"`
		}{request, spec}
	}
	return derivedName(request, hashed)
}

// ChallengeName is the name of the Challenge of the Order named order: the same
// for the same spec.
func ChallengeName(order string, spec acmev1.ChallengeSpec) (string, error) {
	spec.Key = ""
	var hashed any = spec
	if len(order) >= maxPrefix {
		hashed = struct {
			OrderName string               `json:"orderName"`
			Spec      acmev1.ChallengeSpec `json:"spec"`
		}{order, spec}
	}
	return derivedName(order, hashed)
}

func derivedName(prefix string, hashed any) (string, error) {
	text, err := json.Marshal(hashed)
	if err != nil {
		return "", fmt.Errorf("name after %s: %w", prefix, err)
	}
	h := fnv.New32()
	_, _ = h.Write(text) // never fails
	if len(prefix) > maxPrefix {
		prefix = prefix[:maxPrefix]
	}
	return fmt.Sprintf("%s-%d", strings.TrimRight(prefix, "-."), h.Sum32()), nil
}
