// Package review reads AdmissionReviews (admission.k8s.io/v1) and writes the
// answers.
//
// Every write to our objects waits for this, so it is lean: the body is walked
// once (see package rawjson), and only the parts that are judged are decoded,
// straight into their types.
package review
