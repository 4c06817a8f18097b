//go:build cluster

package certificate_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/certwright/certwright/certs"
	cmmeta "github.com/certwright/certwright/certs/meta/v1"
	certsv1 "github.com/certwright/certwright/certs/v1"
)

// ofAUser is a request that no Certificate has made.
func ofAUser(t *testing.T, name, issuer string) *certsv1.CertificateRequest {
	t.Helper()
	key, err := certs.GenerateKey(&certsv1.CertificatePrivateKey{Algorithm: certsv1.ECDSAKeyAlgorithm})
	must(t, err)
	csr, err := certs.CreateCSR(&certsv1.CertificateSpec{CommonName: name, DNSNames: []string{name + ".example"}}, key)
	must(t, err)
	return &certsv1.CertificateRequest{
		ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: certsv1.CertificateRequestSpec{Request: csr, IssuerRef: cmmeta.IssuerReference{Name: issuer}},
	}
}

// told is what a request says about itself.
func told(r *certsv1.CertificateRequest) string {
	var all []string
	for _, c := range r.Status.Conditions {
		all = append(all, fmt.Sprintf("%s=%s %s", c.Type, c.Status, c.Reason))
	}
	slices.Sort(all)
	if len(r.Status.Certificate) > 0 {
		all = append(all, "certificate")
	}
	if r.Status.FailureTime != nil {
		all = append(all, "failed")
	}
	return strings.Join(all, ", ")
}

// tells waits until a request says something.
func (w *world) tells(name, want string) {
	w.t.Helper()
	w.until(name+" says "+want, func() error {
		if got := told(w.certificateRequest(name)); got != want {
			return errors.New(got)
		}
		return nil
	})
}

// requestEvents returns the events about a request, sorted.
func (w *world) requestEvents(name string) string {
	w.t.Helper()
	var list corev1.EventList
	must(w.t, w.client.List(w.t.Context(), &list, client.InNamespace(w.namespace), client.MatchingFields{"involvedObject.kind": "CertificateRequest", "involvedObject.name": name}))
	var out []string
	for _, e := range list.Items {
		for range max(e.Count, 1) {
			out = append(out, e.Type+" "+e.Reason)
		}
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}

// withIssuers makes one issuer of each sort.
func (w *world) withIssuers() {
	w.t.Helper()
	w.withCA()
	w.brokenCA()
	w.create(
		selfSigned("self"),
		&certsv1.Issuer{ObjectMeta: metav1.ObjectMeta{Name: "keyless"}, Spec: certsv1.IssuerSpec{CA: &certsv1.CAIssuer{SecretName: "absent"}}},
		&certsv1.Issuer{ObjectMeta: metav1.ObjectMeta{Name: "unknown"}, Spec: certsv1.IssuerSpec{Venafi: &certsv1.VenafiIssuer{
			Zone: "z", Cloud: &certsv1.VenafiCloud{APITokenSecretRef: cmmeta.SecretKeySelector{LocalObjectReference: cmmeta.LocalObjectReference{Name: "t"}}}}}},
	)
	w.issuerReady("self")
}

// TestGates: each gate that a request passes, in their order, on the real API
// server: what it says then, and the events about it.
func TestGates(t *testing.T) {
	w := newWorld(t)
	w.start()
	w.withIssuers()
	set := func(c ...certsv1.CertificateRequestCondition) func(*certsv1.CertificateRequest) {
		return func(r *certsv1.CertificateRequest) {
			for _, one := range c {
				r.Status.SetCondition(one, metav1.Now())
			}
		}
	}
	approved, denied := says("Approved", "True", "Policy", ""), says("Denied", "True", "Policy", "no")
	invalid, failed := says("InvalidRequest", "True", "Bad", ""), says("Ready", "False", "Failed", "")
	tests := map[string]struct {
		issuer string
		kind   string
		status func(*certsv1.CertificateRequest)
		want   string
		events string
	}{
		"signed": {issuer: "ca", want: "Approved=True cert-manager.io, Ready=True Issued, certificate", events: "Normal CertificateIssued, Normal cert-manager.io"},
		"approved by another": {issuer: "ca", status: set(approved), want: "Approved=True Policy, Ready=True Issued, certificate",
			events: "Normal CertificateIssued"},
		"denied":                       {issuer: "ca", status: set(denied), want: "Denied=True Policy, Ready=False Denied, failed"},
		"denied, though it failed":     {issuer: "ca", status: set(denied, failed), want: "Denied=True Policy, Ready=False Denied, failed"},
		"denied by an absent issuer's": {issuer: "absent", status: set(denied), want: "Denied=True Policy, Ready=False Denied, failed"},
		"invalid":                      {issuer: "ca", status: set(invalid), want: "InvalidRequest=True Bad"},
		"failed":                       {issuer: "ca", status: set(failed), want: "Ready=False Failed"},
		"no issuer":                    {issuer: "absent", want: "Approved=True cert-manager.io, Ready=False Pending", events: "Normal IssuerNotFound, Normal cert-manager.io"},
		"an issuer of no known type":   {issuer: "unknown", want: "Approved=True cert-manager.io, Ready=False Pending", events: "Normal IssuerTypeMissing, Normal cert-manager.io"},
		"an issuer that is not ready":  {issuer: "keyless", want: "Approved=True cert-manager.io, Ready=False Pending", events: "Normal IssuerNotReady, Normal cert-manager.io"},
		"answered by somebody else": {issuer: "ca", status: func(r *certsv1.CertificateRequest) {
			set(approved)(r)
			r.Status.Certificate = []byte("theirs")
		}, want: "Approved=True Policy, certificate"},
		"refused":                         {issuer: "broken", want: "Approved=True cert-manager.io, Ready=False Failed, failed", events: "Normal cert-manager.io, Warning SigningError"},
		"its key is not named":            {issuer: "self", want: "Approved=True cert-manager.io, Ready=False Failed, failed", events: "Normal cert-manager.io, Warning MissingAnnotation"},
		"an issuer of a kind that is not": {issuer: "ca", kind: "Nonsense", want: "", events: "Warning IssuerNotFound"},
	}
	// What has a status from the start must have it before we look.
	w.stop()
	names := map[string]string{}
	for i, what := range slices.Sorted(maps.Keys(tests)) {
		tt := tests[what]
		names[what] = fmt.Sprint("r-", i)
		r := ofAUser(t, names[what], tt.issuer)
		r.Spec.IssuerRef.Kind = tt.kind
		w.create(r)
		if tt.status != nil {
			tt.status(r)
			must(t, w.client.Status().Update(t.Context(), r))
		}
	}
	w.start()
	for what, tt := range tests {
		t.Run(what, func(t *testing.T) {
			w := w.at(t)
			w.tells(names[what], tt.want)
			w.until("events "+tt.events, func() error {
				if got := w.requestEvents(names[what]); got != tt.events {
					return errors.New(got)
				}
				return nil
			})
		})
	}
	w.quiet()
	for what, tt := range tests { // and that is all
		r := w.certificateRequest(names[what])
		if got := told(r); got != tt.want {
			t.Errorf("%s, after a while: %s", what, got)
		}
		if got := w.requestEvents(names[what]); got != tt.events {
			t.Errorf("%s, after a while: %s", what, got)
		}
		if what == "answered by somebody else" && !bytes.Equal(r.Status.Certificate, []byte("theirs")) {
			t.Errorf("%s: replaced", what)
		}
	}

	// What waits goes on when what it waits for is there.
	chain, key := testCA(t)
	w.create(caSecret(t, "absent", chain, key), &certsv1.Issuer{ObjectMeta: metav1.ObjectMeta{Name: "absent"}, Spec: certsv1.IssuerSpec{CA: &certsv1.CAIssuer{SecretName: "absent"}}})
	for _, what := range []string{"no issuer", "an issuer that is not ready"} {
		w.tells(names[what], "Approved=True cert-manager.io, Ready=True Issued, certificate")
	}
	// A denial that comes last has the last word, even after the answer.
	w.decide(names["signed"], certsv1.CertificateRequestConditionDenied)
	w.tells(names["signed"], "Approved=True cert-manager.io, Denied=True Policy, Ready=False Denied, certificate, failed")
}

// TestApprovalIsLeftToOthers: with the approver switched off, a request waits,
// says so once, and goes on when somebody approves.
func TestApprovalIsLeftToOthers(t *testing.T) {
	w := newWorld(t, func(w *world) { w.manual = true })
	w.start()
	w.withCA()
	w.create(ofAUser(t, "mine", "ca"), ofAUser(t, "other", "ca"))
	for _, name := range []string{"mine", "other"} {
		w.until(name+" waits", func() error {
			if got := w.requestEvents(name); got != "Normal WaitingForApproval" {
				return errors.New(got)
			}
			return nil
		})
	}
	w.touch("mine")
	w.quiet()
	if r := w.certificateRequest("mine"); told(r) != "" || w.requestEvents("mine") != "Normal WaitingForApproval" {
		t.Errorf("%s, %s", told(r), w.requestEvents("mine"))
	}
	w.decide("mine", certsv1.CertificateRequestConditionApproved)
	w.tells("mine", "Approved=True Policy, Ready=True Issued, certificate")
	w.decide("other", certsv1.CertificateRequestConditionDenied)
	w.tells("other", "Denied=True Policy, Ready=False Denied, failed")
}

// touch has the controller look at a request.
func (w *world) touch(name string) {
	w.t.Helper()
	w.until("touch "+name, func() error {
		r := w.certificateRequest(name)
		if r.Labels == nil {
			r.Labels = map[string]string{}
		}
		r.Labels["touched"] += "x"
		return w.client.Update(w.t.Context(), r)
	})
}

// cloudIssuers makes the API server know a kind of external issuers.
func (w *world) cloudIssuers() {
	w.t.Helper()
	crd := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": map[string]any{"name": "cloudissuers.cloud.example"},
		"spec": map[string]any{
			"group": "cloud.example", "scope": "Namespaced",
			"names": map[string]any{"kind": "CloudIssuer", "listKind": "CloudIssuerList", "plural": "cloudissuers", "singular": "cloudissuer"},
			"versions": []any{map[string]any{"name": "v1", "served": true, "storage": true, "schema": map[string]any{
				"openAPIV3Schema": map[string]any{"type": "object", "x-kubernetes-preserve-unknown-fields": true},
			}}},
		},
	}}
	must(w.t, w.client.Create(w.t.Context(), crd))
	w.t.Cleanup(func() { _ = w.client.Delete(context.Background(), crd) })
	w.until("external issuers are served", func() error {
		list := &unstructured.UnstructuredList{}
		list.SetAPIVersion("cloud.example/v1")
		list.SetKind("CloudIssuerList")
		return w.client.List(w.t.Context(), list, client.InNamespace(w.namespace))
	})
}

// grant gives a user permissions.
func (w *world) grant(user, name string, rules ...rbacv1.PolicyRule) {
	w.t.Helper()
	meta := metav1.ObjectMeta{Name: w.namespace + "-" + name}
	role := &rbacv1.ClusterRole{ObjectMeta: meta, Rules: rules}
	binding := &rbacv1.ClusterRoleBinding{
		ObjectMeta: meta, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: meta.Name},
		Subjects: []rbacv1.Subject{{Kind: rbacv1.UserKind, Name: user, APIGroup: rbacv1.GroupName}},
	}
	for _, o := range []client.Object{role, binding} {
		must(w.t, w.client.Create(w.t.Context(), o))
		w.t.Cleanup(func() { _ = w.client.Delete(context.Background(), o) })
	}
}

// TestApprovalNeedsPermission: for signers that we may not approve, a request
// gets one warning and no write, and is approved once we may.
func TestApprovalNeedsPermission(t *testing.T) {
	const user = "a controller with few permissions"
	w := newWorld(t, func(w *world) { w.as = user })
	w.cloudIssuers()
	all := []string{"*"}
	approve := func(signer string) rbacv1.PolicyRule {
		return rbacv1.PolicyRule{APIGroups: []string{certsv1.GroupName}, Resources: []string{"signers"}, Verbs: []string{"approve"}, ResourceNames: []string{signer}}
	}
	w.grant(user, "base",
		rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{"secrets", "events"}, Verbs: all},
		rbacv1.PolicyRule{APIGroups: []string{certsv1.GroupName}, Verbs: all, Resources: []string{
			"certificates", "certificates/status", "certificates/finalizers", "certificaterequests", "certificaterequests/status", "issuers", "issuers/status"}},
		approve("issuers.cert-manager.io/"+w.namespace+".ca"))
	w.start()
	w.withCA()
	w.create(ofAUser(t, "ours", "ca"), ofAUser(t, "not-ours", "another"))
	theirs := ofAUser(t, "theirs", "x")
	theirs.Spec.IssuerRef = cmmeta.IssuerReference{Name: "x", Kind: "CloudIssuer", Group: "cloud.example"}
	w.create(theirs)
	w.tells("ours", "Approved=True cert-manager.io, Ready=True Issued, certificate")
	for range 3 {
		w.touch("theirs")
		w.touch("not-ours")
	}
	w.quiet()
	for _, name := range []string{"theirs", "not-ours"} {
		w.until(name+" has its warning", func() error {
			if got := w.requestEvents(name); got != "Warning ApprovalNotPermitted" {
				return errors.New(got)
			}
			return nil
		})
		if got := told(w.certificateRequest(name)); got != "" {
			t.Errorf("%s says %s", name, got)
		}
	}
	writes, _ := w.wire.written()
	if n := slices.Index(writes, "PATCH certificaterequests/status"); n >= 0 {
		writes = slices.Delete(writes, n, n+1) // of ours
	}
	if slices.Contains(writes, "PATCH certificaterequests/status") {
		t.Errorf("an approval was tried: %v", writes)
	}

	w.grant(user, "more", approve("cloudissuers.cloud.example/*"))
	w.clock.SetTime(w.clock.Now().Add(time.Minute)) // by then we ask again
	w.until("theirs is approved", func() error {
		w.touch("theirs")
		w.clock.SetTime(w.clock.Now().Add(time.Minute))
		if got := told(w.certificateRequest("theirs")); got != "Approved=True cert-manager.io" {
			return errors.New(got)
		}
		return nil
	})
	w.quiet()
	if got := told(w.certificateRequest("theirs")); got != "Approved=True cert-manager.io" {
		t.Errorf("an external issuer's request says %s", got)
	}
}
