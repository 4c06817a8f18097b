package deploy

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
)

func TestCRDs(t *testing.T) {
	crds, err := CRDs()
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"challenges.acme.cert-manager.io", "orders.acme.cert-manager.io",
		"certificaterequests.cert-manager.io", "certificates.cert-manager.io",
		"clusterissuers.cert-manager.io", "issuers.cert-manager.io",
	}
	if diff := cmp.Diff(want, names(crds)); diff != "" {
		t.Errorf("CRDs() (-want +got):\n%s", diff)
	}
}

func TestCRD(t *testing.T) {
	all, err := CRDs()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range all {
		file, err := CRD(want.GetName())
		if err != nil {
			t.Error(err)
			continue
		}
		got, err := decode(file)
		if err != nil {
			t.Error(err)
		} else if len(got) != 1 || got[0].GetName() != want.GetName() {
			t.Errorf("CRD(%q) has %v", want.GetName(), names(got))
		}
	}
	if _, err := CRD("pods"); err == nil {
		t.Error("there is a CRD of no group")
	}
}

func TestManifestsDecodeStrictly(t *testing.T) {
	for _, o := range append(mustObjects(t, CRDs), mustObjects(t, Manifests)...) {
		if _, err := decodeStrict(o); err != nil {
			t.Errorf("%s %s: %v", o.GetKind(), o.GetName(), err)
		}
	}
}

func TestUnknownFieldsAreRefused(t *testing.T) {
	o := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "ServiceAccount", "automountServiceAccountTokens": true,
	}}
	if _, err := decodeStrict(o); err == nil {
		t.Error("a misspelt field was accepted, so TestManifestsDecodeStrictly proves nothing")
	}
}

func TestManifestsAreComplete(t *testing.T) {
	files, err := filepath.Glob("manifests/*")
	if err != nil {
		t.Fatal(err)
	}
	documents := 0
	for _, name := range files {
		file, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		documents += 1 + bytes.Count(file, []byte("\n---\n"))
	}
	all := mustObjects(t, Manifests)
	if len(all) != documents {
		t.Errorf("Manifests() has %d objects, the files have %d documents", len(all), documents)
	}
	seen := map[string]bool{}
	for _, o := range all {
		key := strings.Join([]string{o.GetKind(), o.GetNamespace(), o.GetName()}, "/")
		if seen[key] {
			t.Errorf("%s is there twice", key)
		}
		seen[key] = true
	}
}

func TestManifestsAreLabelled(t *testing.T) {
	for _, o := range mustObjects(t, Manifests) {
		labels := o.GetLabels()
		for _, name := range []string{"name", "instance", "component", "version", "managed-by"} {
			if labels["app.kubernetes.io/"+name] == "" {
				t.Errorf("%s %s has no label app.kubernetes.io/%s", o.GetKind(), o.GetName(), name)
			}
		}
		if got := labels["app.kubernetes.io/instance"]; got != "cert-manager" {
			t.Errorf("%s %s belongs to the instance %q", o.GetKind(), o.GetName(), got)
		}
	}
}

func TestManifestsComeInOrder(t *testing.T) {
	order := []string{
		"Namespace", "ServiceAccount", "ClusterRole", "Role", "ClusterRoleBinding", "RoleBinding",
		"Service", "Deployment", "PodDisruptionBudget", "NetworkPolicy",
		"MutatingWebhookConfiguration", "ValidatingWebhookConfiguration",
	}
	class := func(o *unstructured.Unstructured) int {
		at := slices.Index(order, o.GetKind())
		if at >= 2 && at <= 5 {
			return 2 // roles and bindings come in any order
		}
		return at
	}
	all := mustObjects(t, Manifests)
	for _, o := range all {
		if class(o) < 0 {
			t.Errorf("%s %s is of a kind that an installation should not need", o.GetKind(), o.GetName())
		}
	}
	if !slices.IsSortedFunc(all, func(a, b *unstructured.Unstructured) int { return class(a) - class(b) }) {
		t.Error("a manifest comes before one that it needs")
	}
}

func TestRBAC(t *testing.T) {
	rbac := mustObjects(t, RBAC)
	for _, o := range rbac {
		if o.GetKind() == "Deployment" || o.GetKind() == "Service" {
			t.Errorf("RBAC() has the %s %s", o.GetKind(), o.GetName())
		}
	}
	for _, name := range []string{Namespace, ServiceAccount, SolverServiceAccount, "cert-manager-edit"} {
		if !slices.Contains(names(rbac), name) {
			t.Errorf("RBAC() lacks %s", name)
		}
	}
}

func TestWriteCRDs(t *testing.T) {
	var out bytes.Buffer
	if err := WriteCRDs(&out); err != nil {
		t.Fatal(err)
	}
	written, err := decode(out.Bytes())
	if err != nil {
		t.Fatalf("decode what was written: %v", err)
	}
	if diff := cmp.Diff(mustObjects(t, CRDs), written); diff != "" {
		t.Errorf("WriteCRDs() differs from CRDs() (-CRDs +written):\n%s", diff)
	}
}

func names(objects []*unstructured.Unstructured) []string {
	var all []string
	for _, o := range objects {
		all = append(all, o.GetName())
	}
	return all
}

func mustObjects(t *testing.T, get func() ([]*unstructured.Unstructured, error)) []*unstructured.Unstructured {
	t.Helper()
	all, err := get()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// decodeStrict decodes o as the API server does with strict field validation.
func decodeStrict(o *unstructured.Unstructured) (runtime.Object, error) {
	json, err := o.MarshalJSON()
	if err != nil {
		return nil, err
	}
	typed, _, err := strict().Decode(json, nil, nil)
	return typed, err
}

var strict = sync.OnceValue(func() runtime.Decoder {
	scheme := runtime.NewScheme()
	utilruntime.Must(clientgoscheme.AddToScheme(scheme))
	utilruntime.Must(apiextensionsv1.AddToScheme(scheme))
	return serializer.NewCodecFactory(scheme, serializer.EnableStrict).UniversalDeserializer()
})

// typed returns the manifests of one kind.
func typed[T runtime.Object](t *testing.T) []T {
	t.Helper()
	var all []T
	for _, o := range mustObjects(t, Manifests) {
		decoded, err := decodeStrict(o)
		if err != nil {
			t.Fatalf("%s %s: %v", o.GetKind(), o.GetName(), err)
		}
		if one, ok := decoded.(T); ok {
			all = append(all, one)
		}
	}
	return all
}
