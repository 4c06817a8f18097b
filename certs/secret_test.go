package certs_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/gob"
	"encoding/pem"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/certwright/certwright/certs"
	cmmeta "github.com/certwright/certwright/certs/meta/v1"
	certsv1 "github.com/certwright/certwright/certs/v1"
)

func TestSecretAnnotations(t *testing.T) {
	t.Parallel()
	leaf := newAuthority(t, "root", nil).issue(t, &certsv1.CertificateSpec{
		CommonName: "svc", DNSNames: []string{"a.example", "b.example"}, IPAddresses: []string{"192.0.2.1"},
		Subject: &certsv1.X509Subject{StreetAddresses: []string{`1 A St, Suite "2"`}, Organizations: []string{"o"}},
	}, newKey(t))
	got, err := certs.SecretAnnotations("web", &cmmeta.IssuerReference{Name: "ca", Kind: "ClusterIssuer"}, leaf)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"cert-manager.io/certificate-name":        "web",
		"cert-manager.io/issuer-name":             "ca",
		"cert-manager.io/issuer-kind":             "ClusterIssuer",
		"cert-manager.io/issuer-group":            "",
		"cert-manager.io/common-name":             "svc",
		"cert-manager.io/alt-names":               "a.example,b.example",
		"cert-manager.io/ip-sans":                 "192.0.2.1",
		"cert-manager.io/uri-sans":                "",
		"cert-manager.io/subject-organizations":   "o",
		"cert-manager.io/subject-streetaddresses": `"1 A St, Suite ""2"""`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	temporary, err := certs.SecretAnnotations("web", nil, leaf)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := temporary[certsv1.IssuerNameKey]; ok {
		t.Error("a temporary certificate names an issuer")
	}
}

func TestOutputFormats(t *testing.T) {
	t.Parallel()
	key, err := certs.EncodeKey(newKey(t), certsv1.PKCS8)
	if err != nil {
		t.Fatal(err)
	}
	got, err := certs.OutputFormats(&certsv1.CertificateSpec{AdditionalOutputFormats: []certsv1.CertificateAdditionalOutputFormat{{Type: "DER"}, {Type: "CombinedPEM"}}}, key, []byte("chain"))
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(key)
	if !bytes.Equal(got["key.der"], block.Bytes) {
		t.Error("key.der is not the DER of the key")
	}
	if string(got["tls-combined.pem"]) != string(key)+"\nchain" {
		t.Error("tls-combined.pem is not key, line, chain")
	}
}

func TestSummarizeKeepsNoBodies(t *testing.T) {
	t.Parallel()
	key := newKey(t)
	root := newAuthority(t, "root", nil)
	leaf := root.issue(t, &certsv1.CertificateSpec{DNSNames: []string{"a.example"}}, key)
	keyPEM, err := certs.EncodeKey(key, "")
	if err != nil {
		t.Fatal(err)
	}
	annotations, err := certs.SecretAnnotations("web", &cmmeta.IssuerReference{Name: "ca"}, leaf)
	if err != nil {
		t.Fatal(err)
	}
	chain := certs.EncodeChain(leaf)
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Name: "web", Annotations: maps.Clone(annotations),
			ManagedFields: []metav1.ManagedFieldsEntry{{
				Manager: certs.SecretFieldOwner, Operation: metav1.ManagedFieldsOperationApply,
				FieldsV1: metav1.NewFieldsV1(`{"f:data":{"f:tls.crt":{},"f:tls.key":{}},"f:metadata":{"f:annotations":{"f:x":{},"f:cert-manager.io/alt-names":{}},"f:labels":{"f:l":{}},"f:ownerReferences":{"k:{\"uid\":\"owner\"}":{}}}}`),
			}, {
				Manager: certs.SecretFieldOwner, Operation: metav1.ManagedFieldsOperationUpdate,
				FieldsV1: metav1.NewFieldsV1(`{"f:data":{".":{},"f:ca.crt":{},"f:tls.key":{}},"f:metadata":{"f:annotations":{"f:old":{}}}}`),
			}, {
				Manager: "kubectl-edit", Operation: metav1.ManagedFieldsOperationUpdate,
				FieldsV1: metav1.NewFieldsV1(`{"f:metadata":{"f:labels":{"f:theirs":{}}}}`),
			}},
		},
		Data: map[string][]byte{"tls.crt": chain, "tls.key": keyPEM, "ca.crt": {}},
	}
	secret.Annotations[corev1.LastAppliedConfigAnnotation] = string(keyPEM)
	sum := certs.Summarize(secret)

	if !sum.Described || sum.KeyError != "" || sum.CertificateError != "" || sum.PublicKey != sum.LeafPublicKey || sum.KeyAlgorithm != certsv1.ECDSAKeyAlgorithm || sum.KeySize != 256 || sum.KeyEncoding != certsv1.PKCS1 {
		t.Errorf("summary = %+v", sum)
	}
	if !sum.Has("tls.crt") || sum.Has("ca.crt") || sum.Has("other") {
		t.Error("Has is wrong")
	}
	if sum.Digest("tls.crt") != sha256.Sum256(chain) || sum.Digest("ca.crt") != (certs.Digest{}) || sum.Digest("other") != (certs.Digest{}) {
		t.Error("Digest is wrong")
	}
	if len(certs.NamesMismatch(&certsv1.CertificateSpec{CommonName: "a.example"}, sum.Names)) != 0 {
		t.Error("a name may stand in the common name instead")
	}
	if diff := cmp.Diff([]string{"spec.commonName", "spec.dnsNames"}, certs.NamesMismatch(&certsv1.CertificateSpec{DNSNames: []string{"b.example"}}, sum.Names)); diff != "" {
		t.Error(diff)
	}
	owned := map[string][]string{"data": sum.OwnedData, "annotations": sum.OwnedAnnotations, "labels": sum.OwnedLabels}
	if diff := cmp.Diff(map[string][]string{"data": {"ca.crt", "tls.crt", "tls.key"}, "annotations": {"old", "x"}, "labels": {"l"}}, owned); diff != "" {
		t.Errorf("owned (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]types.UID{"owner"}, sum.OwnedOwners); diff != "" {
		t.Error(diff)
	}

	var everything bytes.Buffer
	if err := gob.NewEncoder(&everything).Encode(*sum); err != nil {
		t.Fatal(err)
	}
	text := everything.String() + fmt.Sprintf("%+v", sum)
	for _, body := range [][]byte{keyPEM, chain} {
		block, _ := pem.Decode(body)
		if strings.Contains(text, string(block.Bytes[:32])) || strings.Contains(text, string(body[30:70])) {
			t.Error("the summary holds the body of a key or a certificate")
		}
	}

	secret.Annotations[certsv1.AltNamesKey] = "b.example"
	if certs.Summarize(secret).Described {
		t.Error("a wrong annotation was not noticed")
	}
	delete(secret.Annotations, certsv1.AltNamesKey)
	if certs.Summarize(secret).Described {
		t.Error("a missing annotation was not noticed")
	}
}

func FuzzSummarize(f *testing.F) {
	f.Add([]byte("-----BEGIN CERTIFICATE-----"), []byte("-----BEGIN PRIVATE KEY-----"), []byte(`{"f:data":{}}`))
	f.Add([]byte(""), []byte(""), []byte(`{"f:metadata":{"f:ownerReferences":{"k:{":{}}}}`))
	f.Fuzz(func(t *testing.T, crt, key, fields []byte) {
		sum := certs.Summarize(&corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{ManagedFields: []metav1.ManagedFieldsEntry{{Manager: certs.SecretFieldOwner, Operation: metav1.ManagedFieldsOperationApply, FieldsV1: metav1.NewFieldsV1(string(fields))}}},
			Data:       map[string][]byte{"tls.crt": crt, "tls.key": key},
		})
		if sum.CertificateError != "" && !sum.NotAfter.IsZero() {
			t.Error("a certificate that does not parse has an end")
		}
	})
}
