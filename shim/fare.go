package shim

import (
	"fmt"
	"strings"
	"time"
	"unicode"

	cmmeta "github.com/certwright/certwright/certs/meta/v1"
	certsv1 "github.com/certwright/certwright/certs/v1"
)

// Reasons of events that tell how the Certificates of an object fare.
const (
	// ReasonFailed carries a failed issuance up to the object.
	ReasonFailed = "CertificateFailed"
	// ReasonPending carries up what an issuance has been waiting for.
	ReasonPending = "CertificatePending"
	// ReasonReady says that what was told by one of the others is over.
	ReasonReady = "CertificateReady"
)

// patience is how long an issuance may wait before its user is told what for.
// Usually it is over by then, ACME included, and what it waited for was nothing
// that anybody had to mend.
const patience = 20 * time.Second

// A Fare is how a Certificate fares, for those who look at what asked for it.
// The conditions of the Certificate carry the innermost cause, so nothing else
// has to be read.
type Fare struct {
	// Certificate by its name.
	Certificate string
	// Trouble keeps it from being issued. Nil if nothing does, or nothing that
	// is worth a word yet.
	Trouble *Problem
	// Well says that it is issued, and nothing is under way.
	Well bool
}

// Fares are how the Certificates that src owns fare. again is when time alone
// may change that; zero if it does not.
func Fares(src *Source, current []*certsv1.Certificate, now time.Time) (fares []Fare, again time.Time) {
	for _, crt := range current {
		if !Owns(src, crt) {
			continue
		}
		f := Fare{Certificate: crt.Name}
		trouble, due := Trouble(crt)
		switch {
		case trouble == Problem{}:
			f.Well = isReady(crt)
		case now.Before(due):
			if again.IsZero() || due.Before(again) {
				again = due
			}
		default:
			f.Trouble = &trouble
		}
		fares = append(fares, f)
	}
	return fares, again
}

// Trouble is what keeps crt from being issued, and from when on that is worth a
// word; no Problem at all if nothing does.
func Trouble(crt *certsv1.Certificate) (p Problem, due time.Time) {
	issuing := crt.Status.Condition(certsv1.CertificateConditionIssuing)
	ready := crt.Status.Condition(certsv1.CertificateConditionReady)
	switch {
	case issuing != nil && issuing.Status == cmmeta.ConditionTrue:
		return pending(crt, issuing)
	case issuing != nil && issuing.Status == cmmeta.ConditionFalse && issuing.Reason != "Issued":
		return problem(ReasonFailed, fmt.Sprintf("Certificate %q: %s: %s", crt.Name, issuing.Reason, tail(issuing.Message))), time.Time{}
	case ready != nil && ready.Status == cmmeta.ConditionFalse: // another's Secret, for example
		return pending(crt, ready)
	}
	return Problem{}, time.Time{}
}

func pending(crt *certsv1.Certificate, c *certsv1.CertificateCondition) (Problem, time.Time) {
	due := crt.CreationTimestamp.Add(patience)
	if c.LastTransitionTime != nil {
		due = c.LastTransitionTime.Add(patience)
	}
	return problem(ReasonPending, fmt.Sprintf("Certificate %q waits: %s", crt.Name, tail(c.Message))), due
}

func isReady(crt *certsv1.Certificate) bool {
	c := crt.Status.Condition(certsv1.CertificateConditionReady)
	return c != nil && c.Status == cmmeta.ConditionTrue
}

// Recovered is what to say of a Certificate whose Trouble was told.
func Recovered(certificate string) Problem {
	return Problem{Reason: ReasonReady, Message: fmt.Sprintf("Certificate %q is ready", certificate)}
}

// Cause is what message says, without what differs from one attempt to the next:
// tokens of challenges, and the numbers in names of orders.
func Cause(message string) string {
	words := strings.FieldsFunc(message, func(r rune) bool {
		return r != '-' && r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r)
	})
	for i, word := range words {
		if isRandom(word) {
			words[i] = "#"
			continue
		}
		parts := strings.Split(word, "-")
		for j, part := range parts {
			if len(part) >= 6 && strings.Trim(part, "0123456789") == "" { // no port and no HTTP status
				parts[j] = "#"
			}
		}
		words[i] = strings.Join(parts, "-")
	}
	return strings.Join(words, " ")
}

// isRandom says whether word looks like base64. Names of hosts and objects have
// no capital letters.
func isRandom(word string) bool {
	return len(word) >= 20 && strings.ToLower(word) != word && strings.ContainsAny(word, "0123456789")
}

// maxCause is how much of a chain of causes fits into an event, beside the name
// of the Certificate.
const maxCause = maxMessage - 300

// tail cuts a chain of causes where it is too long: in front, because the
// innermost cause comes last.
func tail(message string) string {
	if len(message) <= maxCause {
		return message
	}
	return "…" + strings.ToValidUTF8(message[len(message)-maxCause:], "")
}
