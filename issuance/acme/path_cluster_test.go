//go:build cluster

package acme_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	acmev1 "github.com/certwright/certwright/certs/acme/v1"
	cmmeta "github.com/certwright/certwright/certs/meta/v1"
	certsv1 "github.com/certwright/certwright/certs/v1"
	testacme "github.com/certwright/certwright/test/acme"
)

func TestARequestBecomesACertificate(t *testing.T) {
	t.Parallel()
	w := newWorld(t, testacme.Options{})
	w.run()
	w.issuer(httpSolver())
	w.writes.reset()
	before := len(w.ca.Log())
	start := time.Now()
	cr := w.request("web-1", w.namespace+".example.test")
	w.issued(cr)
	took := time.Since(start)
	w.eventually("challenge is gone", func() string {
		if len(w.challenges()) > 0 {
			return w.describe()
		}
		return ""
	})
	var objects, events []string
	for _, line := range w.writes.list() {
		if strings.Contains(line, " events") {
			events = append(events, line)
		} else {
			objects = append(objects, line)
		}
	}
	t.Logf("issued after %s; %d ACME requests; %d object writes, %d events:\n%s", took.Round(time.Millisecond),
		len(w.ca.Log())-before, len(objects), len(events), strings.Join(objects, "\n"))
	// Two of these are the CertificateRequest's.
	if len(objects) > 11 {
		t.Errorf("%d writes", len(objects))
	}
	w.within(90*time.Second, "clean", w.left)
	if o := w.orders(); len(o) != 1 || len(o[0].Status.Authorizations) != 1 || o[0].Status.Authorizations[0].Identifier == "" || !strings.HasPrefix(o[0].Name, "web-1-") {
		t.Errorf("orders %+v", o)
	}
}

func TestSeveralNamesAndAnAddress(t *testing.T) {
	t.Parallel()
	w := newWorld(t, testacme.Options{RetryAfter: 1})
	w.run()
	w.issuer(httpSolver())
	cr := w.request("web", "a."+w.namespace+".example.test", "b."+w.namespace+".example.test", "127.0.0.1")
	w.issued(cr)
	w.within(90*time.Second, "clean", w.left)
}

// A kill at every step: whatever the server has just been asked, the controllers
// end, and others, who know nothing, go on.
func TestARestartAtAnyStepLeadsToOneOrder(t *testing.T) {
	t.Parallel()
	for _, action := range []string{"new-order", "authz", "challenge", "order", "finalize", "certificate"} {
		for name, lost := range map[string]bool{"before it is answered": false, "after it was answered": true} {
			if action == "new-order" && lost {
				continue // the one moment in which an order is lost
			}
			t.Run(action+" "+name, func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, testacme.Options{})
				stop := w.run()
				w.issuer(httpSolver())
				var hit atomic.Bool
				reached := make(chan struct{})
				w.ca.SetFault(testacme.Fault(func(rw http.ResponseWriter, r *http.Request) bool {
					if hit.Swap(true) {
						return false
					}
					close(reached)
					if lost {
						return w.ca.LoseAnswer()(rw, r)
					}
					return testacme.Hang()(rw, r)
				}).On(action))
				cr := w.request("web", w.namespace+".example.test")
				select {
				case <-reached:
				case <-time.After(20 * time.Second):
					t.Fatal("not reached" + w.describe())
				}
				stop()
				w.ca.SetFault(nil)
				w.run()
				w.issued(cr)
				if n := w.ca.Orders(); n != 1 {
					t.Errorf("%d orders at the server", n)
				}
				if n := len(w.orders()); n != 1 {
					t.Errorf("%d Order objects", n)
				}
				accepted, finalized := 0, 0
				for _, e := range w.ca.Log() {
					if e.Status == http.StatusOK && e.Action == "challenge" {
						accepted++
					}
					if e.Status == http.StatusOK && e.Action == "finalize" {
						finalized++
					}
				}
				if accepted != 1 || finalized != 1 {
					t.Errorf("accepted %d times, finalized %d times", accepted, finalized)
				}
				w.within(90*time.Second, "clean", w.left)
			})
		}
	}
}

func TestAnIngressIsEditedInPlace(t *testing.T) {
	t.Parallel()
	w := newWorld(t, testacme.Options{})
	w.run()
	host := w.namespace + ".example.test"
	site := &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "site"}}
	site.Spec.Rules = []networkingv1.IngressRule{{Host: host, IngressRuleValue: networkingv1.IngressRuleValue{HTTP: &networkingv1.HTTPIngressRuleValue{
		Paths: []networkingv1.HTTPIngressPath{{Path: "/", PathType: ptr.To(networkingv1.PathTypePrefix), Backend: networkingv1.IngressBackend{
			Service: &networkingv1.IngressServiceBackend{Name: "site", Port: networkingv1.ServiceBackendPort{Number: 80}},
		}}},
	}}}}
	w.must(w.client.Create(t.Context(), site))
	s := httpSolver()
	s.HTTP01.Ingress.Name = "site"
	w.issuer(s)
	cr := w.request("web", host)
	edited := false
	w.eventually("issued", func() string {
		var in networkingv1.Ingress
		w.must(w.client.Get(t.Context(), client.ObjectKeyFromObject(site), &in))
		edited = edited || len(in.Spec.Rules[0].HTTP.Paths) == 2
		for _, ch := range w.challenges() {
			if len(ch.Finalizers) != 1 {
				t.Errorf("finalizers %v", ch.Finalizers)
			}
		}
		reason, message := w.reason(cr)
		if reason == certsv1.CertificateRequestReasonIssued {
			return ""
		}
		return "not yet: " + message + w.describe()
	})
	if !edited {
		t.Error("the Ingress was not edited")
	}
	w.within(90*time.Second, "clean", w.left)
	var in networkingv1.Ingress
	w.must(w.client.Get(t.Context(), client.ObjectKeyFromObject(site), &in))
	if n := len(in.Spec.Rules[0].HTTP.Paths); n != 1 {
		t.Errorf("%d paths are left", n)
	}
}

func TestANameWithoutSolverWaitsForTheIssuer(t *testing.T) {
	t.Parallel()
	w := newWorld(t, testacme.Options{})
	w.run()
	only := httpSolver()
	only.Selector = &acmev1.CertificateDNSNameSelector{DNSZones: []string{"elsewhere.test"}}
	i := w.issuer(only)
	cr := w.request("web", w.namespace+".example.test")
	w.eventually("the reason is told", func() string {
		_, message := w.reason(cr)
		if strings.Contains(message, "Failed to determine a valid solver configuration") {
			return ""
		}
		return "not yet: " + message + w.describe()
	})
	w.event("Solver")
	i.Spec.ACME.Solvers = []acmev1.ACMEChallengeSolver{httpSolver()}
	w.must(w.client.Update(t.Context(), i))
	w.issued(cr)
}

func TestARateLimitHoldsTheOrder(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]testacme.Fault{"429": testacme.RateLimited(2 * time.Second), "503": testacme.Unavailable(2 * time.Second)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, testacme.Options{})
			w.run()
			w.issuer(httpSolver())
			w.ca.SetFault(fault.On("new-order").Times(1))
			cr := w.request("web", w.namespace+".example.test")
			w.eventually("the hold is told", func() string {
				for _, o := range w.orders() {
					if o.Status.State == acmev1.Pending && strings.Contains(o.Status.Reason, " until ") {
						return ""
					}
				}
				return "not yet: " + w.describe()
			})
			w.issued(cr)
			if n := w.ca.Orders(); n != 1 {
				t.Errorf("%d orders", n)
			}
		})
	}
}

func TestAFailedValidationSaysWhy(t *testing.T) {
	t.Parallel()
	w := newWorld(t, testacme.Options{})
	w.run()
	s := httpSolver()
	s.WaitInsteadOfSelfCheck = &metav1.Duration{}
	w.issuer(s)
	cr := w.request("web", w.namespace+".not-there.test", w.namespace+".example.test")
	w.eventually("it fails", func() string {
		reason, message := w.reason(cr)
		if reason == certsv1.CertificateRequestReasonFailed {
			if !strings.Contains(message, "urn:ietf:params:acme:error:") || !strings.Contains(message, "not-there.test") {
				t.Errorf("message %q", message)
			}
			return ""
		}
		return "not yet: " + reason + message + w.describe()
	})
	o := w.orders()
	if len(o) != 1 || o[0].Status.FailureTime == nil || o[0].Status.State != acmev1.Invalid {
		t.Errorf("orders %+v", o)
	}
	w.event("Failed")
	w.eventually("nothing is presented any more", func() string {
		var list networkingv1.IngressList
		w.must(w.client.List(t.Context(), &list, client.InNamespace(w.namespace)))
		if len(list.Items) > 0 {
			return fmt.Sprintf("%d ingresses", len(list.Items))
		}
		return ""
	})
}

func TestASelfCheckThatFailsSaysWhyAndGoesOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, testacme.Options{})
	w.run()
	w.cut.Store(true)
	w.issuer(httpSolver())
	cr := w.request("web", w.namespace+".example.test")
	w.eventually("the reason is told", func() string {
		_, message := w.reason(cr)
		if strings.Contains(message, "Waiting for HTTP-01 challenge propagation: failed to perform self check GET request") && strings.Contains(message, "no route to host") {
			return ""
		}
		return "not yet: " + message + w.describe()
	})
	for _, ch := range w.challenges() {
		if !ch.Status.Processing || !ch.Status.Presented || ch.Status.PresentedAt == nil || ch.Status.State != acmev1.Pending {
			t.Errorf("status %+v", ch.Status)
		}
	}
	w.event("Presented")
	// Somebody takes the Ingress away; it comes back with the next try.
	w.must(w.client.DeleteAllOf(t.Context(), &networkingv1.Ingress{}, client.InNamespace(w.namespace)))
	w.cut.Store(false)
	w.issued(cr)
}

func TestADNS01ChallengeEndsWithAReason(t *testing.T) {
	t.Parallel()
	w := newWorld(t, testacme.Options{})
	w.run()
	w.issuer(acmev1.ACMEChallengeSolver{DNS01: &acmev1.ACMEChallengeSolverDNS01{RFC2136: &acmev1.ACMEIssuerDNS01ProviderRFC2136{Nameserver: "127.0.0.1:53"}}})
	cr := w.request("web", "*."+w.namespace+".example.test")
	w.eventually("it fails", func() string {
		reason, message := w.reason(cr)
		if reason == certsv1.CertificateRequestReasonFailed && strings.Contains(message, "DNS-01 challenges cannot be solved by this build") {
			return ""
		}
		return "not yet: " + reason + message + w.describe()
	})
}

func TestWhatNobodyOrderedIsLeftAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t, testacme.Options{})
	w.run()
	w.issuer(httpSolver())
	before := len(w.ca.Log())
	csr, _ := newCSR(t, w.namespace+".example.test")
	o := &acmev1.Order{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "by-hand"}}
	o.Spec = acmev1.OrderSpec{Request: csr, DNSNames: []string{w.namespace + ".example.test"}, IssuerRef: cmmeta.IssuerReference{Name: "acme"}}
	w.must(w.client.Create(t.Context(), o))
	ch := &acmev1.Challenge{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "by-hand"}}
	ch.Spec = acmev1.ChallengeSpec{URL: w.ca.DirectoryURL(), AuthorizationURL: w.ca.DirectoryURL(), DNSName: "x.example.test",
		Type: acmev1.ACMEChallengeTypeHTTP01, Token: "t", Key: "k", Solver: httpSolver(), IssuerRef: cmmeta.IssuerReference{Name: "acme"}}
	w.must(w.client.Create(t.Context(), ch))
	w.eventually("both say so", func() string {
		w.must(w.client.Get(t.Context(), client.ObjectKeyFromObject(o), o))
		w.must(w.client.Get(t.Context(), client.ObjectKeyFromObject(ch), ch))
		if strings.Contains(o.Status.Reason, "not controlled by") && strings.Contains(ch.Status.Reason, "not controlled by") {
			return ""
		}
		return "not yet: " + o.Status.Reason + ch.Status.Reason
	})
	if n := len(w.ca.Log()) - before; n != 0 {
		t.Errorf("%d requests to the server", n)
	}
}

func TestTheSameNameTwiceIsProvenOneAfterTheOther(t *testing.T) {
	t.Parallel()
	w := newWorld(t, testacme.Options{})
	w.run()
	w.issuer(httpSolver())
	a := w.request("a", w.namespace+".example.test")
	b := w.request("b", w.namespace+".example.test")
	w.issued(a)
	w.issued(b)
}

func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	const n = 30
	w := newWorld(t, testacme.Options{})
	w.run()
	w.issuer(httpSolver())
	w.writes.reset()
	start := time.Now()
	var crs []*certsv1.CertificateRequest
	for i := range n {
		crs = append(crs, w.request(fmt.Sprintf("web-%d", i), fmt.Sprintf("n%d.%s.example.test", i, w.namespace)))
	}
	for _, cr := range crs {
		w.issued(cr)
	}
	objects := 0
	for _, line := range w.writes.list() {
		if !strings.Contains(line, " events") {
			objects++
		}
	}
	t.Logf("%d certificates in %s, %.1f writes each, %.1f ACME requests each", n, time.Since(start).Round(time.Millisecond),
		float64(objects)/n, float64(len(w.ca.Log()))/n)
	if got := w.ca.Orders(); got != n {
		t.Errorf("%d orders", got)
	}
}

func TestAnAccountThatTheServerForgotIsFoundAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, testacme.Options{})
	w.run()
	w.issuer(httpSolver())
	w.ca.SetFault(testacme.Problem(400, "accountDoesNotExist", "who?", 0).On("new-order").Times(1))
	cr := w.request("web", w.namespace+".example.test")
	w.issued(cr)
}

// event waits for an event with that reason.
func (w *world) event(reason string) {
	w.Helper()
	w.eventually("event "+reason, func() string {
		var list corev1.EventList
		w.must(w.client.List(context.Background(), &list, client.InNamespace(w.namespace)))
		var all []string
		for _, e := range list.Items {
			if e.Reason == reason {
				return ""
			}
			all = append(all, e.Reason)
		}
		return "only " + strings.Join(all, ", ")
	})
}
