package serving

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/pem"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestSecretHasTheFormatThatOthersKnow(t *testing.T) {
	ca := newCA(t, noon)
	secret, err := caSecret(nil, "certs", SecretName, ca, nil, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	if secret.Name != "cert-manager-webhook-ca" || secret.Namespace != "certs" {
		t.Errorf("name = %s/%s", secret.Namespace, secret.Name)
	}
	if diff := cmp.Diff(map[string]string{"cert-manager.io/allow-direct-injection": "true"}, secret.Annotations); diff != "" {
		t.Errorf("annotations (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]string{"app.kubernetes.io/managed-by": "cert-manager-webhook"}, secret.Labels); diff != "" {
		t.Errorf("labels (-want +got):\n%s", diff)
	}
	if len(secret.Data) != 3 || !bytes.Equal(secret.Data["tls.crt"], secret.Data["ca.crt"]) {
		t.Errorf("data = %v", len(secret.Data))
	}
	block, _ := pem.Decode(secret.Data["tls.key"])
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil || block.Type != "PRIVATE KEY" || key.(*ecdsa.PrivateKey).Curve != elliptic.P384() {
		t.Errorf("key: %s, %T, %v", block.Type, key, err)
	}
	crt := ca.Certificate
	if crt.Subject.CommonName != "cert-manager-webhook-ca" || !crt.IsCA || crt.KeyUsage != x509.KeyUsageDigitalSignature|x509.KeyUsageKeyEncipherment|x509.KeyUsageCertSign ||
		!crt.NotAfter.Equal(noon.Add(365*day)) {
		t.Errorf("CA: %+v", crt.Subject)
	}
}

func TestReadSecret(t *testing.T) {
	ca, other := newCA(t, noon), newCA(t, noon)
	leaf := newLeaf(t, ca, noon)
	good := func(change func(data map[string][]byte)) *corev1.Secret {
		secret, err := caSecret(nil, "certs", SecretName, ca, Bundle{other.Certificate}, noon.Add(day))
		if err != nil {
			t.Fatal(err)
		}
		change(secret.Data)
		return secret
	}
	otherKey, err := other.KeyPEM()
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		secret *corev1.Secret
		damage string // empty: the CA can be used
	}{
		"as it should be":        {secret: good(func(map[string][]byte) {})},
		"missing":                {damage: "does not exist"},
		"empty":                  {secret: &corev1.Secret{}, damage: "incomplete"},
		"without its key":        {secret: good(func(d map[string][]byte) { delete(d, "tls.key") }), damage: "incomplete"},
		"without its ca.crt":     {secret: good(func(d map[string][]byte) { delete(d, "ca.crt") }), damage: "incomplete"},
		"with two different CAs": {secret: good(func(d map[string][]byte) { d["ca.crt"] = Bundle{other.Certificate}.PEM() }), damage: "differs"},
		"with another's key":     {secret: good(func(d map[string][]byte) { d["tls.key"] = otherKey }), damage: "certificate and key"},
		"with garbage":           {secret: good(func(d map[string][]byte) { d["tls.crt"], d["ca.crt"] = []byte("x"), []byte("x") }), damage: "certificate and key"},
		"with far too much":      {secret: good(func(d map[string][]byte) { d["tls.key"] = bytes.Repeat([]byte("x"), maxPEM+1) }), damage: "too large"},
		"with a leaf in place of CA": {secret: good(func(d map[string][]byte) {
			der, err := x509.MarshalPKCS8PrivateKey(leaf.PrivateKey)
			if err != nil {
				t.Fatal(err)
			}
			d["tls.crt"] = Bundle{leaf.Leaf}.PEM()
			d["ca.crt"], d["tls.key"] = d["tls.crt"], pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
		}), damage: "not that of a CA"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var s State
			readSecret(tt.secret, &s)
			if (s.CA != nil) != (tt.damage == "") || !strings.Contains(s.Damage, tt.damage) {
				t.Errorf("CA %v, damage %q", s.CA != nil, s.Damage)
			}
			if strings.Contains(s.Damage, "PRIVATE") {
				t.Error("a key is shown")
			}
			if tt.secret != nil && len(tt.secret.Data) > 0 && (len(s.Retired) != 1 || !s.RetiredUntil.Equal(noon.Add(day))) {
				t.Errorf("retired: %d until %v", len(s.Retired), s.RetiredUntil)
			}
		})
	}
}

func TestWhatOthersWroteIntoTheSecretStays(t *testing.T) {
	old := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{ResourceVersion: "5", Annotations: map[string]string{"a": "b", retiredUntilKey: "x"}, Labels: map[string]string{"l": "m"}},
		Type:       corev1.SecretTypeTLS,
		Data:       map[string][]byte{"more": []byte("data"), retiredKey: []byte("x"), "tls.crt": []byte("old")},
	}
	got, err := caSecret(old, "certs", SecretName, newCA(t, noon), nil, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	if got.ResourceVersion != "5" || got.Type != corev1.SecretTypeTLS || got.Annotations["a"] != "b" || got.Labels["l"] != "m" || string(got.Data["more"]) != "data" {
		t.Errorf("got %+v", got.ObjectMeta)
	}
	if _, there := got.Data[retiredKey]; there || got.Annotations[retiredUntilKey] != "" {
		t.Error("CAs that are no longer retired stay in the Secret")
	}
	if string(old.Data["tls.crt"]) != "old" {
		t.Error("the old object was changed")
	}
}

func TestParseBundle(t *testing.T) {
	a, b := newCA(t, noon), newCA(t, noon)
	both := Bundle{a.Certificate, b.Certificate}
	key, err := a.KeyPEM()
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		data []byte
		want Bundle
	}{
		"nothing":               {},
		"both":                  {data: both.PEM(), want: both},
		"twice the same":        {data: append(both.PEM(), both.PEM()...), want: both},
		"with a key among them": {data: append(key, both.PEM()...), want: both},
		"with a leaf":           {data: append(both.PEM(), Bundle{newLeaf(t, a, noon).Leaf}.PEM()...), want: both},
		"with garbage":          {data: append([]byte("hello\n"), both.PEM()...), want: both},
		"far too much":          {data: append(both.PEM(), bytes.Repeat([]byte("\n"), maxPEM)...)},
	} {
		if got := ParseBundle(tt.data); !got.Equal(tt.want) {
			t.Errorf("%s: %d certificates, want %d", name, len(got), len(tt.want))
		}
	}
}
