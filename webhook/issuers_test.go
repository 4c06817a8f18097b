package webhook

import (
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	acmev1 "github.com/certwright/certwright/certs/acme/v1"
	cmmeta "github.com/certwright/certwright/certs/meta/v1"
	certsv1 "github.com/certwright/certwright/certs/v1"
)

func TestAboutIssuer(t *testing.T) {
	ready := func(status cmmeta.ConditionStatus, message string) certsv1.IssuerStatus {
		return certsv1.IssuerStatus{Conditions: []certsv1.IssuerCondition{{Type: certsv1.IssuerConditionReady, Status: status, Message: message}}}
	}
	acme := func(a acmev1.ACMEIssuer) certsv1.GenericIssuer {
		return &certsv1.ClusterIssuer{Spec: certsv1.IssuerSpec{ACME: &a}, Status: ready("True", "")}
	}
	tests := map[string]struct {
		spec   certsv1.CertificateSpec
		issuer certsv1.GenericIssuer
		want   []string
	}{
		"ready":                      {issuer: &certsv1.Issuer{Status: ready("True", "")}},
		"absent":                     {want: []string{`the ClusterIssuer "le" does not exist; nothing is issued`}},
		"just made":                  {issuer: &certsv1.Issuer{}, want: []string{"is not ready yet"}},
		"not ready, with its reason": {issuer: &certsv1.Issuer{Status: ready("False", "no such Secret")}, want: []string{"is not ready: no such Secret"}},
		"what it cannot do": {
			spec:   certsv1.CertificateSpec{DNSNames: []string{"a.example", "*.a.example"}},
			issuer: acme(acmev1.ACMEIssuer{Solvers: []acmev1.ACMEChallengeSolver{{HTTP01: &acmev1.ACMEChallengeSolverHTTP01{}}}}),
			want:   []string{"spec.dnsNames[1]: the wildcard *.a.example needs a DNS-01 solver"},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := aboutIssuer(&certsv1.Certificate{Spec: tt.spec}, cmmeta.IssuerReference{Name: "le", Kind: "ClusterIssuer"}, tt.issuer)
			if !slices.EqualFunc(got, tt.want, strings.Contains) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestConfigurations(t *testing.T) {
	mutating, validating := Configurations(Options{Namespace: "certs", CABundle: []byte("ca"), Labels: map[string]string{"a": "b"}})
	if mutating.Name != "cert-manager-webhook" || validating.Name != "cert-manager-webhook" || mutating.Labels["a"] != "b" || validating.Labels["a"] != "b" {
		t.Errorf("metadata: %v, %v", mutating.ObjectMeta, validating.ObjectMeta)
	}
	for i, w := range mutating.Webhooks {
		v := validating.Webhooks[i]
		if w.Name != v.Name || *w.FailurePolicy != "Fail" || *v.FailurePolicy != "Fail" || *w.MatchPolicy != "Equivalent" || *v.MatchPolicy != "Equivalent" ||
			*w.SideEffects != "None" || *v.SideEffects != "None" || *w.TimeoutSeconds != 30 || *v.TimeoutSeconds != 30 ||
			!slices.Equal(w.AdmissionReviewVersions, []string{"v1"}) || !slices.Equal(v.AdmissionReviewVersions, []string{"v1"}) {
			t.Errorf("entry %d: %+v, %+v", i, w, v)
		}
		if s := w.ClientConfig.Service; s == nil || s.Namespace != "certs" || s.Name != "cert-manager-webhook" || *s.Path != "/mutate" || *s.Port != 443 || string(w.ClientConfig.CABundle) != "ca" {
			t.Errorf("client: %+v", w.ClientConfig)
		}
		if s := v.ClientConfig.Service; s == nil || *s.Path != "/validate" {
			t.Errorf("client: %+v", v.ClientConfig)
		}
		// No label of a namespace may switch off who asks and who approves.
		for _, selector := range []*metav1.LabelSelector{w.NamespaceSelector, v.NamespaceSelector} {
			if switchable := len(selector.MatchExpressions) > 0; switchable != (w.Name == "webhook.cert-manager.io") {
				t.Errorf("entry %q: namespaces %v", w.Name, selector)
			}
		}
	}
	// Nor may it open the URLs of Orders and Challenges to whoever edits them.
	orders := validating.Webhooks[len(mutating.Webhooks)]
	if orders.Name != Orders || len(orders.NamespaceSelector.MatchExpressions) > 0 || *orders.FailurePolicy != "Fail" ||
		!slices.Equal(orders.Rules[0].Resources, []string{"orders", "orders/status", "challenges"}) {
		t.Errorf("the entry for Orders and Challenges: %+v", orders)
	}
	// Ingresses are others': they never wait for us, nor fail because of us.
	advice := validating.Webhooks[len(validating.Webhooks)-1]
	if advice.Name != Ingresses || *advice.FailurePolicy != "Ignore" || *advice.TimeoutSeconds != 1 || *advice.SideEffects != "None" ||
		*advice.ClientConfig.Service.Path != "/advise" || len(advice.MatchConditions) != 1 || !slices.Equal(advice.Rules[0].Resources, []string{"ingresses"}) {
		t.Errorf("the entry for Ingresses: %+v", advice)
	}
	byURL, _ := Configurations(Options{URL: "https://127.0.0.1:4711/"})
	if c := byURL.Webhooks[0].ClientConfig; c.Service != nil || *c.URL != "https://127.0.0.1:4711/mutate" {
		t.Errorf("client: %+v", c)
	}
}
