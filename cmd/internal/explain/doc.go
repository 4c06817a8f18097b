// Package explain says why something is not ready, in one place: it observes
// the live objects from an Ingress down to what presents a challenge, asks the
// very Decide functions of the controllers what they make of them, and tells
// that as a tree whose innermost trouble comes first.
//
// Observe* read (the shell), the functions that return a Node judge (pure). It
// writes nothing, and shows nothing of a Secret but its name.
package explain
