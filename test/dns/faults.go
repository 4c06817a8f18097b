package dns

import (
	mdns "github.com/miekg/dns"
)

// A fault covers a name and everything below it.
type fault struct {
	rcode int
	drop  bool
}

// Fail makes every question about name, and about names below it, answer rcode
// (for example 2, SERVFAIL, or 3, NXDOMAIN) until Heal. "." is everything.
func (s *Server) Fail(name string, rcode int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults[mdns.CanonicalName(name)] = fault{rcode: rcode}
}

// Drop leaves every question about name, and about names below it, without an
// answer until Heal.
func (s *Server) Drop(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults[mdns.CanonicalName(name)] = fault{drop: true}
}

// Heal ends what Fail or Drop began at name.
func (s *Server) Heal(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.faults, mdns.CanonicalName(name))
}

// faultFor finds the fault nearest to name.
func (s *Server) faultFor(name string) (fault, bool) {
	for _, n := range ancestry(mdns.CanonicalName(name)) {
		if f, ok := s.faults[n]; ok {
			return f, true
		}
	}
	return fault{}, false
}

// A question is what we count.
type question struct {
	name, rrtype string
}

// Queries is how often name was asked for records of rrtype, for example "TXT".
// With rrtype "UPDATE" it is how often an update of the zone name arrived,
// accepted or not.
func (s *Server) Queries(name, rrtype string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.counts[question{mdns.CanonicalName(name), rrtype}]
}

func (s *Server) count(opcode int, q mdns.Question) {
	rrtype := mdns.Type(q.Qtype).String()
	if opcode == mdns.OpcodeUpdate {
		rrtype = "UPDATE"
	}
	s.counts[question{mdns.CanonicalName(q.Name), rrtype}]++
}
