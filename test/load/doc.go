// Command load measures Certwright on the embedded control plane, with the
// webhook and the shipped permissions on: how fast it issues, what that costs
// us, the API server and etcd, how many requests it makes, and how much memory
// it keeps. "make bench" runs it. It prints a table; a miss is a row, not a
// failure.
//
// Counts come from the API server's own counters, CPU and memory from the
// kernel's accounting of each process, and latencies from a watch of our own.
// The bound is what any program would need on this machine for the writes that
// the API makes visible: the user's create, four object writes and one Event.
//
// Reviews are measured as the API server asks for them, 50 at once over
// connections that are kept: through it, by creates that it does not store, and
// directly. "make bench ONLY=webhook" runs only these.
//
// Neighbours on the machine cost time, and CPU time too. Each section says how
// much of the processors they had, and beside each figure of a review stands
// what a fixed piece of work cost at that moment.
package main
