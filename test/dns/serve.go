package dns

import (
	"net"

	mdns "github.com/miekg/dns"
)

// serve answers one message.
func (s *Server) serve(w mdns.ResponseWriter, req *mdns.Msg) {
	if len(req.Question) != 1 {
		s.reply(w, req, answer{rcode: mdns.RcodeFormatError})
		return
	}
	q := req.Question[0]

	s.mu.Lock()
	a, answered := s.decide(w, req, q)
	s.mu.Unlock()
	if answered {
		s.reply(w, req, a)
	}
}

// decide is called with the lock held; false means that no answer is sent.
func (s *Server) decide(w mdns.ResponseWriter, req *mdns.Msg, q mdns.Question) (answer, bool) {
	s.count(req.Opcode, q)
	if f, ok := s.faultFor(q.Name); ok {
		return answer{rcode: f.rcode}, !f.drop
	}
	switch req.Opcode {
	case mdns.OpcodeQuery:
		return s.zones.lookup(q), true
	case mdns.OpcodeUpdate:
		if rcode := s.authorize(w, req); rcode != mdns.RcodeSuccess {
			return answer{rcode: rcode}, true
		}
		return answer{rcode: s.zones.update(req)}, true
	default:
		return answer{rcode: mdns.RcodeNotImplemented}, true
	}
}

// authorize judges the signature of an update.
func (s *Server) authorize(w mdns.ResponseWriter, req *mdns.Msg) int {
	t := req.IsTsig()
	if t == nil {
		return mdns.RcodeRefused
	}
	key, ok := s.keys[mdns.CanonicalName(t.Hdr.Name)]
	if !ok || w.TsigStatus() != nil || mdns.CanonicalName(t.Algorithm) != key.Algorithm {
		return mdns.RcodeNotAuth // RFC 8945 §5.2
	}
	return mdns.RcodeSuccess
}

// reply sends a, signed when the request was signed well.
func (s *Server) reply(w mdns.ResponseWriter, req *mdns.Msg, a answer) {
	m := new(mdns.Msg)
	m.SetRcode(req, a.rcode)
	m.Authoritative = a.authoritative
	m.Answer = a.answer
	m.Ns = a.authority

	if opt := req.IsEdns0(); opt != nil {
		m.SetEdns0(opt.UDPSize(), false)
	}
	if _, udp := w.RemoteAddr().(*net.UDPAddr); udp {
		size := mdns.MinMsgSize
		if opt := req.IsEdns0(); opt != nil {
			size = max(size, int(opt.UDPSize()))
		}
		m.Truncate(size)
	}
	if t := req.IsTsig(); t != nil && w.TsigStatus() == nil {
		m.SetTsig(t.Hdr.Name, t.Algorithm, 300, int64(t.TimeSigned))
	}
	// The asker may have gone; it will ask again.
	_ = w.WriteMsg(m)
}
