package main

import (
	"context"
	"fmt"
	"time"

	"github.com/certwright/certwright/deploy/dashboards"
)

// A panel is one query of the dashboard, and how much it had to show.
type panel struct {
	title, idle string
	samples     int
}

// panels runs every query of the dashboard over the time from begin on.
func (w *world) panels(ctx context.Context, begin time.Time) ([]panel, error) {
	var all []panel
	for _, row := range dashboards.Rows() {
		for _, p := range row.Panels {
			for _, q := range p.Queries {
				n, err := w.shown(ctx, q.Expr, begin, time.Now())
				if err != nil {
					return nil, fmt.Errorf("panel %q: %w", p.Title, err)
				}
				all = append(all, panel{p.Title, p.Idle, n})
			}
		}
	}
	return all, nil
}

// silentPanels are those that had nothing to show and do not say why that may
// be.
func (r report) silentPanels() []string {
	var problems []string
	for _, p := range r.panels {
		if p.samples == 0 && p.idle == "" {
			problems = append(problems, fmt.Sprintf("the panel %q shows nothing", p.title))
		}
	}
	return problems
}
