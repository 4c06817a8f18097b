// Package dns is an authoritative name server for tests and the demo. It exists
// because ACME validation is about DNS, and a faked resolver would hide the
// mistakes that matter: a record in the wrong zone, a wildcard that stops at an
// existing name, a TXT record that nobody removed.
//
// It promises real DNS for the zones that it holds, over UDP and TCP on one
// port of 127.0.0.1:
//
//   - wildcards (RFC 4592), CNAMEs followed through all zones it holds, and
//     NXDOMAIN told from NODATA with the SOA in the authority section (RFC 2308);
//   - REFUSED for names outside its zones;
//   - UPDATE (RFC 2136) with prerequisites, only with a TSIG signature of a
//     known key.
//
// As in any real zone, a record below a name stops the wildcard at that name:
// while _acme-challenge.web.example.test exists, web.example.test has no address
// from *.example.test any more. Give names that need both their own A record.
//
// It does not delegate, transfer zones, recurse or sign answers (DNSSEC). Pebble
// and our own self-check may use it as their resolver all the same, because the
// demo's names all live in its zones.
//
// Faults are set at run time with Fail and Drop, and questions are counted, so
// that a test can say "the resolver broke" and "it asked once".
package dns
