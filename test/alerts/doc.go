// Package alerts proves the rules that deploy/alerts ships, and the queries of
// deploy/dashboards, by Prometheus' own code: its parser reads them, and its
// rule evaluation runs them, with for and annotations, over series in the
// notation of promqltest. It is a module of its own, so that nobody else has to
// build Prometheus.
package alerts
