//go:build cluster

package gateway

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	cmmeta "github.com/certwright/certwright/certs/meta/v1"
	certsv1 "github.com/certwright/certwright/certs/v1"
	"github.com/certwright/certwright/shim"
	"github.com/certwright/certwright/test/shimstage"
)

const (
	parentKind      = "acme.cert-manager.io/http01-parentrefkind"
	parentName      = "acme.cert-manager.io/http01-parentrefname"
	parentNamespace = "acme.cert-manager.io/http01-parentrefnamespace"
)

var there = shimstage.There

func named(hosts ...string) func(*certsv1.Certificate) bool {
	return func(crt *certsv1.Certificate) bool { return slices.Equal(crt.Spec.DNSNames, hosts) }
}

// TestKindsComeAndGo is not parallel: it takes the kinds of the other tests
// away, before they begin.
func TestKindsComeAndGo(t *testing.T) {
	var looks, lists atomic.Int64
	s := &stage{shimstage.New(t, add(50*time.Millisecond), func(access *rest.Config) {
		access.Wrap(func(next http.RoundTripper) http.RoundTripper {
			return roundTripper(func(r *http.Request) (*http.Response, error) {
				switch {
				case strings.HasSuffix(r.URL.Path, "/apis/gateway.networking.k8s.io/v1"):
					looks.Add(1)
				case strings.Contains(r.URL.Path, "/gateways"), strings.Contains(r.URL.Path, "/listenersets"):
					lists.Add(1)
				}
				return next.RoundTrip(r)
			})
		})
	})}
	more := func(n int64) {
		t.Helper()
		until := looks.Load() + n
		s.Eventually("it is looked for kinds", func() bool { return looks.Load() >= until })
	}
	// silent demands that no informer was left behind: it would ask again after
	// a second, and then less and less often.
	silent := func() {
		t.Helper()
		more(5)
		before := lists.Load()
		more(60)
		if asked := lists.Load() - before; asked > 0 {
			t.Errorf("%d requests for what is not served", asked)
		}
	}
	s.withdraw(kindsOfGatewayAPI...)
	silent()

	s.serve("gateways")
	s.gateway(le(), https("https", "a.ex", "t"))
	s.Certificate("t", "is made once Gateways are served", there)

	s.serve("listenersets")
	set := s.listenerSet(nil, https("https", "b.ex", "ls"))
	s.Certificate("ls", "is made once ListenerSets are served", there)

	s.withdraw("gateways", "listenersets")
	silent()

	s.serve("gateways", "listenersets", "httproutes")
	s.gateway(le(), https("https", "a.ex", "u"))
	s.Certificate("u", "is made when they are back", there)
	set.ResourceVersion, set.UID, set.Spec.Listeners[0].TLS.CertificateRefs[0].Name = "", "", "ls2"
	s.Must(s.Create(t.Context(), set))
	s.Certificate("ls2", "is made for the ListenerSet", there)
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestLifeOfACertificate(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	gw := s.gateway(le(shim.UsagesKey, "server auth", certsv1.OrganizationsKey, "Example"), https("https", "a.ex", "t"))

	crt := s.Certificate("t", "is made", there)
	owner := metav1.GetControllerOf(crt)
	if owner == nil || owner.UID != gw.UID || owner.Kind != "Gateway" || owner.APIVersion != "gateway.networking.k8s.io/v1" || !*owner.BlockOwnerDeletion {
		t.Errorf("owner: %v", owner)
	}
	if crt.Annotations[parentKind] != "Gateway" || crt.Annotations[parentName] != "app" {
		t.Errorf("annotations: %v", crt.Annotations)
	}
	if e := s.Heard("Normal", "CreateCertificate", `Successfully created Certificate "t"`); e.Source.Component != shim.GatewayManager || e.InvolvedObject.UID != gw.UID {
		t.Errorf("event: %v", e)
	}
	s.Edit(crt, "kubectl", func() {
		crt.Spec.Keystores = &certsv1.CertificateKeystores{JKS: &certsv1.JKSKeystore{Create: true, Password: new("changeit")}}
		crt.Spec.Subject.Countries = []string{"DE"}
	})

	// What an annotation set goes with it, the user's own stays.
	generation := crt.Generation
	s.Edit(gw, "kubectl", func() {
		gw.Annotations = le(certsv1.CommonNameKey, "a.ex")
		gw.Spec.Listeners = append(gw.Spec.Listeners, https("other", "b.ex", "t"))
	})
	crt = s.Certificate("t", "has the new name", named("a.ex", "b.ex"))
	want := certsv1.CertificateSpec{
		CommonName: "a.ex",
		DNSNames:   []string{"a.ex", "b.ex"},
		SecretName: "t",
		IssuerRef:  cmmeta.IssuerReference{Name: "le", Kind: "ClusterIssuer", Group: "cert-manager.io"},
		Usages:     []certsv1.KeyUsage{"digital signature", "key encipherment"},
		Subject:    &certsv1.X509Subject{Countries: []string{"DE"}},
		Keystores:  crt.Spec.Keystores,
	}
	if crt.Spec.Keystores == nil || !equality.Semantic.DeepEqual(crt.Spec, want) {
		t.Errorf("spec is %+v\nwant    %+v", crt.Spec, want)
	}
	if crt.Generation != generation+1 {
		t.Errorf("the spec went through %d versions to get there", crt.Generation-generation)
	}
	s.quiet(gw)

	// Edits by hand are reverted, deletions too.
	s.Edit(crt, "kubectl", func() { crt.Spec.DNSNames = []string{"mine.ex"} })
	crt = s.Certificate("t", "is reverted", named("a.ex", "b.ex"))
	s.Must(s.Delete(t.Context(), crt))
	s.Certificate("t", "is made again", func(now *certsv1.Certificate) bool { return now.UID != crt.UID })

	// A mistake is told where it was made, once.
	s.Edit(gw, "kubectl", func() { gw.Spec.Listeners = append(gw.Spec.Listeners, https("bad", "", "v")) })
	s.Heard("Warning", "BadConfig", "Skipped a listener block: spec.listeners[2].hostname: Required value: the hostname cannot be empty")

	// Another Secret name.
	s.Edit(gw, "kubectl", func() { gw.Spec.Listeners = []gatewayv1.Listener{https("https", "a.ex", "u")} })
	s.Certificate("u", "is made", there)
	s.Gone("t")
	s.Heard("Normal", "DeleteCertificate", `Successfully deleted unrequired Certificate "t"`)
}

func TestListenerSetFollowsItsGateway(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	set := s.listenerSet(nil, https("https", "a.ex", "t"))
	gw := s.gateway(nil, https("https", "gw.ex", "gw"))
	s.Edit(gw, "kubectl", func() { gw.Annotations = le() })
	crt := s.Certificate("t", "is made when the Gateway names an issuer", there)
	if owner := metav1.GetControllerOf(crt); owner == nil || owner.UID != set.UID || owner.Kind != "ListenerSet" {
		t.Errorf("owner: %v", owner)
	}
	if crt.Annotations[parentKind] != "ListenerSet" || crt.Annotations[parentName] != "ls" {
		t.Errorf("annotations: %v", crt.Annotations)
	}
	if e := s.Heard("Normal", "CreateCertificate", `Successfully created Certificate "t"`); e.Source.Component != shim.ListenerSetManager || e.InvolvedObject.Kind != "ListenerSet" {
		t.Errorf("event: %v", e)
	}
	s.Edit(gw, "kubectl", func() {
		gw.Annotations = map[string]string{shim.IssuerKey: "pca", shim.IssuerKindKey: "Pca", shim.IssuerGroupKey: "pca.ex"}
	})
	s.Certificate("t", "follows the Gateway's issuer", func(crt *certsv1.Certificate) bool {
		return crt.Spec.IssuerRef == cmmeta.IssuerReference{Name: "pca", Kind: "Pca", Group: "pca.ex"}
	})
	s.Edit(set, "kubectl", func() { set.Annotations = le(shim.ParentFallbackKey, "true") })
	s.Certificate("t", "has an issuer of its own, and the Gateway answers challenges", func(crt *certsv1.Certificate) bool {
		return crt.Spec.IssuerRef.Name == "le" && crt.Spec.IssuerRef.Group == "cert-manager.io" &&
			crt.Annotations[parentKind] == "Gateway" && crt.Annotations[parentName] == "app" && crt.Annotations[parentNamespace] == s.Namespace
	})
	s.Edit(set, "kubectl", func() { set.Annotations = le() })
	s.Certificate("t", "is answered by the ListenerSet again", func(crt *certsv1.Certificate) bool {
		_, stale := crt.Annotations[parentNamespace]
		return crt.Annotations[parentKind] == "ListenerSet" && crt.Annotations[parentName] == "ls" && !stale
	})

	// Without its Gateway it is left alone; with the next it is followed again.
	s.Must(s.Delete(t.Context(), gw))
	s.Edit(set, "kubectl", func() { set.Spec.Listeners[0].Hostname = new(gatewayv1.Hostname("b.ex")) })
	s.gateway(nil, https("https", "gw.ex", "gw"))
	s.Certificate("t", "is there and follows", named("b.ex"))
}

// TestTakeOverOnTheServer is TestTakeOver of package shim for a Gateway.
func TestTakeOverOnTheServer(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	gw := s.gateway(nil, https("https", "a.ex", "t"))
	crt := &certsv1.Certificate{
		ObjectMeta: metav1.ObjectMeta{
			Name: "t", Namespace: s.Namespace,
			Annotations:     map[string]string{parentKind: "Gateway", parentName: "app", shim.OverrideIngressClassKey: "nginx"},
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(gw, schema.GroupVersion(gatewayv1.GroupVersion).WithKind("Gateway"))},
		},
		Spec: certsv1.CertificateSpec{ // as an old version made it: no usages
			SecretName: "t", DNSNames: []string{"a.ex"},
			IssuerRef:      cmmeta.IssuerReference{Name: "le", Kind: "ClusterIssuer", Group: "cert-manager.io"},
			EmailAddresses: []string{"a@b.ex"},
		},
	}
	s.Must(s.Create(t.Context(), crt, client.FieldOwner(shim.GatewayManager)))
	s.Edit(gw, "kubectl", func() {
		gw.Annotations = le(certsv1.EmailSANsKey, "a@b.ex", shim.HTTP01IngressClassKey, "nginx")
	})
	s.quiet(gw)
	if s.Must(s.Get(t.Context(), client.ObjectKeyFromObject(crt), crt)); crt.Generation != 1 {
		t.Errorf("taking over changed it: %+v", crt)
	}
	s.Edit(crt, "kubectl", func() { crt.Spec.AdditionalOutputFormats = []certsv1.CertificateAdditionalOutputFormat{{Type: "DER"}} })
	s.Edit(gw, "kubectl", func() { gw.Annotations = le() })
	crt = s.Certificate("t", "has lost what the annotations had set", func(crt *certsv1.Certificate) bool {
		return len(crt.Spec.EmailAddresses) == 0 && crt.Annotations[shim.OverrideIngressClassKey] == ""
	})
	if crt.Annotations[parentKind] != "Gateway" || len(crt.Spec.AdditionalOutputFormats) != 1 {
		t.Errorf("it has lost more: %v %+v", crt.Annotations, crt.Spec)
	}
	for _, entry := range crt.ManagedFields {
		if entry.Manager == shim.GatewayManager && entry.Operation != metav1.ManagedFieldsOperationApply {
			t.Errorf("managed fields are not migrated: %v", crt.ManagedFields)
		}
	}
	if crt.Generation != 3 {
		t.Errorf("generation is %d", crt.Generation)
	}
	s.quiet(gw)
}

func TestNotOurs(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	mine := &certsv1.Certificate{
		ObjectMeta: metav1.ObjectMeta{Name: "t", Namespace: s.Namespace},
		Spec:       certsv1.CertificateSpec{SecretName: "t", DNSNames: []string{"mine.ex"}, IssuerRef: cmmeta.IssuerReference{Name: "mine"}},
	}
	s.Must(s.Create(t.Context(), mine))
	gw := s.gateway(le(), https("https", "a.ex", "t"))
	s.quiet(gw)
	if crt := s.Certificate("t", "is there", there); crt.UID != mine.UID || crt.Generation != 1 || len(crt.OwnerReferences) > 0 {
		t.Errorf("a Certificate of the user's was changed: %+v", crt)
	}
	s.Must(s.Delete(t.Context(), mine))
	s.Certificate("t", "is made for the Gateway", func(crt *certsv1.Certificate) bool { return metav1.IsControlledBy(crt, gw) })
}

func TestHostnamesOfRoutes(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	from := gatewayv1.NamespacesFromSelector
	open := https("https", "", "t")
	open.AllowedRoutes = &gatewayv1.AllowedRoutes{Namespaces: &gatewayv1.RouteNamespaces{
		From: &from, Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"shared": s.Namespace}},
	}}
	same := https("same", "", "u")
	same.Port = 8443
	gw := s.gateway(le(shim.RouteHostnamesKey, "true"), open, same)
	s.Heard("Warning", "BadConfig", "Skipped a listener block: spec.listeners[0].hostname: Required value: the hostname cannot be empty: no HTTPRoute")

	near := s.route(s.Namespace, "near", "near.ex")
	s.Certificate("u", "has the name of the route beside its Gateway", named("near.ex"))

	tenant := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "shim-tenant-"}}
	s.Must(s.Create(t.Context(), tenant))
	t.Cleanup(func() { s.Must(client.IgnoreNotFound(s.Delete(context.Background(), tenant))) })
	far := s.route(tenant.Name, "far", "far.ex")
	s.quiet(gw)
	s.Edit(tenant, "kubectl", func() { tenant.Labels["shared"] = s.Namespace })
	s.Certificate("t", "has the name of the route that its namespace's label lets in", named("far.ex"))
	if crt := s.Certificate("u", "is there", there); !named("near.ex")(crt) {
		t.Errorf("a route got a name onto a listener that does not let it in: %v", crt.Spec.DNSNames)
	}

	s.Edit(far, "kubectl", func() { far.Spec.Hostnames = []gatewayv1.Hostname{"far.ex", "further.ex"} })
	s.Certificate("t", "follows the route", named("far.ex", "further.ex"))
	s.Must(s.Delete(t.Context(), near))
	s.Heard("Warning", "BadConfig", "Skipped a listener block: spec.listeners[1].hostname: Required value: the hostname cannot be empty: no HTTPRoute")
	s.quiet(gw)
	s.Certificate("u", "stays", named("near.ex"))
}

// TestRoutesThatCannotBeRead: one Gateway that asks for them must not stop the
// others.
func TestRoutesThatCannotBeRead(t *testing.T) {
	t.Parallel()
	var tries atomic.Int64
	s := &stage{shimstage.New(t, add(50*time.Millisecond), func(access *rest.Config) {
		access.Wrap(func(next http.RoundTripper) http.RoundTripper {
			return roundTripper(func(r *http.Request) (*http.Response, error) {
				if strings.Contains(r.URL.Path, "/httproutes") {
					tries.Add(1)
					return nil, errors.New("no route to the routes")
				}
				return next.RoundTrip(r)
			})
		})
	})}
	s.serve(kindsOfGatewayAPI...)
	gw := s.gateway(le(shim.RouteHostnamesKey, "true"), https("https", "", "t"))
	s.Eventually("it is tried, again and again", func() bool { return tries.Load() > 5 })
	other := &gatewayv1.Gateway{ObjectMeta: metav1.ObjectMeta{Name: "other", Namespace: s.Namespace, Annotations: le()}}
	other.Spec.GatewayClassName, other.Spec.Listeners = "none", []gatewayv1.Listener{https("https", "a.ex", "u")}
	s.Must(s.Create(t.Context(), other))
	s.Certificate("u", "is made for the other Gateway", there)
	s.Edit(gw, "kubectl", func() { gw.Spec.Listeners[0].Hostname = new(gatewayv1.Hostname("b.ex")) })
	s.Certificate("t", "is made when no route is needed", there)
}

// route is an HTTPRoute that wants the Gateway of the stage.
func (s *stage) route(namespace, name, host string) *gatewayv1.HTTPRoute {
	s.Helper()
	route := &gatewayv1.HTTPRoute{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: namespace}}
	route.Spec.Hostnames = []gatewayv1.Hostname{gatewayv1.Hostname(host)}
	route.Spec.ParentRefs = []gatewayv1.ParentReference{{Name: "app", Namespace: new(gatewayv1.Namespace(s.Namespace))}}
	s.Must(s.Create(s.Context(), route))
	return route
}
