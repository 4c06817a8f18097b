// Package readiness finds out whether Issuers and ClusterIssuers could sign, and
// reports it as their Ready condition. It asks the Checker of the issuer's kind
// when the issuer or a Secret that it refers to changes, when the Checker said
// that something ends, when the wall clock jumps, and again after a back-off
// while something is wrong. Else a healthy issuer is left alone.
package readiness
