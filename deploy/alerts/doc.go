// Package alerts is the one source of the alerts that are shipped: of
// rules.yaml, which Prometheus reads as it is, and of prometheusrule.yaml for
// the Prometheus operator ("make generate" writes both).
//
// What every alert keeps to:
//
//   - It speaks of certificates by the life that they have, not by days: an hour
//     and a year are both right.
//   - It is one alert, however many replicas run. Series of objects come from
//     the leader only; those of processes are aggregated.
//   - A leader that stops takes its series along, and the next one needs up to
//     a lease to bring them back. So objects are looked at through latest, which
//     bridges that gap; an alert keeps firing, and a pending one keeps its time.
//   - Labels are those of cert-manager's community rules: name, namespace,
//     exported_namespace (of the object, where Prometheus keeps namespace for
//     the target), host. Where one of those rules has the same purpose, the
//     name is its name.
//   - The expressions need no more than Prometheus 2.42.
//   - It says which one command shows the cause, and has a page in
//     docs/runbooks.
package alerts
