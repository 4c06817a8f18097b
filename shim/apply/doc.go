// Package apply carries out what package shim plans: it creates, applies and
// deletes Certificates and tells the user by events. The shells of all kinds
// of Source share it.
//
// What it promises: nothing is written over a newer version than the plan was
// made for, a Certificate that somebody else made meanwhile is left alone, and
// a spec goes from old to new in one write.
package apply
