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

func TestFollow(t *testing.T) {
	t.Parallel()
	app := &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "app"}}
	recorder := record.NewFakeRecorder(100)
	r := &apply.Reporter{Recorder: recorder}
	failing := func(certificate, why string) shim.Fare {
		return shim.Fare{Certificate: certificate, Trouble: &shim.Problem{Reason: "CertificateFailed", Message: certificate + ": " + why}}
	}
	retried, well := shim.Fare{Certificate: "t"}, shim.Fare{Certificate: "t", Well: true}
	const recovery = `Normal CertificateReady Certificate "t" is ready`

	steps := []struct {
		name  string
		fares []shim.Fare
		want  []string
	}{
		{name: "one that is well is nothing to tell", fares: []shim.Fare{well}},
		{name: "a failure is told", fares: []shim.Fare{failing("t", "no zone")}, want: []string{"Warning CertificateFailed t: no zone"}},
		{name: "the same one is not told again", fares: []shim.Fare{failing("t", "no zone")}},
		{name: "to try again is no recovery", fares: []shim.Fare{retried}},
		{name: "nor is to fail in the same way news", fares: []shim.Fare{failing("t", "no zone")}},
		{name: "another cause is", fares: []shim.Fare{failing("t", "order t-1-1945293431")}, want: []string{"Warning CertificateFailed t: order t-1-1945293431"}},
		{name: "the same cause with another number is not", fares: []shim.Fare{failing("t", "order t-1-327911383")}},
		{name: "going back to the first is not", fares: []shim.Fare{failing("t", "no zone")}},
		{name: "another Certificate has its own", fares: []shim.Fare{failing("t", "no zone"), failing("u", "no zone")}, want: []string{"Warning CertificateFailed u: no zone"}},
		{name: "a recovery is told", fares: []shim.Fare{well, failing("u", "no zone")}, want: []string{recovery}},
		{name: "once", fares: []shim.Fare{well, failing("u", "no zone")}},
		{name: "one that is gone needs none", fares: []shim.Fare{well}},
		{name: "after it, the same failure is news", fares: []shim.Fare{failing("t", "no zone")}, want: []string{"Warning CertificateFailed t: no zone"}},
	}
	heard := func() (got []string) {
		for len(recorder.Events) > 0 {
			got = append(got, <-recorder.Events)
		}
		return got
	}
	for _, s := range steps {
		r.Follow(app, s.fares)
		if got := heard(); !slices.Equal(got, s.want) {
			t.Errorf("%s: told %q, want %q", s.name, got, s.want)
		}
	}
	for i := range 50 {
		r.Follow(app, []shim.Fare{failing("t", string(rune('a'+i)))})
	}
	if got := heard(); len(got) > 20 {
		t.Errorf("told %d causes", len(got))
	}
}
