// Package external is an issuer of somebody else's program, of a kind that
// Certwright does not know: it reads CertificateRequests, approves them and
// answers them, as issuers outside of the cluster's own group do.
package external

import (
	"context"
	"crypto"
	"crypto/x509"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/certwright/certwright/certs"
	cmmeta "github.com/certwright/certwright/certs/meta/v1"
	certsv1 "github.com/certwright/certwright/certs/v1"
)

// An Answer is what an Issuer makes of a request.
type Answer int

const (
	// Sign approves it and signs it.
	Sign Answer = iota
	// Ignore leaves it as it is.
	Ignore
	// Refuse approves it and fails it.
	Refuse
)

// poll is how often an Issuer looks, as programs do that do not watch.
const poll = 200 * time.Millisecond

// An Issuer answers the requests for its references.
type Issuer struct {
	// Client reads and answers requests.
	Client client.Client
	// Namespace is where it looks; empty is everywhere.
	Namespace string
	// Group and Kind are those of the references it answers.
	Group, Kind string
	// Mind decides; nil signs everything.
	Mind func(*certsv1.CertificateRequest) Answer
	// Life returns when a certificate begins and ends that is signed now; nil is
	// what the request asks for.
	Life func(r *certsv1.CertificateRequest, now time.Time) (notBefore, notAfter time.Time)

	root *x509.Certificate
	key  crypto.Signer
}

// Definition is the CustomResourceDefinition of a kind of issuers.
func Definition(group, kind, plural string) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
		"metadata": map[string]any{"name": plural + "." + group},
		"spec": map[string]any{
			"group": group, "scope": "Namespaced",
			"names": map[string]any{"kind": kind, "plural": plural},
			"versions": []any{map[string]any{
				"name": "v1", "served": true, "storage": true,
				"schema": map[string]any{"openAPIV3Schema": map[string]any{"type": "object", "x-kubernetes-preserve-unknown-fields": true}},
			}},
		},
	}}
}

// Served waits until the API server serves the kind.
func Served(ctx context.Context, c client.Client, group, kind string) error {
	return wait.PollUntilContextTimeout(ctx, 50*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
		list := &unstructured.UnstructuredList{}
		list.SetAPIVersion(group + "/v1")
		list.SetKind(kind + "List")
		return c.List(ctx, list, client.Limit(1)) == nil, nil
	})
}

// Run answers requests until ctx ends.
func (i *Issuer) Run(ctx context.Context) error {
	var err error
	if i.root, i.key, err = NewRoot(i.Kind+" root", time.Now(), time.Now().AddDate(1, 0, 0)); err != nil {
		return fmt.Errorf("root of %s: %w", i.Kind, err)
	}
	tick := time.NewTicker(poll)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		var list certsv1.CertificateRequestList
		_ = i.Client.List(ctx, &list, client.InNamespace(i.Namespace)) // what fails comes again
		for n := range list.Items {
			r := &list.Items[n]
			ref := r.Spec.IssuerRef
			if ref.Group == i.Group && ref.Kind == i.Kind && r.Status.Condition(certsv1.CertificateRequestConditionReady) == nil {
				_ = i.answer(ctx, r)
			}
		}
	}
}

func (i *Issuer) answer(ctx context.Context, r *certsv1.CertificateRequest) error {
	answer := Sign
	if i.Mind != nil {
		answer = i.Mind(r)
	}
	now := time.Now()
	set := func(t certsv1.CertificateRequestConditionType, status cmmeta.ConditionStatus, reason, message string) {
		r.Status.SetCondition(certsv1.CertificateRequestCondition{Type: t, Status: status, Reason: reason, Message: message}, metav1.NewTime(now))
	}
	switch answer {
	case Ignore:
		return nil
	case Refuse:
		set(certsv1.CertificateRequestConditionReady, cmmeta.ConditionFalse, certsv1.CertificateRequestReasonFailed, "the contract with the CA has ended")
		r.Status.FailureTime = &metav1.Time{Time: now}
	case Sign:
		chain, err := i.sign(r, now)
		if err != nil {
			return err
		}
		r.Status.Certificate = chain
		set(certsv1.CertificateRequestConditionReady, cmmeta.ConditionTrue, certsv1.CertificateRequestReasonIssued, "signed")
	}
	set(certsv1.CertificateRequestConditionApproved, cmmeta.ConditionTrue, "ApprovedByIssuer", "by the issuer itself")
	return i.Client.Status().Update(ctx, r)
}

func (i *Issuer) sign(r *certsv1.CertificateRequest, now time.Time) ([]byte, error) {
	csr, err := certs.DecodeCSR(r.Spec.Request)
	if err != nil {
		return nil, err
	}
	template, err := certs.Template(&r.Spec, csr, now)
	if err != nil {
		return nil, err
	}
	if i.Life != nil {
		template.NotBefore, template.NotAfter = i.Life(r, now)
	}
	leaf, err := certs.Sign(template, i.root, csr.PublicKey, i.key)
	if err != nil {
		return nil, err
	}
	return certs.EncodeChain(leaf), nil
}

// NewRoot makes a CA that is good from notBefore to notAfter.
func NewRoot(commonName string, notBefore, notAfter time.Time) (*x509.Certificate, crypto.Signer, error) {
	spec := &certsv1.CertificateSpec{CommonName: commonName, IsCA: true, PrivateKey: &certsv1.CertificatePrivateKey{Algorithm: certsv1.ECDSAKeyAlgorithm}}
	key, err := certs.GenerateKey(spec.PrivateKey)
	if err != nil {
		return nil, nil, err
	}
	request, err := certs.CreateCSR(spec, key)
	if err != nil {
		return nil, nil, err
	}
	csr, err := certs.DecodeCSR(request)
	if err != nil {
		return nil, nil, err
	}
	template, err := certs.Template(&certsv1.CertificateRequestSpec{IsCA: true}, csr, notBefore)
	if err != nil {
		return nil, nil, err
	}
	template.NotBefore, template.NotAfter = notBefore, notAfter
	root, err := certs.Sign(template, template, key.Public(), key)
	return root, key, err
}
