package main

import (
	"context"
	"fmt"

	"github.com/certwright/certwright/shim"
	"github.com/certwright/certwright/shim/apply"
	"github.com/certwright/certwright/shim/follow"
	"github.com/certwright/certwright/shim/ingress"
)

// addShim adds the role that turns annotated Ingresses into Certificates.
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
	cfg := follow.Config{Recorder: p.recorder, Options: options, Workers: p.Workers, Metrics: metrics}

	if !p.controller(ingress.Name) {
		return nil
	}
	return ingress.Add(p.manager, cfg)
}
