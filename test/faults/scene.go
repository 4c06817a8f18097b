package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/certwright/certwright/certs"
	acmev1 "github.com/certwright/certwright/certs/acme/v1"
	cmmeta "github.com/certwright/certwright/certs/meta/v1"
	certsv1 "github.com/certwright/certwright/certs/v1"
	"github.com/certwright/certwright/test/external"
)

// A fault is something that goes wrong.
type fault struct {
	// name says what.
	name string
	// set prepares what it goes wrong with. It may be nil.
	set func(context.Context, *scene) error
	// strike makes the fault.
	strike func(context.Context, *scene) error
	// heal ends it. If it is nil, it ends with its namespace.
	heal func(context.Context, *scene) error
	// wants are the alerts that it must raise; if there are none, hold is how
	// long none may come, as shipped.
	wants []want
	hold  time.Duration
	// because says why silence is right.
	because string
}

// A scene is the namespace that a fault happens in.
type scene struct {
	*world
	fault     fault
	namespace string
	struck    time.Time
	// role and authority are as they were before the fault, if it changes them.
	role      *rbacv1.ClusterRole
	authority *corev1.Secret
}

// open makes the namespace and what the fault needs.
func (s *scene) open(ctx context.Context) error {
	if err := s.create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: s.namespace}}); err != nil {
		return err
	}
	if s.fault.set == nil {
		return nil
	}
	return s.fault.set(ctx, s)
}

// close ends the fault and removes the namespace.
func (s *scene) close(ctx context.Context) error {
	var err error
	if s.fault.heal != nil {
		err = s.fault.heal(ctx, s)
	}
	return errors.Join(err, client.IgnoreNotFound(s.admin.Delete(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: s.namespace}})))
}

func (w *world) create(ctx context.Context, objects ...client.Object) error {
	for _, o := range objects {
		if err := w.admin.Create(ctx, o); err != nil {
			return fmt.Errorf("create %T %s: %w", o, o.GetName(), err)
		}
	}
	return nil
}

// eventually waits until check returns nil.
func eventually(ctx context.Context, what string, check func(context.Context) error) error {
	var last error
	if err := wait.PollUntilContextTimeout(ctx, 100*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
		last = check(ctx)
		return last == nil, nil
	}); err != nil {
		return fmt.Errorf("%s: %w", what, last)
	}
	return nil
}

// ready waits until a Certificate is.
func (w *world) ready(ctx context.Context, namespace, name string) error {
	return eventually(ctx, fmt.Sprintf("Certificate %s/%s is not ready", namespace, name), func(ctx context.Context) error {
		crt := &certsv1.Certificate{}
		if err := w.admin.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, crt); err != nil {
			return err
		}
		if c := crt.Status.Condition(certsv1.CertificateConditionReady); c == nil || c.Status != cmmeta.ConditionTrue {
			return fmt.Errorf("%+v", crt.Status)
		}
		return nil
	})
}

// issuerReady waits until an Issuer or, without a namespace, a ClusterIssuer is.
func (w *world) issuerReady(ctx context.Context, namespace, name string) error {
	return eventually(ctx, "issuer "+name+" is not ready", func(ctx context.Context) error {
		var issuer interface {
			client.Object
			certsv1.GenericIssuer
		} = &certsv1.Issuer{}
		if namespace == "" {
			issuer = &certsv1.ClusterIssuer{}
		}
		if err := w.admin.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, issuer); err != nil {
			return err
		}
		if c := issuer.GetStatus().Condition(certsv1.IssuerConditionReady); c == nil || c.Status != cmmeta.ConditionTrue {
			return fmt.Errorf("%+v", issuer.GetStatus())
		}
		return nil
	})
}

// certificate is an ECDSA Certificate of the Issuer "ca", changed.
func certificate(namespace, name string, change ...func(*certsv1.Certificate)) *certsv1.Certificate {
	crt := &certsv1.Certificate{
		ObjectMeta: named(namespace, name),
		Spec: certsv1.CertificateSpec{
			SecretName: name, DNSNames: []string{name + "." + namespace + ".example.test"}, IssuerRef: cmmeta.IssuerReference{Name: "ca"},
			PrivateKey: &certsv1.CertificatePrivateKey{Algorithm: certsv1.ECDSAKeyAlgorithm},
		},
	}
	for _, f := range change {
		f(crt)
	}
	return crt
}

// by has a Certificate signed by that issuer.
func by(ref cmmeta.IssuerReference) func(*certsv1.Certificate) {
	return func(crt *certsv1.Certificate) { crt.Spec.IssuerRef = ref }
}

// lasting has a Certificate ask for so long a life, as shipped.
func lasting(d time.Duration) func(*certsv1.Certificate) {
	return func(crt *certsv1.Certificate) { crt.Spec.Duration = &metav1.Duration{Duration: d} }
}

// keyPair is a Secret with a CA that is good between two times.
func keyPair(namespace, name string, notBefore, notAfter time.Time) (*corev1.Secret, error) {
	root, key, err := external.NewRoot(name, notBefore, notAfter)
	if err != nil {
		return nil, err
	}
	keyPEM, err := certs.EncodeKey(key, certsv1.PKCS8)
	if err != nil {
		return nil, err
	}
	return &corev1.Secret{
		ObjectMeta: named(namespace, name),
		Type:       corev1.SecretTypeTLS,
		Data:       map[string][]byte{corev1.TLSCertKey: certs.EncodeChain(root), corev1.TLSPrivateKeyKey: keyPEM},
	}, nil
}

// caIssuer makes an Issuer "ca" whose CA is good for a day.
func caIssuer(ctx context.Context, s *scene) error {
	now := time.Now()
	if err := s.caIssuerFrom(ctx, now.Add(-time.Hour), now.Add(day)); err != nil {
		return err
	}
	return s.issuerReady(ctx, s.namespace, "ca")
}

// caAndWeb makes an Issuer "ca" and a Certificate "web" of it that is ready.
func caAndWeb(ctx context.Context, s *scene) error {
	if err := caIssuer(ctx, s); err != nil {
		return err
	}
	return s.issue(ctx, certificate(s.namespace, "web"))
}

// issue makes a Certificate and waits until it is ready.
func (w *world) issue(ctx context.Context, crt *certsv1.Certificate) error {
	if err := w.create(ctx, crt); err != nil {
		return err
	}
	return w.ready(ctx, crt.Namespace, crt.Name)
}

// acmeSpec is that of an issuer for the ACME server.
func (s *scene) acmeSpec() certsv1.IssuerSpec {
	return certsv1.IssuerSpec{ACME: &acmev1.ACMEIssuer{
		Server: s.stage.ACME.DirectoryURL(), CABundle: s.stage.ACME.CABundle(),
		PrivateKeySecretRef: cmmeta.SecretKeySelector{LocalObjectReference: cmmeta.LocalObjectReference{Name: s.namespace + "-account"}},
		Solvers:             []acmev1.ACMEChallengeSolver{{HTTP01: &acmev1.ACMEChallengeSolverHTTP01{Ingress: &acmev1.ACMEChallengeSolverHTTP01Ingress{}}}},
	}}
}

// setACME makes the Issuer "acme" and waits for its account.
func setACME(ctx context.Context, s *scene) error {
	if err := s.create(ctx, &certsv1.Issuer{ObjectMeta: named(s.namespace, "acme"), Spec: s.acmeSpec()}); err != nil {
		return err
	}
	return s.issuerReady(ctx, s.namespace, "acme")
}

// host is a name of the fault's own, below the zone that leads to the data plane.
func (s *scene) host() string { return s.namespace + ".example.test" }

// ingress is one for host that the Issuer "acme" is to give a certificate.
func (s *scene) ingress(name, host string) *networkingv1.Ingress {
	prefix := networkingv1.PathTypePrefix
	return &networkingv1.Ingress{
		ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: name, Annotations: map[string]string{"cert-manager.io/issuer": "acme"}},
		Spec: networkingv1.IngressSpec{
			TLS: []networkingv1.IngressTLS{{Hosts: []string{host}, SecretName: name}},
			Rules: []networkingv1.IngressRule{{Host: host, IngressRuleValue: networkingv1.IngressRuleValue{HTTP: &networkingv1.HTTPIngressRuleValue{
				Paths: []networkingv1.HTTPIngressPath{{Path: "/", PathType: &prefix, Backend: networkingv1.IngressBackend{
					Service: &networkingv1.IngressServiceBackend{Name: "site", Port: networkingv1.ServiceBackendPort{Number: 80}},
				}}},
			}}}},
		},
	}
}

// annotate makes the Ingress "web" for a name.
func annotate(host func(*scene) string) func(context.Context, *scene) error {
	return func(ctx context.Context, s *scene) error { return s.create(ctx, s.ingress("web", host(s))) }
}

// remove deletes objects.
func (w *world) remove(ctx context.Context, objects ...client.Object) error {
	for _, o := range objects {
		if err := w.admin.Delete(ctx, o); err != nil && !apierrors.IsNotFound(err) {
			return fmt.Errorf("delete %T %s: %w", o, o.GetName(), err)
		}
	}
	return nil
}

func named(namespace, name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: namespace, Name: name}
}

// slug is the namespace of the fault of that number.
func slug(n int, name string) string {
	words := strings.FieldsFunc(strings.ToLower(name), func(r rune) bool { return r < 'a' || r > 'z' })
	text := strings.Join(words, "-")
	return fmt.Sprintf("f%02d-%s", n, strings.Trim(text[:min(len(text), 30)], "-"))
}
