package alerts

import (
	"fmt"
	"regexp"
	"strconv"
	"time"
)

var (
	// secondsOf is a time that an expression compares with.
	secondsOf = regexp.MustCompile(`seconds\((\w+)\)`)
	// window is a range or an offset of an expression.
	window = regexp.MustCompile(`(\[|offset )(\d+[hms]\w*)`)
)

// Scale returns the alerts with every time divided by factor: for runs in which
// certificates live for minutes. What is shipped has factor 1. A window should
// not become shorter than two scrapes. Fractions of a lifetime, counts, and how
// long one review may take stay as they are.
func Scale(all []Alert, factor float64) ([]Alert, error) {
	if factor <= 0 {
		return nil, fmt.Errorf("factor %v is not more than zero", factor)
	}
	scaled := make([]Alert, len(all))
	for i, a := range all {
		var bad error
		divide := func(text string) time.Duration {
			d, err := time.ParseDuration(text)
			if err != nil {
				bad = fmt.Errorf("alert %s: %w", a.Name, err)
			}
			return divided(d, factor)
		}
		a.Expr = secondsOf.ReplaceAllStringFunc(a.Expr, func(s string) string {
			d := divide(secondsOf.FindStringSubmatch(s)[1])
			return strconv.FormatFloat(d.Seconds(), 'f', -1, 64)
		})
		a.Expr = window.ReplaceAllStringFunc(a.Expr, func(s string) string {
			m := window.FindStringSubmatch(s)
			return m[1] + promDuration(divide(m[2]))
		})
		a.For = divided(a.For, factor)
		if bad != nil {
			return nil, bad
		}
		scaled[i] = a
	}
	return scaled, nil
}

// divided is in whole milliseconds: Prometheus has no smaller ones.
func divided(d time.Duration, factor float64) time.Duration {
	return time.Duration(float64(d) / factor).Round(time.Millisecond)
}

// promDuration is d as Prometheus writes it, in the largest unit that fits.
func promDuration(d time.Duration) string {
	for _, unit := range []struct {
		name string
		is   time.Duration
	}{{"h", time.Hour}, {"m", time.Minute}, {"s", time.Second}} {
		if d >= unit.is && d%unit.is == 0 {
			return fmt.Sprintf("%d%s", d/unit.is, unit.name)
		}
	}
	return fmt.Sprintf("%dms", d.Milliseconds())
}
