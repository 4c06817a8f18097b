// Package annotated holds annotated Ingresses, Gateways and ListenerSets and what
// they lead to, as tables: the worked examples of the specification (spec/shim.md
// section 9).
//
// They are put to the pure functions, in the tests of shim, and to a real API
// server, in those of shim/ingress and shim/gateway, so that both do the same,
// and every example is written down once.
package annotated
