package shim

import (
	"fmt"
	"net"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	certsv1 "github.com/certwright/certwright/certs/v1"
)

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
	if wanted.Act && src.shares() {
		findings = append(findings, uncovered(src, wanted.Certificates)...)
	}
	return findings, wanted
}

// uncovered are the first hosts that the names in their place do not cover. All
// Certificates of src have the same names.
func uncovered(src *Source, certificates []*certsv1.Certificate) []Finding {
	if len(certificates) == 0 {
		return nil
	}
	names := make(map[string]bool)
	for _, name := range certificates[0].Spec.DNSNames {
		names[strings.ToLower(name)] = true
	}
	var findings []Finding
	for _, b := range src.Blocks {
		for _, host := range b.Hosts {
			if len(findings) == maxErrors {
				return findings
			}
			if net.ParseIP(host.Value) == nil && !covers(names, host.Value) {
				findings = append(findings, Finding{Field: host.Path.String(), Message: fmt.Sprintf(
					"%s is not covered by %s, which stands in place of the hosts", host.Value, DNSNamesKey)})
			}
		}
	}
	return findings
}

// covers says whether a certificate for names, in lower case, is good for host: a
// wildcard is for one label (RFC 6125 section 6.4.3).
func covers(names map[string]bool, host string) bool {
	host = strings.ToLower(host)
	_, parent, _ := strings.Cut(host, ".")
	return names[host] || (parent != "" && names["*."+parent])
}

// Conflicts are findings about Certificates that exist where src wants its own,
// and stay as they are.
func Conflicts(src *Source, changes Changes) []Finding {
	var findings []Finding
	for _, p := range changes.Problems {
		findings = append(findings, Finding{Field: annotationPath(DNSNamesKey).String(), Message: p.Message})
	}
	if len(findings) > 0 {
		return findings // which say it better
	}
	for _, crt := range changes.Left {
		whose := "nobody's but its user's"
		if controller := metav1.GetControllerOfNoCopy(crt); controller != nil {
			whose = fmt.Sprintf("that of %s %s", controller.Kind, controller.Name)
		}
		if crt.DeletionTimestamp == nil {
			findings = append(findings, Finding{Field: src.Mention(crt.Name), Message: fmt.Sprintf(
				"the Certificate %s exists and is %s, so it stays as it is; use another secret name", crt.Name, whose)})
		}
	}
	return findings
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
