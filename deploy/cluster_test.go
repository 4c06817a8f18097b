//go:build cluster

package deploy

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// TestCluster installs everything into a real API server, as kubectl apply
// --server-side does, and asks it who may do what. It leaves the CRDs and the
// namespace behind, which later tests install as well.
func TestCluster(t *testing.T) {
	c := connect(t)
	ctx := t.Context()

	crds := mustObjects(t, CRDs)
	for _, o := range crds {
		if err := apply(ctx, c, o); err != nil {
			t.Fatal(err)
		}
	}
	for _, o := range crds {
		if err := waitEstablished(ctx, c, o); err != nil {
			t.Fatal(err)
		}
	}
	manifests := mustObjects(t, Manifests)
	all := slices.Concat(crds, manifests)
	for _, o := range manifests {
		t.Cleanup(func() { remove(t, c, o) })
		if err := apply(ctx, c, o); err != nil {
			t.Fatal(err)
		}
	}

	t.Run("a second apply changes nothing", func(t *testing.T) {
		for _, o := range all {
			before := read(t, c, o)
			if err := apply(ctx, c, o); err != nil {
				t.Error(err)
				continue
			}
			after := read(t, c, o)
			changed := before.GetResourceVersion() != after.GetResourceVersion()
			if before.GetGeneration() > 0 { // its status moves on by itself
				changed = before.GetGeneration() != after.GetGeneration()
			}
			if changed {
				t.Errorf("%s %s (-before +after):\n%s", o.GetKind(), o.GetName(), cmp.Diff(before.Object, after.Object))
			}
		}
	})
	t.Run("the API server keeps every field", func(t *testing.T) {
		for _, o := range all {
			if missing := missingFrom(o.Object, read(t, c, o).Object, ""); len(missing) > 0 {
				t.Errorf("%s %s: lost or changed %v", o.GetKind(), o.GetName(), missing)
			}
		}
	})
	t.Run("who may do what", func(t *testing.T) { testAccess(t, c) })
}

func testAccess(t *testing.T, c client.Client) {
	const namespace = "default"
	for _, role := range []string{"view", "edit", "admin"} {
		b := &rbacv1.RoleBinding{
			ObjectMeta: metav1.ObjectMeta{Name: "deploy-test-" + role, Namespace: namespace},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role},
			Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: "deploy-test-" + role}},
		}
		if err := c.Create(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Delete(context.Background(), b) })
	}
	account := func(name string) string { return "system:serviceaccount:" + Namespace + ":" + name }
	tests := map[string]struct {
		user, verb, group, resource, name, namespace string
		want                                         bool
	}{
		"an editor makes Certificates":                             {"deploy-test-edit", "create", certs, "certificates", "", namespace, true},
		"an editor asks for a renewal":                             {"deploy-test-edit", "update", certs, "certificates/status", "", namespace, true},
		"an editor removes a stuck Order":                          {"deploy-test-edit", "delete", acme, "orders", "", namespace, true},
		"an editor makes no Order":                                 {"deploy-test-edit", "create", acme, "orders", "", namespace, false},
		"an editor changes no Order":                               {"deploy-test-edit", "patch", acme, "orders", "", namespace, false},
		"an editor makes no Challenge":                             {"deploy-test-edit", "create", acme, "challenges", "", namespace, false},
		"an admin makes no Challenge":                              {"deploy-test-admin", "create", acme, "challenges", "", namespace, false},
		"an admin makes no ClusterIssuer":                          {"deploy-test-admin", "create", certs, "clusterissuers", "", "", false},
		"an editor approves nothing":                               {"deploy-test-edit", "approve", certs, "signers", "issuers.cert-manager.io/default.ca", "", false},
		"a viewer sees Orders":                                     {"deploy-test-view", "list", acme, "orders", "", namespace, true},
		"a viewer makes no Certificate":                            {"deploy-test-view", "create", certs, "certificates", "", namespace, false},
		"the acmesolver watches Challenges":                        {account(SolverServiceAccount), "watch", acme, "challenges", "", "", true},
		"the acmesolver reads no Secret":                           {account(SolverServiceAccount), "get", "", "secrets", "", namespace, false},
		"the acmesolver reads no Order":                            {account(SolverServiceAccount), "get", acme, "orders", "", namespace, false},
		"cert-manager reads Secrets everywhere":                    {account(ServiceAccount), "watch", "", "secrets", "", "", true},
		"cert-manager deletes no Secrets in bulk":                  {account(ServiceAccount), "deletecollection", "", "secrets", "", "", false},
		"cert-manager approves for Issuers":                        {account(ServiceAccount), "approve", certs, "signers", "issuers.cert-manager.io/*", "", true},
		"cert-manager approves for no external issuer":             {account(ServiceAccount), "approve", certs, "signers", "widgets.example.com/*", "", false},
		"cert-manager changes its own webhook configuration":       {account(ServiceAccount), "patch", "admissionregistration.k8s.io", "mutatingwebhookconfigurations", "cert-manager-webhook", "", true},
		"cert-manager changes no other webhook configuration":      {account(ServiceAccount), "patch", "admissionregistration.k8s.io", "mutatingwebhookconfigurations", "other", "", false},
		"cert-manager updates its CA":                              {account(ServiceAccount), "update", "", "secrets", "cert-manager-webhook-ca", Namespace, true},
		"cert-manager takes the lease":                             {account(ServiceAccount), "update", "coordination.k8s.io", "leases", "cert-manager-controller", "kube-system", true},
		"cert-manager takes no other lease":                        {account(ServiceAccount), "update", "coordination.k8s.io", "leases", "kube-scheduler", "kube-system", false},
		"cert-manager sets owner references that block an Ingress": {account(ServiceAccount), "update", "networking.k8s.io", "ingresses/finalizers", "", namespace, true},
		"cert-manager signs for Issuers":                           {account(ServiceAccount), "sign", csrs, "signers", "issuers.cert-manager.io/*", "", true},
		"cert-manager signs for ClusterIssuers":                    {account(ServiceAccount), "sign", csrs, "signers", "clusterissuers.cert-manager.io/*", "", true},
		"cert-manager signs for no signer of Kubernetes":           {account(ServiceAccount), "sign", csrs, "signers", "kubernetes.io/*", "", false},
		"cert-manager approves no CertificateSigningRequest":       {account(ServiceAccount), "update", csrs, "certificatesigningrequests/approval", "", "", false},
		"an editor may not use an Issuer through one":              {"deploy-test-edit", "reference", certs, "signers", "ca", namespace, false},
		"cert-manager gets no tokens":                              {account(ServiceAccount), "create", "", "serviceaccounts/token", "", namespace, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			resource, sub := splitResource(tt.resource)
			review := func() (bool, error) {
				r := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
					User: tt.user, Groups: []string{"system:authenticated"},
					ResourceAttributes: &authorizationv1.ResourceAttributes{
						Verb: tt.verb, Group: tt.group, Resource: resource, Subresource: sub, Name: tt.name, Namespace: tt.namespace,
					},
				}}
				err := c.Create(t.Context(), r)
				return r.Status.Allowed, err
			}
			// Aggregated roles and the authorizer's caches follow in a moment.
			err := wait.PollUntilContextTimeout(t.Context(), 100*time.Millisecond, 10*time.Second, true, func(context.Context) (bool, error) {
				allowed, err := review()
				return allowed == tt.want, err
			})
			if err != nil {
				t.Errorf("allowed is not %v: %v", tt.want, err)
			}
		})
	}
}

func splitResource(s string) (resource, sub string) {
	for i := range s {
		if s[i] == '/' {
			return s[:i], s[i+1:]
		}
	}
	return s, ""
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
	config.QPS = -1
	c, err := client.New(config, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return client.WithFieldValidation(c, metav1.FieldValidationStrict)
}

func apply(ctx context.Context, c client.Client, o *unstructured.Unstructured) error {
	err := c.Apply(ctx, client.ApplyConfigurationFromUnstructured(o.DeepCopy()), client.FieldOwner("deploy-test"), client.ForceOwnership)
	if err != nil {
		return fmt.Errorf("apply %s %s: %w", o.GetKind(), o.GetName(), err)
	}
	return nil
}

func read(t *testing.T, c client.Client, o *unstructured.Unstructured) *unstructured.Unstructured {
	t.Helper()
	got := &unstructured.Unstructured{}
	got.SetGroupVersionKind(o.GroupVersionKind())
	if err := c.Get(t.Context(), client.ObjectKeyFromObject(o), got); err != nil {
		t.Fatal(err)
	}
	got.SetManagedFields(nil)
	return got
}

// remove leaves what takes long to go, and what does no harm to later tests.
func remove(t *testing.T, c client.Client, o *unstructured.Unstructured) {
	if o.GetKind() == "Namespace" {
		return
	}
	err := c.Delete(context.Background(), o.DeepCopy(), client.PropagationPolicy(metav1.DeletePropagationBackground))
	if client.IgnoreNotFound(err) != nil {
		t.Errorf("delete %s %s: %v", o.GetKind(), o.GetName(), err)
	}
}

func waitEstablished(ctx context.Context, c client.Client, o *unstructured.Unstructured) error {
	return wait.PollUntilContextTimeout(ctx, 50*time.Millisecond, 30*time.Second, true, func(ctx context.Context) (bool, error) {
		got := o.DeepCopy()
		if err := c.Get(ctx, client.ObjectKeyFromObject(o), got); err != nil {
			return false, err
		}
		// A fresh CRD's conditions are null, which NestedSlice takes for an error.
		conditions, _, _ := unstructured.NestedFieldNoCopy(got.Object, "status", "conditions")
		list, _ := conditions.([]any)
		for _, condition := range list {
			m, ok := condition.(map[string]any)
			if !ok {
				return false, errors.New("a condition is not an object")
			}
			if m["status"] == string(corev1.ConditionTrue) && m["type"] == "Established" {
				return true, nil
			}
		}
		return false, nil
	})
}

// missingFrom returns the paths of what want says and got does not. Lists are
// compared by position: the API server adds fields to their items, but no items.
func missingFrom(want, got any, path string) []string {
	switch want := want.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok {
			return []string{path}
		}
		var all []string
		for key, value := range want {
			all = append(all, missingFrom(value, g[key], path+"."+key)...)
		}
		return all
	case []any:
		g, ok := got.([]any)
		if !ok || len(g) != len(want) {
			return []string{path}
		}
		var all []string
		for i, value := range want {
			all = append(all, missingFrom(value, g[i], fmt.Sprintf("%s[%d]", path, i))...)
		}
		return all
	default:
		if !cmp.Equal(want, got) {
			return []string{path}
		}
		return nil
	}
}
