package validate

import (
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/certwright/certwright/certs"
	certsv1 "github.com/certwright/certwright/certs/v1"
)

const (
	minDuration    = time.Hour
	minRenewBefore = 5 * time.Minute
)

func effectiveDuration(spec *certsv1.CertificateSpec) time.Duration {
	if spec.Duration == nil {
		return certs.DefaultDuration
	}
	return spec.Duration.Duration
}

func duration(spec *certsv1.CertificateSpec) field.ErrorList {
	if d := effectiveDuration(spec); d < minDuration {
		return field.ErrorList{field.Invalid(specPath.Child("duration"), d.String(), "is too short; use at least 1h, or leave it out for 2160h (90 days)")}
	}
	return nil
}

func renewBefore(spec *certsv1.CertificateSpec) field.ErrorList {
	if spec.RenewBefore == nil {
		return nil
	}
	path, before := specPath.Child("renewBefore"), spec.RenewBefore.Duration
	var errs field.ErrorList
	if before < minRenewBefore {
		errs = append(errs, field.Invalid(path, before.String(), "is too short; use at least 5m"))
	}
	if d := effectiveDuration(spec); before >= d {
		errs = append(errs, field.Invalid(path, before.String(), fmt.Sprintf("must be less than the duration of %s; use a third of it, or leave it out", d)))
	}
	if spec.RenewBeforePercentage != nil {
		const detail = "may not be set together; keep one of renewBefore and renewBeforePercentage"
		errs = append(errs,
			field.Invalid(path, before.String(), detail),
			field.Invalid(specPath.Child("renewBeforePercentage"), *spec.RenewBeforePercentage, detail))
	}
	return errs
}

// cert-manager looks at the percentage only where duration or renewBefore is
// set, and then compares the other end of the lifetime. What both agree on is
// refused always, the rest where it is new.

func renewBeforePercentage(spec *certsv1.CertificateSpec) field.ErrorList {
	if spec.Duration == nil && spec.RenewBefore == nil {
		return nil
	}
	return percentageInRange(spec)
}

func effectivePercentage(spec *certsv1.CertificateSpec) field.ErrorList {
	if spec.RenewBeforePercentage == nil {
		return nil
	}
	pct := *spec.RenewBeforePercentage
	if pct <= 0 || pct >= 100 {
		if spec.Duration == nil && spec.RenewBefore == nil {
			return percentageInRange(spec)
		}
		return nil // reported by renewBeforePercentage
	}
	// Divided first: duration*pct can overflow.
	if effectiveDuration(spec)/100*time.Duration(pct) < minRenewBefore {
		return field.ErrorList{field.Invalid(specPath.Child("renewBeforePercentage"), pct,
			"is less than 5m of the duration; use a greater percentage or a longer duration")}
	}
	return nil
}

func percentageInRange(spec *certsv1.CertificateSpec) field.ErrorList {
	if pct := spec.RenewBeforePercentage; pct != nil && (*pct <= 0 || *pct >= 100) {
		return field.ErrorList{field.Invalid(specPath.Child("renewBeforePercentage"), *pct,
			"is not between 1 and 99; it says how much of the lifetime is left at the renewal, 33 is a third")}
	}
	return nil
}

func renewal(spec *certsv1.CertificateSpec) field.ErrorList {
	r, path := spec.Renewal, specPath.Child("renewal")
	if r == nil {
		return nil
	}
	var errs field.ErrorList
	switch r.Policy {
	case certsv1.RenewalPolicyRenewBefore:
	case certsv1.RenewalPolicyDisabled:
		if len(r.Windows) > 0 {
			errs = append(errs, field.Forbidden(path.Child("windows"), "have no meaning with policy Disabled; take them out, or use policy RenewBefore"))
		}
		return errs
	default:
		errs = append(errs, field.NotSupported(path.Child("policy"), string(r.Policy),
			[]certsv1.RenewalPolicy{certsv1.RenewalPolicyRenewBefore, certsv1.RenewalPolicyDisabled}))
	}
	for i, w := range r.Windows {
		path := path.Child("windows").Index(i)
		if _, err := certs.Timezone(w.Timezone); err != nil {
			errs = append(errs, field.Invalid(path.Child("timezone"), w.Timezone, "is not a time zone; use a name of the IANA database such as Europe/Paris, or leave it out for UTC"))
		}
		if _, _, err := certs.ParseWindow(w.Cron, w.Timezone); err != nil {
			errs = append(errs, field.Invalid(path.Child("cron"), w.Cron,
				err.Error()+`; use minute, hour, day of month, month and day of week (0 is Sunday), for example "0 2 * * 1-5", or @daily`))
		}
	}
	return errs
}

// lastingWindows refuses windows that are never open. One without a duration
// and one of 0s are the same by now, so both are told to set it.
func lastingWindows(spec *certsv1.CertificateSpec) field.ErrorList {
	if spec.Renewal == nil || spec.Renewal.Policy == certsv1.RenewalPolicyDisabled {
		return nil
	}
	var errs field.ErrorList
	for i, w := range spec.Renewal.Windows {
		path := specPath.Child("renewal", "windows").Index(i).Child("windowDuration")
		const remedy = "must be longer than 0s, or the window is never open; use for example 2h"
		switch d := w.WindowDuration.Duration; {
		case d == 0:
			errs = append(errs, field.Required(path, remedy))
		case d < 0:
			errs = append(errs, field.Invalid(path, d.String(), remedy))
		}
	}
	return errs
}
