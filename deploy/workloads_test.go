package deploy

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
)

func TestPortsAreThoseOfTheContract(t *testing.T) {
	want := map[string]map[string]int32{
		"cert-manager":            {"http-metrics": 9402, "http-healthz": 9403, "https": 10250},
		"cert-manager-acmesolver": {"http": 8089, "http-healthz": 9403},
	}
	got := map[string]map[string]int32{}
	for _, d := range typed[*appsv1.Deployment](t) {
		got[d.Name] = ports(d)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestServicesLeadToDeployments(t *testing.T) {
	want := map[string]struct {
		deployment string
		port       int32
		target     string
	}{
		"cert-manager":            {"cert-manager", 9402, "http-metrics"},
		"cert-manager-webhook":    {"cert-manager", 443, "https"},
		"cert-manager-acmesolver": {"cert-manager-acmesolver", 8089, "http"},
	}
	services := typed[*corev1.Service](t)
	if len(services) != len(want) {
		t.Errorf("%d Services, want %d", len(services), len(want))
	}
	for _, s := range services {
		d := selected(t, metav1.SetAsLabelSelector(s.Spec.Selector))
		if d == nil || d.Name != want[s.Name].deployment {
			t.Errorf("Service %s selects %v, want %s", s.Name, d, want[s.Name].deployment)
			continue
		}
		if len(s.Spec.Ports) != 1 || s.Spec.Ports[0].Port != want[s.Name].port || s.Spec.Ports[0].TargetPort != intstr.FromString(want[s.Name].target) {
			t.Errorf("Service %s has the ports %v", s.Name, s.Spec.Ports)
		}
		for _, p := range s.Spec.Ports {
			if _, ok := ports(d)[p.TargetPort.StrVal]; !ok {
				t.Errorf("Service %s leads to the port %s, which %s does not have", s.Name, &p.TargetPort, d.Name)
			}
		}
	}
}

func TestPolicies(t *testing.T) {
	t.Run("every Deployment keeps a replica while nodes are drained", func(t *testing.T) {
		var covered []string
		for _, b := range typed[*policyv1.PodDisruptionBudget](t) {
			if d := selected(t, b.Spec.Selector); d != nil {
				covered = append(covered, d.Name)
				if b.Spec.MinAvailable.IntValue() >= int(*d.Spec.Replicas) {
					t.Errorf("%s: no replica of %s may ever go", b.Name, d.Name)
				}
			}
		}
		if diff := cmp.Diff(deployments(t), covered); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
	t.Run("every Deployment says who may reach it, on ports that it has", func(t *testing.T) {
		var covered []string
		for _, p := range typed[*networkingv1.NetworkPolicy](t) {
			d := selected(t, &p.Spec.PodSelector)
			if d == nil {
				t.Errorf("%s selects nothing of ours", p.Name)
				continue
			}
			covered = append(covered, d.Name)
			for _, in := range p.Spec.Ingress {
				for _, port := range in.Ports {
					if _, ok := ports(d)[port.Port.StrVal]; !ok {
						t.Errorf("%s opens %s, which %s does not have", p.Name, port.Port, d.Name)
					}
				}
			}
		}
		if diff := cmp.Diff(deployments(t), covered); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

func TestPodsAreRestricted(t *testing.T) {
	for _, d := range typed[*appsv1.Deployment](t) {
		pod := d.Spec.Template.Spec
		if c := pod.SecurityContext; c == nil || !isTrue(c.RunAsNonRoot) || c.SeccompProfile == nil || c.SeccompProfile.Type != corev1.SeccompProfileTypeRuntimeDefault {
			t.Errorf("%s: the Pod's security context is %v", d.Name, c)
		}
		if pod.HostNetwork || pod.HostPID || pod.HostIPC || len(pod.Volumes) > 0 {
			t.Errorf("%s reaches into its node", d.Name)
		}
		for _, c := range pod.Containers {
			s := c.SecurityContext
			if s == nil || s.AllowPrivilegeEscalation == nil || *s.AllowPrivilegeEscalation || !isTrue(s.ReadOnlyRootFilesystem) ||
				s.Capabilities == nil || !slices.Equal(s.Capabilities.Drop, []corev1.Capability{"ALL"}) {
				t.Errorf("%s/%s: the security context is %v", d.Name, c.Name, s)
			}
			if c.Resources.Requests.Cpu().IsZero() || c.Resources.Requests.Memory().IsZero() {
				t.Errorf("%s/%s requests nothing, so it is the first to be evicted", d.Name, c.Name)
			}
			for what, probe := range map[string]*corev1.Probe{"/livez": c.LivenessProbe, "/readyz": c.ReadinessProbe} {
				if probe == nil || probe.HTTPGet == nil || probe.HTTPGet.Path != what || probe.HTTPGet.Port != intstr.FromString("http-healthz") {
					t.Errorf("%s/%s is not asked for %s", d.Name, c.Name, what)
				}
			}
		}
	}
}

func TestDeploymentsRunAsTheirAccounts(t *testing.T) {
	want := map[string]string{"cert-manager": ServiceAccount, "cert-manager-acmesolver": SolverServiceAccount}
	for _, d := range typed[*appsv1.Deployment](t) {
		if got := d.Spec.Template.Spec.ServiceAccountName; got != want[d.Name] {
			t.Errorf("%s runs as %s, want %s", d.Name, got, want[d.Name])
		}
		if d.Namespace != Namespace || *d.Spec.Replicas < 2 {
			t.Errorf("%s/%s has %d replicas", d.Namespace, d.Name, *d.Spec.Replicas)
		}
		selector := d.Spec.Selector.MatchLabels
		for _, label := range []string{"app.kubernetes.io/name", "app.kubernetes.io/instance", "app.kubernetes.io/component"} {
			if selector[label] == "" {
				t.Errorf("%s does not select by %s", d.Name, label)
			}
		}
		if len(selector) != 3 {
			t.Errorf("%s selects by %v: more than what never changes", d.Name, selector)
		}
	}
}

// ports returns the named container ports of d.
func ports(d *appsv1.Deployment) map[string]int32 {
	all := map[string]int32{}
	for _, c := range d.Spec.Template.Spec.Containers {
		for _, p := range c.Ports {
			all[p.Name] = p.ContainerPort
		}
	}
	return all
}

// selected returns the one Deployment whose Pods s selects, or nil.
func selected(t *testing.T, s *metav1.LabelSelector) *appsv1.Deployment {
	t.Helper()
	selector, err := metav1.LabelSelectorAsSelector(s)
	if err != nil {
		t.Fatal(err)
	}
	var found *appsv1.Deployment
	for _, d := range typed[*appsv1.Deployment](t) {
		if selector.Matches(labels.Set(d.Spec.Template.Labels)) {
			if found != nil {
				t.Fatalf("%s selects both %s and %s", selector, found.Name, d.Name)
			}
			found = d
		}
	}
	return found
}

func deployments(t *testing.T) []string {
	t.Helper()
	var all []string
	for _, d := range typed[*appsv1.Deployment](t) {
		all = append(all, d.Name)
	}
	return all
}

func isTrue(b *bool) bool { return b != nil && *b }
