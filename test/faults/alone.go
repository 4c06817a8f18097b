package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	certsv1 "github.com/certwright/certwright/certs/v1"
	"github.com/certwright/certwright/test/acme"
	"github.com/certwright/certwright/test/stage"
	"github.com/certwright/certwright/webhook"
)

// alone are the faults that everybody notices: they are made one at a time.
func alone() []fault {
	noAnswer := want{
		alert: "CertwrightWebhookFailing", severity: "critical", within: 6 * time.Minute,
		about: map[string]string{"cause": "the API server gets no answer"},
	}
	noLeader := want{alert: "CertwrightNoLeader", severity: "critical", within: 7 * time.Minute}
	return []fault{{
		name: "the ACME server is down when a ClusterIssuer for it is made",
		strike: func(ctx context.Context, s *scene) error {
			s.stage.ACME.SetFault(acme.Cut())
			return s.create(ctx, &certsv1.ClusterIssuer{ObjectMeta: named("", s.namespace), Spec: s.acmeSpec()})
		},
		heal: func(ctx context.Context, s *scene) error {
			s.stage.ACME.SetFault(nil)
			if err := s.issuerReady(ctx, "", s.namespace); err != nil {
				return err
			}
			return s.remove(ctx, &certsv1.ClusterIssuer{ObjectMeta: named("", s.namespace)})
		},
		wants: []want{{
			alert: "CertwrightClusterIssuerNotReady", severity: "critical", within: 16 * time.Minute,
			about: map[string]string{"name": "{ns}"}, shows: `Failed to register ACME account`,
		}},
	}, {
		name: "the ACME server goes down, and an Ingress is annotated",
		set:  setACME,
		strike: func(ctx context.Context, s *scene) error {
			s.stage.ACME.SetFault(acme.Cut())
			return s.create(ctx, s.ingress("web", s.host()))
		},
		heal: func(ctx context.Context, s *scene) error {
			s.stage.ACME.SetFault(nil)
			return s.ready(ctx, s.namespace, "web")
		},
		wants: []want{
			{alert: "CertwrightRequestUnanswered", severity: "warning", within: 62 * time.Minute, shows: `web-1`,
				about: map[string]string{"exported_namespace": "{ns}", "issuer_name": "acme"}},
			{alert: "CertManagerCertNotReady", severity: "warning", within: 62 * time.Minute, shows: `stream error|EOF`,
				about: map[string]string{"exported_namespace": "{ns}", "name": "web"}},
		},
	}, {
		name: "the ACME server answers 429 to a new order",
		set:  setACME,
		strike: func(ctx context.Context, s *scene) error {
			s.stage.ACME.SetFault(acme.RateLimited(time.Minute).On("new-order").Times(1))
			return s.create(ctx, s.ingress("web", s.host()))
		},
		heal: func(ctx context.Context, s *scene) error {
			s.stage.ACME.SetFault(nil)
			return nil
		},
		wants: []want{{alert: "CertManagerHittingRateLimits", severity: "warning", within: 6 * time.Minute, shows: `too many certificates already issued|429`}},
	}, {
		name: "the leader is killed",
		set:  caIssuer,
		strike: func(ctx context.Context, s *scene) error {
			leader, err := s.leader(ctx)
			if err != nil {
				return err
			}
			leader.kill()
			return s.issue(ctx, certificate(s.namespace, "web"))
		},
		hold: 15 * time.Minute, because: "the other replica takes over",
	}, {
		name:   "somebody else holds the lease",
		strike: func(ctx context.Context, s *scene) error { return s.holdLease(ctx) },
		heal:   func(ctx context.Context, s *scene) error { return s.freeLease(ctx) },
		wants:  []want{{alert: noLeader.alert, severity: noLeader.severity, within: noLeader.within, shows: `holderIdentity: somebody-else`}},
	}, {
		name: "the replicas cannot reach the API server",
		strike: func(_ context.Context, s *scene) error {
			s.stage.Proxy.Disturb(func(*http.Request) stage.Trouble { return stage.Trouble{Cut: true} })
			return nil
		},
		heal:  func(_ context.Context, s *scene) error { s.stage.Proxy.Disturb(nil); return nil },
		wants: []want{{alert: noLeader.alert, severity: noLeader.severity, within: noLeader.within, shows: `renewTime`}},
	}, {
		name: "the API server hangs",
		strike: func(_ context.Context, s *scene) error {
			return syscall.Kill(s.stage.Cluster.PIDs["apiserver"], syscall.SIGSTOP)
		},
		heal: func(_ context.Context, s *scene) error {
			return syscall.Kill(s.stage.Cluster.PIDs["apiserver"], syscall.SIGCONT)
		},
		wants: []want{{alert: noLeader.alert, severity: noLeader.severity, within: noLeader.within, shows: `timeout|timed out|signal: killed|Unable to connect`}},
	}, {
		name: "no replica runs at all",
		strike: func(_ context.Context, s *scene) error {
			for _, p := range s.writers {
				p.stop()
			}
			s.stage.Certwright.Kill()
			return nil
		},
		heal: func(ctx context.Context, s *scene) error {
			for _, p := range s.writers {
				p.start()
			}
			return s.stage.StartCertwright(ctx)
		},
		wants: []want{{alert: "CertManagerAbsent", severity: "critical", within: 11 * time.Minute}, noAnswer},
	}, {
		name:   "the webhook is down",
		strike: func(_ context.Context, s *scene) error { s.stage.Certwright.Kill(); return nil },
		heal:   func(ctx context.Context, s *scene) error { return s.stage.StartCertwright(ctx) },
		wants:  []want{noAnswer},
	}, {
		name: "somebody overwrites the webhook's caBundle, and took the permission to put it right",
		strike: func(ctx context.Context, s *scene) error {
			if err := s.revoke(ctx, "cert-manager-webhook", "validatingwebhookconfigurations"); err != nil {
				return err
			}
			return s.overwriteBundle(ctx)
		},
		heal: func(ctx context.Context, s *scene) error { return s.restore(ctx) },
		wants: []want{{
			alert: "CertwrightWebhookFailing", severity: "critical", within: 7 * time.Minute,
			about: map[string]string{"cause": "no replica serves a certificate that the API server trusts"}, shows: `forbidden`,
		}},
	}, {
		name: "the API server takes a second and a half to tell the webhook who may approve",
		strike: func(_ context.Context, s *scene) error {
			s.stage.Proxy.Disturb(func(r *http.Request) stage.Trouble {
				if strings.HasSuffix(r.URL.Path, "/subjectaccessreviews") {
					return stage.Trouble{Delay: 1500 * time.Millisecond}
				}
				return stage.Trouble{}
			})
			return nil
		},
		heal:  func(_ context.Context, s *scene) error { s.stage.Proxy.Disturb(nil); return nil },
		wants: []want{{alert: "CertwrightWebhookSlow", severity: "warning", within: 16 * time.Minute}},
	}, {
		name: "the Secret of the webhook's CA is damaged and cannot be changed (its certificate lasts eight minutes here)",
		set: func(ctx context.Context, s *scene) error {
			s.stage.Certwright.Kill() // told to stop, it would take the webhook configurations away
			return s.stage.StartCertwright(ctx, "--dynamic-serving-leaf-duration", "165s")
		},
		strike: func(ctx context.Context, s *scene) error { return s.damageCA(ctx) },
		heal:   func(ctx context.Context, s *scene) error { return s.repairCA(ctx) },
		wants: []want{{
			alert: "CertwrightWebhookCertExpiry", severity: "critical", within: 60 * time.Minute, shows: `immutable`,
		}},
	}, {
		name:   "the clock of a replica jumps by two minutes",
		set:    func(ctx context.Context, s *scene) error { return s.giveFaultyClock(ctx) },
		strike: func(_ context.Context, s *scene) error { return os.WriteFile(s.clock, []byte("2m"), 0o600) },
		heal: func(_ context.Context, s *scene) error {
			s.writers[1].replace(filepath.Join(s.bin, "certwright"))
			return os.Remove(s.clock)
		},
		wants: []want{{alert: "CertwrightClockWrong", severity: "warning", within: 6 * time.Minute}},
	}, {
		name: "the permission to write Secrets is taken away while new Certificates come",
		set:  caIssuer,
		strike: func(ctx context.Context, s *scene) error {
			if err := s.revoke(ctx, "cert-manager-controller-issuance", "secrets"); err != nil {
				return err
			}
			for i := range 60 {
				if err := s.create(ctx, certificate(s.namespace, fmt.Sprintf("web-%d", i))); err != nil {
					return err
				}
				if err := pause(ctx, 500*time.Millisecond); err != nil {
					return err
				}
			}
			return nil
		},
		heal:  func(ctx context.Context, s *scene) error { return s.restore(ctx) },
		wants: []want{{alert: "CertwrightSyncErrors", severity: "warning", within: 35 * time.Minute, shows: `forbidden`}},
	}, {
		name: "something swallows what we write to a Secret (we wait three minutes for an answer, also here)",
		set:  caIssuer,
		strike: func(ctx context.Context, s *scene) error {
			s.stage.Proxy.Disturb(func(r *http.Request) stage.Trouble {
				if r.Method != http.MethodGet && strings.Contains(r.URL.Path, "/namespaces/"+s.namespace+"/secrets") {
					return stage.Trouble{Delay: time.Hour}
				}
				return stage.Trouble{}
			})
			return s.create(ctx, certificate(s.namespace, "web"))
		},
		heal: func(ctx context.Context, s *scene) error {
			s.stage.Proxy.Disturb(nil)
			return s.ready(ctx, s.namespace, "web")
		},
		wants: []want{{alert: "CertwrightQueueStuck", severity: "warning", within: 17 * time.Minute}},
	}, {
		name: "a hundred Certificates are made at once",
		set:  caIssuer,
		strike: func(ctx context.Context, s *scene) error {
			for i := range 100 {
				if err := s.create(ctx, certificate(s.namespace, fmt.Sprintf("web-%d", i))); err != nil {
					return err
				}
			}
			return nil
		},
		hold: 20 * time.Minute, because: "a wave is no fault",
	}}
}

// overwriteBundle has the API server trust somebody else's CA.
func (s *scene) overwriteBundle(ctx context.Context) error {
	other, err := keyPair(s.namespace, "other", time.Now(), time.Now().Add(day))
	if err != nil {
		return err
	}
	bundle := other.Data[corev1.TLSCertKey]
	mutating := &admissionregistrationv1.MutatingWebhookConfiguration{ObjectMeta: named("", webhook.Name)}
	if err := s.change(ctx, mutating, func() {
		for i := range mutating.Webhooks {
			mutating.Webhooks[i].ClientConfig.CABundle = bundle
		}
	}); err != nil {
		return err
	}
	validating := &admissionregistrationv1.ValidatingWebhookConfiguration{ObjectMeta: named("", webhook.Name)}
	return s.change(ctx, validating, func() {
		for i := range validating.Webhooks {
			validating.Webhooks[i].ClientConfig.CABundle = bundle
		}
	})
}

// holdLease takes the lease as one who does no work, for an hour.
func (s *scene) holdLease(ctx context.Context) error {
	lease, err := s.lease(ctx)
	if err != nil {
		return err
	}
	return s.change(ctx, lease, func() {
		holder, seconds, now := "somebody-else", int32(3600), metav1.NowMicro()
		lease.Spec.HolderIdentity, lease.Spec.LeaseDurationSeconds, lease.Spec.RenewTime = &holder, &seconds, &now
	})
}

func (s *scene) freeLease(ctx context.Context) error {
	lease, err := s.lease(ctx)
	if err != nil {
		return err
	}
	return s.remove(ctx, lease)
}

// giveFaultyClock has the second writer run with a clock that can be set, and
// the first one lead.
func (s *scene) giveFaultyClock(ctx context.Context) error {
	s.writers[1].replace(filepath.Join(s.bin, "certwright-faultyclock"))
	return s.until(ctx, healthy)
}

// webhookCA names the Secret of the webhook's own CA.
var webhookCA = client.ObjectKey{Namespace: resources, Name: "cert-manager-webhook-ca"}

// damageCA puts an empty, immutable Secret in the place of the webhook's CA.
func (s *scene) damageCA(ctx context.Context) error {
	immutable := true
	return s.overwrite(ctx, webhookCA, func(secret *corev1.Secret) {
		s.authority = secret.DeepCopy()
		secret.Immutable, secret.Data = &immutable, nil
	})
}

// repairCA puts the CA back that was there before.
func (s *scene) repairCA(ctx context.Context) error {
	if err := s.remove(ctx, &corev1.Secret{ObjectMeta: named(webhookCA.Namespace, webhookCA.Name)}); err != nil {
		return err
	}
	s.authority.ResourceVersion, s.authority.UID = "", ""
	return client.IgnoreAlreadyExists(s.admin.Create(ctx, s.authority)) // the webhook may be faster, with a new one
}
