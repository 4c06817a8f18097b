package lint

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	acmev1 "github.com/certwright/certwright/certs/acme/v1"
	"github.com/certwright/certwright/certs/spelling"
	certsv1 "github.com/certwright/certwright/certs/v1"
	"github.com/certwright/certwright/shim"
)

const (
	ownGroup = certsv1.GroupName
	version  = "v1"
	// formerGroup is what ownGroup was before cert-manager 0.11.
	formerGroup = "certmanager.k8s.io"
)

// An ownKind is one of our six: its group, and an empty object.
type ownKind struct {
	group string
	empty func() any
}

// ownKinds are the kinds that the webhook judges.
var ownKinds = map[string]ownKind{
	certsv1.CertificateKind:        {ownGroup, func() any { return &certsv1.Certificate{} }},
	certsv1.CertificateRequestKind: {ownGroup, func() any { return &certsv1.CertificateRequest{} }},
	certsv1.IssuerKind:             {ownGroup, func() any { return &certsv1.Issuer{} }},
	certsv1.ClusterIssuerKind:      {ownGroup, func() any { return &certsv1.ClusterIssuer{} }},
	acmev1.OrderKind:               {acmev1.GroupName, func() any { return &acmev1.Order{} }},
	acmev1.ChallengeKind:           {acmev1.GroupName, func() any { return &acmev1.Challenge{} }},
}

// sourceKinds are the kinds whose annotations ask for Certificates, by apiVersion
// and kind. A further one is a row.
var sourceKinds = map[string]func() recognised{
	"networking.k8s.io/v1 " + shim.IngressKind: source(shim.FromIngress),
	"v1 " + shim.ServiceKind:                   source(shim.FromService),
}

// source makes a row of the function that reads a kind.
func source[T any](from func(*T) *shim.Source) func() recognised {
	return func() recognised {
		object := new(T)
		return recognised{value: object, source: func() *shim.Source { return from(object) }}
	}
}

// A recognised is what a document is of, or is meant to be of.
type recognised struct {
	// value is an empty object of the kind; nil if it is none that we read.
	value any
	// own says that it is one of our kinds, or should be.
	own bool
	// source returns what value asks for, when it has been read; nil if it is no
	// source.
	source func() *shim.Source
	// problems are what is wrong with apiVersion and kind.
	problems []problem
}

func recognise(d *document) recognised {
	if empty, ok := sourceKinds[d.apiVersion+" "+d.kind]; ok {
		return empty()
	}
	group, v, _ := strings.Cut(d.apiVersion, "/")
	k, known := ownKinds[d.kind]
	switch {
	case !known && (group == ownGroup || group == acmev1.GroupName):
		return recognised{own: true, problems: []problem{{"kind", unknownKind(d)}}}
	case !known || !meansOurs(group):
		return recognised{}
	case group == k.group && v == version:
		return recognised{value: k.empty(), own: true}
	}
	right := k.group + "/" + version
	var wrong string
	switch {
	case group == "":
		wrong = fmt.Sprintf("is missing; write apiVersion: %s", right)
	case group == k.group && v != "":
		wrong = fmt.Sprintf("%s is not served; write %s, and see whether the fields are those of %s", d.apiVersion, right, version)
	default:
		wrong = fmt.Sprintf("%s has no kind %s; write %s", d.apiVersion, d.kind, right)
	}
	return recognised{value: k.empty(), own: true, problems: []problem{{"apiVersion", wrong}}}
}

// meansOurs reports whether a group is ours, was ours, is misspelt or missing, or
// is the version that stands where the core group is meant, which has no kinds
// like ours. Groups below ours are those of other projects.
func meansOurs(group string) bool {
	switch group {
	case "", version, ownGroup, acmev1.GroupName, formerGroup:
		return true
	}
	return !strings.HasSuffix(group, "."+ownGroup) && strings.HasPrefix(strings.ReplaceAll(group, "-", ""), "certmanager")
}

func unknownKind(d *document) string {
	if d.kind == "" {
		return "is missing; write one of " + strings.Join(slices.Sorted(maps.Keys(ownKinds)), ", ")
	}
	text := fmt.Sprintf("%s has no kind %s", d.apiVersion, d.kind)
	if meant := spelling.Nearest(d.kind, slices.Sorted(maps.Keys(ownKinds))); meant != "" {
		return text + "; did you mean " + meant + "?"
	}
	return text
}
