// Package follow keeps the Certificates of every source of a kind in step with
// it: it asks package shim what to do, and package apply does it. The shells of
// the kinds (ingress, gateway) say how a source is read and watched.
//
// A source is looked at again when it changes, when one of its Certificates
// changes, when a Certificate comes, goes or changes hands that stands where one
// of its own belongs, and, if it names no issuer, when another one becomes the
// default. Sources and Secrets are never written.
package follow
