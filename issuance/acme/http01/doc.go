// Package http01 makes HTTP-01 challenges answerable without a Pod for each. In
// the Challenge's namespace it puts a Service without selector, an EndpointSlice
// that leads to the acmesolver replicas, and an Ingress with the challenge's
// path (or adds that path to an Ingress that is named). The replicas follow
// Challenges by themselves and know the answer; see package answer.
//
// It promises:
//
//   - Presenting again finds its own work done: names follow from the
//     Challenge, and what exists is judged by its labels and its owner. Of
//     several, the oldest stays.
//   - Everything that it creates is owned by the Challenge and goes with it.
//     Only a path added to somebody else's Ingress has to be taken away
//     (NeedsCleanUp), for which the Challenge carries a finalizer.
//   - The self-check sees what the CA sees as far as one can from here. It
//     connects to no link-local, loopback or unspecified address, reads a
//     bounded body, and never repeats what it read.
//
// # Passes
//
// A challenge counts as answerable when two requests in a row, a fifth of a
// second apart and over separate connections, are answered rightly: one to see
// that the route is there, one more because most ingress controllers have more
// than one replica, and not all learn of it at the same moment. More would not
// prove more: the CA looks from elsewhere.
package http01
