//go:build cluster

package ingress

import (
	"maps"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	certsv1 "github.com/certwright/certwright/certs/v1"
	"github.com/certwright/certwright/shim"
)

// drives is an annotation for each field that one can set, and whether crt has
// what it sets.
var drives = map[string]struct {
	value string
	has   func(crt *certsv1.Certificate) bool
}{
	certsv1.CommonNameKey:          {"a.ex", func(crt *certsv1.Certificate) bool { return crt.Spec.CommonName != "" }},
	certsv1.AltNamesKey:            {"b.ex", func(crt *certsv1.Certificate) bool { return len(crt.Spec.DNSNames) > 1 }},
	certsv1.IPSANsKey:              {"10.0.0.1", func(crt *certsv1.Certificate) bool { return len(crt.Spec.IPAddresses) > 0 }},
	certsv1.URISANsKey:             {"spiffe://a/b", func(crt *certsv1.Certificate) bool { return len(crt.Spec.URIs) > 0 }},
	certsv1.EmailSANsKey:           {"a@b.ex", func(crt *certsv1.Certificate) bool { return len(crt.Spec.EmailAddresses) > 0 }},
	certsv1.OrganizationsKey:       {"A", func(crt *certsv1.Certificate) bool { return len(subjectOf(crt).Organizations) > 0 }},
	certsv1.OrganizationalUnitsKey: {"A", func(crt *certsv1.Certificate) bool { return len(subjectOf(crt).OrganizationalUnits) > 0 }},
	certsv1.ProvincesKey:           {"A", func(crt *certsv1.Certificate) bool { return len(subjectOf(crt).Provinces) > 0 }},
	certsv1.LocalitiesKey:          {"A", func(crt *certsv1.Certificate) bool { return len(subjectOf(crt).Localities) > 0 }},
	certsv1.PostalCodesKey:         {"A", func(crt *certsv1.Certificate) bool { return len(subjectOf(crt).PostalCodes) > 0 }},
	certsv1.StreetAddressesKey:     {"A", func(crt *certsv1.Certificate) bool { return len(subjectOf(crt).StreetAddresses) > 0 }},
	certsv1.SerialNumberKey:        {"1", func(crt *certsv1.Certificate) bool { return subjectOf(crt).SerialNumber != "" }},
	shim.DurationKey:               {"48h", func(crt *certsv1.Certificate) bool { return crt.Spec.Duration != nil }},
	shim.RenewBeforeKey:            {"12h", func(crt *certsv1.Certificate) bool { return crt.Spec.RenewBefore != nil }},
	shim.UsagesKey:                 {"server auth", func(crt *certsv1.Certificate) bool { return len(crt.Spec.Usages) == 1 }},
	shim.RevisionHistoryLimitKey:   {"3", func(crt *certsv1.Certificate) bool { return crt.Spec.RevisionHistoryLimit != nil }},
	shim.KeyAlgorithmKey:           {"ECDSA", func(crt *certsv1.Certificate) bool { return keyOf(crt).Algorithm != "" }},
	shim.KeyEncodingKey:            {"PKCS8", func(crt *certsv1.Certificate) bool { return keyOf(crt).Encoding != "" }},
	shim.KeyRotationPolicyKey:      {"Never", func(crt *certsv1.Certificate) bool { return keyOf(crt).RotationPolicy != "" }},
	shim.SecretTemplateKey: {`{"labels":{"a":"b"}}`, func(crt *certsv1.Certificate) bool {
		return crt.Spec.SecretTemplate != nil && len(crt.Spec.SecretTemplate.Labels) > 0
	}},
	shim.HTTP01EditInPlaceKey:  {"true", func(crt *certsv1.Certificate) bool { return crt.Annotations[shim.OverrideIngressNameKey] != "" }},
	shim.HTTP01IngressClassKey: {"nginx", func(crt *certsv1.Certificate) bool { return crt.Annotations[shim.OverrideIngressClassKey] != "" }},
}

func subjectOf(crt *certsv1.Certificate) certsv1.X509Subject {
	if crt.Spec.Subject == nil {
		return certsv1.X509Subject{}
	}
	return *crt.Spec.Subject
}

func keyOf(crt *certsv1.Certificate) certsv1.CertificatePrivateKey {
	if crt.Spec.PrivateKey == nil {
		return certsv1.CertificatePrivateKey{}
	}
	return *crt.Spec.PrivateKey
}

// TestAnnotationTakenAway: whether cert-manager wrote a Certificate by Update
// or, with its feature gate, by Apply, taking over changes nothing; each
// annotation that is taken away takes its field along; what the user added
// stays; and then there is peace.
func TestAnnotationTakenAway(t *testing.T) {
	t.Parallel()
	histories := map[string]func(s *stage, crt *certsv1.Certificate){
		"of what was written by Update": func(s *stage, crt *certsv1.Certificate) {
			s.must(s.Create(s.Context(), crt, client.FieldOwner(shim.IngressManager)))
		},
		"of what was written by Apply": func(s *stage, crt *certsv1.Certificate) {
			content, err := shim.ApplyMap(crt)
			s.must(err)
			s.must(s.Apply(s.Context(), client.ApplyConfigurationFromUnstructured(&unstructured.Unstructured{Object: content}),
				client.FieldOwner(shim.IngressManager), client.ForceOwnership))
		},
	}
	for name, write := range histories {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t)
			annotations := le()
			for key, drive := range drives {
				annotations[key] = drive.value
			}
			ing := s.ingress(nil, block("t", "a.ex"))
			src := shim.FromIngress(ing)
			src.Annotations = annotations
			wanted := shim.Desired(src, shim.DefaultOptions())
			if len(wanted.Certificates) != 1 {
				t.Fatal(wanted.Problems)
			}
			crt := wanted.Certificates[0]
			write(s, crt)
			s.must(s.Get(t.Context(), client.ObjectKeyFromObject(crt), crt))
			s.edit(crt, "kubectl", func() {
				crt.Spec.Keystores = &certsv1.CertificateKeystores{JKS: &certsv1.JKSKeystore{Create: true, Password: new("changeit")}}
				crt.Spec.AdditionalOutputFormats = []certsv1.CertificateAdditionalOutputFormat{{Type: "DER"}}
				crt.Spec.Subject.Countries = []string{"DE"}
				crt.Annotations["mine"] = "x"
			})
			version := crt.ResourceVersion
			s.edit(ing, "kubectl", func() { ing.Annotations = maps.Clone(annotations) })
			s.quiet(ing)
			if s.must(s.Get(t.Context(), client.ObjectKeyFromObject(crt), crt)); crt.ResourceVersion != version {
				t.Errorf("taking over writes: %+v", crt)
			}
			for key, drive := range drives {
				if !drive.has(crt) {
					t.Fatalf("%s sets nothing", key)
				}
				s.edit(ing, "kubectl", func() { delete(ing.Annotations, key) })
				crt = s.certificate("t", "has lost what "+key+" had set", func(crt *certsv1.Certificate) bool { return !drive.has(crt) })
			}
			s.quiet(ing)
			s.must(s.Get(t.Context(), client.ObjectKeyFromObject(crt), crt))
			if crt.Spec.Keystores == nil || len(crt.Spec.AdditionalOutputFormats) != 1 || !equal(subjectOf(crt), certsv1.X509Subject{Countries: []string{"DE"}}) || crt.Annotations["mine"] != "x" {
				t.Errorf("what the user added is gone: %+v", crt)
			}
			for _, entry := range crt.ManagedFields {
				if entry.Manager == shim.IngressManager && entry.Operation != metav1.ManagedFieldsOperationApply {
					t.Errorf("managed fields are not migrated: %v", crt.ManagedFields)
				}
			}
			if owner := metav1.GetControllerOf(crt); owner == nil || owner.UID != ing.UID || owner.Kind != shim.IngressKind || owner.APIVersion != networkingv1.SchemeGroupVersion.String() {
				t.Errorf("owner is %v", owner)
			}
		})
	}
}
