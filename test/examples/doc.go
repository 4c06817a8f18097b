// Package examples holds what admission answers, as tables: the examples of the
// specification by their numbers (spec/certificates.md section 10), and a case
// for each rule about requests, issuers, solvers, orders and challenges.
//
// They are put to the rules themselves, in the tests of certs/validate, and to
// a real API server that asks the webhook, in those of webhook, so that both
// answer the same, and every rule is written down once.
package examples

import "k8s.io/apimachinery/pkg/util/validation/field"

var kinds = map[field.ErrorType]string{
	field.ErrorTypeRequired:     "Required",
	field.ErrorTypeInvalid:      "Invalid",
	field.ErrorTypeNotSupported: "Unsupported",
	field.ErrorTypeForbidden:    "Forbidden",
	field.ErrorTypeTooLong:      "TooLong",
	field.ErrorTypeDuplicate:    "Duplicate",
}

// Error writes an error as the tables do, "Kind path". The causes of a denial
// have the same types.
func Error(kind field.ErrorType, path string) string {
	if name, ok := kinds[kind]; ok {
		return name + " " + path
	}
	return string(kind) + " " + path
}
