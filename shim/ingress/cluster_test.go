//go:build cluster

package ingress

import (
	"context"
	"slices"
	"testing"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cmmeta "github.com/certwright/certwright/certs/meta/v1"
	certsv1 "github.com/certwright/certwright/certs/v1"
	"github.com/certwright/certwright/shim"
)

func TestLifeOfACertificate(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	ing := s.ingress(le(shim.UsagesKey, "server auth", certsv1.OrganizationsKey, "Example", shim.KeyAlgorithmKey, "ECDSA"), block("t", "a.ex"))

	crt := s.certificate("t", "is made", there)
	if owner := metav1.GetControllerOf(crt); owner == nil || owner.UID != ing.UID || !*owner.BlockOwnerDeletion {
		t.Errorf("owner: %v", owner)
	}
	if e := s.heard("Normal", "CreateCertificate", `Successfully created Certificate "t"`); e.Source.Component != shim.IngressManager || e.InvolvedObject.UID != ing.UID {
		t.Errorf("event: %v", e)
	}
	s.edit(crt, "kubectl", func() {
		crt.Spec.Keystores = &certsv1.CertificateKeystores{JKS: &certsv1.JKSKeystore{Create: true, Password: new("changeit")}}
		crt.Spec.Subject.Countries = []string{"DE"}
	})

	// The first change by Apply: what an annotation set goes with it, the
	// user's own stays.
	s.edit(ing, "kubectl", func() {
		ing.Annotations = le(certsv1.CommonNameKey, "a.ex")
		ing.Spec.TLS = []networkingv1.IngressTLS{block("t", "a.ex", "b.ex")}
	})
	generation := crt.Generation
	crt = s.certificate("t", "has the new name", func(crt *certsv1.Certificate) bool { return len(crt.Spec.DNSNames) == 2 })
	s.heard("Normal", "UpdateCertificate", `Successfully updated Certificate "t"`)
	want := certsv1.CertificateSpec{
		CommonName: "a.ex",
		DNSNames:   []string{"a.ex", "b.ex"},
		SecretName: "t",
		IssuerRef:  cmmeta.IssuerReference{Name: "le", Kind: "ClusterIssuer", Group: "cert-manager.io"},
		Usages:     []certsv1.KeyUsage{"digital signature", "key encipherment"},
		Subject:    &certsv1.X509Subject{Countries: []string{"DE"}},
		Keystores:  crt.Spec.Keystores,
	}
	if crt.Spec.Keystores == nil {
		t.Error("keystores are wiped")
	}
	if got := crt.Spec; !equal(got, want) {
		t.Errorf("spec is %+v\nwant    %+v", got, want)
	}
	if crt.Generation != generation+1 {
		t.Errorf("the spec went through %d versions to get there", crt.Generation-generation)
	}
	s.quiet(ing)

	// The second change by Apply.
	s.edit(ing, "kubectl", func() { ing.Annotations = le() })
	s.certificate("t", "has no common name", func(crt *certsv1.Certificate) bool { return crt.Spec.CommonName == "" })

	// Edits by hand are reverted, deletions too.
	crt = s.certificate("t", "is there", there)
	s.edit(crt, "kubectl", func() {
		crt.Spec.DNSNames, crt.Spec.CommonName = []string{"mine.ex"}, "mine.ex"
		crt.Labels = map[string]string{"mine": "x"}
	})
	crt = s.certificate("t", "is reverted", func(crt *certsv1.Certificate) bool { return len(crt.Spec.DNSNames) == 2 })
	if crt.Spec.CommonName != "" || len(crt.Labels) > 0 || crt.Spec.Keystores == nil {
		t.Errorf("reverted to %+v with labels %v", crt.Spec, crt.Labels)
	}
	uid := crt.UID
	s.must(s.Delete(t.Context(), crt))
	s.certificate("t", "is made again", func(crt *certsv1.Certificate) bool { return crt.UID != uid })

	// Another Secret name.
	s.edit(ing, "kubectl", func() { ing.Spec.TLS[0].SecretName = "u" })
	s.certificate("u", "is made", there)
	s.gone("t")
	s.heard("Normal", "DeleteCertificate", `Successfully deleted unrequired Certificate "t"`)

	for action, want := range map[string]float64{"create": 4, "update": 3, "delete": 2} {
		s.eventually(action+" is counted", func() bool { return s.counted(action) == want })
	}

	// No trigger any more: nothing happens, stale or not.
	s.edit(ing, "kubectl", func() { ing.Annotations, ing.Spec.TLS = nil, nil })
	s.edit(ing, "kubectl", func() { ing.Annotations, ing.Spec.TLS = le(), []networkingv1.IngressTLS{block("u", "c.ex")} })
	s.certificate("u", "follows again", func(crt *certsv1.Certificate) bool { return slices.Equal(crt.Spec.DNSNames, []string{"c.ex"}) })
}

func TestNotOurs(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	mine := &certsv1.Certificate{
		ObjectMeta: metav1.ObjectMeta{Name: "t", Namespace: s.namespace},
		Spec:       certsv1.CertificateSpec{SecretName: "t", DNSNames: []string{"mine.ex"}, IssuerRef: cmmeta.IssuerReference{Name: "mine"}},
	}
	s.must(s.Create(t.Context(), mine))
	ing := s.ingress(le(), block("t", "a.ex"))
	s.quiet(ing)
	crt := s.certificate("t", "is there", there)
	if crt.UID != mine.UID || crt.Generation != 1 || len(crt.OwnerReferences) > 0 {
		t.Errorf("a Certificate of the user's was changed: %+v", crt)
	}
	// Once it is out of the way, the Ingress gets its own.
	s.must(s.Delete(t.Context(), mine))
	crt = s.certificate("t", "is made for the Ingress", func(crt *certsv1.Certificate) bool { return metav1.IsControlledBy(crt, ing) })
	// Giving it up is to take away the owner.
	s.edit(crt, "kubectl", func() { crt.OwnerReferences, crt.Spec.DNSNames = nil, []string{"mine.ex"} })
	s.quiet(ing)
	if crt = s.certificate("t", "is there", there); crt.Spec.DNSNames[0] != "mine.ex" {
		t.Errorf("a Certificate that was taken over by its user was changed: %+v", crt)
	}
}

func TestBadAnnotationsAreToldOnce(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	ing := s.ingress(le(shim.DurationKey, "90d"), block("t", "a.ex"))
	s.heard("Warning", "BadConfig", "Could not make Certificates due to bad annotations: metadata.annotations[cert-manager.io/duration]")
	// More passes over the same mistake say nothing new.
	for _, host := range []string{"b.ex", "c.ex"} {
		s.edit(ing, "kubectl", func() { ing.Spec.TLS[0].Hosts = []string{host} })
	}
	s.edit(ing, "kubectl", func() { ing.Annotations = le() })
	s.certificate("t", "is made once the mistake is gone", there)
	if e := s.heard("Warning", "BadConfig", "Could not make"); e.Count > 1 {
		t.Errorf("told %d times", e.Count)
	}
}

func TestFailuresReachTheIngress(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.ingress(le(), block("t", "a.ex"))
	crt := s.certificate("t", "is made", there)
	crt.Status.SetCondition(certsv1.CertificateCondition{Type: "Issuing", Status: "False", Reason: "Failed", Message: "no such zone"}, metav1.Now())
	s.must(s.Status().Update(t.Context(), crt))
	s.heard("Warning", "CertificateFailed", `Certificate "t": Failed: no such zone`)
}

// TestTakeOverOnTheServer is TestTakeOver of package shim in the large: what
// cert-manager wrote stays untouched, and the first real change finds and
// removes what it had set.
func TestTakeOverOnTheServer(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	ing := s.ingress(nil, block("t", "a.ex"))
	crt := &certsv1.Certificate{
		ObjectMeta: metav1.ObjectMeta{
			Name: "t", Namespace: s.namespace,
			Annotations: map[string]string{shim.OverrideIngressClassKey: "nginx"},
			OwnerReferences: []metav1.OwnerReference{
				*metav1.NewControllerRef(ing, networkingv1.SchemeGroupVersion.WithKind(shim.IngressKind)),
			},
		},
		Spec: certsv1.CertificateSpec{ // as an old version made it: no usages
			SecretName: "t", DNSNames: []string{"a.ex"},
			IssuerRef:      cmmeta.IssuerReference{Name: "le", Kind: "ClusterIssuer", Group: "cert-manager.io"},
			EmailAddresses: []string{"a@b.ex"},
		},
	}
	s.must(s.Create(t.Context(), crt, client.FieldOwner(shim.IngressManager)))
	s.edit(ing, "kubectl", func() {
		ing.Annotations = le(certsv1.EmailSANsKey, "a@b.ex", shim.HTTP01IngressClassKey, "nginx")
	})
	s.quiet(ing)
	if s.must(s.Get(t.Context(), client.ObjectKeyFromObject(crt), crt)); crt.Generation != 1 {
		t.Errorf("taking over changed it: %+v", crt)
	}
	s.edit(ing, "kubectl", func() { ing.Annotations = le() })
	crt = s.certificate("t", "has lost what the annotations had set", func(crt *certsv1.Certificate) bool {
		return len(crt.Spec.EmailAddresses) == 0 && crt.Annotations[shim.OverrideIngressClassKey] == ""
	})
	for _, entry := range crt.ManagedFields {
		if entry.Manager == shim.IngressManager && entry.Operation != metav1.ManagedFieldsOperationApply {
			t.Errorf("managed fields are not migrated: %v", crt.ManagedFields)
		}
	}
	if crt.Generation != 2 {
		t.Errorf("generation is %d", crt.Generation)
	}
}

// TestPersistedDefaults lets the API server fill in defaults, as our webhook
// does, at each write. It must not make the controller write again.
func TestPersistedDefaults(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	always := admissionv1.OperationType("*")
	fail := admissionv1.Fail
	policy := &admissionv1.MutatingAdmissionPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: "defaults." + s.namespace},
		Spec: admissionv1.MutatingAdmissionPolicySpec{
			FailurePolicy:      &fail,
			ReinvocationPolicy: admissionv1.NeverReinvocationPolicy,
			MatchConstraints: &admissionv1.MatchResources{
				NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"kubernetes.io/metadata.name": s.namespace}},
				ResourceRules: []admissionv1.NamedRuleWithOperations{{RuleWithOperations: admissionv1.RuleWithOperations{
					Operations: []admissionv1.OperationType{always},
					Rule:       admissionv1.Rule{APIGroups: []string{certsv1.GroupName}, APIVersions: []string{"v1"}, Resources: []string{"certificates"}},
				}}},
			},
			Mutations: []admissionv1.Mutation{{
				PatchType: admissionv1.PatchTypeApplyConfiguration,
				ApplyConfiguration: &admissionv1.ApplyConfiguration{Expression: `Object{spec: Object.spec{
					revisionHistoryLimit: has(object.spec.revisionHistoryLimit) ? object.spec.revisionHistoryLimit : 1,
					privateKey: Object.spec.privateKey{
						algorithm: has(object.spec.privateKey) && has(object.spec.privateKey.algorithm) ? object.spec.privateKey.algorithm : "RSA",
						encoding: has(object.spec.privateKey) && has(object.spec.privateKey.encoding) ? object.spec.privateKey.encoding : "PKCS1",
						rotationPolicy: has(object.spec.privateKey) && has(object.spec.privateKey.rotationPolicy) ? object.spec.privateKey.rotationPolicy : "Always"
					}
				}}`},
			}},
		},
	}
	binding := &admissionv1.MutatingAdmissionPolicyBinding{
		ObjectMeta: metav1.ObjectMeta{Name: policy.Name},
		Spec:       admissionv1.MutatingAdmissionPolicyBindingSpec{PolicyName: policy.Name},
	}
	for _, obj := range []client.Object{policy, binding} {
		s.must(s.Create(t.Context(), obj))
		t.Cleanup(func() { s.must(client.IgnoreNotFound(s.Delete(context.Background(), obj))) })
	}
	defaulted := func(crt *certsv1.Certificate) bool {
		return crt.Spec.RevisionHistoryLimit != nil && crt.Spec.PrivateKey != nil && crt.Spec.PrivateKey.RotationPolicy == "Always"
	}
	probe := &certsv1.Certificate{Spec: certsv1.CertificateSpec{SecretName: "probe", DNSNames: []string{"a.ex"}, IssuerRef: cmmeta.IssuerReference{Name: "le"}}}
	s.eventually("the policy is in force", func() bool {
		probe.ObjectMeta = metav1.ObjectMeta{GenerateName: "probe-", Namespace: s.namespace}
		probe.Spec.RevisionHistoryLimit, probe.Spec.PrivateKey = nil, nil
		s.must(s.Create(t.Context(), probe))
		return defaulted(probe)
	})

	ing := s.ingress(le(shim.KeyAlgorithmKey, "ECDSA"), block("t", "a.ex"))
	if crt := s.certificate("t", "is made", there); !defaulted(crt) {
		t.Errorf("no defaults: %+v", crt.Spec)
	}
	s.quiet(ing)
	s.edit(ing, "kubectl", func() { ing.Spec.TLS[0].Hosts = []string{"b.ex"} })
	s.certificate("t", "has the new name", func(crt *certsv1.Certificate) bool { return crt.Spec.DNSNames[0] == "b.ex" && defaulted(crt) })
	s.quiet(ing)
	s.edit(ing, "kubectl", func() { ing.Annotations = le() })
	s.certificate("t", "has the default key", func(crt *certsv1.Certificate) bool { return crt.Spec.PrivateKey.Algorithm == "RSA" })
	s.quiet(ing)
}

// TestARefusalIsTriedAgain: whoever refuses may change his mind.
func TestARefusalIsTriedAgain(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	fail := admissionv1.Fail
	policy := &admissionv1.ValidatingAdmissionPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: "refusal." + s.namespace},
		Spec: admissionv1.ValidatingAdmissionPolicySpec{
			FailurePolicy: &fail,
			MatchConstraints: &admissionv1.MatchResources{
				NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"kubernetes.io/metadata.name": s.namespace}},
				ResourceRules: []admissionv1.NamedRuleWithOperations{{RuleWithOperations: admissionv1.RuleWithOperations{
					Operations: []admissionv1.OperationType{admissionv1.Create},
					Rule:       admissionv1.Rule{APIGroups: []string{certsv1.GroupName}, APIVersions: []string{"v1"}, Resources: []string{"certificates"}},
				}}},
			},
			Validations: []admissionv1.Validation{{Expression: "false", Message: "not today"}},
		},
	}
	binding := &admissionv1.ValidatingAdmissionPolicyBinding{
		ObjectMeta: metav1.ObjectMeta{Name: policy.Name},
		Spec:       admissionv1.ValidatingAdmissionPolicyBindingSpec{PolicyName: policy.Name, ValidationActions: []admissionv1.ValidationAction{admissionv1.Deny}},
	}
	for _, obj := range []client.Object{policy, binding} {
		s.must(s.Create(t.Context(), obj))
		t.Cleanup(func() { s.must(client.IgnoreNotFound(s.Delete(context.Background(), obj))) })
	}
	s.eventually("the policy is in force", func() bool {
		return s.Create(t.Context(), &certsv1.Certificate{
			ObjectMeta: metav1.ObjectMeta{GenerateName: "probe-", Namespace: s.namespace},
			Spec:       certsv1.CertificateSpec{SecretName: "probe", DNSNames: []string{"a.ex"}, IssuerRef: cmmeta.IssuerReference{Name: "le"}},
		}) != nil
	})
	s.ingress(le(), block("t", "a.ex"))
	s.heard("Warning", "BadConfig", `Certificate "t" was refused`)
	s.must(s.Delete(t.Context(), binding))
	s.certificate("t", "is made", there)
}
