//go:build cluster

package webhook_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	acmev1 "github.com/certwright/certwright/certs/acme/v1"
	cmmeta "github.com/certwright/certwright/certs/meta/v1"
	certsv1 "github.com/certwright/certwright/certs/v1"
	"github.com/certwright/certwright/test/examples"
	"github.com/certwright/certwright/webhook"
)

// answered checks that err is what the API server answers: no error if there
// are no causes, else that our entry has denied it because of exactly these.
func answered(t *testing.T, err error, entry string, causes ...string) {
	t.Helper()
	if len(causes) == 0 {
		if err != nil {
			t.Errorf("refused: %v", err)
		}
		return
	}
	var status apierrors.APIStatus
	if !errors.As(err, &status) || !apierrors.IsForbidden(err) || !strings.Contains(err.Error(), fmt.Sprintf("admission webhook %q denied the request: ", entry)) {
		t.Errorf("got %v, want it denied by %s", err, entry)
		return
	}
	var got []string
	if details := status.Status().Details; details != nil {
		for _, cause := range details.Causes {
			got = append(got, examples.Error(field.ErrorType(cause.Type), cause.Field))
		}
	}
	if diff := cmp.Diff(causes, got); diff != "" {
		t.Errorf("causes (-want +got):\n%s\n%v", diff, err)
	}
}

// refusedBySchema checks that the API server has not asked us, and that it
// names a field of which we would have complained, or a part of it.
func refusedBySchema(t *testing.T, err error, causes ...string) {
	t.Helper()
	var status apierrors.APIStatus
	if !errors.As(err, &status) || !apierrors.IsInvalid(err) || status.Status().Details == nil {
		t.Errorf("got %v, want it refused by the schema", err)
		return
	}
	for _, cause := range status.Status().Details.Causes {
		for _, ours := range causes {
			if _, path, _ := strings.Cut(ours, " "); strings.HasPrefix(cause.Field, path) {
				return
			}
		}
	}
	t.Errorf("%v names none of %q", err, causes)
}

// TestExamples puts all examples of the specification, by their numbers, to the
// API server.
func TestExamples(t *testing.T) {
	w := connect(t)
	w.start(t)
	ns := w.namespace(t, nil)
	labelled := w.namespace(t, map[string]string{certsv1.DisableValidationKey: "true"})
	seen := map[int]bool{}
	row := func(number int, what string, test func(t *testing.T)) {
		seen[number] = true
		t.Run(fmt.Sprintf("row %d %s", number, what), test)
	}

	t.Run("created", func(t *testing.T) {
		for _, e := range examples.Certificates {
			seen[e.Row] = true
			t.Run(fmt.Sprintf("row %d %s", e.Row, e.Change), func(t *testing.T) {
				t.Parallel()
				w.createExample(t, ns, e)
			})
		}
		for _, e := range examples.Requests() {
			seen[e.Row] = true
			t.Run(fmt.Sprintf("row %d %s", e.Row, e.Name), func(t *testing.T) {
				t.Parallel()
				cr := &certsv1.CertificateRequest{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "x"}, Spec: e.Spec}
				err := w.Create(t.Context(), cr, client.DryRunAll)
				if e.Schema {
					refusedBySchema(t, err, e.Errors...)
					return
				}
				answered(t, err, webhook.FieldRules, e.Errors...)
			})
		}
	})
	row(84, "everything may be changed", func(t *testing.T) {
		crt := certificate(ns, "web", `{}`)
		crt.Object["spec"] = examples.Spec(`{}`)
		allowed(t, "create", w.Create(t.Context(), crt))
		crt.Object["spec"] = examples.Spec(`{secretName: other, issuerRef: {name: j, kind: ClusterIssuer}, privateKey: {algorithm: ECDSA, size: 384}}`)
		allowed(t, "update", w.Update(t.Context(), crt))
	})
	row(85, "the status of what is invalid", func(t *testing.T) { w.statusOfInvalid(t) })
	row(86, "nothing is judged in a labelled namespace", func(t *testing.T) {
		allowed(t, "an invalid Certificate", w.Create(t.Context(), certificate(labelled, "web", `{spec: {secretName: My_Secret, issuerRef: {name: i, kind: Nonsense}}}`)))
	})
	for _, r := range w.rulings(t, ns) {
		row(r.row, r.what, func(t *testing.T) { answered(t, r.err, webhook.Identity, r.causes...) })
	}

	w.grant(t, "bob")
	bob := w.as(t, rest.ImpersonationConfig{UserName: "bob", UID: "7", Groups: []string{"dev", "ops"}, Extra: map[string][]string{"example.org/a": {"v", "w"}}})
	eventually(t, "bob may create", func() error {
		return bob.Create(t.Context(), request(t, ns, "probe", cmmeta.IssuerReference{Name: "i"}), client.DryRunAll)
	})
	for _, namespace := range []string{ns, labelled} {
		row(94, "a request says who made it, in "+namespace, func(t *testing.T) { stamped(t, bob, namespace) })
	}
	// Without the mutating half nobody stamps, and nobody gets through. This
	// comes last, as the half stays away.
	mutating, _ := webhook.Configurations(webhook.Options{})
	if err := w.Delete(t.Context(), mutating); err != nil {
		t.Fatal(err)
	}
	for _, namespace := range []string{ns, labelled} {
		row(95, "a request that was not stamped, in "+namespace, func(t *testing.T) { unstamped(t, bob, namespace) })
	}

	for number := 1; number <= 106; number++ {
		if !seen[number] {
			t.Errorf("row %d is missing", number)
		}
	}
}

// createExample creates an example, without storing it.
func (w *world) createExample(t *testing.T, namespace string, e examples.Certificate) {
	t.Helper()
	crt := certificate(namespace, "x", `{}`)
	crt.Object["spec"] = e.Spec()
	err := w.Create(t.Context(), crt, client.DryRunAll)
	if e.Unreadable {
		if !apierrors.IsBadRequest(err) || !strings.Contains(err.Error(), fmt.Sprintf("%q denied the request: spec.", webhook.FieldRules)) {
			t.Errorf("got %v, want a bad request", err)
		}
		return
	}
	answered(t, err, webhook.FieldRules, e.Errors...)
	if err != nil {
		return
	}
	// Nothing that was written is changed by what is filled in.
	got, _ := crt.Object["spec"].(map[string]any)
	for name, want := range e.Spec() {
		if name != "issuerRef" && name != "privateKey" && !sameYAML(t, want, got[name]) {
			t.Errorf("spec.%s = %v, was %v", name, got[name], want)
		}
	}
	if limit, _, err := unstructured.NestedInt64(crt.Object, "spec", "revisionHistoryLimit"); limit < 1 || err != nil {
		t.Errorf("nothing was filled in: %v", got)
	}
}

func sameYAML(t *testing.T, a, b any) bool {
	t.Helper()
	x, errX := yaml.Marshal(a)
	y, errY := yaml.Marshal(b)
	if err := errors.Join(errX, errY); err != nil {
		t.Fatal(err)
	}
	return string(x) == string(y)
}

// statusOfInvalid: a Certificate that is stored although it breaks a rule can
// be worked on, and only has to be mended where it is touched.
func (w *world) statusOfInvalid(t *testing.T) {
	t.Helper()
	ctx := t.Context()
	ns := w.namespace(t, map[string]string{certsv1.DisableValidationKey: "true"})
	crt := certificate(ns, "web", `{spec: {secretName: My_Secret, issuerRef: {name: i}, dnsNames: ["bücher.example"], revisionHistoryLimit: 0}}`)
	if err := w.Create(ctx, crt); err != nil {
		t.Fatal(err)
	}
	unlabel := fmt.Appendf(nil, `{"metadata":{"labels":{%q:null}}}`, certsv1.DisableValidationKey)
	if err := w.Patch(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: ns}}, client.RawPatch(types.MergePatchType, unlabel)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the rules are in force", func() error {
		another := certificate(ns, "another", `{}`)
		another.Object["spec"] = crt.Object["spec"]
		if err := w.Create(ctx, another, client.DryRunAll); err == nil {
			return errors.New("not yet")
		}
		return nil
	})
	patch := func(c client.SubResourceWriter, data string) error {
		return c.Patch(ctx, crt.DeepCopy(), client.RawPatch(types.MergePatchType, []byte(data)))
	}
	change := func(data string) error {
		return w.Patch(ctx, crt.DeepCopy(), client.RawPatch(types.MergePatchType, []byte(data)))
	}
	allowed(t, "its status", patch(w.Status(), `{"status":{"revision":1,"conditions":[{"type":"Ready","status":"False"}]}}`))
	allowed(t, "a finalizer and a label", change(`{"metadata":{"finalizers":["example.com/x"],"labels":{"a":"b"}}}`))
	allowed(t, "without the finalizer", change(`{"metadata":{"finalizers":null}}`))
	allowed(t, "another field", change(`{"spec":{"duration":"48h"}}`))
	allowed(t, "one of the mistakes mended", change(`{"spec":{"revisionHistoryLimit":2}}`))
	answered(t, change(`{"spec":{"secretName":"Other_Secret"}}`), webhook.FieldRules, "Invalid spec.secretName")
	answered(t, change(`{"spec":{"dnsNames":["a.example","bücher.example","not a name"]}}`), webhook.FieldRules, "Invalid spec.dnsNames[2]")
}

// stamped: who creates a request is written into it, whatever it says.
func stamped(t *testing.T, bob client.Client, namespace string) {
	t.Helper()
	cr := request(t, namespace, "web-1", cmmeta.IssuerReference{Name: "i"})
	cr.Spec.Username, cr.Spec.Groups, cr.Spec.Extra = "admin", []string{"system:masters"}, map[string][]string{"x": {"y"}}
	if err := bob.Create(t.Context(), cr); err != nil {
		t.Fatal(err)
	}
	got := certsv1.CertificateRequestSpec{Username: cr.Spec.Username, UID: cr.Spec.UID, Groups: cr.Spec.Groups, Extra: cr.Spec.Extra}
	want := certsv1.CertificateRequestSpec{Username: "bob", UID: "7", Groups: []string{"dev", "ops", "system:authenticated"}, Extra: map[string][]string{"example.org/a": {"v", "w"}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("identity (-want +got):\n%s", diff)
	}
}

// unstamped: a request that does not say who creates it is refused.
func unstamped(t *testing.T, bob client.Client, namespace string) {
	t.Helper()
	var err error
	eventually(t, "the API server has noticed", func() error {
		if err = bob.Create(t.Context(), request(t, namespace, "web-2", cmmeta.IssuerReference{Name: "i"}), client.DryRunAll); err == nil {
			return errors.New("still stamped")
		}
		return nil
	})
	// Either entry may be the first to answer.
	if !strings.Contains(err.Error(), `webhook.cert-manager.io" denied the request`) {
		t.Errorf("%v", err)
	}
	for _, path := range []string{"spec.username", "spec.uid", "spec.groups", "spec.extra"} {
		if !strings.Contains(err.Error(), path+": Forbidden") {
			t.Errorf("%s is not named in %v", path, err)
		}
	}
}

// A ruling is what was answered to a change of a CertificateRequest, and the
// causes that the answer has to have.
type ruling struct {
	row    int
	what   string
	err    error
	causes []string
}

// rulings are the rows about what becomes of a CertificateRequest.
func (w *world) rulings(t *testing.T, ns string) []ruling {
	t.Helper()
	ctx := t.Context()
	users := map[string]client.WithWatch{}
	for user, signers := range map[string][]string{
		"nobody": nil, "other": {"issuers.cert-manager.io/other.i"}, "one": {"issuers.cert-manager.io/" + ns + ".i"},
		"all": {"issuers.cert-manager.io/*", "clusterissuers.cert-manager.io/*"}, "cluster": {"clusterissuers.cert-manager.io/i"},
	} {
		w.grant(t, ns+"-"+user, signers...)
		users[user] = w.as(t, rest.ImpersonationConfig{UserName: ns + "-" + user})
	}
	made := 0
	fresh := func(ref cmmeta.IssuerReference, conditions ...certsv1.CertificateRequestCondition) *certsv1.CertificateRequest {
		t.Helper()
		made++
		cr := request(t, ns, fmt.Sprintf("r-%d", made), ref)
		if err := w.Create(ctx, cr); err != nil {
			t.Fatal(err)
		}
		if len(conditions) > 0 {
			cr.Status.Conditions = conditions
			if err := w.Status().Update(ctx, cr); err != nil {
				t.Fatal(err)
			}
		}
		return cr
	}
	condition := func(kind certsv1.CertificateRequestConditionType, status cmmeta.ConditionStatus, message string) certsv1.CertificateRequestCondition {
		return certsv1.CertificateRequestCondition{Type: kind, Status: status, Reason: "test", Message: message}
	}
	set := func(user string, cr *certsv1.CertificateRequest, conditions ...certsv1.CertificateRequestCondition) error {
		cr = cr.DeepCopy()
		cr.Status.Conditions = conditions
		return users[user].Status().Update(ctx, cr)
	}
	change := func(do func(*certsv1.CertificateRequest)) error {
		cr := fresh(cmmeta.IssuerReference{Name: "i"})
		do(cr)
		return w.Update(ctx, cr)
	}
	yes := condition(certsv1.CertificateRequestConditionApproved, cmmeta.ConditionTrue, "m")
	no := condition(certsv1.CertificateRequestConditionDenied, cmmeta.ConditionTrue, "m")
	i, clusterIssuer := cmmeta.IssuerReference{Name: "i"}, cmmeta.IssuerReference{Name: "i", Kind: "ClusterIssuer"}
	for user, ref := range map[string]cmmeta.IssuerReference{"all": i, "one": i, "cluster": clusterIssuer} {
		eventually(t, "RBAC is in force", func() error { return set(user, fresh(ref), yes) })
	}
	eventually(t, "RBAC is in force", func() error {
		return client.IgnoreAlreadyExists(users["nobody"].Create(ctx, request(t, ns, "nobody", i)))
	})

	final := []string{"Forbidden status.conditions"}
	return []ruling{
		{96, "a changed spec", change(func(cr *certsv1.CertificateRequest) { cr.Spec.Duration = &metav1.Duration{Duration: time.Hour} }), []string{"Forbidden spec"}},
		{96, "a changed creator", change(func(cr *certsv1.CertificateRequest) { cr.Spec.Username = "eve" }), []string{"Forbidden spec", "Forbidden spec.username"}},
		{
			97, "annotations of ours",
			change(func(cr *certsv1.CertificateRequest) {
				cr.Annotations = map[string]string{"cert-manager.io/foo": "a", "cert-manager.io": "a", "acme.cert-manager.io/foo": "a"}
			}),
			[]string{"Forbidden metadata.annotations.acme.cert-manager.io/foo", "Forbidden metadata.annotations.cert-manager.io", "Forbidden metadata.annotations.cert-manager.io/foo"},
		},
		{98, "other metadata", change(func(cr *certsv1.CertificateRequest) {
			cr.Annotations, cr.Labels = map[string]string{"venafi.cert-manager.io/pickup-id": "a"}, map[string]string{"cert-manager.io/a": "b"}
		}), nil},
		{99, "approving without a grant", set("nobody", fresh(i), yes), final},
		{99, "denying without a grant", set("nobody", fresh(i), no), final},
		{100, "a grant for this issuer", set("one", fresh(i), yes), nil},
		{100, "a grant for every issuer", set("all", fresh(i), no), nil},
		{100, "a grant for a ClusterIssuer", set("cluster", fresh(clusterIssuer), yes), nil},
		{101, "a grant for another issuer", set("other", fresh(i), yes), final},
		{101, "a grant for an Issuer is none for a ClusterIssuer", set("one", fresh(clusterIssuer), yes), final},
		{102, "Approved=False", set("one", fresh(i), condition(certsv1.CertificateRequestConditionApproved, cmmeta.ConditionFalse, "m")), []string{"Invalid status.conditions.Approved"}},
		{103, "Denied beside Approved", set("one", fresh(i, yes), yes, no), final},
		{104, "another message", set("one", fresh(i, yes), condition(certsv1.CertificateRequestConditionApproved, cmmeta.ConditionTrue, "n")), final},
		{104, "taken back", set("one", fresh(i, yes)), final},
		{105, "answering takes no grant", set("nobody", fresh(i, yes), yes, condition(certsv1.CertificateRequestConditionReady, cmmeta.ConditionTrue, "m")), nil},
		{106, "a kind that is not served", set("all", fresh(cmmeta.IssuerReference{Name: "i", Kind: "Nothing", Group: "example.org"}), yes), []string{"Forbidden spec.issuerRef"}},
	}
}

// TestApprovalInALabelledNamespace: the rules for approval hold everywhere,
// whatever the labels of the namespace.
func TestApprovalInALabelledNamespace(t *testing.T) {
	w := connect(t)
	w.start(t)
	for _, r := range w.rulings(t, w.namespace(t, map[string]string{certsv1.DisableValidationKey: "true"})) {
		t.Run(fmt.Sprintf("row %d %s", r.row, r.what), func(t *testing.T) { answered(t, r.err, webhook.Identity, r.causes...) })
	}
}

// TestIssuerExamples puts a case for every rule of issuers and solvers to the
// API server.
func TestIssuerExamples(t *testing.T) {
	w := connect(t)
	w.start(t)
	ns := w.namespace(t, nil)
	for _, e := range examples.Issuers() {
		for kind, namespace := range map[string]string{certsv1.IssuerKind: ns, certsv1.ClusterIssuerKind: ""} {
			t.Run(kind+": "+e.Name, func(t *testing.T) {
				t.Parallel()
				err := w.Create(t.Context(), object("cert-manager.io/v1", kind, namespace, "x", "{spec: "+e.Spec+"}"), client.DryRunAll)
				if e.Schema {
					refusedBySchema(t, err, e.Errors...)
					return
				}
				answered(t, err, webhook.FieldRules, e.Errors...)
			})
		}
	}
}

// TestOrderExamples: what the ACME server said stays.
func TestOrderExamples(t *testing.T) {
	w := connect(t)
	w.start(t)
	ctx, ns := t.Context(), w.namespace(t, nil)

	order := examples.Order()
	order.Namespace, order.Name = ns, "x"
	said := order.Status
	if err := w.Create(ctx, order); err != nil {
		t.Fatal(err)
	}
	order.Status.Authorizations = []acmev1.ACMEAuthorization{{URL: said.Authorizations[0].URL}}
	allowed(t, "that there are authorizations", w.Status().Update(ctx, order))
	order.Status = said
	allowed(t, "the rest", w.Status().Update(ctx, order))
	for _, e := range examples.OrderUpdates() {
		t.Run("Order: "+e.Name, func(t *testing.T) {
			changed := order.DeepCopy()
			e.Change(changed)
			write := w.updateStatus
			if !cmp.Equal(changed.Spec, order.Spec) {
				write = w.update
			}
			answered(t, write(ctx, changed), webhook.Orders, e.Errors...)
		})
	}

	challenge := examples.Challenge()
	challenge.Namespace, challenge.Name = ns, "x"
	if err := w.Create(ctx, challenge); err != nil {
		t.Fatal(err)
	}
	for _, e := range examples.ChallengeUpdates() {
		t.Run("Challenge: "+e.Name, func(t *testing.T) {
			changed := challenge.DeepCopy()
			e.Change(changed)
			answered(t, w.update(ctx, changed), webhook.Orders, e.Errors...)
			if len(e.Errors) == 0 {
				answered(t, w.updateStatus(ctx, changed), webhook.Orders)
			}
		})
	}
}

// update and updateStatus write an object without storing it.

func (w *world) update(ctx context.Context, object client.Object) error {
	return w.Update(ctx, object.DeepCopyObject().(client.Object), client.DryRunAll)
}

func (w *world) updateStatus(ctx context.Context, object client.Object) error {
	return w.Status().Update(ctx, object.DeepCopyObject().(client.Object), &client.SubResourceUpdateOptions{UpdateOptions: client.UpdateOptions{DryRun: []string{metav1.DryRunAll}}})
}
