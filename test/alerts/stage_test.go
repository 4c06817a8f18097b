package alerts

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/promql/promqltest"
	"github.com/prometheus/prometheus/rules"
	"github.com/prometheus/prometheus/util/teststorage"
)

// ruleFile is what is shipped.
const ruleFile = "../../deploy/alerts/rules.yaml"

// functions are those of Prometheus 2.42 that the rules and panels may use.
var functions = []string{
	"abs", "absent", "absent_over_time", "avg_over_time", "ceil", "changes", "clamp", "clamp_max", "clamp_min", "count_over_time",
	"day_of_month", "day_of_week", "days_in_month", "delta", "deriv", "exp", "floor", "histogram_quantile", "hour", "idelta",
	"increase", "irate", "label_join", "label_replace", "last_over_time", "ln", "log10", "log2", "max_over_time", "min_over_time",
	"minute", "month", "present_over_time", "quantile_over_time", "rate", "resets", "round", "scalar", "sgn", "sort", "sort_desc",
	"sqrt", "stddev_over_time", "stdvar_over_time", "sum_over_time", "time", "timestamp", "vector", "year",
}

// promParser knows only functions.
func promParser() parser.Parser {
	known := map[string]*parser.Function{}
	for _, name := range functions {
		known[name] = parser.Functions[name]
	}
	return parser.NewParser(parser.Options{Functions: known})
}

// targets are the labels of three replicas, as Prometheus sets them.
var targets = strings.NewReplacer(
	"$a", `job="cert-manager",namespace="cert-manager",instance="10.0.0.1:9402",pod="cert-manager-1"`,
	"$b", `job="cert-manager",namespace="cert-manager",instance="10.0.0.2:9402",pod="cert-manager-2"`,
	"$c", `job="cert-manager",namespace="cert-manager",instance="10.0.0.3:9402",pod="cert-manager-3"`,
)

// A play is what Prometheus sees, one sample every step.
type play struct {
	step time.Duration
	// end is how long it takes; the series may be shorter.
	end time.Duration
	// series are lines as promqltest reads them, in which $a, $b and $c stand for
	// the labels of a replica.
	series string
}

// samples is how many steps there are after the first sample.
func (p play) samples() int { return int(p.end / p.step) }

// run evaluates the rules at every step and tells visit what fires then.
func (p play) run(t *testing.T, visit func(at time.Duration, firing []string)) {
	t.Helper()
	storage := promqltest.LoadedStorage(t, "load "+model.Duration(p.step).String()+"\n"+indent(targets.Replace(p.series)))
	t.Cleanup(func() { _ = storage.Close() })
	groups := load(t, storage)
	for at := p.step; at <= p.end; at += p.step {
		var firing []string
		for _, g := range groups {
			g.Eval(t.Context(), time.Unix(0, 0).Add(at))
			firing = append(firing, firingIn(t, g)...)
		}
		slices.Sort(firing)
		visit(at, firing)
	}
}

// load reads the rule file as Prometheus does.
func load(t *testing.T, storage *teststorage.TestStorage) map[string]*rules.Group {
	t.Helper()
	engine := promql.NewEngine(promql.EngineOpts{
		MaxSamples: 1_000_000, Timeout: time.Minute, LookbackDelta: 5 * time.Minute, EnableAtModifier: true, EnableNegativeOffset: true,
		Parser: promParser(),
	})
	t.Cleanup(func() { _ = engine.Close() })
	manager := rules.NewManager(&rules.ManagerOptions{
		Context: t.Context(), ExternalURL: &url.URL{}, Logger: slog.New(slog.DiscardHandler), Parser: promParser(),
		QueryFunc:  rules.EngineQueryFunc(engine, storage),
		NotifyFunc: func(context.Context, string, ...*rules.Alert) {},
		Queryable:  storage, AppendableV2: storage,
	})
	groups, errs := manager.LoadGroups(time.Minute, labels.EmptyLabels(), "", nil, false, ruleFile)
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	return groups
}

// firingIn lists what fires: name, labels and summary.
func firingIn(t *testing.T, g *rules.Group) []string {
	t.Helper()
	var all []string
	for _, r := range g.AlertingRules() {
		if err := r.LastError(); err != nil {
			t.Fatalf("%s: %v", r.Name(), err)
		}
		for _, a := range r.ActiveAlerts() {
			if a.State != rules.StateFiring {
				continue
			}
			rest := labels.NewBuilder(a.Labels).Del(labels.AlertName).Labels()
			all = append(all, fmt.Sprintf("%s%s %s", r.Name(), rest, a.Annotations.Get("summary")))
			a.Annotations.Range(func(l labels.Label) {
				if strings.Contains(l.Value, "<error expanding template") || strings.Contains(l.Value+" ", "  ") {
					t.Errorf("%s: annotation %s has a gap: %q", r.Name(), l.Name, l.Value)
				}
			})
		}
	}
	return all
}

func indent(lines string) string {
	var out strings.Builder
	for line := range strings.Lines(lines) {
		if strings.TrimSpace(line) != "" {
			out.WriteString("  " + strings.TrimSpace(line) + "\n")
		}
	}
	return out.String()
}

// healthy are three replicas that run and have little to do; the first leads.
func (p play) healthy() string {
	n, step := p.samples(), p.step.Seconds()
	var out strings.Builder
	for _, replica := range []string{"$a", "$b", "$c"} {
		leads := 0
		if replica == "$a" {
			leads = 1
		}
		fmt.Fprintf(&out, `
			up{%[1]s} 1x%[2]d
			certwright_build_info{%[1]s,version="v1"} 1x%[2]d
			certwright_leader{%[1]s} %[3]dx%[2]d
			certmanager_clock_time_seconds_gauge{%[1]s} 0+%[4]vx%[2]d
			certwright_webhook_ready{%[1]s} 1x%[2]d
			certwright_webhook_panics_total{%[1]s} 0x%[2]d
			workqueue_depth{%[1]s,name="certificate",controller="certificate",priority="0"} 0x%[2]d
			workqueue_longest_running_processor_seconds{%[1]s,name="certificate",controller="certificate"} 0x%[2]d
			workqueue_work_duration_seconds_count{%[1]s,name="certificate",controller="certificate"} 0+%[3]dx%[2]d
			certwright_admission_duration_seconds_bucket{%[1]s,kind="Certificate",operation="CREATE",le="0.01"} 0+9x%[2]d
			certwright_admission_duration_seconds_bucket{%[1]s,kind="Certificate",operation="CREATE",le="1"} 0+10x%[2]d
			certwright_admission_duration_seconds_bucket{%[1]s,kind="Certificate",operation="CREATE",le="+Inf"} 0+10x%[2]d
		`, replica, n, leads, step)
		out.WriteString(p.life(7*24*time.Hour, 7*16*time.Hour, func(of string) string {
			if of == "not_before" || of == "not_after" {
				return fmt.Sprintf("certwright_webhook_certificate_%s_timestamp_seconds{%s}", of, replica)
			}
			return ""
		}))
	}
	out.WriteString(p.ca("ca", 90*day, 60*day))
	fmt.Fprintf(&out, `
		certmanager_controller_sync_call_count{$a,controller="certificates-trigger"} 0+20x%[1]d
		certmanager_controller_sync_error_count{$a,controller="certificates-trigger"} 0+1x%[1]d
		certmanager_http_acme_client_request_count{$a,scheme="https",host="acme.example",action="new-order",method="POST",status="201"} 0+5x%[1]d
		certmanager_http_acme_client_request_count{$a,scheme="https",host="acme.example",action="new-order",method="POST",status="429"} 0x%[1]d
		certmanager_issuer_ready_status{$a,exported_namespace="shop",name="ca",condition="True"} 1x%[1]d
		certmanager_issuer_ready_status{$a,exported_namespace="shop",name="ca",condition="False"} 0x%[1]d
		certmanager_clusterissuer_ready_status{$a,name="acme",condition="True"} 1x%[1]d
		certmanager_clusterissuer_ready_status{$a,name="acme",condition="False"} 0x%[1]d
		apiserver_admission_webhook_rejection_count{job="apiserver",name="webhook.cert-manager.io",type="validating",operation="CREATE",error_type="no_error",rejection_code="403"} 0+1x%[1]d
	`, n)
	return out.String()
}

// life writes the times of a certificate that is renewed when it should be: a
// sample late, as somebody notices. series names the series of not_before,
// not_after, expiration and renewal, or none.
func (p play) life(lasts, renewedAfter time.Duration, series func(of string) string) string {
	starts := make([]float64, p.samples()+1)
	start := 0.
	for i := range starts {
		if now := float64(i) * p.step.Seconds(); now > start+renewedAfter.Seconds() {
			start = now
		}
		starts[i] = start
	}
	var out strings.Builder
	for of, after := range map[string]time.Duration{"not_before": 0, "not_after": lasts, "expiration": lasts, "renewal": renewedAfter} {
		name := series(of)
		if name == "" {
			continue
		}
		out.WriteString(name)
		for i := 0; i < len(starts); { // runs of equal values
			j := i
			for j < len(starts) && starts[j] == starts[i] {
				j++
			}
			fmt.Fprintf(&out, " %vx%d", math.Floor(starts[i]+after.Seconds()), j-i-1)
			i = j
		}
		out.WriteString("\n")
	}
	return out.String()
}
