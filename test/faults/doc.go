// Faults proves the alerts on the running program: it makes one fault after the
// other and looks at what a real Prometheus and Alertmanager deliver.
//
//	faults [-bin bin] [-only PATTERN] [-page docs/monitoring-faults.md]
//	faults -verify docs/monitoring-faults.md
//
// It needs prometheus and prometheus-alertmanager (or alertmanager) on the PATH,
// and fails without them. "make test-faults" runs it; "make verify" compares the
// page with the list of faults.
//
// # The world
//
// The control plane, DNS server, ACME server and data plane of test/stage; one
// process that answers the webhook, and two that write, of which one leads, all
// of them under the shipped account and behind a proxy that can cut them off. A
// process that ends is started again, as a kubelet does. An issuer of somebody
// else gives certificates of a company CA.
//
// # Time
//
// An hour takes a minute: rules, the leases and what the company signs are
// divided by [factor], and Prometheus looks every second. A certificate of a
// year would still live for six days, so it is born old: forty seconds before
// its renewal. What is shipped has the factor one, and is what test/alerts
// evaluates.
//
// # What is judged
//
// Each fault names the alerts that it must raise. Each of them must be delivered
// once, as one alert, within its time, and be resolved when the fault is over;
// the command in its text is run, and must show the cause. Any other alert is a
// false one and fails the run, as does any in the quiet run, in which
// certificates of an hour to a year are renewed. Every query of the dashboard
// must have shown something by the end.
//
// What cannot be made here: a Pod on a node (kubectl logs is answered from the
// logs of the processes), and the clock of the machine (one process is built
// with a clock that can be set, see cmd/certwright/clock_faulty.go).
package main
