// Package serving keeps the webhook reachable: it makes the CA and the serving
// certificate of the webhook, tells the API server about the CA, and rotates
// both without a refused connection.
//
// The CA lives in one Secret that all replicas share; whoever writes it first
// wins, the others follow. Each replica has a leaf of its own, in memory only.
// What the API server trusts is the caBundle of our two webhook
// configurations; nothing else in them is touched.
//
// The order of a rotation is what this package promises: the new CA is stored
// beside the old one, both are published in every entry of both
// configurations, the API servers get time to notice, and only then does the
// leaf change. The old CA stays published until every leaf under it has ended.
// A Secret that was lost, damaged or deleted on purpose is one more rotation.
//
// [Decide] is the whole policy; [Keeper] observes, takes its steps and serves
// the leaf.
package serving
