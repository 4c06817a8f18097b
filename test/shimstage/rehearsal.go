package shimstage

import (
	"context"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/record"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	certsv1 "github.com/certwright/certwright/certs/v1"
	"github.com/certwright/certwright/shim"
	"github.com/certwright/certwright/shim/apply"
	"github.com/certwright/certwright/shim/follow"
	"github.com/certwright/certwright/test/annotated"
)

// finalizer keeps an object that is being deleted.
const finalizer = "certwright.dev/test"

// A Shell is what the controller of a kind is made of. Its passes are made by
// hand, so that one that does nothing is known to be over.
type Shell struct {
	// Certificates reads and writes them, Sources reads sources: both from
	// caches, as in the controller.
	Certificates client.Client
	Sources      client.Reader
	// Manager is in whose name it writes.
	Manager string
	Read    func(shim.Options) follow.Read
}

// Rehearse puts an example to the real API server, in namespaces of its own:
// what is in the world after one pass, what has been told, and that another pass
// writes nothing.
func (s *Stage) Rehearse(t *testing.T, shell Shell, example annotated.Example) {
	t.Helper()
	r := &rehearsal{Stage: &Stage{T: t, Client: s.Client, metrics: apply.NewMetrics()}, shell: shell}
	r.Namespace = r.newNamespace()
	r.names = []string{`"ns"`, quoted(r.Namespace)}
	source := r.standAll(&example)
	if source == nil {
		return
	}
	world := map[string]*certsv1.Certificate{}
	for _, crt := range example.Existing {
		crt = actual(r, crt)
		world[crt.Name] = crt
		written := crt.DeepCopy()
		r.Must(r.Create(r.Context(), written, client.FieldOwner(shell.Manager)))
		r.await(written, shell.Certificates)
	}
	for _, crt := range slices.Concat(example.Want.Creates, example.Want.Updates) {
		world[crt.Name] = actual(r, crt)
	}
	for _, name := range example.Want.Deletes {
		delete(world, name)
	}

	events := record.NewFakeRecorder(20)
	reconciler := follow.NewReconciler(shell.Certificates, follow.Config{
		Recorder: func(string) record.EventRecorder { return events }, Options: example.UsedOptions(), Metrics: r.metrics,
	}, shell.Manager, shell.Read(example.UsedOptions()))
	pass := func() {
		r.Helper()
		_, err := reconciler.Reconcile(r.Context(), reconcile.Request{NamespacedName: client.ObjectKeyFromObject(source)})
		r.Must(err)
	}
	pass()
	if diff := cmp.Diff(announcements(&example.Want), told(events)); diff != "" {
		r.Errorf("events (-want +got):\n%s", diff)
	}
	meta := cmpopts.IgnoreFields(metav1.ObjectMeta{}, "UID", "ResourceVersion", "Generation", "CreationTimestamp", "ManagedFields")
	if diff := cmp.Diff(world, r.certificates(), meta, cmpopts.IgnoreTypes(metav1.TypeMeta{}), cmpopts.EquateEmpty()); diff != "" {
		r.Errorf("Certificates (-want +got):\n%s", diff)
	}

	before := r.writes()
	pass()
	if more := r.writes() - before; more != 0 {
		r.Errorf("a second pass writes %g times", more)
	}
	if again := told(events); len(again) > 0 {
		r.Errorf("a second pass tells %q", again)
	}
}

// A rehearsal is one example in namespaces of its own.
type rehearsal struct {
	*Stage
	shell Shell
	// names are names and UIDs of the example, each with the real one, in quotes.
	names []string
}

func (r *rehearsal) newNamespace() string {
	r.Helper()
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "shim-"}}
	r.Must(r.Create(r.Context(), ns))
	r.Cleanup(func() { r.Must(client.IgnoreNotFound(r.Delete(context.Background(), ns))) })
	return ns.Name
}

// standAll creates the objects of an example. It returns the one that is
// followed, or nil if the API server refused it, and was to do so.
func (r *rehearsal) standAll(example *annotated.Example) client.Object {
	r.Helper()
	var source client.Object
	switch {
	case example.Ingress != nil:
		source = example.Ingress
		r.stand(&networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Name: "other", UID: annotated.OtherUID}}, "")
	case example.ListenerSet != nil:
		source = example.ListenerSet
		r.names = append(r.names, `"egs"`, quoted(r.newNamespace()))
		if example.Gateway != nil {
			r.stand(example.Gateway, "")
		}
	default:
		source = example.Gateway
	}
	return r.stand(source, example.Refused)
}

// stand creates an object of an example, and deletes it if it is being deleted
// there. It returns nil if the API server refused it, as it was to do.
func (r *rehearsal) stand(obj client.Object, refused string) client.Object {
	r.Helper()
	stored := actual(r, obj)
	stored.SetUID("")
	stored.SetDeletionTimestamp(nil)
	if stored.GetNamespace() == "" {
		stored.SetNamespace(r.Namespace)
	}
	leaving := obj.GetDeletionTimestamp() != nil
	if leaving {
		stored.SetFinalizers(append(stored.GetFinalizers(), finalizer))
	}
	if ing, ok := stored.(*networkingv1.Ingress); ok { // the API server wants a rule or a backend
		ing.Spec.DefaultBackend = &networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{
			Name: "s", Port: networkingv1.ServiceBackendPort{Number: 80},
		}}
	}
	err := r.Create(r.Context(), stored)
	if refused != "" {
		if !apierrors.IsInvalid(err) || !strings.Contains(err.Error(), refused) {
			r.Errorf("the API server says %v, not that it refuses %s", err, refused)
		}
		return nil
	}
	r.Must(err)
	if leaving {
		r.Must(r.Delete(r.Context(), stored))
		r.Must(r.Get(r.Context(), client.ObjectKeyFromObject(stored), stored))
		r.Cleanup(func() {
			stored.SetFinalizers(nil)
			r.Must(r.Update(context.Background(), stored))
		})
	}
	r.await(stored, r.shell.Sources)
	r.names = append(r.names, quoted(string(obj.GetUID())), quoted(string(stored.GetUID())))
	return stored
}

func quoted(name string) string { return `"` + name + `"` }

// actual is an object of the example with the names and UIDs of this world.
func actual[object client.Object](r *rehearsal, obj object) object {
	r.Helper()
	text, err := json.Marshal(obj)
	r.Must(err)
	made := empty(obj)
	r.Must(json.Unmarshal([]byte(strings.NewReplacer(r.names...).Replace(string(text))), made))
	return made
}

func empty[object client.Object](like object) object {
	return reflect.New(reflect.TypeOf(like).Elem()).Interface().(object) //nolint:forcetypeassert // it is of that type
}

// await waits until a cache has this version of obj.
func (r *rehearsal) await(obj client.Object, cached client.Reader) {
	r.Helper()
	held := empty(obj)
	r.Eventually("cached "+obj.GetName(), func() bool {
		err := cached.Get(r.Context(), client.ObjectKeyFromObject(obj), held)
		if apierrors.IsNotFound(err) {
			return false
		}
		r.Must(err)
		return held.GetResourceVersion() == obj.GetResourceVersion()
	})
}

// certificates are those that there are. When it returns, the cache has them,
// and no others.
func (r *rehearsal) certificates() map[string]*certsv1.Certificate {
	r.Helper()
	all := map[string]*certsv1.Certificate{}
	var list, cached certsv1.CertificateList
	r.Must(r.List(r.Context(), &list, client.InNamespace(r.Namespace)))
	for i := range list.Items {
		all[list.Items[i].Name] = &list.Items[i]
		r.await(&list.Items[i], r.shell.Certificates)
	}
	r.Eventually("cached what is gone", func() bool {
		r.Must(r.shell.Certificates.List(r.Context(), &cached, client.InNamespace(r.Namespace)))
		return len(cached.Items) == len(list.Items)
	})
	return all
}

func (r *rehearsal) writes() float64 {
	r.Helper()
	return r.Counted("create") + r.Counted("update") + r.Counted("delete")
}

// announcements are the events that go with want, sorted.
func announcements(want *annotated.Outcome) []string {
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

// told are the events since it was last called, sorted.
func told(events *record.FakeRecorder) []string {
	all := []string{}
	for len(events.Events) > 0 {
		all = append(all, <-events.Events)
	}
	slices.Sort(all)
	return all
}
