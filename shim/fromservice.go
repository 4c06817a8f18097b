package shim

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// ServiceManager is the field manager of Certificates made for Services, and the
// component of the events.
const ServiceManager = "certwright-service-shim"

// ServiceKind is the Kind of a Source that is a Service.
const ServiceKind = "Service"

// Annotations of a Service.
const (
	// SecretNameKey asks for a Certificate, and names its Secret.
	SecretNameKey = "certwright.dev/secret-name"
	// externalDNSKey holds the names that external-dns gives to a Service. They
	// are those of the Certificate too, unless DNSNamesKey says otherwise.
	externalDNSKey = "external-dns.alpha.kubernetes.io/hostname"
)

// FromService reads a Service of type LoadBalancer: one block for the Secret that
// SecretNameKey names. Services of other types ask for nothing.
func FromService(svc *corev1.Service) *Source {
	src := &Source{
		TypeMeta:   metav1.TypeMeta{APIVersion: corev1.SchemeGroupVersion.String(), Kind: ServiceKind},
		ObjectMeta: svc.ObjectMeta,
		Manager:    ServiceManager,
		Dormant:    svc.Spec.Type != corev1.ServiceTypeLoadBalancer,
	}
	secret := svc.Annotations[SecretNameKey]
	block := Block{Path: annotationPath(SecretNameKey)}
	if secret == "" {
		block.Problems = append(block.Problems, field.Required(block.Path, ""))
	} else {
		block.Secrets = []Name{{Value: secret, Path: block.Path}}
	}
	_ = each(svc.Annotations[externalDNSKey], func(name string) error {
		if name != "" {
			block.Hosts = append(block.Hosts, Name{Value: name, Path: annotationPath(externalDNSKey)})
		}
		return nil
	})
	if len(block.Hosts) == 0 && !src.shares() {
		block.Problems = append(block.Problems, field.Required(annotationPath(DNSNamesKey), "names of the certificate, unless "+externalDNSKey+" has them"))
	}
	src.Blocks = []Block{block}
	return src
}
