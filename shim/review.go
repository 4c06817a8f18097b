package shim

import "k8s.io/apimachinery/pkg/util/validation/field"

// A Finding is what the author of a Source should know before anything is made
// of it.
type Finding struct {
	// Field of the Source.
	Field   string
	Message string
	// Fatal findings keep a Certificate from being made; others are doubts.
	Fatal bool
}

func (f Finding) String() string { return f.Field + ": " + f.Message }

// Review says what is wrong with src, and what comes of it. It is what certctl
// lint and the webhook say.
func Review(src *Source, opts Options) ([]Finding, Wanted) {
	findings := Unread(src.Kind, src.Annotations, opts)
	wanted := Desired(src, opts)
	for _, err := range wanted.Errors {
		findings = append(findings, Finding{Field: err.Field, Message: err.ErrorBody(), Fatal: true})
	}
	if wanted.Act && len(wanted.Certificates) == 0 && len(wanted.Errors) == 0 {
		findings = append(findings, Finding{Field: "spec", Message: "the annotations ask for certificates, but nothing names a Secret for one (spec.tls of an Ingress)"})
	}
	return findings, wanted
}

// Unread are findings about the annotations of an object of a kind that look
// like ours but mean nothing there.
func Unread(kind string, annotations map[string]string, opts Options) []Finding {
	var findings []Finding
	for _, unknown := range UnknownAnnotations(kind, annotations, opts) {
		text := "means nothing on objects of kind " + kind
		if unknown.Nearest != "" {
			text += "; did you mean " + unknown.Nearest + "?"
		}
		findings = append(findings, Finding{Field: field.NewPath("metadata", "annotations").Key(unknown.Key).String(), Message: text})
	}
	return findings
}
