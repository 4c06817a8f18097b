package shim_test

import (
	"maps"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/certwright/certwright/shim"
)

func TestUnknownAnnotations(t *testing.T) {
	type unknown = []shim.UnknownAnnotation
	for name, tt := range map[string]struct {
		kind string // Ingress if empty
		key  string
		opts shim.Options
		want unknown
	}{
		"a known one":                  {key: "cert-manager.io/cluster-issuer"},
		"one with a slip":              {key: "cert-manager.io/clusterissuer", want: unknown{{"cert-manager.io/clusterissuer", "cert-manager.io/cluster-issuer"}}},
		"another with a slip":          {key: "cert-manager.io/durations", want: unknown{{"cert-manager.io/durations", "cert-manager.io/duration"}}},
		"one that documentation lists": {key: "cert-manager.io/issuer-name", want: unknown{{"cert-manager.io/issuer-name", "cert-manager.io/issuer"}}},
		"of another of our domains":    {key: "cert-manager.io/http01-edit-in-place", want: unknown{{"cert-manager.io/http01-edit-in-place", "acme.cert-manager.io/http01-edit-in-place"}}},
		"of the former domain":         {key: "certmanager.k8s.io/cluster-issuer", want: unknown{{"certmanager.k8s.io/cluster-issuer", "cert-manager.io/cluster-issuer"}}},
		"unlike any":                   {key: "cert-manager.io/acme-challenge-type", want: unknown{{"cert-manager.io/acme-challenge-type", ""}}},
		"our own":                      {key: "certwright.dev/tls"},
		"our own with a slip":          {key: "certwright.dev/tsl", want: unknown{{"certwright.dev/tsl", "certwright.dev/tls"}}},
		"of an Ingress controller":     {key: "nginx.ingress.kubernetes.io/duration"},
		"of a project below us":        {key: "policy.cert-manager.io/duration"},
		"without a domain":             {key: "duration"},
		"that is copied":               {key: "cert-manager.io/mine", opts: shim.Options{ExtraAnnotations: []string{"cert-manager.io/mine"}}},
		"that asks for certificates":   {key: "cert-manager.io/auto", opts: shim.Options{AutoAnnotations: []string{"cert-manager.io/auto"}}},
		"read on Certificates":         {kind: "Certificate", key: "cert-manager.io/issue-temporary-certificate"},
		"of an Ingress, on a Certificate": {
			kind: "Certificate", key: "cert-manager.io/cluster-issuer", want: unknown{{"cert-manager.io/cluster-issuer", ""}},
		},
		"a slip on a Certificate": {
			kind: "Certificate", key: "acme.cert-manager.io/http01-override-ingress-class-name",
			want: unknown{{"acme.cert-manager.io/http01-override-ingress-class-name", "acme.cert-manager.io/http01-override-ingress-class"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			kind := tt.kind
			if kind == "" {
				kind = "Ingress"
			}
			got := shim.UnknownAnnotations(kind, map[string]string{tt.key: "x"}, tt.opts)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("UnknownAnnotations() (-want +got):\n%s", diff)
			}
		})
	}
}

// What leads to Certificates, and what we put on them, is known.
func TestKnownAnnotations(t *testing.T) {
	t.Parallel()
	annotations := notes{clusterIssuer: "le", issuer: "le", tlsACME: "true", "certwright.dev/tls": "true"}
	for key := range values {
		annotations[key] = "x"
	}
	ofListenerSet := maps.Clone(annotations)
	delete(ofListenerSet, shim.RuleHostsKey)
	if unknown := shim.UnknownAnnotations("ListenerSet", ofListenerSet, shim.DefaultOptions()); len(unknown) > 0 {
		t.Errorf("on a ListenerSet: %v", unknown)
	}
	for _, key := range []string{ignoreListeners, parentFallback, shim.RouteHostnamesKey} {
		if unknown := shim.UnknownAnnotations("Ingress", notes{key: "x"}, shim.DefaultOptions()); len(unknown) != 1 {
			t.Errorf("%s is known on an Ingress", key)
		}
		delete(annotations, key)
	}
	if unknown := shim.UnknownAnnotations("Ingress", annotations, shim.DefaultOptions()); len(unknown) > 0 {
		t.Errorf("on an Ingress: %v", unknown)
	}
	if unknown := shim.UnknownAnnotations("Gateway", notes{parentFallback: "x"}, shim.DefaultOptions()); len(unknown) != 1 {
		t.Errorf("%s is known on a Gateway", parentFallback)
	}
	made := map[string]string{}
	for _, crt := range shim.Desired(shim.FromIngress(app(notes{
		clusterIssuer:                       "le",
		shim.HTTP01EditInPlaceKey:           "true",
		shim.HTTP01IngressClassKey:          "nginx",
		shim.HTTP01IngressClassNameKey:      "nginx",
		"cert-manager.io/subject-provinces": "BY",
	}, tls("t", "a.ex"))), shim.DefaultOptions()).Certificates {
		maps.Copy(made, crt.Annotations)
	}
	if unknown := shim.UnknownAnnotations("Certificate", made, shim.DefaultOptions()); len(made) < 4 || len(unknown) > 0 {
		t.Errorf("of %v on a Certificate: %v", made, unknown)
	}
}
