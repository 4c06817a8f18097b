package dns

import (
	"fmt"
	"slices"

	mdns "github.com/miekg/dns"
)

// Set replaces the RRset of the record's name and type by this one record in
// zone file syntax.
func (s *Server) Set(record string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	rr, z, err := s.zones.parse(record)
	if err != nil {
		return err
	}
	z.removeSet(rr.Header().Name, rr.Header().Rrtype)
	z.add(rr)
	return nil
}

// Add puts one more record into its RRset.
func (s *Server) Add(record string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	rr, z, err := s.zones.parse(record)
	if err != nil {
		return err
	}
	z.add(rr)
	return nil
}

// Remove deletes the RRset of name and type, for example "TXT"; type "ANY"
// deletes all records of name. What is not there is not an error.
func (s *Server) Remove(name, rrtype string) error {
	t, ok := mdns.StringToType[rrtype]
	if !ok {
		return fmt.Errorf("remove %s: unknown record type %q", name, rrtype)
	}
	name = mdns.CanonicalName(name)
	s.mu.Lock()
	defer s.mu.Unlock()
	_, z, ok := s.zones.find(name)
	if !ok {
		return fmt.Errorf("remove %s: in none of the zones", name)
	}
	z.removeSet(name, t)
	return nil
}

// Records are those that name itself holds (no wildcard, no CNAME), in zone
// file syntax and sorted: what a test asserts after an update or a clean-up.
func (s *Server) Records(name, rrtype string) []string {
	name = mdns.CanonicalName(name)
	s.mu.Lock()
	defer s.mu.Unlock()
	_, z, ok := s.zones.find(name)
	if !ok {
		return nil
	}
	var out []string
	for _, rr := range pick(z[name], mdns.StringToType[rrtype]) {
		out = append(out, rr.String())
	}
	slices.Sort(out)
	return out
}
