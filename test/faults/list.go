package main

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	certsv1 "github.com/certwright/certwright/certs/v1"
	"github.com/certwright/certwright/test/external"
)

const day = 24 * time.Hour

// acts are all faults: those of an act are made side by side, each in a
// namespace of its own, the acts one after the other.
func acts() [][]fault {
	all := [][]fault{inNamespaces(), challenges()}
	for _, f := range alone() {
		all = append(all, []fault{f})
	}
	return all
}

// inNamespaces are the faults that nobody notices outside of their namespace.
func inNamespaces() []fault {
	web := func(name string) map[string]string {
		return map[string]string{"exported_namespace": "{ns}", "name": name}
	}
	return []fault{{
		name: "an Issuer is deleted that a Certificate names",
		set:  caAndWeb,
		strike: func(ctx context.Context, s *scene) error {
			return s.remove(ctx, &certsv1.Issuer{ObjectMeta: named(s.namespace, "ca")})
		},
		wants: []want{{
			alert: "CertwrightIssuerMissing", severity: "warning", within: 16 * time.Minute,
			about: map[string]string{"exported_namespace": "{ns}", "issuer_name": "ca"}, shows: `^web +True +web +ca `,
		}},
	}, {
		name: "a ClusterIssuer is deleted that a Certificate names",
		set:  func(ctx context.Context, s *scene) error { return s.clusterIssuerAndWeb(ctx) },
		strike: func(ctx context.Context, s *scene) error {
			return s.remove(ctx, &certsv1.ClusterIssuer{ObjectMeta: named("", s.namespace)})
		},
		wants: []want{{
			alert: "CertwrightClusterIssuerMissing", severity: "warning", within: 16 * time.Minute,
			about: map[string]string{"issuer_name": "{ns}"}, shows: `web +True +web +`,
		}},
	}, {
		name: "the key in a CA's Secret is not the one of its certificate",
		set:  caAndWeb,
		strike: func(ctx context.Context, s *scene) error {
			other, err := keyPair(s.namespace, "ca", time.Now(), time.Now().Add(day))
			if err != nil {
				return err
			}
			return s.overwrite(ctx, client.ObjectKey{Namespace: s.namespace, Name: "ca"}, func(secret *corev1.Secret) {
				secret.Data[corev1.TLSPrivateKeyKey] = other.Data[corev1.TLSPrivateKeyKey]
			})
		},
		wants: []want{{
			alert: "CertwrightIssuerNotReady", severity: "warning", within: 16 * time.Minute, about: web("ca"), shows: `the private key is not that of the certificate`,
		}},
	}, {
		name: "the Secret of a ClusterIssuer's CA is deleted",
		set:  func(ctx context.Context, s *scene) error { return s.clusterIssuerAndWeb(ctx) },
		strike: func(ctx context.Context, s *scene) error {
			return s.remove(ctx, &corev1.Secret{ObjectMeta: named(resources, s.namespace)})
		},
		heal: func(ctx context.Context, s *scene) error {
			return s.remove(ctx, &certsv1.ClusterIssuer{ObjectMeta: named("", s.namespace)})
		},
		wants: []want{{
			alert: "CertwrightClusterIssuerNotReady", severity: "critical", within: 16 * time.Minute, about: map[string]string{"name": "{ns}"}, shows: `not found`,
		}},
	}, {
		name: "a CA expires (one of ten hours, forty minutes before its end)",
		strike: func(ctx context.Context, s *scene) error {
			now := time.Now()
			return s.caIssuerFrom(ctx, now.Add(40*time.Second-10*time.Minute), now.Add(40*time.Second))
		},
		wants: []want{
			{alert: "CertwrightCAExpirySoon", severity: "warning", within: 2 * time.Minute, about: web("ca"), shows: `.`},
			{alert: "CertwrightCAExpirySoon", severity: "critical", within: 22 * time.Minute, about: web("ca"), shows: `.`},
			{alert: "CertwrightIssuerNotReady", severity: "warning", within: 57 * time.Minute, about: web("ca"), shows: `expired`},
		},
	}, {
		name: "a CA's Secret is deleted, and then that of one of its certificates",
		set:  caAndWeb,
		strike: func(ctx context.Context, s *scene) error {
			return s.remove(ctx, &corev1.Secret{ObjectMeta: named(s.namespace, "ca")}, &corev1.Secret{ObjectMeta: named(s.namespace, "web")})
		},
		wants: []want{
			{alert: "CertManagerCertNotReady", severity: "critical", within: 11 * time.Minute, about: web("web"), shows: `not found|does not exist`},
			{alert: "CertwrightIssuerNotReady", severity: "warning", within: 16 * time.Minute, about: web("ca"), shows: `not found`},
		},
	}, {
		name:   "something overwrites a certificate's Secret every two minutes",
		set:    caAndWeb,
		strike: func(ctx context.Context, s *scene) error { return s.quarrel(ctx) },
		wants: []want{{
			alert: "CertwrightReissueLoop", severity: "warning", within: 20 * time.Minute, about: web("web"), shows: `issuing,faults`,
		}},
	}, {
		name: "an issuer refuses to renew (first back-off: a quarter of an hour)",
		set: func(ctx context.Context, s *scene) error {
			if err := s.issue(ctx, certificate(s.namespace, "web", by(company(s.namespace)), lasting(6*day))); err != nil {
				return err
			}
			return s.forget(ctx, s.namespace)
		},
		strike: func(_ context.Context, s *scene) error {
			s.instruct(s.namespace, external.Refuse)
			return nil
		},
		// Forty minutes until its renewal, then three attempts.
		wants: []want{{
			alert: "CertwrightRenewalOverdue", severity: "warning", within: 88 * time.Minute, about: web("web"), shows: `the contract with the CA has ended`,
		}},
	}, {
		name: "an issuer falls silent; the certificate lasts an hour",
		set: func(ctx context.Context, s *scene) error {
			return s.issue(ctx, certificate(s.namespace, "web", by(company(s.namespace)), lasting(time.Hour)))
		},
		strike: func(_ context.Context, s *scene) error {
			s.instruct(s.namespace, external.Ignore)
			return nil
		},
		wants: []want{
			{alert: "CertwrightRenewalOverdue", severity: "warning", within: 47 * time.Minute, about: web("web"), shows: `CompanyCA|CertificateRequest`},
			{alert: "CertManagerCertExpirySoon", severity: "warning", within: 52 * time.Minute, about: web("web"), shows: `CompanyCA|CertificateRequest`},
			{alert: "CertwrightCertExpiryImminent", severity: "critical", within: 58 * time.Minute, about: web("web"), shows: `CompanyCA|CertificateRequest`},
			{alert: "CertManagerCertNotReady", severity: "critical", within: 71 * time.Minute, about: web("web"), shows: `expired`},
		},
	}, {
		name: "nobody approves a request, and nobody answers it",
		strike: func(ctx context.Context, s *scene) error {
			s.instruct(s.namespace, external.Ignore)
			return s.create(ctx, certificate(s.namespace, "web", by(company(s.namespace))))
		},
		wants: []want{
			{alert: "CertwrightRequestUnanswered", severity: "warning", within: 62 * time.Minute, shows: `web-1`,
				about: map[string]string{"exported_namespace": "{ns}", "issuer_name": "{ns}"}},
			{alert: "CertManagerCertNotReady", severity: "warning", within: 62 * time.Minute, about: web("web"), shows: `not been approved|approve`},
		},
	}, {
		name: "two Certificates name one Secret",
		set:  caAndWeb,
		strike: func(ctx context.Context, s *scene) error {
			return s.create(ctx, certificate(s.namespace, "second", func(crt *certsv1.Certificate) { crt.Spec.SecretName = "web" }))
		},
		wants: []want{{
			alert: "CertManagerCertNotReady", severity: "warning", within: 62 * time.Minute, about: web("second"), shows: `belongs to Certificate "web"`,
		}},
	}, {
		name:   "the ACME server refuses a name by its policy",
		set:    setACME,
		strike: annotate(func(s *scene) string { return s.namespace + "." + blocked }),
		wants: []want{{
			alert: "CertManagerCertNotReady", severity: "warning", within: 62 * time.Minute, about: web("web"), shows: `rejectedIdentifier|policy`,
		}},
	}, {
		name: "the name of a new Ingress is broken in DNS",
		set: func(ctx context.Context, s *scene) error {
			s.stage.DNS.Fail(s.host(), servfail)
			return setACME(ctx, s)
		},
		strike: annotate((*scene).host),
		heal: func(ctx context.Context, s *scene) error {
			s.stage.DNS.Heal(s.host())
			return s.ready(ctx, s.namespace, "web")
		},
		wants: unproven(`SERVFAIL|server misbehaving|lookup`),
	}, {
		name: "the name of a new Ingress appears in DNS after half an hour",
		set: func(ctx context.Context, s *scene) error {
			s.stage.DNS.Fail(s.host(), nxdomain)
			return setACME(ctx, s)
		},
		strike: func(ctx context.Context, s *scene) error {
			if err := s.create(ctx, s.ingress("web", s.host())); err != nil {
				return err
			}
			if err := pause(ctx, scaled(30*time.Minute)); err != nil {
				return err
			}
			s.stage.DNS.Heal(s.host())
			return s.ready(ctx, s.namespace, "web")
		},
		hold: 70 * time.Minute, because: "a new Certificate gets an hour",
	}, {
		name: "the Secret of a certificate is deleted",
		set:  caAndWeb,
		strike: func(ctx context.Context, s *scene) error {
			return s.remove(ctx, &corev1.Secret{ObjectMeta: named(s.namespace, "web")})
		},
		hold: 20 * time.Minute, because: "it is issued anew at once",
	}, {
		name: "a Certificate and its Issuer are deleted",
		set:  caAndWeb,
		strike: func(ctx context.Context, s *scene) error {
			return s.remove(ctx, &certsv1.Certificate{ObjectMeta: named(s.namespace, "web")}, &certsv1.Issuer{ObjectMeta: named(s.namespace, "ca")})
		},
		hold: 20 * time.Minute, because: "nobody wants it any more",
	}}
}

// servfail and nxdomain are answers of a DNS server (RFC 1035 §4.1.1).
const (
	servfail = 2
	nxdomain = 3
)

// unproven are the alerts about a name that cannot be proven to the CA.
func unproven(shows string) []want {
	return []want{
		{alert: "CertwrightChallengePending", severity: "warning", within: 62 * time.Minute, shows: shows,
			about: map[string]string{"exported_namespace": "{ns}", "domain": "{ns}.example.test"}},
		{alert: "CertwrightRequestUnanswered", severity: "warning", within: 62 * time.Minute, shows: `web-1`,
			about: map[string]string{"exported_namespace": "{ns}", "issuer_name": "acme"}},
		{alert: "CertManagerCertNotReady", severity: "warning", within: 62 * time.Minute, shows: shows,
			about: map[string]string{"exported_namespace": "{ns}", "name": "web"}},
	}
}

// challenges are faults of the way from an ACME server to the cluster and back.
func challenges() []fault {
	return []fault{{
		name: "acmesolver does not run",
		set:  setACME,
		strike: func(ctx context.Context, s *scene) error {
			s.stage.Solver.Kill()
			return s.create(ctx, s.ingress("web", s.host()))
		},
		heal: func(ctx context.Context, s *scene) error {
			if err := s.stage.StartSolver(ctx); err != nil {
				return err
			}
			return s.ready(ctx, s.namespace, "web")
		},
		wants: unproven(`502|connection refused|self-check|Bad Gateway`),
	}}
}
