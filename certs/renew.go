package certs

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/robfig/cron/v3"

	certsv1 "github.com/certwright/certwright/certs/v1"
)

// RenewAt returns when a certificate that is valid from notBefore to notAfter
// is renewed: renewBefore, or renewBeforePercentage, or a third of its lifetime
// before it expires, moved to a later time if spec has windows. It is false if
// spec never renews by time. With an error, which says that the windows cannot
// be kept, the time is the one without windows: a valid certificate matters
// more than a window.
func RenewAt(notBefore, notAfter time.Time, spec *certsv1.CertificateSpec) (time.Time, bool, error) {
	if spec.Renewal != nil && spec.Renewal.Policy == certsv1.RenewalPolicyDisabled {
		return time.Time{}, false, nil
	}
	desired := notAfter.Add(-renewBefore(notAfter.Sub(notBefore), spec)).Truncate(time.Second)
	if spec.Renewal == nil || len(spec.Renewal.Windows) == 0 {
		return desired, true, nil
	}
	at, err := inWindows(desired, notBefore, notAfter, spec.Renewal.Windows)
	if err != nil {
		return desired, true, err
	}
	return at, true, nil
}

// renewBefore returns how long before its end a certificate of the given
// lifetime is renewed. What does not fit the lifetime is passed over.
func renewBefore(lifetime time.Duration, spec *certsv1.CertificateSpec) time.Duration {
	if d := spec.RenewBefore; d != nil && d.Duration > 0 && d.Duration < lifetime {
		return d.Duration
	}
	if pct := spec.RenewBeforePercentage; pct != nil && *pct > 0 && *pct < 100 {
		// Floating point, as lifetime*pct can overflow.
		return time.Duration(float64(lifetime) * float64(*pct) / 100)
	}
	return lifetime / 3
}

// inWindows returns desired if a window is open then, else the first opening
// after it. An opening at or after notAfter is of no use.
func inWindows(desired, notBefore, notAfter time.Time, windows []certsv1.CertificateRenewalWindow) (time.Time, error) {
	var best time.Time
	for i, w := range windows {
		length := w.WindowDuration.Duration
		if length <= 0 {
			return time.Time{}, fmt.Errorf("spec.renewal.windows[%d].windowDuration is not positive", i)
		}
		schedule, location, err := ParseWindow(w.Cron, w.Timezone)
		if err != nil {
			return time.Time{}, fmt.Errorf("spec.renewal.windows[%d]: %w", i, err)
		}
		// The first opening after desired-length: if it is not after desired,
		// the window is still open then.
		opening := openingAfter(schedule, desired.Add(-length).In(location), notBefore.Add(-length)).UTC()
		if opening.IsZero() {
			continue // never, within five years
		}
		if !opening.After(desired) {
			return desired, nil
		}
		if opening.Before(notAfter) && (best.IsZero() || opening.Before(best)) {
			best = opening
		}
	}
	if best.IsZero() {
		return time.Time{}, errors.New("no renewal window opens between the desired renewal time and the expiry")
	}
	return best.Truncate(time.Second), nil
}

// openingAfter returns when a window next opens after t. What opens at a steady
// pace (@every) is counted from begin, the first moment at which an open window
// could matter, as it says nothing else about when.
func openingAfter(schedule cron.Schedule, t, begin time.Time) time.Time {
	pace, steady := schedule.(cron.ConstantDelaySchedule)
	if !steady {
		return schedule.Next(t)
	}
	since := max(t.Sub(begin), 0)
	return begin.Add(since - since%pace.Delay + pace.Delay)
}

// ParseWindow reads when a renewal window opens: five fields or a descriptor
// such as @daily, in an IANA time zone, UTC if it is empty.
func ParseWindow(spec, timezone string) (cron.Schedule, *time.Location, error) {
	location, err := Timezone(timezone)
	if err != nil {
		return nil, nil, err
	}
	if strings.Contains(spec, "TZ=") {
		return nil, nil, errors.New("a time zone belongs into timezone, not into cron")
	}
	schedule, err := cron.ParseStandard(spec)
	if err != nil {
		return nil, nil, fmt.Errorf("cron %.100q does not parse: %w", spec, err)
	}
	return schedule, location, nil
}
