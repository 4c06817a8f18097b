package pace

import (
	"errors"
	"testing"
	"time"
)

func TestPace(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ got, want time.Duration }{
		"the first failure waits five seconds":    {Backoff(1), 5 * time.Second},
		"the second twice as long":                {Backoff(2), 10 * time.Second},
		"no failure waits more than half an hour": {Backoff(100), 30 * time.Minute},
		"no count is the first":                   {Backoff(0), 5 * time.Second},
		"the first look is quick":                 {Poll(1, 0), 250 * time.Millisecond},
		"the third takes a second":                {Poll(3, 0), time.Second},
		"late looks are a minute apart":           {Poll(1000, 0), time.Minute},
		"unless the server says more":             {Poll(1, 90*time.Second), 90 * time.Second},
		"or less, but never below a second":       {Poll(1000, time.Millisecond), time.Second},
	} {
		if tt.got != tt.want {
			t.Errorf("%s: %s, want %s", name, tt.got, tt.want)
		}
	}
}

func TestUntil(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	for _, limited := range []bool{true, false} {
		text := PutOff("ca.test", limited, at.Add(time.Millisecond), errors.New("too many"))
		if got := Until(text); !got.Equal(at) {
			t.Errorf("Until(%q) = %s", text, got)
		}
	}
	for _, text := range []string{"", "Waiting for the challenge for a: rate limited by ca.test until 2026-11-23T12:00:00Z: too many", "rate limited by ca.test until tomorrow: x"} {
		if got := Until(text); !got.IsZero() {
			t.Errorf("Until(%q) = %s", text, got)
		}
	}
}

func TestHold(t *testing.T) {
	t.Parallel()
	seen := map[time.Duration]bool{}
	for _, seed := range []string{"a", "b", "c", "d"} {
		d := Hold(1, time.Hour, seed)
		if d < time.Hour || d > time.Hour+5*time.Minute+time.Second || d != Hold(1, time.Hour, seed) {
			t.Errorf("Hold(%s) = %s", seed, d)
		}
		seen[d] = true
	}
	if len(seen) < 3 {
		t.Error("all come back together")
	}
	if d := Hold(3, 0, "a"); d < 4*time.Minute || d > 5*time.Minute {
		t.Errorf("without Retry-After: %s", d)
	}
}
