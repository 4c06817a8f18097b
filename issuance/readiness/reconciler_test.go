package readiness

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/record"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	certsv1 "github.com/certwright/certwright/certs/v1"
	"github.com/certwright/certwright/issuance"
)

// A verdict is what every check finds.
type verdict struct {
	issuance.Readiness
	err error
}

func (v *verdict) Check(context.Context, certsv1.GenericIssuer, string) (issuance.Readiness, error) {
	return v.Readiness, v.err
}

// The dates of a CA are told from its first check until it, or its issuer, is
// gone; and a ready issuer is looked at again when its Checker says so.
func TestCAs(t *testing.T) {
	scheme := runtime.NewScheme()
	if err := certsv1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	spec := certsv1.IssuerSpec{CA: &certsv1.CAIssuer{SecretName: "ca"}}
	issuer := &certsv1.Issuer{ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: "ca"}, Spec: spec}
	clusterIssuer := &certsv1.ClusterIssuer{ObjectMeta: metav1.ObjectMeta{Name: "ca"}, Spec: spec}
	c := fake.NewClientBuilder().WithScheme(scheme).WithObjects(issuer, clusterIssuer).WithStatusSubresource(issuer, clusterIssuer).Build()
	found := &verdict{Readiness: issuance.Readiness{
		Status: "True", Reason: "Fine", After: 1000 * time.Hour,
		CA: &x509.Certificate{NotBefore: time.Unix(1e6, 0), NotAfter: time.Unix(2e6, 0)},
	}}
	cas := NewCAs()
	look := func(o issuerObject) reconcile.Result {
		t.Helper()
		r := &Reconciler{
			Client: c, Events: record.NewFakeRecorder(10), Clock: clocktesting.NewFakePassiveClock(noon), CAs: cas, Controller: "issuers",
			New:   func() issuerObject { return o.DeepCopyObject().(issuerObject) },
			Kinds: []issuance.Kind{{Configured: func(s *certsv1.IssuerSpec) bool { return s.CA != nil }, Checker: found}},
		}
		result, err := r.Reconcile(t.Context(), reconcile.Request{NamespacedName: client.ObjectKeyFromObject(o)})
		if err != nil {
			t.Fatal(err)
		}
		return result
	}
	const help = "the issuer signs with %s. Unix time. Absent if it has none that can be read; namespace is empty for a ClusterIssuer.\n"
	told := func(when string, series ...string) {
		t.Helper()
		var want strings.Builder
		for _, of := range []struct{ name, verb, value string }{{"not_after", "expires", "2e+06"}, {"not_before", "becomes valid", "1e+06"}} {
			name := "certwright_issuer_ca_" + of.name + "_timestamp_seconds"
			fmt.Fprintf(&want, "# HELP %s When the certificate of the CA that "+help+"# TYPE %s gauge\n", name, of.verb, name)
			for _, labels := range series {
				fmt.Fprintf(&want, "%s{%s} %s\n", name, labels, of.value)
			}
		}
		text := want.String()
		if len(series) == 0 {
			text = ""
		}
		if err := testutil.CollectAndCompare(cas, strings.NewReader(text)); err != nil {
			t.Errorf("%s: %v", when, err)
		}
	}
	const ours, clusters = `kind="Issuer",name="ca",namespace="team"`, `kind="ClusterIssuer",name="ca",namespace=""`

	told("before the first check")
	if after := look(issuer).RequeueAfter; after != 1000*time.Hour {
		t.Errorf("looked at again after %s", after)
	}
	look(clusterIssuer)
	told("after the first check", clusters, ours)
	problems, err := testutil.CollectAndLint(cas)
	if err != nil || len(problems) > 0 {
		t.Errorf("%v, %v", problems, err)
	}
	found.Status, found.Reason, found.After = "False", "Expired", 0
	look(issuer)
	told("not ready", clusters, ours)
	found.err = errors.New("down")
	look(issuer)
	told("nobody knows", clusters, ours)
	found.CA, found.err = nil, nil
	look(issuer)
	told("without a CA", clusters)
	if err := c.Delete(t.Context(), clusterIssuer); err != nil {
		t.Fatal(err)
	}
	look(clusterIssuer)
	told("deleted")
}
