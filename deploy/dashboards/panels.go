package dashboards

// A Panel shows the answers to its queries.
type Panel struct {
	Title string
	// About says what is seen and what would be wrong.
	About string
	// Idle says what it means if it is empty or zero, and that may well be. Empty
	// if something is wrong then.
	Idle string
	Kind Kind
	// Unit is one of Grafana's: s, reqps, short, percentunit, bytes, dateTimeFromNow.
	Unit string
	// Width is in Grafana's columns, of which there are 24.
	Width   int
	Queries []Query
}

// Kind is how a panel shows what it has.
type Kind string

const (
	// Number is the newest value.
	Number Kind = "stat"
	// Lines are values over time.
	Lines Kind = "timeseries"
	// List is a table of the newest values and their labels.
	List Kind = "table"
	// Bars are the newest values, one bar each.
	Bars Kind = "barchart"
)

// A Query is PromQL, and how its series are called.
type Query struct{ Expr, Legend string }

// A Row is a group of panels.
type Row struct {
	Title  string
	Panels []Panel
}

const (
	object = "name, namespace, exported_namespace"
	expiry = "max by (" + object + ") (certmanager_certificate_expiration_timestamp_seconds)"
	// A Certificate that has never been issued has neither.
	renewal = "(max by (" + object + ") (certmanager_certificate_renewal_timestamp_seconds) > 0)"
	// ours keeps the series of our processes, of metrics that others have too.
	ours = " and on (job, instance) certwright_build_info"
)

// Rows are what is shipped. A number counts objects that only the leader tells
// of, or adds replicas up, so that it is right with any number of them.
func Rows() []Row {
	return []Row{
		{"Certificates", certificates()},
		{"Issuance", issuance()},
		{"Admission", admission()},
		{"The program", program()},
	}
}

func certificates() []Panel {
	return []Panel{{
		Title: "Ready", About: "Certificates whose Secret is as it should be.",
		Kind: Number, Unit: "short", Width: 4,
		Queries: []Query{{Expr: `sum(certmanager_certificate_ready_status{condition="True"})`}},
	}, {
		Title: "Not ready", About: "Certificates that have never been issued, have expired, or do not fit what they ask for.", Idle: "all are ready",
		Kind: Number, Unit: "short", Width: 4,
		Queries: []Query{{Expr: `sum(certmanager_certificate_ready_status{condition!="True"})`}},
	}, {
		Title: "Soonest expiry", About: "The time until the first Certificate expires.",
		Kind: Number, Unit: "s", Width: 4,
		Queries: []Query{{Expr: "min((" + expiry + " > 0) - time())"}},
	}, {
		Title: "Renewals due", About: "Certificates that are past their renewal time.", Idle: "no renewal is under way",
		Kind: Number, Unit: "short", Width: 4,
		Queries: []Query{{Expr: "max(certwright_certificates_renewal_due)"}},
	}, {
		Title: "Renewals overdue", About: "Those that are past it by more than a quarter of the time from there to their expiry.", Idle: "every renewal is in time",
		Kind: Number, Unit: "short", Width: 4,
		Queries: []Query{{Expr: "max(certwright_certificates_renewal_overdue)"}},
	}, {
		Title: "Issuers not ready", About: "Issuers and ClusterIssuers that cannot sign.", Idle: "all can",
		Kind: Number, Unit: "short", Width: 4,
		Queries: []Query{{Expr: `(sum(certmanager_issuer_ready_status{condition!="True"}) or vector(0))` +
			` + (sum(certmanager_clusterissuer_ready_status{condition!="True"}) or vector(0))`}},
	}, {
		Title: "Soonest expiries", About: "The twenty Certificates that expire first, and in how many seconds. Below zero they have expired.",
		Kind: List, Unit: "s", Width: 8,
		Queries: []Query{{Expr: "bottomk(20, (" + expiry + " > 0) - time())"}},
	}, {
		Title: "Least time left for trouble", About: "How much is left of the time from the renewal to the expiry, whatever the lifetime: above 100 percent it is not due yet, below 75 it is overdue, at 0 it expires.",
		Kind: List, Unit: "percentunit", Width: 8,
		Queries: []Query{{Expr: "bottomk(20, (" + expiry + " - time()) / (" + expiry + " - " + renewal + "))"}},
	}, {
		Title: "Not ready, by name", About: "certctl explain certificate NAME says why.", Idle: "all are ready",
		Kind: List, Unit: "short", Width: 8,
		Queries: []Query{{Expr: "max by (" + object + `, issuer_name, condition) (certmanager_certificate_ready_status{condition!="True"}) == 1`}},
	}, {
		Title: "Renewals ahead, by day", About: "How many Certificates are to be renewed in so many days from now.",
		Kind: Bars, Unit: "short", Width: 8,
		Queries: []Query{{Expr: `count_values("days", floor((` + renewal + " - time()) / 86400))", Legend: "days"}},
	}, {
		Title: "Ready over time", About: "Certificates by the value of their condition Ready.",
		Kind: Lines, Unit: "short", Width: 8,
		Queries: []Query{{Expr: "sum by (condition) (certmanager_certificate_ready_status)", Legend: "{{condition}}"}},
	}, {
		Title: "Soonest ends of CAs", About: "The ten CA issuers whose own certificate ends first, and in how many seconds. Less than a sixth of its life is an alert.", Idle: "no issuer has a CA in a Secret",
		Kind: List, Unit: "s", Width: 8,
		Queries: []Query{{Expr: "bottomk(10, max by (kind, " + object + ") (certwright_issuer_ca_not_after_timestamp_seconds) - time())"}},
	}}
}

func issuance() []Panel {
	latency := func(quantile string) Query {
		return Query{
			"histogram_quantile(" + quantile + `, sum by (issuer_type, le) (rate(certwright_issuance_duration_seconds_bucket{outcome="issued"}[1h])))`,
			"{{issuer_type}}, " + quantile,
		}
	}
	return []Panel{{
		Title: "Issued per hour", About: "By issuer. Certificates of some weeks come in waves.",
		Kind: Lines, Unit: "short", Width: 8,
		Queries: []Query{{"sum by (issuer_kind, issuer_name) (increase(certwright_certificaterequests_issued_total[1h]))", "{{issuer_kind}} {{issuer_name}}"}},
	}, {
		Title: "Time to issue", About: "From a request to its certificate, by type of issuer: the median, and what one of a hundred exceeds.",
		Kind: Lines, Unit: "s", Width: 8,
		Queries: []Query{latency("0.5"), latency("0.99")},
	}, {
		Title: "Failures per hour, by reason", About: "Requests that an issuer has refused for good.", Idle: "nothing is refused",
		Kind: Lines, Unit: "short", Width: 8,
		Queries: []Query{{"sum by (issuer_name, reason) (increase(certwright_certificaterequests_failed_total[1h]))", "{{issuer_name}}: {{reason}}"}},
	}, {
		Title: "Failed attempts in a row", About: "Certificates whose last attempt failed. Three while it is still ready are an alert.", Idle: "none has failed",
		Kind: List, Unit: "short", Width: 8,
		Queries: []Query{{Expr: "topk(20, max by (" + object + ") (certwright_certificate_failed_attempts))"}},
	}, {
		Title: "Oldest unanswered request", About: "By issuer. After an hour it is an alert.", Idle: "all are answered",
		Kind: Lines, Unit: "s", Width: 8,
		Queries: []Query{{"max by (issuer_kind, issuer_name) (certwright_certificaterequest_oldest_unanswered_seconds)", "{{issuer_kind}} {{issuer_name}}"}},
	}, {
		Title: "ACME challenges, by state", About: "Challenges exist only while they are worked on.", Idle: "none is under way",
		Kind: Lines, Unit: "short", Width: 8,
		Queries: []Query{{"sum by (status) (certmanager_certificate_challenge_status)", "{{status}}"}},
	}, {
		Title: "Requests to ACME servers", About: "By server and answer. 429 is a limit of the CA; error is no answer at all.", Idle: "there is no ACME issuer, or nothing to ask",
		Kind: Lines, Unit: "reqps", Width: 12,
		Queries: []Query{{"sum by (host, status) (rate(certmanager_http_acme_client_request_count[5m]))", "{{host}} {{status}}"}},
	}, {
		Title: "Time that ACME servers take", About: "The mean of each kind of request.", Idle: "there are no requests",
		Kind: Lines, Unit: "s", Width: 12,
		Queries: []Query{{
			"sum by (host, action) (rate(certmanager_http_acme_client_request_duration_seconds_sum[5m])) / " +
				"sum by (host, action) (rate(certmanager_http_acme_client_request_duration_seconds_count[5m]))", "{{host}} {{action}}",
		}},
	}}
}

func admission() []Panel {
	latency := func(quantile string) Query {
		return Query{"histogram_quantile(" + quantile + ", sum by (le) (rate(certwright_admission_duration_seconds_bucket[5m])))", quantile}
	}
	return []Panel{{
		Title: "Reviews", About: "What the API server asks the webhook, of all replicas together.",
		Kind: Lines, Unit: "reqps", Width: 8,
		Queries: []Query{{"sum by (kind, operation) (rate(certwright_admission_reviews_total[5m]))", "{{operation}} {{kind}}"}},
	}, {
		Title: "Refused", About: "Reviews that ended in a refusal: somebody has made a mistake, and was told so.", Idle: "nobody makes mistakes",
		Kind: Lines, Unit: "reqps", Width: 8,
		Queries: []Query{{`sum by (kind, operation) (rate(certwright_admission_reviews_total{allowed="false"}[5m]))`, "{{operation}} {{kind}}"}},
	}, {
		Title: "Time to review", About: "The median, and what one of a hundred exceeds. More than a second is an alert.",
		Kind: Lines, Unit: "s", Width: 8,
		Queries: []Query{latency("0.5"), latency("0.99")},
	}, {
		Title: "Replicas that are trusted", About: "How many serve a certificate that the API server trusts. At zero nothing can be created.",
		Kind: Number, Unit: "short", Width: 8,
		Queries: []Query{{Expr: "sum(certwright_webhook_ready)"}},
	}, {
		Title: "Serving certificate", About: "How long the webhook's own certificate lasts, on the replica on which it ends first. It is renewed when two thirds of its life are over.",
		Kind: Number, Unit: "s", Width: 8,
		Queries: []Query{{Expr: "min(certwright_webhook_certificate_not_after_timestamp_seconds - time())"}},
	}, {
		Title: "Panics", About: "Reviews that ended in a panic within a day: bugs.", Idle: "there are none",
		Kind: Number, Unit: "short", Width: 8,
		Queries: []Query{{Expr: "sum(increase(certwright_webhook_panics_total[1d]))"}},
	}}
}

func program() []Panel {
	return []Panel{{
		Title: "Leader", About: "The replica that writes. Exactly one is 1.",
		Kind: Lines, Unit: "short", Width: 8,
		Queries: []Query{{"certwright_leader", "{{pod}} {{instance}}"}},
	}, {
		Title: "Syncs", About: "How often each controller looks at an object.",
		Kind: Lines, Unit: "reqps", Width: 8,
		Queries: []Query{{"sum by (controller) (rate(certmanager_controller_sync_call_count[5m]))", "{{controller}}"}},
	}, {
		Title: "Sync errors", About: "Those that ended in an error, and are tried again. More than a tenth is an alert.", Idle: "nothing fails",
		Kind: Lines, Unit: "reqps", Width: 8,
		Queries: []Query{{"sum by (controller) (rate(certmanager_controller_sync_error_count[5m]))", "{{controller}}"}},
	}, {
		Title: "Queues", About: "Objects that wait for a controller. A wave goes down again.", Idle: "nothing waits",
		Kind: Lines, Unit: "short", Width: 8,
		Queries: []Query{{"sum by (name) (workqueue_depth" + ours + ")", "{{name}}"}},
	}, {
		Title: "Time in the queue", About: "What one of a hundred objects waits longer than.",
		Kind: Lines, Unit: "s", Width: 8,
		Queries: []Query{{"histogram_quantile(0.99, sum by (name, le) (rate(workqueue_queue_duration_seconds_bucket[5m])" + ours + "))", "{{name}}"}},
	}, {
		Title: "Requests to the API server", About: "By method and answer.",
		Kind: Lines, Unit: "reqps", Width: 8,
		Queries: []Query{{"sum by (method, code) (rate(rest_client_requests_total[5m])" + ours + ")", "{{method}} {{code}}"}},
	}, {
		Title: "Certificates written for Ingresses and Gateways", About: "By action.", Idle: "no Ingress changes",
		Kind: Lines, Unit: "reqps", Width: 8,
		Queries: []Query{{"sum by (action) (rate(certwright_shim_writes_total[5m]))", "{{action}}"}},
	}, {
		Title: "CPU", About: "Cores in use, by replica.",
		Kind: Lines, Unit: "short", Width: 8,
		Queries: []Query{{"rate(process_cpu_seconds_total[5m])" + ours, "{{pod}} {{instance}}"}},
	}, {
		Title: "Memory", About: "Resident, by replica.",
		Kind: Lines, Unit: "bytes", Width: 8,
		Queries: []Query{{"process_resident_memory_bytes" + ours, "{{pod}} {{instance}}"}},
	}}
}
