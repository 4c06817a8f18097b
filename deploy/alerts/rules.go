package alerts

import (
	"fmt"
	"time"
)

const (
	// object identifies an object with a namespace, whether Prometheus honours
	// the label namespace of what it scrapes or renames it.
	object = "name, namespace, exported_namespace"
	// in is the namespace of the object, in a template.
	in = `{{ or $labels.exported_namespace $labels.namespace }}`
	// called is how a text calls the object.
	called = in + `/{{ $labels.name }}`
	// logs shows what the replicas say.
	logs = "kubectl -n cert-manager logs -l app.kubernetes.io/component=controller --tail=100"
	// calledIssuer is how a text calls an issuer that has the label kind.
	calledIssuer = `{{ $labels.kind }} {{ if eq $labels.kind "ClusterIssuer" }}{{ $labels.name }}{{ else }}` + called + `{{ end }}`
	// secretsOf is the namespace of such an issuer's Secrets.
	secretsOf = `{{ if eq $labels.kind "ClusterIssuer" }}cert-manager{{ else }}` + in + `{{ end }}`
	// inspect shows the certificate of such an issuer's CA.
	inspect = "certctl inspect secret -n " + secretsOf +
		" $(kubectl get {{ toLower $labels.kind }} {{ $labels.name }} -n " + secretsOf + " -o jsonpath='{.spec.ca.secretName}')"
	// explain shows why a Certificate is as it is.
	explain = "certctl explain certificate {{ $labels.name }} -n " + in
)

// latest is the newest value of each series, one for each combination of the
// labels by. It bridges the change of a leader; where the old one's last word
// still lingers, the larger value counts.
func latest(by, series string) string {
	return fmt.Sprintf("max by (%s) (last_over_time(%s[5m]))", by, series)
}

// What the rules know of each Certificate, by object.
var (
	ready   = latest(object, `certmanager_certificate_ready_status{condition="True"}`)
	unready = latest(object, `certmanager_certificate_ready_status{condition!="True"}`)
	// Absent of those that are ready, or were never issued.
	broken  = latest(object, "certwright_certificate_broken")
	expiry  = latest(object, "certmanager_certificate_expiration_timestamp_seconds")
	renewal = latest(object, "certmanager_certificate_renewal_timestamp_seconds")
	// An issuance that has succeeded has no attempts.
	attempts = latest(object, "certwright_certificate_failed_attempts")
	// scheduled is how long a Certificate was to last before its renewal.
	scheduled = renewal + "\n  - " + latest(object, "certmanager_certificate_not_before_timestamp_seconds")
)

// All returns the alerts as they are shipped, in the order in which people look
// for them.
func All() []Alert {
	var all []Alert
	for _, of := range [][]Alert{certificates(), issuers(), work(), process(), admission()} {
		all = append(all, of...)
	}
	return all
}

// expires holds once less than the fraction of the time from the renewal to the
// expiry is left. Its value is what is left, in seconds. A Certificate that has
// never been issued has no renewal time.
func expires(fraction string) string {
	return fmt.Sprintf("(%s - time())\n< %s * (\n  %s\n  - (%s > 0)\n)", expiry, fraction, expiry, renewal)
}

// What the rules know of the CA of each issuer that has one, by object and kind.
var (
	caExpiry = latest(object+", kind", "certwright_issuer_ca_not_after_timestamp_seconds")
	caStart  = latest(object+", kind", "certwright_issuer_ca_not_before_timestamp_seconds")
)

// caExpires holds once less than one part of so many of a CA's life is left. Its
// value is what is left, in seconds.
func caExpires(parts string) string {
	return fmt.Sprintf("(%s - time())\n< (\n  %s\n  - %s\n) / %s", caExpiry, caExpiry, caStart, parts)
}

// withinAWeek is what a critical alert waits for as well: nobody is woken for
// what has weeks.
func withinAWeek(expiry string) string {
	return fmt.Sprintf("\nand\n(%s - time()) < seconds(168h)", expiry)
}

// left says when what an alert is about expires, with the alert's value.
const left = `{{ if gt $value 0.0 }}expires in {{ humanizeDuration $value }}{{ else }}has expired{{ end }}`

// refused is left for what clients are served.
const refused = `{{ if gt $value 0.0 }}expires in {{ humanizeDuration $value }}; clients refuse it after that{{ else }}has expired; clients refuse it{{ end }}`

func certificates() []Alert {
	return []Alert{{
		Name:     "CertManagerCertExpirySoon",
		Expr:     expires("0.5"),
		For:      time.Minute,
		Severity: Warning,
		Summary:  "Certificate " + called + " " + left + " and has not been renewed.",
		Description: "Half of the time between its renewal and its expiry is over. Attempts to renew it fail, or nobody makes any. It works until it expires. " +
			"See why: " + explain,
	}, {
		Name:     "CertwrightCertExpiryImminent",
		Expr:     expires("0.2") + withinAWeek(expiry),
		For:      time.Minute,
		Severity: Critical,
		Summary:  "Certificate " + called + " " + refused + ".",
		Description: "Four fifths of the time between its renewal and its expiry are over without a new certificate, and less than a week is left. Attempts to renew it fail, or nobody makes any. " +
			"See why, and what to do: " + explain,
	}, {
		Name:     "CertManagerCertNotReady",
		Expr:     fmt.Sprintf("%s == 1\nand\n%s", unready, broken),
		For:      10 * time.Minute,
		Severity: Critical,
		Summary:  "Certificate " + called + " is not ready any more.",
		Description: "It was issued once; now it has expired, its Secret is gone or damaged, or it no longer fits what the Certificate asks for, and no new one has come. Clients may refuse what serves it. " +
			"See why: " + explain,
	}, {
		Name:     "CertManagerCertNotReady",
		Expr:     fmt.Sprintf("%s == 1\nunless\n%s", unready, broken),
		For:      time.Hour,
		Severity: Warning,
		Summary:  "Certificate " + called + " has not been issued since it was created.",
		Description: "A new Certificate gets an hour, for names that still have to appear in DNS; this one has had it. Nothing that worked before is broken by it. " +
			"See why: " + explain,
	}, {
		Name: "CertwrightRenewalOverdue",
		Expr: fmt.Sprintf("(\n  (time() - (%s > 0))\n  > 0.25 * (%s - %s)\n  or\n  %s >= 3\n)\nand\n%s == 1",
			renewal, expiry, renewal, attempts, ready),
		For:      time.Minute,
		Severity: Warning,
		Summary:  "Certificate " + called + " is still good, but its renewal fails or does not happen.",
		Description: "A quarter of the time between its renewal and its expiry has passed, or three attempts in a row have failed. There is time left to see to it. " +
			"See why, and when the next attempt is: " + explain,
	}, {
		Name: "CertwrightReissueLoop",
		Expr: fmt.Sprintf("sum by (%s) (changes(certmanager_certificate_not_before_timestamp_seconds[1h])) > 5\nand\n(\n  %s\n) > seconds(30m)",
			object, scheduled),
		Severity: Warning,
		Summary:  "Certificate " + called + " was issued {{ $value }} times within an hour.",
		Description: "None of these was due. Something else writes its Secret, or two Certificates share it. Each time is a request to the CA, which allows only so many. " +
			"See who writes it, and when: kubectl get secret -n " + in + " -w -o custom-columns='VERSION:.metadata.resourceVersion,LAST:.metadata.managedFields[*].time,WRITERS:.metadata.managedFields[*].manager' $(kubectl get certificate {{ $labels.name }} -n " + in + " -o jsonpath='{.spec.secretName}')",
	}}
}

func issuers() []Alert {
	const notReady = `{condition!="True"}`
	issuer, clusterIssuer := "certmanager_issuer_ready_status", "certmanager_clusterissuer_ready_status"
	// named are the Certificates that name an issuer of ours of one of the kinds.
	named := func(kinds string) string {
		return latest(object+", issuer_name", fmt.Sprintf(
			`certmanager_certificate_ready_status{condition="True",issuer_group=~"|cert-manager.io",issuer_kind=~"%s"}`, kinds))
	}
	there := func(series, by string) string {
		return fmt.Sprintf(`label_replace(%s, "issuer_name", "$1", "name", "(.+)")`, latest(by, series))
	}
	return []Alert{{
		Name:     "CertwrightIssuerNotReady",
		Expr:     latest(object, issuer+notReady) + " == 1",
		For:      15 * time.Minute,
		Severity: Warning,
		Summary:  "Issuer " + called + " is not ready.",
		Description: "Nothing is issued or renewed by it. What has been issued works until it expires. " +
			"See why: kubectl describe issuer {{ $labels.name }} -n " + in,
	}, {
		Name:     "CertwrightClusterIssuerNotReady",
		Expr:     latest("name", clusterIssuer+notReady) + " == 1",
		For:      15 * time.Minute,
		Severity: Critical,
		Summary:  "ClusterIssuer {{ $labels.name }} is not ready.",
		Description: "Nobody in the cluster gets a certificate from it, new or renewed. What has been issued works until it expires. " +
			"See why: kubectl describe clusterissuer {{ $labels.name }}",
	}, {
		Name: "CertwrightIssuerMissing",
		Expr: fmt.Sprintf("count by (namespace, exported_namespace, issuer_name) (\n  %s\n  unless on (namespace, exported_namespace, issuer_name)\n  %s\n)",
			named("|Issuer"), there(issuer, object)),
		For:      15 * time.Minute,
		Severity: Warning,
		Summary:  "Issuer " + in + "/{{ $labels.issuer_name }} does not exist. Certificates that name it: {{ $value }}.",
		Description: "They cannot be issued or renewed. Those that were issued work until they expire. " +
			"See which, in the column ISSUER: kubectl get certificates -n " + in + " -o wide",
	}, {
		Name: "CertwrightClusterIssuerMissing",
		Expr: fmt.Sprintf("count by (issuer_name) (\n  %s\n  unless on (issuer_name)\n  %s\n)",
			named("ClusterIssuer"), there(clusterIssuer, "name")),
		For:      15 * time.Minute,
		Severity: Warning,
		Summary:  "ClusterIssuer {{ $labels.issuer_name }} does not exist. Certificates that name it: {{ $value }}.",
		Description: "They cannot be issued or renewed. Those that were issued work until they expire. " +
			"See which, in the column ISSUER: kubectl get certificates -A -o wide",
	}, {
		Name:     "CertwrightCAExpirySoon",
		Expr:     caExpires("6"),
		For:      time.Minute,
		Severity: Warning,
		Summary:  "The CA of " + calledIssuer + " " + left + ".",
		Description: "Less than a sixth of its life is left, and there is no new one. Once it has expired, clients refuse everything that it has signed, and nothing more is signed. " +
			"See its dates: " + inspect,
	}, {
		Name:     "CertwrightCAExpirySoon",
		Expr:     caExpires("30") + withinAWeek(caExpiry),
		For:      time.Minute,
		Severity: Critical,
		Summary:  "The CA of " + calledIssuer + " " + left + "; what it has signed fails with it.",
		Description: "Less than a thirtieth of its life is left, and less than a week, or nothing. Once it has expired, clients refuse everything that it has signed, however long that was to last, and nothing more is signed. " +
			"See its dates: " + inspect,
	}, {
		Name:     "CertManagerHittingRateLimits",
		Expr:     `sum by (host) (increase(certmanager_http_acme_client_request_count{status="429"}[1h])) > 0`,
		For:      5 * time.Minute,
		Severity: Warning,
		Summary:  "The CA at {{ $labels.host }} refuses requests because there are too many.",
		Description: "Certwright waits as long as the CA says. What expires first goes first; new certificates are late. " +
			"See which limit: kubectl get orders,challenges -A -o wide",
	}}
}

func work() []Alert {
	return []Alert{{
		Name: "CertwrightChallengePending",
		Expr: latest(object+", domain", `certmanager_certificate_challenge_status{status=~"|pending|processing|ready",processing="true"}`) +
			" == 1",
		For:      time.Hour,
		Severity: Warning,
		Summary:  "The challenge for {{ $labels.domain }} has been pending for more than an hour.",
		Description: "The CA wants proof that the name is yours and does not get it, so no certificate comes for it. Mostly DNS is wrong, or port 80 of the cluster cannot be reached from outside. " +
			"See what is seen instead: certctl explain challenge {{ $labels.name }} -n " + in,
	}, {
		Name:     "CertwrightRequestUnanswered",
		Expr:     latest("namespace, exported_namespace, issuer_kind, issuer_name, issuer_group", "certwright_certificaterequest_oldest_unanswered_seconds") + " > seconds(1h)",
		Severity: Warning,
		Summary:  "{{ $labels.issuer_kind }} {{ $labels.issuer_name }} has left a request from namespace " + in + " unanswered for {{ humanizeDuration $value }}.",
		Description: "Nobody has approved it, or its issuer ({{ $labels.issuer_group }}) does not answer. The certificate that it is for does not come meanwhile. " +
			"See which, and whether it is approved: kubectl get certificaterequests -n " + in,
	}, {
		Name: "CertwrightSyncErrors",
		Expr: "sum by (controller) (rate(certmanager_controller_sync_error_count[15m]))\n" +
			"/ sum by (controller) (rate(certmanager_controller_sync_call_count[15m])) > 0.1\n" +
			"and sum by (controller) (increase(certmanager_controller_sync_error_count[15m])) > 5",
		For:      15 * time.Minute,
		Severity: Warning,
		Summary:  "{{ humanizePercentage $value }} of what the controller {{ $labels.controller }} does ends in an error.",
		Description: "A permission is missing, or the API server or an issuer is away: one cause for many objects. What fails is tried again, so it is late. " +
			"See the errors: " + logs,
	}, {
		Name: "CertwrightQueueStuck",
		Expr: "max by (name) (\n" +
			"  (\n" +
			"    workqueue_longest_running_processor_seconds > seconds(10m)\n" +
			"    or\n" +
			"    sum by (job, instance, name) (min_over_time(workqueue_depth[15m])) > 0\n" +
			"    and\n" +
			"    sum by (job, instance, name) (increase(workqueue_work_duration_seconds_count[15m])) == 0\n" +
			"  )\n" +
			"  and on (job, instance)\n" +
			"  certwright_leader == 1\n" +
			")",
		For:      5 * time.Minute,
		Severity: Warning,
		Summary:  "The work queue {{ $labels.name }} does not move.",
		Description: "One object has been worked on for more than ten minutes, or objects wait and none is finished. What waits there is not issued or renewed. " +
			"See what hangs: " + logs,
	}}
}

func process() []Alert {
	return []Alert{{
		Name:     "CertManagerAbsent",
		Expr:     fmt.Sprintf(`absent(up{job=%q} == 1)`, Job),
		For:      10 * time.Minute,
		Severity: Critical,
		Summary:  "Certwright is not running, or Prometheus cannot reach it.",
		Description: "If it is not running, nothing is issued or renewed, and Certificates cannot be created or changed. What has been issued works until it expires, but no alert tells of it before. " +
			"See whether its Pods run: kubectl -n cert-manager get pods -o wide",
	}, {
		Name:     "CertwrightNoLeader",
		Expr:     "max by (job) (certwright_leader) == 0",
		For:      5 * time.Minute,
		Severity: Critical,
		Summary:  "Replicas of Certwright run, but none leads.",
		Description: "Nothing is issued or renewed. What has been issued works until it expires, but the metrics of Certificates are missing, so no alert tells of it before. " +
			"See who holds the lease: kubectl -n kube-system get lease cert-manager-controller -o yaml",
	}, {
		Name: "CertwrightClockWrong",
		// A wrong clock is wrong by so much, however fast the time of a test goes.
		Expr:     "max by (job) (abs(certmanager_clock_time_seconds_gauge - timestamp(certmanager_clock_time_seconds_gauge))) > 60",
		For:      5 * time.Minute,
		Severity: Warning,
		Summary:  "The clocks of Certwright and of Prometheus are {{ humanizeDuration $value }} apart.",
		Description: "If it is Certwright's that is wrong, certificates are renewed too early or too late, and what it signs itself is not valid yet or no longer. " +
			"See on which nodes it runs, and look at their clocks: kubectl -n cert-manager get pods -o wide",
	}}
}

func admission() []Alert {
	because := func(expr, cause string) string {
		return fmt.Sprintf("label_replace(\n  %s,\n  \"cause\", %q, \"\", \"\"\n)", expr, cause)
	}
	return []Alert{{
		Name: "CertwrightWebhookFailing",
		// One alert at a time: the first cause explains the others.
		Expr: because("max by (job) (certwright_webhook_ready) == 0", "no replica serves a certificate that the API server trusts") +
			"\nor on ()\n" + because("sum by (job) (increase(certwright_webhook_panics_total[15m])) > 0", "reviews end in a panic") +
			// Less than For: what was refused before another cause was over must not count after it.
			"\nor on ()\n" + because(`sum(rate(apiserver_admission_webhook_rejection_count{name=~"(.+[.])?webhook[.]cert-manager[.]io",error_type="calling_webhook_error"}[3m])) > 0`,
			"the API server gets no answer"),
		For:      5 * time.Minute,
		Severity: Critical,
		Summary:  "The admission webhook fails: {{ $labels.cause }}.",
		Description: "Certificates and issuers cannot be created or changed, and nothing is renewed, as the requests for that are refused, too. What has been issued works until it expires. " +
			"See why: " + logs,
	}, {
		Name: "CertwrightWebhookSlow",
		// A property of the machine, which does not change with the time of a test.
		Expr:     "histogram_quantile(0.99, sum by (job, le) (rate(certwright_admission_duration_seconds_bucket[5m]))) > 1",
		For:      10 * time.Minute,
		Severity: Warning,
		Summary:  "One of a hundred admission reviews takes {{ humanizeDuration $value }} or longer.",
		Description: "It should take milliseconds; after 30 seconds the API server refuses what somebody applies. Replicas lack CPU, or the API server is slow to answer their questions. " +
			"See what they use: kubectl -n cert-manager top pods",
	}, {
		Name: "CertwrightWebhookCertExpiry",
		Expr: "min by (job) (\n  certwright_webhook_certificate_not_after_timestamp_seconds - time()\n" +
			"  < 0.25 * (\n    certwright_webhook_certificate_not_after_timestamp_seconds\n" +
			"    - certwright_webhook_certificate_not_before_timestamp_seconds\n  )\n)",
		For:      5 * time.Minute,
		Severity: Critical,
		Summary:  "The webhook's own serving certificate " + left + ".",
		Description: "It should have been renewed when two thirds of its life were over. Once it has expired, Certificates and issuers cannot be created or changed, and nothing is renewed. " +
			"See why: " + logs,
	}}
}
