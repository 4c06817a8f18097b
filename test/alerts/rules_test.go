package alerts

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// nameOf is the name of the alert in what firingIn says.
func nameOf(firing string) string {
	name, _, _ := strings.Cut(firing, "{")
	return name
}

// web identifies the Certificate that most of the tests are about.
const web = `exported_namespace="shop", name="web", namespace="cert-manager", severity=`

// own identifies the Issuer whose CA ends.
const own = `exported_namespace="shop", kind="Issuer", name="own", namespace="cert-manager", severity=`

// TestRules: every minute from the second on, exactly what is listed fires. A
// case lists the changes only.
func TestRules(t *testing.T) {
	t.Parallel()
	const crt = `$a,exported_namespace="shop",name="web",issuer_name="ca",issuer_kind="Issuer",issuer_group="cert-manager.io"`
	tests := map[string]struct {
		minutes int
		// silent leaves the healthy replicas out.
		silent bool
		series string
		// want is what fires from that minute on.
		want map[int][]string
	}{
		"three healthy replicas raise no alert": {minutes: 120},

		"a Certificate that is not ready any more is told of after ten minutes, once": {
			minutes: 30,
			series: `
				certmanager_certificate_ready_status{` + crt + `,condition="True"} 1x4 0x9 1x20
				certmanager_certificate_ready_status{` + crt + `,condition="False"} 0x4 1x4 0x24
				certmanager_certificate_ready_status{` + crt + `,condition="Unknown"} 0x9 1x4 0x20
				certwright_certificate_broken{` + crt + `} _x5 1x9 stale
			`,
			// False from 5 to 9, then Unknown to 14: ten minutes are over at 15, when it is ready again.
			want: map[int][]string{},
		},
		"not ready for more than ten minutes": {
			minutes: 30,
			series: `
				certmanager_certificate_ready_status{` + crt + `,condition="False"} 0x4 1x14 0x20
				certwright_certificate_broken{` + crt + `} _x5 1x14 stale
			`,
			want: map[int][]string{
				15: {`CertManagerCertNotReady{` + web + `"critical"} Certificate shop/web is not ready any more.`},
				20: nil,
			},
		},
		"a namespace that Prometheus keeps as it is (honorLabels) is named as well": {
			minutes: 20,
			series: `
				certmanager_certificate_ready_status{job="cert-manager",namespace="shop",instance="10.0.0.1:9402",name="web",issuer_name="ca",condition="False"} 1x20
				certwright_certificate_broken{job="cert-manager",namespace="shop",instance="10.0.0.1:9402",name="web",issuer_name="ca"} 1x20
				certmanager_issuer_ready_status{job="cert-manager",namespace="shop",instance="10.0.0.1:9402",name="ca",condition="True"} 1x20
			`,
			want: map[int][]string{11: {`CertManagerCertNotReady{name="web", namespace="shop", severity="critical"} Certificate shop/web is not ready any more.`}},
		},
		"one whose Secret is gone is not taken for a new one": {
			minutes: 20,
			series: `
				certmanager_certificate_ready_status{` + crt + `,condition="False"} 1x20
				certmanager_certificate_expiration_timestamp_seconds{` + crt + `} 0x20
				certwright_certificate_broken{` + crt + `} 1x20
			`,
			want: map[int][]string{11: {`CertManagerCertNotReady{` + web + `"critical"} Certificate shop/web is not ready any more.`}},
		},
		"a temporary certificate is not taken for an issued one": {
			minutes: 70,
			series: `
				certmanager_certificate_ready_status{` + crt + `,condition="False"} 1x70
				certmanager_certificate_expiration_timestamp_seconds{` + crt + `} 7776000x70
			`,
			want: map[int][]string{61: {`CertManagerCertNotReady{` + web + `"warning"} Certificate shop/web has not been issued since it was created.`}},
		},
		"a new Certificate gets an hour, then it is a warning": {
			minutes: 80,
			series: `
				certmanager_certificate_ready_status{` + crt + `,condition="Unknown"} 1x80
				certmanager_certificate_expiration_timestamp_seconds{` + crt + `} 0x80
			`,
			want: map[int][]string{61: {`CertManagerCertNotReady{` + web + `"warning"} Certificate shop/web has not been issued since it was created.`}},
		},
		"a leader that dies takes no alert with it: the next one tells the same within five minutes": {
			minutes: 40,
			series: `
				certmanager_certificate_ready_status{` + crt + `,condition="False"} 1x20 stale
				certwright_certificate_broken{` + crt + `} 1x20 stale
				certmanager_certificate_ready_status{$b,exported_namespace="shop",name="web",issuer_name="ca",condition="False"} _x24 1x20
				certwright_certificate_broken{$b,exported_namespace="shop",name="web",issuer_name="ca"} _x24 1x20
			`,
			want: map[int][]string{11: {`CertManagerCertNotReady{` + web + `"critical"} Certificate shop/web is not ready any more.`}},
		},

		"renewals that fail three times in a row are told of while the Certificate is ready": {
			minutes: 30,
			series: `
				certmanager_certificate_ready_status{` + crt + `,condition="True"} 1x30
				certmanager_certificate_expiration_timestamp_seconds{` + crt + `} 7776000x30
				certmanager_certificate_renewal_timestamp_seconds{` + crt + `} 5184000x30
				certwright_certificate_failed_attempts{` + crt + `} _x4 1x4 2x4 3x4 stale
			`,
			want: map[int][]string{
				// From the 14th minute on there are three; the last word of the 18th counts for five.
				15: {`CertwrightRenewalOverdue{` + web + `"warning"} Certificate shop/web is still good, but its renewal fails or does not happen.`},
				23: nil,
			},
		},
		"failures of a Certificate that is not ready are told of by the other alert": {
			minutes: 30,
			series: `
				certmanager_certificate_ready_status{` + crt + `,condition="True"} 0x30
				certmanager_certificate_ready_status{` + crt + `,condition="False"} 1x30
				certwright_certificate_broken{` + crt + `} 1x30
				certwright_certificate_failed_attempts{` + crt + `} 9x30
			`,
			want: map[int][]string{11: {`CertManagerCertNotReady{` + web + `"critical"} Certificate shop/web is not ready any more.`}},
		},

		"a certificate that is issued every eight minutes, though none is due": {
			minutes: 70,
			series: `
				certmanager_certificate_ready_status{` + crt + `,condition="True"} 1x70
				certmanager_certificate_not_before_timestamp_seconds{` + crt + `} 0x7 480x7 960x7 1440x7 1920x7 2400x7 2880x22
				certmanager_certificate_renewal_timestamp_seconds{` + crt + `} 5184000x70
				certmanager_certificate_expiration_timestamp_seconds{` + crt + `} 7776000x70
			`,
			// Six changes until the 48th minute; the first of them is an hour ago at the 67th.
			want: map[int][]string{
				48: {`CertwrightReissueLoop{` + web + `"warning"} Certificate shop/web was issued 6 times within an hour.`},
				67: nil,
			},
		},
		"a spec that is changed five times within an hour is no loop": {
			minutes: 70,
			series: `
				certmanager_certificate_ready_status{` + crt + `,condition="True"} 1x70
				certmanager_certificate_not_before_timestamp_seconds{` + crt + `} 0x7 480x7 960x7 1440x7 1920x7 2400x30
				certmanager_certificate_renewal_timestamp_seconds{` + crt + `} 5184000x70
				certmanager_certificate_expiration_timestamp_seconds{` + crt + `} 7776000x70
			`,
		},

		"an Issuer that is not ready for fifteen minutes": {
			minutes: 40,
			series: `
				certmanager_issuer_ready_status{$a,exported_namespace="shop",name="vault",condition="False"} 1x9 0x4 1x20 0x10
				certmanager_issuer_ready_status{$a,exported_namespace="shop",name="vault",condition="Unknown"} 0x40
			`,
			want: map[int][]string{
				30: {`CertwrightIssuerNotReady{exported_namespace="shop", name="vault", namespace="cert-manager", severity="warning"} Issuer shop/vault is not ready.`},
				36: nil,
			},
		},
		"a ClusterIssuer that is not ready for fifteen minutes": {
			minutes: 40,
			series:  `certmanager_clusterissuer_ready_status{$a,name="le",condition="Unknown"} 1x9 0x4 1x20 0x10`,
			want: map[int][]string{
				30: {`CertwrightClusterIssuerNotReady{name="le", severity="critical"} ClusterIssuer le is not ready.`},
				36: nil,
			},
		},
		"Certificates of an Issuer and of a ClusterIssuer that do not exist are counted; those of others and of other groups are not": {
			minutes: 40,
			series: `
				certmanager_certificate_ready_status{$a,exported_namespace="shop",name="a",issuer_name="gone",condition="True"} 1x30
				certmanager_certificate_ready_status{$a,exported_namespace="shop",name="b",issuer_name="gone",issuer_kind="Issuer",issuer_group="cert-manager.io",condition="True"} 1x30
				certmanager_certificate_ready_status{$a,exported_namespace="shop",name="c",issuer_name="ca",condition="True"} 1x30
				certmanager_certificate_ready_status{$a,exported_namespace="shop",name="d",issuer_name="acme",issuer_kind="ClusterIssuer",condition="True"} 1x30
				certmanager_certificate_ready_status{$a,exported_namespace="shop",name="e",issuer_name="lost",issuer_kind="ClusterIssuer",condition="True"} 0x30
				certmanager_certificate_ready_status{$a,exported_namespace="shop",name="f",issuer_name="other",issuer_kind="AWSPCAIssuer",issuer_group="awspca.cert-manager.io",condition="True"} 1x30
			`,
			want: map[int][]string{
				16: {
					`CertwrightClusterIssuerMissing{issuer_name="lost", severity="warning"} ClusterIssuer lost does not exist. Certificates that name it: 1.`,
					`CertwrightIssuerMissing{exported_namespace="shop", issuer_name="gone", namespace="cert-manager", severity="warning"} Issuer shop/gone does not exist. Certificates that name it: 2.`,
				},
				35: nil, // the last words of the 30th minute count for five
			},
		},

		"a CA that expires soon is one alert of each severity, whoever tells and whoever leads": {
			minutes: 80,
			series: `
				certwright_issuer_ca_not_before_timestamp_seconds{$a,exported_namespace="shop",name="own",kind="Issuer"} 0x53 stale
				certwright_issuer_ca_not_after_timestamp_seconds{$a,exported_namespace="shop",name="own",kind="Issuer"} 3600x53 stale
				certwright_issuer_ca_not_before_timestamp_seconds{$b,exported_namespace="shop",name="own",kind="Issuer"} 0x40 _x16 0x12 4140x20
				certwright_issuer_ca_not_after_timestamp_seconds{$b,exported_namespace="shop",name="own",kind="Issuer"} 3600x40 _x16 3600x12 7740x20
				certwright_issuer_ca_not_before_timestamp_seconds{$c,exported_namespace="shop",name="own",kind="Issuer"} 0x53 stale
				certwright_issuer_ca_not_after_timestamp_seconds{$c,exported_namespace="shop",name="own",kind="Issuer"} 3600x53 stale
			`,
			want: map[int][]string{
				52: {`CertwrightCAExpirySoon{` + own + `"warning"} The CA of Issuer shop/own expires in *.`},
				60: {
					`CertwrightCAExpirySoon{` + own + `"critical"} The CA of Issuer shop/own has expired; what it has signed fails with it.`,
					`CertwrightCAExpirySoon{` + own + `"warning"} The CA of Issuer shop/own has expired.`,
				},
				70: nil, // a new one
			},
		},
		"the CA of a ClusterIssuer": {
			minutes: 60,
			series: `
				certwright_issuer_ca_not_before_timestamp_seconds{$a,name="root",kind="ClusterIssuer"} 0x60
				certwright_issuer_ca_not_after_timestamp_seconds{$a,name="root",kind="ClusterIssuer"} 4200x60
			`,
			// 70 minutes: a sixth is left after 58 and a third.
			want: map[int][]string{60: {`CertwrightCAExpirySoon{kind="ClusterIssuer", name="root", namespace="cert-manager", severity="warning"} The CA of ClusterIssuer root expires in 10m 0s.`}},
		},
		"the CA of an Issuer in a namespace that Prometheus keeps as it is, and one of the same name in another": {
			minutes: 60,
			series: `
				certwright_issuer_ca_not_before_timestamp_seconds{job="cert-manager",namespace="shop",name="own",kind="Issuer"} 0x60
				certwright_issuer_ca_not_after_timestamp_seconds{job="cert-manager",namespace="shop",name="own",kind="Issuer"} 4200x60
				certwright_issuer_ca_not_before_timestamp_seconds{job="cert-manager",namespace="bank",name="own",kind="Issuer"} 0x60
				certwright_issuer_ca_not_after_timestamp_seconds{job="cert-manager",namespace="bank",name="own",kind="Issuer"} 7200x60
			`,
			want: map[int][]string{60: {`CertwrightCAExpirySoon{kind="Issuer", name="own", namespace="shop", severity="warning"} The CA of Issuer shop/own expires in 10m 0s.`}},
		},

		"one answer of 429 is told of for an hour, after five minutes": {
			minutes: 80,
			series: `
				certmanager_http_acme_client_request_count{$a,scheme="https",host="ca.example",action="new-order",method="POST",status="429"} 0x9 1x70
				certmanager_http_acme_client_request_count{$a,scheme="https",host="ca.example",action="new-order",method="POST",status="503"} 0+1x80
			`,
			want: map[int][]string{
				15: {`CertManagerHittingRateLimits{host="ca.example", severity="warning"} The CA at ca.example refuses requests because there are too many.`},
				69: nil,
			},
		},
		"a challenge may take an hour, however its reason changes, and wait for its turn for as long as it likes": {
			minutes: 90,
			series: `
				certmanager_certificate_challenge_status{$a,exported_namespace="shop",name="c1",domain="a.example",type="HTTP-01",processing="true",status="pending",reason="one"} 1x30 stale
				certmanager_certificate_challenge_status{$a,exported_namespace="shop",name="c1",domain="a.example",type="HTTP-01",processing="true",status="pending",reason="two"} _x30 1x40 0x20
				certmanager_certificate_challenge_status{$a,exported_namespace="shop",name="c1",domain="a.example",type="HTTP-01",processing="true",status="valid",reason="two"} _x30 0x40 1x20
				certmanager_certificate_challenge_status{$a,exported_namespace="shop",name="c2",domain="b.example",type="HTTP-01",processing="false",status="",reason=""} 1x90
				certmanager_certificate_challenge_status{$a,exported_namespace="shop",name="c3",domain="c.example",type="HTTP-01",processing="true",status="pending",reason=""} 1x50 0x40
			`,
			want: map[int][]string{
				61: {`CertwrightChallengePending{domain="a.example", exported_namespace="shop", name="c1", namespace="cert-manager", severity="warning"} The challenge for a.example has been pending for more than an hour.`},
				71: nil,
			},
		},
		"a request that nobody answers is told of after an hour, with its age": {
			minutes: 70,
			series: `
				certwright_certificaterequest_oldest_unanswered_seconds{$a,exported_namespace="shop",issuer_name="ca",issuer_kind="Issuer",issuer_group="cert-manager.io"} 0+60x61 stale
				certwright_certificaterequest_oldest_unanswered_seconds{$a,exported_namespace="shop",issuer_name="busy",issuer_kind="Issuer",issuer_group="cert-manager.io"} 0+60x40 0+60x29
			`,
			want: map[int][]string{
				61: {`CertwrightRequestUnanswered{exported_namespace="shop", issuer_group="cert-manager.io", issuer_kind="Issuer", issuer_name="ca", namespace="cert-manager", severity="warning"} Issuer ca has left a request from namespace shop unanswered for 1h 1m 0s.`},
				66: nil,
			},
		},

		"a third of all syncs ends in an error": {
			minutes: 40,
			series: `
				certmanager_controller_sync_call_count{$a,controller="issuers"} 0+3x40
				certmanager_controller_sync_error_count{$a,controller="issuers"} 0+1x40
			`,
			want: map[int][]string{21: {`CertwrightSyncErrors{controller="issuers", severity="warning"} 33.33% of what the controller issuers does ends in an error.`}},
		},
		"five errors of a single object, tried ever less often, are no trouble of many": {
			minutes: 60,
			series: `
				certmanager_controller_sync_call_count{$a,controller="issuers"} 0+1x4 5x60
				certmanager_controller_sync_error_count{$a,controller="issuers"} 0+1x4 5x60
			`,
		},
		"a queue in which objects wait while none is finished, on the leader": {
			minutes: 60,
			series: `
				workqueue_depth{$a,name="request",controller="request",priority="0"} 0x9 3x30 0x20
				workqueue_work_duration_seconds_count{$a,name="request",controller="request"} 0+4x10 40x29 41+4x20
				workqueue_depth{$b,name="order",controller="order",priority="0"} 7x60
				workqueue_work_duration_seconds_count{$b,name="order",controller="order"} 0x60
			`,
			// Nothing finished from 10 on: the window sees that at 24, and five minutes later it is sure.
			want: map[int][]string{
				29: {`CertwrightQueueStuck{name="request", severity="warning"} The work queue request does not move.`},
				41: nil,
			},
		},
		"a long queue that moves is no trouble": {
			minutes: 60,
			series: `
				workqueue_depth{$a,name="request",controller="request",priority="0"} 9000-100x60
				workqueue_work_duration_seconds_count{$a,name="request",controller="request"} 0+100x60
				workqueue_longest_running_processor_seconds{$a,name="request",controller="request"} 590x60
			`,
		},
		"an object that is worked on for more than ten minutes": {
			minutes: 40,
			series:  `workqueue_longest_running_processor_seconds{$a,name="order",controller="order"} 0+60x30 0x10`,
			want: map[int][]string{
				16: {`CertwrightQueueStuck{name="order", severity="warning"} The work queue order does not move.`},
				31: nil,
			},
		},
		"a queue of the Kubernetes API server is none of ours": {
			minutes: 40,
			series: `
				workqueue_longest_running_processor_seconds{job="apiserver",instance="1.2.3.4",name="x"} 9000x40
				workqueue_depth{job="apiserver",instance="1.2.3.4",name="x"} 9000x40
				workqueue_work_duration_seconds_count{job="apiserver",instance="1.2.3.4",name="x"} 9000x40
			`,
		},

		"no replica that Prometheus knows, or can reach, for ten minutes": {
			minutes: 40, silent: true,
			series: `
				up{$a} 1x4 0x14 1x20
				up{$b} 1x4 stale
				up{job="other",instance="1"} 1x40
			`,
			want: map[int][]string{
				15: {`CertManagerAbsent{severity="critical"} Certwright is not running, or Prometheus cannot reach it.`},
				20: nil,
			},
		},
		"one of three replicas is down": {
			minutes: 40, silent: true,
			series: `
				up{$a} 1x40
				up{$b} 1x40
				up{$c} 0x40
			`,
		},
		"nobody leads for five minutes": {
			minutes: 40, silent: true,
			series: `
				up{$a} 1x40
				certwright_leader{$a} 1x4 0x9 1x30
				certwright_leader{$b} 0x40
				certwright_leader{$c} 0x40
			`,
			want: map[int][]string{
				10: {`CertwrightNoLeader{job="cert-manager", severity="critical"} Replicas of Certwright run, but none leads.`},
				15: nil,
			},
		},
		"a leader that is followed by another after two minutes": {
			minutes: 40, silent: true,
			series: `
				up{$a} 1x40
				certwright_leader{$a} 1x9 0x30
				certwright_leader{$b} 0x12 1x30
			`,
		},
		"clocks that are two minutes apart, either way, are one alert": {
			minutes: 40, silent: true,
			series: `
				up{$a} 1x40
				certmanager_clock_time_seconds_gauge{$a} 120+60x40
				certmanager_clock_time_seconds_gauge{$b} -90+60x40
				certmanager_clock_time_seconds_gauge{$c} 0+60x40
			`,
			want: map[int][]string{6: {`CertwrightClockWrong{job="cert-manager", severity="warning"} The clocks of Certwright and of Prometheus are 2m 0s apart.`}},
		},
		"clocks that are half a minute apart, as a slow scrape may have it": {
			minutes: 40, silent: true,
			series: `
				up{$a} 1x40
				certmanager_clock_time_seconds_gauge{$a} -30+60x40
			`,
		},

		"no replica has a serving certificate that is trusted": {
			minutes: 40, silent: true,
			series: `
				up{$a} 1x40
				certwright_webhook_ready{$a} 1x4 0x9 1x30
				certwright_webhook_ready{$b} 0x40
			`,
			want: map[int][]string{
				10: {`CertwrightWebhookFailing{cause="no replica serves a certificate that the API server trusts", job="cert-manager", severity="critical"} The admission webhook fails: no replica serves a certificate that the API server trusts.`},
				15: nil,
			},
		},
		"a review that ends in a panic, on one replica": {
			minutes: 40,
			series: `
				certwright_webhook_panics_total{job="cert-manager",instance="10.0.0.4:9402"} 0x9 1x30
			`,
			want: map[int][]string{
				15: {`CertwrightWebhookFailing{cause="reviews end in a panic", job="cert-manager", severity="critical"} The admission webhook fails: reviews end in a panic.`},
				24: nil,
			},
		},
		"the API server gets no answer to reviews; what it gets from others, or refusals, do not count": {
			minutes: 40,
			series: `
				apiserver_admission_webhook_rejection_count{job="apiserver",name="identity.webhook.cert-manager.io",type="validating",operation="CREATE",error_type="calling_webhook_error",rejection_code="0"} 0x9 0+1x14 14x20
				apiserver_admission_webhook_rejection_count{job="apiserver",name="policy.example",type="validating",operation="CREATE",error_type="calling_webhook_error",rejection_code="0"} 0+9x40
			`,
			want: map[int][]string{
				16: {`CertwrightWebhookFailing{cause="the API server gets no answer", severity="critical"} The admission webhook fails: the API server gets no answer.`},
				26: nil,
			},
		},
		"a webhook that is not trusted gets no reviews: that is one alert, and it ends with its cause": {
			minutes: 60, silent: true,
			series: `
				up{$a} 1x60
				certwright_webhook_ready{$a} 1x9 0x19 1x30
				apiserver_admission_webhook_rejection_count{job="apiserver",name="webhook.cert-manager.io",type="validating",operation="CREATE",error_type="calling_webhook_error",rejection_code="0"} 0x9 0+1x19 20x30
			`,
			want: map[int][]string{
				15: {`CertwrightWebhookFailing{cause="no replica serves a certificate that the API server trusts", job="cert-manager", severity="critical"} The admission webhook fails: no replica serves a certificate that the API server trusts.`},
				30: nil,
			},
		},
		"reviews that take two seconds, on all replicas": {
			minutes: 40, silent: true,
			series: `
				up{$a} 1x40
				certwright_admission_duration_seconds_bucket{$a,kind="Issuer",operation="CREATE",le="1"} 0+1x40
				certwright_admission_duration_seconds_bucket{$a,kind="Issuer",operation="CREATE",le="5"} 0+100x40
				certwright_admission_duration_seconds_bucket{$a,kind="Issuer",operation="CREATE",le="+Inf"} 0+100x40
				certwright_admission_duration_seconds_bucket{$b,kind="Issuer",operation="CREATE",le="1"} 0+1x40
				certwright_admission_duration_seconds_bucket{$b,kind="Issuer",operation="CREATE",le="5"} 0+100x40
				certwright_admission_duration_seconds_bucket{$b,kind="Issuer",operation="CREATE",le="+Inf"} 0+100x40
			`,
			want: map[int][]string{11: {`CertwrightWebhookSlow{job="cert-manager", severity="warning"} One of a hundred admission reviews takes 4.96s or longer.`}},
		},
		"one slow review of a thousand": {
			minutes: 40, silent: true,
			series: `
				up{$a} 1x40
				certwright_admission_duration_seconds_bucket{$a,kind="Issuer",operation="CREATE",le="1"} 0+999x40
				certwright_admission_duration_seconds_bucket{$a,kind="Issuer",operation="CREATE",le="10"} 0+1000x40
				certwright_admission_duration_seconds_bucket{$a,kind="Issuer",operation="CREATE",le="+Inf"} 0+1000x40
			`,
		},
		"serving certificates that are not renewed are one alert, about the one that ends first": {
			minutes: 200, silent: true,
			series: `
				up{$a} 1x200
				certwright_webhook_certificate_not_before_timestamp_seconds{$a} 0x200
				certwright_webhook_certificate_not_before_timestamp_seconds{$b} 0x200
				certwright_webhook_certificate_not_before_timestamp_seconds{$c} 0x200
				certwright_webhook_certificate_not_after_timestamp_seconds{$a} 12000x200
				certwright_webhook_certificate_not_after_timestamp_seconds{$b} 12060x200
				certwright_webhook_certificate_not_after_timestamp_seconds{$c} 24000x200
			`,
			// 200 minutes: a quarter is left after 150.
			want: map[int][]string{
				156: {`CertwrightWebhookCertExpiry{job="cert-manager", severity="critical"} The webhook's own serving certificate expires in *.`},
				200: {`CertwrightWebhookCertExpiry{job="cert-manager", severity="critical"} The webhook's own serving certificate has expired.`},
			},
		},
	}
	seen := map[string]bool{}
	for name, tt := range tests {
		for _, firing := range tt.want {
			for _, f := range firing {
				seen[nameOf(f)] = true
			}
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := play{step: time.Minute, end: time.Duration(tt.minutes) * time.Minute, series: tt.series}
			if !tt.silent {
				p.series += p.healthy()
			}
			var want []string
			p.run(t, func(at time.Duration, firing []string) {
				minute := int(at / time.Minute)
				if change, ok := tt.want[minute]; ok {
					want = change
				}
				if !slices.EqualFunc(want, firing, says) {
					t.Fatalf("after %d minutes:\nwant %s\ngot  %s", minute, list(want), list(firing))
				}
			})
		})
	}
	// What TestUnrenewedCertificate is about.
	for _, name := range []string{"CertManagerCertExpirySoon", "CertwrightCertExpiryImminent", "CertwrightRenewalOverdue"} {
		seen[name] = true
	}
	for _, name := range alertNames(t) {
		if !seen[name] {
			t.Errorf("no test in which %s fires", name)
		}
	}
}

// says reports whether got is want, in which one * stands for any text.
func says(want, got string) bool {
	before, after, found := strings.Cut(want, "*")
	if !found {
		return want == got
	}
	return strings.HasPrefix(got, before) && strings.HasSuffix(got, after)
}

func list(firing []string) string {
	var out strings.Builder
	out.WriteString(strconv.Itoa(len(firing)))
	for _, f := range firing {
		out.WriteString("\n  " + f)
	}
	return out.String()
}

func alertNames(t *testing.T) []string {
	t.Helper()
	var all []string
	for _, g := range load(t, nil) {
		for _, r := range g.AlertingRules() {
			all = append(all, r.Name())
		}
	}
	return all
}
