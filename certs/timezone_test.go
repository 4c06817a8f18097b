package certs

import (
	"strings"
	"testing"
	"time"
)

func TestTimezone(t *testing.T) {
	for _, name := range []string{"", "UTC", "Europe/Paris", "America/New_York"} {
		got, err := Timezone(name)
		if err != nil {
			t.Fatal(err)
		}
		want, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		noon := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
		if g, w := noon.In(got).String(), noon.In(want).String(); g != w {
			t.Errorf("noon in %q is %s, want %s", name, g, w)
		}
		if again, _ := Timezone(name); again != got {
			t.Errorf("%q was read twice", name)
		}
	}
	for _, name := range []string{"Local", "Europe/Nowhere", "../etc/passwd", "/etc/localtime", strings.Repeat("x", 1000)} {
		if got, err := Timezone(name); err == nil || len(err.Error()) > 200 {
			t.Errorf("%.20q is %v, %v", name, got, err)
		}
	}
}

func TestTimezonesAreKeptWithABound(t *testing.T) {
	for n := range maxTimezones + 10 {
		if _, err := Timezone("Europe" + strings.Repeat("/", n+1) + "Paris"); err != nil {
			t.Skipf("a time zone has one spelling here: %v", err)
		}
	}
	timezones.Lock()
	defer timezones.Unlock()
	if n := len(timezones.byName); n > maxTimezones {
		t.Errorf("%d are kept", n)
	}
}
