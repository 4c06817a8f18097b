package serving

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	clocktesting "k8s.io/utils/clock/testing"
)

func TestMetrics(t *testing.T) {
	now := time.Unix(1_900_000_000, 0)
	ca, err := NewAuthority(now, DefaultCADuration)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := ca.Leaf(now, DefaultLeafDuration, []string{"webhook.example.test"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	const ready = `
# HELP certwright_webhook_ready Whether this replica serves a certificate that both webhook configurations trust (1) or not (0).
# TYPE certwright_webhook_ready gauge
certwright_webhook_ready %d
`
	const life = `
# HELP certwright_webhook_certificate_not_after_timestamp_seconds When the certificate that this replica's webhook serves expires. Unix time. Absent before there is one.
# TYPE certwright_webhook_certificate_not_after_timestamp_seconds gauge
certwright_webhook_certificate_not_after_timestamp_seconds 1.9006048e+09
# HELP certwright_webhook_certificate_not_before_timestamp_seconds When the certificate that this replica's webhook serves becomes valid. Unix time. Absent before there is one.
# TYPE certwright_webhook_certificate_not_before_timestamp_seconds gauge
certwright_webhook_certificate_not_before_timestamp_seconds 1.8999997e+09
`
	for name, tt := range map[string]struct {
		view view
		want string
	}{
		"before there is a certificate, it is not ready and has no end": {
			view{problem: errors.New("none yet")}, fmt.Sprintf(ready, 0)},
		"a certificate that the configurations trust is ready, and its life is told": {
			view{leaf: leaf}, fmt.Sprintf(ready, 1) + life},
		"one that they do not trust is not ready": {
			view{leaf: leaf, problem: errors.New("not trusted")}, fmt.Sprintf(ready, 0) + life},
	} {
		t.Run(name, func(t *testing.T) {
			k := New(Config{Clock: clocktesting.NewFakePassiveClock(now)})
			k.now.Store(&tt.view)
			if err := testutil.CollectAndCompare(k, strings.NewReader(tt.want)); err != nil {
				t.Error(err)
			}
			problems, err := testutil.CollectAndLint(k)
			if err != nil || len(problems) > 0 {
				t.Errorf("the linter: %v, %v", problems, err)
			}
		})
	}
}
