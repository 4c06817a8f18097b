package dashboards

import (
	"bytes"
	"encoding/json"
	"fmt"
)

const (
	columns = 24
	// heights of a panel, in Grafana's units.
	numberHeight, height = 4, 8
)

type fields = map[string]any

// source is the Prometheus that the viewer chooses.
var source = fields{"type": "prometheus", "uid": "${datasource}"}

// JSON returns the dashboard as Grafana imports it.
func JSON() ([]byte, error) {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false) // the queries are full of < and >
	enc.SetIndent("", "  ")
	if err := enc.Encode(fields{
		"uid":           "certwright",
		"title":         "Certwright",
		"description":   `Generated from package deploy/dashboards by "make generate".`,
		"tags":          []string{"certwright", "cert-manager"},
		"schemaVersion": 39, // of Grafana 11; later ones read it
		"editable":      true,
		"graphTooltip":  1, // one crosshair for all panels
		"refresh":       "1m",
		"time":          fields{"from": "now-24h", "to": "now"},
		"templating": fields{"list": []fields{{
			"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus", "hide": 0,
		}}},
		"panels": panels(Rows()),
	}); err != nil {
		return nil, fmt.Errorf("encode dashboard: %w", err)
	}
	return out.Bytes(), nil
}

// panels places the rows below each other, and the panels of a row from the
// left to the right.
func panels(rows []Row) []fields {
	var all []fields
	id, y := 0, 0
	place := func(p fields, x, w, h int) {
		id++
		p["id"], p["gridPos"] = id, fields{"x": x, "y": y, "w": w, "h": h}
		all = append(all, p)
	}
	for _, row := range rows {
		place(fields{"type": "row", "title": row.Title, "collapsed": false, "panels": []fields{}}, 0, columns, 1)
		y++
		x, tallest := 0, 0
		for _, p := range row.Panels {
			if x+p.Width > columns {
				x, y, tallest = 0, y+tallest, 0
			}
			h := height
			if p.Kind == Number {
				h = numberHeight
			}
			place(p.fields(), x, p.Width, h)
			x, tallest = x+p.Width, max(tallest, h)
		}
		y += tallest
	}
	return all
}

func (p Panel) fields() fields {
	about := p.About
	if p.Idle != "" {
		about += " Empty or zero means: " + p.Idle + "."
	}
	out := fields{
		"type": string(p.Kind), "title": p.Title, "description": about, "datasource": source,
		"fieldConfig": fields{"defaults": fields{"unit": p.Unit}, "overrides": []fields{}},
		"options":     p.options(),
	}
	var targets []fields
	for i, q := range p.Queries {
		t := fields{"refId": string(rune('A' + i)), "expr": q.Expr, "legendFormat": q.Legend, "datasource": source}
		if p.Kind != Lines {
			t["instant"] = true
		} else {
			t["range"] = true
		}
		if p.Kind == List || p.Kind == Bars {
			t["format"] = "table"
		}
		targets = append(targets, t)
	}
	out["targets"] = targets
	if changes := p.transformations(); changes != nil {
		out["transformations"] = changes
	}
	return out
}

func (p Panel) options() fields {
	switch p.Kind {
	case Number:
		return fields{"reduceOptions": fields{"calcs": []string{"lastNotNull"}}, "colorMode": "value"}
	case List:
		return fields{"showHeader": true}
	case Bars:
		return fields{"xField": p.Queries[0].Legend, "legend": fields{"showLegend": false}}
	case Lines:
		return fields{"legend": fields{"showLegend": true, "placement": "bottom"}, "tooltip": fields{"mode": "multi"}}
	default:
		panic(fmt.Sprintf("dashboards: no options for %q", p.Kind))
	}
}

// transformations leave out the column that has the time of the query, and put
// the rows in order.
func (p Panel) transformations() []fields {
	change := func(id string, options fields) fields { return fields{"id": id, "options": options} }
	leaveOut := change("organize", fields{"excludeByName": fields{"Time": true}})
	switch p.Kind {
	case List:
		return []fields{leaveOut}
	case Bars: // the label is text, and would come in its order
		by := p.Queries[0].Legend
		return []fields{
			leaveOut,
			change("convertFieldType", fields{"conversions": []fields{{"targetField": by, "destinationType": "number"}}}),
			change("sortBy", fields{"sort": []fields{{"field": by}}}),
			change("convertFieldType", fields{"conversions": []fields{{"targetField": by, "destinationType": "string"}}}),
		}
	default:
		return nil
	}
}
