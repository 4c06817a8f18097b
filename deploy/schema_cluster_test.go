//go:build cluster

package deploy

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"
)

// contradictions are specs that the CRD alone refuses, with what it says.
var contradictions = map[string]struct{ spec, field string }{
	"a duration in days":             {`{duration: 90d}`, "spec.duration"},
	"a duration without a unit":      {`{renewBefore: "5"}`, "spec.renewBefore"},
	"renewBefore twice":              {`{renewBefore: 1h, renewBeforePercentage: 30}`, "spec"},
	"a percentage above 99":          {`{renewBeforePercentage: 150}`, "spec.renewBeforePercentage"},
	"two common names":               {`{commonName: a, literalSubject: "CN=a"}`, "spec"},
	"name constraints without a CA":  {`{nameConstraints: {permitted: {dnsDomains: [a.example]}}}`, "spec"},
	"an algorithm that is not known": {`{privateKey: {algorithm: DSA}}`, "spec.privateKey.algorithm"},
	"a window's duration in days":    {`{renewal: {policy: RenewBefore, windows: [{cron: "@daily", windowDuration: 1d}]}}`, "spec.renewal.windows[0].windowDuration"},
	"a usage that is not known":      {`{usages: [serverAuth]}`, "spec.usages[0]"},
}

// sound are durations that Go, and so cert-manager, reads.
var sound = []string{"0", "1h", "1h30m", "1.5h", ".5h", "1.h", "90m0s", "-1h", "+1h", "100ms", "1us", "1µs", "1h0.5s", "2562047h"}

func certificateOf(t *testing.T, name, spec string) *unstructured.Unstructured {
	t.Helper()
	full := map[string]any{"secretName": "s", "dnsNames": []any{"a.example"}, "issuerRef": map[string]any{"name": "i"}}
	changes := map[string]any{}
	if err := yaml.Unmarshal([]byte(spec), &changes); err != nil {
		t.Fatal(err)
	}
	for k, v := range changes {
		full[k] = v
	}
	o := &unstructured.Unstructured{Object: map[string]any{"spec": full}}
	o.SetAPIVersion("cert-manager.io/v1")
	o.SetKind("Certificate")
	o.SetNamespace("default")
	o.SetName(name)
	return o
}

// TestSchemaAlone shows what holds where no webhook is asked, and that what was
// stored under a laxer schema, as cert-manager's is, can still be worked with.
func TestSchemaAlone(t *testing.T) {
	c := connect(t)
	ctx := t.Context()
	for _, o := range mustObjects(t, CRDs) {
		if err := errors.Join(apply(ctx, c, o), waitEstablished(ctx, c, o)); err != nil {
			t.Fatal(err)
		}
	}
	for name, tt := range contradictions {
		err := c.Create(ctx, certificateOf(t, "new", tt.spec), client.DryRunAll)
		if !apierrors.IsInvalid(err) || !strings.Contains(err.Error(), tt.field+": ") {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, d := range sound {
		if err := c.Create(ctx, certificateOf(t, "new", `{duration: "`+d+`"}`), client.DryRunAll); err != nil {
			t.Errorf("duration %s: %v", d, err)
		}
	}

	lax := read(t, c, crdOf(t, "certificates.cert-manager.io"))
	relax(t, lax)
	if err := c.Update(ctx, lax); err != nil {
		t.Fatal(err)
	}
	stored := map[string]*unstructured.Unstructured{}
	for name, tt := range contradictions {
		o := certificateOf(t, "old-"+strings.ToLower(strings.NewReplacer(" ", "-", "'", "").Replace(name)), tt.spec)
		waitFor(t, name+" is stored", func(ctx context.Context) error { return c.Create(ctx, o) })
		t.Cleanup(func() { _ = c.Delete(context.Background(), o) })
		stored[name] = o
	}
	shipped := crdOf(t, "certificates.cert-manager.io")
	if err := apply(ctx, c, shipped); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the shipped schema is in force again", func(ctx context.Context) error {
		if err := c.Create(ctx, certificateOf(t, "new", `{duration: 90d}`), client.DryRunAll); !apierrors.IsInvalid(err) {
			return errors.New("not yet")
		}
		return nil
	})
	for name, o := range stored {
		patch := func(data string, status bool) error {
			o := o.DeepCopy()
			p := client.RawPatch(types.MergePatchType, []byte(data))
			if status {
				return c.Status().Patch(ctx, o, p)
			}
			return c.Patch(ctx, o, p)
		}
		if err := patch(`{"metadata":{"labels":{"a":"b"},"finalizers":["example.org/f"]}}`, false); err != nil {
			t.Errorf("%s: a label and a finalizer: %v", name, err)
		}
		if err := patch(`{"metadata":{"finalizers":null}}`, false); err != nil {
			t.Errorf("%s: releasing it: %v", name, err)
		}
		if err := patch(`{"status":{"revision":1,"conditions":[{"type":"Ready","status":"True"}]}}`, true); err != nil {
			t.Errorf("%s: its status: %v", name, err)
		}
		if contradictions[name].field != "spec" { // cert-manager's webhook refuses these, too
			if err := patch(`{"spec":{"dnsNames":["b.example"]}}`, false); err != nil {
				t.Errorf("%s: another field: %v", name, err)
			}
		}
	}
}

func crdOf(t *testing.T, name string) *unstructured.Unstructured {
	t.Helper()
	for _, o := range mustObjects(t, CRDs) {
		if o.GetName() == name {
			return o
		}
	}
	t.Fatalf("no CRD %s", name)
	return nil
}

// relax takes from a CRD all that judges values.
func relax(t *testing.T, crd *unstructured.Unstructured) {
	t.Helper()
	var walk func(any)
	walk = func(value any) {
		switch v := value.(type) {
		case map[string]any:
			for _, key := range []string{"pattern", "minimum", "maximum", "minLength", "maxLength", "enum", "x-kubernetes-validations"} {
				if _, isProperty := v[key].(map[string]any); !isProperty {
					delete(v, key)
				}
			}
			for _, inner := range v {
				walk(inner)
			}
		case []any:
			for _, inner := range v {
				walk(inner)
			}
		}
	}
	versions, _, err := unstructured.NestedSlice(crd.Object, "spec", "versions")
	if err != nil {
		t.Fatal(err)
	}
	walk(versions)
	if err := unstructured.SetNestedSlice(crd.Object, versions, "spec", "versions"); err != nil {
		t.Fatal(err)
	}
}

func waitFor(t *testing.T, what string, try func(context.Context) error) {
	t.Helper()
	var last error
	err := wait.PollUntilContextTimeout(t.Context(), 100*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
		last = try(ctx)
		return last == nil, nil
	})
	if err != nil {
		t.Fatalf("%s: %v", what, last)
	}
}
