package main

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"
)

// A row is one figure, with the target that it is held against.
type row struct {
	name   string
	value  float64
	target string // empty: for information
	pass   bool
}

// none stands for the verdict of a row without a target.
const none = false

func (b *bencher) add(name string, value float64, target string, pass bool) {
	b.rows = append(b.rows, row{name, value, target, pass})
	verdict := ""
	if target != "" {
		verdict = map[bool]string{true: "pass", false: "MISS"}[pass]
	}
	fmt.Printf("%-64s %10.2f  %-16s %s\n", name, value, target, verdict)
}

// latency adds the median and the 99th percentile, in milliseconds. A limit of
// zero is none.
func (b *bencher) latency(name string, sorted []time.Duration, p50, p99 time.Duration) {
	for _, l := range []struct {
		text  string
		p     float64
		limit time.Duration
	}{{"latency p50, ms", 0.5, p50}, {"latency p99, ms", 0.99, p99}} {
		value := percentile(sorted, l.p)
		target := ""
		if l.limit > 0 {
			target = fmt.Sprintf("≤ %d", l.limit.Milliseconds())
		}
		b.add(name+l.text, float64(value.Microseconds())/1000, target, value <= l.limit)
	}
}

// costs adds the CPU for each of n objects, in milliseconds. A limit of zero is
// none.
func (b *bencher) costs(name string, u *usage, n int, ours, all float64) {
	each := func(process string) float64 { return float64(u.cpu[process].Microseconds()) / 1000 / float64(n) }
	target := func(limit float64) string {
		if limit == 0 {
			return ""
		}
		return fmt.Sprintf("≤ %g", limit)
	}
	b.add(name+"our CPU each, ms", each("certwright"), target(ours), each("certwright") <= ours)
	b.add(name+"API server's CPU each, ms", each("apiserver"), "", none)
	b.add(name+"etcd's CPU each, ms", each("etcd"), "", none)
	total := each("certwright") + each("apiserver") + each("etcd")
	b.add(name+"CPU each in all, ms", total, target(all), total <= all)
}

// printRows prints how many targets are met.
func printRows(w io.Writer, rows []row) error {
	pass, miss := 0, 0
	out := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	_, _ = fmt.Fprintln(out, "\nmisses:")
	for _, r := range rows {
		switch {
		case r.target == "":
		case r.pass:
			pass++
		default:
			miss++
			_, _ = fmt.Fprintf(out, "%s\t%.2f\ttarget %s\n", r.name, r.value, r.target)
		}
	}
	if err := out.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "%d targets met, %d missed\n", pass, miss)
	return err
}
