package ingress

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/types"
)

// FallbackName is the common name of the certificate that is served when no
// Secret has one for the name.
const FallbackName = "no certificate for this name"

// Secrets are those that may hold the certificate for serverName, best first.
func Secrets(ingresses []*networkingv1.Ingress, serverName string) []types.NamespacedName {
	byAge := slices.Clone(ingresses)
	slices.SortFunc(byAge, func(a, b *networkingv1.Ingress) int {
		if older(a, b) {
			return -1
		}
		return 1
	})
	var out []types.NamespacedName
	for _, pattern := range patterns(serverName) {
		for _, ing := range byAge {
			for _, entry := range ing.Spec.TLS {
				name := types.NamespacedName{Namespace: ing.Namespace, Name: entry.SecretName}
				if name.Name != "" && slices.Contains(tlsHosts(ing, entry), pattern) && !slices.Contains(out, name) {
					out = append(out, name)
				}
			}
		}
	}
	return out
}

// tlsHosts of an entry without any are those of the rules, or "" for all.
func tlsHosts(ing *networkingv1.Ingress, entry networkingv1.IngressTLS) []string {
	var hosts []string
	for _, h := range entry.Hosts {
		hosts = append(hosts, strings.ToLower(h))
	}
	if len(hosts) == 0 {
		hosts = ruleHosts(ing)
	}
	return hosts
}

// ruleHosts are the hosts of all rules; an Ingress without rules speaks for "".
func ruleHosts(ing *networkingv1.Ingress) []string {
	if len(ing.Spec.Rules) == 0 {
		return []string{""}
	}
	var hosts []string
	for _, rule := range ing.Spec.Rules {
		if h := strings.ToLower(rule.Host); !slices.Contains(hosts, h) {
			hosts = append(hosts, h)
		}
	}
	return hosts
}

// pairs remembers parsed key pairs until their Secret changes.
type pairs struct {
	mu    sync.Mutex
	known map[types.NamespacedName]pair
}

type pair struct {
	resourceVersion string
	cert            *tls.Certificate // nil: the Secret has no usable pair
}

// of returns the key pair in secret, if there is one.
func (p *pairs) of(secret *corev1.Secret) (*tls.Certificate, bool) {
	name := types.NamespacedName{Namespace: secret.Namespace, Name: secret.Name}
	p.mu.Lock()
	defer p.mu.Unlock()
	known, ok := p.known[name]
	if !ok || known.resourceVersion != secret.ResourceVersion {
		known = pair{resourceVersion: secret.ResourceVersion}
		if c, err := tls.X509KeyPair(secret.Data[corev1.TLSCertKey], secret.Data[corev1.TLSPrivateKeyKey]); err == nil {
			known.cert = &c
		}
		if p.known == nil {
			p.known = map[types.NamespacedName]pair{}
		}
		p.known[name] = known
	}
	return known.cert, known.cert != nil
}

// fallback is a self-signed certificate that verifies for nobody.
func fallback() (*tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: FallbackName},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().AddDate(1, 0, 0),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, nil
}
