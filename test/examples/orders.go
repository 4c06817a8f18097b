package examples

import (
	"k8s.io/utils/ptr"

	acmev1 "github.com/certwright/certwright/certs/acme/v1"
	cmmeta "github.com/certwright/certwright/certs/meta/v1"
)

// An OrderUpdate is a change of an Order, to its spec or to its status.
type OrderUpdate struct {
	Name   string
	Change func(*acmev1.Order)
	Errors []string
}

// Order returns an Order of which everything is known.
func Order() *acmev1.Order {
	return &acmev1.Order{
		Spec: acmev1.OrderSpec{Request: []byte("csr"), IssuerRef: cmmeta.IssuerReference{Name: "i"}, DNSNames: []string{"a.example"}},
		Status: acmev1.OrderStatus{
			URL: "u", FinalizeURL: "f", Certificate: []byte("c"), State: acmev1.Pending,
			Authorizations: []acmev1.ACMEAuthorization{{
				URL: "u", Identifier: "a.example", Wildcard: ptr.To(false), InitialState: acmev1.Pending,
				Challenges: []acmev1.ACMEChallenge{{URL: "u", Token: "t", Type: "http-01"}},
			}},
		},
	}
}

// OrderUpdates are a case for every rule about changes of Order. What the ACME
// server has said stays.
func OrderUpdates() []OrderUpdate {
	const auth = "Forbidden status.authorizations[0]"
	first := func(change func(*acmev1.ACMEAuthorization)) func(*acmev1.Order) {
		return func(o *acmev1.Order) { change(&o.Status.Authorizations[0]) }
	}
	return []OrderUpdate{
		{"nothing changes", func(*acmev1.Order) {}, nil},
		{"the state and the reason come and go", func(o *acmev1.Order) { o.Status.State, o.Status.Reason = acmev1.Invalid, "x" }, nil},
		{"other parts of the spec are free", func(o *acmev1.Order) { o.Spec.DNSNames = nil }, nil},
		{"the request stays", func(o *acmev1.Order) { o.Spec.Request = []byte("other") }, []string{"Forbidden spec.request"}},
		{"the URL stays", func(o *acmev1.Order) { o.Status.URL = "x" }, []string{"Forbidden status.url"}},
		{"the URL is not taken back", func(o *acmev1.Order) { o.Status.URL = "" }, []string{"Forbidden status.url"}},
		{"the finalize URL stays", func(o *acmev1.Order) { o.Status.FinalizeURL = "x" }, []string{"Forbidden status.finalizeURL"}},
		{"the certificate stays", func(o *acmev1.Order) { o.Status.Certificate = nil }, []string{"Forbidden status.certificate"}},
		{"no authorization is added", func(o *acmev1.Order) {
			o.Status.Authorizations = append(o.Status.Authorizations, acmev1.ACMEAuthorization{})
		}, []string{"Forbidden status.authorizations"}},
		{"none is taken away", func(o *acmev1.Order) { o.Status.Authorizations = nil }, []string{"Forbidden status.authorizations"}},
		{"the URL of an authorization stays", first(func(a *acmev1.ACMEAuthorization) { a.URL = "x" }), []string{auth + ".url"}},
		{"its name stays", first(func(a *acmev1.ACMEAuthorization) { a.Identifier = "x" }), []string{auth + ".identifier"}},
		{"a wildcard stays one", first(func(a *acmev1.ACMEAuthorization) { a.Wildcard = ptr.To(true) }), []string{auth + ".wildcard"}},
		{"what is known to be none does not vanish", first(func(a *acmev1.ACMEAuthorization) { a.Wildcard = nil }), []string{auth + ".wildcard"}},
		{"its first state stays", first(func(a *acmev1.ACMEAuthorization) { a.InitialState = acmev1.Valid }), []string{auth + ".initialState"}},
		{"no challenge is added", first(func(a *acmev1.ACMEAuthorization) { a.Challenges = append(a.Challenges, a.Challenges[0]) }), []string{auth + ".challenges"}},
		{"none of its parts changes", first(func(a *acmev1.ACMEAuthorization) {
			a.Challenges[0] = acmev1.ACMEChallenge{URL: "x", Token: "x", Type: "x"}
		}),
			[]string{auth + ".challenges[0].url", auth + ".challenges[0].type", auth + ".challenges[0].token"}},
	}
}

// A ChallengeUpdate is a change of a Challenge.
type ChallengeUpdate struct {
	Name   string
	Change func(*acmev1.Challenge)
	Errors []string
}

// Challenge returns a Challenge.
func Challenge() *acmev1.Challenge {
	return &acmev1.Challenge{Spec: acmev1.ChallengeSpec{
		URL: "u", AuthorizationURL: "a", DNSName: "a.example", Type: acmev1.ACMEChallengeTypeHTTP01, Token: "t", Key: "k",
		IssuerRef: cmmeta.IssuerReference{Name: "i"},
		Solver: acmev1.ACMEChallengeSolver{
			Selector: &acmev1.CertificateDNSNameSelector{MatchLabels: map[string]string{"a": "b"}},
			HTTP01:   &acmev1.ACMEChallengeSolverHTTP01{Ingress: &acmev1.ACMEChallengeSolverHTTP01Ingress{}},
		},
	}}
}

// ChallengeUpdates are a case for every part of Challenge, whose spec is fixed.
func ChallengeUpdates() []ChallengeUpdate {
	fixed := []string{"Forbidden spec"}
	return []ChallengeUpdate{
		{"nothing changes", func(*acmev1.Challenge) {}, nil},
		{"metadata and status come and go", func(c *acmev1.Challenge) {
			c.Labels, c.Finalizers = map[string]string{"a": "b"}, []string{acmev1.ChallengeFinalizer}
			c.Status = acmev1.ChallengeStatus{Processing: true, State: acmev1.Pending}
		}, nil},
		{"an absent list and an empty one are the same", func(c *acmev1.Challenge) {
			c.Spec.Solver.Selector.DNSNames = []string{}
		}, nil},
		{"the key stays", func(c *acmev1.Challenge) { c.Spec.Key = "x" }, fixed},
		{"the URL stays", func(c *acmev1.Challenge) { c.Spec.URL = "x" }, fixed},
		{"a wildcard stays", func(c *acmev1.Challenge) { c.Spec.Wildcard = true }, fixed},
		{"the issuer stays", func(c *acmev1.Challenge) { c.Spec.IssuerRef.Name = "x" }, fixed},
		{"the solver stays", func(c *acmev1.Challenge) { c.Spec.Solver = acmev1.ACMEChallengeSolver{} }, fixed},
		{"so do its details", func(c *acmev1.Challenge) { c.Spec.Solver.HTTP01.Ingress.Name = "x" }, fixed},
		{"nothing is emptied", func(c *acmev1.Challenge) { c.Spec.Token = "" }, fixed},
	}
}
