package shim

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Reasons of events on an Ingress, Gateway or ListenerSet.
const (
	ReasonCreate = "CreateCertificate"
	ReasonUpdate = "UpdateCertificate"
	ReasonDelete = "DeleteCertificate"
	// ReasonBadConfig says that the object cannot be followed as written.
	ReasonBadConfig = "BadConfig"
)

// maxMessage bounds the text of an event.
const maxMessage = 1024

// A Problem is what the user has to be told: a warning event on the object.
type Problem struct {
	Reason  string
	Message string
}

// Refusal is the Problem of a Certificate that the API server did not take.
func Refusal(certificate string, err error) Problem {
	return problem(ReasonBadConfig, fmt.Sprintf("Certificate %q was refused: %v", certificate, err))
}

func badConfig(prefix string, errs field.ErrorList) Problem {
	return problem(ReasonBadConfig, prefix+errs.ToAggregate().Error())
}

// details joins what errs explain.
func details(errs field.ErrorList) string {
	var texts []string
	for _, e := range errs {
		texts = append(texts, e.Detail)
	}
	return strings.Join(texts, ", ")
}

// problem cuts the message to what an event can hold.
func problem(reason, message string) Problem {
	message = strings.ToValidUTF8(message, "\uFFFD")
	if len(message) > maxMessage {
		cut := maxMessage - len("…")
		for !utf8.RuneStart(message[cut]) {
			cut--
		}
		message = message[:cut] + "…"
	}
	return Problem{Reason: reason, Message: message}
}
