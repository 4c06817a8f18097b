package shim_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	certsv1 "github.com/certwright/certwright/certs/v1"
	"github.com/certwright/certwright/shim"
)

// wild is an Ingress that shares a wildcard.
func wild(name string, annotations notes, secrets ...string) *networkingv1.Ingress {
	ing := app(notes{clusterIssuer: "le", shim.DNSNamesKey: "*.ex"})
	ing.Name, ing.UID = name, types.UID("uid-"+name)
	for key, value := range annotations {
		ing.Annotations[key] = value
	}
	for _, secret := range secrets {
		ing.Spec.TLS = append(ing.Spec.TLS, tls(secret, name+".ex"))
	}
	return ing
}

// pass makes one pass over ing, and returns what it tells.
func (m *memory) pass(ing *networkingv1.Ingress) (told []string, quiet bool) {
	wanted, changes := m.plan(shim.FromIngress(ing), shim.DefaultOptions())
	m.take(changes)
	for _, p := range append(wanted.Problems, changes.Problems...) {
		told = append(told, p.Message)
	}
	return told, changes.Empty()
}

// collect does what the garbage collector does when the Ingress is gone.
func (m *memory) collect(ing *networkingv1.Ingress) {
	for _, name := range sortedKeys(m.crts) {
		crt := m.get(name)
		left := slices.DeleteFunc(slices.Clone(crt.OwnerReferences), func(ref metav1.OwnerReference) bool { return ref.UID == ing.UID })
		switch {
		case len(left) == len(crt.OwnerReferences):
		case len(left) == 0:
			delete(m.crts, name)
		default:
			m.edit(name, "kube-controller-manager", func(crt *certsv1.Certificate) { crt.OwnerReferences = left })
		}
	}
}

// owners are the names of the owners of a Certificate; a star marks the
// controller.
func (m *memory) owners(name string) []string {
	var owners []string
	for _, ref := range m.get(name).OwnerReferences {
		if ref.Controller != nil && *ref.Controller {
			ref.Name += "*"
		}
		owners = append(owners, ref.Name)
	}
	slices.Sort(owners)
	return owners
}

func TestSharing(t *testing.T) {
	// A step is what happens to the Ingresses a, b and c, or a pass over one of
	// them, named as in steps below.
	type want struct {
		owners  []string // of the Certificate "wild"; nil: it is gone
		names   []string // *.ex if nil
		created int      // how often it was made; 1 if 0
		told    string
	}
	tests := map[string]struct {
		steps []string
		want  want
	}{
		"who comes first makes it, the others join": {
			steps: []string{"pass a", "pass b", "pass c"}, want: want{owners: []string{"a*", "b", "c"}},
		},
		"the controller's changes leave the others in": {
			steps: []string{"pass a", "pass b", "label a", "pass a", "label a", "pass a"}, want: want{owners: []string{"a*", "b"}},
		},
		"when the controller is deleted, another takes over": {
			steps: []string{"pass a", "pass b", "delete a", "pass b"}, want: want{owners: []string{"b*"}},
		},
		"when it is deleted before anybody has joined, the Certificate is made anew": {
			steps: []string{"pass a", "delete a", "pass b"}, want: want{owners: []string{"b*"}, created: 2},
		},
		"when the controller stops naming it, it lets go and another takes over": {
			steps: []string{"pass a", "pass b", "pass c", "leave a", "pass a", "pass c", "pass b"}, want: want{owners: []string{"b", "c*"}},
		},
		"when one of the others stops naming it, it leaves": {
			steps: []string{"pass a", "pass b", "leave b", "pass b"}, want: want{owners: []string{"a*"}},
		},
		"when one of the others is deleted, nothing happens to the Certificate": {
			steps: []string{"pass a", "pass b", "delete b", "pass a"}, want: want{owners: []string{"a*"}},
		},
		"when the last one stops naming it, it is deleted": {
			steps: []string{"pass a", "pass b", "leave a", "pass a", "pass b", "leave b", "pass b"}, want: want{},
		},
		"when all are deleted, it goes": {
			steps: []string{"pass a", "pass b", "delete a", "delete b"}, want: want{},
		},
		"who asks for other names is told, and left out": {
			steps: []string{"pass a", "names b", "pass b"},
			want:  want{owners: []string{"a*"}, told: `Certificate "wild" cannot be shared: it is kept for Ingress "a", which asks for another spec.dnsNames; ask for the same, or use another secret name`},
		},
		"who changes its mind later is told, and gets its way when the controller is gone": {
			steps: []string{"pass a", "pass b", "names b", "pass b", "delete a", "pass b", "pass b"},
			want:  want{owners: []string{"b*"}, names: []string{"*.other.ex"}},
		},
		"all may change, one after the other": {
			steps: []string{"pass a", "pass b", "names b", "pass b", "names a", "pass a", "pass b"},
			want:  want{owners: []string{"a*", "b"}, names: []string{"*.other.ex"}},
		},
		"who does not ask for sharing is left out without a word, as ever": {
			steps: []string{"pass a", "alone b", "pass b"}, want: want{owners: []string{"a*"}},
		},
		"an owner that somebody else has put there does not share": {
			steps: []string{"pass a", "gift b", "leave a", "pass a"}, want: want{},
		},
		"nor is it taken away": {
			steps: []string{"pass a", "gift b", "leave b", "pass b", "label a", "pass a"}, want: want{owners: []string{"a*", "b"}},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMemory(t)
			ingresses := map[string]*networkingv1.Ingress{"a": wild("a", nil, "wild"), "b": wild("b", nil, "wild"), "c": wild("c", nil, "wild")}
			created, told := 0, []string(nil)
			for i, step := range tt.steps {
				var what, who string
				if _, err := fmt.Sscanf(step, "%s %s", &what, &who); err != nil {
					t.Fatal(err)
				}
				ing := ingresses[who]
				switch what {
				case "pass":
					before := m.crts["wild"]
					told, _ = m.pass(ing)
					if before == nil && m.crts["wild"] != nil {
						created++
					}
				case "delete":
					m.collect(ing)
				case "leave":
					ing.Spec.TLS = nil
				case "label":
					ing.Labels = map[string]string{"step": fmt.Sprint(i)}
				case "names":
					ing.Annotations[shim.DNSNamesKey] = "*.other.ex"
				case "alone":
					delete(ing.Annotations, shim.DNSNamesKey)
				case "gift":
					m.edit("wild", "kubectl", func(crt *certsv1.Certificate) {
						crt.OwnerReferences = append(crt.OwnerReferences, metav1.OwnerReference{APIVersion: "networking.k8s.io/v1", Kind: "Ingress", Name: ing.Name, UID: ing.UID})
					})
				default:
					t.Fatal(step)
				}
			}
			if diff := cmp.Diff(max(tt.want.created, 1), created); diff != "" {
				t.Errorf("made (-want +got):\n%s", diff)
			}
			if m.crts["wild"] == nil {
				if tt.want.owners != nil {
					t.Fatal("it is gone")
				}
				return
			}
			if diff := cmp.Diff(tt.want.owners, m.owners("wild")); diff != "" {
				t.Errorf("owners (-want +got):\n%s", diff)
			}
			names := tt.want.names
			if names == nil {
				names = []string{"*.ex"}
			}
			if diff := cmp.Diff(names, m.get("wild").Spec.DNSNames); diff != "" {
				t.Errorf("names (-want +got):\n%s", diff)
			}
			var want []string
			if tt.want.told != "" {
				want = []string{tt.want.told}
			}
			if diff := cmp.Diff(want, told, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("the last pass tells (-want +got):\n%s", diff)
			}
		})
	}
}

// TestSharingConverges plays random events on many Ingresses that share, passes
// over them in any order, and demands that they come to rest, and that the
// Certificate outlives its controllers.
func TestSharingConverges(t *testing.T) {
	t.Parallel()
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 7))
		m := newMemory(t)
		var all []*networkingv1.Ingress
		for i := range 4 {
			all = append(all, wild(fmt.Sprintf("i%d", i), nil, "wild"))
		}
		var story []string
		settle := func() {
			for round := 0; ; round++ {
				r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
				quiet := true
				for _, ing := range all {
					_, nothing := m.pass(ing)
					quiet = quiet && nothing
				}
				if quiet {
					return
				}
				if round > 5 {
					t.Fatalf("seed %d: no rest\n%v", seed, story)
				}
			}
		}
		settle()
		for range 15 {
			before, shared := m.crts["wild"], agree(all) && naming(all) > 1
			i := r.IntN(len(all))
			ing := all[i]
			switch r.IntN(5) {
			case 0:
				if len(all) > 1 {
					story = append(story, "delete "+ing.Name)
					m.collect(ing)
					all = slices.Delete(all, i, i+1)
				}
			case 1:
				story = append(story, "add")
				all = append(all, wild(fmt.Sprintf("n%d", len(story)), nil, "wild"))
			case 2:
				story = append(story, "toggle "+ing.Name)
				if len(ing.Spec.TLS) > 0 {
					ing.Spec.TLS = nil
				} else {
					ing.Spec.TLS = []networkingv1.IngressTLS{tls("wild")}
				}
			case 3:
				story = append(story, "label "+ing.Name)
				ing.Labels = map[string]string{"n": fmt.Sprint(len(story))}
			case 4:
				story = append(story, "annotate "+ing.Name)
				ing.Annotations["cert-manager.io/usages"] = []string{"server auth", "client auth"}[r.IntN(2)]
				if r.IntN(2) == 0 {
					delete(ing.Annotations, "cert-manager.io/usages")
				}
			}
			settle()
			if (naming(all) > 0) != (m.crts["wild"] != nil) {
				t.Fatalf("seed %d: %d name it, there is %v\n%v", seed, naming(all), m.crts["wild"] != nil, story)
			}
			// Those who do not agree are left out, and lose it with its controller.
			if shared && agree(all) && naming(all) > 0 && before != m.crts["wild"] {
				t.Fatalf("seed %d: the Certificate was made anew\n%v", seed, story)
			}
			if m.crts["wild"] != nil {
				stars := 0
				for _, owner := range m.owners("wild") {
					if owner[len(owner)-1] == '*' {
						stars++
					}
				}
				if stars != 1 {
					t.Fatalf("seed %d: owners %v\n%v", seed, m.owners("wild"), story)
				}
			}
		}
	}
}

// naming is how many of the Ingresses name a Secret.
func naming(all []*networkingv1.Ingress) int {
	n := 0
	for _, ing := range all {
		n += min(len(ing.Spec.TLS), 1)
	}
	return n
}

// agree says whether all that TestSharingConverges plays with ask for the same.
func agree(all []*networkingv1.Ingress) bool {
	return !slices.ContainsFunc(all, func(ing *networkingv1.Ingress) bool { return ing.Annotations["cert-manager.io/usages"] != "" })
}
