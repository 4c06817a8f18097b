package signingrequest

import (
	"context"
	"fmt"
	"time"

	certificatesv1 "k8s.io/api/certificates/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	certsv1 "github.com/certwright/certwright/certs/v1"
	"github.com/certwright/certwright/issuance"
	"github.com/certwright/certwright/issuance/metrics"
	"github.com/certwright/certwright/issuance/request"
	"github.com/certwright/certwright/issuance/secrets"
)

// Config is what the controller of CertificateSigningRequests needs.
type Config struct {
	// Kinds are the ways to sign.
	Kinds []issuance.Kind
	// Serves says of which of Kinds the requests are ours; nil is all.
	Serves func(issuance.Kind) bool
	// Resources is the namespace with the Secrets of ClusterIssuers.
	Resources string
	// Namespace, if not empty, is the only one whose Issuers are served;
	// ClusterIssuers are not served then.
	Namespace string
	// Reviews asks what the creators of requests may do.
	Reviews Reviews
	// Secrets, if set, wakes requests that wait for the Secret that they name.
	Secrets  *secrets.Store
	Events   request.Events
	Clock    clock.PassiveClock
	Scope    request.Scope
	Counters *metrics.Counters
	// Workers is how many requests are looked at at a time; 0 means 8.
	Workers int
}

// Names of the indexes on CertificateSigningRequests. Both hold open ones only.
const (
	indexSigner = "certwright.signer"
	indexKey    = "certwright.privateKeySecret"
)

// lookTimeout bounds one look at a request: its reads, the signature, a write.
const lookTimeout = 2 * time.Minute

// Add adds the controller to mgr, whose cache should have Trim as the transform
// of CertificateSigningRequests.
func Add(mgr manager.Manager, cfg Config) error {
	r := &Reconciler{
		Client: mgr.GetClient(), Live: mgr.GetAPIReader(), Kinds: cfg.Kinds, Serves: cfg.Serves,
		Issuers:   request.Issuers{Reader: mgr.GetClient(), Resources: cfg.Resources, NamespacedOnly: cfg.Namespace != ""},
		Namespace: cfg.Namespace, Reviews: cfg.Reviews, Events: cfg.Events, Clock: cfg.Clock, Scope: cfg.Scope, Counters: cfg.Counters,
	}
	for name, key := range map[string]client.IndexerFunc{indexSigner: signerKeys, indexKey: r.secretKeys} {
		if err := mgr.GetFieldIndexer().IndexField(context.Background(), &certificatesv1.CertificateSigningRequest{}, name, key); err != nil {
			return fmt.Errorf("index CertificateSigningRequests: %w", err)
		}
	}
	workers := cfg.Workers
	if workers == 0 {
		workers = 8
	}
	c, err := controller.New("certificatesigningrequests", mgr, controller.Options{
		Reconciler:              r,
		MaxConcurrentReconciles: workers,
		ReconciliationTimeout:   lookTimeout,
		RateLimiter:             workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](time.Second, 5*time.Minute),
	})
	if err != nil {
		return err
	}
	cached := mgr.GetCache()
	sources := []source.Source{
		source.Kind[client.Object](cached, &certificatesv1.CertificateSigningRequest{}, &handler.EnqueueRequestForObject{}, predicate.NewPredicateFuncs(isOpen)),
		source.Kind[client.Object](cached, &certsv1.Issuer{}, handler.EnqueueRequestsFromMapFunc(r.ofIssuer)),
	}
	if cfg.Namespace == "" {
		sources = append(sources, source.Kind[client.Object](cached, &certsv1.ClusterIssuer{}, handler.EnqueueRequestsFromMapFunc(r.ofIssuer)))
	}
	if cfg.Secrets != nil {
		sources = append(sources,
			cfg.Secrets.Managed(handler.EnqueueRequestsFromMapFunc(r.ofSecret)),
			cfg.Secrets.Others(handler.EnqueueRequestsFromMapFunc(r.ofSecret)))
	}
	for _, s := range sources {
		if err := c.Watch(s); err != nil {
			return err
		}
	}
	return nil
}

func isOpen(obj client.Object) bool {
	csr, ok := obj.(*certificatesv1.CertificateSigningRequest)
	return ok && Open(csr)
}

// signerKeys indexes an open request by its signer name.
func signerKeys(obj client.Object) []string {
	csr, ok := obj.(*certificatesv1.CertificateSigningRequest)
	if !ok || !Open(csr) {
		return nil
	}
	return []string{csr.Spec.SignerName}
}

// secretKeys indexes an open request by the Secret with its private key.
func (r *Reconciler) secretKeys(obj client.Object) []string {
	csr, ok := obj.(*certificatesv1.CertificateSigningRequest)
	if !ok || !Open(csr) || csr.Annotations[certsv1.SigningRequestPrivateKeySecretKey] == "" {
		return nil
	}
	signer, _ := ParseSigner(csr.Spec.SignerName)
	namespace := signer.Namespace
	if signer.Kind == certsv1.ClusterIssuerKind {
		namespace = r.Issuers.Resources
	}
	return []string{secretKey(namespace, csr.Annotations[certsv1.SigningRequestPrivateKeySecretKey])}
}

func secretKey(namespace, name string) string {
	return types.NamespacedName{Namespace: namespace, Name: name}.String()
}

// ofIssuer returns the requests that wait for an issuer.
func (r *Reconciler) ofIssuer(ctx context.Context, obj client.Object) []reconcile.Request {
	issuer, ok := obj.(certsv1.GenericIssuer)
	if !ok {
		return nil
	}
	signer := Signer{Kind: issuer.IssuerKind(), Namespace: issuer.GetNamespace(), Name: issuer.GetName()}
	return r.list(ctx, client.MatchingFields{indexSigner: signer.String()})
}

// ofSecret returns the requests that wait for the Secret with their private key.
func (r *Reconciler) ofSecret(ctx context.Context, obj client.Object) []reconcile.Request {
	return r.list(ctx, client.MatchingFields{indexKey: secretKey(obj.GetNamespace(), obj.GetName())})
}

func (r *Reconciler) list(ctx context.Context, fields client.MatchingFields) []reconcile.Request {
	var found certificatesv1.CertificateSigningRequestList
	if err := r.Client.List(ctx, &found, fields, client.UnsafeDisableDeepCopyOption(true)); err != nil {
		return nil // only while the cache is starting, which delivers everything anyway
	}
	out := make([]reconcile.Request, 0, len(found.Items))
	for i := range found.Items {
		out = append(out, reconcile.Request{NamespacedName: types.NamespacedName{Name: found.Items[i].Name}})
	}
	return out
}
