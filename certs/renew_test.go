package certs_test

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/certwright/certwright/certs"
	certsv1 "github.com/certwright/certwright/certs/v1"
)

func TestRenewAt(t *testing.T) {
	t.Parallel()
	hours := func(h float64) *metav1.Duration {
		return &metav1.Duration{Duration: time.Duration(h * float64(time.Hour))}
	}
	percent := func(n int32) *int32 { return &n }
	windows := func(w ...certsv1.CertificateRenewalWindow) *certsv1.CertificateRenewal {
		return &certsv1.CertificateRenewal{Policy: certsv1.RenewalPolicyRenewBefore, Windows: w}
	}
	at := func(d time.Duration) time.Time { return noon.Add(d) }
	tests := map[string]struct {
		lifetime time.Duration
		spec     certsv1.CertificateSpec
		want     time.Time
		never    bool
		bad      bool
	}{
		"90 days are renewed 30 days before the end": {2160 * time.Hour, certsv1.CertificateSpec{}, at(1440 * time.Hour), false, false},
		"an hour is renewed after 40 minutes":        {time.Hour, certsv1.CertificateSpec{}, at(40 * time.Minute), false, false},
		"a quarter of an hour left":                  {time.Hour, certsv1.CertificateSpec{RenewBeforePercentage: percent(25)}, at(45 * time.Minute), false, false},
		"renewBefore":                                {2160 * time.Hour, certsv1.CertificateSpec{RenewBefore: hours(360)}, at(1800 * time.Hour), false, false},
		"renewBefore as long as the lifetime":        {time.Hour, certsv1.CertificateSpec{RenewBefore: hours(1)}, at(40 * time.Minute), false, false},
		"renewBefore too long, a percentage as well": {time.Hour, certsv1.CertificateSpec{RenewBefore: hours(2), RenewBeforePercentage: percent(25)}, at(45 * time.Minute), false, false},
		"a percentage out of range":                  {time.Hour, certsv1.CertificateSpec{RenewBeforePercentage: percent(100)}, at(40 * time.Minute), false, false},
		"a hundred years do not overflow":            {876000 * time.Hour, certsv1.CertificateSpec{RenewBeforePercentage: percent(50)}, at(438000 * time.Hour), false, false},
		"renewal switched off":                       {time.Hour, certsv1.CertificateSpec{Renewal: &certsv1.CertificateRenewal{Policy: certsv1.RenewalPolicyDisabled}}, time.Time{}, true, false},
		"a window that is open":                      {48 * time.Hour, certsv1.CertificateSpec{RenewBefore: hours(24), Renewal: windows(certsv1.CertificateRenewalWindow{Cron: "0 11 * * *", WindowDuration: *hours(2)})}, at(24 * time.Hour), false, false},
		"a window that opens later":                  {48 * time.Hour, certsv1.CertificateSpec{RenewBefore: hours(24), Renewal: windows(certsv1.CertificateRenewalWindow{Cron: "0 14 * * *", WindowDuration: *hours(2)})}, at(26 * time.Hour), false, false},
		"the earliest of two":                        {48 * time.Hour, certsv1.CertificateSpec{RenewBefore: hours(24), Renewal: windows(certsv1.CertificateRenewalWindow{Cron: "0 20 * * *", WindowDuration: *hours(2)}, certsv1.CertificateRenewalWindow{Cron: "0 14 * * *", WindowDuration: *hours(1)})}, at(26 * time.Hour), false, false},
		"a window in another zone":                   {48 * time.Hour, certsv1.CertificateSpec{RenewBefore: hours(24), Renewal: windows(certsv1.CertificateRenewalWindow{Cron: "0 16 * * *", WindowDuration: *hours(1), Timezone: "Europe/Paris"})}, at(26 * time.Hour), false, false},
		"the end of a window is outside":             {48 * time.Hour, certsv1.CertificateSpec{RenewBefore: hours(24), Renewal: windows(certsv1.CertificateRenewalWindow{Cron: "0 11 * * *", WindowDuration: *hours(1)})}, at(47 * time.Hour), false, false},
		"no window before the expiry":                {2 * time.Hour, certsv1.CertificateSpec{Renewal: windows(certsv1.CertificateRenewalWindow{Cron: "0 2 * * *", WindowDuration: *hours(1)})}, at(80 * time.Minute), false, true},
		"a steady pace is counted from the issuance": {2160 * time.Hour, certsv1.CertificateSpec{Renewal: windows(certsv1.CertificateRenewalWindow{Cron: "@every 24h", WindowDuration: *hours(1)})}, at(1463 * time.Hour), false, false},
		"a steady pace whose window is open":         {2160 * time.Hour, certsv1.CertificateSpec{Renewal: windows(certsv1.CertificateRenewalWindow{Cron: "@every 100h", WindowDuration: *hours(90)})}, at(1440 * time.Hour), false, false},
		"a pace slower than the lifetime":            {48 * time.Hour, certsv1.CertificateSpec{Renewal: windows(certsv1.CertificateRenewalWindow{Cron: "@every 480h", WindowDuration: *hours(2)})}, at(32 * time.Hour), false, true},
		"a window without length":                    {2 * time.Hour, certsv1.CertificateSpec{Renewal: windows(certsv1.CertificateRenewalWindow{Cron: "0 2 * * *"})}, at(80 * time.Minute), false, true},
		"a window that never opens":                  {2 * time.Hour, certsv1.CertificateSpec{Renewal: windows(certsv1.CertificateRenewalWindow{Cron: "0 0 31 2 *", WindowDuration: *hours(1)})}, at(80 * time.Minute), false, true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, ok, err := certs.RenewAt(noon, noon.Add(tt.lifetime), &tt.spec)
			if !got.Equal(tt.want) || ok == tt.never || (err != nil) != tt.bad {
				t.Errorf("RenewAt() = %v, %t, %v; want %v", got, ok, err, tt.want)
			}
		})
	}
}

func FuzzParseWindow(f *testing.F) {
	f.Add("0 2 * * 1-5", "Europe/Paris")
	f.Add("@daily", "")
	f.Add("TZ=Mars/Base 0 2 * * *", "UTC")
	f.Fuzz(func(t *testing.T, spec, timezone string) {
		schedule, location, err := certs.ParseWindow(spec, timezone)
		if err == nil {
			_ = schedule.Next(noon.In(location))
		}
	})
}
