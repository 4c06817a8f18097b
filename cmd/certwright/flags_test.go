package main

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"
	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/certwright/certwright/issuance"
	"github.com/certwright/certwright/issuance/signingrequest"
)

func TestFlags(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		args  []string
		check func(*config) bool
		err   string
	}{
		"everything is on by default":                  {nil, func(c *config) bool { return c.has("webhook") && c.has("shim") && c.has("issuance") && c.LeaderElect }, ""},
		"roles can be split":                           {[]string{"--roles=webhook"}, func(c *config) bool { return c.has("webhook") && !c.has("shim") }, ""},
		"an unknown role is refused":                   {[]string{"--roles=webhok"}, nil, `"webhok" is none of webhook, shim, issuance`},
		"an unknown flag is refused":                   {[]string{"--no-such-flag"}, nil, "unknown flag"},
		"an argument that is no flag is refused":       {[]string{"start"}, nil, "everything is a flag"},
		"a flag of cert-manager's without effect here": {[]string{"--acme-http01-solver-image=x", "--vmodule=a=1"}, func(c *config) bool { return len(c.ignored) == 2 }, ""},
		"CertificateSigningRequests are behind a gate": {nil, func(c *config) bool { return !c.signingRequests }, ""},
		"the gate opens":                               {[]string{"--feature-gates=ExperimentalCertificateSigningRequestControllers=true"}, func(c *config) bool { return c.signingRequests && len(c.ignored) == 0 }, ""},
		"among others, which have no effect": {[]string{"--feature-gates=ServerSideApply=true, ExperimentalCertificateSigningRequestControllers=true", "--feature-gates=New=false"}, func(c *config) bool {
			return c.signingRequests && slices.Equal(c.ignored, []string{"--feature-gates=ServerSideApply", "--feature-gates=New"})
		}, ""},
		"the last word on a gate counts": {[]string{"--feature-gates=ExperimentalCertificateSigningRequestControllers=true,ExperimentalCertificateSigningRequestControllers=false"}, func(c *config) bool { return !c.signingRequests }, ""},
		"a gate without a value":         {[]string{"--feature-gates=ServerSideApply"}, nil, `"ServerSideApply" is not of the form name=true`},
		"a gate that is ajar":            {[]string{"--feature-gates=ServerSideApply=half"}, nil, "is not of the form name=true"},
		"one kind of signers is left out": {[]string{"--controllers=*,-certificatesigningrequests-issuer-ca"}, func(c *config) bool {
			return !c.controller(signingrequest.ControllerOf(issuance.Kind{Name: "ca"})) && c.controller(signingrequest.ControllerOf(issuance.Kind{Name: "selfSigned"}))
		}, ""},
		"all controllers but one": {[]string{"--controllers=*,-certificaterequests-approver"}, func(c *config) bool {
			return !c.controller("certificaterequests-approver") && c.controller("ingress-shim")
		}, ""},
		"a list of negations starts from all": {[]string{"--controllers=-ingress-shim"}, func(c *config) bool { return c.controller("orders") && !c.controller("ingress-shim") }, ""},
		"only what is named":                  {[]string{"--controllers=orders"}, func(c *config) bool { return c.controller("orders") && !c.controller("ingress-shim") }, ""},
		"Services are left alone":             {nil, func(c *config) bool { return c.controller("ingress-shim") && !c.followsServices() }, ""},
		"unless they are asked for":           {[]string{"--controllers=*,service-shim"}, func(c *config) bool { return c.controller("ingress-shim") && c.followsServices() }, ""},
		"and not ruled out after all":         {[]string{"--controllers=*,service-shim,-service-shim"}, func(c *config) bool { return !c.followsServices() }, ""},
		"the Gateway API is off by default":   {nil, func(c *config) bool { return !c.GatewayAPI && !c.ListenerSets && len(c.ListenerProtocols) == 0 }, ""},
		"and on where it is asked for": {[]string{"--enable-gateway-api", "--enable-gateway-api-listenerset", "--gateway-api-extra-protocols=DTLS,QUIC"}, func(c *config) bool {
			return c.GatewayAPI && c.ListenerSets && len(c.ListenerProtocols) == 2 && len(c.ignored) == 0
		}, ""},
		"ListenerSets are nothing without Gateways": {[]string{"--enable-gateway-api-listenerset"}, func(c *config) bool { return len(c.ignored) == 1 }, ""},
		"--dev sets what the manifests set": {[]string{"--dev"}, func(c *config) bool {
			return c.ClusterResourceNamespace == "cert-manager" && c.LeaseDuration == 15*time.Second
		}, ""},
		"--dev leaves what is given":        {[]string{"--dev", "--cluster-resource-namespace=x"}, func(c *config) bool { return c.ClusterResourceNamespace == "x" }, ""},
		"several mistakes are told at once": {[]string{"--roles=x", "--acme-http01-solver-addresses=host"}, nil, "is none of webhook, shim, issuance\n--acme-http01-solver-addresses"},
		"a maximum below the minimum":       {[]string{"--certificate-request-maximum-backoff-duration=1m"}, nil, "less than the minimum"},
		"help":                              {[]string{"--help"}, nil, pflag.ErrHelp.Error()},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, err := parse(tt.args)
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Fatalf("error = %v, want %q", err, tt.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if !tt.check(c) {
				t.Errorf("config = %+v", c)
			}
		})
	}
}

func TestDevelopmentStaysOnThisMachine(t *testing.T) {
	t.Parallel()
	for host, fine := range map[string]bool{
		"https://127.0.0.1:6443": true, "https://localhost:6443": true, "https://[::1]:6443": true, "127.0.0.1": true,
		"https://10.0.0.1:6443": false, "https://api.example.com": false, "https://localhost.example.com": false,
	} {
		if err := onThisMachine(host); (err == nil) != fine {
			t.Errorf("%s: %v", host, err)
		}
	}
}

func TestLeaseLive(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	lease := func(holder string, renewed time.Duration) *coordinationv1.Lease {
		return &coordinationv1.Lease{Spec: coordinationv1.LeaseSpec{
			HolderIdentity: &holder, RenewTime: &metav1.MicroTime{Time: now.Add(-renewed)}, LeaseDurationSeconds: ptr(int32(60)),
		}}
	}
	for name, tt := range map[string]struct {
		lease *coordinationv1.Lease
		live  bool
	}{
		"held and renewed":  {lease("a", 59*time.Second), true},
		"held and run out":  {lease("a", 61*time.Second), false},
		"released":          {lease("", 0), false},
		"never held at all": {&coordinationv1.Lease{}, false},
	} {
		if got := leaseLive(tt.lease, now); got != tt.live {
			t.Errorf("%s: live = %t", name, got)
		}
	}
}

func TestTheLeaseOfAKilledProcessIsRecognised(t *testing.T) {
	t.Parallel()
	own, err := identity()
	if err != nil {
		t.Fatal(err)
	}
	if holderGone(own) {
		t.Error("this process counts as gone")
	}
	parts := strings.Split(own, "_")
	parts[1] = "4194305" // above the largest process ID of Linux
	if !holderGone(strings.Join(parts, "_")) {
		t.Error("a process that is not there counts as running")
	}
	if holderGone("elsewhere_4194305_abcde" + identitySuffix) {
		t.Error("a process of another machine counts as gone")
	}
}
