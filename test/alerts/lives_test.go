package alerts

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

const (
	hour = time.Hour
	day  = 24 * time.Hour
)

// certificate are the series of a Certificate of the first replica, in namespace
// shop, that is ready and renewed in time, by an Issuer that healthy has.
func (p play) certificate(name string, lasts, renewedAfter time.Duration) string {
	labels := fmt.Sprintf(`$a,exported_namespace="shop",name=%q,issuer_name="ca",issuer_kind="Issuer",issuer_group="cert-manager.io"`, name)
	return p.life(lasts, renewedAfter, func(of string) string {
		return fmt.Sprintf("certmanager_certificate_%s_timestamp_seconds{%s}", of, labels)
	}) + fmt.Sprintf(`
		certmanager_certificate_ready_status{%[1]s,condition="True"} 1x%[2]d
		certmanager_certificate_ready_status{%[1]s,condition="False"} 0x%[2]d
		certmanager_certificate_ready_status{%[1]s,condition="Unknown"} 0x%[2]d
	`, labels, p.samples())
}

// ca are the series of a CA in namespace shop that is renewed in time.
func (p play) ca(issuer string, lasts, renewedAfter time.Duration) string {
	return p.life(lasts, renewedAfter, func(of string) string {
		if of != "not_before" && of != "not_after" {
			return ""
		}
		return fmt.Sprintf(`certwright_issuer_ca_%s_timestamp_seconds{$a,exported_namespace="shop",name=%q,kind="Issuer"}`, of, issuer)
	})
}

// Nobody is woken for a certificate that is renewed in time, however long it
// lasts, over its whole life and the first half of the next.
func TestHealthyLivesAreSilent(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		lasts, renewed time.Duration
		step           time.Duration
	}{
		"an hour": {hour, 40 * time.Minute, 15 * time.Second},
		"an hour, renewed five minutes before its end": {hour, 55 * time.Minute, 15 * time.Second},
		"an hour, renewed every ten minutes":           {hour, 10 * time.Minute, 15 * time.Second},
		"six days":                                     {6 * day, 4 * day, 30 * time.Minute},
		"forty-five days":                              {45 * day, 30 * day, 4 * time.Hour},
		"ninety days":                                  {90 * day, 60 * day, 8 * time.Hour},
		"a year":                                       {365 * day, 365 * day * 2 / 3, 36 * time.Hour},
		"ten years":                                    {3600 * day, 2400 * day, 10 * day},
		"a year, renewed a month before its end":       {365 * day, 335 * day, 36 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := play{step: tt.step, end: tt.lasts * 3 / 2}
			p.series = p.healthy() + p.certificate("web", tt.lasts, tt.renewed)
			if left := tt.lasts - tt.renewed; left > tt.lasts/6 {
				p.series += p.ca("own", tt.lasts, tt.renewed)
			}
			p.run(t, func(at time.Duration, firing []string) {
				if len(firing) > 0 {
					t.Fatalf("after %s: %v", at, firing)
				}
			})
		})
	}
}

// A certificate that nobody renews is told of while there is time, by the part
// of its life that is left.
func TestUnrenewedCertificate(t *testing.T) {
	t.Parallel()
	type due struct{ overdue, soon, imminent time.Duration }
	for name, tt := range map[string]struct {
		lasts, renewal, step time.Duration
		want                 due
	}{
		"an hour":         {hour, 40 * time.Minute, 15 * time.Second, due{45 * time.Minute, 50 * time.Minute, 56 * time.Minute}},
		"six days":        {6 * day, 4 * day, 30 * time.Minute, due{4*day + 12*hour, 5 * day, 5*day + 14*hour + 24*time.Minute}},
		"forty-five days": {45 * day, 30 * day, 2 * hour, due{33*day + 18*hour, 37*day + 12*hour, 42 * day}},
		"ninety days":     {90 * day, 60 * day, 4 * hour, due{67*day + 12*hour, 75 * day, 84 * day}},
		"a year":          {360 * day, 240 * day, 12 * hour, due{270 * day, 300 * day, 353 * day}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := play{step: tt.step, end: tt.lasts - tt.step}
			p.series = p.healthy() + fmt.Sprintf(`
				certmanager_certificate_ready_status{$a,exported_namespace="shop",name="web",issuer_name="ca",condition="True"} 1x%[1]d
				certmanager_certificate_not_before_timestamp_seconds{$a,exported_namespace="shop",name="web",issuer_name="ca"} 0x%[1]d
				certmanager_certificate_renewal_timestamp_seconds{$a,exported_namespace="shop",name="web",issuer_name="ca"} %[2]vx%[1]d
				certmanager_certificate_expiration_timestamp_seconds{$a,exported_namespace="shop",name="web",issuer_name="ca"} %[3]vx%[1]d
			`, p.samples(), tt.renewal.Seconds(), tt.lasts.Seconds())
			first := map[string]time.Duration{}
			p.run(t, func(at time.Duration, firing []string) {
				for _, f := range firing {
					if name := nameOf(f); first[name] == 0 {
						first[name] = at
					}
				}
			})
			for alert, want := range map[string]time.Duration{
				"CertwrightRenewalOverdue": tt.want.overdue, "CertManagerCertExpirySoon": tt.want.soon, "CertwrightCertExpiryImminent": tt.want.imminent,
			} {
				// Later by its for, and by the step in which that ends.
				if got := first[alert]; got <= want || got > want+2*max(tt.step, time.Minute)+tt.step {
					t.Errorf("%s after %s, want soon after %s", alert, got, want)
				}
			}
			if len(first) != 3 {
				t.Errorf("these fired: %v", first)
			}
		})
	}
}

// A CA that nobody renews is told of by the part of its life that is left, until
// there is a new one.
func TestUnrenewedCA(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		lasts, step    time.Duration
		soon, imminent time.Duration
	}{
		"an hour":     {hour, 15 * time.Second, 50 * time.Minute, 58 * time.Minute},
		"ninety days": {90 * day, 4 * hour, 75 * day, 87 * day},
		"ten years":   {3600 * day, 5 * day, 3000 * day, 3590 * day}, // looked at every five days: 3595 is the first in the last week
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			replaced := tt.lasts + 4*max(tt.step, time.Minute)
			p := play{step: tt.step, end: replaced + 2*tt.step}
			n := int(replaced/tt.step) - 1 // the sample of replaced is the first of the new CA
			p.series = p.healthy() + fmt.Sprintf(`
				certwright_issuer_ca_not_before_timestamp_seconds{$a,exported_namespace="shop",name="own",kind="Issuer"} 0x%[1]d %[2]vx9
				certwright_issuer_ca_not_after_timestamp_seconds{$a,exported_namespace="shop",name="own",kind="Issuer"} %[3]vx%[1]d %[4]vx9
			`, n, replaced.Seconds(), tt.lasts.Seconds(), (replaced+tt.lasts).Seconds())
			// Later by its for, and by the step in which that ends.
			wait := max(tt.step, time.Minute) + tt.step
			p.run(t, func(at time.Duration, firing []string) {
				var want []string
				text := "expires in *"
				if at >= tt.lasts {
					text = "has expired"
				}
				if at >= tt.imminent+wait && at < replaced {
					want = append(want, `CertwrightCAExpirySoon{`+own+`"critical"} The CA of Issuer shop/own `+text+`; what it has signed fails with it.`)
				}
				if at >= tt.soon+wait && at < replaced {
					want = append(want, `CertwrightCAExpirySoon{`+own+`"warning"} The CA of Issuer shop/own `+text+`.`)
				}
				if !slices.EqualFunc(want, firing, says) {
					t.Fatalf("after %s:\nwant %s\ngot  %s", at, list(want), list(firing))
				}
			})
		})
	}
}
