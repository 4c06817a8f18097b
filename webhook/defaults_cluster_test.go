//go:build cluster

package webhook_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cmmeta "github.com/certwright/certwright/certs/meta/v1"
	certsv1 "github.com/certwright/certwright/certs/v1"
	"github.com/certwright/certwright/webhook"
	"github.com/certwright/certwright/webhook/serving"
)

// stored reads the spec of the Certificate as it is stored.
func (w *world) stored(t *testing.T, namespace, name string) (*unstructured.Unstructured, map[string]any) {
	t.Helper()
	crt := certificate(namespace, name, `{}`)
	if err := w.Get(t.Context(), client.ObjectKeyFromObject(crt), crt); err != nil {
		t.Fatal(err)
	}
	spec, _, err := unstructured.NestedMap(crt.Object, "spec")
	if err != nil {
		t.Fatal(err)
	}
	return crt, spec
}

func sameSpec(t *testing.T, what string, want, got map[string]any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s: stored spec (-want +got):\n%s", what, diff)
	}
}

// TestServerSideApplyTwice: GitOps tools apply the same manifest again and
// again, and must not see that anything changes, or lose what was filled in.
func TestServerSideApplyTwice(t *testing.T) {
	w := connect(t)
	w.start(t)
	ns := w.namespace(t, nil)
	apply := func(manager, spec string) *unstructured.Unstructured {
		t.Helper()
		u := certificate(ns, "web", spec)
		if err := w.Apply(t.Context(), client.ApplyConfigurationFromUnstructured(u), client.FieldOwner(manager), client.ForceOwnership); err != nil {
			t.Fatal(err)
		}
		return u
	}
	const manifest = `{spec: {dnsNames: [a.example], issuerRef: {name: i}, privateKey: {algorithm: ECDSA}}}`
	first, second := apply("gitops", manifest), apply("gitops", manifest)
	if first.GetResourceVersion() != second.GetResourceVersion() {
		t.Errorf("the second apply changed something:\n%s", cmp.Diff(first.Object, second.Object))
	}
	_, spec := w.stored(t, ns, "web")
	want := map[string]any{
		"secretName": "web", "dnsNames": []any{"a.example"}, "revisionHistoryLimit": int64(1),
		"issuerRef":  map[string]any{"name": "i", "kind": "Issuer", "group": "cert-manager.io"},
		"privateKey": map[string]any{"algorithm": "ECDSA", "encoding": "PKCS1", "rotationPolicy": "Always"},
	}
	sameSpec(t, "applied twice", want, spec)
	for _, entry := range second.GetManagedFields() {
		if entry.Manager != "gitops" {
			t.Errorf("%s owns %s: nobody but the applier has written", entry.Manager, entry.FieldsV1)
		}
	}

	// Somebody else applies one more field, and takes it back.
	other := apply("other", `{spec: {dnsNames: [a.example], issuerRef: {name: i}, duration: 48h}}`)
	if third := apply("gitops", manifest); third.GetResourceVersion() != other.GetResourceVersion() {
		t.Errorf("beside another applier it changed something:\n%s", cmp.Diff(other.Object, third.Object))
	}
	apply("other", `{spec: {dnsNames: [a.example], issuerRef: {name: i}}}`)
	_, spec = w.stored(t, ns, "web")
	sameSpec(t, "after the other", want, spec)
}

// TestUpdateByAProgram: a program that is compiled against the types of the API
// sends empty values where a manifest has nothing.
func TestUpdateByAProgram(t *testing.T) {
	w := connect(t)
	w.start(t)
	ctx, ns := t.Context(), w.namespace(t, nil)
	typed := func(version string) *certsv1.Certificate {
		return &certsv1.Certificate{
			ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "web", ResourceVersion: version},
			Spec:       certsv1.CertificateSpec{SecretName: "s", DNSNames: []string{"a.example"}, IssuerRef: cmmeta.IssuerReference{Name: "i"}},
		}
	}
	created := typed("")
	if err := w.Create(ctx, created); err != nil {
		t.Fatal(err)
	}
	if created.Spec.IssuerRef.Kind != "Issuer" || created.Spec.PrivateKey == nil || created.Spec.RevisionHistoryLimit == nil {
		t.Errorf("nothing was filled in: %+v", created.Spec)
	}
	const status = `{"status":{"revision":3,"conditions":[{"type":"Ready","status":"True"}]}}`
	if err := w.Status().Patch(ctx, created, client.RawPatch(types.MergePatchType, []byte(status))); err != nil {
		t.Fatal(err)
	}

	updated := typed(created.ResourceVersion)
	allowed(t, "the same again", w.Update(ctx, updated))
	if !updated.Spec.IssuerRef.Equal(created.Spec.IssuerRef) {
		t.Errorf("issuerRef = %+v", updated.Spec.IssuerRef)
	}
	// The types of cert-manager write an empty status and time, too.
	foreign := certificate(ns, "web", `{metadata: {creationTimestamp: null}, status: {}}`)
	foreign.Object["spec"] = map[string]any{"secretName": "s", "dnsNames": []any{"a.example"}, "issuerRef": map[string]any{"name": "i"}}
	foreign.SetResourceVersion(updated.ResourceVersion)
	allowed(t, "with an empty status", w.Update(ctx, foreign))
	now, _ := w.stored(t, ns, "web")
	if revision, _, _ := unstructured.NestedInt64(now.Object, "status", "revision"); revision != 3 {
		t.Errorf("the status is %v", now.Object["status"])
	}

	// What such a program leaves out is not missing but empty, and empty names
	// are refused, as cert-manager refuses them.
	empty := typed("")
	empty.Name, empty.Spec.SecretName, empty.Spec.IssuerRef = "empty", "", cmmeta.IssuerReference{}
	answered(t, w.Create(ctx, empty), webhook.FieldRules, "Required spec.secretName", "Required spec.issuerRef.name")
	empty.Name, empty.ResourceVersion = "web", foreign.GetResourceVersion()
	answered(t, w.Update(ctx, empty), webhook.FieldRules, "Required spec.secretName", "Required spec.issuerRef.name")
}

// TestApplyInOneGo: one file holds the default issuer and a Certificate that
// does not name it.
func TestApplyInOneGo(t *testing.T) {
	w := connect(t)
	cached := w.cached(t) // which has not heard of the issuer
	w.start(t, func(_ *serving.Config, c *webhook.Config) { c.Reader = cached })
	ns := w.namespace(t, nil)
	file := filepath.Join(t.TempDir(), "web.yaml")
	const manifest = `
apiVersion: cert-manager.io/v1
kind: Issuer
metadata:
  name: house
  annotations:
    certwright.dev/default-issuer: "true"
spec:
  selfSigned: {}
---
apiVersion: cert-manager.io/v1
kind: Certificate
metadata:
  name: web
spec:
  dnsNames:
    - a.example
`
	if err := os.WriteFile(file, []byte(manifest), 0o600); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"dnsNames": []any{"a.example"}, "secretName": "web", "revisionHistoryLimit": int64(1),
		"issuerRef":  map[string]any{"name": "house", "kind": "Issuer", "group": "cert-manager.io"},
		"privateKey": map[string]any{"algorithm": "RSA", "encoding": "PKCS1", "rotationPolicy": "Always"},
	}
	kept := map[string]any{"dnsNames": want["dnsNames"], "secretName": want["secretName"], "issuerRef": want["issuerRef"]}
	for _, step := range []struct {
		command []string
		says    string
		want    map[string]any
	}{
		{[]string{"apply"}, "created", want},
		{[]string{"apply"}, "unchanged", want},
		{[]string{"apply", "--server-side", "--force-conflicts"}, "serverside-applied", want},
		// What is not in the manifest goes, but for what a Certificate cannot
		// do without.
		{[]string{"replace"}, "replaced", kept},
		{[]string{"replace"}, "replaced", kept},
		{[]string{"apply"}, "configured", kept},
	} {
		what := strings.Join(step.command, " ")
		said := kubectl(t, append(step.command, "--namespace", ns, "--filename", file)...)
		if line := "certificate.cert-manager.io/web " + step.says; !strings.Contains(said, line) {
			t.Errorf("%s: said %q, want %q", what, said, line)
		}
		_, spec := w.stored(t, ns, "web")
		sameSpec(t, what, step.want, spec)
	}
}

// kubectl runs it against the cluster of the test.
func kubectl(t *testing.T, args ...string) string {
	t.Helper()
	const program = "../bin/devcluster"
	var said bytes.Buffer
	cmd := exec.CommandContext(t.Context(), program, append([]string{"kubectl"}, args...)...)
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Run(); err != nil {
		t.Fatal(fmt.Errorf("kubectl %s: %w\n%s", strings.Join(args, " "), err, &said))
	}
	return said.String()
}
