package webhook

import (
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	acmev1 "github.com/certwright/certwright/certs/acme/v1"
	certsv1 "github.com/certwright/certwright/certs/v1"
)

const (
	// Name is what both configurations and the Service are called. They are
	// cert-manager's names, so that ours take the place of theirs.
	Name = "cert-manager-webhook"

	// FieldRules names the entries for defaults and field rules. Users see it
	// in denials, and tools look for it there.
	FieldRules = "webhook.cert-manager.io"
	// Identity names the entries for who creates and who approves requests.
	Identity = "identity.webhook.cert-manager.io"
	// Orders names the entry for Orders and Challenges, whose URLs we send
	// requests to that the account's key has signed. No label switches it off.
	Orders = "acme.webhook.cert-manager.io"

	// Ingresses names the entry that warns about annotated Ingresses.
	Ingresses = "ingress.webhook.cert-manager.io"

	mutatePath   = "/mutate"
	validatePath = "/validate"
	advisePath   = "/advise"

	timeoutSeconds = 30
	// adviceSeconds is how long an Ingress waits for advice, which it is applied
	// without if there is none.
	adviceSeconds = 1
)

// Options say where the API server finds the webhook.
type Options struct {
	// Namespace of the Service that is called Name.
	Namespace string
	// URL replaces the Service: scheme, host and port.
	URL string
	// CABundle that the API server trusts, as PEM. The serving package keeps
	// it up to date, so it may be empty.
	CABundle []byte
	// Labels of both configurations.
	Labels map[string]string
}

// Configurations returns what tells the API server when to ask us, and how.
func Configurations(o Options) (*admissionregistrationv1.MutatingWebhookConfiguration, *admissionregistrationv1.ValidatingWebhookConfiguration) {
	meta := func(kind string) (metav1.TypeMeta, metav1.ObjectMeta) {
		return metav1.TypeMeta{APIVersion: admissionregistrationv1.SchemeGroupVersion.String(), Kind: kind},
			metav1.ObjectMeta{Name: Name, Labels: o.Labels}
	}
	mutating := &admissionregistrationv1.MutatingWebhookConfiguration{}
	mutating.TypeMeta, mutating.ObjectMeta = meta("MutatingWebhookConfiguration")
	for _, e := range []entry{
		{
			name: FieldRules, switchable: true, condition: createdOrSpecChanged,
			rules: []admissionregistrationv1.RuleWithOperations{
				rule(certsv1.GroupName, onWrite, "certificates"),
			},
		},
		{
			name: Identity,
			rules: []admissionregistrationv1.RuleWithOperations{
				rule(certsv1.GroupName, onCreate, "certificaterequests"),
			},
		},
	} {
		mutating.Webhooks = append(mutating.Webhooks, e.mutating(o))
	}

	validating := &admissionregistrationv1.ValidatingWebhookConfiguration{}
	validating.TypeMeta, validating.ObjectMeta = meta("ValidatingWebhookConfiguration")
	for _, e := range []entry{
		{
			name: FieldRules, switchable: true, condition: createdOrSpecChanged,
			rules: []admissionregistrationv1.RuleWithOperations{
				rule(certsv1.GroupName, onWrite, "certificates", "issuers", "clusterissuers"),
				rule(certsv1.GroupName, onCreate, "certificaterequests"),
			},
		},
		{
			name: Identity, condition: identityConcerned,
			rules: []admissionregistrationv1.RuleWithOperations{
				rule(certsv1.GroupName, onWrite, "certificaterequests"),
				rule(certsv1.GroupName, onUpdate, "certificaterequests/status"),
			},
		},
		{
			name: Orders, condition: orderConcerned,
			rules: []admissionregistrationv1.RuleWithOperations{
				rule(acmev1.GroupName, onUpdate, "orders", "orders/status", "challenges"),
			},
		},
	} {
		validating.Webhooks = append(validating.Webhooks, e.validating(o))
	}
	advice := entry{
		name: Ingresses, switchable: true, condition: advisable,
		rules: []admissionregistrationv1.RuleWithOperations{rule(ingressGroup, onWrite, "ingresses")},
	}.validating(o)
	advice.ClientConfig = o.client(advisePath)
	advice.FailurePolicy = ptr(admissionregistrationv1.Ignore)
	advice.TimeoutSeconds = ptr(int32(adviceSeconds))
	validating.Webhooks = append(validating.Webhooks, advice)
	return mutating, validating
}

// entry is one webhook of a configuration.
type entry struct {
	name string
	// switchable entries are not asked about namespaces with the label
	// cert-manager.io/disable-validation.
	switchable bool
	// condition is the match condition, empty for always.
	condition string
	rules     []admissionregistrationv1.RuleWithOperations
}

var (
	onCreate = []admissionregistrationv1.OperationType{admissionregistrationv1.Create}
	onUpdate = []admissionregistrationv1.OperationType{admissionregistrationv1.Update}
	onWrite  = []admissionregistrationv1.OperationType{admissionregistrationv1.Create, admissionregistrationv1.Update}
)

func rule(group string, operations []admissionregistrationv1.OperationType, resources ...string) admissionregistrationv1.RuleWithOperations {
	return admissionregistrationv1.RuleWithOperations{
		Operations: operations,
		Rule: admissionregistrationv1.Rule{
			APIGroups:   []string{group},
			APIVersions: []string{certsv1.GroupVersion.Version},
			Resources:   resources,
			Scope:       ptr(admissionregistrationv1.AllScopes),
		},
	}
}

func (e entry) mutating(o Options) admissionregistrationv1.MutatingWebhook {
	return admissionregistrationv1.MutatingWebhook{
		Name:                    e.name,
		ClientConfig:            o.client(mutatePath),
		Rules:                   e.rules,
		FailurePolicy:           ptr(admissionregistrationv1.Fail),
		MatchPolicy:             ptr(admissionregistrationv1.Equivalent),
		NamespaceSelector:       e.namespaces(),
		ObjectSelector:          &metav1.LabelSelector{},
		SideEffects:             ptr(admissionregistrationv1.SideEffectClassNone),
		TimeoutSeconds:          ptr(int32(timeoutSeconds)),
		AdmissionReviewVersions: []string{"v1"},
		ReinvocationPolicy:      ptr(admissionregistrationv1.NeverReinvocationPolicy),
		MatchConditions:         e.conditions(),
	}
}

func (e entry) validating(o Options) admissionregistrationv1.ValidatingWebhook {
	return admissionregistrationv1.ValidatingWebhook{
		Name:                    e.name,
		ClientConfig:            o.client(validatePath),
		Rules:                   e.rules,
		FailurePolicy:           ptr(admissionregistrationv1.Fail),
		MatchPolicy:             ptr(admissionregistrationv1.Equivalent),
		NamespaceSelector:       e.namespaces(),
		ObjectSelector:          &metav1.LabelSelector{},
		SideEffects:             ptr(admissionregistrationv1.SideEffectClassNone),
		TimeoutSeconds:          ptr(int32(timeoutSeconds)),
		AdmissionReviewVersions: []string{"v1"},
		MatchConditions:         e.conditions(),
	}
}

func (o Options) client(path string) admissionregistrationv1.WebhookClientConfig {
	c := admissionregistrationv1.WebhookClientConfig{CABundle: o.CABundle}
	if o.URL != "" {
		c.URL = ptr(strings.TrimSuffix(o.URL, "/") + path)
		return c
	}
	c.Service = &admissionregistrationv1.ServiceReference{Namespace: o.Namespace, Name: Name, Path: &path, Port: ptr(int32(443))}
	return c
}

func (e entry) namespaces() *metav1.LabelSelector {
	if !e.switchable {
		return &metav1.LabelSelector{}
	}
	return &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{
		Key: certsv1.DisableValidationKey, Operator: metav1.LabelSelectorOpNotIn, Values: []string{"true"},
	}}}
}

func (e entry) conditions() []admissionregistrationv1.MatchCondition {
	if e.condition == "" {
		return nil
	}
	return []admissionregistrationv1.MatchCondition{{Name: "concerned", Expression: e.condition}}
}

func ptr[T any](v T) *T { return &v }
