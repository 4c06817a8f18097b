// Package pace says when the ACME controllers look again. All of it is pure:
// the inputs are how often something was tried and what the server asked for.
//
// First looks are quick, because most servers and data planes are done in a
// fraction of a second, and a user waits. Their number is bounded, and after
// them no wake-up is sooner than a second away.
package pace

import (
	"fmt"
	"hash/fnv"
	"regexp"
	"time"
)

const (
	firstBackoff = 5 * time.Second
	maxBackoff   = 30 * time.Minute
	// MaxHold is the longest time that a server may ask us to wait without the
	// work counting as failed.
	MaxHold   = 32 * time.Hour
	firstHold = time.Minute
	maxHold   = time.Hour
)

// Backoff is the wait after the n-th failure in a row, n from 1.
func Backoff(n int) time.Duration { return grow(firstBackoff, maxBackoff, n) }

// Hold is the wait after the n-th time in a row, n from 1, that a server asked
// to be left alone, for retryAfter if it said how long. Different seeds come
// back at different times.
func Hold(n int, retryAfter time.Duration, seed string) time.Duration {
	d := retryAfter
	if d <= 0 {
		d = grow(firstHold, maxHold, n)
	}
	return d + jitter(min(d/10, 5*time.Minute)+time.Second, seed)
}

// PutOff says that host asked to be left alone until a moment, and why.
func PutOff(host string, limited bool, until time.Time, why error) string {
	what := "%s is not available until %s: %s"
	if limited {
		what = "rate limited by %s until %s: %s"
	}
	return fmt.Sprintf(what, host, until.UTC().Truncate(time.Second).Format(time.RFC3339), why)
}

var putOff = regexp.MustCompile(`^(?:\S+ is not available|rate limited by \S+) until (\S+): `)

// Until reads the moment from what PutOff says; it is zero in all other texts.
func Until(text string) time.Time {
	found := putOff.FindStringSubmatch(text)
	if found == nil {
		return time.Time{}
	}
	at, err := time.Parse(time.RFC3339, found[1])
	if err != nil {
		return time.Time{}
	}
	return at
}

// Poll is the wait before the n-th look, n from 1, at something that the server
// works on.
func Poll(n int, retryAfter time.Duration) time.Duration {
	if retryAfter > 0 {
		return max(retryAfter, time.Second)
	}
	steps := []time.Duration{
		250 * time.Millisecond, 500 * time.Millisecond, time.Second, time.Second, 2 * time.Second,
		3 * time.Second, 5 * time.Second, 5 * time.Second, 10 * time.Second, 20 * time.Second, 40 * time.Second,
	}
	if n < 1 {
		n = 1
	}
	if n > len(steps) {
		return time.Minute
	}
	return steps[n-1]
}

func grow(first, last time.Duration, n int) time.Duration {
	d := first
	for range n - 1 {
		if d *= 2; d >= last {
			return last
		}
	}
	return d
}

// jitter is a part of span that depends on seed alone.
func jitter(span time.Duration, seed string) time.Duration {
	h := fnv.New32a()
	_, _ = h.Write([]byte(seed)) // never fails
	return time.Duration(float64(span) * float64(h.Sum32()) / (1 << 32))
}
