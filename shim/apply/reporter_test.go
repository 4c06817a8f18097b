package apply_test

import (
	"slices"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/record"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/certwright/certwright/shim"
	"github.com/certwright/certwright/shim/apply"
)

func TestReporter(t *testing.T) {
	t.Parallel()
	one, two := shim.Problem{Reason: "BadConfig", Message: "one"}, shim.Problem{Reason: "BadConfig", Message: "two"}
	app := &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "app"}}
	other := &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "other"}}
	recorder := record.NewFakeRecorder(10)
	r := &apply.Reporter{Recorder: recorder}

	steps := []struct {
		name     string
		obj      *networkingv1.Ingress
		forget   bool
		problems []shim.Problem
		want     []string
	}{
		{name: "a problem is told", obj: app, problems: []shim.Problem{one}, want: []string{"one"}},
		{name: "the same one is not told again", obj: app, problems: []shim.Problem{one, one}},
		{name: "another one is", obj: app, problems: []shim.Problem{one, two}, want: []string{"two"}},
		{name: "each object has its own", obj: other, problems: []shim.Problem{one}, want: []string{"one"}},
		{name: "nothing is told when a problem goes", obj: app, problems: []shim.Problem{two}},
		{name: "it is told when it comes back", obj: app, problems: []shim.Problem{one, two}, want: []string{"one"}},
		{name: "an object that is gone", obj: app, forget: true},
		{name: "is another one when it comes back", obj: app, problems: []shim.Problem{two}, want: []string{"two"}},
	}
	for _, s := range steps {
		if s.forget {
			r.Forget(client.ObjectKeyFromObject(s.obj))
		} else {
			r.Report(s.obj, s.problems)
		}
		var got []string
		for len(recorder.Events) > 0 {
			event := <-recorder.Events
			got = append(got, event[len("Warning BadConfig "):])
		}
		if !slices.Equal(got, s.want) {
			t.Errorf("%s: told %q, want %q", s.name, got, s.want)
		}
	}
}
