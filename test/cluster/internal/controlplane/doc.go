// Package controlplane starts, watches over and stops the three servers of one
// cluster. It knows their flags and not their code: it runs its own binary by
// their names and leaves it to main to be them, which keeps this package, and
// its tests, light.
//
//	up ──starts, waits──► supervisor ──parent-death signal──► etcd, kube-apiserver, kube-controller-manager
//	down ──SIGTERM──────────┘ holds supervisor.lock for as long as anything runs
//
// There is no PID file to go stale: whether a cluster runs, and as which process,
// is the answer of the kernel to the question who holds that lock.
package controlplane
