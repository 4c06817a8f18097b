package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	certsv1 "github.com/certwright/certwright/certs/v1"
)

// An issuance is what it took to issue many certificates.
type issuance struct {
	*usage
	latencies []time.Duration
	wall      time.Duration
	n         int
}

// issue measures a run that issues n certificates, until all has come to rest.
func (b *bencher) issue(ctx context.Context, n int, run func() ([]time.Duration, error)) (*issuance, error) {
	before, err := b.meter.snapshot(ctx)
	if err != nil {
		return nil, err
	}
	latencies, err := run()
	if err != nil {
		return nil, err
	}
	wall := time.Since(before.at)
	if err := b.quiet(ctx); err != nil {
		return nil, err
	}
	u, err := b.meter.since(ctx, before)
	return &issuance{u, latencies, wall, n}, err
}

// ours are the objects that we write when we issue.
var ours = []string{"certificates", "certificates/status", "certificaterequests", "certificaterequests/status", "secrets"}

// writes is how many objects we wrote for each certificate. The generator's own
// request for each is not ours.
func (i *issuance) writes() float64 {
	return (i.count("POST,PUT,PATCH,APPLY,DELETE", ours...) - float64(i.n)) / float64(i.n)
}

// requests adds what we asked the API server for.
func (b *bencher) requests(name string, i *issuance, maxWrites float64) {
	writes := i.writes()
	b.add(name+"object writes each", writes, fmt.Sprintf("≤ %g", maxWrites), writes <= maxWrites+0.005)
	events := i.count("POST,PATCH", "events") / float64(i.n)
	b.add(name+"Events each", events, "≤ 1", events <= 1.005)
	b.add(name+"reads each (GET, LIST)", i.count("GET,LIST")/float64(i.n), "", none)
	conflicts := i.count(conflict, ours...)
	b.add(name+"conflicts", conflicts, "0", conflicts == 0)
	fmt.Printf("%srequests each: %s\n", name, i.list(i.n))
}

var (
	ecdsaKey = certsv1.CertificatePrivateKey{Algorithm: certsv1.ECDSAKeyAlgorithm, Size: 256}
	rsaKey   = certsv1.CertificatePrivateKey{Algorithm: certsv1.RSAKeyAlgorithm, Size: 2048}
)

// bulk issues n ECDSA Certificates over 20 namespaces.
func (b *bencher) bulk(ctx context.Context, n int) error {
	namespaces, err := b.gen.namespaces(ctx, "bulk", 20)
	if err != nil {
		return err
	}
	if err := forgetPeak(b.stage.Certwright.PID()); err != nil {
		return err
	}
	i, err := b.issue(ctx, n, func() ([]time.Duration, error) { return b.gen.certificates(ctx, namespaces, n, ecdsaKey) })
	if err != nil {
		return err
	}
	name := fmt.Sprintf("%d ECDSA: ", n)
	rate := float64(n) / i.wall.Seconds()
	b.add(name+"certificates a second (5 × cert-manager's 11.4)", rate, "≥ 57", rate >= 57)
	share := 100 * rate / b.bound
	b.add(name+"share of the bound, %", share, "≥ 60", share >= 60)
	b.latency(name, i.latencies, 0, 0)
	b.costs(name, i.usage, n, 2, 35)
	b.requests(name, i, 4)
	peak, err := memory(b.stage.Certwright.PID(), "VmHWM")
	if err != nil {
		return err
	}
	b.add(name+"our peak memory, MiB", peak, "", none)
	return nil
}

// rsa issues n Certificates with RSA keys over 10 namespaces.
func (b *bencher) rsa(ctx context.Context, n int) error {
	namespaces, err := b.gen.namespaces(ctx, "rsa", 10)
	if err != nil {
		return err
	}
	i, err := b.issue(ctx, n, func() ([]time.Duration, error) { return b.gen.certificates(ctx, namespaces, n, rsaKey) })
	if err != nil {
		return err
	}
	name := fmt.Sprintf("%d RSA-2048: ", n)
	b.add(name+"certificates a second", float64(n)/i.wall.Seconds(), "", none)
	b.latency(name, i.latencies, 0, 0)
	b.costs(name, i.usage, n, 80, 0)
	return nil
}

// renewal renews n Certificates.
func (b *bencher) renewal(ctx context.Context, n int) error {
	namespaces, err := b.gen.namespaces(ctx, "renewal", 10)
	if err != nil {
		return err
	}
	if _, err := b.gen.certificates(ctx, namespaces, n, ecdsaKey); err != nil {
		return err
	}
	if err := b.quiet(ctx); err != nil {
		return err
	}
	var list []certsv1.Certificate
	for _, namespace := range namespaces {
		var some certsv1.CertificateList
		if err := b.gen.client.List(ctx, &some, client.InNamespace(namespace)); err != nil {
			return fmt.Errorf("list what is to be renewed: %w", err)
		}
		list = append(list, some.Items...)
	}
	i, err := b.issue(ctx, n, func() ([]time.Duration, error) { return b.gen.renew(ctx, list, n) })
	if err != nil {
		return err
	}
	name := fmt.Sprintf("%d renewals: ", n)
	b.add(name+"a second", float64(n)/i.wall.Seconds(), "", none)
	b.costs(name, i.usage, n, 0, 0)
	b.requests(name, i, 5)
	return nil
}

// growth issues more and more certificates in one namespace, up to most. What
// one costs us must not depend on how many there are.
func (b *bencher) growth(ctx context.Context, most int) error {
	const tolerance = 1.5 // neighbours come and go
	least := 0.0
	for n := most / 16; n <= most; n *= 2 {
		namespaces, err := b.gen.namespaces(ctx, fmt.Sprintf("growth-%d", n), 1)
		if err != nil {
			return err
		}
		i, err := b.issue(ctx, n, func() ([]time.Duration, error) { return b.gen.certificates(ctx, namespaces, n, ecdsaKey) })
		if err != nil {
			return err
		}
		name := fmt.Sprintf("%d ECDSA in one namespace: ", n)
		b.add(name+"certificates a second", float64(n)/i.wall.Seconds(), "", none)
		each := float64(i.cpu["certwright"].Microseconds()) / 1000 / float64(n)
		if least == 0 {
			least = each
			b.add(name+"our CPU each, ms", each, "", none)
			continue
		}
		b.add(name+"our CPU each, ms", each, fmt.Sprintf("≤ %.1f", tolerance*least), each <= tolerance*least)
	}
	return nil
}

// ingressBulk issues for n annotated Ingresses over 10 namespaces.
func (b *bencher) ingressBulk(ctx context.Context, n int) error {
	namespaces, err := b.gen.namespaces(ctx, fmt.Sprintf("ingress-%d", n), 10)
	if err != nil {
		return err
	}
	i, err := b.issue(ctx, n, func() ([]time.Duration, error) { return b.gen.ingresses(ctx, namespaces, n) })
	if err != nil {
		return err
	}
	name := fmt.Sprintf("%d Ingresses: ", n)
	rate := float64(n) / i.wall.Seconds()
	b.add(name+"a second (5 × cert-manager's 12.4)", rate, "≥ 62", rate >= 62)
	b.add(name+"until all have their Secret, s", i.wall.Seconds(), "", none)
	b.latency(name, i.latencies, 0, 0)
	b.costs(name, i.usage, n, 0, 0)
	rss, err := memory(b.stage.Certwright.PID(), "VmRSS")
	if err != nil {
		return err
	}
	b.add(name+"our memory afterwards, MiB", rss, "", none)
	fmt.Printf("%srequests each: %s\n", name, i.list(n))
	return nil
}

// single creates one Ingress after the other on an idle system.
func (b *bencher) single(ctx context.Context) error {
	namespaces, err := b.gen.namespaces(ctx, "single", 1)
	if err != nil {
		return err
	}
	var latencies []time.Duration
	for i := range 20 {
		name := fmt.Sprintf("one-%d", i)
		one, err := b.gen.run(ctx, 1, func(int) client.Object { return annotatedIngress(namespaces[0], name) },
			b.gen.create, &corev1.SecretList{}, []client.ListOption{managed, client.InNamespace(namespaces[0])}, holdsCertificate)
		if err != nil {
			return err
		}
		latencies = append(latencies, one...)
		select {
		case <-time.After(300 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	slices.Sort(latencies)
	b.latency("one Ingress, idle: ", latencies, 50*time.Millisecond, 250*time.Millisecond)
	return nil
}
