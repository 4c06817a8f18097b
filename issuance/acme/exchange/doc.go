// Package exchange speaks ACME (RFC 8555), one exchange at a time. It is the
// only package that knows lego, and exists so that an order can be driven step
// by step, be resumed after a crash, and never blocks for longer than one
// exchange.
//
// It promises:
//
//   - A call obeys its context, has a deadline, reads a bounded answer, and
//     returns how long the server wants to be left alone (RetryAfter).
//   - Every failure is an *Error with a Class: Terminal, Later or Transient. 429
//     and 503 are never Terminal.
//   - A Client asks for the directory once a day, and goes on with the last one
//     it saw while the server has an outage.
//   - Error texts hold what the server said (type, detail, subproblems), never a
//     key, and are the same for the same failure, so that they can be written
//     into a status.
//
// lego's API knows no context and drops most Retry-After headers. So each of a
// Client's lines (one lego Core) is used by one call at a time, through a
// transport that belongs to that line and knows the call it works for. Lines are
// kept for the next call: they hold nonces.
package exchange
