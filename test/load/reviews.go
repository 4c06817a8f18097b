package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/certwright/certwright/certs"
	cmmeta "github.com/certwright/certwright/certs/meta/v1"
	certsv1 "github.com/certwright/certwright/certs/v1"
	"github.com/certwright/certwright/webhook"
)

// A reviewer asks the webhook as the API server does, over connections that are
// kept.
type reviewer struct {
	client           *http.Client
	mutate, validate string // URLs
}

// newReviewer finds the webhook where the API server finds it.
func newReviewer(ctx context.Context, cl client.Client, connections int) (*reviewer, error) {
	var mutating admissionregistrationv1.MutatingWebhookConfiguration
	var validating admissionregistrationv1.ValidatingWebhookConfiguration
	key := client.ObjectKey{Name: webhook.Name}
	if err := errors.Join(cl.Get(ctx, key, &mutating), cl.Get(ctx, key, &validating)); err != nil {
		return nil, fmt.Errorf("find the webhook: %w", err)
	}
	fill, judge := mutating.Webhooks[0].ClientConfig, validating.Webhooks[0].ClientConfig
	if fill.URL == nil || judge.URL == nil {
		return nil, errors.New("the webhook has no URL")
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(judge.CABundle)
	return &reviewer{mutate: *fill.URL, validate: *judge.URL, client: &http.Client{
		Timeout: 30 * time.Second,
		Transport: &http.Transport{
			TLSClientConfig: &tls.Config{RootCAs: roots}, MaxIdleConnsPerHost: connections, MaxConnsPerHost: connections,
		},
	}}, nil
}

// post sends a review, which must be allowed.
func (r *reviewer) post(ctx context.Context, url string, body []byte) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := r.client.Do(request)
	if err != nil {
		return err
	}
	answer, err := io.ReadAll(response.Body)
	if err := errors.Join(err, response.Body.Close()); err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	if response.StatusCode != http.StatusOK || !bytes.Contains(answer, []byte(`"allowed":true`)) {
		return fmt.Errorf("HTTP %d: %.500s", response.StatusCode, answer)
	}
	return nil
}

var reviewUser = authenticationv1.UserInfo{Username: "admin", Groups: []string{"system:masters", "system:authenticated"}}

// reviewBody is the review of the creation of an object of ours.
func reviewBody(kind, resource string, object client.Object) ([]byte, error) {
	object.GetObjectKind().SetGroupVersionKind(certsv1.GroupVersion.WithKind(kind))
	raw, err := json.Marshal(object)
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", kind, err)
	}
	gvk := metav1.GroupVersionKind{Group: certsv1.GroupName, Version: "v1", Kind: kind}
	gvr := metav1.GroupVersionResource{Group: certsv1.GroupName, Version: "v1", Resource: resource}
	dryRun := true
	return json.Marshal(admissionv1.AdmissionReview{
		TypeMeta: metav1.TypeMeta{APIVersion: "admission.k8s.io/v1", Kind: "AdmissionReview"},
		Request: &admissionv1.AdmissionRequest{
			UID: "705ab4f5-6393-11e8-b7cc-42010a800002", Kind: gvk, RequestKind: &gvk, Resource: gvr, RequestResource: &gvr,
			Name: object.GetName(), Namespace: object.GetNamespace(), Operation: admissionv1.Create, UserInfo: reviewUser, DryRun: &dryRun,
			Object: runtime.RawExtension{Raw: raw}, Options: runtime.RawExtension{Raw: []byte(`{"kind":"CreateOptions","apiVersion":"meta.k8s.io/v1"}`)},
		},
	})
}

// reviewedCertificate is what is created and reviewed: one name, an ECDSA key.
func reviewedCertificate(namespace, name string) *certsv1.Certificate {
	return &certsv1.Certificate{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec: certsv1.CertificateSpec{
			SecretName: name + "-tls", DNSNames: []string{name + ".bench.example"},
			PrivateKey: &certsv1.CertificatePrivateKey{Algorithm: certsv1.ECDSAKeyAlgorithm, Size: 256, RotationPolicy: certsv1.RotationPolicyAlways},
			IssuerRef:  cmmeta.IssuerReference{Name: issuerName, Kind: certsv1.ClusterIssuerKind, Group: certsv1.GroupName},
		},
	}
}

// reviewedRequests are a CertificateRequest as users send it, and the same with
// who made it written in.
func reviewedRequests(namespace string) (bare, stamped *certsv1.CertificateRequest, err error) {
	key, err := certs.GenerateKey(&certsv1.CertificatePrivateKey{Algorithm: certsv1.ECDSAKeyAlgorithm})
	if err != nil {
		return nil, nil, err
	}
	crt := reviewedCertificate(namespace, "x")
	csr, err := certs.CreateCSR(&crt.Spec, key)
	if err != nil {
		return nil, nil, err
	}
	bare = &certsv1.CertificateRequest{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "x"},
		Spec:       certsv1.CertificateRequestSpec{Request: csr, Usages: certs.DefaultUsages(), IssuerRef: crt.Spec.IssuerRef},
	}
	stamped = bare.DeepCopy()
	stamped.Spec.Username, stamped.Spec.Groups = reviewUser.Username, reviewUser.Groups
	return bare, stamped, nil
}
