package main

import (
	"context"
	"crypto"
	"crypto/x509"
	"fmt"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/certwright/certwright/certs"
	cmmeta "github.com/certwright/certwright/certs/meta/v1"
	certsv1 "github.com/certwright/certwright/certs/v1"
)

// bound makes, for n certificates, the writes that the API makes visible and
// nothing else: no webhook, no watch, no decision. It returns how long that took.
func (g *generator) bound(ctx context.Context, namespaces []string, n int) (time.Duration, error) {
	key, err := certs.GenerateKey(&certsv1.CertificatePrivateKey{Algorithm: certsv1.ECDSAKeyAlgorithm})
	if err != nil {
		return 0, err
	}
	b := &bounder{client: g.client, key: key}
	if b.ca, err = b.sign(&certsv1.CertificateSpec{CommonName: "bound CA", IsCA: true}, key, nil); err != nil {
		return 0, err
	}
	var mu sync.Mutex
	var failed error
	var group sync.WaitGroup
	work := make(chan int)
	begin := time.Now()
	for range 2 * creators {
		group.Go(func() {
			for i := range work {
				if err := b.one(ctx, namespaces[i%len(namespaces)], fmt.Sprintf("bound-%d", i)); err != nil {
					mu.Lock()
					failed = err
					mu.Unlock()
				}
			}
		})
	}
	for i := range n {
		work <- i
	}
	close(work)
	group.Wait()
	return time.Since(begin), failed
}

type bounder struct {
	client client.Client
	key    crypto.Signer
	ca     *x509.Certificate
}

func (b *bounder) sign(spec *certsv1.CertificateSpec, key crypto.Signer, csrPEM *[]byte) (*x509.Certificate, error) {
	data, err := certs.CreateCSR(spec, key)
	if err != nil {
		return nil, err
	}
	if csrPEM != nil {
		*csrPEM = data
	}
	csr, err := certs.DecodeCSR(data)
	if err != nil {
		return nil, err
	}
	template, err := certs.Template(&certsv1.CertificateRequestSpec{IsCA: spec.IsCA}, csr, time.Now())
	if err != nil {
		return nil, err
	}
	parent := template
	if b.ca != nil {
		parent = b.ca
	}
	return certs.Sign(template, parent, csr.PublicKey, b.key)
}

// one makes the user's create, the four object writes and the Event.
func (b *bounder) one(ctx context.Context, namespace, name string) error {
	meta := metav1.ObjectMeta{Namespace: namespace, Name: name}
	issuer := cmmeta.IssuerReference{Name: "nobody", Kind: "None", Group: "bound.example"}
	crt := &certsv1.Certificate{ObjectMeta: meta, Spec: certsv1.CertificateSpec{SecretName: name, DNSNames: []string{name + ".bench.example"}, IssuerRef: issuer}}
	if err := b.client.Create(ctx, crt); err != nil {
		return err
	}
	key, err := certs.GenerateKey(&certsv1.CertificatePrivateKey{Algorithm: certsv1.ECDSAKeyAlgorithm})
	if err != nil {
		return err
	}
	var csrPEM []byte
	leaf, err := b.sign(&crt.Spec, key, &csrPEM)
	if err != nil {
		return err
	}
	keyPEM, err := certs.EncodeKey(key, "")
	if err != nil {
		return err
	}
	meta.Name += "-1"
	request := &certsv1.CertificateRequest{ObjectMeta: meta, Spec: certsv1.CertificateRequestSpec{Request: csrPEM, IssuerRef: issuer}}
	if err := b.client.Create(ctx, request); err != nil {
		return err
	}
	now := metav1.Now()
	before := request.DeepCopy()
	request.Status.Certificate, request.Status.CA = certs.EncodeChain(leaf), certs.EncodeChain(b.ca)
	request.Status.SetCondition(certsv1.CertificateRequestCondition{Type: certsv1.CertificateRequestConditionReady, Status: cmmeta.ConditionTrue, Reason: "Issued", Message: "bound"}, now)
	if err := b.client.Status().Patch(ctx, request, client.MergeFrom(before)); err != nil {
		return err
	}
	secret := &corev1.Secret{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Secret"}, ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Type: corev1.SecretTypeTLS, Data: map[string][]byte{"tls.crt": request.Status.Certificate, "tls.key": keyPEM, "ca.crt": request.Status.CA},
	}
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(secret)
	if err != nil {
		return err
	}
	if err := b.client.Apply(ctx, client.ApplyConfigurationFromUnstructured(toUnstructured(content)), client.FieldOwner("bound"), client.ForceOwnership); err != nil {
		return err
	}
	old := crt.DeepCopy()
	crt.Status.SetCondition(certsv1.CertificateCondition{Type: certsv1.CertificateConditionReady, Status: cmmeta.ConditionTrue, Reason: "Ready", Message: "bound"}, now)
	crt.Status.NotAfter = &metav1.Time{Time: leaf.NotAfter}
	if err := b.client.Status().Patch(ctx, crt, client.MergeFrom(old)); err != nil {
		return err
	}
	return b.client.Create(ctx, &corev1.Event{
		ObjectMeta:     metav1.ObjectMeta{Namespace: namespace, GenerateName: name + "-"},
		InvolvedObject: corev1.ObjectReference{APIVersion: "cert-manager.io/v1", Kind: "Certificate", Namespace: namespace, Name: name, UID: crt.UID},
		Type:           corev1.EventTypeNormal, Reason: "Issuing", Message: "bound", FirstTimestamp: now, LastTimestamp: now, Count: 1,
	})
}

func toUnstructured(content map[string]any) *unstructured.Unstructured {
	o := &unstructured.Unstructured{Object: content}
	unstructured.RemoveNestedField(o.Object, "metadata", "creationTimestamp")
	return o
}
