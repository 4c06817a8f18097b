// Package stage sets up the world that Certwright plays in, from real parts and
// on this machine only: an API server with etcd and controller manager
// (bin/devcluster), an ACME server, a DNS server and an ingress data plane in
// this process, and our own programs as the processes that users run. The demo,
// the end-to-end tests and the benchmarks stand on it.
//
// Nothing outlives the process that called Up: the cluster watches for its end,
// and our programs are killed with it.
//
// Addresses: every name of the zone example.test is 127.0.0.1. The ACME server
// and our self-check find the data plane's HTTP port there instead of port 80.
// 192.0.2.N, which stands for the node network, is 127.0.0.N: that is where the
// solver listens.
package stage
