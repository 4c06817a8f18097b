// Package certificate keeps each Certificate's Secret filled with a valid key
// pair. It observes a State, asks Decide for one Step, takes it, and looks
// again at what it now knows, until there is nothing to do but wait; then it
// reports once.
//
//	observe ─► State ─► Decide ─► Step ─► one write ─► State ─► Decide ─► … ─► Wait ─► one status write
//
// What it promises:
//
//   - Key and certificate change together, in one apply of the Secret; the old
//     pair is served until then. Nothing is stored unless it fits the key that
//     was asked with.
//   - Where the issuer answers at once and we may approve, an issuance costs
//     four writes and one Event (step IssueNow); nobody ever sees Ready=False.
//     Else the next key is stored first, in a labelled Secret, and found again
//     by label and owner, never by a name in a status.
//   - It may stop at any point. The next pass finds what is there and judges it:
//     a request whose key is lost is deleted and made anew, a Secret that was
//     written but not reported is reported.
//   - What the Secret holds beside the pair (labels, formats, keystores, owner)
//     is put right in place. Nothing is written that is right already.
//   - Decisions that write are taken on what was read live (State.Live), not on
//     the cache.
//   - One Certificate leads to a bounded number of issuances an hour.
package certificate
