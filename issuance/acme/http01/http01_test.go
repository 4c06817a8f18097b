package http01

import (
	"context"
	"errors"
	"net"
	stdhttp "net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	acmev1 "github.com/certwright/certwright/certs/acme/v1"
)

func challenge(name string) *acmev1.Challenge {
	return &acmev1.Challenge{
		ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "ch", UID: "uid-1"},
		Spec:       acmev1.ChallengeSpec{DNSName: name, Token: "tok", Key: "tok.thumb", Type: acmev1.ACMEChallengeTypeHTTP01},
	}
}

func TestObjects(t *testing.T) {
	t.Parallel()
	ch := challenge("a.test")
	svc := service(ch, "", map[string]string{"team": "x", TokenLabel: "forged"})
	if !strings.HasPrefix(svc.Name, "cm-acme-http-solver-") || svc.Spec.Ports[0].Port != 8089 || svc.Spec.Selector != nil || !metav1.IsControlledBy(svc, ch) {
		t.Errorf("service %+v", svc)
	}
	// Adler-32 of "a.test" and "tok", in decimal.
	want := map[string]string{DomainLabel: "126550608", TokenLabel: "44564815", SolverLabel: "true", "team": "x"}
	if diff := cmp.Diff(want, svc.Labels); diff != "" {
		t.Errorf("labels (-want +got):\n%s", diff)
	}
	slices := endpointSlices(ch, svc.Name, []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("192.0.2.2")}, 8089, nil)
	if len(slices) != 2 || len(slices[0].Endpoints) != 2 || len(slices[1].Endpoints) != 1 || slices[0].Name == slices[1].Name {
		t.Errorf("slices %+v", slices)
	}
	solver := &acmev1.ACMEChallengeSolverHTTP01Ingress{Class: ptr.To("nginx"), IngressTemplate: &acmev1.ACMEChallengeSolverHTTP01IngressTemplate{
		ACMEChallengeSolverHTTP01ObjectMeta: acmev1.ACMEChallengeSolverHTTP01ObjectMeta{
			Labels:      map[string]string{"l": "1", SolverLabel: "no"},
			Annotations: map[string]string{"my.controller/whitelist-source-range": "10.0.0.0/8"},
		},
	}}
	in := ingress(ch, solver, svc.Name, networkingv1.PathTypeExact, nil)
	if diff := cmp.Diff(map[string]string{"kubernetes.io/ingress.class": "nginx", "my.controller/whitelist-source-range": "10.0.0.0/8"}, in.Annotations); diff != "" {
		t.Errorf("annotations (-want +got):\n%s", diff)
	}
	if in.Labels["l"] != "1" || in.Labels[SolverLabel] != "true" || in.Spec.Rules[0].Host != "a.test" ||
		in.Spec.Rules[0].HTTP.Paths[0].Path != "/.well-known/acme-challenge/tok" || *in.Spec.Rules[0].HTTP.Paths[0].PathType != networkingv1.PathTypeExact {
		t.Errorf("ingress %+v", in)
	}
	if in := ingress(challenge("192.0.2.7"), &acmev1.ACMEChallengeSolverHTTP01Ingress{}, "s", networkingv1.PathTypeExact, nil); in.Spec.Rules[0].Host != "" ||
		in.Annotations[nginxWhitelist] != "0.0.0.0/0,::/0" {
		t.Errorf("ingress %+v", in)
	}
}

func TestEditingInPlace(t *testing.T) {
	t.Parallel()
	ch := challenge("a.test")
	site := func(host string, paths ...string) networkingv1.IngressRule {
		r := networkingv1.IngressRule{Host: host, IngressRuleValue: networkingv1.IngressRuleValue{HTTP: &networkingv1.HTTPIngressRuleValue{}}}
		for _, p := range paths {
			r.HTTP.Paths = append(r.HTTP.Paths, networkingv1.HTTPIngressPath{Path: p, PathType: ptr.To(networkingv1.PathTypePrefix),
				Backend: networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{Name: "site"}}})
		}
		return r
	}
	tests := map[string]struct {
		before []networkingv1.IngressRule
		paths  map[string][]string // by host, with the path
	}{
		"the path comes first in the rule of the host": {
			before: []networkingv1.IngressRule{site("b.test", "/"), site("a.test", "/", "/x")},
			paths:  map[string][]string{"b.test": {"/"}, "a.test": {"/.well-known/acme-challenge/tok", "/", "/x"}},
		},
		"a rule is added where there is none": {
			before: []networkingv1.IngressRule{site("b.test", "/")},
			paths:  map[string][]string{"b.test": {"/"}, "a.test": {"/.well-known/acme-challenge/tok"}},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rules, changed := withPath(tt.before, ch, namePrefix+"1", networkingv1.PathTypeExact)
			got := map[string][]string{}
			for _, r := range rules {
				for _, p := range r.HTTP.Paths {
					got[r.Host] = append(got[r.Host], p.Path)
				}
			}
			if diff := cmp.Diff(tt.paths, got); !changed || diff != "" {
				t.Errorf("changed %t (-want +got):\n%s", changed, diff)
			}
			if _, changed := withPath(rules, ch, namePrefix+"1", networkingv1.PathTypeExact); changed {
				t.Error("changed twice")
			}
			if again, changed := withPath(rules, ch, namePrefix+"2", networkingv1.PathTypeExact); !changed || len(again) != len(rules) {
				t.Error("another Service does not take the path over")
			}
			after, changed := withoutPath(rules, ch)
			if diff := cmp.Diff(tt.before, after); !changed || diff != "" {
				t.Errorf("taken away, changed %t (-want +got):\n%s", changed, diff)
			}
			if _, changed := withoutPath(after, ch); changed {
				t.Error("taken away twice")
			}
		})
	}
	theirs := []networkingv1.IngressRule{site("a.test", "/.well-known/acme-challenge/tok")}
	if _, changed := withoutPath(theirs, ch); changed {
		t.Error("somebody else's path is taken away")
	}
}

func TestSelfCheck(t *testing.T) {
	t.Parallel()
	const secret = "credentials of somebody else"
	tests := map[string]struct {
		serve stdhttp.HandlerFunc
		err   string
	}{
		"the right answer passes": {
			serve: func(w stdhttp.ResponseWriter, r *stdhttp.Request) {
				if r.Host == "a.test" && r.URL.Path == "/.well-known/acme-challenge/tok" {
					_, _ = w.Write([]byte("tok.thumb"))
				}
			},
		},
		"a 404 does not": {
			serve: stdhttp.NotFound, err: "wrong status code '404', expected '200'",
		},
		"another body does not, and is not repeated": {
			serve: func(w stdhttp.ResponseWriter, _ *stdhttp.Request) { _, _ = w.Write([]byte(secret)) },
			err:   "did not return the expected response body",
		},
		"a redirect is followed": {
			serve: func(w stdhttp.ResponseWriter, r *stdhttp.Request) {
				if r.URL.Query().Get("on") == "" {
					stdhttp.Redirect(w, r, "http://b.test"+r.URL.Path+"?on=1", stdhttp.StatusMovedPermanently)
					return
				}
				_, _ = w.Write([]byte("tok.thumb"))
			},
		},
		"redirects end": {
			serve: func(w stdhttp.ResponseWriter, r *stdhttp.Request) {
				stdhttp.Redirect(w, r, r.URL.Path, stdhttp.StatusFound)
			},
			err: "more than 10 redirects",
		},
		"a redirect to another port gets a hint": {
			serve: func(w stdhttp.ResponseWriter, r *stdhttp.Request) {
				if !strings.HasSuffix(r.Host, ":8443") {
					stdhttp.Redirect(w, r, "http://a.test:8443/", stdhttp.StatusFound)
					return
				}
				stdhttp.NotFound(w, r)
			},
			err: "redirected to port 8443",
		},
		"an endless body ends": {
			serve: func(w stdhttp.ResponseWriter, r *stdhttp.Request) {
				for chunk := make([]byte, 64<<10); r.Context().Err() == nil; {
					if _, err := w.Write(chunk); err != nil {
						return
					}
				}
			},
			err: "another one of 1048576 bytes",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(tt.serve)
			t.Cleanup(server.Close)
			c := NewSelfCheck(CheckOptions{Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
				var d net.Dialer
				return d.DialContext(ctx, network, server.Listener.Addr().String())
			}})
			err := c.Check(t.Context(), challenge("a.test"))
			if tt.err == "" && err != nil || tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)) {
				t.Errorf("error %v, want %q", err, tt.err)
			}
			if err != nil && strings.Contains(err.Error(), secret) {
				t.Errorf("error tells the body: %v", err)
			}
		})
	}
}

func TestTheSelfCheckDoesNotConnectToEverything(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]bool{
		"127.0.0.1": true, "169.254.169.254": true, "0.0.0.0": true, "::1": true, "fe80::1": true, "::ffff:169.254.169.254": true,
		"224.0.0.1": true, "fd00:ec2::254": true, "100.100.100.200": true,
		"10.0.0.1": false, "192.0.2.1": false, "2001:db8::1": false,
	} {
		if got := forbidden(netip.MustParseAddr(address)) != nil; got != want {
			t.Errorf("forbidden(%s) = %t", address, got)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	err := NewSelfCheck(CheckOptions{}).Check(ctx, challenge("127.0.0.1"))
	if err == nil || !strings.Contains(err.Error(), "does not connect to") {
		t.Errorf("error %v", err)
	}
}

func TestURL(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"a.test": "http://a.test/.well-known/acme-challenge/tok", "192.0.2.1": "http://192.0.2.1/.well-known/acme-challenge/tok",
		"2001:db8::1": "http://[2001:db8::1]/.well-known/acme-challenge/tok",
	} {
		if got := URL(challenge(name)); got != want {
			t.Errorf("URL() = %s, want %s", got, want)
		}
	}
}

func TestAnHTTPRouteIsSaidToBeUnsupported(t *testing.T) {
	t.Parallel()
	p := &Presenter{Endpoints: Static{netip.MustParseAddr("192.0.2.1")}}
	err := p.Present(t.Context(), challenge("a.test"), &acmev1.ACMEChallengeSolverHTTP01{GatewayHTTPRoute: &acmev1.ACMEChallengeSolverHTTP01GatewayHTTPRoute{}}, false)
	if !errors.Is(err, ErrUnsupported) {
		t.Errorf("error %v", err)
	}
}
