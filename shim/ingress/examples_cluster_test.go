//go:build cluster

package ingress

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/record"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	certsv1 "github.com/certwright/certwright/certs/v1"
	"github.com/certwright/certwright/shim"
	"github.com/certwright/certwright/shim/apply"
	"github.com/certwright/certwright/shim/follow"
	"github.com/certwright/certwright/test/annotated"
)

// finalizer keeps an object that is being deleted.
const finalizer = "certwright.dev/test"

// TestExamplesOnTheServer puts the worked examples to a real API server: what
// is in the world after one pass, and that another one writes nothing. The
// passes are made by hand, so that one that does nothing is known to be over.
func TestExamplesOnTheServer(t *testing.T) {
	t.Parallel()
	s, cached := openStage(t), cachedClient(t)
	for name, example := range annotated.Examples() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			(&rehearsal{stage: &stage{T: t, Client: s.Client, metrics: apply.NewMetrics()}, cached: cached}).play(example)
		})
	}
}

// cachedClient is what the controller reads and writes with.
func cachedClient(t *testing.T) client.Client {
	t.Helper()
	s := openStage(t)
	mgr, err := ctrl.NewManager(s.config, ctrl.Options{Scheme: s.Scheme(), Metrics: metricsserver.Options{BindAddress: "0"}})
	s.must(err)
	s.must(follow.Index(t.Context(), mgr.GetFieldIndexer()))
	for _, obj := range []client.Object{&networkingv1.Ingress{}, &certsv1.Certificate{}} {
		_, err := mgr.GetCache().GetInformer(t.Context(), obj, cache.BlockUntilSynced(false))
		s.must(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- mgr.Start(ctx) }()
	t.Cleanup(func() {
		stop()
		s.must(<-done)
	})
	if !mgr.GetCache().WaitForCacheSync(ctx) {
		t.Fatal("the cache does not fill")
	}
	return mgr.GetClient()
}

// A rehearsal plays one example in a namespace of its own.
type rehearsal struct {
	*stage
	cached client.Client
	// uids are the real ones of those in the examples.
	uids map[types.UID]types.UID
}

func (r *rehearsal) play(example annotated.Example) {
	r.Helper()
	r.newNamespace()
	app := r.stand(example.Ingress)
	other := r.stand(&networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Name: "other"}})
	r.uids = map[types.UID]types.UID{annotated.AppUID: app.UID, annotated.OtherUID: other.UID}
	world := map[string]*certsv1.Certificate{}
	for _, crt := range example.Existing {
		crt = r.ours(crt)
		world[crt.Name] = crt
		written := crt.DeepCopy()
		r.must(r.Create(r.Context(), written, client.FieldOwner(shim.IngressManager)))
		r.await(written, &certsv1.Certificate{})
	}
	for _, crt := range slices.Concat(example.Want.Creates, example.Want.Updates) {
		world[crt.Name] = r.ours(crt)
	}
	for _, name := range example.Want.Deletes {
		delete(world, name)
	}

	opts := shim.DefaultOptions()
	if example.Options != nil {
		opts = *example.Options
	}
	events := record.NewFakeRecorder(20)
	shell := follow.NewReconciler(r.cached, follow.Config{
		Recorder: func(string) record.EventRecorder { return events }, Options: opts, Metrics: r.metrics,
	}, shim.IngressManager, reader(r.cached))
	pass := func() {
		r.Helper()
		_, err := shell.Reconcile(r.Context(), reconcile.Request{NamespacedName: client.ObjectKeyFromObject(app)})
		r.must(err)
	}
	pass()
	told := r.told(events)
	if diff := cmp.Diff(r.announcements(example.Want), told); diff != "" {
		r.Errorf("events (-want +got):\n%s", diff)
	}
	got := map[string]*certsv1.Certificate{}
	var all certsv1.CertificateList
	r.must(r.List(r.Context(), &all, client.InNamespace(r.namespace)))
	for i := range all.Items {
		got[all.Items[i].Name] = &all.Items[i]
		r.await(&all.Items[i], &certsv1.Certificate{})
	}
	meta := cmpopts.IgnoreFields(metav1.ObjectMeta{}, "UID", "ResourceVersion", "Generation", "CreationTimestamp", "ManagedFields")
	if diff := cmp.Diff(world, got, meta, cmpopts.IgnoreTypes(metav1.TypeMeta{}), cmpopts.EquateEmpty()); diff != "" {
		r.Errorf("Certificates (-want +got):\n%s", diff)
	}

	before := r.counted("create") + r.counted("update") + r.counted("delete")
	pass()
	if more := r.counted("create") + r.counted("update") + r.counted("delete") - before; more != 0 {
		r.Errorf("a second pass writes %g times", more)
	}
	if again := r.told(events); len(again) > 0 {
		r.Errorf("a second pass tells %q", again)
	}
}

// stand creates an Ingress of an example, and deletes it if it is being deleted
// there.
func (r *rehearsal) stand(ing *networkingv1.Ingress) *networkingv1.Ingress {
	r.Helper()
	leaving := ing.DeletionTimestamp != nil
	real := ing.DeepCopy()
	real.ObjectMeta = metav1.ObjectMeta{
		Name: ing.Name, Namespace: r.namespace, Labels: ing.Labels, Annotations: ing.Annotations, Finalizers: ing.Finalizers,
	}
	if leaving {
		real.Finalizers = append(real.Finalizers, finalizer)
	}
	real.Spec.DefaultBackend = backend() // the API server wants a rule or one
	r.must(r.Create(r.Context(), real))
	if leaving {
		r.must(r.Delete(r.Context(), real))
		r.must(r.Get(r.Context(), client.ObjectKeyFromObject(real), real))
		r.Cleanup(func() {
			real.Finalizers = nil
			r.must(r.Update(context.Background(), real))
		})
	}
	r.await(real, &networkingv1.Ingress{})
	return real
}

// ours is crt in this world.
func (r *rehearsal) ours(crt *certsv1.Certificate) *certsv1.Certificate {
	crt = crt.DeepCopy()
	crt.Namespace = r.namespace
	for i := range crt.OwnerReferences {
		crt.OwnerReferences[i].UID = r.uids[crt.OwnerReferences[i].UID]
	}
	return crt
}

// await waits until the cache has this version of obj, or a newer one.
func (r *rehearsal) await(obj, held client.Object) {
	r.Helper()
	r.eventually("cached "+obj.GetName(), func() bool {
		err := r.cached.Get(r.Context(), client.ObjectKeyFromObject(obj), held)
		if apierrors.IsNotFound(err) {
			return false
		}
		r.must(err)
		return held.GetResourceVersion() == obj.GetResourceVersion()
	})
}

// announcements are the events that go with want, sorted.
func (r *rehearsal) announcements(want annotated.Outcome) []string {
	all := []string{}
	for _, crt := range want.Creates {
		all = append(all, `Normal CreateCertificate Successfully created Certificate "`+crt.Name+`"`)
	}
	for _, crt := range want.Updates {
		all = append(all, `Normal UpdateCertificate Successfully updated Certificate "`+crt.Name+`"`)
	}
	for _, name := range want.Deletes {
		all = append(all, `Normal DeleteCertificate Successfully deleted unrequired Certificate "`+name+`"`)
	}
	for _, text := range want.Told {
		all = append(all, corev1.EventTypeWarning+" "+strings.Replace(text, ": ", " ", 1))
	}
	slices.Sort(all)
	return all
}

func (r *rehearsal) told(events *record.FakeRecorder) []string {
	all := []string{}
	for len(events.Events) > 0 {
		all = append(all, <-events.Events)
	}
	slices.Sort(all)
	return all
}
