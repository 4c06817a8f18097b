package main

import (
	"context"
	"fmt"

	"github.com/certwright/certwright/shim"
	"github.com/certwright/certwright/shim/apply"
	"github.com/certwright/certwright/shim/follow"
	"github.com/certwright/certwright/shim/gateway"
	"github.com/certwright/certwright/shim/ingress"
)

// addShim adds the role that turns annotated Ingresses, Gateways and
// ListenerSets into Certificates.
func (p *process) addShim(ctx context.Context) error {
	metrics := apply.NewMetrics()
	if err := p.registry.Register(metrics); err != nil {
		return fmt.Errorf("metrics: %w", err)
	}
	if err := follow.Index(ctx, p.manager.GetFieldIndexer()); err != nil {
		return err
	}
	options := shim.DefaultOptions()
	options.DefaultIssuerName, options.DefaultIssuerKind, options.DefaultIssuerGroup = p.DefaultIssuerName, p.DefaultIssuerKind, p.DefaultIssuerGroup
	options.AutoAnnotations, options.ExtraAnnotations = p.AutoAnnotations, p.ExtraAnnotations
	options.ExcludedLabelPrefixes = p.ExcludedLabels
	options.ListenerProtocols = p.ListenerProtocols
	cfg := follow.Config{Recorder: p.recorder, Options: options, Workers: p.Workers, Metrics: metrics}

	if p.controller(ingress.Name) {
		if err := ingress.Add(p.manager, cfg); err != nil {
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
