// Package kubeversion makes the servers know their version. Kubernetes' own
// build stamps it in with -ldflags -X; without that they call themselves
// v0.0.0-master, which a chart's kubeVersion check refuses. Here it is code, so
// that no way of building the binary can forget it.
//
// It has to come before those that read the version while they initialize, such
// as the build_info metric. It does: Go initializes the first package, by import
// path, of those whose imports are ready, and this one imports nothing else.
package kubeversion

import (
	_ "unsafe" // for go:linkname

	"k8s.io/component-base/version"
)

// Kubernetes is the version of k8s.io/kubernetes in go.mod; a test compares them.
const Kubernetes = "v1.37.2"

// The variables that -X sets.
var (
	//go:linkname gitVersion k8s.io/component-base/version.gitVersion
	gitVersion string
	//go:linkname gitMajor k8s.io/component-base/version.gitMajor
	gitMajor string
	//go:linkname gitMinor k8s.io/component-base/version.gitMinor
	gitMinor string
)

func init() {
	gitVersion, gitMajor, gitMinor = Kubernetes, "1", "37"
	if err := version.SetDynamicVersion(Kubernetes); err != nil {
		panic(err) // it refuses only what differs from gitVersion
	}
}
