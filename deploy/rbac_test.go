package deploy

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	rbacv1 "k8s.io/api/rbac/v1"
)

const (
	certs = "cert-manager.io"
	acme  = "acme.cert-manager.io"
	csrs  = "certificates.k8s.io"

	gateways = "gateway.networking.k8s.io"
)

func TestRolesGrantNothingWholesale(t *testing.T) {
	for name, rules := range roles(t) {
		for _, rule := range rules {
			for _, list := range [][]string{rule.APIGroups, rule.Resources, rule.Verbs, rule.NonResourceURLs} {
				if slices.Contains(list, "*") {
					t.Errorf("%s: %v has a wildcard", name, rule)
				}
			}
			for _, verb := range []string{"escalate", "bind", "impersonate"} {
				if slices.Contains(rule.Verbs, verb) {
					t.Errorf("%s: %v grants %s", name, rule, verb)
				}
			}
			if slices.Contains(rule.Resources, "serviceaccounts/token") {
				t.Errorf("%s grants tokens of all accounts", name)
			}
		}
	}
}

func TestUserRoles(t *testing.T) {
	read := []string{"get", "list", "watch"}
	change := []string{"create", "delete", "deletecollection", "patch", "update"}
	tests := map[string]struct {
		role       string
		want       map[string][]string
		aggregated []string
	}{
		"viewers read everything that has a namespace": {
			role: "cert-manager-view",
			want: map[string][]string{
				certs + "/certificates": read, certs + "/certificaterequests": read, certs + "/issuers": read,
				acme + "/challenges": read, acme + "/orders": read,
			},
			aggregated: []string{"admin", "cluster-reader", "edit", "view"},
		},
		"editors cannot make a Challenge, nor make or change an Order": {
			role: "cert-manager-edit",
			want: map[string][]string{
				certs + "/certificates": change, certs + "/certificaterequests": change, certs + "/issuers": change,
				certs + "/certificates/status": {"update"},
				acme + "/challenges":           {"delete", "deletecollection", "patch", "update"},
				acme + "/orders":               {"delete", "deletecollection"},
			},
			aggregated: []string{"admin", "edit"},
		},
		"ClusterIssuers are read by those who read the cluster": {
			role:       "cert-manager-cluster-view",
			want:       map[string][]string{certs + "/clusterissuers": read},
			aggregated: []string{"cluster-reader"},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, verbs(roles(t)[tt.role])); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tt.role, diff)
			}
			if diff := cmp.Diff(tt.aggregated, aggregatedTo(t, tt.role)); diff != "" {
				t.Errorf("%s is aggregated to (-want +got):\n%s", tt.role, diff)
			}
		})
	}
}

func TestOnlyUserRolesAreAggregated(t *testing.T) {
	for _, role := range typed[*rbacv1.ClusterRole](t) {
		if len(aggregatedTo(t, role.Name)) > 0 && !slices.Contains([]string{"cert-manager-view", "cert-manager-edit", "cert-manager-cluster-view"}, role.Name) {
			t.Errorf("%s is given to users of the cluster", role.Name)
		}
	}
}

func TestWhatTheAccountsMayDo(t *testing.T) {
	t.Run("the acmesolver reads Challenges and nothing else", func(t *testing.T) {
		want := map[string][]string{acme + "/challenges": {"get", "list", "watch"}}
		if diff := cmp.Diff(want, verbs(granted(t, SolverServiceAccount, ""))); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
	everywhere := granted(t, ServiceAccount, "")
	tests := map[string]struct {
		resource string
		not      []string
	}{
		"Secrets are applied, never updated or deleted in bulk": {"/secrets", []string{"update", "deletecollection"}},
		"Services are made and removed, not changed":            {"/services", []string{"update", "patch", "deletecollection"}},
		"ClusterIssuers belong to administrators":               {certs + "/clusterissuers", []string{"create", "update", "patch", "delete"}},
		"Issuers belong to their users":                         {certs + "/issuers", []string{"create", "update", "patch", "delete"}},
		"webhook configurations are not created or deleted":     {"admissionregistration.k8s.io/validatingwebhookconfigurations", []string{"create", "delete"}},
		"CRDs are not touched":                                  {"apiextensions.k8s.io/customresourcedefinitions", []string{"get", "list", "watch", "update", "patch", "delete"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			for _, verb := range tt.not {
				if slices.Contains(verbs(everywhere)[tt.resource], verb) {
					t.Errorf("%s may %s %s", ServiceAccount, verb, tt.resource)
				}
			}
		})
	}
	t.Run("CertificateSigningRequests are answered for our issuers, and not approved", func(t *testing.T) {
		want := map[string][]string{
			"certificates.k8s.io/certificatesigningrequests":        {"get", "list", "watch"},
			"certificates.k8s.io/certificatesigningrequests/status": {"patch"},
			"certificates.k8s.io/signers":                           {"sign"},
			"authorization.k8s.io/subjectaccessreviews":             {"create"},
		}
		rules := roles(t)["cert-manager-controller-certificatesigningrequests"]
		if diff := cmp.Diff(want, verbs(rules)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		for _, rule := range everywhere {
			ours := []string{"issuers.cert-manager.io/*", "clusterissuers.cert-manager.io/*"}
			if slices.Contains(rule.APIGroups, "certificates.k8s.io") && slices.Contains(rule.Resources, "signers") && !slices.Equal(rule.ResourceNames, ours) {
				t.Errorf("%v signs for others", rule)
			}
		}
	})
	t.Run("annotated Services are read, and not written", func(t *testing.T) {
		want := map[string][]string{"/services": {"get", "list", "watch"}, "/services/finalizers": {"update"}}
		if diff := cmp.Diff(want, verbs(roles(t)["cert-manager-controller-service-shim"])); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
	t.Run("the Gateway API is read, and namespaces only by what routes need", func(t *testing.T) {
		want := map[string][]string{
			gateways + "/gateways": {"get", "list", "watch"}, gateways + "/listenersets": {"get", "list", "watch"}, gateways + "/httproutes": {"get", "list", "watch"},
			gateways + "/gateways/finalizers": {"update"}, gateways + "/listenersets/finalizers": {"update"},
			"/namespaces": {"list", "watch"},
		}
		if diff := cmp.Diff(want, verbs(roles(t)["cert-manager-controller-gateway-shim"])); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		for resource, may := range verbs(everywhere) {
			if (strings.HasPrefix(resource, gateways+"/") || resource == "/namespaces") && !cmp.Equal(want[resource], may) {
				t.Errorf("%s may %v %s", ServiceAccount, may, resource)
			}
		}
	})
	t.Run("webhook configurations are ours by name", func(t *testing.T) {
		for _, rule := range everywhere {
			if slices.Contains(rule.APIGroups, "admissionregistration.k8s.io") && !slices.Equal(rule.ResourceNames, []string{"cert-manager-webhook"}) {
				t.Errorf("%v reaches the configurations of others", rule)
			}
		}
	})
	t.Run("the lease is the one that cert-manager takes", func(t *testing.T) {
		want := []string{"create", "get", "update"}
		if diff := cmp.Diff(want, verbs(granted(t, ServiceAccount, "kube-system"))["coordination.k8s.io/leases"]); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		for _, rule := range granted(t, ServiceAccount, "kube-system") {
			if !slices.Equal(rule.Verbs, []string{"create"}) && !slices.Equal(rule.ResourceNames, []string{"cert-manager-controller"}) {
				t.Errorf("%v reaches the leases of others", rule)
			}
		}
	})
}

func TestBindingsLeadSomewhere(t *testing.T) {
	known := roles(t)
	for _, b := range bindings(t) {
		if _, ok := known[b.role]; !ok {
			t.Errorf("%s binds the role %s, which is not there", b.name, b.role)
		}
		for _, s := range b.subjects {
			if s.Kind != rbacv1.ServiceAccountKind || s.Namespace != Namespace || !slices.Contains([]string{ServiceAccount, SolverServiceAccount}, s.Name) {
				t.Errorf("%s binds %v, which is not an account of ours", b.name, s)
			}
		}
	}
}

// roles returns the rules of all roles by name, Roles and ClusterRoles alike.
func roles(t *testing.T) map[string][]rbacv1.PolicyRule {
	t.Helper()
	all := map[string][]rbacv1.PolicyRule{}
	for _, r := range typed[*rbacv1.ClusterRole](t) {
		all[r.Name] = r.Rules
	}
	for _, r := range typed[*rbacv1.Role](t) {
		all[r.Name] = r.Rules
	}
	return all
}

type binding struct {
	name, namespace, role string
	subjects              []rbacv1.Subject
}

func bindings(t *testing.T) []binding {
	t.Helper()
	var all []binding
	for _, b := range typed[*rbacv1.ClusterRoleBinding](t) {
		all = append(all, binding{b.Name, "", b.RoleRef.Name, b.Subjects})
	}
	for _, b := range typed[*rbacv1.RoleBinding](t) {
		all = append(all, binding{b.Name, b.Namespace, b.RoleRef.Name, b.Subjects})
	}
	return all
}

// granted returns what is bound to account in namespace ("": everywhere).
func granted(t *testing.T, account, namespace string) []rbacv1.PolicyRule {
	t.Helper()
	var rules []rbacv1.PolicyRule
	for _, b := range bindings(t) {
		bound := slices.ContainsFunc(b.subjects, func(s rbacv1.Subject) bool { return s.Name == account })
		if bound && b.namespace == namespace {
			rules = append(rules, roles(t)[b.role]...)
		}
	}
	return rules
}

// verbs returns rules as verbs by "group/resource".
func verbs(rules []rbacv1.PolicyRule) map[string][]string {
	all := map[string][]string{}
	for _, rule := range rules {
		for _, group := range rule.APIGroups {
			for _, resource := range rule.Resources {
				key := group + "/" + resource
				all[key] = append(all[key], rule.Verbs...)
			}
		}
	}
	for key := range all {
		slices.Sort(all[key])
		all[key] = slices.Compact(all[key])
	}
	return all
}

func aggregatedTo(t *testing.T, role string) []string {
	t.Helper()
	var to []string
	for _, r := range typed[*rbacv1.ClusterRole](t) {
		for label, value := range r.Labels {
			name, ok := strings.CutPrefix(label, "rbac.authorization.k8s.io/aggregate-to-")
			if ok && value == "true" && r.Name == role {
				to = append(to, name)
			}
		}
	}
	slices.Sort(to)
	return to
}
