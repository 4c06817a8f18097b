//go:build cluster

package e2e

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	acmev1 "github.com/certwright/certwright/certs/acme/v1"
	cmmeta "github.com/certwright/certwright/certs/meta/v1"
	certsv1 "github.com/certwright/certwright/certs/v1"
)

func TestEveryKeyAlgorithmIsIssued(t *testing.T) {
	t.Parallel()
	ns := newNamespace(t)
	roots := authority(t, ns)
	for _, key := range []certsv1.CertificatePrivateKey{{}, {Algorithm: "RSA", Size: 3072}, {Algorithm: "ECDSA"}, {Algorithm: "ECDSA", Size: 384}, {Algorithm: "Ed25519"}} {
		for _, issuer := range []string{"ca", "self-signed"} {
			name := strings.ToLower(fmt.Sprintf("%s-%d-%s", cmpOr(string(key.Algorithm), "default"), key.Size, issuer))
			create(t, certificate(ns, name, func(crt *certsv1.Certificate) {
				crt.Spec.PrivateKey, crt.Spec.IssuerRef.Name = &key, issuer
			}))
			crt := ready(t, ns, name, revision(1))
			got, secret := leaf(t, ns, name)
			if issuer == "ca" {
				if _, err := got.Verify(x509.VerifyOptions{DNSName: name + ".example.test", Roots: roots, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
			if !crt.Status.NotAfter.Time.Equal(got.NotAfter) || crt.Status.RenewalTime == nil {
				t.Errorf("%s: status says notAfter %v, renewal %v", name, crt.Status.NotAfter, crt.Status.RenewalTime)
			}
			if secret.Type != corev1.SecretTypeTLS || secret.Labels[certsv1.SecretManagedKey] != "true" || secret.Annotations[certsv1.IssuerNameKey] != issuer || len(secret.OwnerReferences) != 0 {
				t.Errorf("%s: Secret %v %v %v %v", name, secret.Type, secret.Labels, secret.Annotations, secret.OwnerReferences)
			}
		}
	}
}

func cmpOr(a, b string) string {
	if a == "" {
		return b
	}
	return a
}

func TestAnnotatedIngressesGetASecret(t *testing.T) {
	t.Parallel()
	ns := newNamespace(t)
	authority(t, ns)
	acmeIssuer(t, ns+"-acme")
	for name, annotations := range map[string]map[string]string{
		"by-ca":          {"cert-manager.io/issuer": "ca"},
		"by-self-signed": {"cert-manager.io/issuer": "self-signed", "cert-manager.io/private-key-algorithm": "ECDSA", "cert-manager.io/duration": "24h"},
		"by-acme":        {"cert-manager.io/cluster-issuer": ns + "-acme"},
	} {
		create(t, ingress(ns, name, ns+"-"+name+".example.test", annotations))
	}
	for _, name := range []string{"by-ca", "by-self-signed", "by-acme"} {
		crt := ready(t, ns, name)
		if len(crt.OwnerReferences) != 1 || crt.OwnerReferences[0].Kind != "Ingress" || crt.Labels["app"] != name {
			t.Errorf("%s: owners %v, labels %v", name, crt.OwnerReferences, crt.Labels)
		}
		if got, _ := leaf(t, ns, name); got.DNSNames[0] != ns+"-"+name+".example.test" {
			t.Errorf("%s: names %v", name, got.DNSNames)
		}
	}
	if got, _ := leaf(t, ns, "by-self-signed"); got.NotAfter.Sub(got.NotBefore) != 24*time.Hour {
		t.Errorf("valid for %v", got.NotAfter.Sub(got.NotBefore))
	}
	got, _ := leaf(t, ns, "by-acme")
	if !world.ACME.Roots().Equal(nil) && got.Issuer.CommonName == "" {
		t.Errorf("issued by %v", got.Issuer)
	}
	eventually(t, "what the challenge needed is still there", func(ctx context.Context) error {
		return left(ctx, ns)
	})
	ing, err := get(t.Context(), &networkingv1.Ingress{}, ns, "by-ca")
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "no event", func(ctx context.Context) error {
		if events, err := eventsOf(ctx, ing); err != nil || !strings.Contains(events, `Normal CreateCertificate Successfully created Certificate "by-ca"`) {
			return fmt.Errorf("events %q, %w", events, err)
		}
		return nil
	})
}

// left names what a challenge left behind in a namespace.
func left(ctx context.Context, ns string) error {
	var challenges acmev1.ChallengeList
	var services corev1.ServiceList
	var slices discoveryv1.EndpointSliceList
	for _, list := range []client.ObjectList{&challenges, &services, &slices} {
		if err := admin.List(ctx, list, client.InNamespace(ns)); err != nil {
			return err
		}
	}
	if n := len(challenges.Items) + len(services.Items) + len(slices.Items); n > 0 {
		return fmt.Errorf("%d challenges, %d services, %d endpoint slices", len(challenges.Items), len(services.Items), len(slices.Items))
	}
	return nil
}

func TestADeletedSecretComesBackWithANewKey(t *testing.T) {
	t.Parallel()
	ns := newNamespace(t)
	authority(t, ns)
	create(t, certificate(ns, "web"))
	ready(t, ns, "web", revision(1))
	before, secret := leaf(t, ns, "web")
	if err := admin.Delete(t.Context(), secret); err != nil {
		t.Fatal(err)
	}
	ready(t, ns, "web", revision(2))
	after, _ := leaf(t, ns, "web")
	if before.SerialNumber.Cmp(after.SerialNumber) == 0 || string(before.RawSubjectPublicKeyInfo) == string(after.RawSubjectPublicKeyInfo) {
		t.Error("the same certificate or key came back")
	}
	if n := len(requests(t, ns, "web")); n != 1 {
		t.Errorf("%d requests are kept, revisionHistoryLimit is 1", n)
	}
}

func TestAChangedSpecIsIssuedAgain(t *testing.T) {
	t.Parallel()
	ns := newNamespace(t)
	authority(t, ns)
	create(t, certificate(ns, "web"))
	crt := ready(t, ns, "web", revision(1))
	crt.Spec.DNSNames = append(crt.Spec.DNSNames, "more.example.test")
	if err := admin.Update(t.Context(), crt); err != nil {
		t.Fatal(err)
	}
	ready(t, ns, "web", revision(2))
	if got, _ := leaf(t, ns, "web"); len(got.DNSNames) != 2 {
		t.Errorf("names %v", got.DNSNames)
	}
}

func TestRenewalByHand(t *testing.T) {
	t.Parallel()
	ns := newNamespace(t)
	authority(t, ns)
	create(t, certificate(ns, "web"))
	crt := ready(t, ns, "web", revision(1))
	crt.Status.SetCondition(certsv1.CertificateCondition{
		Type: certsv1.CertificateConditionIssuing, Status: cmmeta.ConditionTrue, Reason: "ManuallyTriggered", Message: "by hand",
	}, metav1.Now())
	if err := admin.Status().Update(t.Context(), crt); err != nil {
		t.Fatal(err)
	}
	ready(t, ns, "web", revision(2))
}

func TestACertificateThatIsDueIsRenewed(t *testing.T) {
	t.Parallel()
	ns := newNamespace(t)
	authority(t, ns)
	create(t, certificate(ns, "web", func(crt *certsv1.Certificate) { crt.Spec.Duration = &metav1.Duration{Duration: 2 * time.Hour} }))
	crt := ready(t, ns, "web", revision(1))
	// Renewing ten minutes before the end becomes renewing as early as can be.
	crt.Spec.RenewBefore = &metav1.Duration{Duration: 119 * time.Minute}
	if err := admin.Update(t.Context(), crt); err != nil {
		t.Fatal(err)
	}
	crt = ready(t, ns, "web", func(crt *certsv1.Certificate) bool {
		return crt.Status.RenewalTime.Time.Equal(crt.Status.NotAfter.Add(-119 * time.Minute))
	})
	if *crt.Status.Revision != 1 {
		t.Errorf("revision %d: renewBefore is not a reason to issue at once", *crt.Status.Revision)
	}
}

func TestWrongCertificatesAreRefusedAtApply(t *testing.T) {
	t.Parallel()
	ns := newNamespace(t)
	tests := map[string]struct {
		change func(*certsv1.Certificate)
		want   []string
	}{
		"no names":                 {func(c *certsv1.Certificate) { c.Spec.DNSNames = nil }, []string{"spec: Invalid value"}},
		"too short":                {func(c *certsv1.Certificate) { c.Spec.Duration = &metav1.Duration{Duration: time.Minute} }, []string{"spec.duration"}},
		"two mistakes at once":     {func(c *certsv1.Certificate) { c.Spec.PrivateKey.Size = 512; c.Spec.IPAddresses = []string{"x"} }, []string{"spec.privateKey.size", "spec.ipAddresses[0]"}},
		"a name outside ASCII":     {func(c *certsv1.Certificate) { c.Spec.DNSNames = []string{"bücher.example"} }, []string{"spec.dnsNames[0]"}},
		"a kind that is not there": {func(c *certsv1.Certificate) { c.Spec.IssuerRef.Kind = "StepIssuer" }, []string{"spec.issuerRef.kind"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := admin.Create(t.Context(), certificate(ns, "wrong", tt.change))
			if !apierrors.IsForbidden(err) {
				t.Fatalf("answer: %v", err)
			}
			for _, want := range append(tt.want, `admission webhook "webhook.cert-manager.io" denied the request: `) {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%v\ndoes not say %s", err, want)
				}
			}
		})
	}
}

func TestWhatIsMissingIsFilledIn(t *testing.T) {
	t.Parallel()
	ns := newNamespace(t)
	crt := certificate(ns, "web", func(c *certsv1.Certificate) { c.Spec.PrivateKey = nil })
	create(t, crt)
	if crt.Spec.IssuerRef.Kind != "Issuer" || crt.Spec.IssuerRef.Group != "cert-manager.io" || crt.Spec.PrivateKey == nil ||
		crt.Spec.PrivateKey.Algorithm != "RSA" || crt.Spec.PrivateKey.RotationPolicy != "Always" || crt.Spec.RevisionHistoryLimit == nil {
		t.Errorf("spec = %+v", crt.Spec)
	}
	if crt.Spec.Duration != nil || crt.Spec.Usages != nil || crt.Spec.PrivateKey.Size != 0 {
		t.Errorf("too much was filled in: %+v", crt.Spec)
	}
}

func TestDeletedIngressTakesItsCertificateButNotTheSecret(t *testing.T) {
	t.Parallel()
	ns := newNamespace(t)
	authority(t, ns)
	ing := ingress(ns, "web", "web.example.test", map[string]string{"cert-manager.io/issuer": "ca"})
	create(t, ing)
	ready(t, ns, "web")
	if err := admin.Delete(t.Context(), ing); err != nil {
		t.Fatal(err)
	}
	eventually(t, "Certificate or requests are still there", func(ctx context.Context) error {
		if _, err := get(ctx, &certsv1.Certificate{}, ns, "web"); !apierrors.IsNotFound(err) {
			return fmt.Errorf("certificate: %w", err)
		}
		if n := len(requests(t, ns, "web")); n != 0 {
			return fmt.Errorf("%d requests", n)
		}
		return nil
	})
	if _, err := get(t.Context(), &corev1.Secret{}, ns, "web"); err != nil {
		t.Errorf("the Secret: %v", err)
	}
}

func TestTakingTheTLSBlockAwayTakesTheCertificateAway(t *testing.T) {
	t.Parallel()
	ns := newNamespace(t)
	authority(t, ns)
	ing := ingress(ns, "web", "web.example.test", map[string]string{"cert-manager.io/issuer": "ca"})
	create(t, ing)
	ready(t, ns, "web")
	ing.Spec.TLS = nil
	if err := admin.Update(t.Context(), ing); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the Certificate is still there", func(ctx context.Context) error {
		if _, err := get(ctx, &certsv1.Certificate{}, ns, "web"); !apierrors.IsNotFound(err) {
			return errors.Join(errors.New("found"), err)
		}
		return nil
	})
}

func TestAMissingIssuerIsSaidAndThenUsed(t *testing.T) {
	t.Parallel()
	ns := newNamespace(t)
	create(t, certificate(ns, "web", func(c *certsv1.Certificate) { c.Spec.IssuerRef.Name = "self-signed" }))
	eventually(t, "the Certificate does not say that its issuer is missing", func(ctx context.Context) error {
		crt, err := get(ctx, &certsv1.Certificate{}, ns, "web")
		if err != nil {
			return err
		}
		for _, c := range crt.Status.Conditions {
			if strings.Contains(c.Message, "self-signed") {
				return nil
			}
		}
		return fmt.Errorf("%+v", crt.Status.Conditions)
	})
	selfSigned(t, ns)
	ready(t, ns, "web", revision(1))
}
