package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"

	authorizationv1 "k8s.io/api/authorization/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cmmeta "github.com/certwright/certwright/certs/meta/v1"
	certsv1 "github.com/certwright/certwright/certs/v1"
	"github.com/certwright/certwright/cmd/internal/run"
	"github.com/certwright/certwright/deploy"
	"github.com/certwright/certwright/shim"
	"github.com/certwright/certwright/webhook"
	"github.com/certwright/certwright/webhook/approval"
	"github.com/certwright/certwright/webhook/serving"
)

// addWebhook adds the role that answers admission. Every replica has it.
func (p *process) addWebhook(ctx context.Context) error {
	if err := p.manager.GetFieldIndexer().IndexField(ctx, &certsv1.Certificate{}, webhook.SecretNameIndex, webhook.IndexSecretName); err != nil {
		return fmt.Errorf("index Certificates: %w", err)
	}
	metrics, err := webhook.NewMetrics(p.registry)
	if err != nil {
		return fmt.Errorf("metrics: %w", err)
	}
	live, err := client.NewWithWatch(p.access, client.Options{Scheme: p.manager.GetScheme(), Mapper: p.manager.GetRESTMapper(), HTTPClient: p.manager.GetHTTPClient()})
	if err != nil {
		return fmt.Errorf("client: %w", err)
	}
	reviewer := approval.ReviewerFunc(func(ctx context.Context, sar *authorizationv1.SubjectAccessReview) error {
		answer, err := p.kubernetes.AuthorizationV1().SubjectAccessReviews().Create(ctx, sar, metav1.CreateOptions{})
		if err == nil {
			sar.Status = answer.Status
		}
		return err
	})
	handler := webhook.Handler(webhook.Config{
		Reader: p.manager.GetClient(), Live: p.manager.GetAPIReader(), Secrets: p.manager.GetAPIReader(), Metrics: metrics,
		Resources:     p.ClusterResourceNamespace,
		Permissions:   approval.New(reviewer, p.manager.GetRESTMapper(), p.clock),
		DefaultIssuer: cmmeta.IssuerReference{Name: p.DefaultIssuerName, Kind: p.DefaultIssuerKind, Group: p.DefaultIssuerGroup},
		Ingress:       p.adviseOnIngress,
	})
	listener, err := run.Listen(p.log, "webhook", net.JoinHostPort(p.WebhookHost, strconv.Itoa(p.WebhookPort)))
	if err != nil {
		return err
	}
	namespace := p.CASecretNamespace
	if namespace == "" {
		namespace = processNamespace()
	}
	cfg := serving.Config{
		Client: live, Namespace: namespace, SecretName: p.CASecretName, Configurations: webhook.Name,
		DNSNames: append(serving.ServiceNames(webhook.Name, namespace), p.ServingNames...), LeafDuration: p.ServingLeafDuration, Clock: p.clock,
	}
	if p.dev != nil {
		cfg.IPs = []net.IP{net.IPv4(127, 0, 0, 1)}
		if err := p.dev.registerWebhook(ctx, webhookURL(listener)); err != nil {
			return err
		}
	}
	keeper := serving.New(cfg)
	if err := p.registry.Register(keeper); err != nil {
		return fmt.Errorf("metrics: %w", err)
	}
	p.health.AddReady("webhook", keeper.Ready)
	server := &webhook.Server{Handler: handler, GetCertificate: keeper.GetCertificate}
	return errors.Join(p.add(keeper.Run), p.add(func(ctx context.Context) error { return server.Serve(ctx, listener) }))
}

// adviseOnIngress says what the shim will make of an Ingress. An issuer that was
// applied in the same breath counts.
func (p *process) adviseOnIngress(ctx context.Context, object []byte) (warnings []string, asked []*certsv1.Certificate) {
	ing := &networkingv1.Ingress{}
	if json.Unmarshal(object, ing) != nil {
		return nil, nil
	}
	options := p.shimOptions()
	options.DefaultIssuer = func(namespace string) (*cmmeta.IssuerReference, error) {
		return webhook.MarkedIssuer(ctx, namespace, p.manager.GetCache(), p.manager.GetAPIReader())
	}
	src := shim.FromIngress(ing)
	findings, wanted := shim.Review(src, options)
	findings = append(findings, shim.Conflicts(src, shim.Plan(src, options, wanted, p.standing(ctx, wanted)))...)
	for _, f := range findings {
		warnings = append(warnings, f.String())
	}
	return warnings, wanted.Certificates
}

// standing are the Certificates that stand where wanted ones belong, as far as
// they are known.
func (p *process) standing(ctx context.Context, wanted shim.Wanted) []*certsv1.Certificate {
	var there []*certsv1.Certificate
	for _, want := range wanted.Certificates {
		crt := &certsv1.Certificate{}
		if p.manager.GetCache().Get(ctx, client.ObjectKeyFromObject(want), crt) == nil {
			there = append(there, crt)
		}
	}
	return there
}

// errNotAsked says that the API server has not noticed a webhook configuration
// yet.
var errNotAsked = errors.New("the API server does not ask the webhook yet")

// admissionAnswers returns nil once the API server asks both webhooks: one
// fills in a Certificate, the other refuses a wrong CertificateRequest. Both
// objects are dry runs.
func (d *development) admissionAnswers(ctx context.Context) error {
	crt := &certsv1.Certificate{
		ObjectMeta: metav1.ObjectMeta{Namespace: deploy.Namespace, GenerateName: "ready-"},
		Spec:       certsv1.CertificateSpec{SecretName: "ready", DNSNames: []string{"ready.example"}, IssuerRef: cmmeta.IssuerReference{Name: "ready"}},
	}
	if err := d.admin.Create(ctx, crt, client.DryRunAll); err != nil {
		return fmt.Errorf("%w: %w", errNotAsked, err)
	}
	if crt.Spec.IssuerRef.Kind == "" {
		return errNotAsked
	}
	request := &certsv1.CertificateRequest{
		ObjectMeta: metav1.ObjectMeta{Namespace: deploy.Namespace, GenerateName: "ready-"},
		Spec:       certsv1.CertificateRequestSpec{Request: []byte("ready?"), IssuerRef: cmmeta.IssuerReference{Name: "ready"}},
	}
	err := d.admin.Create(ctx, request, client.DryRunAll)
	if apierrors.IsForbidden(err) && strings.Contains(err.Error(), webhook.FieldRules) {
		return nil
	}
	return fmt.Errorf("%w: %w", errNotAsked, err)
}
