package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	certsv1 "github.com/certwright/certwright/certs/v1"
)

const (
	// askers is how many reviews or creates are under way at once.
	askers = 50
	// warmUp is how many of them come before those that are measured.
	warmUp = 200
)

// webhook measures admission: through the API server, and by asking directly.
func (b *bencher) webhook(ctx context.Context, creates, reviews int) error {
	namespaces, err := b.gen.namespaces(ctx, "admission", 1)
	if err != nil {
		return err
	}
	if err := b.webhookStart(ctx); err != nil {
		return err
	}
	if err := b.dryRuns(ctx, namespaces[0], creates); err != nil {
		return err
	}
	return b.reviews(ctx, namespaces[0], reviews)
}

// webhookStart measures how long one more replica takes until it would answer.
func (b *bencher) webhookStart(ctx context.Context) error {
	begin := time.Now()
	replica, err := b.stage.StartReplica(ctx, "webhook-replica", "webhook")
	if err != nil {
		return err
	}
	ready := time.Since(begin)
	rss, err := memory(replica.PID(), "VmRSS")
	if err != nil {
		return err
	}
	b.add("webhook alone: ready after, s (cert-manager 1.1-1.4)", ready.Seconds(), "", none)
	b.add("webhook alone: memory at start, MiB (cert-manager 50)", rss, "", none)
	_, err = replica.Stop()
	return err
}

// dryRuns creates n Certificates through the API server, which asks us twice
// and stores none.
func (b *bencher) dryRuns(ctx context.Context, namespace string, n int) error {
	p, err := b.press(ctx, n, func(i int) error {
		return b.gen.client.Create(ctx, reviewedCertificate(namespace, fmt.Sprintf("dry-%d", i)), client.DryRunAll)
	})
	if err != nil {
		return err
	}
	const name = "dry-run create of a Certificate"
	b.add(name+": a second (cert-manager 252)", p.rate(), "", none)
	b.add(name+": latency p50, ms (cert-manager 171)", milliseconds(percentile(p.latencies, 0.5)), "", none)
	b.add(name+": latency p99, ms (cert-manager 633)", milliseconds(percentile(p.latencies, 0.99)), "", none)
	b.add(name+": our CPU each, µs (cert-manager 500)", p.each("certwright"), "", none)
	b.add(name+": API server's CPU each, µs (cert-manager 2013)", p.each("apiserver"), "", none)
	b.probed(name, p)
	return nil
}

// A reviewKind is one kind of review, asked for directly.
type reviewKind struct {
	name      string
	url       string
	body      []byte
	rate, cpu string // cert-manager's figures, empty if it has none
	limited   bool   // whether our targets are for this kind
}

// reviews asks for n reviews of each kind.
func (b *bencher) reviews(ctx context.Context, namespace string, n int) error {
	r, err := newReviewer(ctx, b.gen.client, askers)
	if err != nil {
		return err
	}
	kinds, err := r.kinds(namespace)
	if err != nil {
		return err
	}
	return b.remembered(fmt.Sprintf("%d reviews", n*len(kinds)), func() error {
		cpu := map[string]float64{}
		for _, kind := range kinds {
			p, err := b.press(ctx, n, func(int) error { return r.post(ctx, kind.url, kind.body) })
			if err != nil {
				return fmt.Errorf("%s: %w", kind.name, err)
			}
			b.reviewed(kind, p)
			cpu[kind.name] = p.each("certwright")
		}
		b.add("both reviews of a Certificate: our CPU, µs", cpu[filling]+cpu[judging], "", none)
		return nil
	})
}

// remembered adds our memory before, during and after a run.
func (b *bencher) remembered(name string, run func() error) error {
	pid := b.stage.Certwright.PID()
	before, err := memory(pid, "VmRSS")
	if err := errors.Join(err, forgetPeak(pid)); err != nil {
		return err
	}
	if err := run(); err != nil {
		return err
	}
	peak, errPeak := memory(pid, "VmHWM")
	after, errAfter := memory(pid, "VmRSS")
	b.add(name+": memory before, MiB (all roles)", before, "", none)
	b.add(name+": memory at its peak, MiB (cert-manager's webhook 58-65)", peak, "", none)
	b.add(name+": memory after, MiB", after, "", none)
	return errors.Join(errPeak, errAfter)
}

const filling, judging = "filling in a Certificate", "judging a Certificate"

// kinds are the reviews that are measured. Of CertificateRequests, the one that
// is stamped does not yet say who made it, as users send them.
func (r *reviewer) kinds(namespace string) ([]reviewKind, error) {
	bare, whole, err := reviewedRequests(namespace)
	if err != nil {
		return nil, err
	}
	// A kind that we have nothing to say about: what is left is TLS and HTTP.
	other, errOther := reviewBody("Other", "others", reviewedCertificate(namespace, "x"))
	certificate, errCertificate := reviewBody(certsv1.CertificateKind, "certificates", reviewedCertificate(namespace, "x"))
	unstamped, errUnstamped := reviewBody(certsv1.CertificateRequestKind, "certificaterequests", bare)
	stamped, errStamped := reviewBody(certsv1.CertificateRequestKind, "certificaterequests", whole)
	return []reviewKind{
		{name: "nothing to review: TLS and HTTP alone", url: r.validate, body: other},
		{name: filling, url: r.mutate, body: certificate},
		{name: judging, url: r.validate, body: certificate, rate: "2541-6708", cpu: "106-160", limited: true},
		{name: "stamping a CertificateRequest", url: r.mutate, body: unstamped, rate: "2599-4049", cpu: "177-205"},
		{name: "judging a CertificateRequest", url: r.validate, body: stamped, rate: "1576-2665", cpu: "281-336"},
	}, errors.Join(errOther, errCertificate, errUnstamped, errStamped)
}

// Our targets for the review of a Certificate: CPU in µs, and less than
// cert-manager's least p99 in ms.
const maxReviewCPU, maxReviewP99 = 60, 57

// reviewed adds the rows of one kind of review.
func (b *bencher) reviewed(kind reviewKind, p *pressure) {
	theirs := func(figure string) string {
		if figure == "" {
			return ""
		}
		return " (cert-manager " + figure + ")"
	}
	cpu, p99 := p.each("certwright"), milliseconds(percentile(p.latencies, 0.99))
	cpuTarget, p99Target := "", ""
	if kind.limited {
		cpuTarget, p99Target = fmt.Sprintf("≤ %d", maxReviewCPU), fmt.Sprintf("< %d", maxReviewP99)
	}
	b.add(kind.name+": a second"+theirs(kind.rate), p.rate(), "", none)
	b.add(kind.name+": latency p50, ms", milliseconds(percentile(p.latencies, 0.5)), "", none)
	b.add(kind.name+": latency p99, ms", p99, p99Target, p99 < maxReviewP99)
	b.add(kind.name+": our CPU each, µs"+theirs(kind.cpu), cpu, cpuTarget, cpu <= maxReviewCPU)
	b.add(fmt.Sprintf("%s: the same in the quietest of %d parts, µs", kind.name, parts), float64(p.least.Nanoseconds())/1000, "", none)
	b.probed(kind.name, p)
}

// probed adds what a bare issuance cost at the same time.
func (b *bencher) probed(name string, p *pressure) {
	b.add(name+": CPU of a bare issuance beside it, µs (quiet 410-450)", float64(p.probe.Nanoseconds())/1000, "", none)
}
