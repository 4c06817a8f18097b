package shim_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	certsv1 "github.com/certwright/certwright/certs/v1"
	"github.com/certwright/certwright/certs/validate"
	"github.com/certwright/certwright/shim"
	"github.com/certwright/certwright/test/examples"
)

// values are what random Ingresses are annotated with, good and bad.
var values = map[string][]string{
	"cert-manager.io/cluster-issuer":                       {"le", "other"},
	"cert-manager.io/common-name":                          {"", "a.ex", "b.ex"},
	"certwright.dev/dns-names":                             {"", "*.ex", "*.ex, b.ex", "10.0.0.1"},
	"certwright.dev/rule-hosts":                            {"true", "false"},
	"cert-manager.io/alt-names":                            {"", "x.ex", "x.ex, y.ex", "x y"},
	"cert-manager.io/ip-sans":                              {"", "10.0.0.1", "::1,10.0.0.1", "ten"},
	"cert-manager.io/uri-sans":                             {"spiffe://a/b"},
	"cert-manager.io/email-sans":                           {"a@b.ex", "c@d.ex"},
	"cert-manager.io/subject-organizations":                {"A", "A,B"},
	"cert-manager.io/subject-countries":                    {"DE"},
	"cert-manager.io/subject-serialnumber":                 {"1"},
	"cert-manager.io/duration":                             {"2160h", "48h", "1m"},
	"cert-manager.io/renew-before":                         {"24h", "12h"},
	"cert-manager.io/renew-before-percentage":              {"20", "30"},
	"cert-manager.io/usages":                               {"server auth", "digital signature,key encipherment", "key encipherment,digital signature"},
	"cert-manager.io/revision-history-limit":               {"1", "3"},
	"cert-manager.io/private-key-algorithm":                {"RSA", "ECDSA", "Ed25519"},
	"cert-manager.io/private-key-encoding":                 {"PKCS1", "PKCS8"},
	"cert-manager.io/private-key-size":                     {"2048", "4096", "256"},
	"cert-manager.io/private-key-rotation-policy":          {"Always", "Never"},
	"cert-manager.io/ignore-tls-listeners":                 {"l0-0", "l1-0,l2-0"},
	"acme.cert-manager.io/http01-parentreffallback":        {"true", "false"},
	"cert-manager.io/secret-template":                      {`{"labels":{"a":"b"}}`, `{"annotations":{"a":"b"},"labels":{"c":"d"}}`},
	"acme.cert-manager.io/http01-edit-in-place":            {"true", "false"},
	"acme.cert-manager.io/http01-ingress-class":            {"nginx", "traefik"},
	"kubernetes.io/tls-acme":                               {"true"},
	"extra.io/a":                                           {"1", "2"},
	"acme.cert-manager.io/http01-ingress-ingressclassname": {"nginx"},
}

// players are what happens to a world between two passes. Each returns what it
// did.
var players = []func(*rand.Rand, *networkingv1.Ingress, *memory) string{
	func(r *rand.Rand, ing *networkingv1.Ingress, _ *memory) string {
		keys := sortedKeys(values)
		key := keys[r.IntN(len(keys))]
		if _, ok := ing.Annotations[key]; ok && r.IntN(2) == 0 {
			delete(ing.Annotations, key)
			return "remove " + key
		}
		ing.Annotations[key] = values[key][r.IntN(len(values[key]))]
		return fmt.Sprintf("annotate %s=%s", key, ing.Annotations[key])
	},
	func(r *rand.Rand, ing *networkingv1.Ingress, _ *memory) string {
		ing.Spec.TLS = nil
		for _, secret := range []string{"t", "u", "v", ""} {
			if r.IntN(2) == 0 {
				ing.Spec.TLS = append(ing.Spec.TLS, tls(secret, []string{"a.ex", "b.ex", "10.0.0.9"}[:r.IntN(4)]...))
			}
		}
		return fmt.Sprintf("tls %v", ing.Spec.TLS)
	},
	func(r *rand.Rand, ing *networkingv1.Ingress, _ *memory) string {
		ing.Labels = []map[string]string{nil, {"app": "x"}, {"app": "y", "team": "z"}}[r.IntN(3)]
		return fmt.Sprintf("labels %v", ing.Labels)
	},
	func(r *rand.Rand, _ *networkingv1.Ingress, m *memory) string {
		return somebody(r, m, "kubectl", func(crt *certsv1.Certificate) {
			switch r.IntN(7) {
			case 0:
				crt.Spec.CommonName = "mine.ex"
			case 1:
				crt.Spec.Usages = []certsv1.KeyUsage{"client auth"}
			case 2:
				crt.Labels = map[string]string{"mine": "x"}
			case 3:
				crt.Spec.Subject = &certsv1.X509Subject{Localities: []string{"mine"}}
			case 4:
				crt.Spec.PrivateKey = &certsv1.CertificatePrivateKey{Size: 3072}
			case 5:
				crt.Spec.SecretTemplate = nil
			case 6:
				crt.Spec.DNSNames, crt.Spec.Duration = []string{"mine.ex"}, &metav1.Duration{Duration: time.Hour}
			}
		})
	},
	// What admission fills in counts as written by whoever writes.
	func(r *rand.Rand, _ *networkingv1.Ingress, m *memory) string {
		return somebody(r, m, []string{"webhook", m.manager}[r.IntN(2)], fillIn)
	},
	func(r *rand.Rand, _ *networkingv1.Ingress, m *memory) string {
		if names := sortedKeys(m.crts); len(names) > 0 && r.IntN(4) == 0 {
			delete(m.crts, names[0])
			return "delete " + names[0]
		}
		return "nothing"
	},
}

// fillIn does to a Certificate what admission does.
func fillIn(crt *certsv1.Certificate) {
	raw, err := json.Marshal(crt)
	if err != nil {
		panic(err)
	}
	*crt = certsv1.Certificate{}
	if err := json.Unmarshal(examples.FilledIn(raw), crt); err != nil {
		panic(err)
	}
}

func somebody(r *rand.Rand, m *memory, manager string, change func(*certsv1.Certificate)) string {
	names := sortedKeys(m.crts)
	if len(names) == 0 {
		return "nothing"
	}
	name := names[r.IntN(len(names))]
	m.edit(name, manager, change)
	return manager + " edits " + name
}

func sortedKeys[V any](m map[string]V) []string {
	var list []string
	for key := range m {
		list = append(list, key)
	}
	slices.Sort(list)
	return list
}

// TestConverges plays random events and demands after each pass that another
// would write nothing, that the user's own fields are there, and that nothing
// that is not ours was touched.
func TestConverges(t *testing.T) {
	t.Parallel()
	for name, tt := range kinds {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			converges(t, tt)
		})
	}
}

// A kind of source is made from an Ingress, which the players change.
type kind struct {
	read    func(*networkingv1.Ingress, shim.Options) *shim.Source
	manager string
	seeds   uint64
}

var kinds = map[string]kind{
	"Ingress": {func(ing *networkingv1.Ingress, _ shim.Options) *shim.Source { return shim.FromIngress(ing) }, shim.IngressManager, 30},
	"Gateway": {func(ing *networkingv1.Ingress, opts shim.Options) *shim.Source {
		gw := gateway(nil, listeners(ing)...)
		gw.ObjectMeta = ing.ObjectMeta
		return shim.FromGateway(gw, nil, opts)
	}, shim.GatewayManager, 8},
	"ListenerSet": {func(ing *networkingv1.Ingress, opts shim.Options) *shim.Source {
		set := listenerSet(nil, listeners(ing)...)
		set.ObjectMeta = ing.ObjectMeta
		return shim.FromListenerSet(set, parent(notes{clusterIssuer: "le"}), nil, opts)
	}, shim.ListenerSetManager, 8},
}

// listeners are the TLS blocks of ing: one for each host, or one without.
func listeners(ing *networkingv1.Ingress) []gatewayv1.Listener {
	var all []gatewayv1.Listener
	for i, block := range ing.Spec.TLS {
		var secrets []string
		if block.SecretName != "" {
			secrets = []string{block.SecretName}
		}
		for j, host := range append(block.Hosts, "")[:max(1, len(block.Hosts))] {
			all = append(all, https(fmt.Sprintf("l%d-%d", i, j), host, secrets...))
		}
	}
	return all
}

func converges(t *testing.T, kind kind) {
	t.Helper()
	opts := le()
	opts.ExtraAnnotations = []string{"extra.io/a"}
	for seed := range kind.seeds {
		r := rand.New(rand.NewPCG(seed, 1))
		m := newMemory(t)
		m.manager = kind.manager
		ing := app(notes{clusterIssuer: "le"}, tls("t", "a.ex"))
		var others []*certsv1.Certificate
		for i, crt := range crts(
			certificate("v", []string{"v.ex"}, unowned),
			certificate("w", []string{"w.ex"}, ownedBy("other", "uid-other")),
		) {
			if r.IntN(2) == 0 || i == 1 {
				m.write(crt, "kubectl")
				others = append(others, m.get(crt.Name))
			}
		}
		var story []string
		for range 40 {
			story = append(story, players[r.IntN(len(players))](r, ing, m))
			others = slices.DeleteFunc(others, func(crt *certsv1.Certificate) bool { return m.crts[crt.Name] == nil })
			for i, crt := range others { // what others do to them is theirs
				others[i] = m.get(crt.Name)
			}
			fail := func(format string, args ...any) {
				t.Fatalf("seed %d: %s\n%v\n%v", seed, fmt.Sprintf(format, args...), story, ing)
			}

			// Our users put keystores everywhere.
			for name := range m.crts {
				m.edit(name, "kubectl", func(crt *certsv1.Certificate) {
					crt.Spec.AdditionalOutputFormats = []certsv1.CertificateAdditionalOutputFormat{{Type: "DER"}}
				})
			}
			for i, crt := range others {
				others[i] = m.get(crt.Name)
			}
			src := kind.read(ing, opts)
			before := sortedKeys(m.crts)
			wanted, changes := m.plan(src, opts)
			if len(wanted.Problems) == 0 && !wanted.Act && shim.Triggered(src, opts) {
				fail("silent refusal")
			}
			for _, crt := range wanted.Certificates {
				if errs := validate.CertificateNew(crt); len(errs) > 0 {
					fail("wanted Certificate %s is refused: %v", crt.Name, errs)
				}
			}
			for _, crt := range changes.Delete {
				if slices.ContainsFunc(ing.Spec.TLS, func(tls networkingv1.IngressTLS) bool { return tls.SecretName == crt.Name }) {
					fail("deletes %s, which is mentioned", crt.Name)
				}
			}
			m.take(changes)
			if _, again := m.plan(src, opts); !again.Empty() {
				fail("does not come to rest: create %d, update %+v, delete %d", len(again.Create), again.Update, len(again.Delete))
			}
			for _, crt := range others {
				if diff := cmp.Diff(crt, m.get(crt.Name)); diff != "" {
					fail("touches what is not ours:\n%s", diff)
				}
			}
			for _, name := range before {
				if m.crts[name] != nil && len(m.get(name).Spec.AdditionalOutputFormats) != 1 {
					fail("wipes the output formats of %s", name)
				}
			}
			for _, want := range wanted.Certificates {
				got := m.get(want.Name)
				if controller := metav1.GetControllerOf(got); controller == nil || controller.UID != "uid-app" {
					continue
				}
				if diff := cmp.Diff(want.Labels, got.Labels, cmpopts.EquateEmpty()); diff != "" {
					fail("labels of %s (-want +got):\n%s", want.Name, diff)
				}
				if want.Spec.CommonName != got.Spec.CommonName || !slices.Equal(want.Spec.DNSNames, got.Spec.DNSNames) {
					fail("names of %s: %v", want.Name, got.Spec)
				}
			}
		}
	}
}

func TestOrderDoesNotMatter(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	ing := app(notes{clusterIssuer: "le"}, tls("t", "a.ex"), tls("u", "b.ex"), tls("v", "c.ex"))
	existing := crts(certificate("u", []string{"old.ex"}), certificate("x", nil), certificate("y", nil), certificate("v", nil, unowned))
	want := pass(t, ing, shim.DefaultOptions(), existing)
	byName := cmpopts.SortSlices(func(a, b *certsv1.Certificate) bool { return a.Name < b.Name })
	for range 50 {
		r.Shuffle(len(ing.Spec.TLS), func(i, j int) { ing.Spec.TLS[i], ing.Spec.TLS[j] = ing.Spec.TLS[j], ing.Spec.TLS[i] })
		r.Shuffle(len(existing), func(i, j int) { existing[i], existing[j] = existing[j], existing[i] })
		got := pass(t, ing, shim.DefaultOptions(), existing)
		if diff := cmp.Diff(want, got, byName, cmpopts.SortSlices(func(a, b string) bool { return a < b })); diff != "" {
			t.Fatalf("in another order (-want +got):\n%s", diff)
		}
	}
}

// FuzzAnnotations: whatever is written on an object, it is either refused with
// a reason or leads to Certificates that admission takes, and to peace.
func FuzzAnnotations(f *testing.F) {
	keys := sortedKeys(values)
	for i, key := range keys {
		for _, value := range values[key] {
			f.Add(uint8(i), value, uint8(i+1), "", "a.ex", "t")
		}
	}
	f.Fuzz(func(t *testing.T, first uint8, value string, second uint8, other, host, secret string) {
		ing := app(notes{
			clusterIssuer:                       "le",
			keys[int(first)%len(keys)]:          value,
			keys[int(second)%len(keys)]:         other,
			"cert-manager.io/subject-provinces": "BY",
		}, tls(secret, host), tls("u", "b.ex"))
		opts := shim.DefaultOptions()
		for kind, tt := range kinds {
			src := tt.read(ing, opts)
			wanted := shim.Desired(src, opts)
			if len(wanted.Problems) == 0 && len(wanted.Certificates) == 0 {
				t.Errorf("%s: neither Certificates nor problems", kind)
			}
			if (len(wanted.Problems) == 0) != (len(wanted.Errors) == 0) {
				t.Errorf("%s: problems %v, but errors %v", kind, wanted.Problems, wanted.Errors)
			}
			for _, crt := range wanted.Certificates {
				if errs := validate.CertificateNew(crt); len(errs) > 0 {
					t.Errorf("%s: Certificate %s is refused: %v", kind, crt.Name, errs)
				}
			}
			if changes := shim.Plan(src, opts, wanted, wanted.Certificates); !changes.Empty() {
				t.Errorf("%s: what is wanted is not enough: %+v", kind, changes)
			}
		}
	})
}
