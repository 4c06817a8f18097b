package dns

import (
	"slices"

	mdns "github.com/miekg/dns"
)

// update applies an UPDATE message (RFC 2136) as a whole or not at all, and
// returns the response code. The signature has been judged before.
func (zs zones) update(m *mdns.Msg) int {
	q := m.Question[0]
	apex := mdns.CanonicalName(q.Name)
	z, ok := zs[apex]
	if q.Qtype != mdns.TypeSOA {
		return mdns.RcodeFormatError
	}
	if !ok {
		return mdns.RcodeNotAuth
	}
	for _, rr := range slices.Concat(m.Answer, m.Ns) {
		rr.Header().Name = mdns.CanonicalName(rr.Header().Name)
		if !mdns.IsSubDomain(apex, rr.Header().Name) {
			return mdns.RcodeNotZone
		}
	}
	if rcode := z.prerequisites(m.Answer); rcode != mdns.RcodeSuccess {
		return rcode
	}
	for _, rr := range m.Ns {
		if rcode := prescan(rr); rcode != mdns.RcodeSuccess {
			return rcode
		}
	}
	for _, rr := range m.Ns {
		z.apply(apex, rr)
	}
	if len(m.Ns) > 0 {
		z[apex][mdns.TypeSOA][0].(*mdns.SOA).Serial++ //nolint:forcetypeassert // the type it is filed under
	}
	return mdns.RcodeSuccess
}

// prerequisites judges the prerequisite section (RFC 2136 §3.2).
func (z zone) prerequisites(rrs []mdns.RR) int {
	type set struct {
		name   string
		rrtype uint16
	}
	values := map[set][]mdns.RR{}
	for _, rr := range rrs {
		h := rr.Header()
		_, nameInUse := z[h.Name]
		_, setExists := z[h.Name][h.Rrtype]
		anyType := h.Rrtype == mdns.TypeANY
		switch {
		case h.Class == mdns.ClassANY && anyType && !nameInUse:
			return mdns.RcodeNameError
		case h.Class == mdns.ClassANY && !anyType && !setExists:
			return mdns.RcodeNXRrset
		case h.Class == mdns.ClassNONE && anyType && nameInUse:
			return mdns.RcodeYXDomain
		case h.Class == mdns.ClassNONE && !anyType && setExists:
			return mdns.RcodeYXRrset
		case h.Class == mdns.ClassINET:
			k := set{h.Name, h.Rrtype}
			values[k] = append(values[k], rr)
		}
	}
	for k, want := range values {
		if !sameSet(z[k.name][k.rrtype], want) {
			return mdns.RcodeNXRrset
		}
	}
	return mdns.RcodeSuccess
}

func sameSet(have, want []mdns.RR) bool {
	if len(have) != len(want) {
		return false
	}
	for _, w := range want {
		if !slices.ContainsFunc(have, func(h mdns.RR) bool { return mdns.IsDuplicate(h, w) }) {
			return false
		}
	}
	return true
}

// prescan refuses records that no update may carry (RFC 2136 §3.4.1).
func prescan(rr mdns.RR) int {
	h := rr.Header()
	meta := h.Rrtype == mdns.TypeANY || h.Rrtype == mdns.TypeAXFR || h.Rrtype == mdns.TypeIXFR
	switch h.Class {
	case mdns.ClassINET:
		if meta || h.Rdlength == 0 {
			return mdns.RcodeFormatError
		}
	case mdns.ClassANY:
		if h.Ttl != 0 || h.Rdlength != 0 || (meta && h.Rrtype != mdns.TypeANY) {
			return mdns.RcodeFormatError
		}
	case mdns.ClassNONE:
		if h.Ttl != 0 || meta {
			return mdns.RcodeFormatError
		}
	default:
		return mdns.RcodeFormatError
	}
	return mdns.RcodeSuccess
}

// apply makes one change (RFC 2136 §3.4.2). SOA and NS of the apex stay: a test
// that lost its zone would fail far from the cause.
func (z zone) apply(apex string, rr mdns.RR) {
	h := rr.Header()
	if h.Name == apex && (h.Rrtype == mdns.TypeSOA || h.Rrtype == mdns.TypeNS) {
		return
	}
	switch h.Class {
	case mdns.ClassINET:
		_, isCNAME := z[h.Name][mdns.TypeCNAME]
		if wantCNAME := h.Rrtype == mdns.TypeCNAME; len(z[h.Name]) > 0 && isCNAME != wantCNAME {
			return // a CNAME stands alone; such an addition is ignored
		}
		if isCNAME {
			z.removeSet(h.Name, mdns.TypeCNAME)
		}
		z.add(mdns.Copy(rr))
	case mdns.ClassANY:
		if h.Rrtype != mdns.TypeANY {
			z.removeSet(h.Name, h.Rrtype)
			return
		}
		for t := range z[h.Name] {
			if h.Name != apex || (t != mdns.TypeSOA && t != mdns.TypeNS) {
				z.removeSet(h.Name, t)
			}
		}
	case mdns.ClassNONE:
		c := mdns.Copy(rr)
		c.Header().Class = mdns.ClassINET
		z.removeRecord(c)
	}
}
