//go:build cluster

package main

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/certwright/certwright/cmd/internal/lint"
	"github.com/certwright/certwright/shim"
)

// warned keeps what the API server warns of.
type warned struct {
	mu    sync.Mutex
	texts []string
}

func (w *warned) HandleWarningHeader(_ int, _ string, text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.texts = append(w.texts, text)
}

// TestAnnotationsAreCheckedAtApply: what certctl lint says of an Ingress, the API
// server says too, as warnings, and takes it.
func TestAnnotationsAreCheckedAtApply(t *testing.T) {
	ns := newNamespace(t)
	said := &warned{}
	access, err := clientcmd.BuildConfigFromFlags("", program.Kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	access.WarningHandler = said
	user, err := client.New(access, client.Options{Scheme: program.manager.GetScheme()})
	if err != nil {
		t.Fatal(err)
	}
	say := func(name string, annotations map[string]string, hosts ...string) (warnings, linted []string) {
		t.Helper()
		said.texts = nil
		ing := newIngress(ns, name, annotations, name+"-tls", hosts...)
		if err := user.Create(t.Context(), ing); err != nil {
			t.Errorf("%s is refused: %v", name, err)
		}
		ing.APIVersion, ing.Kind, ing.ResourceVersion, ing.UID, ing.ManagedFields = "networking.k8s.io/v1", shim.IngressKind, "", "", nil
		manifest, err := json.Marshal(ing)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range lint.Files([]lint.File{{Name: "web.json", Data: manifest}}, lint.Options{}).Findings {
			linted = append(linted, f.Field+": "+f.Message)
		}
		slices.Sort(said.texts)
		slices.Sort(linted)
		return said.texts, linted
	}
	eventually(t, "the API server does not ask", func(context.Context) error {
		probe := newIngress(ns, "probe", map[string]string{"cert-manager.io/x": "y"}, "probe", "a.example")
		if err := user.Create(t.Context(), probe, client.DryRunAll); err != nil {
			return err
		}
		if len(said.texts) == 0 {
			return errors.New("no warning")
		}
		return nil
	})

	for name, tt := range map[string]struct {
		annotations map[string]string
		hosts       []string
		want        []string
	}{
		"good":  {map[string]string{shim.IssuerKey: "ca"}, []string{"a.example"}, nil},
		"other": {map[string]string{"nginx.ingress.kubernetes.io/x": "y"}, []string{"a.example"}, nil},
		"slips": {
			map[string]string{shim.IssuerKey: "ca", "cert-manager.io/cluster-isuser": "le", shim.DurationKey: "90d"}, []string{"a.example"},
			[]string{
				"metadata.annotations[cert-manager.io/cluster-isuser]: means nothing on objects of kind Ingress; did you mean cert-manager.io/cluster-issuer?",
				`metadata.annotations[cert-manager.io/duration]: Invalid value: "90d": must be a duration in units up to hours, for example 2160h`,
			},
		},
		"uncovered": {
			map[string]string{shim.IssuerKey: "ca", shim.DNSNamesKey: "*.example.org, a.example"}, []string{"a.example.org", "a.example", "a.b.example.org"},
			[]string{"spec.tls[0].hosts[2]: a.b.example.org is not covered by certwright.dev/dns-names, which stands in place of the hosts"},
		},
		"hostless": {map[string]string{shim.IssuerKey: "ca"}, nil, []string{"spec.tls[0].hosts: Required value"}},
		"twofold": {
			map[string]string{shim.IssuerKey: "ca", shim.ClusterIssuerKey: "le"}, []string{"a.example"},
			[]string{"metadata.annotations[cert-manager.io/issuer]: Forbidden: cert-manager.io/cluster-issuer and cert-manager.io/issuer may not be set together"},
		},
	} {
		warnings, linted := say(name, tt.annotations, tt.hosts...)
		if diff := cmp.Diff(tt.want, warnings, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s: warnings (-want +got):\n%s", name, diff)
		}
		if diff := cmp.Diff(linted, warnings, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s: (-certctl lint +webhook):\n%s", name, diff)
		}
	}

	ready(t, ns, "good-tls", 1)

	// What certctl lint cannot see.
	warnings, _ := say("orphan", map[string]string{shim.IssuerKey: "nobody"}, "a.example")
	want := []string{`of the Certificate orphan-tls: spec.issuerRef: the Issuer "nobody" does not exist in this namespace; nothing is issued until it does`}
	if diff := cmp.Diff(want, warnings); diff != "" {
		t.Errorf("an issuer that is missing (-want +got):\n%s", diff)
	}
	// The Secret is another Ingress's: the one of "good".
	said.texts = nil
	if err := user.Create(t.Context(), newIngress(ns, "late", map[string]string{shim.IssuerKey: "ca"}, "good-tls", "b.example")); err != nil {
		t.Fatal(err)
	}
	want = []string{"spec.tls[0].secretName: the Certificate good-tls exists and is that of Ingress good, so it stays as it is; use another secret name"}
	if diff := cmp.Diff(want, said.texts); diff != "" {
		t.Errorf("a Certificate of another Ingress (-want +got):\n%s", diff)
	}
}
