// Package gateway keeps the Certificates of each annotated Gateway and
// ListenerSet in step with it: it says to package follow how they are read and
// watched.
//
// The kinds of the Gateway API may appear while we run, and vanish again. A
// keeper asks the API server which of them it serves, and runs a session for
// just those: a cache of its own and the controllers on it. When the answer
// changes, the session ends, and everything that it held is gone.
//
// A Gateway is looked at again when it, one of its Certificates or, if it takes
// hostnames from them, one of its HTTPRoutes or a namespace changes; a
// ListenerSet when its Gateway changes as well. HTTPRoutes and namespaces are
// watched only once somebody takes hostnames from them.
package gateway
