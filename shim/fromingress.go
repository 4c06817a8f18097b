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

// FromIngress reads an Ingress: one block for each entry of spec.tls. Rules,
// default backend and class are not looked at.
func FromIngress(ing *networkingv1.Ingress) *Source {
	src := &Source{
		TypeMeta:   metav1.TypeMeta{APIVersion: networkingv1.SchemeGroupVersion.String(), Kind: IngressKind},
		ObjectMeta: ing.ObjectMeta,
		Manager:    IngressManager,
	}
	first := make(map[string]*field.Path)
	for i, tls := range ing.Spec.TLS {
		path := field.NewPath("spec", "tls").Index(i)
		block := Block{Path: path}
		if len(tls.Hosts) == 0 {
			block.Problems = append(block.Problems, field.Required(path.Child("hosts"), ""))
		}
		for j, host := range tls.Hosts {
			block.Hosts = append(block.Hosts, Name{Value: host, Path: path.Child("hosts").Index(j)})
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
