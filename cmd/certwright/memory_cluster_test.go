//go:build cluster

package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/certwright/certwright/certs"
	acmev1 "github.com/certwright/certwright/certs/acme/v1"
	cmmeta "github.com/certwright/certwright/certs/meta/v1"
	certsv1 "github.com/certwright/certwright/certs/v1"
)

// TestNoStoreHoldsAKeyOrACertificate: whatever the program watches, nothing of
// what it stores holds a private key, the body of a certificate, or the content
// of a Secret (DESIGN D6).
func TestNoStoreHoldsAKeyOrACertificate(t *testing.T) {
	ns := newNamespace(t)
	format := func(types ...certsv1.CertificateOutputFormatType) (out []certsv1.CertificateAdditionalOutputFormat) {
		for _, f := range types {
			out = append(out, certsv1.CertificateAdditionalOutputFormat{Type: f})
		}
		return out
	}
	key := func(a certsv1.PrivateKeyAlgorithm, size int, e certsv1.PrivateKeyEncoding) func(*certsv1.CertificateSpec) {
		return func(c *certsv1.CertificateSpec) {
			c.PrivateKey = &certsv1.CertificatePrivateKey{Algorithm: a, Size: size, Encoding: e}
			c.AdditionalOutputFormats = format(certsv1.CertificateOutputFormatDER, certsv1.CertificateOutputFormatCombinedPEM)
		}
	}
	issued := []string{"root", "rsa", "rsa8", "ecdsa", "ed25519"}
	create(t,
		newCertificate(ns, "rsa", key(certsv1.RSAKeyAlgorithm, 2048, certsv1.PKCS1)),
		newCertificate(ns, "rsa8", key(certsv1.RSAKeyAlgorithm, 2048, certsv1.PKCS8)),
		newCertificate(ns, "ecdsa", key(certsv1.ECDSAKeyAlgorithm, 384, certsv1.PKCS8)),
		newCertificate(ns, "ed25519", key(certsv1.Ed25519KeyAlgorithm, 0, "")),
		// Its key waits in a Secret of its own, for as long as the test takes.
		newCertificate(ns, "slow", func(c *certsv1.CertificateSpec) {
			c.IssuerRef = cmmeta.IssuerReference{Name: "x", Kind: "CloudIssuer", Group: "cloud.example"}
		}))
	for _, name := range issued {
		ready(t, ns, name, 1)
	}
	secret := []byte("a password that is none of our business")
	create(t, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "other"}, Data: map[string][]byte{"password": secret}})

	forbidden := []needle{{"the content of a Secret that is not ours", secret}}
	var list corev1.SecretList
	eventually(t, "the key of the slow one is not stored", func(ctx context.Context) error {
		if err := admin.List(ctx, &list, client.InNamespace(ns)); err != nil {
			return err
		}
		if len(list.Items) != len(issued)+2 {
			return fmt.Errorf("%d Secrets", len(list.Items))
		}
		return nil
	})
	for _, s := range list.Items {
		if data, ok := s.Data["tls.key"]; ok {
			forbidden = append(forbidden, needlesOfKey(t, s.Name, data)...)
		}
		if data, ok := s.Data["tls.crt"]; ok {
			forbidden = append(forbidden, needlesOfCertificate(t, s.Name, data)...)
		}
	}
	// The answer of an ACME server is in an Order as well.
	chain := list.Items[slices.IndexFunc(list.Items, func(s corev1.Secret) bool { return s.Name == "rsa" })].Data["tls.crt"]
	order := &acmev1.Order{
		ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "order"},
		Spec:       acmev1.OrderSpec{Request: []byte("x"), IssuerRef: cmmeta.IssuerReference{Name: "nobody"}, DNSNames: []string{"a.example"}},
	}
	create(t, order)
	order.Status = acmev1.OrderStatus{State: acmev1.Valid, Certificate: chain}
	if err := admin.Status().Update(t.Context(), order); err != nil {
		t.Fatal(err)
	}
	caughtUp(t, ns, order)

	stores := allStores(t)
	for _, kind := range []string{
		"Certificate", "CertificateRequest", "Issuer", "ClusterIssuer", "Order", "Challenge", "Ingress", "managed Secrets", "other Secrets",
	} {
		if _, ok := stores[kind]; !ok {
			t.Errorf("no store of %s: the test looks in the wrong place", kind)
		}
	}
	for kind, objects := range stores {
		t.Logf("%3d of %s", len(objects), kind)
		for _, o := range objects {
			w := walker{forbidden: forbidden, trusts: strings.HasSuffix(kind, "Issuer"), seen: map[visit]bool{}}
			w.walk(reflect.ValueOf(o), kind)
			for _, found := range w.found {
				t.Error(found)
			}
		}
	}
}

// caughtUp waits until the stores hold the last of what was written.
func caughtUp(t *testing.T, namespace string, order *acmev1.Order) {
	t.Helper()
	eventually(t, "the stores lag behind", func(ctx context.Context) error {
		seen := &acmev1.Order{}
		if err := program.manager.GetCache().Get(ctx, client.ObjectKeyFromObject(order), seen); err != nil || seen.Status.State != acmev1.Valid {
			return fmt.Errorf("order %q, %w", seen.Status.State, err)
		}
		var requests certsv1.CertificateRequestList
		if err := program.manager.GetCache().List(ctx, &requests, client.InNamespace(namespace)); err != nil {
			return err
		}
		issued := 0
		for i := range requests.Items {
			if c := requests.Items[i].Status.Condition(certsv1.CertificateRequestConditionReady); c != nil && c.Status == cmmeta.ConditionTrue {
				issued++
			}
		}
		if issued != 5 || !program.secrets.Known(namespace, "other") {
			return fmt.Errorf("%d requests are answered", issued)
		}
		return nil
	})
}

// allStores returns every object in every store of the program by kind: those
// of the manager's cache, whatever kind the scheme knows, and those of Secrets.
func allStores(t *testing.T) map[string][]any {
	t.Helper()
	out := map[string][]any{}
	for gvk := range program.manager.GetScheme().AllKnownTypes() {
		kind, isList := strings.CutSuffix(gvk.Kind, "List")
		if !isList || kind == "" || gvk.Version == runtime.APIVersionInternal {
			continue
		}
		typed, err := program.manager.GetScheme().New(gvk)
		if err != nil {
			t.Fatal(err)
		}
		lists := map[string]client.ObjectList{"metadata of " + kind: &metav1.PartialObjectMetadataList{}, "unstructured " + kind: &unstructured.UnstructuredList{}}
		for _, l := range lists {
			l.(interface {
				SetGroupVersionKind(gvk schema.GroupVersionKind)
			}).SetGroupVersionKind(gvk)
		}
		if l, ok := typed.(client.ObjectList); ok {
			lists[kind] = l
		}
		for name, l := range lists {
			err := program.manager.GetCache().List(t.Context(), l, client.UnsafeDisableDeepCopyOption(true))
			var notCached *cache.ErrResourceNotCached
			if errors.As(err, &notCached) {
				continue
			}
			if err != nil {
				t.Fatalf("list %s from the cache: %v", gvk, err)
			}
			out[name] = []any{}
			if err := meta.EachListItem(l, func(o runtime.Object) error { out[name] = append(out[name], o); return nil }); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, src := range map[string]source.Source{
		"managed Secrets": program.secrets.Managed(&handler.EnqueueRequestForObject{}),
		"other Secrets":   program.secrets.Others(&handler.EnqueueRequestForObject{}),
	} {
		informer, ok := reflect.ValueOf(src).Elem().FieldByName("Informer").Interface().(*source.Informer).Informer.(toolscache.SharedIndexInformer)
		if !ok {
			t.Fatalf("no store behind %T", src)
		}
		out[name] = informer.GetStore().List()
	}
	return out
}

// A needle is what must not be found.
type needle struct {
	what  string
	bytes []byte
}

// needlesOfKey are a private key as DER, as the base64 of that, and the numbers
// that make it private.
func needlesOfKey(t *testing.T, name string, data []byte) []needle {
	t.Helper()
	key, err := certs.DecodeKey(data)
	if err != nil {
		t.Fatal(err)
	}
	var private [][]byte
	switch k := key.(type) {
	case *rsa.PrivateKey:
		private = [][]byte{k.D.Bytes(), k.Primes[0].Bytes(), k.Primes[1].Bytes()}
	case *ecdsa.PrivateKey:
		scalar, err := k.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		private = [][]byte{scalar}
	case ed25519.PrivateKey:
		private = [][]byte{k.Seed()}
	default:
		t.Fatalf("a key of type %T", key)
	}
	out := bodies("the private key of "+name, data)
	for _, p := range private {
		out = append(out, needle{"a number of the private key of " + name, p})
	}
	return out
}

func needlesOfCertificate(t *testing.T, name string, data []byte) []needle {
	t.Helper()
	if _, err := certs.DecodeChain(data); err != nil {
		t.Fatal(err)
	}
	return bodies("the certificate of "+name, data)
}

// bodies are pieces of the last block of a PEM text in all forms.
func bodies(what string, data []byte) []needle {
	var block *pem.Block
	for b, rest := pem.Decode(data); b != nil; b, rest = pem.Decode(rest) {
		block = b
	}
	// The end: that of a certificate is its signature, so not in a request.
	piece := block.Bytes[max(0, len(block.Bytes)-36):]
	text := strings.TrimRight(base64.StdEncoding.EncodeToString(block.Bytes), "=")
	return []needle{
		{what + " as DER", piece},
		{what + " as base64", []byte(text[len(text)-24:])},
		{what + " as base64 of PEM", []byte(base64.StdEncoding.EncodeToString(data)[60:120])},
	}
}

// A walker looks at everything that can be reached from a value.
type walker struct {
	forbidden []needle
	// trusts says that certificates may be there: an issuer names those that it
	// trusts.
	trusts bool
	seen   map[visit]bool
	found  []string
}

type visit struct {
	at uintptr
	of reflect.Type
}

var forbiddenTypes = []reflect.Type{
	reflect.TypeFor[corev1.Secret](), reflect.TypeFor[x509.Certificate](), reflect.TypeFor[rsa.PrivateKey](),
	reflect.TypeFor[ecdsa.PrivateKey](), reflect.TypeFor[ed25519.PrivateKey](),
}

func (w *walker) walk(v reflect.Value, path string) {
	if !v.IsValid() {
		return
	}
	if slices.Contains(forbiddenTypes, v.Type()) {
		w.found = append(w.found, fmt.Sprintf("%s is a %s", path, v.Type()))
	}
	switch v.Kind() {
	case reflect.Pointer:
		at := visit{v.Pointer(), v.Type()}
		if v.IsNil() || w.seen[at] {
			return
		}
		w.seen[at] = true
		w.walk(v.Elem(), path)
	case reflect.Interface:
		w.walk(v.Elem(), path)
	case reflect.Struct:
		for i := range v.NumField() {
			w.walk(v.Field(i), path+"."+v.Type().Field(i).Name)
		}
	case reflect.Map:
		for it := v.MapRange(); it.Next(); {
			w.walk(it.Key(), path+"[key]")
			w.walk(it.Value(), fmt.Sprintf("%s[%v]", path, it.Key()))
		}
	case reflect.Slice, reflect.Array:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			content := make([]byte, v.Len())
			for i := range content {
				content[i] = byte(v.Index(i).Uint())
			}
			w.text(content, path)
			return
		}
		for i := range v.Len() {
			w.walk(v.Index(i), fmt.Sprintf("%s[%d]", path, i))
		}
	case reflect.String:
		w.text([]byte(v.String()), path)
	default: // numbers say nothing
	}
}

func (w *walker) text(content []byte, path string) {
	if bytes.Contains(content, []byte("PRIVATE KEY-----")) {
		w.found = append(w.found, path+" holds a private key as PEM")
	}
	if !w.trusts && bytes.Contains(content, []byte("BEGIN CERTIFICATE-----")) {
		w.found = append(w.found, path+" holds a certificate as PEM")
	}
	for _, n := range w.forbidden {
		if bytes.Contains(content, n.bytes) {
			w.found = append(w.found, path+" holds "+n.what)
		}
	}
}
