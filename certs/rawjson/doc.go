// Package rawjson reads a JSON object member by member without decoding it.
//
// Reviews and defaults look at few members of objects that may be long, and at
// which of them are there at all, which decoded types do not show. Every write
// to our objects waits for that, so it is lean: values that nobody asks for are
// stepped over, and checked only as far as finding their end needs; nothing is
// copied. Where a member is there twice the last one counts, as for the API
// server.
package rawjson
