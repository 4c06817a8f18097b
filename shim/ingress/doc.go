// Package ingress keeps the Certificates of each annotated Ingress in step
// with it. It reads, asks package shim what to do, and does it.
//
// An Ingress is looked at again when it changes, when one of its Certificates
// changes, when a Certificate vanishes that stood where one of its own belongs,
// and, if it names no issuer, when another one becomes the default. It never writes an Ingress or a Secret.
package ingress
