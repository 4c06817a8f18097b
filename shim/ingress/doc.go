// Package ingress keeps the Certificates of each annotated Ingress in step
// with it: it says to package follow how Ingresses are read and watched.
package ingress
