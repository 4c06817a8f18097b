// Package review reads AdmissionReviews (admission.k8s.io/v1) and writes the
// answers.
//
// Every write to our objects waits for this, so it is lean: the body is walked
// once, values that nobody asks for are stepped over, and only the parts that
// are judged are decoded, straight into their types. What is stepped over is
// checked only as far as finding its end needs; what is handed out is either
// decoded strictly or refused.
package review
