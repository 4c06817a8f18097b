// Devcluster is a Kubernetes control plane for tests and the demo: the real
// etcd, kube-apiserver and kube-controller-manager in one binary, under one
// small supervisor. It needs no root, no container and nothing but itself, and
// listens on 127.0.0.1 only.
//
//	devcluster up --dir D [--port P] [--owner PID] [--apiserver-arg=A]... [--timeout 90s]
//	devcluster down --dir D
//	devcluster status --dir D
//	devcluster version
//	devcluster kubectl ARGUMENTS...
//
// Build it with only Go, from this directory:
//
//	CGO_ENABLED=0 go build -trimpath -ldflags "-s -w" -o ../../bin/devcluster .
//
// The first build takes six to eight minutes on two cores. Go's build cache makes
// the next ones quick, but only with the same CGO_ENABLED and -trimpath: use both
// for go vet and go test as well. The version of Kubernetes needs no -ldflags.
//
// # What up promises
//
// When up returns 0, the API server answers readyz (so the RBAC and the
// priority-and-fairness objects are there) and the controller manager has made
// what clients count on: the default ServiceAccount and CA bundle of the
// namespace default, and the rules of the aggregated ClusterRoles. A second up
// of a running directory returns 0 at once; an up after a down goes on with the
// stored objects, on the same port if it is still free. Free ports are taken
// from 20000 to 29999, outside the range of outgoing connections; one that is
// lost to somebody else in the meantime is replaced by another, unless it was
// asked for with --port.
//
// Everything a cluster has is in its directory:
//
//	kubeconfig     cluster-admin with embedded credentials, as JSON (which is YAML)
//	cluster.json   {"server", "etcd", "pids": {"supervisor", "apiserver", "controllerManager", "etcd"}}
//	               and the options it runs with; the pids are there while it runs
//	pki/           the CAs, certificates and keys, made once
//	etcd/          the stored objects
//	*.log          the output of each process: of this run, and of all runs for supervisor.log
//
// # What is left behind: nothing
//
// The supervisor is this binary once more, in a session of its own. The servers
// carry a parent-death signal, so they end with it even by SIGKILL. It stops
// them when it is told to (down), when one of them ends by itself, when up ends
// before the cluster was ready, and, with --owner, when that process ends: a
// test run gives its own PID and may then die as it likes. The API server is
// stopped first and etcd last, for an API server whose etcd is gone hangs for
// minutes.
//
// # What a test should know
//
//   - There is no node: Pods are stored and never run, and a Deployment never
//     becomes available.
//   - EndpointSlices may not hold loopback addresses; 192.0.2.0/24 is accepted
//     and stands for the node network. The API server itself is advertised as
//     192.0.2.1.
//   - Cluster IPs lead nowhere, so a webhook needs a URL. Or, for webhooks and
//     APIServices alike, a Service of type ExternalName with the name localhost:
//     the API server then calls 127.0.0.1 at the port of the reference, and
//     verifies the certificate for <service>.<namespace>.svc as in a real cluster.
//   - The garbage collector learns of new CRDs every 30 seconds, so the first
//     dependants of a custom resource may outlive it for that long.
//   - etcd does not fsync: the data survives every kill, but no power cut.
//   - The three servers also run alone: call the binary as etcd, kube-apiserver
//     or kube-controller-manager (a symlink will do, as for envtest).
//   - kubectl of the same version is in the binary too: "devcluster kubectl", or
//     a symlink of that name.
package main
