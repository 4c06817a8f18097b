package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"
	"time"

	"golang.org/x/oauth2"
	authenticationv1 "k8s.io/api/authentication/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/transport"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/certwright/certwright/deploy"
	"github.com/certwright/certwright/webhook"
)

// devLabel marks the webhook configurations that --dev made.
const devLabel = "certwright.dev/dev"

// A development is what --dev put into a cluster.
type development struct {
	admin      client.Client
	kubernetes kubernetes.Interface
}

// develop prepares the cluster that admin leads to for a run of the program on
// this machine, and returns the access of the shipped ServiceAccount. It
// refuses an API server that is not on this machine, webhook configurations of
// somebody else, and a live lease.
func develop(ctx context.Context, admin *rest.Config, c *config) (*development, *rest.Config, error) {
	if err := onThisMachine(admin.Host); err != nil {
		return nil, nil, err
	}
	scheme := runtime.NewScheme()
	if err := addToScheme(scheme); err != nil {
		return nil, nil, err
	}
	cl, err := client.New(admin, client.Options{Scheme: scheme})
	if err != nil {
		return nil, nil, fmt.Errorf("client: %w", err)
	}
	clientset, err := kubernetes.NewForConfig(admin)
	if err != nil {
		return nil, nil, fmt.Errorf("client: %w", err)
	}
	d := &development{admin: cl, kubernetes: clientset}
	if err := d.refuseForeign(ctx); err != nil {
		return nil, nil, err
	}
	if c.LeaderElect && c.writes() {
		if err := freeLease(ctx, clientset, c.LeaderNamespace, time.Now()); err != nil {
			return nil, nil, err
		}
	}
	crds, err := deploy.CRDs()
	if err != nil {
		return nil, nil, err
	}
	rbac, err := deploy.RBAC()
	if err != nil {
		return nil, nil, err
	}
	for _, o := range append(crds, rbac...) {
		if err := d.apply(ctx, o); err != nil {
			return nil, nil, err
		}
	}
	if err := d.waitEstablished(ctx, crds); err != nil {
		return nil, nil, err
	}
	access := rest.AnonymousClientConfig(admin)
	tokens := transport.NewCachedTokenSource(serviceAccountTokens{ctx, clientset})
	access.WrapTransport = transport.TokenSourceWrapTransport(tokens)
	return d, access, nil
}

// onThisMachine refuses the address of an API server elsewhere.
func onThisMachine(host string) error {
	name := host
	if u, err := url.Parse(host); err == nil && u.Hostname() != "" {
		name = u.Hostname()
	}
	if ip := net.ParseIP(name); name == "localhost" || ip != nil && ip.IsLoopback() {
		return nil
	}
	return fmt.Errorf("--dev installs and removes webhook configurations, so it works on an API server on this machine only, not on %s", name)
}

// refuseForeign refuses webhook configurations of our names that --dev did not
// make: taking them away at the end would leave a cluster unguarded.
func (d *development) refuseForeign(ctx context.Context) error {
	for _, o := range webhookConfigurations() {
		err := d.admin.Get(ctx, client.ObjectKeyFromObject(o), o)
		if apierrors.IsNotFound(err) {
			continue
		}
		if err != nil {
			return fmt.Errorf("look for webhook configurations: %w", err)
		}
		if o.GetLabels()[devLabel] != "true" {
			return fmt.Errorf("there is a %s %q that --dev did not make: another installation runs here", o.GetKind(), o.GetName())
		}
	}
	return nil
}

// webhookConfigurations are the two objects that --dev makes, by name.
func webhookConfigurations() []*unstructured.Unstructured {
	var out []*unstructured.Unstructured
	for _, kind := range []string{"MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"} {
		o := &unstructured.Unstructured{}
		o.SetAPIVersion("admissionregistration.k8s.io/v1")
		o.SetKind(kind)
		o.SetName(webhook.Name)
		out = append(out, o)
	}
	return out
}

// apply makes o be in the cluster as it is here.
func (d *development) apply(ctx context.Context, o *unstructured.Unstructured) error {
	err := d.admin.Apply(ctx, client.ApplyConfigurationFromUnstructured(o), client.FieldOwner("certwright-dev"), client.ForceOwnership)
	if err != nil {
		return fmt.Errorf("apply %s %s: %w", o.GetKind(), o.GetName(), err)
	}
	return nil
}

// waitEstablished waits until the API server serves all crds.
func (d *development) waitEstablished(ctx context.Context, crds []*unstructured.Unstructured) error {
	return wait.PollUntilContextTimeout(ctx, 50*time.Millisecond, 30*time.Second, true, func(ctx context.Context) (bool, error) {
		for _, o := range crds {
			var crd apiextensionsv1.CustomResourceDefinition
			if err := d.admin.Get(ctx, types.NamespacedName{Name: o.GetName()}, &crd); err != nil {
				return false, fmt.Errorf("read CRD %s: %w", o.GetName(), err)
			}
			established := false
			for _, condition := range crd.Status.Conditions {
				if condition.Type == apiextensionsv1.Established && condition.Status == apiextensionsv1.ConditionTrue {
					established = true
				}
			}
			if !established {
				return false, nil
			}
		}
		return true, nil
	})
}

// registerWebhook makes the webhook configurations, which lead to url. Whom to
// trust there is written by the webhook itself.
func (d *development) registerWebhook(ctx context.Context, url string) error {
	mutating, validating := webhook.Configurations(webhook.Options{URL: url, Labels: map[string]string{devLabel: "true"}})
	for _, o := range []client.Object{mutating, validating} {
		content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(o)
		if err != nil {
			return fmt.Errorf("convert webhook configuration: %w", err)
		}
		if err := d.apply(ctx, &unstructured.Unstructured{Object: content}); err != nil {
			return err
		}
	}
	return nil
}

// leave takes the webhook configurations away.
func (d *development) leave(ctx context.Context) error {
	var errs []error
	for _, o := range webhookConfigurations() {
		errs = append(errs, client.IgnoreNotFound(d.admin.Delete(ctx, o)))
	}
	return errors.Join(errs...)
}

// serviceAccountTokens asks for tokens of the shipped ServiceAccount.
type serviceAccountTokens struct {
	ctx        context.Context
	kubernetes kubernetes.Interface
}

// Token returns a fresh token.
func (s serviceAccountTokens) Token() (*oauth2.Token, error) {
	ctx, cancel := context.WithTimeout(s.ctx, 30*time.Second)
	defer cancel()
	hour := int64(3600)
	r, err := s.kubernetes.CoreV1().ServiceAccounts(deploy.Namespace).CreateToken(ctx, deploy.ServiceAccount,
		&authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: &hour}}, metav1.CreateOptions{})
	if err != nil {
		return nil, fmt.Errorf("token of ServiceAccount %s/%s: %w", deploy.Namespace, deploy.ServiceAccount, err)
	}
	return &oauth2.Token{AccessToken: r.Status.Token, TokenType: "Bearer", Expiry: r.Status.ExpirationTimestamp.Time}, nil
}

// processNamespace returns the namespace that the process runs in, in a cluster.
func processNamespace() string {
	data, err := os.ReadFile("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
	if err != nil {
		return deploy.Namespace
	}
	return strings.TrimSpace(string(data))
}
