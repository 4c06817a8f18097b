package main

import (
	"context"
	"fmt"

	"github.com/certwright/certwright/shim"
	"github.com/certwright/certwright/shim/apply"
	"github.com/certwright/certwright/shim/ingress"
)

// addShim adds the role that turns annotated Ingresses into Certificates.
func (p *process) addShim(context.Context) error {
	if !p.controller(ingress.Name) {
		return nil
	}
	metrics := apply.NewMetrics()
	if err := p.registry.Register(metrics); err != nil {
		return fmt.Errorf("metrics: %w", err)
	}
	options := shim.DefaultOptions()
	options.DefaultIssuerName, options.DefaultIssuerKind, options.DefaultIssuerGroup = p.DefaultIssuerName, p.DefaultIssuerKind, p.DefaultIssuerGroup
	options.AutoAnnotations, options.ExtraAnnotations = p.AutoAnnotations, p.ExtraAnnotations
	options.ExcludedLabelPrefixes = p.ExcludedLabels
	return ingress.Add(p.manager, ingress.Config{
		Recorder: p.recorder(shim.IngressManager), Options: options, Workers: p.Workers, Metrics: metrics,
	})
}
