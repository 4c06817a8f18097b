// Package follow keeps the Certificates of every source of a kind in step with
// it: it asks package shim what to do, and package apply does it. The shells of
// the kinds (ingress, gateway) say how a source is read and watched.
//
// A source is looked at again when it changes, when one of its Certificates
// changes, and when a Certificate vanishes that stood where one of its own
// belongs. Sources and Secrets are never written.
package follow
