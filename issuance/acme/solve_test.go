package acme

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/utils/ptr"

	acmev1 "github.com/certwright/certwright/certs/acme/v1"
)

type selector = acmev1.CertificateDNSNameSelector

// named gives each solver a class by which it is told apart.
func http(class string, s *selector) acmev1.ACMEChallengeSolver {
	return acmev1.ACMEChallengeSolver{Selector: s, HTTP01: &acmev1.ACMEChallengeSolverHTTP01{
		Ingress: &acmev1.ACMEChallengeSolverHTTP01Ingress{Class: ptr.To(class)}}}
}

func dns(project string, s *selector) acmev1.ACMEChallengeSolver {
	return acmev1.ACMEChallengeSolver{Selector: s, DNS01: &acmev1.ACMEChallengeSolverDNS01{
		CloudDNS: &acmev1.ACMEIssuerDNS01ProviderCloudDNS{Project: project}}}
}

func zones(z ...string) *selector { return &selector{DNSZones: z} }
func names(n ...string) *selector { return &selector{DNSNames: n} }

func withLabels(s *selector, pairs ...string) *selector {
	s.MatchLabels = map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		s.MatchLabels[pairs[i]] = pairs[i+1]
	}
	return s
}

func TestSolve(t *testing.T) {
	t.Parallel()
	both := []string{"http-01", "dns-01", "tls-alpn-01"}
	httpThenZone := []acmev1.ACMEChallengeSolver{http("S1", nil), dns("S2", zones("example.com"))}
	tests := map[string]struct {
		solvers []acmev1.ACMEChallengeSolver
		domain  string
		labels  map[string]string
		want    string
	}{
		"a zone beats no selector": {httpThenZone, "www.example.com", nil, "S2"},
		"a wildcard is only offered dns-01": {
			httpThenZone, "*.example.com", nil, "S2"},
		"the longer zone wins": {
			[]acmev1.ACMEChallengeSolver{dns("S1", zones("example.com")), dns("S2", zones("sys.example.com"))}, "a.sys.example.com", nil, "S2"},
		"a name beats a zone": {
			[]acmev1.ACMEChallengeSolver{dns("S1", zones("sys.example.com")), dns("S2", names("a.sys.example.com"))}, "a.sys.example.com", nil, "S2"},
		"with equal names more labels win": {
			[]acmev1.ACMEChallengeSolver{http("S1", names("example.com")), http("S2", withLabels(names("example.com"), "a", "b"))},
			"example.com", map[string]string{"a": "b"}, "S2"},
		"more labels win": {
			[]acmev1.ACMEChallengeSolver{http("S1", withLabels(&selector{}, "a", "b")), http("S2", withLabels(&selector{}, "a", "b", "c", "d"))},
			"x.example.com", map[string]string{"a": "b", "c": "d"}, "S2"},
		"a zone outranks labels": {
			[]acmev1.ACMEChallengeSolver{http("S1", withLabels(&selector{}, "a", "b")), dns("S2", zones("example.com"))},
			"x.example.com", map[string]string{"a": "b"}, "S2"},
		"an empty selector and none tie: the earlier stays": {
			[]acmev1.ACMEChallengeSolver{http("S1", &selector{}), http("S2", nil)}, "any.test", nil, "S1"},
		"also the other way round": {
			[]acmev1.ACMEChallengeSolver{http("S1", nil), http("S2", &selector{})}, "any.test", nil, "S1"},
		"a name does not match its wildcard": {
			[]acmev1.ACMEChallengeSolver{dns("S1", names("example.com"))}, "*.example.com", nil, ""},
		"a wildcard matches itself, literally": {
			[]acmev1.ACMEChallengeSolver{dns("S1", names("*.example.com"))}, "*.example.com", nil, "S1"},
		"a wildcard name does not match what is below": {
			[]acmev1.ACMEChallengeSolver{dns("S1", names("*.example.com"))}, "www.example.com", nil, ""},
		"zones end at labels": {
			[]acmev1.ACMEChallengeSolver{http("S1", zones("ample.com"))}, "example.com", nil, ""},
		"zones know no case": {
			[]acmev1.ACMEChallengeSolver{http("S1", zones("Example.COM"))}, "www.example.com", nil, "S1"},
		"all parts must match": {
			[]acmev1.ACMEChallengeSolver{http("S1", withLabels(zones("example.com"), "a", "b")), http("S2", zones("example.com"))}, "x.example.com", nil, "S2"},
		"http-01 alone cannot prove a wildcard": {
			[]acmev1.ACMEChallengeSolver{http("S1", nil)}, "*.example.com", nil, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := Wish{Name: strings.TrimPrefix(tt.domain, "*."), Wildcard: strings.HasPrefix(tt.domain, "*."), Labels: tt.labels}
			for _, o := range both {
				if o == "dns-01" || !w.Wildcard {
					w.Offered = append(w.Offered, acmev1.ACMEChallenge{Type: o, URL: o})
				}
			}
			choice, err := Solve(w, tt.solvers)
			got := ""
			switch {
			case err != nil:
			case choice.Solver.HTTP01 != nil:
				got = *choice.Solver.HTTP01.Ingress.Class
				if choice.Type != acmev1.ACMEChallengeTypeHTTP01 || choice.Challenge.URL != "http-01" {
					t.Errorf("type %s, challenge %s", choice.Type, choice.Challenge.URL)
				}
			default:
				got = choice.Solver.DNS01.CloudDNS.Project
				if choice.Type != acmev1.ACMEChallengeTypeDNS01 || choice.Challenge.URL != "dns-01" {
					t.Errorf("type %s, challenge %s", choice.Type, choice.Challenge.URL)
				}
			}
			if got != tt.want {
				t.Errorf("chose %q, want %q (%v)", got, tt.want, err)
			}
		})
	}
}

func TestOverrides(t *testing.T) {
	t.Parallel()
	offered := []acmev1.ACMEChallenge{{Type: "http-01"}}
	route := func(refs ...acmev1.ParentReference) acmev1.ACMEChallengeSolver {
		return acmev1.ACMEChallengeSolver{HTTP01: &acmev1.ACMEChallengeSolverHTTP01{
			GatewayHTTPRoute: &acmev1.ACMEChallengeSolverHTTP01GatewayHTTPRoute{ParentRefs: refs}}}
	}
	ingress := func(i acmev1.ACMEChallengeSolverHTTP01Ingress) *acmev1.ACMEChallengeSolverHTTP01 {
		return &acmev1.ACMEChallengeSolverHTTP01{Ingress: &i}
	}
	gateway := func(ns string) acmev1.ParentReference {
		return acmev1.ParentReference{Group: ptr.To("gateway.networking.k8s.io"), Kind: ptr.To("Gateway"), Name: "gw", Namespace: ptr.To(ns)}
	}
	tests := map[string]struct {
		solver      acmev1.ACMEChallengeSolver
		annotations map[string]string
		want        *acmev1.ACMEChallengeSolverHTTP01
		err         string
	}{
		"a name clears the class": {
			http("nginx", nil), map[string]string{OverrideIngressNameKey: "foo"}, ingress(acmev1.ACMEChallengeSolverHTTP01Ingress{Name: "foo"}), ""},
		"a class clears the name": {
			acmev1.ACMEChallengeSolver{HTTP01: ingress(acmev1.ACMEChallengeSolverHTTP01Ingress{Name: "foo"})}, map[string]string{OverrideIngressClassKey: "x"},
			ingress(acmev1.ACMEChallengeSolverHTTP01Ingress{Class: ptr.To("x")}), ""},
		"an ingressClassName clears the class": {
			http("nginx", nil), map[string]string{OverrideIngressClassNameKey: "x"}, ingress(acmev1.ACMEChallengeSolverHTTP01Ingress{IngressClassName: ptr.To("x")}), ""},
		"two at once are refused": {
			http("nginx", nil), map[string]string{OverrideIngressClassNameKey: "x", OverrideIngressNameKey: "y"}, nil,
			"may not specify more than one of: name, class, ingressClassName override annotations"},
		"a parent is added": {
			route(), map[string]string{ParentRefKindKey: "Gateway", ParentRefNameKey: "gw"}, route(gateway("ns")).HTTP01, ""},
		"and not twice": {
			route(acmev1.ParentReference{Name: "gw"}), map[string]string{ParentRefKindKey: "Gateway", ParentRefNameKey: "gw"}, route(gateway("ns")).HTTP01, ""},
		"half a parent is refused": {
			route(), map[string]string{ParentRefNameKey: "gw"}, nil, "must specify both"},
		"a route needs a parent, even without any annotations": {
			route(), nil, nil, "must specify parentRefs either through annotations or solver config"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			before := tt.solver.DeepCopy()
			choice, err := Solve(Wish{Name: "a.test", Offered: offered, Namespace: "ns", Annotations: tt.annotations}, []acmev1.ACMEChallengeSolver{tt.solver})
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Errorf("error %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, choice.Solver.HTTP01); diff != "" {
				t.Errorf("solver (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(*before, tt.solver); diff != "" {
				t.Errorf("the issuer's solver was changed:\n%s", diff)
			}
		})
	}
}

func TestNamesFollowFromTheSpec(t *testing.T) {
	t.Parallel()
	spec := acmev1.OrderSpec{DNSNames: []string{"a.test"}, Request: []byte("one")}
	a, err := OrderName("web-1", spec)
	if err != nil {
		t.Fatal(err)
	}
	spec.Request = []byte("two")
	b, _ := OrderName("web-1", spec)
	spec.DNSNames = []string{"b.test"}
	c, _ := OrderName("web-1", spec)
	if a != b || a == c || !strings.HasPrefix(a, "web-1-") {
		t.Errorf("names %q, %q, %q", a, b, c)
	}
	long := strings.Repeat("x", 51) + ".y" + strings.Repeat("z", 50)
	d, _ := OrderName(long, spec)
	e, _ := OrderName(long+"1", spec)
	if d == e || len(d) > 63 || strings.Contains(d, ".-") {
		t.Errorf("names %q, %q", d, e)
	}
}

func TestSecretNames(t *testing.T) {
	t.Parallel()
	spec := &acmev1.ACMEIssuer{ExternalAccountBinding: &acmev1.ACMEExternalAccountBinding{}}
	spec.PrivateKeySecretRef.Name, spec.ExternalAccountBinding.KeySecretRef.Name = "account", "eab"
	s := dns("p", nil)
	s.DNS01.RFC2136 = &acmev1.ACMEIssuerDNS01ProviderRFC2136{}
	s.DNS01.RFC2136.TSIGSecret.Name = "tsig"
	spec.Solvers = []acmev1.ACMEChallengeSolver{s, s, http("x", nil)}
	if diff := cmp.Diff([]string{"account", "eab", "tsig"}, secretNames(spec)); diff != "" {
		t.Errorf("secretNames() (-want +got):\n%s", diff)
	}
}
