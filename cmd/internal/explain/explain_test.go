package explain

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	acmev1 "github.com/certwright/certwright/certs/acme/v1"
	cmmeta "github.com/certwright/certwright/certs/meta/v1"
	certsv1 "github.com/certwright/certwright/certs/v1"
	"github.com/certwright/certwright/issuance/acme/challenge"
	"github.com/certwright/certwright/issuance/acme/exchange"
	"github.com/certwright/certwright/issuance/acme/order"
	"github.com/certwright/certwright/issuance/certificate"
	"github.com/certwright/certwright/issuance/request"
	"github.com/certwright/certwright/shim"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func meta(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: "shop", Name: name, UID: "uid", CreationTimestamp: metav1.NewTime(noon.Add(-3 * time.Minute))}
}

// web is the Certificate "web" of an Issuer that is ready, changed.
func web(change ...func(*Certificate)) Certificate {
	c := Certificate{
		State: certificate.State{Now: noon, Live: true, Certificate: &certsv1.Certificate{
			ObjectMeta: meta("web"),
			Spec:       certsv1.CertificateSpec{SecretName: "web", DNSNames: []string{"web.test"}, IssuerRef: cmmeta.IssuerReference{Name: "acme"}},
		}},
		Issuer: readyIssuer(),
	}
	for _, f := range change {
		f(&c)
	}
	return c
}

func readyIssuer() Issuer {
	object := &certsv1.Issuer{ObjectMeta: meta("acme"), Spec: certsv1.IssuerSpec{ACME: &acmev1.ACMEIssuer{}}}
	object.Status.SetCondition(certsv1.IssuerCondition{Type: certsv1.IssuerConditionReady, Status: cmmeta.ConditionTrue}, metav1.NewTime(noon))
	return Issuer{Ref: cmmeta.IssuerReference{Name: "acme"}.WithDefaults(), Object: object, HasKind: true}
}

// placed is an Order for web.test at the server ca.test, with a reason.
func placed(state acmev1.State, reason string, challenges ...Challenge) Order {
	object := &acmev1.Order{ObjectMeta: meta("web-1-42"), Status: acmev1.OrderStatus{
		URL: "https://ca.test/order/1", FinalizeURL: "https://ca.test/finalize/1", State: state, Reason: reason,
	}}
	o := Order{State: order.State{Now: noon, Order: object, Status: object.Status}, Challenges: challenges}
	for _, c := range challenges {
		o.State.Challenges = append(o.State.Challenges, c.State.Challenge)
	}
	return o
}

// lost is a Challenge whose self-check fails.
func lost(state acmev1.State, reason string) Challenge {
	solver := acmev1.ACMEChallengeSolver{HTTP01: &acmev1.ACMEChallengeSolverHTTP01{Ingress: &acmev1.ACMEChallengeSolverHTTP01Ingress{}}}
	object := &acmev1.Challenge{
		ObjectMeta: meta("web-1-42-43"),
		Spec:       acmev1.ChallengeSpec{URL: "https://ca.test/chall/1", DNSName: "web.test", Type: acmev1.ACMEChallengeTypeHTTP01, Token: "token", Solver: solver},
		Status:     acmev1.ChallengeStatus{State: state, Reason: reason, Processing: true, Presented: true, PresentedAt: ptr.To(metav1.NewTime(noon))},
	}
	return Challenge{State: challenge.State{
		Now: noon, Challenge: object, Status: object.Status, Admitted: true, Solver: &solver, Retry: 10 * time.Second,
		Known: challenge.Known{Presented: true, Authorization: &exchange.Authorization{
			State: acmev1.Pending, Identifier: "web.test", Challenges: []exchange.Challenge{{URL: "https://ca.test/chall/1", State: acmev1.Pending}},
		}},
	}, Objects: []string{"Ingress solver"}}
}

// asked is the request of web that waits for o.
func asked(o *Order) func(*Certificate) {
	return func(c *Certificate) {
		object := &certsv1.CertificateRequest{ObjectMeta: meta("web-1"), Spec: certsv1.CertificateRequestSpec{IssuerRef: cmmeta.IssuerReference{Name: "acme"}}}
		object.Status.SetCondition(certsv1.CertificateRequestCondition{Type: certsv1.CertificateRequestConditionApproved, Status: cmmeta.ConditionTrue}, metav1.NewTime(noon))
		c.Request = &Request{Issuer: c.Issuer, Order: o, State: request.State{Now: noon, Object: object, Issuer: c.Issuer.Object, HasKind: true}}
	}
}

// The first lines of a report are what is read at night.
func TestInnermostCauseComesFirst(t *testing.T) {
	t.Parallel()
	failing := placed(acmev1.Pending, "", lost(acmev1.Pending, "Waiting for HTTP-01 challenge propagation: wrong status code '404', expected '200'"))
	invalid := placed(acmev1.Invalid, "The challenge is invalid", lost(acmev1.Invalid, "the CA saw 404"))
	limited := placed(acmev1.Pending, "rate limited by ca.test until 2026-11-23T13:00:00Z: too many certificates")
	limited.State.Known.Until = noon.Add(time.Hour)
	observer := Observer{Now: noon, Shim: shim.DefaultOptions()}
	ingress := func(annotations map[string]string, tls ...networkingv1.IngressTLS) Ingress {
		object := &networkingv1.Ingress{ObjectMeta: meta("site"), Spec: networkingv1.IngressSpec{TLS: tls}}
		object.Annotations = annotations
		return Ingress{Object: object, Shim: observer.Shim}
	}
	for name, tt := range map[string]struct {
		report Report
		want   []string
	}{
		"a Certificate that nobody has looked at yet names the controller's step": {
			observer.Certificate(web()), []string{
				`Not ready because Secret "web" does not exist.`,
				`What to do: wait a moment; if it stays like this, look whether the controller runs, and at its log.`,
			}},
		"a request that the API server refuses says why": {
			observer.Certificate(web(func(c *Certificate) {
				c.State.Certificate.Status.SetCondition(certsv1.CertificateCondition{
					Type: certsv1.CertificateConditionIssuing, Status: cmmeta.ConditionTrue, Reason: "DoesNotExist",
					Message: "The CertificateRequest could not be created: failed calling webhook",
				}, metav1.NewTime(noon))
			})), []string{
				`Not ready because the CertificateRequest cannot be created: failed calling webhook.`,
				`What to do: mend that; it is tried again by itself, ever more seldom.`,
			}},
		"a challenge that is not visible beats the Order, the request and the Certificate": {
			observer.Certificate(web(asked(&failing))), []string{
				`Not ready because the HTTP-01 challenge for "web.test" is not met yet: Waiting for HTTP-01 challenge propagation: wrong status code '404', expected '200'.`,
				`What to do: open http://web.test/.well-known/acme-challenge/token from outside: it must reach this cluster's ingress controller on port 80, and answer 200.`,
			}},
		"a challenge that the CA refused says why": {
			observer.Certificate(web(asked(&invalid), func(c *Certificate) {
				c.State.Policy.MinBackoff = time.Hour
				c.State.Certificate.Status.LastFailureTime = ptr.To(metav1.NewTime(noon))
			})), []string{
				`Not ready because the HTTP-01 challenge for "web.test" is invalid: the CA saw 404.`,
				`What to do: mend that; it is tried again at 2026-11-23T13:00:00Z (in 60m), or at once by kubectl certwright renew -n shop web.`,
			}},
		"an Order that the CA puts off says until when": {
			observer.Certificate(web(asked(&limited))), []string{
				`Not ready because Order "web-1-42": rate limited by ca.test until 2026-11-23T13:00:00Z: too many certificates.`,
				`What to do: nothing: it goes on by itself at 2026-11-23T13:00:00Z (in 60m).`,
			}},
		"an issuer of another program is not ours to judge": {
			observer.Certificate(web(func(c *Certificate) {
				c.Issuer = Issuer{Ref: cmmeta.IssuerReference{Name: "x", Kind: "StepIssuer", Group: "certs.example"}}
			}, asked(nil), func(c *Certificate) { c.Request.State.Object.Spec.IssuerRef = c.Issuer.Ref })), []string{
				`Not ready because the StepIssuer "x" of group certs.example has not answered CertificateRequest "web-1".`,
				`What to do: look at the log of the program that serves that group.`,
			}},
		"without leave to read Secrets the status is what is known": {
			observer.Certificate(web(func(c *Certificate) {
				c.Blind = errors.New("secrets is forbidden")
				c.State.Certificate.Status.SetCondition(certsv1.CertificateCondition{
					Type: certsv1.CertificateConditionReady, Status: cmmeta.ConditionFalse, Reason: "DoesNotExist", Message: "There is no Secret\x1b[2J"}, metav1.NewTime(noon))
			})), []string{`Not ready because There is no Secret [2J.`}},
		"an Ingress that names no issuer says which annotations there are": {
			observer.Ingress(ingress(nil)), []string{
				`Not ready because Ingress "site" has none of the annotations that ask for a certificate.`,
				`What to do: annotate it with cert-manager.io/cluster-issuer or cert-manager.io/issuer.`,
			}},
		"an Ingress of a class that is not read says so": {
			observer.Ingress(func() Ingress {
				i := ingress(map[string]string{shim.IssuerKey: "acme"}, networkingv1.IngressTLS{Hosts: []string{"web.test"}, SecretName: "web"})
				i.Object.Spec.IngressClassName, i.Shim.IngressClasses = ptr.To("nginx"), []string{"traefik"}
				return i
			}()), []string{
				`Not ready because Ingress "site" is of class "nginx", and --ingress-class names others.`,
				`What to do: give it one of those classes, or change the flag.`,
			}},
		"an Ingress with a bad TLS block says which": {
			observer.Ingress(ingress(map[string]string{shim.IssuerKey: "acme"}, networkingv1.IngressTLS{Hosts: []string{"web.test"}})), []string{
				`Not ready because Skipped a TLS block: spec.tls[0].secretName: Required value.`,
				`What to do: correct the Ingress.`,
			}},
		"an Ingress whose Certificate is not made yet waits for it": {
			observer.Ingress(ingress(map[string]string{shim.IssuerKey: "acme"}, networkingv1.IngressTLS{Hosts: []string{"web.test"}, SecretName: "web"})), []string{
				`Not ready because the controller has still to create Certificate "web".`,
				`What to do: wait a moment; if it stays like this, look whether the controller runs, and at its log.`,
			}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tt.report.Program = "kubectl certwright"
			var b strings.Builder
			if err := tt.report.Write(&b); err != nil {
				t.Fatal(err)
			}
			head, _, _ := strings.Cut(b.String(), "\n\n")
			if diff := cmp.Diff(strings.Join(tt.want, "\n"), head); diff != "" {
				t.Errorf("(-want +got):\n%s\nall of it:\n%s", diff, b.String())
			}
		})
	}
}
