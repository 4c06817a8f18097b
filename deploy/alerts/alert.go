package alerts

import "time"

// Severity says whom an alert is for.
type Severity string

const (
	// Critical wakes somebody up: something does not work now, or will not
	// before the next working day.
	Critical Severity = "critical"
	// Warning waits for the next working day.
	Warning Severity = "warning"
)

// Job is the job under which Prometheus scrapes Certwright: the name of the
// Service in deploy/manifests, from which the operator takes it.
const Job = "cert-manager"

// runbooks is where the page of each alert is.
const runbooks = "https://github.com/certwright/certwright/blob/main/docs/runbooks/"

// An Alert is one alerting rule. Its times are those that are shipped, see
// Scale.
type Alert struct {
	// Name, which two rules share if they tell of the same thing with another
	// urgency.
	Name string
	// Expr is PromQL, in which seconds(1h) stands for the number 3600.
	Expr string
	// For is how long Expr must hold.
	For time.Duration
	// Severity says whom it is for.
	Severity Severity
	// Summary names what it is about. Description says what that means and which
	// command shows the cause. Both are templates of Prometheus.
	Summary, Description string
}

// Runbook is the address of the alert's page.
func (a Alert) Runbook() string { return runbooks + a.Name + ".md" }
