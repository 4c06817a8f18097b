package shim

import (
	"fmt"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// IngressManager is the field manager of Certificates made for Ingresses, and
// the component of the events.
const IngressManager = "cert-manager-ingress-shim"

// IngressKind is the Kind of a Source that is an Ingress.
const IngressKind = "Ingress"

// FromIngress reads an Ingress: one block for each entry of spec.tls. Rules are
// looked at only if asked for by RuleHostsKey, the default backend never.
func FromIngress(ing *networkingv1.Ingress) *Source {
	src := &Source{
		TypeMeta:   metav1.TypeMeta{APIVersion: networkingv1.SchemeGroupVersion.String(), Kind: IngressKind},
		ObjectMeta: ing.ObjectMeta,
		Manager:    IngressManager,
		Class:      class(ing),
	}
	var hosts []Name // of the rules; all blocks that take them share the list
	if src.says(RuleHostsKey) {
		hosts = ruleHosts(ing)
	}
	first := make(map[string]*field.Path)
	for i, tls := range ing.Spec.TLS {
		path := field.NewPath("spec", "tls").Index(i)
		block := Block{Path: path}
		for j, host := range tls.Hosts {
			block.Hosts = append(block.Hosts, Name{Value: host, Path: path.Child("hosts").Index(j)})
		}
		if len(tls.Hosts) == 0 {
			block.Hosts = hosts
		}
		if len(block.Hosts) == 0 && !src.shares() {
			block.Problems = append(block.Problems, field.Required(path.Child("hosts"), ""))
		}
		secret := path.Child("secretName")
		switch other, twice := first[tls.SecretName]; {
		case tls.SecretName == "":
			block.Problems = append(block.Problems, field.Required(secret, ""))
		case twice:
			src.Refused = append(src.Refused, field.Invalid(other, tls.SecretName,
				fmt.Sprintf("this secret name must only appear in a single TLS entry but is also used in %s", secret)))
		default:
			first[tls.SecretName] = secret
			block.Secrets = []Name{{Value: tls.SecretName, Path: secret}}
		}
		src.Blocks = append(src.Blocks, block)
	}
	return src
}

// classKey named the class before spec.ingressClassName did.
const classKey = "kubernetes.io/ingress.class"

// class of ing. The annotation wins, as it does for Ingress controllers.
func class(ing *networkingv1.Ingress) string {
	if old, ok := ing.Annotations[classKey]; ok {
		return old
	}
	if ing.Spec.IngressClassName != nil {
		return *ing.Spec.IngressClassName
	}
	return ""
}

// ruleHosts are the hosts of the rules, each once.
func ruleHosts(ing *networkingv1.Ingress) []Name {
	var hosts []Name
	seen := make(map[string]bool)
	for i, rule := range ing.Spec.Rules {
		if rule.Host != "" && !seen[rule.Host] {
			seen[rule.Host] = true
			hosts = append(hosts, Name{Value: rule.Host, Path: field.NewPath("spec", "rules").Index(i).Child("host")})
		}
	}
	return hosts
}
