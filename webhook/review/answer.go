package review

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/certwright/certwright/certs/rawjson"
)

// Answer is what we say to a Request.
type Answer struct {
	// Denial is why the request is refused; nil allows it.
	Denial *metav1.Status
	// Patch is a JSON patch (RFC 6902) for the object, nil for none.
	Patch []byte
	// Warnings are shown to whoever asks.
	Warnings []string
}

// Allow lets the request pass.
func Allow(warnings ...string) Answer { return Answer{Warnings: warnings} }

// How much is told at once: nobody reads more, and who sends
// thousands of mistakes must not make us write megabytes about them.
const (
	maxErrors   = 50
	maxWarnings = 20
)

// Forbid refuses the request because of errs. It is called with at least one.
func Forbid(errs field.ErrorList) Answer {
	more := ""
	if n := len(errs) - maxErrors; n > 0 {
		errs, more = errs[:maxErrors], fmt.Sprintf(" and %d more errors", n)
	}
	causes := make([]metav1.StatusCause, 0, len(errs))
	for _, err := range errs {
		causes = append(causes, metav1.StatusCause{Type: metav1.CauseType(err.Type), Message: err.ErrorBody(), Field: err.Field})
	}
	return Answer{Denial: &metav1.Status{
		Status:  metav1.StatusFailure,
		Code:    http.StatusForbidden,
		Reason:  metav1.StatusReasonForbidden,
		Message: errs.ToAggregate().Error() + more,
		Details: &metav1.StatusDetails{Causes: causes},
	}}
}

// Refuse refuses the request for a reason that is no field's fault.
func Refuse(code int32, reason metav1.StatusReason, format string, args ...any) Answer {
	return Answer{Denial: &metav1.Status{
		Status:  metav1.StatusFailure,
		Code:    code,
		Reason:  reason,
		Message: fmt.Sprintf(format, args...),
	}}
}

// Allowed reports whether the request passes.
func (a *Answer) Allowed() bool { return a.Denial == nil }

// AppendTo appends the AdmissionReview that answers the request uid to b.
func (a *Answer) AppendTo(b []byte, uid string) ([]byte, error) {
	b = append(b, `{"kind":"AdmissionReview","apiVersion":"`+apiVersion+`","response":{"uid":`...)
	b, err := rawjson.AppendText(b, uid)
	if err != nil {
		return nil, err
	}
	if a.Denial != nil {
		b = append(b, `,"allowed":false,"status":`...)
		if b, err = appendJSON(b, a.Denial); err != nil {
			return nil, err
		}
	} else {
		b = append(b, `,"allowed":true`...)
	}
	if a.Denial == nil && len(a.Patch) > 0 {
		b = append(b, `,"patchType":"JSONPatch","patch":"`...)
		b = base64.StdEncoding.AppendEncode(b, a.Patch)
		b = append(b, '"')
	}
	if len(a.Warnings) > 0 {
		b = append(b, `,"warnings":`...)
		if b, err = appendJSON(b, a.Warnings[:min(len(a.Warnings), maxWarnings)]); err != nil {
			return nil, err
		}
	}
	return append(b, "}}\n"...), nil
}

// appendJSON appends v to b.
func appendJSON(b []byte, v any) ([]byte, error) {
	encoded, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return append(b, encoded...), nil
}
