package keystore

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	jks "github.com/pavlo-v-chernykh/keystore-go/v4"
	"k8s.io/utils/ptr"
	"software.sslmate.com/src/go-pkcs12"

	"github.com/certwright/certwright/certs"
	cmmeta "github.com/certwright/certwright/certs/meta/v1"
	certsv1 "github.com/certwright/certwright/certs/v1"
)

const password = "correct horse"

// A pair is a certificate with its key.
type pair struct {
	*x509.Certificate
	key crypto.Signer
}

// sign makes a certificate, signed by parent, or by itself if parent is nil.
func sign(t *testing.T, name string, algorithm certsv1.PrivateKeyAlgorithm, parent *pair) *pair {
	t.Helper()
	key, err := certs.GenerateKey(&certsv1.CertificatePrivateKey{Algorithm: algorithm})
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, NotBefore: time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC), NotAfter: time.Date(2036, 6, 1, 12, 0, 0, 0, time.UTC),
		IsCA: true, BasicConstraintsValid: true,
	}
	by := &pair{template, key}
	if parent != nil {
		by = parent
	}
	certificate, err := certs.Sign(template, by.Certificate, key.Public(), by.key)
	if err != nil {
		t.Fatal(err)
	}
	return &pair{certificate, key}
}

// A sample is a content, and what it was made of.
type sample struct {
	Content
	leaf      *pair
	chain, ca []*x509.Certificate
}

func newSample(t *testing.T, algorithm certsv1.PrivateKeyAlgorithm, encoding certsv1.PrivateKeyEncoding, withCA bool) sample {
	t.Helper()
	root := sign(t, "root", certsv1.ECDSAKeyAlgorithm, nil)
	middle := sign(t, "middle", certsv1.ECDSAKeyAlgorithm, root)
	leaf := sign(t, "leaf", algorithm, middle)
	key, err := certs.EncodeKey(leaf.key, encoding)
	if err != nil {
		t.Fatal(err)
	}
	s := sample{leaf: leaf, chain: []*x509.Certificate{leaf.Certificate, middle.Certificate}}
	s.Content = Content{Key: key, Chain: certs.EncodeChain(s.chain...)}
	if withCA {
		// Two CAs of one name: neither may hide the other.
		s.ca = []*x509.Certificate{root.Certificate, sign(t, "root", certsv1.ECDSAKeyAlgorithm, nil).Certificate}
		s.CA = certs.EncodeChain(s.ca...)
	}
	return s
}

func samples(t *testing.T) map[string]sample {
	return map[string]sample{
		"RSA in PKCS#1":         newSample(t, certsv1.RSAKeyAlgorithm, certsv1.PKCS1, true),
		"ECDSA in SEC 1":        newSample(t, certsv1.ECDSAKeyAlgorithm, certsv1.PKCS1, true),
		"ECDSA in PKCS#8":       newSample(t, certsv1.ECDSAKeyAlgorithm, certsv1.PKCS8, true),
		"Ed25519":               newSample(t, certsv1.Ed25519KeyAlgorithm, "", true),
		"ECDSA, without the CA": newSample(t, certsv1.ECDSAKeyAlgorithm, "", false),
	}
}

func keysOf(data map[string][]byte) []string {
	var keys []string
	for key := range data {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

func raw(certificates []*x509.Certificate) (out [][]byte) {
	for _, c := range certificates {
		out = append(out, c.Raw)
	}
	return out
}

func TestPKCS12(t *testing.T) {
	profiles := []certsv1.PKCS12Profile{
		certsv1.LegacyRC2PKCS12Profile, certsv1.LegacyDESPKCS12Profile, certsv1.Modern2023PKCS12Profile, certsv1.Modern2026PKCS12Profile,
	}
	for name, s := range samples(t) {
		for _, profile := range profiles {
			t.Run(name+"/"+string(profile), func(t *testing.T) {
				t.Parallel()
				data, err := Wish{Format: PKCS12, Profile: profile}.Build(s.Content, []byte(password))
				if err != nil {
					t.Fatal(err)
				}
				key, leaf, rest, err := pkcs12.DecodeChain(data[PKCS12Key], password)
				if err != nil {
					t.Fatal(err)
				}
				if !s.leaf.key.(interface{ Equal(crypto.PrivateKey) bool }).Equal(key) {
					t.Error("another private key")
				}
				want := raw(slices.Concat(s.chain, s.ca))
				if diff := cmp.Diff(want, raw(append([]*x509.Certificate{leaf}, rest...))); diff != "" {
					t.Errorf("certificates (-want +got):\n%s", diff)
				}
				if _, _, _, err := pkcs12.DecodeChain(data[PKCS12Key], "wrong"); err == nil {
					t.Error("opened with a wrong password")
				}
				if s.ca == nil {
					if diff := cmp.Diff([]string{PKCS12Key}, keysOf(data)); diff != "" {
						t.Errorf("entries (-want +got):\n%s", diff)
					}
					return
				}
				cas, err := pkcs12.DecodeTrustStore(data[PKCS12TrustKey], password)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(raw(s.ca), raw(cas)); diff != "" {
					t.Errorf("trusted (-want +got):\n%s", diff)
				}
			})
		}
	}
}

// TestPKCS12Algorithms looks for the object identifiers that tell the profiles
// apart.
func TestPKCS12Algorithms(t *testing.T) {
	s := newSample(t, certsv1.ECDSAKeyAlgorithm, "", true)
	algorithms := map[string]asn1.ObjectIdentifier{
		"RC2-40": {1, 2, 840, 113549, 1, 12, 1, 6}, "3DES": {1, 2, 840, 113549, 1, 12, 1, 3}, "PBES2": {1, 2, 840, 113549, 1, 5, 13},
		"AES-256-CBC": {2, 16, 840, 1, 101, 3, 4, 1, 42}, "PBMAC1": {1, 2, 840, 113549, 1, 5, 14}, "SHA-1": {1, 3, 14, 3, 2, 26},
		"HMAC-SHA-256": {1, 2, 840, 113549, 2, 9},
	}
	// Of what is inside the first layer of encryption, only the key's algorithm
	// shows.
	tests := map[certsv1.PKCS12Profile]string{
		"LegacyRC2":  "3DES RC2-40 SHA-1",
		"LegacyDES":  "3DES SHA-1",
		"Modern2023": "AES-256-CBC HMAC-SHA-256 PBES2",
		"Modern2026": "AES-256-CBC HMAC-SHA-256 PBES2 PBMAC1",
	}
	for profile, want := range tests {
		t.Run(string(profile), func(t *testing.T) {
			t.Parallel()
			data, err := Wish{Format: PKCS12, Profile: profile}.Build(s.Content, []byte(password))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for name, oid := range algorithms {
				der, err := asn1.Marshal(oid)
				if err != nil {
					t.Fatal(err)
				}
				if bytes.Contains(data[PKCS12Key], der) {
					got = append(got, name)
				}
			}
			slices.Sort(got)
			if diff := cmp.Diff(want, strings.Join(got, " ")); diff != "" {
				t.Errorf("algorithms (-want +got):\n%s", diff)
			}
		})
	}
}

func loadJKS(t *testing.T, data []byte, password string) jks.KeyStore {
	t.Helper()
	store := jks.New(jks.WithOrderedAliases(), jks.WithCaseExactAliases())
	if err := store.Load(bytes.NewReader(data), []byte(password)); err != nil {
		t.Fatal(err)
	}
	return store
}

func TestJKS(t *testing.T) {
	for name, s := range samples(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			data, err := Wish{Format: JKS, Alias: DefaultAlias}.Build(s.Content, []byte(password))
			if err != nil {
				t.Fatal(err)
			}
			store := loadJKS(t, data[JKSKey], password)
			entry, err := store.GetPrivateKeyEntry(DefaultAlias, []byte(password))
			if err != nil {
				t.Fatal(err)
			}
			key, err := x509.ParsePKCS8PrivateKey(entry.PrivateKey)
			if err != nil {
				t.Fatal(err)
			}
			if !s.leaf.key.(interface{ Equal(crypto.PrivateKey) bool }).Equal(key) {
				t.Error("another private key")
			}
			var chain [][]byte
			for _, c := range entry.CertificateChain {
				chain = append(chain, c.Content)
			}
			if diff := cmp.Diff(raw(s.chain), chain); diff != "" {
				t.Errorf("chain (-want +got):\n%s", diff)
			}
			if err := jks.New().Load(bytes.NewReader(data[JKSKey]), []byte("wrong")); err == nil {
				t.Error("opened with a wrong password")
			}
			if s.ca == nil {
				if diff := cmp.Diff([]string{JKSKey}, keysOf(data)); diff != "" {
					t.Errorf("entries (-want +got):\n%s", diff)
				}
				return
			}
			trust := loadJKS(t, data[JKSTrustKey], password)
			if diff := cmp.Diff([]string{"ca", "ca-1"}, trust.Aliases()); diff != "" {
				t.Errorf("trusted (-want +got):\n%s", diff)
			}
			for i, alias := range trust.Aliases() {
				for _, in := range []jks.KeyStore{store, trust} {
					if got, err := in.GetTrustedCertificateEntry(alias); err != nil || !bytes.Equal(got.Certificate.Content, s.ca[i].Raw) {
						t.Errorf("%s is another certificate (%v)", alias, err)
					}
				}
			}
		})
	}
}

func TestJKSAliases(t *testing.T) {
	s := newSample(t, certsv1.ECDSAKeyAlgorithm, "", true)
	tests := map[string]struct {
		alias string
		want  []string
	}{
		"Java finds a name in lower case only": {"Web Server", []string{"ca", "ca-1", "web server"}},
		"a CA does not take the key's name":    {"CA", []string{"ca", "ca-1", "ca-2"}},
		"nor when it is that of a later one":   {"ca-1", []string{"ca", "ca-1", "ca-2"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			data, err := Wish{Format: JKS, Alias: tt.alias}.Build(s.Content, []byte(password))
			if err != nil {
				t.Fatal(err)
			}
			store := loadJKS(t, data[JKSKey], password)
			if diff := cmp.Diff(tt.want, store.Aliases()); diff != "" {
				t.Errorf("names (-want +got):\n%s", diff)
			}
			if !store.IsPrivateKeyEntry(strings.ToLower(tt.alias)) {
				t.Error("the key is not under its name")
			}
		})
	}
}

func TestCheck(t *testing.T) {
	java, p12 := Wish{Format: JKS, Alias: "a"}, Wish{Format: PKCS12, Profile: "Modern2023"}
	tests := map[string]struct {
		wish     Wish
		password string
		want     string
	}{
		"an empty password protects nothing":                  {java, "", "is empty"},
		"nor does it in PKCS#12":                              {p12, "", "is empty"},
		"a password is bounded":                               {java, strings.Repeat("x", 1025), "longer than 1024"},
		"JKS takes Latin-1":                                   {java, "pässwort", ""},
		"JKS takes what is not UTF-8":                         {java, "p\xe4sswort", ""},
		"JKS does not take other letters":                     {java, "пароль", "outside Latin-1"},
		"PKCS#12 does":                                        {p12, "пароль", ""},
		"PKCS#12 does not take what is outside of two bytes":  {p12, "🔑", "basic plane"},
		"a profile that nobody knows":                         {Wish{Format: PKCS12, Profile: "Modern2050"}, "x", "unknown PKCS#12 profile"},
		"the name of a key is bounded, as JKS counts 16 bits": {Wish{Format: JKS, Alias: strings.Repeat("a", 1025)}, "x", "alias is longer"},
	}
	s := newSample(t, certsv1.ECDSAKeyAlgorithm, "", true)
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := tt.wish.Check([]byte(tt.password))
			if (err != nil) != (tt.want != "") || (err != nil && !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("Check() = %v, want %q", err, tt.want)
			}
			if tt.password != "" && tt.want != "" && err != nil && strings.Contains(err.Error(), tt.password) && len(tt.password) > 1 {
				t.Errorf("the error quotes the password: %v", err)
			}
			_, built := tt.wish.Build(s.Content, []byte(tt.password))
			if (built != nil) != (tt.want != "") {
				t.Errorf("Build() = %v, but Check() = %v", built, err)
			}
		})
	}
}

// What is typed into Java's keytool opens what was written in UTF-8.
func TestJKSPasswordIsThatOfJava(t *testing.T) {
	s := newSample(t, certsv1.ECDSAKeyAlgorithm, "", false)
	data, err := Wish{Format: JKS, Alias: "a"}.Build(s.Content, []byte("pässwort"))
	if err != nil {
		t.Fatal(err)
	}
	// The library takes bytes for characters.
	loadJKS(t, data[JKSKey], "p\xe4sswort")
}

func TestBuildRefusesWhatDoesNotParse(t *testing.T) {
	good := newSample(t, certsv1.ECDSAKeyAlgorithm, "", true).Content
	for name, change := range map[string]func(*Content){
		"a key":   func(c *Content) { c.Key = []byte("x") },
		"a chain": func(c *Content) { c.Chain = []byte("x") },
		"a CA":    func(c *Content) { c.CA = []byte("x") },
	} {
		bad := good
		change(&bad)
		for _, w := range []Wish{{Format: JKS, Alias: "a"}, {Format: PKCS12, Profile: "Modern2023"}} {
			if _, err := w.Build(bad, []byte(password)); err == nil {
				t.Errorf("%s keystore is built from %s that does not parse", w.Format, name)
			}
		}
	}
}

func TestWishes(t *testing.T) {
	ref := &cmmeta.SecretKeySelector{LocalObjectReference: cmmeta.LocalObjectReference{Name: "passwords"}, Key: "jks"}
	tests := map[string]struct {
		keystores *certsv1.CertificateKeystores
		want      []Wish
	}{
		"nothing is asked for": {nil, nil},
		"a keystore that is not to be created": {
			&certsv1.CertificateKeystores{JKS: &certsv1.JKSKeystore{Password: ptr.To("x")}, PKCS12: &certsv1.PKCS12Keystore{Password: ptr.To("x")}}, nil,
		},
		"defaults": {
			&certsv1.CertificateKeystores{
				JKS:    &certsv1.JKSKeystore{Create: true, PasswordSecretRef: ref},
				PKCS12: &certsv1.PKCS12Keystore{Create: true, Password: ptr.To("x")},
			},
			[]Wish{{Format: JKS, Alias: "certificate", PasswordRef: *ref}, {Format: PKCS12, Profile: "LegacyRC2", Literal: "x"}},
		},
		"everything written out": {
			&certsv1.CertificateKeystores{
				JKS:    &certsv1.JKSKeystore{Create: true, Alias: ptr.To("web"), Password: ptr.To("x")},
				PKCS12: &certsv1.PKCS12Keystore{Create: true, Profile: "Modern2026", PasswordSecretRef: ref},
			},
			[]Wish{{Format: JKS, Alias: "web", Literal: "x"}, {Format: PKCS12, Profile: "Modern2026", PasswordRef: *ref}},
		},
		"the reference wins over the literal, unless it is empty": {
			&certsv1.CertificateKeystores{
				JKS:    &certsv1.JKSKeystore{Create: true, Alias: ptr.To(""), Password: ptr.To("x"), PasswordSecretRef: ref},
				PKCS12: &certsv1.PKCS12Keystore{Create: true, Password: ptr.To("x"), PasswordSecretRef: &cmmeta.SecretKeySelector{}},
			},
			[]Wish{{Format: JKS, Alias: "certificate", PasswordRef: *ref}, {Format: PKCS12, Profile: "LegacyRC2", Literal: "x"}},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, Wishes(&certsv1.CertificateSpec{Keystores: tt.keystores})); diff != "" {
				t.Errorf("Wishes() (-want +got):\n%s", diff)
			}
		})
	}
}
