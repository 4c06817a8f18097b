package order

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/utils/ptr"

	acmev1 "github.com/certwright/certwright/certs/acme/v1"
	"github.com/certwright/certwright/issuance/acme"
)

// Names are the identifiers to order: names, addresses and, where it is one of
// these, the common name; sorted, each once, in lower case, because a server
// may answer with normalised names and lego compares.
func Names(spec *acmev1.OrderSpec) []string {
	var names []string
	for _, n := range spec.DNSNames {
		names = append(names, strings.ToLower(n))
	}
	for _, a := range spec.IPAddresses {
		if ip := net.ParseIP(a); ip != nil {
			a = ip.String()
		}
		names = append(names, a)
	}
	if cn := strings.ToLower(spec.CommonName); net.ParseIP(cn) != nil {
		names = append(names, net.ParseIP(cn).String())
	} else if isName(cn) {
		names = append(names, cn)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func isName(s string) bool {
	rest := strings.TrimPrefix(s, "*.")
	return strings.Contains(rest, ".") && len(validation.IsDNS1123Subdomain(rest)) == 0
}

// required are the Challenges that o needs: one for each authorization that was
// not valid from the start.
func required(o *acmev1.Order, authorizations []acmev1.ACMEAuthorization, solvers []acmev1.ACMEChallengeSolver, thumbprint string) ([]*acmev1.Challenge, error) {
	var out []*acmev1.Challenge
	for i := range authorizations {
		a := &authorizations[i]
		if a.InitialState == acmev1.Valid {
			continue
		}
		choice, err := acme.Solve(acme.Wish{
			Name: a.Identifier, Wildcard: ptr.Deref(a.Wildcard, false), Offered: a.Challenges,
			Namespace: o.Namespace, Labels: o.Labels, Annotations: o.Annotations,
		}, solvers)
		if err != nil {
			return nil, err
		}
		spec := acmev1.ChallengeSpec{
			URL: choice.Challenge.URL, AuthorizationURL: a.URL, DNSName: a.Identifier, Wildcard: ptr.Deref(a.Wildcard, false),
			Type: choice.Type, Token: choice.Challenge.Token, Key: proof(choice, thumbprint),
			Solver: choice.Solver, IssuerRef: o.Spec.IssuerRef,
		}
		name, err := acme.ChallengeName(o.Name, spec)
		if err != nil {
			return nil, err
		}
		ch := &acmev1.Challenge{
			ObjectMeta: metav1.ObjectMeta{
				Namespace: o.Namespace, Name: name,
				OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(o, acmev1.GroupVersion.WithKind(acmev1.OrderKind))},
			},
			Spec: spec,
		}
		if acme.NeedsFinalizer(&choice.Solver) {
			ch.Finalizers = []string{acmev1.ChallengeFinalizer}
		}
		out = append(out, ch)
	}
	return out, nil
}

// proof is what has to be shown (RFC 8555 section 8.1): the key authorization,
// for DNS-01 its hash.
func proof(c acme.Choice, thumbprint string) string {
	authorization := c.Challenge.Token + "." + thumbprint
	if c.Type != acmev1.ACMEChallengeTypeDNS01 {
		return authorization
	}
	sum := sha256.Sum256([]byte(authorization))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// difference is what has to be created and deleted to get from have to want.
// Challenges are compared by what they prove and how, not by name: another
// program may have made them.
func difference(want, have []*acmev1.Challenge) (create, surplus []*acmev1.Challenge) {
	left := slices.Clone(have)
	for _, w := range want {
		at := slices.IndexFunc(left, func(h *acmev1.Challenge) bool { return sameChallenge(&w.Spec, &h.Spec) })
		if at < 0 {
			create = append(create, w)
			continue
		}
		left = slices.Delete(left, at, at+1)
	}
	for _, h := range left {
		if h.DeletionTimestamp.IsZero() {
			surplus = append(surplus, h)
		}
	}
	return create, surplus
}

func sameChallenge(a, b *acmev1.ChallengeSpec) bool {
	return a.URL == b.URL && a.AuthorizationURL == b.AuthorizationURL && a.DNSName == b.DNSName && a.Wildcard == b.Wildcard &&
		a.Type == b.Type && a.Token == b.Token && a.Key == b.Key && a.IssuerRef.Equal(b.IssuerRef) &&
		equality.Semantic.DeepEqual(a.Solver, b.Solver)
}

// subject names a Challenge for people.
func subject(ch *acmev1.Challenge) string {
	if ch.Spec.Wildcard {
		return fmt.Sprintf("%q", "*."+ch.Spec.DNSName)
	}
	return fmt.Sprintf("%q", ch.Spec.DNSName)
}
