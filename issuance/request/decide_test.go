package request

import (
	"context"
	"crypto/x509"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/certwright/certwright/certs"
	cmmeta "github.com/certwright/certwright/certs/meta/v1"
	certsv1 "github.com/certwright/certwright/certs/v1"
	"github.com/certwright/certwright/issuance"
)

var noon = time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC)

func req(conditions ...certsv1.CertificateRequestCondition) *certsv1.CertificateRequest {
	r := &certsv1.CertificateRequest{
		ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: "web-1", UID: "u"},
		Spec:       certsv1.CertificateRequestSpec{IssuerRef: cmmeta.IssuerReference{Name: "ca"}},
	}
	for _, c := range conditions {
		r.Status.SetCondition(c, metav1.NewTime(noon))
	}
	return r
}

func condition(t certsv1.CertificateRequestConditionType, status, reason string) certsv1.CertificateRequestCondition {
	return certsv1.CertificateRequestCondition{Type: t, Status: cmmeta.ConditionStatus(status), Reason: reason, Message: "given"}
}

func foreign(r *certsv1.CertificateRequest) *certsv1.CertificateRequest {
	r.Spec.IssuerRef = cmmeta.IssuerReference{Name: "x", Kind: "CloudIssuer", Group: "cloud.example"}
	return r
}

func issuer(ready string) *certsv1.Issuer {
	i := &certsv1.Issuer{ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: "ca"}, Spec: certsv1.IssuerSpec{CA: &certsv1.CAIssuer{}}}
	if ready != "" {
		i.Status.SetCondition(certsv1.IssuerCondition{Type: "Ready", Status: cmmeta.ConditionStatus(ready), Message: "no key pair"}, metav1.NewTime(noon))
	}
	return i
}

// outline is what a test compares.
type outline struct {
	Sign                    bool
	Ready, Approved, Events string
	Once                    string
	Wake                    time.Duration
	Failed                  bool
}

func outlineOf(d Decision) outline {
	out := outline{Sign: d.Sign, Wake: d.Wake, Failed: d.Status.FailureTime != nil}
	for _, c := range d.Status.Conditions {
		switch c.Type {
		case "Ready":
			out.Ready = string(c.Status) + " " + c.Reason
		case "Approved":
			out.Approved = string(c.Status) + " " + c.Reason
		default: // the others are other tests' business
		}
	}
	var events []string
	for _, e := range d.Events {
		events = append(events, e.Type+" "+e.Reason)
	}
	out.Events = strings.Join(events, ", ")
	if d.Once != nil {
		out.Once = d.Once.Type + " " + d.Once.Reason
	}
	return out
}

func TestDecide(t *testing.T) {
	approved := condition("Approved", "True", "Policy")
	tests := map[string]struct {
		state State
		want  outline
	}{
		"a request that we may approve is approved and signed": {
			State{Object: req(), Approval: Allowed, Issuer: issuer("True"), HasKind: true},
			outline{Sign: true, Approved: "True cert-manager.io", Events: "Normal cert-manager.io"},
		},
		"a request that somebody else has approved is signed": {
			State{Object: req(approved), Issuer: issuer("True"), HasKind: true},
			outline{Sign: true, Approved: "True Policy"},
		},
		"with auto-approval off the request waits, and says so once": {
			State{Object: req(), Approval: Off, Issuer: issuer("True"), HasKind: true},
			outline{Once: "Normal WaitingForApproval"},
		},
		"without the permission to approve the request waits with a warning": {
			State{Object: req(), Approval: Forbidden, Issuer: issuer("True"), HasKind: true},
			outline{Once: "Warning ApprovalNotPermitted", Wake: time.Minute},
		},
		"a denied request is reported as denied, once": {
			State{Object: req(condition("Denied", "True", "Policy"))},
			outline{Ready: "False Denied", Failed: true},
		},
		"a denied request wins over an answer": {
			State{Object: req(condition("Denied", "True", "Policy"), condition("Ready", "True", "Issued"))},
			outline{Ready: "False Denied", Failed: true},
		},
		"a request that the issuer called invalid is left alone": {
			State{Object: req(approved, condition("InvalidRequest", "True", "x")), Issuer: issuer("True"), HasKind: true},
			outline{Approved: "True Policy"},
		},
		"an answered request is left alone": {
			State{Object: req(approved, condition("Ready", "True", "Issued")), Issuer: issuer("True"), HasKind: true},
			outline{Approved: "True Policy", Ready: "True Issued"},
		},
		"a failed request is left alone, and not even approved": {
			State{Object: req(condition("Ready", "False", "Failed")), Approval: Allowed, Issuer: issuer("True"), HasKind: true},
			outline{Ready: "False Failed"},
		},
		"without its issuer a request is pending": {
			State{Object: req(approved)},
			outline{Approved: "True Policy", Ready: "False Pending", Events: "Normal IssuerNotFound"},
		},
		"a request is approved and pending in one report": {
			State{Object: req(), Approval: Allowed},
			outline{Approved: "True cert-manager.io", Ready: "False Pending", Events: "Normal cert-manager.io, Normal IssuerNotFound"},
		},
		"an issuer of an unknown type makes it pending": {
			State{Object: req(approved), Issuer: issuer("True")},
			outline{Approved: "True Policy", Ready: "False Pending", Events: "Normal IssuerTypeMissing"},
		},
		"an issuer that is not ready makes it pending": {
			State{Object: req(approved), Issuer: issuer("False"), HasKind: true},
			outline{Approved: "True Policy", Ready: "False Pending", Events: "Normal IssuerNotReady"},
		},
		"what is pending already is not told again": {
			State{Object: req(approved, condition("Ready", "False", "Pending")), Issuer: issuer(""), HasKind: true},
			outline{Approved: "True Policy", Ready: "False Pending"},
		},
		"a certificate that somebody else has written stays": {
			State{Object: func() *certsv1.CertificateRequest { r := req(approved); r.Status.Certificate = []byte("x"); return r }(), Issuer: issuer("True"), HasKind: true},
			outline{Approved: "True Policy"},
		},
		"a request for an external issuer is approved if we may": {
			State{Object: foreign(req()), Approval: Allowed},
			outline{Approved: "True cert-manager.io", Events: "Normal cert-manager.io"},
		},
		"a request for an external issuer that we may not approve gets one warning": {
			State{Object: foreign(req()), Approval: Forbidden},
			outline{Once: "Warning ApprovalNotPermitted", Wake: time.Minute},
		},
		"a request for an external issuer that is not installed gets one warning": {
			State{Object: foreign(req()), Approval: Unserved},
			outline{Once: "Warning IssuerNotFound", Wake: time.Minute},
		},
		"with auto-approval off a request for an external issuer is not touched": {
			State{Object: foreign(req()), Approval: Off},
			outline{},
		},
		"an approved request for an external issuer is not touched": {
			State{Object: foreign(req(approved))},
			outline{Approved: "True Policy"},
		},
		"a denied request for an external issuer is not touched": {
			State{Object: foreign(req(condition("Denied", "True", "Policy")))},
			outline{},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tt.state.Now = noon
			before := tt.state.Object.DeepCopy()
			if diff := cmp.Diff(tt.want, outlineOf(Decide(tt.state))); diff != "" {
				t.Errorf("Decide() (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(before, tt.state.Object); diff != "" {
				t.Errorf("Decide() changed what it was given:\n%s", diff)
			}
		})
	}
}

// Applying a decision leads to a state in which the same decision changes
// nothing.
func TestDecideIsStable(t *testing.T) {
	for name, s := range map[string]State{
		"denied":    {Object: req(condition("Denied", "True", "Policy"))},
		"not found": {Object: req(condition("Approved", "True", "Policy"))},
		"not ready": {Object: req(), Approval: Allowed, Issuer: issuer("False"), HasKind: true},
	} {
		s.Now = noon
		first := Decide(s)
		s.Object = s.Object.DeepCopy()
		s.Object.Status = first.Status
		s.Now = noon.Add(time.Hour)
		second := Decide(s)
		if diff := cmp.Diff(first.Status, second.Status); diff != "" || len(second.Events) > 0 {
			t.Errorf("%s, an hour later (-first +then), events %v:\n%s", name, second.Events, diff)
		}
	}
}

func TestAnswer(t *testing.T) {
	earlier := metav1.NewTime(noon.Add(-time.Hour))
	tests := map[string]struct {
		outcome     issuance.Outcome
		event       string
		ready       string
		failureTime time.Time
	}{
		"pending":                           {issuance.Pending{Reason: "OrderPending", Message: "m"}, "Normal OrderPending", "False Pending", earlier.Time},
		"the time of a failure is set once": {issuance.Refused{Reason: "OrderFailed", Message: "m"}, "Warning OrderFailed", "False Failed", earlier.Time},
		"issued":                            {issuance.Issued{Chain: []*x509.Certificate{{Raw: []byte("x")}}}, "Normal CertificateIssued", "True Issued", earlier.Time},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			st := certsv1.CertificateRequestStatus{FailureTime: &earlier}
			e := Answer(&st, tt.outcome, noon)
			c := st.Condition("Ready")
			if e.Type+" "+e.Reason != tt.event || string(c.Status)+" "+c.Reason != tt.ready || !st.FailureTime.Time.Equal(tt.failureTime) {
				t.Errorf("Answer() = %v, %+v", e, st)
			}
		})
	}
}

type signer struct {
	outcome issuance.Outcome
	err     error
}

func (s signer) Sign(context.Context, issuance.Request) (issuance.Outcome, error) {
	return s.outcome, s.err
}

// Nothing that is not a certificate for the key of the signing request gets
// past Fulfil.
func TestFulfil(t *testing.T) {
	mine, other := leaf(t), leaf(t)
	csr := &x509.CertificateRequest{PublicKey: mine.PublicKey}
	tests := map[string]struct {
		signer signer
		want   string
	}{
		"a certificate for the key passes":       {signer{outcome: issuance.Issued{Chain: []*x509.Certificate{mine}}}, "issued"},
		"a certificate for another key does not": {signer{outcome: issuance.Issued{Chain: []*x509.Certificate{other}}}, "refused DecodeError"},
		"no certificate at all does not":         {signer{outcome: issuance.Issued{}}, "refused DecodeError"},
		"a refusal passes":                       {signer{outcome: issuance.Refused{Reason: "No"}}, "refused No"},
		"an unknown outcome stays unknown":       {signer{err: errors.New("down")}, "error"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			kinds := []issuance.Kind{{Name: "ca", Configured: func(*certsv1.IssuerSpec) bool { return true }, Issuer: tt.signer}}
			outcome, err := Fulfil(t.Context(), kinds, issuance.Request{CSR: csr, Issuer: issuer("True")})
			got := "error"
			if err == nil {
				switch o := outcome.(type) {
				case issuance.Issued:
					got = "issued"
				case issuance.Refused:
					got = "refused " + o.Reason
				}
			}
			if got != tt.want {
				t.Errorf("Fulfil() = %s, want %s", got, tt.want)
			}
		})
	}
}

func leaf(t *testing.T) *x509.Certificate {
	t.Helper()
	key, err := certs.GenerateKey(&certsv1.CertificatePrivateKey{Algorithm: certsv1.Ed25519KeyAlgorithm})
	if err != nil {
		t.Fatal(err)
	}
	return &x509.Certificate{PublicKey: key.Public()}
}

func TestInFlight(t *testing.T) {
	name := types.NamespacedName{Namespace: "team", Name: "web-1"}
	tests := map[string]struct {
		asked, answered, wakes bool
	}{
		"nobody asked":                              {false, false, false},
		"asked for, and answered":                   {true, true, false},
		"asked for, and still open: it is its turn": {true, false, true},
	}
	for test, tt := range tests {
		t.Run(test, func(t *testing.T) {
			t.Parallel()
			f := NewInFlight()
			f.Begin(name)
			if tt.asked && !f.Has(name) {
				t.Error("not in flight")
			}
			f.End(name, tt.answered)
			if f.Has(name) {
				t.Error("still in flight")
			}
			if wakes := len(f.wake) == 1; wakes != tt.wakes {
				t.Errorf("wakes %t", wakes)
			}
		})
	}
}

func TestTrim(t *testing.T) {
	r := req()
	r.Spec.Request, r.Spec.Groups, r.Status.Certificate = []byte("csr"), []string{"g"}, []byte("c")
	r.ManagedFields = []metav1.ManagedFieldsEntry{{}}
	if _, err := Trim(r); err != nil {
		t.Fatal(err)
	}
	if string(r.Spec.Request) != "csr" || r.Spec.Groups != nil || r.Status.Certificate != nil || r.ManagedFields != nil {
		t.Errorf("trimmed to %+v", r)
	}
}
