package ingress

import (
	"fmt"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/certwright/certwright/shim"
)

// Manager is the field manager of Certificates made for Ingresses, and the
// component of the events.
const Manager = "cert-manager-ingress-shim"

const kind = "Ingress"

// Source reads an Ingress: one block for each entry of spec.tls. Rules,
// default backend and class are not looked at.
func Source(ing *networkingv1.Ingress) *shim.Source {
	src := &shim.Source{
		TypeMeta:   metav1.TypeMeta{APIVersion: networkingv1.SchemeGroupVersion.String(), Kind: kind},
		ObjectMeta: ing.ObjectMeta,
		Manager:    Manager,
	}
	first := make(map[string]*field.Path)
	for i, tls := range ing.Spec.TLS {
		path := field.NewPath("spec", "tls").Index(i)
		block := shim.Block{Path: path}
		if len(tls.Hosts) == 0 {
			block.Problems = append(block.Problems, field.Required(path.Child("hosts"), ""))
		}
		for j, host := range tls.Hosts {
			block.Hosts = append(block.Hosts, shim.Name{Value: host, Path: path.Child("hosts").Index(j)})
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
			block.Secrets = []shim.Name{{Value: tls.SecretName, Path: secret}}
		}
		src.Blocks = append(src.Blocks, block)
	}
	return src
}
