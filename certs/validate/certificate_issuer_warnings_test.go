package validate_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	acmev1 "github.com/certwright/certwright/certs/acme/v1"
	certsv1 "github.com/certwright/certwright/certs/v1"
	"github.com/certwright/certwright/certs/validate"
)

func TestCertificateIssuerWarnings(t *testing.T) {
	t.Parallel()
	http := acmev1.ACMEChallengeSolver{HTTP01: &acmev1.ACMEChallengeSolverHTTP01{Ingress: &acmev1.ACMEChallengeSolverHTTP01Ingress{}}}
	dns := acmev1.ACMEChallengeSolver{DNS01: &acmev1.ACMEChallengeSolverDNS01{}}
	selecting := func(s acmev1.ACMEChallengeSolver, selector acmev1.CertificateDNSNameSelector) acmev1.ACMEChallengeSolver {
		s.Selector = &selector
		return s
	}
	hosts := func(n int) []string {
		var out []string
		for i := range n {
			out = append(out, fmt.Sprintf("h%d.a.example", i))
		}
		return out
	}
	type spec = certsv1.CertificateSpec
	lasting := func(d time.Duration) *metav1.Duration { return &metav1.Duration{Duration: d} }
	solvers := func(s ...acmev1.ACMEChallengeSolver) acmev1.ACMEIssuer { return acmev1.ACMEIssuer{Solvers: s} }
	tests := map[string]struct {
		spec   spec
		labels map[string]string
		acme   acmev1.ACMEIssuer
		want   []string // parts of the warnings, in order
	}{
		"a name that a solver proves":                   {spec: spec{DNSNames: []string{"a.example"}}, acme: solvers(http)},
		"a wildcard with HTTP-01 only":                  {spec: spec{DNSNames: []string{"a.example", "*.a.example"}}, acme: solvers(http), want: []string{`spec.dnsNames[1]: the wildcard *.a.example needs a DNS-01 solver, and the Issuer "ca" has none`}},
		"a wildcard with DNS-01":                        {spec: spec{DNSNames: []string{"*.a.example"}}, acme: solvers(http, dns)},
		"a wildcard in a zone that the selector leaves": {spec: spec{DNSNames: []string{"*.a.example"}}, acme: solvers(http, selecting(dns, acmev1.CertificateDNSNameSelector{DNSZones: []string{"b.example"}})), want: []string{"spec.dnsNames[0]: the wildcard *.a.example needs a DNS-01 solver, and the Issuer \"ca\" has none with a selector that matches"}},
		"a name in a zone that no selector has":         {spec: spec{DNSNames: []string{"a.example"}}, acme: solvers(selecting(http, acmev1.CertificateDNSNameSelector{DNSNames: []string{"b.example"}})), want: []string{"spec.dnsNames[0]: the name a.example needs a solver, and the Issuer \"ca\" has none with a selector that matches"}},
		"labels that a selector wants":                  {spec: spec{DNSNames: []string{"a.example"}}, labels: map[string]string{"team": "a"}, acme: solvers(selecting(http, acmev1.CertificateDNSNameSelector{MatchLabels: map[string]string{"team": "a"}}))},
		"labels that it lacks":                          {spec: spec{DNSNames: []string{"a.example"}}, acme: solvers(selecting(http, acmev1.CertificateDNSNameSelector{MatchLabels: map[string]string{"team": "a"}})), want: []string{"spec.dnsNames[0]: the name a.example needs a solver, and the Issuer \"ca\" has none with a selector that matches"}},
		"an address with DNS-01 only":                   {spec: spec{IPAddresses: []string{"192.0.2.1"}}, acme: solvers(dns), want: []string{"spec.ipAddresses[0]: the address 192.0.2.1 needs an HTTP-01 solver"}},
		"an address with HTTP-01":                       {spec: spec{IPAddresses: []string{"192.0.2.1"}}, acme: solvers(http)},
		"several are told in one":                       {spec: spec{DNSNames: []string{"*.a.example", "*.b.example"}, IPAddresses: []string{"192.0.2.1"}}, acme: solvers(selecting(dns, acmev1.CertificateDNSNameSelector{DNSZones: []string{"c.example"}})), want: []string{"(2 more like it)"}},
		"no solvers at all: perhaps authorised before":  {spec: spec{DNSNames: []string{"*.a.example"}}},
		"what no ACME order can ask for":                {spec: spec{DNSNames: []string{"a.example"}, URIs: []string{"spiffe://a"}, EmailAddresses: []string{"a@a.example"}, IsCA: true}, acme: solvers(http), want: []string{"spec.uris:", "spec.emailAddresses:", "spec.isCA:"}},
		"as many names as there may be":                 {spec: spec{DNSNames: hosts(100)}, acme: solvers(http)},
		"a name more":                                   {spec: spec{DNSNames: hosts(101)}, acme: solvers(http), want: []string{"spec.dnsNames: 101 names are too many"}},
		"twice the same name is one":                    {spec: spec{DNSNames: append(hosts(100), "H1.a.example")}, acme: solvers(http)},
		"a profile that takes fewer":                    {spec: spec{DNSNames: hosts(26)}, acme: acmev1.ACMEIssuer{Profile: "tlsserver"}, want: []string{"its profile tlsserver takes at most 25"}},
		"the common name and addresses count":           {spec: spec{DNSNames: hosts(24), CommonName: "z.a.example", IPAddresses: []string{"192.0.2.1"}}, acme: acmev1.ACMEIssuer{Profile: "shortlived"}, want: []string{"26 names"}},
		"a duration that is not passed on":              {spec: spec{DNSNames: hosts(1), Duration: lasting(24 * time.Hour)}, want: []string{"leaves the lifetime to the ACME server"}},
		"the usual 90 days":                             {spec: spec{DNSNames: hosts(1), Duration: lasting(2160 * time.Hour)}},
		"a duration that is passed on":                  {spec: spec{DNSNames: hosts(1), Duration: lasting(24 * time.Hour)}, acme: acmev1.ACMEIssuer{EnableDurationFeature: true}},
		"a duration longer than the profile's":          {spec: spec{DNSNames: hosts(1), Duration: lasting(2160 * time.Hour)}, acme: acmev1.ACMEIssuer{Profile: "shortlived"}, want: []string{"end after 160h0m0s"}},
		"a duration of the profile":                     {spec: spec{DNSNames: hosts(1), Duration: lasting(160 * time.Hour)}, acme: acmev1.ACMEIssuer{Profile: "shortlived"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			crt := &certsv1.Certificate{ObjectMeta: metav1.ObjectMeta{Labels: tt.labels}, Spec: tt.spec}
			issuer := &certsv1.Issuer{ObjectMeta: metav1.ObjectMeta{Name: "ca"}}
			issuer.Spec.ACME = &tt.acme
			got := validate.CertificateIssuerWarnings(crt, issuer)
			if len(got) != len(tt.want) {
				t.Fatalf("warnings %q, want %q", got, tt.want)
			}
			for i, part := range tt.want {
				if !strings.Contains(got[i], part) {
					t.Errorf("warning %q, want %q", got[i], part)
				}
			}
		})
	}
	if got := validate.CertificateIssuerWarnings(&certsv1.Certificate{Spec: spec{DNSNames: []string{"*.a.example"}, IsCA: true}}, &certsv1.Issuer{}); len(got) > 0 {
		t.Errorf("an issuer that is no ACME issuer: %q", got)
	}
}
