package certificate

import (
	"context"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	certsv1 "github.com/certwright/certwright/certs/v1"
	"github.com/certwright/certwright/issuance"
	"github.com/certwright/certwright/issuance/bell"
	"github.com/certwright/certwright/issuance/metrics"
	"github.com/certwright/certwright/issuance/request"
	"github.com/certwright/certwright/issuance/secrets"
)

// Config is what the controller of Certificates needs.
type Config struct {
	// Kinds are the ways to sign.
	Kinds []issuance.Kind
	// Secrets are watched and written through it.
	Secrets *secrets.Store
	// Resources is the namespace with the Secrets of ClusterIssuers.
	Resources string
	// NamespacedOnly says that ClusterIssuers are not served.
	NamespacedOnly bool
	// Approver and InFlight are shared with package request.
	Approver *request.Approver
	InFlight *request.InFlight
	Events   Events
	Clock    clock.PassiveClock
	Scope    Scope
	// MinBackoff and MaxBackoff bound the wait after a failed issuance.
	// MinBackoff 0 means an hour, negative not to wait; MaxBackoff 0 means 32
	// hours.
	MinBackoff, MaxBackoff time.Duration
	// OwnerRef lets Certificates own their Secrets.
	OwnerRef bool
	// CopiedAnnotations are the prefixes of annotations that requests inherit;
	// "*" is all, a leading "-" excludes. Nil means the default.
	CopiedAnnotations []string
	Counters          *metrics.Counters
	// Workers is how many Certificates are looked at at a time; 0 means 32.
	Workers int
	// Jumped rings when the wall clock jumped; nil never does.
	Jumped *bell.Bell
}

const (
	// indexOwner finds the requests of a Certificate by its UID.
	indexOwner = "certwright.controller"
	// indexSecret finds the Certificates with a target Secret.
	indexSecret = "certwright.secretName"
	// indexPassword finds the Certificates with a keystore whose password is in
	// a Secret.
	indexPassword = "certwright.passwordSecret"
)

// policy is what Decide goes by.
func (c *Config) policy() Policy {
	p := Policy{MinBackoff: c.MinBackoff, MaxBackoff: c.MaxBackoff, OwnerRef: c.OwnerRef}
	if p.MinBackoff == 0 {
		p.MinBackoff = time.Hour
	}
	if p.MaxBackoff == 0 {
		p.MaxBackoff = 32 * time.Hour
	}
	return p
}

// Add adds the controller to mgr.
func Add(mgr manager.Manager, cfg Config) error {
	_, err := add(mgr, cfg)
	return err
}

func add(mgr manager.Manager, cfg Config) (*Reconciler, error) {
	if cfg.CopiedAnnotations == nil {
		cfg.CopiedAnnotations = defaultCopiedAnnotations
	}
	if cfg.Workers == 0 {
		cfg.Workers = 32
	}
	r := &Reconciler{
		Client: mgr.GetClient(), Live: mgr.GetAPIReader(), Secrets: cfg.Secrets, Kinds: cfg.Kinds,
		Issuers:  request.Issuers{Reader: mgr.GetClient(), Resources: cfg.Resources, NamespacedOnly: cfg.NamespacedOnly},
		Approver: cfg.Approver, InFlight: cfg.InFlight, Events: cfg.Events, Clock: cfg.Clock, Scope: cfg.Scope,
		Policy:            cfg.policy(),
		CopiedAnnotations: cfg.CopiedAnnotations, Counters: cfg.Counters, keys: newKeyMaker(),
	}
	ctx := context.Background()
	if err := mgr.GetFieldIndexer().IndexField(ctx, &certsv1.CertificateRequest{}, indexOwner, ownerKeys); err != nil {
		return nil, fmt.Errorf("index CertificateRequests: %w", err)
	}
	if err := mgr.GetFieldIndexer().IndexField(ctx, &certsv1.Certificate{}, indexSecret, secretNames); err != nil {
		return nil, fmt.Errorf("index Certificates: %w", err)
	}
	if err := mgr.GetFieldIndexer().IndexField(ctx, &certsv1.Certificate{}, indexPassword, passwordSecrets); err != nil {
		return nil, fmt.Errorf("index Certificates: %w", err)
	}
	c, err := controller.New("certificates", mgr, controller.Options{
		Reconciler:              r,
		MaxConcurrentReconciles: cfg.Workers,
		RateLimiter:             workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](time.Second, 5*time.Minute),
	})
	if err != nil {
		return nil, err
	}
	fresh := r.fresh()
	cached := mgr.GetCache()
	for _, s := range []source.Source{
		source.Kind[client.Object](cached, &certsv1.Certificate{}, &handler.EnqueueRequestForObject{}),
		source.Kind[client.Object](cached, &certsv1.Certificate{}, handler.EnqueueRequestsFromMapFunc(r.rivals), secretChanged()),
		source.Kind[client.Object](cached, &certsv1.CertificateRequest{}, handler.EnqueueRequestForOwner(
			mgr.GetScheme(), mgr.GetRESTMapper(), &certsv1.Certificate{}, handler.OnlyControllerOwner()), fresh),
		cfg.Secrets.Managed(handler.EnqueueRequestsFromMapFunc(r.ofSecret), fresh),
		cfg.Secrets.Others(handler.EnqueueRequestsFromMapFunc(r.ofSecret)),
		cfg.Jumped.Source(cached, &certsv1.CertificateList{}),
	} {
		if err := c.Watch(s); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// fresh holds back events about what we wrote ourselves.
func (r *Reconciler) fresh() predicate.Predicate {
	look := func(obj client.Object) bool { return !r.memory.isEcho(obj.GetUID(), obj.GetResourceVersion()) }
	return predicate.Funcs{
		CreateFunc: func(e event.CreateEvent) bool { return look(e.Object) },
		UpdateFunc: func(e event.UpdateEvent) bool { return look(e.ObjectNew) },
	}
}

// secretChanged lets through the events that change who fills a Secret.
func secretChanged() predicate.Predicate {
	return predicate.Funcs{
		CreateFunc: func(e event.CreateEvent) bool { return !e.IsInInitialList },
		UpdateFunc: func(e event.UpdateEvent) bool {
			before, ok1 := e.ObjectOld.(*certsv1.Certificate)
			after, ok2 := e.ObjectNew.(*certsv1.Certificate)
			return ok1 && ok2 && (before.Spec.SecretName != after.Spec.SecretName || before.DeletionTimestamp.IsZero() != after.DeletionTimestamp.IsZero())
		},
	}
}

func ownerKeys(obj client.Object) []string {
	owner := metav1.GetControllerOfNoCopy(obj)
	if owner == nil || owner.Kind != certsv1.CertificateKind {
		return nil
	}
	return []string{string(owner.UID)}
}

func secretNames(obj client.Object) []string {
	crt, ok := obj.(*certsv1.Certificate)
	if !ok || crt.Spec.SecretName == "" {
		return nil
	}
	return []string{crt.Spec.SecretName}
}

func passwordSecrets(obj client.Object) []string {
	crt, ok := obj.(*certsv1.Certificate)
	if !ok {
		return nil
	}
	return passwordNames(crt)
}

// rivals returns the Certificates with the same target Secret as obj.
func (r *Reconciler) rivals(ctx context.Context, obj client.Object) []reconcile.Request {
	crt, ok := obj.(*certsv1.Certificate)
	if !ok {
		return nil
	}
	var out []reconcile.Request
	for _, found := range r.having(ctx, crt.Namespace, indexSecret, crt.Spec.SecretName) {
		if found.Name != crt.Name {
			out = append(out, found)
		}
	}
	return out
}

// ofSecret returns the Certificates that a Secret concerns: it is their target,
// or holds their next key or the password of a keystore.
func (r *Reconciler) ofSecret(ctx context.Context, obj client.Object) []reconcile.Request {
	out := r.having(ctx, obj.GetNamespace(), indexSecret, obj.GetName())
	out = append(out, r.having(ctx, obj.GetNamespace(), indexPassword, obj.GetName())...)
	if owner := metav1.GetControllerOfNoCopy(obj); owner != nil && owner.Kind == certsv1.CertificateKind {
		out = append(out, reconcile.Request{NamespacedName: client.ObjectKey{Namespace: obj.GetNamespace(), Name: owner.Name}})
	}
	return out
}

// having returns the Certificates that an index finds under name.
func (r *Reconciler) having(ctx context.Context, namespace, index, name string) []reconcile.Request {
	var found certsv1.CertificateList
	if err := r.Client.List(ctx, &found, client.InNamespace(namespace), client.MatchingFields{index: name}, client.UnsafeDisableDeepCopyOption(true)); err != nil {
		return nil // only while the cache is starting, which delivers everything anyway
	}
	out := make([]reconcile.Request, 0, len(found.Items))
	for i := range found.Items {
		out = append(out, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&found.Items[i])})
	}
	return out
}
