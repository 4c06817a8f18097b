//go:build cluster

package gateway

import (
	"context"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	cmmeta "github.com/certwright/certwright/certs/meta/v1"
	certsv1 "github.com/certwright/certwright/certs/v1"
	"github.com/certwright/certwright/shim"
	"github.com/certwright/certwright/shim/follow"
	"github.com/certwright/certwright/test/gatewayapi"
	"github.com/certwright/certwright/test/shimstage"
)

// A stage is a shimstage.Stage that knows the Gateway API.
type stage struct{ *shimstage.Stage }

// newStage returns a stage where the Gateway API is served. The controllers have
// the permissions that are shipped.
func newStage(t *testing.T) *stage {
	t.Helper()
	return stageFor(t, add(time.Second))
}

// stageFor is newStage with other controllers.
func stageFor(t *testing.T, add func(manager.Manager, follow.Config) error) *stage {
	t.Helper()
	s := &stage{shimstage.New(t, add, shimstage.Shipped)}
	s.serve(kindsOfGatewayAPI...)
	s.ownable(t)
	return s
}

// ownable waits until the API server lets an account without all rights name a
// Gateway or ListenerSet as an owner that blocks deletion. It looks which kinds
// there are every 30 seconds.
func (s *stage) ownable(t *testing.T) {
	t.Helper()
	access, err := clientcmd.BuildConfigFromFlags("", os.Getenv("KUBECONFIG"))
	s.Must(err)
	shimstage.Shipped(access)
	account, err := client.New(access, client.Options{Scheme: s.Scheme()})
	s.Must(err)
	for _, kind := range []string{shim.GatewayKind, shim.ListenerSetKind} {
		owner := metav1.NewControllerRef(&metav1.ObjectMeta{Name: "probe", UID: "probe"}, schema.GroupVersion(gatewayv1.GroupVersion).WithKind(kind))
		for end := time.Now().Add(time.Minute); ; time.Sleep(200 * time.Millisecond) {
			err := account.Create(t.Context(), &certsv1.Certificate{
				ObjectMeta: metav1.ObjectMeta{Name: "probe", Namespace: s.Namespace, OwnerReferences: []metav1.OwnerReference{*owner}},
				Spec:       certsv1.CertificateSpec{SecretName: "probe", DNSNames: []string{"a.ex"}, IssuerRef: cmmeta.IssuerReference{Name: "le"}},
			}, client.DryRunAll)
			if err == nil {
				break
			}
			if time.Now().After(end) {
				t.Fatal(err)
			}
		}
	}
}

// add adds the controllers with all kinds.
func add(lookEvery time.Duration) func(manager.Manager, follow.Config) error {
	return func(mgr manager.Manager, cfg follow.Config) error {
		return Add(mgr, Config{Config: cfg, Gateways: true, ListenerSets: true, LookEvery: lookEvery})
	}
}

var kindsOfGatewayAPI = []string{"gateways", "listenersets", "httproutes"}

// crds are those of the Gateway API. The go command that finds them is slow, so
// it is asked once.
var crds = sync.OnceValues(func() ([]*apiextensionsv1.CustomResourceDefinition, error) {
	return gatewayapi.CRDs(context.Background(), kindsOfGatewayAPI...)
})

func (s *stage) crds(plurals ...string) []*apiextensionsv1.CustomResourceDefinition {
	s.Helper()
	all, err := crds()
	s.Must(err)
	var chosen []*apiextensionsv1.CustomResourceDefinition
	for _, crd := range all {
		if slices.Contains(plurals, crd.Spec.Names.Plural) {
			chosen = append(chosen, crd.DeepCopy())
		}
	}
	return chosen
}

// serve has the API server serve kinds.
func (s *stage) serve(plurals ...string) {
	s.Helper()
	for _, crd := range s.crds(plurals...) {
		if err := s.Create(s.Context(), crd); err != nil && !apierrors.IsAlreadyExists(err) {
			s.Fatal(err)
		}
		s.Eventually(crd.Name+" is served", func() bool {
			s.Must(s.Get(s.Context(), client.ObjectKeyFromObject(crd), crd))
			return gatewayapi.Served(crd)
		})
	}
	s.Eventually("lists are answered", func() bool {
		return s.List(s.Context(), &gatewayv1.GatewayList{}, client.InNamespace(s.Namespace)) == nil
	})
}

// withdraw has the API server serve kinds no more.
func (s *stage) withdraw(plurals ...string) {
	s.Helper()
	for _, crd := range s.crds(plurals...) {
		s.Must(client.IgnoreNotFound(s.Delete(s.Context(), crd)))
		s.Eventually(crd.Name+" is gone", func() bool {
			return apierrors.IsNotFound(s.Get(s.Context(), client.ObjectKeyFromObject(crd), crd))
		})
	}
}

func (s *stage) gateway(annotations map[string]string, listeners ...gatewayv1.Listener) *gatewayv1.Gateway {
	s.Helper()
	gw := &gatewayv1.Gateway{
		ObjectMeta: metav1.ObjectMeta{Name: "app", Namespace: s.Namespace, Annotations: annotations},
		Spec:       gatewayv1.GatewaySpec{GatewayClassName: "none", Listeners: listeners},
	}
	s.Must(s.Create(s.Context(), gw))
	return gw
}

func (s *stage) listenerSet(annotations map[string]string, listeners ...gatewayv1.Listener) *gatewayv1.ListenerSet {
	s.Helper()
	set := &gatewayv1.ListenerSet{
		ObjectMeta: metav1.ObjectMeta{Name: "ls", Namespace: s.Namespace, Annotations: annotations},
		Spec:       gatewayv1.ListenerSetSpec{ParentRef: gatewayv1.ParentGatewayReference{Name: "app"}},
	}
	for _, l := range listeners {
		set.Spec.Listeners = append(set.Spec.Listeners, gatewayv1.ListenerEntry(l))
	}
	s.Must(s.Create(s.Context(), set))
	return set
}

// quiet demands that a pass over the Gateway writes nothing.
func (s *stage) quiet(gw *gatewayv1.Gateway) {
	s.Helper()
	s.Quiet(
		func() {
			s.Edit(gw, "kubectl", func() { gw.Spec.Listeners = append(gw.Spec.Listeners, https("marker", "marker.ex", "marker")) })
		},
		func() {
			s.Edit(gw, "kubectl", func() { gw.Spec.Listeners = gw.Spec.Listeners[:len(gw.Spec.Listeners)-1] })
		},
	)
}

func le(more ...string) map[string]string {
	annotations := map[string]string{shim.ClusterIssuerKey: "le"}
	for i := 0; i < len(more); i += 2 {
		annotations[more[i]] = more[i+1]
	}
	return annotations
}

// https is a listener; without a hostname if host is empty.
func https(name, host, secret string) gatewayv1.Listener {
	l := gatewayv1.Listener{
		Name: gatewayv1.SectionName(name), Port: 443, Protocol: gatewayv1.HTTPSProtocolType,
		TLS: &gatewayv1.ListenerTLSConfig{CertificateRefs: []gatewayv1.SecretObjectReference{{Name: gatewayv1.ObjectName(secret)}}},
	}
	if host != "" {
		hostname := gatewayv1.Hostname(host)
		l.Hostname = &hostname
	}
	return l
}
