// Package secrets watches the Secrets of the cluster without keeping them.
//
// Secrets that we manage (label controller.cert-manager.io/fao=true) are stored
// as certs.SecretSummary: digests, validity, names, never a key or a
// certificate. Of all others only name, UID and version are stored, so that a
// change of one that an issuer refers to is noticed. Whoever needs the content
// of a Secret reads it live with Get.
package secrets
