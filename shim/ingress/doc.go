// Package ingress keeps the Certificates of each annotated Ingress in step
// with it. It reads, asks package shim what to do, and does it.
//
// An Ingress is looked at again when it changes, when one of its Certificates
// changes, and when a Certificate vanishes that stood where one of its own
// belongs. It never writes an Ingress or a Secret.
package ingress
