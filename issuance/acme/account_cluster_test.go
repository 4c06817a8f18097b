//go:build cluster

package acme_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	acmev1 "github.com/certwright/certwright/certs/acme/v1"
	cmmeta "github.com/certwright/certwright/certs/meta/v1"
	certsv1 "github.com/certwright/certwright/certs/v1"
	"github.com/certwright/certwright/issuance"
	"github.com/certwright/certwright/issuance/acme"
	"github.com/certwright/certwright/issuance/acme/exchange"
	testacme "github.com/certwright/certwright/test/acme"
)

const eabKey = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"

// An account is an Issuer and the Kind that checks it.
type accountTest struct {
	*world
	kind   issuance.Kind
	issuer *certsv1.Issuer
}

func newAccountTest(t *testing.T, o testacme.Options) *accountTest {
	t.Helper()
	a := &accountTest{world: newWorld(t, o)}
	a.issuer = &certsv1.Issuer{ObjectMeta: metav1.ObjectMeta{Namespace: a.namespace, Name: "acme", UID: "uid", Generation: 1}}
	a.issuer.Spec.ACME = &acmev1.ACMEIssuer{
		Server: a.ca.DirectoryURL(), CABundle: a.ca.CABundle(),
		PrivateKeySecretRef: cmmeta.SecretKeySelector{LocalObjectReference: cmmeta.LocalObjectReference{Name: "account"}},
	}
	a.restart()
	return a
}

// restart forgets what the process knew.
func (a *accountTest) restart() {
	accounts := &acme.Accounts{Secrets: a.client, Clients: exchange.NewClients(exchange.Options{})}
	a.kind = acme.Kind(acme.Config{Client: a.client, Live: a.client, Accounts: accounts})
}

// check checks and reports, as the controller would.
func (a *accountTest) check() issuance.Readiness {
	a.Helper()
	r, err := a.kind.Checker.Check(a.Context(), a.issuer, a.namespace)
	a.must(err)
	if r.ACME != nil {
		a.issuer.Status.ACME = r.ACME
	}
	a.issuer.Status.SetCondition(certsv1.IssuerCondition{Type: certsv1.IssuerConditionReady, Status: r.Status,
		Reason: r.Reason, ObservedGeneration: a.issuer.Generation}, metav1.Now())
	return r
}

func (a *accountTest) secret(name string, data map[string]string) {
	a.Helper()
	s := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: a.namespace, Name: name}, StringData: data}
	a.must(a.client.Create(a.Context(), s))
}

func (a *accountTest) wantReady() {
	a.Helper()
	if r := a.check(); r.Status != cmmeta.ConditionTrue || r.Reason != "ACMEAccountRegistered" || r.Message != "The ACME account was registered with the ACME server" || r.Event != "" {
		a.Fatalf("%+v", r)
	}
}

func pemOf(t *testing.T, kind string, der []byte) string {
	t.Helper()
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

func TestAnAccountIsMadeOnce(t *testing.T) {
	t.Parallel()
	a := newAccountTest(t, testacme.Options{})
	a.issuer.Spec.ACME.Email = "Admin@example.test"
	a.wantReady()
	var s corev1.Secret
	a.must(a.client.Get(t.Context(), types.NamespacedName{Namespace: a.namespace, Name: "account"}, &s))
	block, _ := pem.Decode(s.Data["tls.key"])
	if block == nil || block.Type != "RSA PRIVATE KEY" || s.Labels["app.kubernetes.io/managed-by"] != "cert-manager" || len(s.OwnerReferences) != 0 {
		t.Fatalf("Secret with labels %v, owners %v", s.Labels, s.OwnerReferences)
	}
	key, err := x509.ParsePKCS1PrivateKey(block.Bytes)
	a.must(err)
	sum := sha256.Sum256(x509.MarshalPKCS1PrivateKey(key))
	want := acmev1.ACMEIssuerStatus{URI: a.issuer.Status.ACME.URI, LastRegisteredEmail: "Admin@example.test", LastPrivateKeyHash: base64.StdEncoding.EncodeToString(sum[:])}
	if diff := cmp.Diff(want, *a.issuer.Status.ACME); diff != "" || want.URI == "" || key.N.BitLen() != 2048 {
		t.Errorf("status (-want +got):\n%s", diff)
	}
	before := len(a.ca.Log())
	a.wantReady()
	a.restart()
	a.wantReady()
	a.issuer.Spec.ACME.Solvers, a.issuer.Generation = []acmev1.ACMEChallengeSolver{httpSolver()}, 2
	a.wantReady()
	if n := len(a.ca.Log()) - before; n != 0 {
		t.Errorf("%d requests for an account that is good", n)
	}
	a.issuer.Spec.ACME.Email, a.issuer.Generation = "other@example.test", 3
	uri := a.issuer.Status.ACME.URI
	a.wantReady()
	if got := a.issuer.Status.ACME; got.URI != uri || got.LastRegisteredEmail != "other@example.test" || a.ca.Requests()["account"] != 1 {
		t.Errorf("status %+v, requests %v", got, a.ca.Requests())
	}
	// The key is replaced: another account.
	fresh, err := rsa.GenerateKey(rand.Reader, 2048)
	a.must(err)
	s.Data["tls.key"] = []byte(pemOf(t, "RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(fresh)))
	a.must(a.client.Update(t.Context(), &s))
	a.wantReady()
	if a.issuer.Status.ACME.URI == uri {
		t.Error("the account of another key is the same")
	}
}

func TestAccountsThatCannotBe(t *testing.T) {
	t.Parallel()
	type want struct {
		Reason, Message string
		Retry           bool
	}
	tests := map[string]struct {
		options testacme.Options
		setup   func(*accountTest)
		want    want
	}{
		"the dead server of version 1": {
			setup: func(a *accountTest) { a.issuer.Spec.ACME.Server = "https://acme-v01.api.letsencrypt.org/directory/" },
			want:  want{Reason: "InvalidConfig", Message: "acme-v02.api.letsencrypt.org"},
		},
		"a plain http server": {
			setup: func(a *accountTest) { a.issuer.Spec.ACME.Server = "http://ca.test/dir" },
			want:  want{Reason: "InvalidURL", Message: "must be an https URL"},
		},
		"no key, and none may be made": {
			setup: func(a *accountTest) { a.issuer.Spec.ACME.DisableAccountKeyGeneration = true },
			want:  want{Reason: "ErrVerifyACMEAccount", Message: "not found", Retry: true},
		},
		"a Secret without the key": {
			setup: func(a *accountTest) { a.secret("account", map[string]string{"other": "x"}) },
			want:  want{Reason: "ErrVerifyACMEAccount", Message: `entry "tls.key": holds no such entry`},
		},
		"a key that is none": {
			setup: func(a *accountTest) { a.secret("account", map[string]string{"tls.key": "x"}) },
			want:  want{Reason: "ErrVerifyACMEAccount", Message: "holds no usable private key"},
		},
		"a key that cannot sign": {
			setup: func(a *accountTest) {
				key, err := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
				a.must(err)
				der, err := x509.MarshalECPrivateKey(key)
				a.must(err)
				a.secret("account", map[string]string{"tls.key": pemOf(a.T, "EC PRIVATE KEY", der)})
			},
			want: want{Reason: "ErrVerifyACMEAccount", Message: "P-521"},
		},
		"solver Secrets that are missing or lack the key": {
			setup: func(a *accountTest) {
				a.secret("half", map[string]string{"x": "y"})
				ref := func(name string) *cmmeta.SecretKeySelector {
					return &cmmeta.SecretKeySelector{LocalObjectReference: cmmeta.LocalObjectReference{Name: name}, Key: "token"}
				}
				a.issuer.Spec.ACME.Solvers = []acmev1.ACMEChallengeSolver{
					{DNS01: &acmev1.ACMEChallengeSolverDNS01{Cloudflare: &acmev1.ACMEIssuerDNS01ProviderCloudflare{APIToken: ref("none")}}},
					{DNS01: &acmev1.ACMEChallengeSolverDNS01{DigitalOcean: &acmev1.ACMEIssuerDNS01ProviderDigitalOcean{Token: *ref("half")}}},
				}
			},
			want: want{Reason: "InvalidSolver", Message: `failed to get secret "none": secrets "none" not found; secret "half" does not contain key "token"`},
		},
		"an external account without its Secret": {
			setup: func(a *accountTest) { a.bind("eab") },
			want:  want{Reason: "ErrRegisterACMEAccount", Message: `secrets "eab" not found`},
		},
		"an external account with a broken key": {
			setup: func(a *accountTest) { a.secret("eab", map[string]string{"key": "§§§"}); a.bind("eab") },
			want:  want{Reason: "ErrRegisterACMEAccount", Message: "the MAC key is not base64"},
		},
		"a server that wants an external account": {
			options: testacme.Options{RequireEAB: true},
			want:    want{Reason: "ErrRegisterACMEAccount", Message: "Failed to register ACME account: 403 urn:ietf:params:acme:error:externalAccountRequired"},
		},
		"a server that is away": {
			setup: func(a *accountTest) { a.must(a.ca.Close()) },
			want:  want{Reason: "ErrRegisterACMEAccount", Message: "connection refused", Retry: true},
		},
		"a server that limits rates": {
			setup: func(a *accountTest) { a.ca.SetFault(testacme.RateLimited(time.Hour).On("new-account")) },
			want:  want{Reason: "ErrRegisterACMEAccount", Message: "429", Retry: true},
		},
		"a server that we do not trust": {
			setup: func(a *accountTest) { a.issuer.Spec.ACME.CABundle = nil },
			want:  want{Reason: "ErrRegisterACMEAccount", Message: "certificate", Retry: true},
		},
		"a server that is no ACME server": {
			setup: func(a *accountTest) {
				a.ca.SetFault(func(w http.ResponseWriter, _ *http.Request) bool { _, _ = w.Write([]byte("{}")); return true })
			},
			want: want{Reason: "ErrRegisterACMEAccount", Message: "the ACME directory lacks", Retry: true},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newAccountTest(t, tt.options)
			if tt.setup != nil {
				tt.setup(a)
			}
			r := a.check()
			if r.Status != cmmeta.ConditionFalse || r.Reason != tt.want.Reason || !strings.Contains(r.Message, tt.want.Message) || r.Retry != tt.want.Retry || r.Event != "ErrInitIssuer" {
				t.Errorf("%+v", r)
			}
			if strings.Contains(name, "limits") && r.After != time.Hour {
				t.Errorf("after %s", r.After)
			}
		})
	}
}

func (a *accountTest) bind(name string) {
	a.issuer.Spec.ACME.ExternalAccountBinding = &acmev1.ACMEExternalAccountBinding{KeyID: "kid-1",
		KeySecretRef: cmmeta.SecretKeySelector{LocalObjectReference: cmmeta.LocalObjectReference{Name: name}, Key: "key"}}
}

func TestAccountsOfOtherForms(t *testing.T) {
	t.Parallel()
	t.Run("an external account whose key is padded and in the other alphabet", func(t *testing.T) {
		t.Parallel()
		a := newAccountTest(t, testacme.Options{RequireEAB: true, EABKeys: map[string]string{"kid-1": eabKey}})
		a.secret("eab", map[string]string{"key": " " + strings.NewReplacer("-", "+", "_", "/").Replace(eabKey) + "==\n"})
		a.bind("eab")
		a.wantReady()
	})
	t.Run("a P-256 key that somebody made", func(t *testing.T) {
		t.Parallel()
		a := newAccountTest(t, testacme.Options{})
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		a.must(err)
		der, err := x509.MarshalECPrivateKey(key)
		a.must(err)
		a.issuer.Spec.ACME.PrivateKeySecretRef.Key = "my.key"
		a.issuer.Spec.ACME.DisableAccountKeyGeneration = true
		a.secret("account", map[string]string{"my.key": pemOf(t, "EC PRIVATE KEY", der)})
		a.wantReady()
	})
	t.Run("another server gets the same key and gives another account", func(t *testing.T) {
		t.Parallel()
		a, b := newAccountTest(t, testacme.Options{}), newAccountTest(t, testacme.Options{})
		a.wantReady()
		old := *a.issuer.Status.ACME
		a.issuer.Spec.ACME.Server, a.issuer.Spec.ACME.CABundle = b.ca.DirectoryURL(), b.ca.CABundle()
		a.wantReady()
		if got := a.issuer.Status.ACME; got.URI == old.URI || got.LastPrivateKeyHash != old.LastPrivateKeyHash {
			t.Errorf("status %+v, was %+v", got, old)
		}
	})
	t.Run("a directory of the same server is noticed, also over a restart", func(t *testing.T) {
		t.Parallel()
		a := newAccountTest(t, testacme.Options{})
		a.wantReady()
		a.restart()
		a.issuer.Spec.ACME.Server += "?other"
		a.issuer.Generation = 2
		before := a.ca.Requests()["new-account"]
		a.wantReady()
		if a.ca.Requests()["new-account"] == before {
			t.Error("not noticed")
		}
	})
}
