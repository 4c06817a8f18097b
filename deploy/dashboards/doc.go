// Package dashboards is the source of the Grafana dashboard that is shipped,
// certwright.json ("make generate" writes it). A dashboard is a list of panels,
// a panel is its queries; what Grafana wants to know beside that is in one
// place, json.go.
package dashboards
