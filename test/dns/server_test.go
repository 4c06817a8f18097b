package dns

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	mdns "github.com/miekg/dns"
)

var testKey = Key{Name: "k.", Secret: "c2VjcmV0LXNlY3JldC1zZWNyZXQ="}

func start(t *testing.T) *Server {
	t.Helper()
	s, err := Start(Options{
		Zones: []string{"example.test.", "other.test."},
		Records: []string{
			"*.example.test. 1 IN A 127.0.0.1",
			"*.example.test. 1 IN TXT \"wild\"",
			"alone.example.test. 1 IN A 127.0.0.2",
			"six.example.test. 1 IN AAAA ::1",
			"deep.below.example.test. 1 IN A 127.0.0.3",
			"alias.example.test. 1 IN CNAME target.other.test.",
			"away.example.test. 1 IN CNAME www.elsewhere.invalid.",
			"loop.example.test. 1 IN CNAME loop.example.test.",
			"example.test. 1 IN CAA 0 issue \"pebble.letsencrypt.org\"",
			"target.other.test. 1 IN A 127.0.0.4",
			"target.other.test. 1 IN TXT \"other\"",
		},
		Keys: []Key{testKey},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func exchange(t *testing.T, s *Server, net string, m *mdns.Msg) *mdns.Msg {
	t.Helper()
	c := &mdns.Client{Net: net, Timeout: 5 * time.Second}
	in, _, err := c.Exchange(m, s.Addr())
	if err != nil {
		t.Fatalf("exchange over %s: %v", net, err)
	}
	return in
}

// said is an answer as one would tell it: the code, the records, and the types
// in the authority section.
func said(in *mdns.Msg) []string {
	out := []string{mdns.RcodeToString[in.Rcode]}
	for _, rr := range in.Answer {
		out = append(out, strings.ReplaceAll(rr.String(), "\t", " "))
	}
	for _, rr := range in.Ns {
		out = append(out, "authority "+mdns.Type(rr.Header().Rrtype).String())
	}
	return out
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	s := start(t)
	tests := map[string]struct {
		name  string
		qtype uint16
		want  []string
	}{
		"a name of its own": {"alone.example.test.", mdns.TypeA,
			[]string{"NOERROR", "alone.example.test. 1 IN A 127.0.0.2"}},
		"a name asked in capitals is found": {"ALONE.Example.Test.", mdns.TypeA,
			[]string{"NOERROR", "alone.example.test. 1 IN A 127.0.0.2"}},
		"a wildcard answers with the name that was asked": {"web.example.test.", mdns.TypeA,
			[]string{"NOERROR", "web.example.test. 1 IN A 127.0.0.1"}},
		"a wildcard answers several labels deep": {"a.b.c.example.test.", mdns.TypeA,
			[]string{"NOERROR", "a.b.c.example.test. 1 IN A 127.0.0.1"}},
		"a wildcard without that type is NODATA": {"web.example.test.", mdns.TypeAAAA,
			[]string{"NOERROR", "authority SOA"}},
		"an existing name stops the wildcard": {"alone.example.test.", mdns.TypeTXT,
			[]string{"NOERROR", "authority SOA"}},
		"a name between two others is NODATA, not the wildcard": {"below.example.test.", mdns.TypeA,
			[]string{"NOERROR", "authority SOA"}},
		"below such a name the wildcard does not reach": {"x.below.example.test.", mdns.TypeA,
			[]string{"NXDOMAIN", "authority SOA"}},
		"an IPv6 address": {"six.example.test.", mdns.TypeAAAA,
			[]string{"NOERROR", "six.example.test. 1 IN AAAA ::1"}},
		"a name that does not exist": {"nobody.other.test.", mdns.TypeA,
			[]string{"NXDOMAIN", "authority SOA"}},
		"a CNAME is followed into our other zone": {"alias.example.test.", mdns.TypeTXT,
			[]string{"NOERROR", "alias.example.test. 1 IN CNAME target.other.test.", `target.other.test. 1 IN TXT "other"`}},
		"a CNAME that leaves our zones ends there": {"away.example.test.", mdns.TypeA,
			[]string{"NOERROR", "away.example.test. 1 IN CNAME www.elsewhere.invalid."}},
		"a CNAME itself can be asked for": {"alias.example.test.", mdns.TypeCNAME,
			[]string{"NOERROR", "alias.example.test. 1 IN CNAME target.other.test."}},
		"a CNAME that points at itself is a server failure": {"loop.example.test.", mdns.TypeA,
			[]string{"SERVFAIL"}},
		"a CAA record": {"example.test.", mdns.TypeCAA,
			[]string{"NOERROR", `example.test. 1 IN CAA 0 issue "pebble.letsencrypt.org"`}},
		"a foreign name is refused":       {"example.org.", mdns.TypeA, []string{"REFUSED"}},
		"the parent of a zone is refused": {"test.", mdns.TypeSOA, []string{"REFUSED"}},
	}
	for name, tt := range tests {
		for _, net := range []string{"udp", "tcp"} {
			t.Run(name+", over "+net, func(t *testing.T) {
				t.Parallel()
				in := exchange(t, s, net, new(mdns.Msg).SetQuestion(tt.name, tt.qtype))
				if diff := cmp.Diff(tt.want, said(in)); diff != "" {
					t.Errorf("%s (-want +got):\n%s", tt.name, diff)
				}
				if in.Rcode == mdns.RcodeSuccess && !in.Authoritative {
					t.Error("the answer is not authoritative")
				}
			})
		}
	}
}

func TestLongAnswersAreTruncatedOverUDPOnly(t *testing.T) {
	t.Parallel()
	s := start(t)
	for i := range 40 {
		if err := s.Add(`big.example.test. 1 IN TXT "` + strings.Repeat(string(rune('A'+i)), 60) + `"`); err != nil {
			t.Fatal(err)
		}
	}
	q := new(mdns.Msg).SetQuestion("big.example.test.", mdns.TypeTXT)
	if in := exchange(t, s, "udp", q); !in.Truncated {
		t.Error("over UDP the answer should be marked truncated")
	}
	if in := exchange(t, s, "tcp", q); in.Truncated || len(in.Answer) != 40 {
		t.Errorf("over TCP: truncated=%t with %d records, want all 40", in.Truncated, len(in.Answer))
	}
}

func TestFaultsCoverANameAndWhatIsBelowItUntilHealed(t *testing.T) {
	t.Parallel()
	s := start(t)
	ask := func(name string) string {
		in := exchange(t, s, "udp", new(mdns.Msg).SetQuestion(name, mdns.TypeA))
		return mdns.RcodeToString[in.Rcode]
	}
	s.Fail("web.example.test.", mdns.RcodeServerFailure)
	if got := ask("web.example.test."); got != "SERVFAIL" {
		t.Errorf("the name answers %s", got)
	}
	if got := ask("below.web.example.test."); got != "SERVFAIL" {
		t.Errorf("the name below answers %s", got)
	}
	if got := ask("alone.example.test."); got != "NOERROR" {
		t.Errorf("its neighbour answers %s", got)
	}
	s.Heal("web.example.test.")
	if got := ask("web.example.test."); got != "NOERROR" {
		t.Errorf("after Heal the name answers %s", got)
	}

	s.Drop(".")
	c := &mdns.Client{Timeout: 50 * time.Millisecond}
	if in, _, err := c.Exchange(new(mdns.Msg).SetQuestion("web.example.test.", mdns.TypeA), s.Addr()); err == nil {
		t.Errorf("a dropped question got %v", in)
	}
	s.Heal(".")
	if got := ask("web.example.test."); got != "NOERROR" {
		t.Errorf("after the drop the name answers %s", got)
	}
}

func TestQueriesAreCountedByNameAndType(t *testing.T) {
	t.Parallel()
	s := start(t)
	for _, name := range []string{"web.example.test.", "WEB.example.test.", "alone.example.test."} {
		exchange(t, s, "udp", new(mdns.Msg).SetQuestion(name, mdns.TypeA))
	}
	if got := s.Queries("web.example.test.", "A"); got != 2 {
		t.Errorf("counted %d questions, want 2", got)
	}
	if got := s.Queries("web.example.test.", "TXT"); got != 0 {
		t.Errorf("counted %d questions of a type never asked", got)
	}
}

func TestRecordsOutsideTheZonesAreRejectedAtStart(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]Options{
		"a record of no zone":      {Zones: []string{"example.test."}, Records: []string{"a.example.org. 1 IN A 127.0.0.1"}},
		"a record nobody can read": {Zones: []string{"example.test."}, Records: []string{"a.example.test. IN A nonsense"}},
		"a key that is not base64": {Keys: []Key{{Name: "k.", Secret: "%"}}},
	} {
		if s, err := Start(o); err == nil {
			t.Errorf("%s: Start succeeded", name)
			_ = s.Close()
		}
	}
}
