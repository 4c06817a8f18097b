// Package e2e tests Certwright as users meet it: the shipped program, as a
// process of its own, under the shipped permissions, on a real API server, ACME
// server and ingress data plane. It asserts the state of the world, never how
// it came about. Build tag cluster; "make test" runs it.
package e2e
