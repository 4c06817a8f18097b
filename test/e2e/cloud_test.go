//go:build cluster

package e2e

import (
	"context"
	"crypto"
	"crypto/x509"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/certwright/certwright/certs"
	cmmeta "github.com/certwright/certwright/certs/meta/v1"
	certsv1 "github.com/certwright/certwright/certs/v1"
)

// cloud is the issuer of somebody else's program: of a kind of its own, slow,
// and with its own mind about approvals.
var cloud = cmmeta.IssuerReference{Group: "cloud.example", Kind: "CloudIssuer", Name: "cloud"}

// installCloud makes the kind of the issuer known.
func installCloud(t *testing.T) {
	t.Helper()
	crd := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
		"metadata": map[string]any{"name": "cloudissuers.cloud.example"},
		"spec": map[string]any{
			"group": cloud.Group, "scope": "Namespaced",
			"names": map[string]any{"kind": cloud.Kind, "plural": "cloudissuers", "singular": "cloudissuer"},
			"versions": []any{map[string]any{
				"name": "v1", "served": true, "storage": true,
				"schema": map[string]any{"openAPIV3Schema": map[string]any{"type": "object", "x-kubernetes-preserve-unknown-fields": true}},
			}},
		},
	}}
	create(t, crd)
	t.Cleanup(func() { _ = admin.Delete(context.Background(), crd) })
	eventually(t, "the kind is not served", func(ctx context.Context) error {
		list := &unstructured.UnstructuredList{}
		list.SetAPIVersion(cloud.Group + "/v1")
		list.SetKind(cloud.Kind + "List")
		return admin.List(ctx, list, client.Limit(1))
	})
}

// runCloud answers requests until the test ends.
func runCloud(t *testing.T, namespace string) {
	t.Helper()
	root, key := newRoot(t)
	go func() {
		for t.Context().Err() == nil {
			var list certsv1.CertificateRequestList
			_ = admin.List(t.Context(), &list, client.InNamespace(namespace))
			for i := range list.Items {
				if r := &list.Items[i]; r.Spec.IssuerRef == cloud && len(r.Status.Certificate) == 0 {
					_ = answer(t.Context(), r, root, key)
				}
			}
			_ = sleep(t.Context(), 200*time.Millisecond) // as programs do that poll
		}
	}()
}

// answer approves and signs a request.
func answer(ctx context.Context, r *certsv1.CertificateRequest, root *x509.Certificate, key crypto.Signer) error {
	csr, err := certs.DecodeCSR(r.Spec.Request)
	if err != nil {
		return err
	}
	template, err := certs.Template(&r.Spec, csr, time.Now())
	if err != nil {
		return err
	}
	leaf, err := certs.Sign(template, root, csr.PublicKey, key)
	if err != nil {
		return err
	}
	r.Status.Certificate = certs.EncodeChain(leaf)
	for condition, reason := range map[certsv1.CertificateRequestConditionType]string{
		certsv1.CertificateRequestConditionApproved: "Cloud",
		certsv1.CertificateRequestConditionReady:    certsv1.CertificateRequestReasonIssued,
	} {
		r.Status.SetCondition(certsv1.CertificateRequestCondition{Type: condition, Status: cmmeta.ConditionTrue, Reason: reason, Message: "by the cloud"}, metav1.Now())
	}
	return admin.Status().Update(ctx, r)
}

func newRoot(t *testing.T) (*x509.Certificate, crypto.Signer) {
	t.Helper()
	spec := &certsv1.CertificateSpec{CommonName: "cloud root", IsCA: true, PrivateKey: &certsv1.CertificatePrivateKey{Algorithm: certsv1.ECDSAKeyAlgorithm}}
	key, err := certs.GenerateKey(spec.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	request, err := certs.CreateCSR(spec, key)
	if err != nil {
		t.Fatal(err)
	}
	csr, err := certs.DecodeCSR(request)
	if err != nil {
		t.Fatal(err)
	}
	template, err := certs.Template(&certsv1.CertificateRequestSpec{IsCA: true}, csr, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	root, err := certs.Sign(template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return root, key
}
