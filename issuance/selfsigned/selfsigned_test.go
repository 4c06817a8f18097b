package selfsigned

import (
	"context"
	"crypto"
	"errors"
	"testing"
	"time"

	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/certwright/certwright/certs"
	certsv1 "github.com/certwright/certwright/certs/v1"
	"github.com/certwright/certwright/issuance"
)

type vault map[string][]byte

func (v vault) Get(_ context.Context, _, name string) (*corev1.Secret, error) {
	if name == "down" {
		return nil, errors.New("down")
	}
	data, ok := v[name]
	if !ok {
		return nil, apierrors.NewNotFound(corev1.Resource("secrets"), name)
	}
	return &corev1.Secret{Data: map[string][]byte{"tls.key": data}}, nil
}

type diary []string

func (d *diary) Event(_ runtime.Object, eventType, reason, _ string) {
	*d = append(*d, eventType+" "+reason)
}

func newKey(t *testing.T) (crypto.Signer, []byte) {
	t.Helper()
	key, err := certs.GenerateKey(&certsv1.CertificatePrivateKey{Algorithm: certsv1.ECDSAKeyAlgorithm})
	if err != nil {
		t.Fatal(err)
	}
	data, err := certs.EncodeKey(key, "")
	if err != nil {
		t.Fatal(err)
	}
	return key, data
}

func TestSign(t *testing.T) {
	key, data := newKey(t)
	_, other := newKey(t)
	secrets := vault{"mine": data, "other": other, "broken": []byte("x")}
	named := func(s string) map[string]string { return map[string]string{certsv1.PrivateKeySecretKey: s} }
	tests := map[string]struct {
		annotations map[string]string
		key         crypto.Signer
		cn          string
		isCA        bool // of the request, not of the signing request
		want        string
		event       string
	}{
		"with the key in memory no Secret is read":                     {nil, key, "x", false, "issued", ""},
		"with the key in a Secret":                                     {named("mine"), nil, "x", false, "issued", ""},
		"an empty subject is issued, and warned of":                    {nil, key, "", false, "issued", "Warning BadConfig"},
		"a request that names no key is refused":                       {nil, nil, "x", false, "refused MissingAnnotation", ""},
		"a request that names an empty key is refused":                 {named(""), nil, "x", false, "refused MissingAnnotation", ""},
		"a missing Secret is waited for":                               {named("gone"), nil, "x", false, "pending MissingSecret", ""},
		"a broken key is waited for":                                   {named("broken"), nil, "x", false, "pending ErrorParsingKey", ""},
		"an API server that does not answer is asked again":            {named("down"), nil, "x", false, "pending ErrorGettingSecret", ""},
		"what cannot be the name of a Secret is refused":               {named("../mine"), nil, "x", false, "refused MissingAnnotation", ""},
		"another key is refused":                                       {named("other"), nil, "x", false, "refused ErrorKeyMatch", ""},
		"a request that disagrees with its signing request is refused": {nil, key, "x", true, "refused ErrorGenerating", ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			csrPEM, err := certs.CreateCSR(&certsv1.CertificateSpec{CommonName: tt.cn, DNSNames: []string{"a.example"}}, key)
			if err != nil {
				t.Fatal(err)
			}
			csr, err := certs.DecodeCSR(csrPEM)
			if err != nil {
				t.Fatal(err)
			}
			var events diary
			i := &Issuer{Secrets: secrets, Events: &events, Clock: clocktesting.NewFakePassiveClock(time.Unix(0, 0))}
			outcome, err := i.Sign(t.Context(), issuance.Request{
				Object: &certsv1.CertificateRequest{ObjectMeta: metav1.ObjectMeta{Annotations: tt.annotations}, Spec: certsv1.CertificateRequestSpec{IsCA: tt.isCA}},
				CSR:    csr, Key: tt.key,
				Issuer: &certsv1.Issuer{Spec: certsv1.IssuerSpec{SelfSigned: &certsv1.SelfSignedIssuer{CRLDistributionPoints: []string{"http://crl.example"}}}},
			})
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			switch o := outcome.(type) {
			case issuance.Issued:
				got = "issued"
				leaf := o.Chain[0]
				if leaf != o.CA || len(o.Chain) != 1 || leaf.CheckSignature(leaf.SignatureAlgorithm, leaf.RawTBSCertificate, leaf.Signature) != nil || len(leaf.CRLDistributionPoints) != 1 {
					t.Errorf("not a self-signed certificate: %+v", leaf)
				}
			case issuance.Pending:
				got = "pending " + o.Reason
			case issuance.Refused:
				got = "refused " + o.Reason
			}
			if got != tt.want {
				t.Errorf("Sign() = %s, want %s", got, tt.want)
			}
			if event := append(events, "")[0]; event != tt.event {
				t.Errorf("event %q, want %q", event, tt.event)
			}
		})
	}
}

func TestACertificateSigningRequestNamesItsKeyInTheNamespaceOfTheIssuer(t *testing.T) {
	t.Parallel()
	key, data := newKey(t)
	csrPEM, err := certs.CreateCSR(&certsv1.CertificateSpec{DNSNames: []string{"a.example"}}, key)
	if err != nil {
		t.Fatal(err)
	}
	csr, err := certs.DecodeCSR(csrPEM)
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		annotations map[string]string
		want        string
	}{
		"the key is found":                        {map[string]string{certsv1.SigningRequestPrivateKeySecretKey: "mine"}, "issued"},
		"its Secret is missing":                   {map[string]string{certsv1.SigningRequestPrivateKeySecretKey: "gone"}, "pending SecretNotFound Referenced secret issuers/gone not found"},
		"a CertificateRequest's annotation":       {map[string]string{certsv1.PrivateKeySecretKey: "mine"}, `refused MissingAnnotation Annotation "experimental.cert-manager.io/private-key-secret-name" missing or reference empty: a self-signing issuer needs to know the private key`},
		"an empty annotation does not name a key": {map[string]string{certsv1.SigningRequestPrivateKeySecretKey: ""}, `refused MissingAnnotation Annotation "experimental.cert-manager.io/private-key-secret-name" missing or reference empty: a self-signing issuer needs to know the private key`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			about := &subjects{}
			origin := &certificatesv1.CertificateSigningRequest{ObjectMeta: metav1.ObjectMeta{Name: "csr", Annotations: tt.annotations}}
			i := &Issuer{Secrets: only{"issuers", vault{"mine": data}}, Events: about, Clock: clocktesting.NewFakePassiveClock(time.Unix(0, 0))}
			outcome, err := i.Sign(t.Context(), issuance.Request{
				Object: &certsv1.CertificateRequest{}, Origin: origin, CSR: csr, Namespace: "issuers",
				Issuer: &certsv1.ClusterIssuer{Spec: certsv1.IssuerSpec{SelfSigned: &certsv1.SelfSignedIssuer{}}},
			})
			if err != nil {
				t.Fatal(err)
			}
			got := "issued"
			switch o := outcome.(type) {
			case issuance.Pending:
				got = "pending " + o.Reason + " " + o.Message
			case issuance.Refused:
				got = "refused " + o.Reason + " " + o.Message
			default: // its warning of the empty subject is about whoever asked
				if len(*about) != 1 || (*about)[0] != origin {
					t.Errorf("events about %v", *about)
				}
			}
			if got != tt.want {
				t.Errorf("Sign() = %s, want %s", got, tt.want)
			}
		})
	}
}

// subjects notes what events are about.
type subjects []runtime.Object

func (s *subjects) Event(o runtime.Object, _, _, _ string) { *s = append(*s, o) }

// only has the Secrets of one namespace.
type only struct {
	namespace string
	vault
}

func (o only) Get(ctx context.Context, namespace, name string) (*corev1.Secret, error) {
	if namespace != o.namespace {
		return nil, errors.New("asked for a Secret in namespace " + namespace)
	}
	return o.vault.Get(ctx, namespace, name)
}
