package explain

import (
	"context"
	"fmt"

	"sigs.k8s.io/controller-runtime/pkg/client"

	cmmeta "github.com/certwright/certwright/certs/meta/v1"
	certsv1 "github.com/certwright/certwright/certs/v1"
	"github.com/certwright/certwright/issuance"
	"github.com/certwright/certwright/issuance/acme"
	"github.com/certwright/certwright/issuance/ca"
	"github.com/certwright/certwright/issuance/request"
	"github.com/certwright/certwright/issuance/selfsigned"
)

// kinds are the ways to sign that cmd/certwright lists. They are asked what
// they are, never to sign.
func kinds() []issuance.Kind {
	return []issuance.Kind{ca.Kind(nil, nil), selfsigned.Kind(nil, nil, nil), acme.Kind(acme.Config{})}
}

// An Issuer is what a reference leads to.
type Issuer struct {
	Ref cmmeta.IssuerReference
	// Object is nil if there is none, or if it is another program's.
	Object certsv1.GenericIssuer
	// Kind is the way in which Object signs, if HasKind.
	Kind    issuance.Kind
	HasKind bool
}

func observeIssuer(ctx context.Context, from client.Reader, namespace string, ref cmmeta.IssuerReference) (Issuer, error) {
	out := Issuer{Ref: ref.WithDefaults()}
	object, _, err := request.Issuers{Reader: from}.Find(ctx, namespace, ref)
	if err != nil {
		return Issuer{}, err
	}
	if out.Object = object; object != nil {
		out.Kind, out.HasKind = issuance.KindOf(kinds(), object.GetSpec())
	}
	return out, nil
}

// answersAtOnce reports whether Certificates of the issuer are issued in one
// pass. That the controller may approve is taken for granted.
func (i Issuer) answersAtOnce() bool {
	return i.Object != nil && i.HasKind && i.Kind.AtOnce && request.IssuerReady(i.Object)
}

func (i Issuer) node() Node {
	n := Node{Kind: i.Ref.Kind, Name: i.Ref.Name}
	switch {
	case !request.Ours(i.Ref):
		n.State = "of another program, group " + i.Ref.Group
		return n
	case i.Object == nil:
		n.State = "missing"
		n.Cause = fmt.Sprintf("%s %q does not exist", i.Ref.Kind, i.Ref.Name)
		n.Hint = "create it, or name another one in spec.issuerRef; kubectl get issuers,clusterissuers -A lists those that exist"
		return n
	}
	n.Created = i.Object.GetCreationTimestamp().Time
	if !i.HasKind {
		n.State = "of a kind that is not served"
		n.Cause = fmt.Sprintf("%s %q has no type that this version serves", i.Ref.Kind, i.Ref.Name)
		n.Hint = "use an issuer of type acme, ca or selfSigned"
		return n
	}
	c := i.Object.GetStatus().Condition(certsv1.IssuerConditionReady)
	switch {
	case request.IssuerReady(i.Object):
		n.State = "Ready"
	case c == nil:
		n.State = "not looked at yet"
		n.Cause = fmt.Sprintf("%s %q was not looked at yet", i.Ref.Kind, i.Ref.Name)
		n.Hint = soon
	default:
		n.State = fmt.Sprintf("not ready (%s)", c.Reason)
		n.say(says, c.Message)
		n.Cause = fmt.Sprintf("%s %q is not ready: %s", i.Ref.Kind, i.Ref.Name, c.Message)
		n.Hint = fmt.Sprintf("repair the %s; it is looked at again when it, or a Secret that it names, changes", i.Ref.Kind)
	}
	return n
}
