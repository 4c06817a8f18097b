package dns

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	mdns "github.com/miekg/dns"
)

const challenge = "_acme-challenge.web.example.test."

func rr(t *testing.T, text string) mdns.RR {
	t.Helper()
	r, err := mdns.NewRR(text)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func update() *mdns.Msg { return new(mdns.Msg).SetUpdate("example.test.") }

// send signs m with key, unless its name is empty, and returns the code.
func send(t *testing.T, s *Server, net string, m *mdns.Msg, key Key) string {
	t.Helper()
	c := &mdns.Client{Net: net, Timeout: 5 * time.Second}
	if key.Name != "" {
		if key.Algorithm == "" {
			key.Algorithm = mdns.HmacSHA256
		}
		c.TsigSecret = map[string]string{key.Name: key.Secret}
		m.SetTsig(key.Name, key.Algorithm, 300, time.Now().Unix())
	}
	in, _, err := c.Exchange(m, s.Addr())
	if errors.Is(err, mdns.ErrAuth) {
		return "NOTAUTH" // how the library reports a signed one
	}
	if err != nil {
		t.Fatalf("update over %s: %v", net, err)
	}
	return mdns.RcodeToString[in.Rcode]
}

func TestUpdatesNeedTheRightKey(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		key  Key
		want string
	}{
		"the right key":                     {testKey, "NOERROR"},
		"no key at all":                     {Key{}, "REFUSED"},
		"a wrong secret":                    {Key{Name: "k.", Secret: "d3Jvbmc="}, "NOTAUTH"},
		"an unknown key":                    {Key{Name: "stranger.", Secret: testKey.Secret}, "NOTAUTH"},
		"the right key, but by HMAC-SHA512": {Key{Name: "k.", Secret: testKey.Secret, Algorithm: mdns.HmacSHA512}, "NOTAUTH"},
	}
	for name, tt := range tests {
		for _, net := range []string{"udp", "tcp"} {
			t.Run(name+", over "+net, func(t *testing.T) {
				t.Parallel()
				s := start(t)
				m := update()
				m.Insert([]mdns.RR{rr(t, challenge+` 1 IN TXT "proof"`)})
				if got := send(t, s, net, m, tt.key); got != tt.want {
					t.Errorf("answered %s, want %s", got, tt.want)
				}
				stored := len(s.Records(challenge, "TXT")) == 1
				if wanted := tt.want == "NOERROR"; stored != wanted {
					t.Errorf("record stored: %t, want %t", stored, wanted)
				}
				if got := s.Queries("example.test.", "UPDATE"); got != 1 {
					t.Errorf("counted %d updates, want 1", got)
				}
			})
		}
	}
}

func TestUpdates(t *testing.T) {
	t.Parallel()
	one, two := challenge+"\t1\tIN\tTXT\t\"one\"", challenge+"\t1\tIN\tTXT\t\"two\""
	tests := map[string]struct {
		message func(t *testing.T, m *mdns.Msg)
		code    string
		want    []string
	}{
		"adding a second value keeps the first": {
			func(t *testing.T, m *mdns.Msg) { m.Insert([]mdns.RR{rr(t, two)}) },
			"NOERROR", []string{one, two}},
		"adding the same value again changes nothing": {
			func(t *testing.T, m *mdns.Msg) { m.Insert([]mdns.RR{rr(t, one)}) },
			"NOERROR", []string{one}},
		"class ANY deletes the whole RRset": {
			func(t *testing.T, m *mdns.Msg) { m.RemoveRRset([]mdns.RR{rr(t, one)}) },
			"NOERROR", nil},
		"class ANY and type ANY deletes the name": {
			func(t *testing.T, m *mdns.Msg) { m.RemoveName([]mdns.RR{rr(t, one)}) },
			"NOERROR", nil},
		"class NONE deletes that one record": {
			func(t *testing.T, m *mdns.Msg) { m.Insert([]mdns.RR{rr(t, two)}); m.Remove([]mdns.RR{rr(t, one)}) },
			"NOERROR", []string{two}},
		"class NONE with another value deletes nothing": {
			func(t *testing.T, m *mdns.Msg) { m.Remove([]mdns.RR{rr(t, two)}) },
			"NOERROR", []string{one}},
		"delete and add in one message replaces": {
			func(t *testing.T, m *mdns.Msg) { m.RemoveRRset([]mdns.RR{rr(t, one)}); m.Insert([]mdns.RR{rr(t, two)}) },
			"NOERROR", []string{two}},
		"a CNAME beside other data is ignored": {
			func(t *testing.T, m *mdns.Msg) { m.Insert([]mdns.RR{rr(t, challenge+" 1 IN CNAME a.example.test.")}) },
			"NOERROR", []string{one}},
		"a prerequisite that holds lets the update through": {
			func(t *testing.T, m *mdns.Msg) { m.Used([]mdns.RR{rr(t, one)}); m.Insert([]mdns.RR{rr(t, two)}) },
			"NOERROR", []string{one, two}},
		"a prerequisite on another value stops the update": {
			func(t *testing.T, m *mdns.Msg) { m.Used([]mdns.RR{rr(t, two)}); m.Insert([]mdns.RR{rr(t, two)}) },
			"NXRRSET", []string{one}},
		"a prerequisite that the name is free stops the update": {
			func(t *testing.T, m *mdns.Msg) { m.NameNotUsed([]mdns.RR{rr(t, one)}); m.Insert([]mdns.RR{rr(t, two)}) },
			"YXDOMAIN", []string{one}},
		"a prerequisite that the RRset exists stops the update": {
			func(t *testing.T, m *mdns.Msg) {
				m.RRsetUsed([]mdns.RR{rr(t, challenge+" 1 IN A 127.0.0.1")})
				m.Insert([]mdns.RR{rr(t, two)})
			},
			"NXRRSET", []string{one}},
		"a record of another zone spoils the whole message": {
			func(t *testing.T, m *mdns.Msg) {
				m.Insert([]mdns.RR{rr(t, two), rr(t, `a.other.test. 1 IN TXT "x"`)})
			},
			"NOTZONE", []string{one}},
		"a zone that is not ours is not updated": {
			func(t *testing.T, m *mdns.Msg) {
				m.Question[0].Name = "web.example.test."
				m.Insert([]mdns.RR{rr(t, two)})
			},
			"NOTAUTH", []string{one}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t)
			if err := s.Set(one); err != nil {
				t.Fatal(err)
			}
			m := update()
			tt.message(t, m)
			if got := send(t, s, "tcp", m, testKey); got != tt.code {
				t.Errorf("answered %s, want %s", got, tt.code)
			}
			if diff := cmp.Diff(tt.want, s.Records(challenge, "TXT")); diff != "" {
				t.Errorf("records (-want +got):\n%s", diff)
			}
		})
	}
}

func TestANameIsGoneWithItsLastRecord(t *testing.T) {
	t.Parallel()
	s := start(t)
	const name = "_acme-challenge.target.other.test."
	ask := func() string {
		in := exchange(t, s, "udp", new(mdns.Msg).SetQuestion(name, mdns.TypeTXT))
		return mdns.RcodeToString[in.Rcode]
	}
	if err := s.Set(name + ` 1 IN TXT "x"`); err != nil {
		t.Fatal(err)
	}
	if got := ask(); got != "NOERROR" {
		t.Errorf("with a record: %s", got)
	}
	m := new(mdns.Msg).SetUpdate("other.test.")
	m.Remove([]mdns.RR{rr(t, name+` 1 IN TXT "x"`)})
	if got := send(t, s, "udp", m, testKey); got != "NOERROR" {
		t.Fatalf("update: %s", got)
	}
	if got := ask(); got != "NXDOMAIN" {
		t.Errorf("without a record: %s", got)
	}
}

func TestAnUpdateRaisesTheSerialAndLeavesTheApexAlone(t *testing.T) {
	t.Parallel()
	s := start(t)
	serial := func() uint32 {
		in := exchange(t, s, "tcp", new(mdns.Msg).SetQuestion("example.test.", mdns.TypeSOA))
		return in.Answer[0].(*mdns.SOA).Serial
	}
	before := serial()
	m := update()
	m.RemoveName([]mdns.RR{rr(t, "example.test. 1 IN A 127.0.0.1")})
	if got := send(t, s, "tcp", m, testKey); got != "NOERROR" {
		t.Fatalf("update: %s", got)
	}
	if after := serial(); after != before+1 {
		t.Errorf("serial went from %d to %d", before, after)
	}
	if got := s.Records("example.test.", "CAA"); got != nil {
		t.Errorf("CAA is still there: %v", got)
	}
	if got := s.Records("example.test.", "NS"); len(got) != 1 {
		t.Errorf("NS = %v, want it kept", got)
	}
}
