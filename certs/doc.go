// Package certs is what Certwright knows about keys, signing requests,
// certificates, chains and the Secrets that hold them: how they are made and
// encoded, whether one fits another, and when a certificate is renewed.
//
// It is pure: nothing here talks to a server or looks at a clock. Whatever it
// reads comes from outside and is bounded in size before it is parsed.
package certs
