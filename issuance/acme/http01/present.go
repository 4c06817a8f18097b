package http01

import (
	"context"
	"errors"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"

	acmev1 "github.com/certwright/certwright/certs/acme/v1"
)

// A Presenter makes challenges answerable in mode shared.
type Presenter struct {
	// Client writes.
	Client client.Client
	// Live reads Services, EndpointSlices and Ingresses past the cache: few are
	// ours, so it would be a waste to watch all.
	Live client.Reader
	// Endpoints are the acmesolver replicas.
	Endpoints Endpoints
	// TargetPort is where they listen; Port if zero.
	TargetPort int32
	// PathType of the route; Exact if empty.
	PathType networkingv1.PathType
	// ExtraLabels are put on everything; the three of ours win.
	ExtraLabels map[string]string
}

// ErrUnsupported says that this build cannot present in the way that the solver
// asks for.
var ErrUnsupported = errors.New("is not supported by this build")

// NeedsCleanUp reports whether presenting by solver leaves something that does
// not go away with the Challenge.
func NeedsCleanUp(solver *acmev1.ACMEChallengeSolverHTTP01) bool {
	return solver.Ingress == nil || solver.Ingress.Name != ""
}

// Present makes ch answerable. With again, somebody may have presented it
// before, under names that we do not know.
func (p *Presenter) Present(ctx context.Context, ch *acmev1.Challenge, solver *acmev1.ACMEChallengeSolverHTTP01, again bool) error {
	if solver.Ingress == nil {
		return fmt.Errorf("gatewayHTTPRoute %w yet; use an ingress solver", ErrUnsupported)
	}
	addresses, err := p.Endpoints.Addresses(ctx)
	if err != nil {
		return err
	}
	if len(addresses) == 0 {
		return errors.New("no acmesolver replica is ready to answer")
	}
	var old presented
	if again {
		if old, err = p.find(ctx, ch); err != nil {
			return err
		}
	}
	svc, err := p.service(ctx, ch, solver, old)
	if err != nil {
		return fmt.Errorf("service: %w", err)
	}
	for _, want := range endpointSlices(ch, svc, addresses, p.targetPort(), p.ExtraLabels) {
		if err := p.slice(ctx, ch, want); err != nil {
			return fmt.Errorf("endpoint slice: %w", err)
		}
	}
	if solver.Ingress.Name != "" {
		err = p.edit(ctx, ch, solver.Ingress.Name, svc)
	} else {
		err = p.ingress(ctx, ch, ingress(ch, solver.Ingress, svc, p.pathType(), p.ExtraLabels), old)
	}
	if err != nil {
		return fmt.Errorf("ingress: %w", err)
	}
	return nil
}

func (p *Presenter) targetPort() int32 {
	if p.TargetPort == 0 {
		return Port
	}
	return p.TargetPort
}

func (p *Presenter) pathType() networkingv1.PathType {
	if p.PathType == "" {
		return networkingv1.PathTypeExact
	}
	return p.PathType
}

// presented is what is there for a Challenge, oldest first.
type presented struct {
	services  []*corev1.Service
	slices    []*discoveryv1.EndpointSlice
	ingresses []*networkingv1.Ingress
}

// find looks for what was presented for ch, under whatever names.
func (p *Presenter) find(ctx context.Context, ch *acmev1.Challenge) (presented, error) {
	var out presented
	opts := []client.ListOption{client.InNamespace(ch.Namespace), client.MatchingLabels(identity(ch))}
	var services corev1.ServiceList
	if err := p.Live.List(ctx, &services, opts...); err != nil {
		return out, fmt.Errorf("find services: %w", err)
	}
	out.services = owned(services.Items, ch)
	var endpoints discoveryv1.EndpointSliceList
	if err := p.Live.List(ctx, &endpoints, opts...); err != nil {
		return out, fmt.Errorf("find endpoint slices: %w", err)
	}
	out.slices = owned(endpoints.Items, ch)
	var ingresses networkingv1.IngressList
	if err := p.Live.List(ctx, &ingresses, opts...); err != nil {
		return out, fmt.Errorf("find ingresses: %w", err)
	}
	out.ingresses = owned(ingresses.Items, ch)
	return out, nil
}

// object is a pointer to T that is an API object.
type object[T any] interface {
	*T
	client.Object
}

// owned returns those of items that ch controls, oldest first.
func owned[T any, P object[T]](items []T, ch *acmev1.Challenge) []P {
	var out []P
	for i := range items {
		if o := P(&items[i]); metav1.IsControlledBy(o, ch) && o.GetDeletionTimestamp().IsZero() {
			out = append(out, o)
		}
	}
	slices.SortStableFunc(out, func(a, b P) int {
		return a.GetCreationTimestamp().Compare(b.GetCreationTimestamp().Time)
	})
	return out
}

// service makes sure of the Service and returns its name.
func (p *Presenter) service(ctx context.Context, ch *acmev1.Challenge, solver *acmev1.ACMEChallengeSolverHTTP01, old presented) (string, error) {
	if len(old.services) > 0 {
		for _, surplus := range old.services[1:] {
			if err := p.remove(ctx, surplus); err != nil {
				return "", err
			}
		}
		keep := old.services[0]
		if len(keep.Spec.Selector) == 0 {
			return keep.Name, nil
		}
		// It leads to a Pod that another program made; ours leads to us.
		if err := p.remove(ctx, keep); err != nil {
			return "", err
		}
	}
	want := service(ch, solver.Ingress.ServiceType, p.ExtraLabels)
	return want.Name, create(ctx, p, ch, want, &corev1.Service{}, nil)
}

func (p *Presenter) slice(ctx context.Context, ch *acmev1.Challenge, want *discoveryv1.EndpointSlice) error {
	return create(ctx, p, ch, want, &discoveryv1.EndpointSlice{}, func(have *discoveryv1.EndpointSlice) bool {
		if equality.Semantic.DeepEqual(have.Endpoints, want.Endpoints) && equality.Semantic.DeepEqual(have.Ports, want.Ports) &&
			have.Labels[discoveryv1.LabelServiceName] == want.Labels[discoveryv1.LabelServiceName] {
			return false
		}
		have.Endpoints, have.Ports, have.Labels = want.Endpoints, want.Ports, want.Labels
		return true
	})
}

func (p *Presenter) ingress(ctx context.Context, ch *acmev1.Challenge, want *networkingv1.Ingress, old presented) error {
	for i, there := range old.ingresses {
		if i > 0 {
			if err := p.remove(ctx, there); err != nil {
				return err
			}
			continue
		}
		want.Name = there.Name
	}
	return create(ctx, p, ch, want, &networkingv1.Ingress{}, func(have *networkingv1.Ingress) bool {
		if equality.Semantic.DeepEqual(have.Spec.Rules, want.Spec.Rules) && equality.Semantic.DeepEqual(have.Spec.IngressClassName, want.Spec.IngressClassName) {
			return false
		}
		have.Spec.Rules, have.Spec.IngressClassName = want.Spec.Rules, want.Spec.IngressClassName
		return true
	})
}

// create creates want. What exists under its name is judged: it must belong to
// ch, and is changed by correct, which reports whether it did.
func create[T any, P object[T]](ctx context.Context, p *Presenter, ch *acmev1.Challenge, want, have P, correct func(P) bool) error {
	err := p.Client.Create(ctx, want)
	if !apierrors.IsAlreadyExists(err) {
		return err
	}
	if err := p.Live.Get(ctx, client.ObjectKeyFromObject(want), have); err != nil {
		return err
	}
	if !metav1.IsControlledBy(have, ch) {
		return fmt.Errorf("%s exists and belongs to somebody else", want.GetName())
	}
	if correct == nil || !correct(have) {
		return nil
	}
	return p.Client.Update(ctx, have)
}

func (p *Presenter) remove(ctx context.Context, o client.Object) error {
	uid := o.GetUID()
	return client.IgnoreNotFound(p.Client.Delete(ctx, o, client.Preconditions{UID: &uid}, client.PropagationPolicy(metav1.DeletePropagationBackground)))
}

// edit adds the path of ch to the Ingress name.
func (p *Presenter) edit(ctx context.Context, ch *acmev1.Challenge, name, svc string) error {
	return retry.RetryOnConflict(retry.DefaultRetry, func() error {
		var in networkingv1.Ingress
		if err := p.Live.Get(ctx, types.NamespacedName{Namespace: ch.Namespace, Name: name}, &in); err != nil {
			return err
		}
		rules, changed := withPath(in.Spec.Rules, ch, svc, p.pathType())
		if !changed {
			return nil
		}
		in.Spec.Rules = rules
		return p.Client.Update(ctx, &in)
	})
}

// CleanUp takes away what was presented for ch, as often as it is called. It
// does not matter by which solver.
func (p *Presenter) CleanUp(ctx context.Context, ch *acmev1.Challenge) error {
	there, err := p.find(ctx, ch)
	if err != nil {
		return err
	}
	var errs []error
	for _, o := range there.ingresses {
		errs = append(errs, p.remove(ctx, o))
	}
	errs = append(errs, p.unedit(ctx, ch))
	for _, o := range there.services {
		errs = append(errs, p.remove(ctx, o))
	}
	for _, o := range there.slices {
		errs = append(errs, p.remove(ctx, o))
	}
	return errors.Join(errs...)
}

// unedit takes the path of ch out of every Ingress of its namespace that is not
// ours.
func (p *Presenter) unedit(ctx context.Context, ch *acmev1.Challenge) error {
	var list networkingv1.IngressList
	if err := p.Live.List(ctx, &list, client.InNamespace(ch.Namespace)); err != nil {
		return fmt.Errorf("find edited ingresses: %w", err)
	}
	var errs []error
	for i := range list.Items {
		in := &list.Items[i]
		if _, changed := withoutPath(in.Spec.Rules, ch); changed && !metav1.IsControlledBy(in, ch) {
			errs = append(errs, p.restore(ctx, ch, in.Name))
		}
	}
	return errors.Join(errs...)
}

func (p *Presenter) restore(ctx context.Context, ch *acmev1.Challenge, name string) error {
	return retry.RetryOnConflict(retry.DefaultRetry, func() error {
		var in networkingv1.Ingress
		if err := p.Live.Get(ctx, types.NamespacedName{Namespace: ch.Namespace, Name: name}, &in); err != nil {
			return client.IgnoreNotFound(err)
		}
		rules, changed := withoutPath(in.Spec.Rules, ch)
		if !changed {
			return nil
		}
		in.Spec.Rules = rules
		return client.IgnoreNotFound(p.Client.Update(ctx, &in))
	})
}
