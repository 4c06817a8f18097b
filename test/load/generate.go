package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/certwright/certwright/certs"
	cmmeta "github.com/certwright/certwright/certs/meta/v1"
	certsv1 "github.com/certwright/certwright/certs/v1"
)

// creators is how many objects are created at once.
const creators = 16

// A generator creates objects and waits for what becomes of them.
type generator struct {
	client client.WithWatch
}

func newGenerator(config *rest.Config) (*generator, error) {
	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), certsv1.AddToScheme(scheme)); err != nil {
		return nil, err
	}
	cl, err := client.NewWithWatch(config, client.Options{Scheme: scheme})
	if err != nil {
		return nil, fmt.Errorf("client: %w", err)
	}
	return &generator{cl}, nil
}

// issuerName is the ClusterIssuer of all runs.
const issuerName = "bench-ca"

// setUp makes a CA and its ClusterIssuer.
func (g *generator) setUp(ctx context.Context, resourceNamespace string) error {
	key, err := certs.GenerateKey(&certsv1.CertificatePrivateKey{Algorithm: certsv1.ECDSAKeyAlgorithm})
	if err != nil {
		return err
	}
	spec := &certsv1.CertificateSpec{CommonName: "bench CA", IsCA: true}
	csrPEM, err := certs.CreateCSR(spec, key)
	if err != nil {
		return err
	}
	csr, err := certs.DecodeCSR(csrPEM)
	if err != nil {
		return err
	}
	template, err := certs.Template(&certsv1.CertificateRequestSpec{IsCA: true, Duration: &metav1.Duration{Duration: 10 * certs.DefaultDuration}}, csr, time.Now())
	if err != nil {
		return err
	}
	root, err := certs.Sign(template, template, key.Public(), key)
	if err != nil {
		return err
	}
	keyPEM, err := certs.EncodeKey(key, certsv1.PKCS8)
	if err != nil {
		return err
	}
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: resourceNamespace, Name: issuerName},
		Type:       corev1.SecretTypeTLS,
		Data:       map[string][]byte{"tls.crt": certs.EncodeChain(root), "tls.key": keyPEM},
	}
	issuer := &certsv1.ClusterIssuer{
		ObjectMeta: metav1.ObjectMeta{Name: issuerName},
		Spec:       certsv1.IssuerSpec{CA: &certsv1.CAIssuer{SecretName: issuerName}},
	}
	for _, o := range []client.Object{secret, issuer} {
		if err := g.client.Create(ctx, o); err != nil {
			return fmt.Errorf("create %T: %w", o, err)
		}
	}
	return g.await(ctx, &certsv1.ClusterIssuerList{}, nil, 1, func(o client.Object) bool {
		issuer, ok := o.(*certsv1.ClusterIssuer)
		if !ok {
			return false
		}
		c := issuer.Status.Condition(certsv1.IssuerConditionReady)
		return c != nil && c.Status == cmmeta.ConditionTrue
	}, nil)
}

// namespaces makes n namespaces and returns their names.
func (g *generator) namespaces(ctx context.Context, run string, n int) ([]string, error) {
	var names []string
	for i := range n {
		name := fmt.Sprintf("%s-%d", run, i)
		if err := g.client.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}); err != nil {
			return nil, fmt.Errorf("create namespace: %w", err)
		}
		names = append(names, name)
	}
	return names, nil
}

// certificates creates n Certificates over the namespaces and returns, sorted,
// how long each took from its creation until it was Ready.
func (g *generator) certificates(ctx context.Context, namespaces []string, n int, key certsv1.CertificatePrivateKey) ([]time.Duration, error) {
	return g.run(ctx, n, func(i int) client.Object {
		name := fmt.Sprintf("web-%d", i)
		return &certsv1.Certificate{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespaces[i%len(namespaces)], Name: name},
			Spec: certsv1.CertificateSpec{
				SecretName: name, DNSNames: []string{name + ".bench.example"}, PrivateKey: &key,
				IssuerRef: cmmeta.IssuerReference{Name: issuerName, Kind: certsv1.ClusterIssuerKind},
			},
		}
	}, g.create, &certsv1.CertificateList{}, nil, issued(1))
}

// create is the action of most runs.
func (g *generator) create(ctx context.Context, o client.Object) error {
	return g.client.Create(ctx, o)
}

// issued reports whether a Certificate has been issued so many times.
func issued(revision int) func(client.Object) bool {
	return func(o client.Object) bool {
		crt, ok := o.(*certsv1.Certificate)
		if !ok || crt.Status.Revision == nil || *crt.Status.Revision < revision {
			return false
		}
		c := crt.Status.Condition(certsv1.CertificateConditionReady)
		return c != nil && c.Status == cmmeta.ConditionTrue
	}
}

// renew renews the first n Certificates of the list, each of which has been
// issued once, and returns, sorted, how long each took.
func (g *generator) renew(ctx context.Context, list []certsv1.Certificate, n int) ([]time.Duration, error) {
	return g.run(ctx, n, func(i int) client.Object { return &list[i] }, func(ctx context.Context, o client.Object) error {
		crt, ok := o.(*certsv1.Certificate)
		if !ok {
			return fmt.Errorf("%T is no Certificate", o)
		}
		crt.Status.SetCondition(certsv1.CertificateCondition{
			Type: certsv1.CertificateConditionIssuing, Status: cmmeta.ConditionTrue, Reason: "ManuallyTriggered", Message: "for the benchmark",
			ObservedGeneration: crt.Generation,
		}, metav1.Now())
		return g.client.Status().Update(ctx, crt)
	}, &certsv1.CertificateList{}, nil, issued(2))
}

// ingresses creates n annotated Ingresses over the namespaces and returns,
// sorted, how long each took until its Secret held a certificate.
func (g *generator) ingresses(ctx context.Context, namespaces []string, n int) ([]time.Duration, error) {
	return g.run(ctx, n, func(i int) client.Object {
		return annotatedIngress(namespaces[i%len(namespaces)], fmt.Sprintf("site-%d", i))
	}, g.create, &corev1.SecretList{}, []client.ListOption{managed}, holdsCertificate)
}

// managed selects the Secrets of Certificates.
var managed = client.MatchingLabels{certsv1.SecretManagedKey: "true"}

// holdsCertificate reports whether a Secret holds a certificate.
func holdsCertificate(o client.Object) bool {
	secret, ok := o.(*corev1.Secret)
	return ok && len(secret.Data["tls.crt"]) > 0
}

// annotatedIngress asks for an ECDSA certificate.
func annotatedIngress(namespace, name string) *networkingv1.Ingress {
	host := name + "." + namespace + ".bench.example"
	return &networkingv1.Ingress{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Annotations: map[string]string{
			"cert-manager.io/cluster-issuer":        issuerName,
			"cert-manager.io/private-key-algorithm": "ECDSA",
		}},
		Spec: networkingv1.IngressSpec{
			TLS: []networkingv1.IngressTLS{{Hosts: []string{host}, SecretName: name}},
			DefaultBackend: &networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{
				Name: "site", Port: networkingv1.ServiceBackendPort{Number: 80},
			}},
		},
	}
}

// run begins with n objects and waits until as many objects of list, selected
// by of, are done that have namespace and name of one that was begun with.
func (g *generator) run(ctx context.Context, n int, object func(int) client.Object, begin func(context.Context, client.Object) error, list client.ObjectList, of []client.ListOption, done func(client.Object) bool) ([]time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Minute)
	defer cancel()
	var mu sync.Mutex
	begun := make(map[client.ObjectKey]time.Time, n)
	finished := make(map[client.ObjectKey]time.Time, n)
	awaited := make(chan error, 1)
	go func() {
		awaited <- g.await(ctx, list, of, n, func(o client.Object) bool {
			mu.Lock()
			defer mu.Unlock()
			_, ours := begun[client.ObjectKeyFromObject(o)]
			return ours && done(o)
		}, func(o client.Object) {
			mu.Lock()
			defer mu.Unlock()
			finished[client.ObjectKeyFromObject(o)] = time.Now()
		})
	}()
	var group sync.WaitGroup
	var failed error
	work := make(chan int)
	for range creators {
		group.Go(func() {
			for i := range work {
				o := object(i)
				key := client.ObjectKeyFromObject(o)
				mu.Lock()
				begun[key] = time.Now()
				mu.Unlock()
				if err := begin(ctx, o); err != nil {
					mu.Lock()
					failed = fmt.Errorf("begin with %s: %w", key, err)
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
	if failed != nil {
		return nil, failed
	}
	if err := <-awaited; err != nil {
		return nil, err
	}
	var latencies []time.Duration
	for key, at := range finished {
		latencies = append(latencies, at.Sub(begun[key]))
	}
	slices.Sort(latencies)
	return latencies, nil
}

// await watches until n objects of list, selected by of, are done. It calls
// finished, if not nil, once for each. The API server ends a watch that it
// finds slow; another shows everything once more.
func (g *generator) await(ctx context.Context, list client.ObjectList, of []client.ListOption, n int, done func(client.Object) bool, finished func(client.Object)) error {
	seen := map[client.ObjectKey]bool{}
	for len(seen) < n {
		watcher, err := g.client.Watch(ctx, list, of...)
		if err != nil {
			return fmt.Errorf("watch, %d of %d done: %w", len(seen), n, err)
		}
		for len(seen) < n {
			event, ok := <-watcher.ResultChan()
			if !ok || event.Type == watch.Error {
				break
			}
			o, isObject := event.Object.(client.Object)
			if !isObject || event.Type == watch.Deleted {
				continue
			}
			if key := client.ObjectKeyFromObject(o); !seen[key] && done(o) {
				seen[key] = true
				if finished != nil {
					finished(o)
				}
			}
		}
		watcher.Stop()
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("%d of %d done: %w", len(seen), n, err)
		}
	}
	return nil
}
