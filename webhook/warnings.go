package webhook

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	cmmeta "github.com/certwright/certwright/certs/meta/v1"
	certsv1 "github.com/certwright/certwright/certs/v1"
	"github.com/certwright/certwright/certs/validate"
)

// SecretNameIndex is the index of Certificates by spec.secretName.
const SecretNameIndex = "spec.secretName"

// IndexSecretName returns the entry of a Certificate in SecretNameIndex.
func IndexSecretName(object client.Object) []string {
	if crt, ok := object.(*certsv1.Certificate); ok && crt.Spec.SecretName != "" {
		return []string{crt.Spec.SecretName}
	}
	return nil
}

const (
	// absenceLasts is how long an issuer that was confirmed to be absent is not
	// looked for again.
	absenceLasts = 2 * time.Second
	maxAbsent    = 1024
	// maxWarning is what API servers show of a warning, in bytes.
	maxWarning = 256
)

// warnings says what can be seen at the moment of the write. Nothing here ever
// refuses; what cannot be seen is not warned about.
type warnings struct {
	cached, live client.Reader
	// resources is the namespace with the Secrets of ClusterIssuers.
	resources string

	mu     sync.Mutex
	absent map[issuerKey]time.Time
}

type issuerKey struct{ kind, namespace, name string }

// certificate returns the warnings about a Certificate.
func (w *warnings) certificate(ctx context.Context, crt *certsv1.Certificate) []string {
	out := validate.CertificateWarnings(crt)
	if w.cached != nil {
		ref := crt.Spec.IssuerRef.WithDefaults()
		if issuer, known := w.issuer(ctx, ref, crt.Namespace); known {
			out = append(out, aboutIssuer(crt, ref, issuer)...)
			out = append(out, w.aboutAuthority(ctx, crt, issuer)...)
		}
		out = append(out, validate.CertificateSecretWarnings(crt, w.sharers(ctx, crt))...)
	}
	shorten(out)
	return out
}

// issuer returns the issuer, nil if it does not exist. known is false if that
// could not be found out, or if it is none of ours.
func (w *warnings) issuer(ctx context.Context, ref cmmeta.IssuerReference, namespace string) (_ certsv1.GenericIssuer, known bool) {
	if ref.Group != certsv1.GroupName {
		return nil, false
	}
	key := issuerKey{kind: ref.Kind, namespace: namespace, name: ref.Name}
	read := func(ctx context.Context, reader client.Reader) (certsv1.GenericIssuer, error) {
		issuer := &certsv1.Issuer{}
		return issuer, reader.Get(ctx, client.ObjectKey{Namespace: namespace, Name: ref.Name}, issuer)
	}
	if ref.Kind == certsv1.ClusterIssuerKind {
		key.namespace = ""
		read = func(ctx context.Context, reader client.Reader) (certsv1.GenericIssuer, error) {
			issuer := &certsv1.ClusterIssuer{}
			return issuer, reader.Get(ctx, client.ObjectKey{Name: ref.Name}, issuer)
		}
	}
	issuer, err := read(ctx, w.cached)
	if apierrors.IsNotFound(err) && w.live != nil && !w.wasAbsent(key) {
		// It may have been applied in the same breath.
		live, cancel := context.WithTimeout(ctx, lookTimeout)
		defer cancel()
		issuer, err = read(live, w.live)
		if apierrors.IsNotFound(err) {
			w.noteAbsent(key)
		}
	}
	switch {
	case err == nil:
		return issuer, true
	case apierrors.IsNotFound(err):
		return nil, true
	default:
		log.FromContext(ctx).V(1).Info("could not read the issuer for warnings", "issuer", ref.Name, "kind", ref.Kind, "err", err.Error())
		return nil, false
	}
}

func (w *warnings) wasAbsent(key issuerKey) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	at, ok := w.absent[key]
	return ok && time.Since(at) < absenceLasts
}

func (w *warnings) noteAbsent(key issuerKey) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.absent == nil || len(w.absent) >= maxAbsent {
		w.absent = map[issuerKey]time.Time{}
	}
	w.absent[key] = time.Now()
}

// sharers returns the names of the other Certificates that name the same
// Secret.
func (w *warnings) sharers(ctx context.Context, crt *certsv1.Certificate) []string {
	var names []string
	for _, other := range w.writers(ctx, crt.Namespace, crt.Spec.SecretName) {
		if other.Name != crt.Name {
			names = append(names, other.Name)
		}
	}
	slices.Sort(names)
	return names
}

// writers returns the Certificates that name the Secret, to be read only.
func (w *warnings) writers(ctx context.Context, namespace, secret string) []certsv1.Certificate {
	var list certsv1.CertificateList
	err := w.cached.List(ctx, &list, client.InNamespace(namespace), client.MatchingFields{SecretNameIndex: secret}, client.UnsafeDisableDeepCopy)
	if err != nil {
		log.FromContext(ctx).V(1).Info("could not list Certificates for warnings", "namespace", namespace, "err", err.Error())
	}
	return list.Items
}

// aboutAuthority warns of a written duration that reaches beyond the end of the
// CA, as far as a Certificate made that CA.
func (w *warnings) aboutAuthority(ctx context.Context, crt *certsv1.Certificate, issuer certsv1.GenericIssuer) []string {
	if issuer == nil || issuer.GetSpec().CA == nil || crt.Spec.Duration == nil {
		return nil
	}
	namespace := cmp.Or(issuer.GetNamespace(), w.resources)
	if namespace == "" {
		return nil
	}
	for _, authority := range w.writers(ctx, namespace, issuer.GetSpec().CA.SecretName) {
		ends := authority.Status.NotAfter
		if ends != nil && time.Now().Add(crt.Spec.Duration.Duration).After(ends.Time) {
			return []string{fmt.Sprintf("spec.duration: the CA of the %s %q ends on %s, and what it has signed is of no use from then on; %s is longer than that",
				issuer.IssuerKind(), issuer.GetName(), ends.UTC().Format(time.DateOnly), crt.Spec.Duration.Duration)}
		}
	}
	return nil
}

// aboutIssuer returns what is to be said about the issuer, nil if it does not
// exist, for this Certificate.
func aboutIssuer(crt *certsv1.Certificate, ref cmmeta.IssuerReference, issuer certsv1.GenericIssuer) []string {
	if issuer == nil {
		where := ""
		if ref.Kind == certsv1.IssuerKind {
			where = " in this namespace"
		}
		return []string{fmt.Sprintf("spec.issuerRef: the %s %q does not exist%s; nothing is issued until it does", ref.Kind, ref.Name, where)}
	}
	var out []string
	if ready := issuer.GetStatus().Condition(certsv1.IssuerConditionReady); ready == nil {
		out = append(out, fmt.Sprintf("spec.issuerRef: the %s %q is not ready yet; nothing is issued until it is", ref.Kind, ref.Name))
	} else if ready.Status != cmmeta.ConditionTrue {
		out = append(out, fmt.Sprintf("spec.issuerRef: the %s %q is not ready: %s", ref.Kind, ref.Name, ready.Message))
	}
	return append(out, validate.CertificateIssuerWarnings(crt, issuer)...)
}
