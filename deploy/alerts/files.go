package alerts

import (
	"fmt"

	"sigs.k8s.io/yaml"
)

const header = "# %s\n# Generated from package deploy/alerts by \"make generate\".\n"

// The fields of rule files, in Prometheus' spelling.
type (
	ruleFile struct {
		Groups []ruleGroup `json:"groups"`
	}
	ruleGroup struct {
		Name  string `json:"name"`
		Rules []rule `json:"rules"`
	}
	rule struct {
		Alert       string            `json:"alert"`
		Expr        string            `json:"expr"`
		For         string            `json:"for,omitempty"`
		Labels      map[string]string `json:"labels"`
		Annotations map[string]string `json:"annotations"`
	}
)

func groups(all []Alert) ruleFile {
	group := ruleGroup{Name: "certwright"}
	for _, a := range all {
		r := rule{
			Alert:  a.Name,
			Expr:   a.Expr,
			Labels: map[string]string{"severity": string(a.Severity)},
			Annotations: map[string]string{
				"summary": a.Summary, "description": a.Description, "runbook_url": a.Runbook(),
			},
		}
		if a.For > 0 {
			r.For = promDuration(a.For)
		}
		group.Rules = append(group.Rules, r)
	}
	return ruleFile{Groups: []ruleGroup{group}}
}

// RuleFile returns the alerts, with every time divided by factor, as a file that
// Prometheus reads.
func RuleFile(factor float64) ([]byte, error) {
	all, err := Scale(All(), factor)
	if err != nil {
		return nil, err
	}
	return document("The alerts of Certwright, for rule_files of Prometheus.", groups(all))
}

// PrometheusRule returns the alerts as the object that the Prometheus operator
// reads, in namespace.
func PrometheusRule(namespace string) ([]byte, error) {
	all, err := Scale(All(), 1)
	if err != nil {
		return nil, err
	}
	return document("The alerts of Certwright, for the Prometheus operator.", map[string]any{
		"apiVersion": "monitoring.coreos.com/v1",
		"kind":       "PrometheusRule",
		"metadata": map[string]any{
			"name":      "certwright",
			"namespace": namespace,
			"labels": map[string]string{
				"app.kubernetes.io/name":       "cert-manager",
				"app.kubernetes.io/instance":   "cert-manager",
				"app.kubernetes.io/managed-by": "certwright",
			},
		},
		"spec": groups(all),
	})
}

func document(title string, content any) ([]byte, error) {
	out, err := yaml.Marshal(content)
	if err != nil {
		return nil, fmt.Errorf("marshal: %w", err)
	}
	return append(fmt.Appendf(nil, header, title), out...), nil
}
