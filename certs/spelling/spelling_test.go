package spelling_test

import (
	"strings"
	"testing"

	"github.com/certwright/certwright/certs/spelling"
)

func TestNearest(t *testing.T) {
	fields := []string{"commonName", "dnsNames", "duration", "issuerRef", "isCA", "privateKey", "secretName", "secretTemplate", "uris", "usages"}
	for name, tt := range map[string]struct {
		word string
		want string
	}{
		"one letter is missing":                {"dnsName", "dnsNames"},
		"one letter is too much":               {"durations", "duration"},
		"two letters are swapped":              {"dnsNaems", "dnsNames"},
		"a swap counts once":                   {"ruis", "uris"},
		"the case differs":                     {"dnsnames", "dnsNames"},
		"the case differs in a short word":     {"isCa", "isCA"},
		"the end is missing":                   {"issuer", "issuerRef"},
		"the end is missing, the shorter wins": {"secret", "secretName"},
		"there is more at the end":             {"usagesOfTheKey", "usages"},
		"a short word has to be close":         {"uri", "uris"},
		"a short word that is not close":       {"key", ""},
		"something else":                       {"replicas", ""},
		"nothing":                              {"", ""},
		"too long to be a slip":                {strings.Repeat("dnsNames", 9), ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := spelling.Nearest(tt.word, fields); got != tt.want {
				t.Errorf("Nearest(%q) = %q, want %q", tt.word, got, tt.want)
			}
		})
	}
}

func TestNearestOfNone(t *testing.T) {
	t.Parallel()
	if got := spelling.Nearest("dnsNames", nil); got != "" {
		t.Errorf("Nearest() of no words = %q", got)
	}
}
