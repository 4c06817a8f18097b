// Package shim turns the annotations of an Ingress-like object into
// Certificates.
//
// Desired says which Certificates a Source asks for, and what is wrong with
// it. Plan compares them with those that exist and says what to create, update
// and delete. Both are pure, as are FromIngress, FromGateway and FromListenerSet,
// which build the Source: packages ingress and gateway read, package follow
// leads from there to package apply, which carries the plan out.
//
// What it promises:
//
//   - A bad annotation leads to nothing but one event that names it; every
//     Certificate that is asked for passes the admission rules.
//   - Only Certificates whose controller is the Source itself, by UID, are
//     ever changed or deleted; one whose Secret the Source still mentions is
//     never deleted.
//   - Of a Certificate only the fields that we set are ours. What the user
//     adds (keystores, output formats) survives every change.
//   - An absent field and its explicit default are the same thing, so neither
//     defaulting nor taking over from cert-manager writes anything.
package shim
