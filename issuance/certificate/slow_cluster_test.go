//go:build cluster

package certificate_test

import (
	"context"
	"crypto"
	"crypto/x509"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/certwright/certwright/certs"
	cmmeta "github.com/certwright/certwright/certs/meta/v1"
	certsv1 "github.com/certwright/certwright/certs/v1"
	"github.com/certwright/certwright/issuance"
)

// A slowIssuer keeps everybody waiting until the test says how it answers. It
// takes the place of Venafi.
type slowIssuer struct {
	root *x509.Certificate
	key  crypto.Signer

	mu     sync.Mutex
	answer issuance.Outcome // nil signs
}

// withSlow adds the Issuer "slow" to the kinds of w. It is there once w runs.
func withSlow(i *slowIssuer) func(*world) {
	return func(w *world) {
		i.root, i.key = testCA(w.t)
		i.answer = issuance.Pending{Reason: "Queued", Message: "Two people have to sign", After: time.Second}
		w.kinds = func(kinds []issuance.Kind) []issuance.Kind {
			return append(kinds, issuance.Kind{
				Name: "venafi", Issuer: i, Checker: i,
				Configured: func(spec *certsv1.IssuerSpec) bool { return spec.Venafi != nil },
				Secrets:    func(*certsv1.IssuerSpec) []string { return nil },
			})
		}
	}
}

func (i *slowIssuer) create(w *world) {
	w.t.Helper()
	w.create(&certsv1.Issuer{
		ObjectMeta: metav1.ObjectMeta{Name: "slow"}, Spec: certsv1.IssuerSpec{Venafi: &certsv1.VenafiIssuer{Zone: "z", Cloud: &certsv1.VenafiCloud{}}},
	})
	w.issuerReady("slow")
}

// answers decides about all that is asked from now on; nil signs.
func (i *slowIssuer) answers(o issuance.Outcome) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.answer = o
}

func (i *slowIssuer) Check(context.Context, certsv1.GenericIssuer, string) (issuance.Readiness, error) {
	return issuance.Readiness{Status: cmmeta.ConditionTrue, Reason: "Ready"}, nil
}

func (i *slowIssuer) Sign(_ context.Context, req issuance.Request) (issuance.Outcome, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.answer != nil {
		return i.answer, nil
	}
	template, err := certs.Template(&req.Object.Spec, req.CSR, time.Now())
	if err != nil {
		return nil, err
	}
	leaf, err := certs.Sign(template, i.root, req.CSR.PublicKey, i.key)
	if err != nil {
		return nil, err
	}
	return issuance.Issued{Chain: []*x509.Certificate{leaf}, CA: i.root}, nil
}

// slowly asks the Issuer "slow".
func slowly(c *certsv1.Certificate) { c.Spec.IssuerRef.Name = "slow" }
