package main

import (
	"context"
	"fmt"
	"time"

	cmmeta "github.com/certwright/certwright/certs/meta/v1"
	"github.com/certwright/certwright/shim"
	"github.com/certwright/certwright/shim/apply"
	"github.com/certwright/certwright/shim/follow"
	"github.com/certwright/certwright/shim/gateway"
	"github.com/certwright/certwright/shim/ingress"
	"github.com/certwright/certwright/shim/service"
	"github.com/certwright/certwright/webhook"
)

// addShim adds the role that turns annotated Ingresses, Gateways and ListenerSets,
// and Services if asked to, into Certificates.
func (p *process) addShim(ctx context.Context) error {
	metrics := apply.NewMetrics()
	if err := p.registry.Register(metrics); err != nil {
		return fmt.Errorf("metrics: %w", err)
	}
	if err := follow.Index(ctx, p.manager.GetFieldIndexer()); err != nil {
		return err
	}
	cfg := follow.Config{
		Recorder: p.recorder, Options: p.shimOptions(), Workers: p.Workers, Metrics: metrics,
		Clock: p.clock, NamespacedOnly: p.Namespace != "",
	}
	if p.controller(ingress.Name) {
		if err := ingress.Add(p.manager, cfg); err != nil {
			return err
		}
	}
	if p.followsServices() {
		if err := service.Add(p.manager, cfg); err != nil {
			return err
		}
	}
	return p.addGateway(cfg)
}

// addGateway adds the controllers of the Gateway API, if they are enabled.
func (p *process) addGateway(cfg follow.Config) error {
	gateways := p.GatewayAPI && p.controller(gateway.Name)
	listenerSets := p.GatewayAPI && p.ListenerSets && p.controller(gateway.ListenerSetName)
	if !gateways && !listenerSets {
		return nil
	}
	return gateway.Add(p.manager, gateway.Config{Config: cfg, Gateways: gateways, ListenerSets: listenerSets, Namespace: p.Namespace})
}

// shimOptions say how annotations are read.
func (p *process) shimOptions() shim.Options {
	options := shim.DefaultOptions()
	options.DefaultIssuer = p.markedIssuer
	options.DefaultIssuerName, options.DefaultIssuerKind, options.DefaultIssuerGroup = p.DefaultIssuerName, p.DefaultIssuerKind, p.DefaultIssuerGroup
	options.AutoAnnotations, options.ExtraAnnotations = p.AutoAnnotations, p.ExtraAnnotations
	options.ExcludedLabelPrefixes, options.IngressClasses = p.ExcludedLabels, p.IngressClasses
	options.ListenerProtocols = p.ListenerProtocols
	return options
}

// markedIssuer returns the issuer of a namespace that is marked as the default,
// nil if there is none.
func (p *process) markedIssuer(namespace string) (*cmmeta.IssuerReference, error) {
	ctx, cancel := context.WithTimeout(context.Background(), lookTimeout)
	defer cancel()
	return webhook.MarkedIssuer(ctx, namespace, p.manager.GetCache())
}

// lookTimeout bounds a look into the caches.
const lookTimeout = 5 * time.Second
