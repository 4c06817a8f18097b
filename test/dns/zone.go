package dns

import (
	"fmt"
	"slices"
	"strings"

	mdns "github.com/miekg/dns"
)

// maxChain bounds how many CNAMEs one answer follows.
const maxChain = 8

// zones maps an apex to its records: name → type → RRset. All names are
// canonical (lower case, absolute).
type zones map[string]zone

type zone map[string]map[uint16][]mdns.RR

// An answer is what a question gets, before it becomes a message.
type answer struct {
	rcode         int
	authoritative bool
	answer        []mdns.RR
	authority     []mdns.RR
}

func newZones(apexes, records []string) (zones, error) {
	zs := zones{}
	for _, apex := range apexes {
		apex = mdns.CanonicalName(apex)
		if _, ok := mdns.IsDomainName(apex); !ok {
			return nil, fmt.Errorf("zone %q: not a domain name", apex)
		}
		zs[apex] = zone{}
	}
	for _, text := range records {
		rr, z, err := zs.parse(text)
		if err != nil {
			return nil, err
		}
		z.add(rr)
	}
	for apex, z := range zs {
		if len(z[apex][mdns.TypeNS]) == 0 {
			z.add(&mdns.NS{Hdr: header(apex, mdns.TypeNS), Ns: "ns." + apex})
			z.add(&mdns.A{Hdr: header("ns."+apex, mdns.TypeA), A: []byte{127, 0, 0, 1}})
		}
		if len(z[apex][mdns.TypeSOA]) == 0 {
			z.add(&mdns.SOA{Hdr: header(apex, mdns.TypeSOA), Ns: "ns." + apex, Mbox: "hostmaster." + apex,
				Serial: 1, Refresh: 60, Retry: 60, Expire: 600, Minttl: 1})
		}
	}
	return zs, nil
}

func header(name string, rrtype uint16) mdns.RR_Header {
	return mdns.RR_Header{Name: name, Rrtype: rrtype, Class: mdns.ClassINET, Ttl: 1}
}

// parse reads one record in zone file syntax and finds its zone.
func (zs zones) parse(text string) (mdns.RR, zone, error) {
	rr, err := mdns.NewRR(text)
	if err != nil {
		return nil, nil, fmt.Errorf("record %q: %w", text, err)
	}
	if rr == nil {
		return nil, nil, fmt.Errorf("record %q: empty", text)
	}
	rr.Header().Name = mdns.CanonicalName(rr.Header().Name)
	_, z, ok := zs.find(rr.Header().Name)
	if !ok {
		return nil, nil, fmt.Errorf("record %q: in none of the zones", text)
	}
	return rr, z, nil
}

// find is the zone with the longest apex that holds name.
func (zs zones) find(name string) (string, zone, bool) {
	for _, n := range ancestry(name) {
		if z, ok := zs[n]; ok {
			return n, z, true
		}
	}
	return "", nil, false
}

// lookup answers q and follows CNAMEs as long as they stay in our zones.
func (zs zones) lookup(q mdns.Question) answer {
	name := mdns.CanonicalName(q.Name)
	a := answer{authoritative: true}
	for range maxChain {
		apex, z, ok := zs.find(name)
		if !ok {
			if len(a.answer) == 0 {
				return answer{rcode: mdns.RcodeRefused}
			}
			return a // the chain leaves our zones: the asker goes on
		}
		sets, exists := z.match(apex, name)
		soa := renamed(z[apex][mdns.TypeSOA], apex)
		if !exists {
			a.rcode, a.authority = mdns.RcodeNameError, soa
			return a
		}
		if rrs := pick(sets, q.Qtype); len(rrs) > 0 {
			a.answer = append(a.answer, renamed(rrs, name)...)
			return a
		}
		cname := sets[mdns.TypeCNAME]
		if len(cname) == 0 {
			a.authority = soa // NODATA, RFC 2308 §2.2
			return a
		}
		a.answer = append(a.answer, renamed(cname, name)...)
		name = mdns.CanonicalName(cname[0].(*mdns.CNAME).Target) //nolint:forcetypeassert // the type it is filed under
	}
	return answer{rcode: mdns.RcodeServerFailure}
}

// match finds the RRsets for name: its own, or those of the wildcard below its
// closest encloser (RFC 4592 §3.3.1). A name that exists stops the wildcard,
// even when it exists only because something lies below it.
func (z zone) match(apex, name string) (map[uint16][]mdns.RR, bool) {
	if sets, ok := z[name]; ok || z.hasBelow(name) {
		return sets, true
	}
	for _, encloser := range ancestry(name)[1:] {
		if _, ok := z[encloser]; ok || encloser == apex || z.hasBelow(encloser) {
			sets, ok := z["*."+encloser]
			return sets, ok
		}
	}
	return nil, false
}

func (z zone) hasBelow(name string) bool {
	suffix := "." + name
	for n := range z {
		if strings.HasSuffix(n, suffix) {
			return true
		}
	}
	return false
}

func pick(sets map[uint16][]mdns.RR, rrtype uint16) []mdns.RR {
	if rrtype != mdns.TypeANY {
		return sets[rrtype]
	}
	var all []mdns.RR
	for _, rrs := range sets {
		all = append(all, rrs...)
	}
	return all
}

// renamed copies rrs with the owner that was asked for, as a wildcard needs. The
// copy outlives the lock; the records themselves change with the next update.
func renamed(rrs []mdns.RR, owner string) []mdns.RR {
	out := make([]mdns.RR, 0, len(rrs))
	for _, rr := range rrs {
		c := mdns.Copy(rr)
		c.Header().Name = owner
		out = append(out, c)
	}
	return out
}

// add puts rr into its RRset unless an equal one is there; all records of a set
// take the newest TTL (RFC 2181 §5.2).
func (z zone) add(rr mdns.RR) {
	h := rr.Header()
	if z[h.Name] == nil {
		z[h.Name] = map[uint16][]mdns.RR{}
	}
	set := slices.DeleteFunc(z[h.Name][h.Rrtype], func(old mdns.RR) bool { return mdns.IsDuplicate(old, rr) })
	for _, old := range set {
		old.Header().Ttl = h.Ttl
	}
	z[h.Name][h.Rrtype] = append(set, rr)
}

// removeSet deletes the RRset, or with TypeANY all of them.
func (z zone) removeSet(name string, rrtype uint16) {
	if rrtype == mdns.TypeANY {
		delete(z, name)
		return
	}
	delete(z[name], rrtype)
	z.tidy(name)
}

// removeRecord deletes the one record that equals rr.
func (z zone) removeRecord(rr mdns.RR) {
	h := rr.Header()
	set, ok := z[h.Name][h.Rrtype]
	if !ok {
		return
	}
	set = slices.DeleteFunc(set, func(old mdns.RR) bool { return mdns.IsDuplicate(old, rr) })
	if len(set) == 0 {
		z.removeSet(h.Name, h.Rrtype)
		return
	}
	z[h.Name][h.Rrtype] = set
}

// tidy forgets a name without records, so that it is NXDOMAIN again.
func (z zone) tidy(name string) {
	if len(z[name]) == 0 {
		delete(z, name)
	}
}

// ancestry is name and all its parents, down to the root.
func ancestry(name string) []string {
	out := make([]string, 0, 8)
	for off, end := 0, name == "."; !end; off, end = mdns.NextLabel(name, off) {
		out = append(out, name[off:])
	}
	return append(out, ".")
}
