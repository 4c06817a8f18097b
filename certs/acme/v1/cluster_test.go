//go:build cluster

package v1_test

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/json"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	certsv1 "github.com/certwright/certwright/certs/v1"
	"github.com/certwright/certwright/deploy"
)

// TestWebhookConfigIsKept writes what only an external DNS solver understands
// and reads it back, from the API server and through our types.
func TestWebhookConfigIsKept(t *testing.T) {
	c := connect(t)
	const config = `{"nested":{"list":[1,"two",{"three":3.5}],"empty":{},"false":false},"zone":"example.com"}`
	solver := map[string]any{"dns01": map[string]any{"webhook": map[string]any{
		"groupName": "acme.example.com", "solverName": "widget", "config": decode(t, config),
	}}}
	issuer := object("Issuer", "webhook-config", map[string]any{"acme": map[string]any{
		"server":              "https://acme.example.com/directory",
		"privateKeySecretRef": map[string]any{"name": "account"},
		"solvers":             []any{solver},
	}})
	create(t, c, issuer)

	typed := &certsv1.Issuer{}
	if err := c.Get(t.Context(), client.ObjectKeyFromObject(issuer), typed); err != nil {
		t.Fatal(err)
	}
	got := typed.Spec.ACME.Solvers[0].DNS01.Webhook.Config
	if got == nil {
		t.Fatal("config is lost")
	}
	if diff := cmp.Diff(decode(t, config), decode(t, string(got.Raw))); diff != "" {
		t.Errorf("config through our types (-want +got):\n%s", diff)
	}

	typed.Labels = map[string]string{"example.com/changed": "true"}
	if err := c.Update(t.Context(), typed); err != nil {
		t.Fatal(err)
	}
	stored := object("Issuer", "webhook-config", nil)
	if err := c.Get(t.Context(), client.ObjectKeyFromObject(stored), stored); err != nil {
		t.Fatal(err)
	}
	solvers, _, err := unstructured.NestedSlice(stored.Object, "spec", "acme", "solvers")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]any{solver}, solvers); diff != "" {
		t.Errorf("solvers after an update by us (-want +got):\n%s", diff)
	}
}

// TestUnknownFieldsAreNamed shows that the API server itself tells a user about
// a misspelt field, and that it is gone when the object is read.
func TestUnknownFieldsAreNamed(t *testing.T) {
	c := connect(t)
	spec := map[string]any{"secretName": "web", "issuerRef": map[string]any{"name": "ca"}, "dnsName": "a.example"}
	err := client.WithFieldValidation(c, metav1.FieldValidationStrict).Create(t.Context(), object("Certificate", "unknown-field", spec))
	if err == nil || !strings.Contains(err.Error(), `unknown field "spec.dnsName"`) {
		t.Errorf("a misspelt field under strict validation: %v", err)
	}
	crt := object("Certificate", "unknown-field", spec)
	create(t, c, crt)
	if value, ok, _ := unstructured.NestedString(crt.Object, "spec", "dnsName"); ok {
		t.Errorf("spec.dnsName is kept: %q", value)
	}
	want := map[string]any{"secretName": "web", "issuerRef": map[string]any{"name": "ca"}}
	if diff := cmp.Diff(want, crt.Object["spec"]); diff != "" {
		t.Errorf("nothing is defaulted by the CRD (-want +got):\n%s", diff)
	}
}

func connect(t *testing.T) client.Client {
	t.Helper()
	path := os.Getenv("KUBECONFIG")
	if path == "" {
		t.Fatal("KUBECONFIG is not set: run this by make test-cluster")
	}
	config, err := clientcmd.BuildConfigFromFlags("", path)
	if err != nil {
		t.Fatal(err)
	}
	shipped, err := deploy.CRDs()
	if err != nil {
		t.Fatal(err)
	}
	var crds []*apiextensionsv1.CustomResourceDefinition
	for _, o := range shipped {
		crd := &apiextensionsv1.CustomResourceDefinition{}
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, crd); err != nil {
			t.Fatal(err)
		}
		crds = append(crds, crd)
	}
	if _, err := envtest.InstallCRDs(config, envtest.CRDInstallOptions{CRDs: crds}); err != nil {
		t.Fatal(err)
	}
	scheme := runtime.NewScheme()
	if err := certsv1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	c, err := client.New(config, client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func object(kind, name string, spec map[string]any) *unstructured.Unstructured {
	o := &unstructured.Unstructured{Object: map[string]any{"apiVersion": certsv1.GroupVersion.String(), "kind": kind}}
	o.SetNamespace("default")
	o.SetName(name)
	if spec != nil {
		o.Object["spec"] = spec
	}
	return o
}

func create(t *testing.T, c client.Client, o *unstructured.Unstructured) {
	t.Helper()
	if err := c.Create(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := client.IgnoreNotFound(c.Delete(context.Background(), o)); err != nil {
			t.Errorf("delete %s: %v", o.GetName(), err)
		}
	})
}

// decode reads JSON with integers, as the API machinery does.
func decode(t *testing.T, text string) any {
	t.Helper()
	var value any
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		t.Fatal(err)
	}
	return value
}
