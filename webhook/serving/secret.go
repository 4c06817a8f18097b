package serving

import (
	"bytes"
	"fmt"
	"maps"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	cmmeta "github.com/certwright/certwright/certs/meta/v1"
	certsv1 "github.com/certwright/certwright/certs/v1"
)

const (
	// SecretName is what the Secret of the CA is called unless configured
	// otherwise. cert-manager's webhook uses the same one.
	SecretName = "cert-manager-webhook-ca"

	// retiredKey holds retired CAs, in the Secret beside the current one.
	retiredKey = "previous-ca.crt"
	// retiredUntilKey is the annotation that says how long they are trusted.
	retiredUntilKey = "certwright.dev/previous-ca-until"

	managedByKey   = "app.kubernetes.io/managed-by"
	managedByValue = "cert-manager-webhook"
)

// readSecret takes from the Secret what State needs. A nil secret does not
// exist.
func readSecret(secret *corev1.Secret, s *State) {
	if secret == nil {
		s.Damage = "its Secret does not exist"
		return
	}
	s.Retired = ParseBundle(secret.Data[retiredKey])
	if until, err := time.Parse(time.RFC3339, secret.Annotations[retiredUntilKey]); err == nil {
		s.RetiredUntil = until
	}
	crt, key := secret.Data[corev1.TLSCertKey], secret.Data[corev1.TLSPrivateKeyKey]
	switch {
	case len(crt) == 0 || len(key) == 0 || len(secret.Data[cmmeta.TLSCAKey]) == 0:
		s.Damage = "its Secret is incomplete"
	case !bytes.Equal(crt, secret.Data[cmmeta.TLSCAKey]):
		s.Damage = fmt.Sprintf("its Secret has a %s that differs from its %s", corev1.TLSCertKey, cmmeta.TLSCAKey)
	default:
		ca, err := ParseAuthority(crt, key)
		if err != nil {
			s.Damage = "its Secret cannot be used: " + err.Error()
			return
		}
		s.CA = ca
	}
}

// caSecret returns old, or a new Secret if that is nil, with ca in it. Data and
// metadata of others stay.
func caSecret(old *corev1.Secret, namespace, name string, ca *Authority, retired Bundle, until time.Time) (*corev1.Secret, error) {
	key, err := ca.KeyPEM()
	if err != nil {
		return nil, err
	}
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Type: corev1.SecretTypeOpaque}
	if old != nil {
		secret = old.DeepCopy()
	}
	crt := Bundle{ca.Certificate}.PEM()
	secret.Data = set(secret.Data, map[string][]byte{corev1.TLSCertKey: crt, cmmeta.TLSCAKey: crt, corev1.TLSPrivateKeyKey: key})
	secret.Labels = set(secret.Labels, map[string]string{managedByKey: managedByValue})
	secret.Annotations = set(secret.Annotations, map[string]string{certsv1.AllowDirectInjectionKey: "true"})
	setRetired(secret, retired, until)
	return secret, nil
}

// setRetired writes the list of retired CAs.
func setRetired(secret *corev1.Secret, retired Bundle, until time.Time) {
	if len(retired) == 0 {
		delete(secret.Data, retiredKey)
		delete(secret.Annotations, retiredUntilKey)
		return
	}
	secret.Data = set(secret.Data, map[string][]byte{retiredKey: retired.PEM()})
	secret.Annotations = set(secret.Annotations, map[string]string{retiredUntilKey: until.UTC().Format(time.RFC3339)})
}

// set adds the entries to m, which may be nil.
func set[M ~map[K]V, K comparable, V any](m, entries M) M {
	if m == nil {
		m = M{}
	}
	maps.Copy(m, entries)
	return m
}
